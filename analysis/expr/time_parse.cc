// Reading a time by a reference-time layout.
#include <algorithm>
#include <optional>

#include "analysis/expr/layout.h"
#include "analysis/expr/numbers.h"
#include "analysis/expr/quote.h"
#include "analysis/expr/runtime_error.h"
#include "analysis/expr/time_format.h"
#include "base/strings.h"

namespace sluice::analysis::expr {
namespace {

bool digit_at(std::string_view text, std::size_t at) {
  return at < text.size() && text[at] >= '0' && text[at] <= '9';
}

class TimeParser {
 public:
  TimeParser(std::string_view layout, std::string_view text, std::shared_ptr<const Zone> zone)
      : layout_(layout), text_(text), zone_(std::move(zone)), rest_(text) {}

  Instant run() {
    std::string_view layout = layout_;
    while (true) {
      const LayoutChunk chunk = next_chunk(layout);
      skip(chunk.prefix);
      if (chunk.element == LayoutElement::None) break;
      layout = chunk.rest;
      next_layout_ = layout;
      hold_ = rest_;
      if (!element(chunk)) cannot_parse(hold_, chunk.text);
      if (!out_of_range_.empty()) fault(": " + out_of_range_ + " out of range");
    }
    if (!rest_.empty()) fault(": extra text: " + quote_text(rest_));
    return finish();
  }

 private:
  [[noreturn]] void cannot_parse(std::string_view value, std::string_view wanted) const {
    raise("parsing time " + quote_text(text_) + " as " + quote_text(layout_) + ": cannot parse " +
          quote_text(value) + " as " + quote_text(wanted));
  }
  [[noreturn]] void fault(const std::string& what) const {
    raise("parsing time " + quote_text(text_) + what);
  }

  static std::string_view cut_spaces(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    return text;
  }

  // Literal text; a run of blanks matches any run of blanks.
  void skip(std::string_view prefix) {
    while (!prefix.empty()) {
      if (prefix.front() == ' ') {
        if (!rest_.empty() && rest_.front() != ' ') cannot_parse(rest_, prefix);
        prefix = cut_spaces(prefix);
        rest_ = cut_spaces(rest_);
        continue;
      }
      if (rest_.empty() || rest_.front() != prefix.front()) cannot_parse(rest_, prefix);
      prefix.remove_prefix(1);
      rest_.remove_prefix(1);
    }
  }

  // One or two digits (exactly two when `fixed`).
  bool two_digits(int& out, bool fixed) {
    if (!digit_at(rest_, 0)) return false;
    const bool two = digit_at(rest_, 1);
    if (!two && fixed) return false;
    return digits(out, two ? 2 : 1);
  }

  bool digits(int& out, std::size_t count) {
    out = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (!digit_at(rest_, i)) return false;
      out = out * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return true;
  }

  bool element(const LayoutChunk& chunk) {
    using E = LayoutElement;
    switch (chunk.element) {
      case E::LongYear:
        return digits(year_, 4);
      case E::ShortYear:
        if (!digits(year_, 2)) return false;
        year_ += year_ >= 69 ? 1900 : 2000;
        return true;
      case E::LongMonth:
        return name(month_, month_name, 1, 12, false);
      case E::Month:
        return name(month_, month_name, 1, 12, true);
      case E::NumericMonth:
      case E::ZeroMonth:
        if (!two_digits(month_, chunk.element == E::ZeroMonth)) return false;
        limit("month", month_ >= 1 && month_ <= 12);
        return true;
      case E::LongWeekday:
        return name(weekday_, weekday_name, 0, 6, false);
      case E::Weekday:
        return name(weekday_, weekday_name, 0, 6, true);
      case E::Day:
      case E::SpaceDay:
      case E::ZeroDay:
        if (chunk.element == E::SpaceDay && rest_.starts_with(' ')) rest_.remove_prefix(1);
        return two_digits(day_, chunk.element == E::ZeroDay);
      case E::SpaceYearDay:
      case E::ZeroYearDay:
        for (int i = 0; i < 2 && chunk.element == E::SpaceYearDay && rest_.starts_with(' '); ++i) {
          rest_.remove_prefix(1);
        }
        return digits(year_day_, 3);
      case E::UpperHalf:
        return half("PM", "AM");
      case E::LowerHalf:
        return half("pm", "am");
      case E::ZoneName:
        return zone_name();
      case E::OffsetOrZ:
        if (rest_.starts_with('Z')) {
          rest_.remove_prefix(1);
          utc_ = true;
          return true;
        }
        return offset(chunk.text);
      case E::Offset:
        return offset(chunk.text);
      case E::FixedFraction:
        return fixed_fraction(chunk.text.size());
      case E::LooseFraction:
        if (fraction_digits() > 0) fraction(fraction_digits());
        return true;
      case E::Hour24:
      case E::Hour12:
      case E::ZeroHour12:
      case E::Minute:
      case E::ZeroMinute:
      case E::Second:
      case E::ZeroSecond:
        return clock_element(chunk.element);
      case E::None:
        break;
    }
    return false;
  }

  bool clock_element(LayoutElement element) {
    using E = LayoutElement;
    if (element == E::Hour24) {
      if (!two_digits(hour_, false)) return false;
      limit("hour", hour_ < 24);
    } else if (element == E::Hour12 || element == E::ZeroHour12) {
      if (!two_digits(hour_, element == E::ZeroHour12)) return false;
      limit("hour", hour_ <= 12);
    } else if (element == E::Minute || element == E::ZeroMinute) {
      if (!two_digits(minute_, element == E::ZeroMinute)) return false;
      limit("minute", minute_ < 60);
    } else {
      if (!two_digits(second_, element == E::ZeroSecond)) return false;
      limit("second", second_ < 60);
      // A fraction may follow the seconds although the layout does not say so.
      const LayoutChunk following = next_chunk(next_layout_);
      const bool announced = following.prefix.empty() && (following.element == E::FixedFraction ||
                                                          following.element == E::LooseFraction);
      if (!announced && fraction_digits() > 0) fraction(fraction_digits());
    }
    return true;
  }

  void limit(const char* what, bool within) {
    if (!within) out_of_range_ = what;
  }

  bool name(int& out, std::string (*of)(int), int first, int last, bool abbreviated) {
    for (int i = first; i <= last; ++i) {
      std::string candidate = of(i);
      if (abbreviated) candidate.resize(3);
      if (!iequals(rest_.substr(0, candidate.size()), candidate)) continue;
      rest_.remove_prefix(candidate.size());
      out = i;
      return true;
    }
    return false;
  }

  bool half(std::string_view after, std::string_view before) {
    const std::string_view two = rest_.substr(0, 2);
    if (two != after && two != before) return false;
    afternoon_ = two == after;
    rest_.remove_prefix(2);
    return true;
  }

  // How many characters of ".123" stand here; 0 when none does.
  [[nodiscard]] std::size_t fraction_digits() const {
    if (rest_.size() < 2 || (rest_[0] != '.' && rest_[0] != ',') || !digit_at(rest_, 1)) return 0;
    std::size_t end = 1;
    while (digit_at(rest_, end)) ++end;
    return end;
  }

  void fraction(std::size_t length) {
    nanos_ = 0;
    for (std::size_t i = 1; i <= 9; ++i) {
      nanos_ = nanos_ * 10 + (i < length ? rest_[i] - '0' : 0);
    }
    rest_.remove_prefix(length);
  }

  bool fixed_fraction(std::size_t length) {
    if (fraction_digits() < length) return false;
    fraction(length);
    return true;
  }

  bool offset(std::string_view form) {
    const bool colon = form.find(':') != std::string_view::npos;
    const std::size_t parts = form.size() <= 3 ? 1 : form.size() <= 6 ? 2 : 3;
    if (rest_.empty() || (rest_[0] != '+' && rest_[0] != '-')) return false;
    const int sign = rest_[0] == '-' ? -1 : 1;
    rest_.remove_prefix(1);
    int values[3] = {0, 0, 0};
    for (std::size_t i = 0; i < parts; ++i) {
      if (i > 0 && colon) {
        if (!rest_.starts_with(':')) return false;
        rest_.remove_prefix(1);
      }
      if (!digits(values[i], 2)) return false;
    }
    limit("time zone offset hour", values[0] <= 24);
    limit("time zone offset minute", values[1] < 60);
    limit("time zone offset second", values[2] < 60);
    offset_ = sign * (values[0] * 3600 + values[1] * 60 + values[2]);
    return true;
  }

  bool zone_name() {
    if (rest_.starts_with("UTC")) {
      rest_.remove_prefix(3);
      utc_ = true;
      return true;
    }
    const std::size_t length = zone_name_length();
    if (length == 0) return false;
    zone_name_ = std::string(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return true;
  }

  [[nodiscard]] std::size_t signed_hours(std::string_view text) const {
    if (text.empty() || (text[0] != '+' && text[0] != '-')) return 0;
    std::size_t end = 1;
    while (digit_at(text, end)) ++end;
    const ParsedInteger hours = parse_integer(text.substr(0, end), 10);
    return hours.error == NumberError::None && hours.value > -24 && hours.value < 24 ? end : 0;
  }

  [[nodiscard]] std::size_t zone_name_length() const {
    if (rest_.size() < 3) return 0;
    if (rest_.starts_with("ChST") || rest_.starts_with("MeST")) return 4;
    if (rest_.starts_with("GMT")) return 3 + signed_hours(rest_.substr(3));
    if (rest_[0] == '+' || rest_[0] == '-') return signed_hours(rest_);
    std::size_t letters = 0;
    while (letters < 6 && letters < rest_.size() && rest_[letters] >= 'A' &&
           rest_[letters] <= 'Z') {
      ++letters;
    }
    if (letters == 3) return 3;
    if (letters == 4) return rest_[3] == 'T' || rest_.starts_with("WITA") ? 4 : 0;
    return letters == 5 && rest_[4] == 'T' ? 5 : 0;
  }

  void resolve_day() {
    if (year_day_ >= 0) {
      if (year_day_ < 1 || year_day_ > (is_leap_year(year_) ? 366 : 365)) {
        fault(": day-of-year out of range");
      }
      const Civil civil =
          civil_of(Instant{(days_from_civil(year_, 1, 1) + year_day_ - 1) * 86'400, 0, nullptr});
      if ((month_ >= 0 && month_ != civil.month) || (day_ >= 0 && day_ != civil.day)) {
        fault(": day-of-year does not match " + std::string(month_ >= 0 ? "month" : "day"));
      }
      month_ = civil.month;
      day_ = civil.day;
    }
    if (month_ < 0) month_ = 1;
    if (day_ < 0) day_ = 1;
    if (day_ < 1 || day_ > days_in_month(year_, month_)) fault(": day out of range");
  }

  Instant finish() {
    if (afternoon_) {
      if (*afternoon_ && hour_ < 12) hour_ += 12;
      if (!*afternoon_ && hour_ == 12) hour_ = 0;
    }
    resolve_day();
    const std::int64_t local =
        days_from_civil(year_, month_, day_) * 86'400 + hour_ * 3'600 + minute_ * 60 + second_;
    if (utc_) return Instant{local, nanos_, nullptr};
    if (offset_) return with_offset(local - *offset_, *offset_);
    if (!zone_name_.empty()) return with_name(local);
    return Instant{zone_ ? zone_->to_unix(local) : local, nanos_, zone_};
  }

  // The zone asked for if it has that offset then, else one without a name.
  [[nodiscard]] Instant with_offset(std::int64_t unix, std::int32_t offset) const {
    const ZoneOffset here = zone_ ? zone_->at(unix) : ZoneOffset{0, "UTC"};
    const bool same =
        here.seconds == offset && (zone_name_.empty() || here.abbreviation == zone_name_);
    return Instant{unix, nanos_, same ? zone_ : Zone::fixed(zone_name_, offset)};
  }

  // A name tells an offset only in its own zone; elsewhere it is just a name.
  [[nodiscard]] Instant with_name(std::int64_t local) const {
    if (zone_) {
      const std::int64_t unix = zone_->to_unix(local);
      if (zone_->at(unix).abbreviation == zone_name_) return Instant{unix, nanos_, zone_};
    }
    std::int32_t offset = 0;
    if (zone_name_.size() > 3 && zone_name_.starts_with("GMT")) {
      offset = static_cast<std::int32_t>(
          parse_integer(std::string_view(zone_name_).substr(3), 10).value * 3600);
    }
    return Instant{local - offset, nanos_, Zone::fixed(zone_name_, offset)};
  }

  std::string_view layout_;
  std::string_view text_;
  std::shared_ptr<const Zone> zone_;
  std::string_view rest_;
  std::string_view hold_;
  std::string_view next_layout_;
  std::string out_of_range_;
  int year_ = 0, month_ = -1, day_ = -1, year_day_ = -1, weekday_ = 0;
  int hour_ = 0, minute_ = 0, second_ = 0, nanos_ = 0;
  std::optional<bool> afternoon_;
  bool utc_ = false;
  std::optional<std::int32_t> offset_;
  std::string zone_name_;
};

}  // namespace

Instant parse_time(std::string_view layout, std::string_view text,
                   const std::shared_ptr<const Zone>& zone) {
  return TimeParser(layout, text, zone).run();
}

}  // namespace sluice::analysis::expr
