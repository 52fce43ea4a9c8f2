#pragma once
// Sizing ReplicaSets (rollout.md §2.4, §3.8, §3.9, §4.4).
#include "controller/rollout/draft.h"

namespace sluice::rollout {

// newRS or stableRS was last sized for another spec.replicas (rollout.md §2.4). A size that the
// server refuses does not count: such passes only scale, and nobody would be heard while it lasts.
[[nodiscard]] bool is_scaling_event(const Draft& draft);

// Sizes at most one ReplicaSet (rollout.md C11). True when one changed size, which ends the pass.
bool scale_canary(Draft& draft);
// Deadlines, stable, new, others; the history is not touched (rollout.md B6).
void scale_blue_green(Draft& draft);

// Something still refers to this hash: a Service, a weight, the status (rollout.md §3.8).
[[nodiscard]] bool is_referenced(const Draft& draft, const std::string& hash);

}  // namespace sluice::rollout
