#pragma once
// The numbers of a resolved metric (analysis.md §2, §2.2).
#include <chrono>
#include <cstdint>
#include <optional>

#include "api/analysis.h"

namespace sluice::analysis {

// IntOrString as the reference reads it: a text that is no base-10 integer counts as 0.
[[nodiscard]] std::int64_t int_value(const std::optional<kube::IntOrString>& value,
                                     std::int64_t fallback);

struct Limits {
  std::int64_t failure = 0;  // -1 = off
  std::int64_t inconclusive = 0;
  std::int64_t consecutive_error = 4;
  std::int64_t consecutive_success = 0;  // 0 = off
  std::optional<std::int64_t> count;     // number of measurements wanted; nullopt = until stopped
};
[[nodiscard]] Limits limits_of(const api::Metric& metric);

// nullopt when absent or unparsable. An interval below one second counts as one second: status
// times are whole seconds, and a zero interval would spin.
[[nodiscard]] std::optional<Micros> interval_of(const api::Metric& metric);
[[nodiscard]] std::optional<Micros> initial_delay_of(const api::Metric& metric);

}  // namespace sluice::analysis
