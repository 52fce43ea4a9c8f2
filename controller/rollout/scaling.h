#pragma once
// Sizing ReplicaSets (rollout.md §2.4, §3.8, §3.9, §4.4).
#include "controller/rollout/draft.h"

namespace sluice::rollout {

// NewRS or stableRS was last sized for another spec.replicas (rollout.md §2.4).
[[nodiscard]] bool is_scaling_event(const Draft& draft);

// Sizes all ReplicaSets of a canary (rollout.md C11). True when a ReplicaSet changed size, which
// ends the pass.
bool scale_canary(Draft& draft);
// Sizes all ReplicaSets of a blue/green (rollout.md B6, without the history).
void scale_blue_green(Draft& draft);

// Something still refers to this hash: a Service, a weight, the status (rollout.md §3.8).
[[nodiscard]] bool is_referenced(const Draft& draft, const std::string& hash);

}  // namespace sluice::rollout
