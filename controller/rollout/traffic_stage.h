#pragma once
// Driving the traffic routers of a canary (rollout.md §3.11): choose the weight, have each router
// plan its writes, record what was set and whether users arrive there.
#include "controller/rollout/draft.h"

namespace sluice::rollout {

void reconcile_traffic(Draft& draft);

// An object of ours that the spec no longer leads to keeps stealing its last share: every router
// takes it back (traffic.md T-7).
void release_routes(Draft& draft);

// The routers' objects give this weight to the version under way, whatever the status says. True
// without a router: pods are all there is then.
[[nodiscard]] bool carries_weight(const Draft& draft, std::int32_t weight);

// Where the routers do not say what the status says (a weight was set, and its record was lost or
// refused), the status says what the routers say.
void record_observed_weight(Draft& draft);

}  // namespace sluice::rollout
