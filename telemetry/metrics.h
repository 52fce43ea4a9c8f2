#pragma once
// All series of this process. Thread-safe. A family comes into being when its name is used for the
// first time; what the table knows gets its help, labels and buckets from there. prometheus-cpp
// writes the text; the series are kept here, because its registry costs about a kilobyte for each,
// finds those of an object only by looking at all, and cannot be read in pieces.
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/seams.h"
#include "telemetry/metric_table.h"

namespace sluice::telemetry {

class Metrics {
 public:
  // Beyond `series_max` new series are left out.
  explicit Metrics(Clock& clock, std::size_t series_max = 1'000'000);
  ~Metrics();
  Metrics(const Metrics&) = delete;

  // False: the use does not fit the metric (type, labels, name), a counter would go down, or there
  // is no room for one more series. Nothing is changed then.
  bool record(MetricType type, std::string_view name, Telemetry::Labels labels, double value);
  // Gauges of the object vanish now, counters and histograms after 65 s, so that one more scrape
  // sees them. `object_name` is a name, or "rollout/NAME", "analysis_run/NAME", …: then only
  // families that begin with that word, because objects of two kinds may have one name (a name
  // itself has no slash).
  void forget(std::string_view object_namespace, std::string_view object_name);
  [[nodiscard]] std::size_t series_count() const;
  [[nodiscard]] bool full() const;
  // The text of a scrape. Whoever records meanwhile waits for a thousand series at most.
  [[nodiscard]] std::string text();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::telemetry
