// When old and aborted ReplicaSets lose their pods (rollout.md §3.8, §3.9.1, §3.9.2, §4.4).
#include <algorithm>
#include <numeric>

#include "controller/rollout/replicas.h"

namespace sluice::rollout {
namespace {

constexpr std::int32_t kDefaultDelaySeconds = 30;

WallTime deadline_after(WallTime now, std::int32_t seconds) {
  return truncate_to_seconds(now) + Seconds{seconds};
}

void earliest(std::optional<WallTime>& best, const std::optional<WallTime>& candidate) {
  if (candidate && (!best || *candidate < *best)) best = candidate;
}

// Indexes by revision, newest first; equal revisions keep their order.
std::vector<std::size_t> newest_first(const std::vector<OtherSet>& sets) {
  std::vector<std::size_t> order(sets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return sets[a].revision > sets[b].revision;
  });
  return order;
}

// The size of one set under the budget; may add a deadline and move the wake-up.
DelayDecision drain(const CanaryOthers& in, const OtherSet& set, std::int32_t size,
                    std::int64_t budget, std::int32_t& holders, WallTime now) {
  if (!in.routed) {
    return {static_cast<std::int32_t>(std::max<std::int64_t>(0, size - budget)), std::nullopt,
            std::nullopt};
  }
  // An intermediate revision of an interrupted update never gets a delay of its own.
  if (!in.fully_promoted && !set.deadline) return {};
  if (in.dynamic_stable) return {};
  return delay_scale_down(set.deadline, size, size, holders, in.delay, now);
}

// Sizes after the clean-up of unhealthy pods: only what is available stays.
std::vector<std::int32_t> healthy_sizes(const std::vector<OtherSet>& sets) {
  std::vector<std::int32_t> sizes;
  for (const OtherSet& set : sets) sizes.push_back(std::min(set.pods.spec, set.pods.available));
  return sizes;
}

}  // namespace

std::optional<WallTime> wake_before_resync(WallTime at, WallTime now, Seconds resync) {
  if (at <= now || at - now >= resync) return std::nullopt;
  return at;
}

DelayPolicy delay_policy(const api::RolloutSpec& spec, Seconds resync) {
  DelayPolicy out;
  out.resync = resync;
  if (spec.blue_green) {
    out.delay_seconds = spec.blue_green->scale_down_delay_seconds.value_or(kDefaultDelaySeconds);
    out.revision_limit =
        spec.blue_green->scale_down_delay_revision_limit.value_or(kUnlimitedRevisions);
  } else if (spec.canary) {
    const std::int32_t fallback = spec.canary->traffic_routing ? kDefaultDelaySeconds : 0;
    out.delay_seconds = spec.canary->scale_down_delay_seconds.value_or(fallback);
    out.revision_limit = spec.canary->scale_down_delay_revision_limit.value_or(kUnlimitedRevisions);
  }
  return out;
}

DelayDecision delay_scale_down(const std::optional<std::string>& deadline,
                               std::int32_t current_size, std::int32_t keep_size,
                               std::int32_t& holders, const DelayPolicy& policy, WallTime now) {
  if (!deadline) {
    if (current_size <= 0 || holders >= policy.revision_limit || policy.delay_seconds <= 0)
      return {};
    ++holders;
    const WallTime at = deadline_after(now, policy.delay_seconds);
    // The requeue that goes with a new deadline does not depend on the resync period.
    return {current_size, at, at};
  }
  ++holders;
  if (holders > policy.revision_limit) return {};
  const auto at = parse_rfc3339(*deadline);
  if (!at || *at <= now) return {};
  return {keep_size, std::nullopt, wake_before_resync(*at, now, policy.resync)};
}

OthersPlan scale_canary_others(const CanaryOthers& in, const std::vector<OtherSet>& sets,
                               WallTime now) {
  OthersPlan plan;
  if (std::none_of(sets.begin(), sets.end(), [](const OtherSet& set) { return set.pods.spec > 0; }))
    return plan;
  std::vector<std::int32_t> sizes = healthy_sizes(sets);
  std::vector<std::optional<WallTime>> deadlines(sets.size());

  std::int64_t budget =
      std::int64_t{in.available_total} - (std::int64_t{in.replicas} - in.unavailable);
  std::int32_t holders = 0;
  for (const std::size_t i : newest_first(sets)) {
    if (budget <= 0) break;
    if ((in.routed && sets[i].referenced) || sizes[i] == 0) continue;
    const DelayDecision decision = drain(in, sets[i], sizes[i], budget, holders, now);
    deadlines[i] = decision.add_deadline;
    earliest(plan.wake_at, decision.wake_at);
    if (decision.size == sizes[i]) continue;
    plan.scaled = true;
    budget -= sizes[i] - decision.size;
    sizes[i] = decision.size;
  }
  for (std::size_t i = 0; i < sets.size(); ++i) {
    if (sizes[i] != sets[i].pods.spec || deadlines[i])
      plan.decisions.push_back({i, sizes[i], deadlines[i]});
  }
  return plan;
}

OthersPlan scale_blue_green_others(std::int32_t replicas, const DelayPolicy& policy,
                                   const std::vector<OtherSet>& sets, WallTime now) {
  OthersPlan plan;
  std::int32_t holders = 0;
  for (const std::size_t i : newest_first(sets)) {
    const OtherSet& set = sets[i];
    if (set.referenced || set.pods.spec == 0) continue;
    const DelayDecision decision =
        delay_scale_down(set.deadline, set.pods.spec, replicas, holders, policy, now);
    earliest(plan.wake_at, decision.wake_at);
    const bool resized = decision.size != set.pods.spec;
    plan.scaled = plan.scaled || resized;
    if (resized || decision.add_deadline)
      plan.decisions.push_back({i, decision.size, decision.add_deadline});
  }
  return plan;
}

bool abort_hold_in_force(const AbortHoldInput& in) {
  if (!in.aborted || !in.stable_exists || in.basic_canary || in.configured_delay == 0) return false;
  return !in.dynamic_stable || in.configured_delay.has_value();
}

AbortHold abort_hold(const AbortHoldInput& in, WallTime now) {
  using Kind = AbortHold::Kind;
  if (!in.aborted || !in.stable_exists || in.basic_canary) return {};
  if (in.configured_delay == 0) {
    // "Never scale down" is honoured for canaries sized by weight too; an explicit scale still
    // rules.
    return {in.scale_override ? Kind::UseTarget : Kind::Hold, std::nullopt, std::nullopt};
  }
  if (!abort_hold_in_force(in)) return {};
  if (in.deadline) {
    const auto at = parse_rfc3339(*in.deadline);
    if (!at) return {};
    if (*at <= now) return {Kind::ScaleToZero, std::nullopt, std::nullopt};
    return {Kind::Hold, std::nullopt, wake_before_resync(*at, now, in.resync)};
  }
  if (in.stable_available < in.replicas) return {Kind::Hold, std::nullopt, std::nullopt};
  const WallTime at = deadline_after(now, in.configured_delay.value_or(kDefaultDelaySeconds));
  return {Kind::Stamp, at, wake_before_resync(at, now, in.resync)};
}

}  // namespace sluice::rollout
