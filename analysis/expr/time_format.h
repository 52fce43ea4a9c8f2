#pragma once
// Calendar arithmetic, reference-time layouts and duration texts (expressions.md §10.5, §11).
#include <cstdint>
#include <string>
#include <string_view>

#include "analysis/expr/value.h"
#include "analysis/expr/zone.h"

namespace sluice::analysis::expr {

struct Civil {
  std::int64_t year = 1970;
  int month = 1, day = 1;  // from 1
  int hour = 0, minute = 0, second = 0;
  int weekday = 4;   // Sunday = 0
  int year_day = 1;  // from 1
  ZoneOffset offset;
};

// Days since the Unix epoch; month and day may be out of range and carry over.
[[nodiscard]] std::int64_t days_from_civil(std::int64_t year, std::int64_t month, std::int64_t day);
[[nodiscard]] Civil civil_of(const Instant& instant);
[[nodiscard]] bool is_leap_year(std::int64_t year);
[[nodiscard]] int days_in_month(std::int64_t year, int month);
[[nodiscard]] std::int64_t iso_week_year(const Civil& civil);

[[nodiscard]] std::string month_name(int month);
[[nodiscard]] std::string weekday_name(int weekday);

[[nodiscard]] std::string format_time(const Instant& instant, std::string_view layout);
// Throws RuntimeError "parsing time …". Texts without a zone are in `zone`.
[[nodiscard]] Instant parse_time(std::string_view layout, std::string_view text,
                                 const std::shared_ptr<const Zone>& zone);
// "2024-02-03 00:00:00 +0000 UTC"
[[nodiscard]] std::string time_text(const Instant& instant);
[[nodiscard]] std::string rfc3339_text(const Instant& instant);

// "1h30m0s"
[[nodiscard]] std::string duration_text(std::int64_t nanoseconds);
// Throws RuntimeError "time: …".
[[nodiscard]] std::int64_t parse_duration(std::string_view text);

}  // namespace sluice::analysis::expr
