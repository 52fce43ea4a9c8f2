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
  // `namespace` and `name` of an object come first.
  std::vector<std::string_view> labels;
  std::vector<double> buckets;  // histograms, ascending, without +Inf
  // Gauges that say "it is in this state": setting one series removes the others with the same
  // values of the first `identity` labels. -1 = series stand side by side.
  int identity = -1;
  // Not recorded but read, at each scrape, off the series of this gauge, which has all the labels.
  std::string_view source;
  // Instead of one line per series, one for each of these values of `phase`: 1 for the present one,
  // 0 for the others. Of an analysis that is over (is_over) only the first: there may be very many.
  std::vector<std::string_view> phases;
  // A series whose phase is over vanishes after kFadesAfter.
  bool fades = false;
};
// Successful, Failed, Error, Inconclusive: the ends of an analysis. (A Rollout's "Error" is none.)
[[nodiscard]] bool is_over(std::string_view phase);

[[nodiscard]] const MetricSpec* find_metric(std::string_view name);
[[nodiscard]] const std::vector<MetricSpec>& all_metrics();
// For a histogram that the table does not know.
[[nodiscard]] const std::vector<double>& default_buckets();

}  // namespace sluice::telemetry
