#pragma once
#include "controller/rollout/draft.h"

namespace sluice::rollout {

// NewRS exists; adopt_verdict() has run (rollout.md §2.5).
void canary_pass(Draft& draft);
// The whole blue/green pass (rollout.md §2.6).
void blue_green_pass(Draft& draft);

}  // namespace sluice::rollout
