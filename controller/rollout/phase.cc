#include "controller/rollout/phase.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/keys.h"
#include "base/strings.h"
#include "controller/rollout/conditions.h"
#include "controller/rollout/weights.h"

namespace sluice::rollout {
namespace {

constexpr const char* kDegraded = "Degraded";
constexpr const char* kPaused = "Paused";
constexpr const char* kProgressing = "Progressing";

std::optional<Phase> degraded(const Conditions& conditions) {
  // The first hit in list order wins.
  for (const kube::Condition& item : conditions) {
    if (item.type == condition::kInvalidSpec)
      return Phase{kDegraded, fmt::format("InvalidSpec: {}", item.message)};
    if (item.reason == reason::kAborted || item.reason == reason::kProgressDeadlineExceeded) {
      return Phase{kDegraded, fmt::format("{}: {}", item.reason, item.message)};
    }
  }
  return std::nullopt;
}

std::optional<Phase> blue_green_wait(const api::BlueGreenStrategy& strategy,
                                     const api::RolloutStatus& status) {
  const auto& state = status.blue_green;
  if (state.active_selector.empty() || state.active_selector != status.current_pod_hash) {
    return Phase{kProgressing, "active service cutover pending"};
  }
  if (stable_is_current(status)) return std::nullopt;
  const bool analysing =
      strategy.post_promotion_analysis &&
      (!state.post_promotion_run || !api::is_completed(state.post_promotion_run->phase));
  return Phase{kProgressing, analysing ? "waiting for analysis to complete"
                                       : "waiting for post-promotion verification to complete"};
}

std::optional<Phase> canary_wait(const api::CanaryStrategy& strategy,
                                 const api::RolloutStatus& status) {
  if (!strategy.traffic_routing && status.replicas > status.updated_replicas) {
    return Phase{kProgressing, "old replicas are pending termination"};
  }
  if (!stable_is_current(status)) return Phase{kProgressing, "waiting for all steps to complete"};
  // Back at the stable version: its pods are the right ones, but users may still be elsewhere.
  if (strategy.traffic_routing && status.canary.weights &&
      of_another_version(*status.canary.weights, status.current_pod_hash))
    return Phase{kProgressing, "waiting for all traffic to return to the stable version"};
  return std::nullopt;
}

// What the cluster keeps the controller from is the better answer to "why does it not go on?".
void add_refusal(Phase& phase, const Conditions& conditions) {
  const auto* refusal = find_condition(conditions, condition::kReconciliationError);
  if (refusal == nullptr || refusal->status != "True") return;
  if (phase.phase == kProgressing) phase.message = refusal->message;
  if (phase.phase == kDegraded && phase.message.find(refusal->message) == std::string::npos)
    phase.message += "; " + refusal->message;
}

// A restart that lies ahead does not make the Rollout busy.
bool restarting(const api::RolloutSpec& spec, const api::RolloutStatus& status, WallTime now) {
  return spec.restart_at && spec.restart_at != status.restarted_at && *spec.restart_at <= now;
}

Phase plain_phase(const api::RolloutSpec& spec, const api::RolloutStatus& status, WallTime now) {
  if (auto found = degraded(status.conditions)) return *found;
  if (spec.paused) return {kPaused, "manually paused"};
  if (!status.pause_conditions.empty()) return {kPaused, status.pause_conditions.front().reason};
  if (restarting(spec, status, now)) return {kProgressing, "rollout is restarting"};
  if (status.updated_replicas < spec.replicas_or_default()) {
    return {kProgressing, "more replicas need to be updated"};
  }
  if (status.available_replicas < status.updated_replicas) {
    return {kProgressing, "updated replicas are still becoming available"};
  }
  std::optional<Phase> waiting;
  if (spec.blue_green) waiting = blue_green_wait(*spec.blue_green, status);
  if (spec.canary) waiting = canary_wait(*spec.canary, status);
  return waiting.value_or(Phase{"Healthy", ""});
}

}  // namespace

Phase controller_phase(const api::RolloutSpec& spec, const api::RolloutStatus& status,
                       WallTime now) {
  auto out = plain_phase(spec, status, now);
  add_refusal(out, status.conditions);
  return out;
}

// An object without a phase was written by a controller to which a restart ahead was work already
// (clients.md §1.9 row 9).
Phase client_phase(const api::Rollout& rollout, WallTime /*now*/) {
  const api::RolloutStatus& status = rollout.status;
  const auto observed = parse_int(status.observed_generation);
  if (observed && *observed < rollout.meta.generation) {
    return {kProgressing, "waiting for rollout spec update to be observed"};
  }
  if (status.controller_pause && status.pause_conditions.empty()) {
    return {kProgressing, "waiting for rollout to unpause"};
  }
  const auto* workload = find_or_null(rollout.meta.annotations, api::kWorkloadGenerationAnnotation);
  if (!rollout.spec.workload_ref_json.empty() && workload != nullptr) {
    const auto seen = parse_int(status.workload_observed_generation);
    const auto wanted = parse_int(*workload);
    if (seen && wanted && *wanted != *seen) {
      return {kProgressing,
              "waiting for rollout spec update to be observed for the reference workload"};
    }
  }
  if (!status.phase.empty()) return {status.phase, status.message};
  return controller_phase(rollout.spec, status, WallTime::max());
}

}  // namespace sluice::rollout
