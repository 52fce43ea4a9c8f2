#pragma once
// What is recorded about weights, and what verification means for the pass (traffic.md §1.6, §1.7).
// Router-neutral.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/rollout.h"
#include "base/result.h"
#include "base/time.h"

namespace sluice::traffic {

struct WeightsInput {
  std::int32_t weight = 0, max_weight = 100;
  std::string canary_service,
      stable_service;                    // as in the spec, "" with ping-pong (traffic.md W-33)
  std::string canary_hash, stable_hash;  // as given to the router
  std::vector<api::WeightDestination> additional;
};
// status.canary.weights after a pass whose routers all accepted. `verified` is kept while nothing
// else changed.
[[nodiscard]] api::TrafficWeights next_weights(const std::optional<api::TrafficWeights>& stored,
                                               const WeightsInput& in);
inline constexpr std::string_view kTrafficWeightUpdated = "TrafficWeightUpdated";
// Canary, stable or additional differ, or nothing was recorded: event TrafficWeightUpdated is due.
[[nodiscard]] bool weights_changed(const std::optional<api::TrafficWeights>& stored,
                                   const api::TrafficWeights& next);
// The event's message. When only hashes or Service names changed nothing follows the prefix and its
// blank.
[[nodiscard]] std::string weights_event_text(const std::optional<api::TrafficWeights>& stored,
                                             const api::TrafficWeights& next);

// Should a router that can verify do so in this pass (traffic.md W-41)?
struct VerifyWhen {
  bool has_stable = false, fully_promoted = false;
  bool at_set_weight_step = false, has_current_step = false;
  std::int32_t weight = 0, max_weight = 100;
};
[[nodiscard]] bool should_verify(const VerifyWhen& in);

// One answer over all routers (traffic.md W-22). An error counts as "not verified" (W-42).
struct VerifyAnswer {
  std::optional<bool> verified;
  std::optional<Error> error;
};
struct VerifyOutcome {
  std::optional<bool> verified;  // goes into status.canary.weights.verified
  bool look_again = false;       // after the verify interval
  // The pass fails with this text, so that neither scale-down nor promotion happens (traffic.md
  // W-40, W-42).
  std::optional<std::string> hold;
  std::vector<std::string> warnings;  // WeightVerifyError events
};
// At the maximum weight every pass holds until it is verified, whatever the step index, and with no
// steps as well.
[[nodiscard]] VerifyOutcome verify_outcome(const std::vector<VerifyAnswer>& answers,
                                           std::int32_t weight, std::int32_t max_weight);

}  // namespace sluice::traffic
