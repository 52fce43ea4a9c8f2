#include "analysis/validate.h"

#include <fmt/format.h>

#include <set>

#include "analysis/limits.h"
#include "base/time.h"

namespace sluice::analysis {

namespace {

constexpr std::size_t kMetricNameMax = 1024;

// Go's error text for a duration; `parse_go_duration` may word it differently.
std::string duration_problem(const std::string& text, const std::string& message) {
  return message.rfind("time: ", 0) == 0 ? message
                                         : fmt::format("time: invalid duration \"{}\"", text);
}

// The count against the limits: rows 7 to 9 of the table.
std::string count_problem(std::int64_t count, const Limits& limits) {
  if (count <= 0) return "";
  // Written so that limits at the end of the range do not overflow.
  if (limits.failure >= 0 && count - limits.consecutive_success < limits.failure) {
    return fmt::format(
        "count ({}) must be >= failureLimit + consecutiveSuccessLimit ({} + {}) if both >= 0",
        count, limits.failure, limits.consecutive_success);
  }
  if (limits.failure < 0 && count < limits.consecutive_success)
    return "count must be >= consecutiveSuccessLimit";
  if (count < limits.inconclusive) return "count must be >= inconclusiveLimit";
  return "";
}

std::string limit_problem(const Limits& limits) {
  if (limits.consecutive_success < 0) return "consecutiveSuccessLimit must be >= 0";
  if (limits.failure < -1) return "failureLimit must be >= 0, or -1 to be disabled";
  if (limits.consecutive_success == 0 && limits.failure == -1)
    return "failureLimit and consecutiveSuccessLimit cannot both be disabled";
  if (limits.inconclusive < 0) return "inconclusiveLimit must be >= 0";
  if (limits.consecutive_error < 0) return "consecutiveErrorLimit must be >= 0";
  return "";
}

std::string metric_problem(const api::Metric& metric) {
  // Not a check of the reference. The name stands several times in what is stored of the metric.
  if (metric.name.size() > kMetricNameMax)
    return fmt::format("the name is longer than {} bytes", kMetricNameMax);
  const Limits limits = limits_of(metric);
  const std::int64_t count = int_value(metric.count, 0);
  if (std::string text = limit_problem(limits); !text.empty()) return text;
  // Not a check of the reference, where a negative count ends the metric after one measurement.
  if (count < 0) return "count must be >= 0";
  if (std::string text = count_problem(count, limits); !text.empty()) return text;
  if (count > 1 && metric.interval.empty()) return "interval must be specified when count > 1";
  if (!metric.interval.empty()) {
    if (auto parsed = parse_go_duration(metric.interval); !parsed)
      return "invalid interval string: " +
             duration_problem(metric.interval, parsed.error().message);
  }
  if (!metric.initial_delay.empty()) {
    if (auto parsed = parse_go_duration(metric.initial_delay); !parsed)
      return "invalid startDelay string: " +
             duration_problem(metric.initial_delay, parsed.error().message);
  }
  if (metric.provider_kind.empty()) return "no provider specified";
  if (metric.provider_kind == "+") return "multiple providers specified";
  return "";
}

}  // namespace

Status validate_metrics(const std::vector<api::Metric>& metrics) {
  if (metrics.empty()) return fail(ErrorCode::Invalid, "no metrics specified");
  std::set<std::string> names;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    std::string text = names.insert(metrics[i].name).second
                           ? metric_problem(metrics[i])
                           : fmt::format("duplicate name '{}'", metrics[i].name);
    if (!text.empty()) return fail(ErrorCode::Invalid, fmt::format("metrics[{}]: {}", i, text));
  }
  return {};
}

}  // namespace sluice::analysis
