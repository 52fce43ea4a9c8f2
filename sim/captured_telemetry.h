#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/seams.h"

namespace sluice::sim {

// Keeps the log lines (the newest ones) and sums of counters for tests and failing seeds.
class CapturedTelemetry final : public Telemetry {
 public:
  explicit CapturedTelemetry(Clock& clock, std::size_t lines_max = 2000)
      : clock_(clock), lines_max_(lines_max) {}
  void log(LogLevel level, std::string_view message, std::vector<LogField> fields) override;
  void count(std::string_view metric, Labels, double by) override {
    counters[std::string(metric)] += by;
  }
  void gauge(std::string_view metric, Labels, double value) override {
    counters[std::string(metric)] = value;
  }
  void observe(std::string_view, Labels, double) override {}
  void forget(std::string_view, std::string_view) override {}

  std::vector<std::string> lines;
  std::map<std::string, double> counters;
  std::uint64_t errors = 0;

 private:
  Clock& clock_;
  std::size_t lines_max_;
};

}  // namespace sluice::sim
