#pragma once
// All series of this process, on prometheus-cpp's registry. Thread-safe. A family is registered
// when its name is used for the first time; what the table knows gets its help and buckets from
// there.
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/seams.h"
#include "telemetry/metric_table.h"

namespace sluice::telemetry {

class Metrics {
 public:
  explicit Metrics(Clock& clock);
  ~Metrics();
  Metrics(const Metrics&) = delete;

  // False: the use does not fit the metric (type, labels, name), or a counter would go down.
  // Nothing is changed then.
  bool record(MetricType type, std::string_view name, Telemetry::Labels labels, double value);
  // Gauges of the object vanish now, counters and histograms after 65 s, so that one more scrape
  // sees them.
  void forget(std::string_view object_namespace, std::string_view object_name);
  [[nodiscard]] std::string text();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::telemetry
