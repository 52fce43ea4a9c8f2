#pragma once
// Experiments are refused by this release: left untouched but for one condition and one Event that
// say so. One that the reference has already worked on keeps its status.
#include "base/time.h"
#include "controller/loop/caches.h"
#include "controller/plan.h"

namespace sluice::loop {

[[nodiscard]] controller::Plan refuse_experiment(const Experiment& experiment, WallTime now);

}  // namespace sluice::loop
