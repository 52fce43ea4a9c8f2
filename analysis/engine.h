#pragma once
// What a run does next, and what it amounts to (analysis.md §8.2, §8.4–§8.6, §9). Pure: providers,
// secrets and persistence are somebody else's.
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/limits.h"
#include "api/analysis.h"
#include "base/time.h"

namespace sluice::analysis {

// One run, with arguments resolved.
struct RunView {
  const std::vector<api::Metric>& metrics;
  const std::set<std::string>& dry_run;  // names
  bool terminate = false;                // spec.terminate
};

[[nodiscard]] api::MetricResult* find_result(api::AnalysisRunStatus& status,
                                             std::string_view metric);
[[nodiscard]] const api::MetricResult* find_result(const api::AnalysisRunStatus& status,
                                                   std::string_view metric);
// The result of the metric, created (phase Running) at its place in spec order when there is none
// yet.
api::MetricResult& result_for(const RunView& run, api::AnalysisRunStatus& status,
                              const api::Metric& metric);

// spec.terminate, or a metric that counts has failed, erred or stayed inconclusive.
[[nodiscard]] bool is_terminating(const RunView& run, const api::AnalysisRunStatus& status);

// The number of the metric's next measurement, from 1.
[[nodiscard]] std::int64_t next_number(const api::MetricResult* result);
// The last measurement when it is not finished.
[[nodiscard]] const api::Measurement* in_progress(const api::MetricResult* result);

enum class Task {
  None,       // finished, or not due yet
  Measure,    // take a new measurement
  Resume,     // look at the unfinished one
  Terminate,  // end the unfinished one
};
// What to do with a metric now (analysis.md §8.2). Strictly after the interval: a measurement is
// not due at the very instant.
[[nodiscard]] Task due(const api::Metric& metric, const api::AnalysisRunStatus& status,
                       bool terminating, WallTime now);

// Appends a measurement, or puts it in the place of the unfinished one, and counts it when it is
// finished (analysis.md §8.3).
void record(api::MetricResult& result, api::Measurement measurement);

struct MetricVerdict {
  api::AnalysisPhase phase = api::AnalysisPhase::Running;
  std::string reason;  // "failed (1) > failureLimit (0)", "" when no limit was exceeded
};
// The verdict on one metric from its measurements (analysis.md §8.4).
[[nodiscard]] MetricVerdict assess_metric(const api::Metric& metric,
                                          const api::MetricResult& result, bool terminating);

// Brings metric phases, messages, summaries, startedAt, and the run's phase and message up to date
// (analysis.md §8.5, §9). Returns the names of the metrics that were completed by this call, in
// spec order. completedAt is set with the first completed phase.
std::vector<std::string> assess_run(const RunView& run, api::AnalysisRunStatus& status,
                                    WallTime now);

// When time alone changes something (analysis.md §8.6). nullopt: time alone changes nothing. May
// lie in the past: at once. Metrics whose answer is on its way (`asked`) wake the run by that
// answer.
[[nodiscard]] std::optional<WallTime> next_wake_up(const RunView& run,
                                                   const api::AnalysisRunStatus& status,
                                                   const std::set<std::string>& asked,
                                                   WallTime now);

// When (analysis.md §10.2) a completed run is to be deleted; nullopt = never.
[[nodiscard]] std::optional<WallTime> expires_at(const api::AnalysisSpec& spec,
                                                 const api::AnalysisRunStatus& status);

}  // namespace sluice::analysis
