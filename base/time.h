#pragma once
// Wall and monotonic time as plain values. Nothing below the loop may read a clock: `now` is an
// argument.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

using Millis = std::chrono::milliseconds;
using Micros = std::chrono::microseconds;
using Seconds = std::chrono::seconds;

// Microseconds since the Unix epoch, UTC.
using WallTime = std::chrono::sys_time<Micros>;
// A clock that never jumps; only differences mean anything.
struct MonoClock {
  using rep = Micros::rep;
  using period = Micros::period;
  using duration = Micros;
  using time_point = std::chrono::time_point<MonoClock, Micros>;
  static constexpr bool is_steady = true;
};
using MonoTime = MonoClock::time_point;

[[nodiscard]] inline WallTime truncate_to_seconds(WallTime t) {
  return std::chrono::floor<Seconds>(t);
}

// "2026-11-21T14:28:03Z": seconds, UTC, as Kubernetes writes metav1.Time.
[[nodiscard]] std::string format_rfc3339(WallTime t);
// "2026-11-21T14:28:03.123456Z": as Kubernetes writes metav1.MicroTime (Leases).
[[nodiscard]] std::string format_rfc3339_micro(WallTime t);
// Accepts any RFC 3339 timestamp: fractions, lower case t/z, numeric offsets. Errors: Decode.
[[nodiscard]] Result<WallTime> parse_rfc3339(std::string_view text);

// Go's time.ParseDuration: "1h30m", "-1.5s", "300ms", "0". Errors: Invalid. Saturation is an error.
[[nodiscard]] Result<std::chrono::nanoseconds> parse_go_duration(std::string_view text);
// Go's Duration.String(): "1h30m0s", "1.5s", "0s".
[[nodiscard]] std::string format_go_duration(std::chrono::nanoseconds d);

}  // namespace sluice
