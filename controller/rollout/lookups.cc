// The look-ups of rollout.md §3.6: what the steps ask for at an index.
#include <algorithm>

#include "controller/rollout/replicas.h"

namespace sluice::rollout {
namespace {

// The nearest setWeight among steps [0, end).
std::int32_t last_weight_before(const api::CanaryStrategy& canary, std::size_t end) {
  for (std::size_t i = std::min(end, canary.steps.size()); i > 0; --i) {
    if (canary.steps[i - 1].set_weight) return *canary.steps[i - 1].set_weight;
  }
  return 0;
}

std::size_t stored_position(const std::optional<std::int32_t>& index) {
  return static_cast<std::size_t>(std::max(index.value_or(0), 0));
}

std::int32_t available(const std::optional<Pods>& set) {
  return set ? set->available : 0;
}

}  // namespace

std::optional<std::size_t> current_step(const api::CanaryStrategy& canary,
                                        const std::optional<std::int32_t>& index) {
  const std::size_t position = stored_position(index);
  if (position >= canary.steps.size()) return std::nullopt;
  return position;
}

const api::Step* current_step_of(const api::CanaryStrategy& canary,
                                 const std::optional<std::int32_t>& index) {
  const auto position = current_step(canary, index);
  return position ? &canary.steps[*position] : nullptr;
}

std::int32_t current_set_weight(const api::CanaryStrategy& canary,
                                const std::optional<std::int32_t>& index, bool aborted) {
  if (aborted) return 0;
  const auto position = current_step(canary, index);
  return position ? last_weight_before(canary, *position + 1) : canary.max_weight();
}

std::int32_t previous_set_weight(const api::CanaryStrategy& canary,
                                 const std::optional<std::int32_t>& index) {
  return last_weight_before(canary, stored_position(index));
}

const api::SetCanaryScale* scale_override(const api::CanaryStrategy& canary,
                                          const std::optional<std::int32_t>& index, bool aborted) {
  if (!canary.traffic_routing) return nullptr;
  if (aborted && canary.abort_scale_down_delay_seconds != 0) return nullptr;
  const auto position = current_step(canary, index);
  if (!position) return nullptr;
  for (std::size_t i = *position + 1; i > 0; --i) {
    const auto& scale = canary.steps[i - 1].set_canary_scale;
    if (scale) return scale->match_traffic_weight ? nullptr : &*scale;
  }
  return nullptr;
}

std::int32_t step_down_weight(const api::CanaryStrategy& canary, std::int32_t replicas,
                              std::int32_t stable_available, std::int32_t canary_available,
                              bool stable_only) {
  const std::int32_t empty_places = replicas - stable_available;
  const bool explicit_delay = canary.abort_scale_down_delay_seconds.value_or(0) != 0;
  const std::int32_t bound =
      stable_only || explicit_delay ? empty_places : std::max(empty_places, canary_available);
  for (auto step = canary.steps.rbegin(); step != canary.steps.rend(); ++step) {
    if (step->set_weight &&
        weight_to_replicas(*step->set_weight, replicas, canary.max_weight()) < bound) {
      return *step->set_weight;
    }
  }
  return 0;
}

CanaryState canary_state(const api::Rollout& rollout, const kube::ReplicaSet* new_rs,
                         const kube::ReplicaSet* stable_rs) {
  CanaryState out;
  out.strategy = rollout.spec.canary ? &*rollout.spec.canary : nullptr;
  out.replicas = rollout.spec.replicas_or_default();
  out.step_index = rollout.status.current_step_index;
  out.abort = rollout.status.abort;
  out.promote_full = rollout.status.promote_full;
  out.has_stable = !rollout.status.stable_rs.empty();
  out.fully_promoted = rollout.status.stable_rs == rollout.status.current_pod_hash;
  if (new_rs != nullptr) out.canary = pods_of(*new_rs);
  if (stable_rs != nullptr) out.stable = pods_of(*stable_rs);
  return out;
}

std::int32_t sizing_weight(const CanaryState& state) {
  const api::CanaryStrategy& strategy = *state.strategy;
  if (state.abort && strategy.dynamic_stable_scale && state.canary && state.stable) {
    // With any explicit delay, 0 included, the canary keeps its size (traffic.md W-12).
    return step_down_weight(strategy, state.replicas, available(state.stable),
                            available(state.canary),
                            strategy.abort_scale_down_delay_seconds.has_value());
  }
  return current_set_weight(strategy, state.step_index, state.abort);
}

SizeTarget size_target(const CanaryState& state) {
  const api::CanaryStrategy& strategy = *state.strategy;
  if (state.promote_full || !state.has_stable || state.fully_promoted)
    return {std::nullopt, strategy.max_weight()};
  if (const auto* scale = scale_override(strategy, state.step_index, state.abort);
      scale != nullptr) {
    if (scale->replicas) return {scale->replicas, 0};
    if (scale->weight) return {std::nullopt, *scale->weight};
  }
  return {std::nullopt, sizing_weight(state)};
}

}  // namespace sluice::rollout
