#pragma once
// The metrics we promise, by name: type, help, label names and buckets (clients.md §4).
#include <string_view>
#include <vector>

namespace sluice::telemetry {

enum class MetricType { Counter, Gauge, Histogram };

struct MetricSpec {
  std::string_view name;
  MetricType type = MetricType::Gauge;
  std::string_view help;
  std::vector<std::string_view> labels;
  std::vector<double> buckets;  // histograms, ascending, without +Inf
  // Gauges that say "it is in this state": setting one series removes the others with the same
  // values of the first `identity` labels. -1 = series stand side by side.
  int identity = -1;
};

[[nodiscard]] const MetricSpec* find_metric(std::string_view name);
[[nodiscard]] const std::vector<MetricSpec>& all_metrics();
// For a histogram that the table does not know.
[[nodiscard]] const std::vector<double>& default_buckets();

}  // namespace sluice::telemetry
