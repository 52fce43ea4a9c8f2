#include "analysis/limits.h"

#include <algorithm>

#include "base/strings.h"
#include "base/time.h"

namespace sluice::analysis {

std::int64_t int_value(const std::optional<kube::IntOrString>& value, std::int64_t fallback) {
  if (!value) return fallback;
  if (!value->is_string) return value->number;
  return parse_int(value->text).value_or(0);
}

Limits limits_of(const api::Metric& metric) {
  Limits out;
  out.failure = int_value(metric.failure_limit, 0);
  out.inconclusive = int_value(metric.inconclusive_limit, 0);
  out.consecutive_error = int_value(metric.consecutive_error_limit, 4);
  out.consecutive_success = int_value(metric.consecutive_success_limit, 0);
  const std::int64_t count = int_value(metric.count, 0);
  if (count != 0) {
    out.count = count;
  } else if (metric.interval.empty()) {
    out.count = 1;
  }
  return out;
}

std::optional<Micros> interval_of(const api::Metric& metric) {
  if (metric.interval.empty()) return std::nullopt;
  auto parsed = parse_go_duration(metric.interval);
  if (!parsed) return std::nullopt;
  return std::max(std::chrono::duration_cast<Micros>(*parsed), Micros(Seconds(1)));
}

std::optional<Micros> initial_delay_of(const api::Metric& metric) {
  if (metric.initial_delay.empty()) return std::nullopt;
  auto parsed = parse_go_duration(metric.initial_delay);
  if (!parsed) return std::nullopt;
  return std::chrono::duration_cast<Micros>(*parsed);
}

}  // namespace sluice::analysis
