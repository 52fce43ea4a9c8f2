#pragma once
// Structured log (spdlog, one JSON object or key=value line each, times in milliseconds) and
// metrics (prometheus-cpp core; served by our own HTTP server). The only folder that may include
// spdlog and prometheus.
#include <memory>
#include <string>

#include "base/seams.h"

namespace sluice::telemetry {

struct Options {
  std::string log_format = "text";  // "text" | "json"
  std::string log_level = "info";
  std::string log_file;  // "" = stderr
};

class ProcessTelemetry : public Telemetry {
 public:
  // Prometheus text exposition format; safe to call from other threads.
  [[nodiscard]] virtual std::string metrics_text() = 0;
};
[[nodiscard]] std::unique_ptr<ProcessTelemetry> make(Options options, Clock& clock);

}  // namespace sluice::telemetry
