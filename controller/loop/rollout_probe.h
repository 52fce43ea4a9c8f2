#pragma once
// The gauges of clients.md §4 about one object, set when it changes. The sink removes them when the
// object goes.
#include "api/analysis.h"
#include "api/rollout.h"
#include "base/seams.h"

namespace sluice::loop {

void publish(Telemetry& telemetry, const api::Rollout& rollout);
void publish(Telemetry& telemetry, const api::AnalysisRun& run);

// The `phase` label of rollout_info, from conditions (not from status.phase).
[[nodiscard]] std::string_view metric_phase(const api::Rollout& rollout);

}  // namespace sluice::loop
