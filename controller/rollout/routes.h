#pragma once
// What the routers of a Rollout say together: each is asked, the least common answer counts.
#include <optional>
#include <string>
#include <vector>

#include "controller/rollout/draft.h"
#include "traffic/router.h"

namespace sluice::rollout {

// In the world as this plan has made it so far.
[[nodiscard]] traffic::RouteState state_of(const Draft& draft, const traffic::Router& router);
// The largest weight that a router gives the canary: somebody comes to it. Unset while no router
// has an object.
[[nodiscard]] std::optional<std::int32_t> live_weight(const Draft& draft);
// Every router gives it exactly this weight, or at least this one.
[[nodiscard]] bool all_give(const Draft& draft, std::int32_t weight);
[[nodiscard]] bool all_give_at_least(const Draft& draft, std::int32_t weight);

// The verdict that a cut without record has left on a router's object, "" when there is none.
struct LeftVerdict {
  std::string text;
  std::string where;  // "Service shop"
};
[[nodiscard]] LeftVerdict verdict_on_routes(const Draft& draft);

// What users meet when stable has no pods, for the first router that needs them; "" when none does.
[[nodiscard]] std::string_view without_stable_pod(const Draft& draft);

// The managed routes that the steps up to this one leave in force (traffic.md W-23), in the order
// of trafficRouting.managedRoutes.
[[nodiscard]] std::vector<traffic::ManagedRoute> managed_routes(const api::CanaryStrategy& canary,
                                                                std::int32_t step_index);

}  // namespace sluice::rollout
