#pragma once
// Why a run ended badly, for people: the metric, the sample that decided, what it was held against
// and what was asked.
#include <optional>
#include <string>

#include "api/analysis.h"

namespace sluice::analysis {

struct DecidingSample {
  std::string metric;
  api::AnalysisPhase phase = api::AnalysisPhase::None;  // of the metric
  std::string value;                                    // "[0.79]", "" when there was none
  std::string condition;  // "successCondition: result[0] >= 0.95", "" when none was evaluated
  std::string query;      // PromQL, "GET https://…" or the Job's name
  std::string message;    // of the measurement: an error's text

  // "metric 'success-rate' is Failed: value [0.79], successCondition: result[0] >= 0.95, query: …"
  [[nodiscard]] std::string text() const;
};

// The last sample of this metric that has the metric's own phase.
[[nodiscard]] std::optional<DecidingSample> deciding_sample(const api::MetricResult& result);
// The one of the metric that gave the run its phase; nullopt unless the run is Failed, Error or
// Inconclusive.
[[nodiscard]] std::optional<DecidingSample> deciding_sample(const api::AnalysisRunStatus& status);

}  // namespace sluice::analysis
