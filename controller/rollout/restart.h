#pragma once
// spec.restartAt (rollout.md §1.15): old pods are evicted, as many at a time as may be missing.
#include "controller/rollout/draft.h"

namespace sluice::rollout {

// Evicts what may go now; sets next.restarted_at when no pod is left to restart. True when
// something was evicted.
bool restart_pods(Draft& draft);

}  // namespace sluice::rollout
