#pragma once
#include "base/seams.h"

namespace sluice::demo {

// For the demo's own helpers, whose requests are nobody's telemetry.
class QuietTelemetry final : public Telemetry {
 public:
  void log(LogLevel, std::string_view, std::vector<LogField>) override {}
  void count(std::string_view, Labels, double) override {}
  void gauge(std::string_view, Labels, double) override {}
  void observe(std::string_view, Labels, double) override {}
  void forget(std::string_view, std::string_view) override {}
};

}  // namespace sluice::demo
