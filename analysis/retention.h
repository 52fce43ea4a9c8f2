#pragma once
// dryRun and measurementRetention rules against resolved metric names (analysis.md §9, §10.1).
// Pure.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "api/analysis.h"
#include "base/result.h"

namespace sluice::analysis {

inline constexpr std::size_t kDefaultRetention = 10;

// Names of the metrics that are measured without consequence. A rule is an unanchored RE2 pattern;
// one that does not compile matches nothing. Errors: Invalid `dryRun[%d]: Rule didn't match any
// metric name(s)`.
[[nodiscard]] Result<std::set<std::string>> match_dry_run(const std::vector<api::DryRun>& rules,
                                                          const std::vector<api::Metric>& metrics);

// How many measurements each metric keeps; a metric not named keeps kDefaultRetention. The last
// matching rule with a positive limit wins. Errors: Invalid `measurementRetention[%d]: Rule didn't
// match any metric name(s)`.
[[nodiscard]] Result<std::map<std::string, std::size_t>> match_retention(
    const std::vector<api::MeasurementRetention>& rules, const std::vector<api::Metric>& metrics);

// Drops the oldest measurements beyond `limit`; counters stay. True when something was dropped.
bool trim_measurements(api::MetricResult& result, std::size_t limit);

}  // namespace sluice::analysis
