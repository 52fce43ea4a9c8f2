#pragma once
// Driving the traffic router of a canary (rollout.md §3.11): choose the weight, have the router
// plan its writes, record what was set.
#include "controller/rollout/draft.h"

namespace sluice::rollout {

void reconcile_traffic(Draft& draft);

// A canary Ingress of ours that the spec no longer names keeps stealing its last share: set to 0
// (traffic.md T-7).
void quiet_orphan_ingresses(Draft& draft);

// The router's objects give this weight to the version under way, whatever the status says. True
// without a router: pods are all there is then.
[[nodiscard]] bool carries_weight(const Draft& draft, std::int32_t weight);

// Where the router does not say what the status says (a weight was set, and its record was lost or
// refused), the status says what the router says.
void record_observed_weight(Draft& draft);

}  // namespace sluice::rollout
