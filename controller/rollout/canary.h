#pragma once
#include "controller/rollout/draft.h"

namespace sluice::rollout {

// rollout.md §2.5. newRS exists; adopt_verdict() has run.
void canary_pass(Draft& draft);
// rollout.md §2.6.
void blue_green_pass(Draft& draft);

}  // namespace sluice::rollout
