#include "analysis/expr/time_format.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>

#include "analysis/expr/layout.h"
#include "analysis/expr/quote.h"
#include "analysis/expr/runtime_error.h"

namespace sluice::analysis::expr {
namespace {

constexpr std::array<const char*, 12> kMonths = {"January",   "February", "March",    "April",
                                                 "May",       "June",     "July",     "August",
                                                 "September", "October",  "November", "December"};
constexpr std::array<const char*, 7> kWeekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                  "Thursday", "Friday", "Saturday"};

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
}

std::string offset_text(std::int32_t offset, std::string_view form) {
  std::string out = offset < 0 ? "-" : "+";
  const int seconds = std::abs(offset);
  out += fmt::format("{:02}", seconds / 3600);
  const bool colon = form.find(':') != std::string_view::npos;
  const std::size_t digits = form.size() - 1 - (colon ? (form.size() > 6 ? 2 : 1) : 0);
  if (digits >= 4) out += fmt::format("{}{:02}", colon ? ":" : "", seconds / 60 % 60);
  if (digits >= 6) out += fmt::format("{}{:02}", colon ? ":" : "", seconds % 60);
  return out;
}

std::string fraction_text(std::int32_t nanos, std::string_view form) {
  std::string digits = fmt::format("{:09}", nanos);
  digits.resize(std::min<std::size_t>(form.size() - 1, 9));
  if (form[1] == '9') {
    while (!digits.empty() && digits.back() == '0') digits.pop_back();
    if (digits.empty()) return "";
  }
  return form[0] + digits;
}

std::string year_text(std::int64_t year) {
  return year < 0 ? fmt::format("-{:04}", -year) : fmt::format("{:04}", year);
}

int hour12(int hour) {
  return hour % 12 == 0 ? 12 : hour % 12;
}

std::string element_text(const LayoutChunk& chunk, const Civil& c, std::int32_t nanos) {
  using E = LayoutElement;
  switch (chunk.element) {
    case E::None:
      return "";
    case E::LongMonth:
      return month_name(c.month);
    case E::Month:
      return month_name(c.month).substr(0, 3);
    case E::NumericMonth:
      return std::to_string(c.month);
    case E::ZeroMonth:
      return fmt::format("{:02}", c.month);
    case E::LongWeekday:
      return weekday_name(c.weekday);
    case E::Weekday:
      return weekday_name(c.weekday).substr(0, 3);
    case E::Day:
      return std::to_string(c.day);
    case E::SpaceDay:
      return fmt::format("{:2}", c.day);
    case E::ZeroDay:
      return fmt::format("{:02}", c.day);
    case E::SpaceYearDay:
      return fmt::format("{:3}", c.year_day);
    case E::ZeroYearDay:
      return fmt::format("{:03}", c.year_day);
    case E::Hour24:
      return fmt::format("{:02}", c.hour);
    case E::Hour12:
      return std::to_string(hour12(c.hour));
    case E::ZeroHour12:
      return fmt::format("{:02}", hour12(c.hour));
    case E::Minute:
      return std::to_string(c.minute);
    case E::ZeroMinute:
      return fmt::format("{:02}", c.minute);
    case E::Second:
      return std::to_string(c.second);
    case E::ZeroSecond:
      return fmt::format("{:02}", c.second);
    case E::LongYear:
      return year_text(c.year);
    case E::ShortYear:
      return fmt::format("{:02}", std::abs(c.year % 100));
    case E::UpperHalf:
      return c.hour >= 12 ? "PM" : "AM";
    case E::LowerHalf:
      return c.hour >= 12 ? "pm" : "am";
    case E::ZoneName:
      return c.offset.abbreviation.empty() ? offset_text(c.offset.seconds, "-0700")
                                           : c.offset.abbreviation;
    case E::OffsetOrZ:
      if (c.offset.seconds == 0) return "Z";
      return offset_text(c.offset.seconds, chunk.text);
    case E::Offset:
      return offset_text(c.offset.seconds, chunk.text);
    case E::FixedFraction:
    case E::LooseFraction:
      return fraction_text(nanos, chunk.text);
  }
  return "";
}

}  // namespace

std::int64_t days_from_civil(std::int64_t year, std::int64_t month, std::int64_t day) {
  year += floor_div(month - 1, 12);
  month = (month - 1) - floor_div(month - 1, 12) * 12 + 1;
  // Years that start in March put the leap day last.
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = floor_div(y, 400);
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468 + day - 1;
}

bool is_leap_year(std::int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int days_in_month(std::int64_t year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap_year(year) ? 29 : kDays[month - 1];
}

Civil civil_of(const Instant& instant) {
  Civil out;
  out.offset = instant.zone ? instant.zone->at(instant.seconds) : ZoneOffset{0, "UTC"};
  const std::int64_t local = instant.seconds + out.offset.seconds;
  const std::int64_t days = floor_div(local, 86'400);
  const std::int64_t rest = local - days * 86'400;
  out.hour = static_cast<int>(rest / 3600);
  out.minute = static_cast<int>(rest / 60 % 60);
  out.second = static_cast<int>(rest % 60);
  out.weekday = static_cast<int>(((days + 4) % 7 + 7) % 7);
  const std::int64_t shifted = days + 719'468;
  const std::int64_t era = floor_div(shifted, 146'097);
  const std::int64_t day_of_era = shifted - era * 146'097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month = (5 * day_of_year + 2) / 153;
  out.day = static_cast<int>(day_of_year - (153 * month + 2) / 5 + 1);
  out.month = static_cast<int>(month < 10 ? month + 3 : month - 9);
  out.year = year_of_era + era * 400 + (out.month <= 2 ? 1 : 0);
  out.year_day = static_cast<int>(days - days_from_civil(out.year, 1, 1) + 1);
  return out;
}

std::int64_t iso_week_year(const Civil& civil) {
  // The week belongs to the year that holds its Thursday.
  const int monday_based = (civil.weekday + 6) % 7;
  const int thursday = civil.year_day + 3 - monday_based;
  if (thursday < 1) return civil.year - 1;
  return thursday > (is_leap_year(civil.year) ? 366 : 365) ? civil.year + 1 : civil.year;
}

std::string month_name(int month) {
  if (month < 1 || month > 12) return fmt::format("%!Month({})", month);
  return kMonths[static_cast<std::size_t>(month - 1)];
}

std::string weekday_name(int weekday) {
  if (weekday < 0 || weekday > 6) return fmt::format("%!Weekday({})", weekday);
  return kWeekdays[static_cast<std::size_t>(weekday)];
}

std::string format_time(const Instant& instant, std::string_view layout) {
  const Civil civil = civil_of(instant);
  std::string out;
  while (true) {
    const LayoutChunk chunk = next_chunk(layout);
    out.append(chunk.prefix);
    if (chunk.element == LayoutElement::None) return out;
    out += element_text(chunk, civil, instant.nanos);
    layout = chunk.rest;
  }
}

std::string time_text(const Instant& instant) {
  return format_time(instant, "2006-01-02 15:04:05.999999999 -0700 MST");
}

std::string rfc3339_text(const Instant& instant) {
  return format_time(instant, "2006-01-02T15:04:05.999999999Z07:00");
}

}  // namespace sluice::analysis::expr
