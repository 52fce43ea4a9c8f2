#pragma once
// The process_* family that every Prometheus client offers, read from /proc at each scrape.
#include <prometheus/metric_family.h>

#include <vector>

namespace sluice::telemetry {

// What cannot be read is left out.
[[nodiscard]] std::vector<prometheus::MetricFamily> process_metrics();

}  // namespace sluice::telemetry
