#pragma once
// Which canary weight this pass wants, and whether stable can carry the rest (rollout.md §3.11,
// traffic.md §1.3, §1.4).
#include <cstdint>
#include <optional>
#include <string_view>

#include "api/rollout.h"
#include "controller/rollout/replicas.h"

namespace sluice::rollout {

struct WeightInput {
  const CanaryState* state = nullptr;           // not owned
  std::optional<api::TrafficWeights> recorded;  // status.canary.weights
  std::string new_hash;                         // hash(newRS), "" when there is none
  bool aborted = false;                         // this pass's view, also when only just decided
  bool at_desired = false;                      // rollout.md §3.7, computed without weights
  // The canary Service selects a version that is neither new nor stable, and has users.
  bool serves_replaced_canary = false;
};

struct WeightDecision {
  // In the order of the table.
  enum class Case {
    DynamicRollback,
    FullyPromoted,
    Aborted,
    NoCanaryPods,  // or the weight still goes to the canary that this version replaces
    PromoteFull,
    NotAtDesired,
    AtStep,
    StepsDone,
    NoSteps
  };
  Case which = Case::NoSteps;
  std::int32_t weight = 0;
  bool keep_recorded_hash =
      false;  // canaryHash is weights.canary.podTemplateHash, and canaryService stays
  bool canary_service_to_stable = false;  // without availability check
  bool remove_managed_routes = false;
  bool experiment_destinations = false;  // extra = the running experiment's
  // SetWeight goes before UpdateHash, so that traffic leaves before the hashes move (item 3).
  bool weight_before_hash = false;
  // The stable guard (item 1) stops: leave routes, hashes and recorded weights alone. The pass goes
  // on.
  bool held = false;
};
[[nodiscard]] WeightDecision decide_weight(const WeightInput& in);

// The canary's weight on record is that of another version than `hash`: its users are still there.
[[nodiscard]] bool of_another_version(const api::TrafficWeights& recorded, std::string_view hash);

// The parts, for tests and for `get rollout`.
[[nodiscard]] std::int32_t abort_weight(const CanaryState& state,
                                        const std::optional<api::TrafficWeights>& recorded);
// Item 1: can stable carry max_weight − weight?
[[nodiscard]] bool stable_can_carry(const CanaryState& state, std::int32_t weight);

}  // namespace sluice::rollout
