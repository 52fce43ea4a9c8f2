#include "base/time.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace sluice {
namespace {

WallTime at_micros(std::int64_t micros) {
  return WallTime(Micros(micros));
}

TEST(Rfc3339, ReadsEveryFormOfTheStandard) {
  const struct {
    std::string_view text;
    std::int64_t micros;
  } rows[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"2026-11-21T14:28:03Z", 1795271283'000000},
      {"2026-11-21t14:28:03z", 1795271283'000000},
      {"2026-11-21T14:28:03.5Z", 1795271283'500000},
      {"2026-11-21T14:28:03.123456Z", 1795271283'123456},
      {"2026-11-21T14:28:03.123456789Z", 1795271283'123456},
      {"2026-11-21T15:28:03+01:00", 1795271283'000000},
      {"2026-11-21T09:58:03-04:30", 1795271283'000000},
      {"2024-02-29T00:00:00Z", 1709164800'000000},
      {"2016-12-31T23:59:60Z", 1483228800'000000},
      {"1969-12-31T23:59:59Z", -1'000000},
  };
  for (const auto& row : rows) {
    const auto time = parse_rfc3339(row.text);
    ASSERT_TRUE(time) << row.text << ": " << time.error().message;
    EXPECT_EQ(time->time_since_epoch().count(), row.micros) << row.text;
  }
}

TEST(Rfc3339, RefusesWhatIsNotATime) {
  for (const std::string_view text :
       {"", "2026-11-21", "2026-11-21T14:28:03", "2026-11-21 14:28:03Z", "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T14:60:03Z",
        "2026-11-21T14:28:61Z", "2026-11-21T14:28:03.Z", "2026-11-21T14:28:03Zx",
        "2026-11-21T14:28:03+0100", "2026-11-21T14:28:03+24:00", "26-11-21T14:28:03Z",
        "2026-11-21T14:28:03,5Z", "2026-00-21T14:28:03Z", "2026-11-00T14:28:03Z"}) {
    const auto time = parse_rfc3339(text);
    ASSERT_FALSE(time) << text;
    EXPECT_EQ(time.error().code, ErrorCode::Decode);
  }
}

TEST(Rfc3339, WritesSecondsForTimeAndMicrosecondsForMicroTime) {
  EXPECT_EQ(format_rfc3339(at_micros(1795271283'999999)), "2026-11-21T14:28:03Z");
  EXPECT_EQ(format_rfc3339_micro(at_micros(1795271283'000042)), "2026-11-21T14:28:03.000042Z");
  EXPECT_EQ(format_rfc3339(at_micros(-1)), "1969-12-31T23:59:59Z");
  EXPECT_EQ(format_rfc3339_micro(at_micros(-1)), "1969-12-31T23:59:59.999999Z");
}

RC_GTEST_PROP(Rfc3339, WrittenTimesReadBack, ()) {
  const auto micros =
      *rc::gen::inRange<std::int64_t>(-62'135'596'800'000'000, 253'402'300'799'999'999);
  const WallTime time = at_micros(micros);
  RC_ASSERT(parse_rfc3339(format_rfc3339_micro(time)).value() == time);
  RC_ASSERT(parse_rfc3339(format_rfc3339(time)).value() == truncate_to_seconds(time));
}

TEST(GoDuration, ReadsWhatGoReads) {
  const struct {
    std::string_view text;
    std::int64_t nanos;
  } rows[] = {
      {"0", 0},
      {"+0", 0},
      {"-0", 0},
      {"5s", 5'000'000'000},
      {"30s", 30'000'000'000},
      {"1478s", 1'478'000'000'000},
      {"-5s", -5'000'000'000},
      {"+5s", 5'000'000'000},
      {"5.0s", 5'000'000'000},
      {"5.6s", 5'600'000'000},
      {"5.s", 5'000'000'000},
      {".5s", 500'000'000},
      {"1.004s", 1'004'000'000},
      {"10ns", 10},
      {"11us", 11'000},
      {"12\xC2\xB5s", 12'000},
      {"12\xCE\xBCs", 12'000},
      {"13ms", 13'000'000},
      {"1h30m", 5'400'000'000'000},
      {"-1m3.5s", -63'500'000'000},
      {"1h2m3s4ms5us6ns", 3'723'004'005'006},
      {"39h9m14.425s", 140'954'425'000'000},
      {"0.3333333333333333333h", 1'200'000'000'000},
      {"0.100000000000000000000h", 360'000'000'000},
      {"9223372036854775807ns", 9'223'372'036'854'775'807},
      {"-9223372036854775808ns", std::numeric_limits<std::int64_t>::min()},
  };
  for (const auto& row : rows) {
    const auto d = parse_go_duration(row.text);
    ASSERT_TRUE(d) << row.text << ": " << d.error().message;
    EXPECT_EQ(d->count(), row.nanos) << row.text;
  }
}

TEST(GoDuration, RefusesInGosOwnWords) {
  const struct {
    std::string_view text, message;
  } rows[] = {
      {"", "time: invalid duration \"\""},
      {"3", "time: missing unit in duration \"3\""},
      {"-", "time: invalid duration \"-\""},
      {"s", "time: invalid duration \"s\""},
      {".", "time: invalid duration \".\""},
      {"-.s", "time: invalid duration \"-.s\""},
      {"10 minutes", "time: unknown unit \" minutes\" in duration \"10 minutes\""},
      {"1d", "time: unknown unit \"d\" in duration \"1d\""},
      {"1h30", "time: missing unit in duration \"1h30\""},
      {"\"x", "time: invalid duration \"\\\"x\""},
      {"9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""},
      {"-9223372036854775809ns", "time: invalid duration \"-9223372036854775809ns\""},
      {"9223372036854ms775us808ns", "time: invalid duration \"9223372036854ms775us808ns\""},
      {"9223372036854775808ns9223372036854775808ns",
       "time: invalid duration \"9223372036854775808ns9223372036854775808ns\""},
      {"3000000h", "time: invalid duration \"3000000h\""},
  };
  for (const auto& row : rows) {
    const auto d = parse_go_duration(row.text);
    ASSERT_FALSE(d) << row.text;
    EXPECT_EQ(d.error().code, ErrorCode::Invalid);
    EXPECT_EQ(d.error().message, row.message);
  }
}

TEST(GoDuration, WritesAsGoPrintsIt) {
  const struct {
    std::int64_t nanos;
    std::string_view text;
  } rows[] = {
      {0, "0s"},
      {1, "1ns"},
      {1'100, "1.1\xC2\xB5s"},
      {2'200'000, "2.2ms"},
      {3'300'000'000, "3.3s"},
      {1'500'000'000, "1.5s"},
      {60'000'000'000, "1m0s"},
      {245'000'000'000, "4m5s"},
      {245'001'000'000, "4m5.001s"},
      {5'400'000'000'000, "1h30m0s"},
      {3'600'000'000'000, "1h0m0s"},
      {18'367'001'000'000, "5h6m7.001s"},
      {-1'000'000, "-1ms"},
      {std::numeric_limits<std::int64_t>::min(), "-2562047h47m16.854775808s"},
      {std::numeric_limits<std::int64_t>::max(), "2562047h47m16.854775807s"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(format_go_duration(std::chrono::nanoseconds(row.nanos)), row.text);
}

RC_GTEST_PROP(GoDuration, WrittenDurationsReadBack, (std::int64_t nanos)) {
  // Fractions go through a double in Go as well: whole microseconds within a year are exact.
  const std::chrono::nanoseconds d(nanos % 31'536'000'000'000'000 / 1000 * 1000);
  RC_ASSERT(parse_go_duration(format_go_duration(d)).value() == d);
}

}  // namespace
}  // namespace sluice
