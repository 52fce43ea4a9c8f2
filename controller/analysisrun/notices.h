#pragma once
// Events of runs (analysis.md §13), and the one that tells people why a run ended badly.
#include <optional>
#include <string>
#include <vector>

#include "api/analysis.h"
#include "controller/plan.h"

namespace sluice::analysisrun {

[[nodiscard]] controller::EventIntent notice(const api::AnalysisRun& run, bool warning,
                                             std::string reason, std::string message);
[[nodiscard]] controller::EventIntent metric_notice(const api::AnalysisRun& run,
                                                    const api::MetricResult& result);
[[nodiscard]] controller::EventIntent run_notice(const api::AnalysisRun& run,
                                                 api::AnalysisPhase phase);
// One for every condition that cannot be parsed, with the place in it: said when the run starts,
// not only after its first measurement.
[[nodiscard]] std::vector<controller::EventIntent> condition_notices(
    const api::AnalysisRun& run, const std::vector<api::Metric>& metrics);
// Metric, value, condition and query of the sample that decided; on the Rollout that owns the run,
// else on the run.
[[nodiscard]] std::optional<controller::EventIntent> verdict_notice(
    const api::AnalysisRun& run, const api::AnalysisRunStatus& status);

}  // namespace sluice::analysisrun
