#include "controller/rollout/weights.h"

#include <algorithm>

namespace sluice::rollout {
namespace {

std::int32_t available(const std::optional<Pods>& set) {
  return set ? set->available : 0;
}

std::int32_t recorded_canary(const std::optional<api::TrafficWeights>& recorded) {
  return recorded ? recorded->canary.weight : 0;
}

WeightDecision::Case choose_case(const WeightInput& in) {
  using Case = WeightDecision::Case;
  const CanaryState& state = *in.state;
  const api::CanaryStrategy& strategy = *state.strategy;
  if (state.fully_promoted) {
    const bool old_canary = in.recorded && in.recorded->canary.pod_template_hash != in.new_hash;
    const bool draining = strategy.traffic_routing && strategy.dynamic_stable_scale && old_canary &&
                          available(state.canary) < state.replicas;
    return draining ? Case::DynamicRollback : Case::FullyPromoted;
  }
  if (in.aborted) return Case::Aborted;
  if (available(state.canary) == 0 || in.serves_replaced_canary) return Case::NoCanaryPods;
  if (state.promote_full) return Case::PromoteFull;
  if (strategy.steps.empty()) return Case::NoSteps;
  if (!in.at_desired) return Case::NotAtDesired;
  return current_step(strategy, state.step_index) ? Case::AtStep : Case::StepsDone;
}

// What the canary's own pods can carry; everything when the Rollout is scaled to zero and only
// leftovers run.
std::int32_t canary_share(const CanaryState& state) {
  const std::int32_t m = state.strategy->max_weight();
  return state.replicas <= 0 ? m : available_share(available(state.canary), state.replicas, m);
}

std::int32_t weight_of(WeightDecision::Case which, const WeightInput& in) {
  using Case = WeightDecision::Case;
  const CanaryState& state = *in.state;
  const api::CanaryStrategy& strategy = *state.strategy;
  switch (which) {
    case Case::DynamicRollback:
      return abort_weight(state, in.recorded);
    case Case::Aborted: {
      // An abort decided in this very pass cuts before it is recorded, so it counts as stored here.
      CanaryState cut = state;
      cut.abort = true;
      return abort_weight(cut, in.recorded);
    }
    case Case::FullyPromoted:
    case Case::NoCanaryPods:
    case Case::NoSteps:
      return 0;
    case Case::PromoteFull:
      return strategy.dynamic_stable_scale ? canary_share(state) : recorded_canary(in.recorded);
    case Case::NotAtDesired:
      return previous_set_weight(strategy, state.step_index);
    case Case::AtStep:
      return current_set_weight(strategy, state.step_index, state.abort);
    case Case::StepsDone:
      return strategy.max_weight();
  }
  return 0;
}

// A non-dynamic abort with a stable that cannot carry everything yet, or a canary that another
// version replaces: shift what it can carry. nullopt: hold.
std::optional<std::int32_t> partial_cut(const WeightInput& in, WeightDecision::Case which) {
  const CanaryState& state = *in.state;
  const bool replaced = which == WeightDecision::Case::NoCanaryPods && in.serves_replaced_canary;
  const bool abort =
      which == WeightDecision::Case::Aborted && !state.strategy->dynamic_stable_scale;
  if ((!replaced && !abort) || !in.recorded || available(state.stable) <= 0) return std::nullopt;
  const std::int32_t m = state.strategy->max_weight();
  const std::int32_t now = in.recorded->canary.weight;
  const std::int32_t cut =
      std::min(now, m - available_share(available(state.stable), state.replicas, m));
  if (replaced && cut >= now) return std::nullopt;
  return cut;
}

}  // namespace

bool of_another_version(const api::TrafficWeights& recorded, std::string_view hash) {
  const auto& canary = recorded.canary;
  return canary.weight > 0 && !canary.pod_template_hash.empty() && canary.pod_template_hash != hash;
}

std::int32_t abort_weight(const CanaryState& state,
                          const std::optional<api::TrafficWeights>& recorded) {
  const api::CanaryStrategy& strategy = *state.strategy;
  if (!strategy.dynamic_stable_scale || !state.stable || !state.canary || state.replicas <= 0)
    return 0;
  const std::int32_t m = strategy.max_weight();
  const std::int32_t carried = available_share(state.stable->available, state.replicas, m);
  const std::int32_t step = sizing_weight(state);
  const std::int32_t rest = m - carried;
  if (!recorded) return std::max(step, rest);
  const std::int32_t now = recorded->canary.weight;
  if (step <= 0) return std::min(rest, now);
  return carried < m - step ? now : std::min(step, now);
}

bool stable_can_carry(const CanaryState& state, std::int32_t weight) {
  if (!state.stable) return false;
  const std::int64_t m = state.strategy->max_weight();
  const std::int64_t share = std::max<std::int64_t>(0, m - weight) * std::max(state.replicas, 0);
  const auto need = static_cast<std::int32_t>(m > 0 ? share / m : 0);
  return state.stable->available >= need ||
         threshold_met(state.strategy->replica_progress_threshold, state.stable, need);
}

WeightDecision decide_weight(const WeightInput& in) {
  using Case = WeightDecision::Case;
  const CanaryState& state = *in.state;
  const bool dynamic = state.strategy->dynamic_stable_scale;
  WeightDecision out;
  out.which = choose_case(in);
  out.weight = weight_of(out.which, in);
  out.keep_recorded_hash = out.which == Case::DynamicRollback;
  out.canary_service_to_stable = out.which == Case::Aborted && (!dynamic || out.weight == 0);
  out.remove_managed_routes = out.which <= Case::PromoteFull;
  out.experiment_destinations = out.which == Case::NoCanaryPods ||
                                out.which == Case::NotAtDesired || out.which == Case::AtStep;
  if (!stable_can_carry(state, out.weight)) {
    const auto cut = partial_cut(in, out.which);
    out.held = !cut;
    if (cut) out.weight = *cut;
  }
  out.weight_before_hash = available(state.canary) == 0 && recorded_canary(in.recorded) > 0;
  return out;
}

}  // namespace sluice::rollout
