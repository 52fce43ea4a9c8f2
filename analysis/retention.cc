#include "analysis/retention.h"

#include <fmt/format.h>
#include <re2/re2.h>

namespace sluice::analysis {

namespace {

std::vector<std::string> matches(const std::string& pattern,
                                 const std::vector<api::Metric>& metrics) {
  std::vector<std::string> out;
  const RE2 compiled(pattern, RE2::Quiet);
  if (!compiled.ok()) return out;
  for (const api::Metric& metric : metrics)
    if (RE2::PartialMatch(metric.name, compiled)) out.push_back(metric.name);
  return out;
}

tl::unexpected<Error> no_match(std::string_view list, std::size_t index) {
  return fail(ErrorCode::Invalid,
              fmt::format("{}[{}]: Rule didn't match any metric name(s)", list, index));
}

}  // namespace

Result<std::set<std::string>> match_dry_run(const std::vector<api::DryRun>& rules,
                                            const std::vector<api::Metric>& metrics) {
  std::set<std::string> out;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto names = matches(rules[i].metric_name, metrics);
    if (names.empty()) return no_match("dryRun", i);
    out.insert(names.begin(), names.end());
  }
  return out;
}

Result<std::map<std::string, std::size_t>> match_retention(
    const std::vector<api::MeasurementRetention>& rules, const std::vector<api::Metric>& metrics) {
  std::map<std::string, std::size_t> out;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto names = matches(rules[i].metric_name, metrics);
    if (names.empty()) return no_match("measurementRetention", i);
    if (rules[i].limit <= 0) continue;
    for (const std::string& name : names) out[name] = static_cast<std::size_t>(rules[i].limit);
  }
  return out;
}

bool trim_measurements(api::MetricResult& result, std::size_t limit) {
  if (result.measurements.size() <= limit) return false;
  const auto surplus = static_cast<std::ptrdiff_t>(result.measurements.size() - limit);
  result.measurements.erase(result.measurements.begin(), result.measurements.begin() + surplus);
  return true;
}

}  // namespace sluice::analysis
