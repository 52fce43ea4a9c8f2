#include "analysis/expr/zone.h"

#include <algorithm>

#include "analysis/expr/time_format.h"

namespace sluice::analysis::expr {
namespace {

constexpr std::int64_t kDay = 86'400;

std::int64_t big_endian(std::string_view bytes, std::size_t at, int width) {
  std::uint64_t value = 0;
  for (int i = 0; i < width; ++i) {
    value = (value << 8) | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
  }
  if (width == 4) return static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
  return static_cast<std::int64_t>(value);
}

// The six counts of a TZif header.
struct Header {
  std::size_t utc_flags, standard_flags, leaps, times, types, characters;
  [[nodiscard]] std::size_t block_size(std::size_t width) const {
    return times * (width + 1) + types * 6 + characters + leaps * (width + 4) + standard_flags +
           utc_flags;
  }
};

constexpr std::size_t kHeaderSize = 44;

std::optional<Header> read_header(std::string_view bytes) {
  if (bytes.size() < kHeaderSize || !bytes.starts_with("TZif")) return std::nullopt;
  std::size_t counts[6];
  for (std::size_t i = 0; i < 6; ++i) {
    const std::int64_t count = big_endian(bytes, 20 + 4 * i, 4);
    if (count < 0 || count > 1'000'000) return std::nullopt;
    counts[i] = static_cast<std::size_t>(count);
  }
  return Header{counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]};
}

// Reads a POSIX TZ text from the front.
class RuleText {
 public:
  explicit RuleText(std::string_view text) : text_(text) {}

  [[nodiscard]] bool done() const { return text_.empty(); }
  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::optional<std::string> abbreviation() {
    const bool quoted = take('<');
    std::size_t length = 0;
    while (length < text_.size() && in_name(text_[length], quoted)) ++length;
    if (length < 3) return std::nullopt;
    std::string out(text_.substr(0, length));
    text_.remove_prefix(length);
    if (quoted && !take('>')) return std::nullopt;
    return out;
  }
  std::optional<int> number() {
    int value = 0;
    std::size_t length = 0;
    while (length < text_.size() && length < 4 && text_[length] >= '0' && text_[length] <= '9') {
      value = value * 10 + (text_[length++] - '0');
    }
    if (length == 0) return std::nullopt;
    text_.remove_prefix(length);
    return value;
  }
  // [+-]h[:m[:s]] in seconds.
  std::optional<std::int32_t> clock() {
    const bool negative = take('-');
    if (!negative) take('+');
    std::int32_t total = 0;
    for (std::int32_t unit = 3600; unit > 0; unit /= 60) {
      if (unit != 3600 && !take(':')) break;
      const auto part = number();
      if (!part) return std::nullopt;
      total += *part * unit;
    }
    return negative ? -total : total;
  }
  [[nodiscard]] char peek() const { return text_.empty() ? '\0' : text_.front(); }

 private:
  static bool in_name(char c, bool quoted) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (quoted && c != '>');
  }
  std::string_view text_;
};

}  // namespace

std::shared_ptr<const Zone> Zone::utc() {
  return fixed("UTC", 0);
}

std::shared_ptr<const Zone> Zone::fixed(std::string name, std::int32_t offset_seconds) {
  auto zone = std::make_shared<Zone>();
  zone->name_ = name;
  zone->types_.push_back(Type{offset_seconds, false, std::move(name)});
  return zone;
}

std::shared_ptr<const Zone> Zone::from_tzif(std::string name, std::string_view bytes) {
  auto zone = std::make_shared<Zone>();
  zone->name_ = std::move(name);
  const auto first = read_header(bytes);
  if (!first) return nullptr;
  const std::size_t first_end = kHeaderSize + first->block_size(4);
  if (first_end > bytes.size()) return nullptr;
  if (bytes[4] == '\0') {
    return zone->read_block(bytes, 4) ? zone : nullptr;
  }
  // Later versions repeat everything with 64 bits and end with a rule for the time after it.
  bytes.remove_prefix(first_end);
  const auto second = read_header(bytes);
  if (!second || !zone->read_block(bytes, 8)) return nullptr;
  std::string_view footer = bytes.substr(kHeaderSize + second->block_size(8));
  if (footer.size() < 2 || footer.front() != '\n') return zone;
  footer.remove_prefix(1);
  footer = footer.substr(0, footer.find('\n'));
  if (!footer.empty()) zone->footer_ = parse_footer(footer);
  return zone;
}

bool Zone::read_block(std::string_view block, int width) {
  const auto header = read_header(block);
  if (!header || header->types == 0) return false;
  const auto w = static_cast<std::size_t>(width);
  if (kHeaderSize + header->block_size(w) > block.size()) return false;
  const std::size_t indexes = kHeaderSize + header->times * w;
  const std::size_t types = indexes + header->times;
  const std::string_view characters = block.substr(types + header->types * 6, header->characters);
  for (std::size_t i = 0; i < header->types; ++i) {
    const std::size_t at = types + i * 6;
    const auto offset = static_cast<std::int32_t>(big_endian(block, at, 4));
    const auto name_at = static_cast<unsigned char>(block[at + 5]);
    if (name_at >= characters.size() || offset < -2 * kDay || offset > 2 * kDay) return false;
    const std::string_view name = characters.substr(name_at);
    types_.push_back(
        Type{offset, block[at + 4] != 0, std::string(name.substr(0, name.find('\0')))});
  }
  for (std::size_t i = 0; i < header->times; ++i) {
    const auto type = static_cast<std::uint8_t>(block[indexes + i]);
    if (type >= types_.size()) return false;
    transitions_.push_back({big_endian(block, kHeaderSize + i * w, width), type});
  }
  return std::is_sorted(transitions_.begin(), transitions_.end(),
                        [](const Transition& a, const Transition& b) { return a.when < b.when; });
}

std::optional<Zone::Footer> Zone::parse_footer(std::string_view text) {
  RuleText in(text);
  Footer footer;
  const auto standard = in.abbreviation();
  const auto offset = in.clock();
  if (!standard || !offset) return std::nullopt;
  // POSIX counts west of Greenwich.
  footer.standard = Type{-*offset, false, *standard};
  if (in.done()) return footer;
  const auto daylight = in.abbreviation();
  if (!daylight) return std::nullopt;
  footer.daylight = Type{-*offset + 3600, true, *daylight};
  if (in.peek() != ',') {
    const auto own = in.clock();
    if (!own) return std::nullopt;
    footer.daylight.offset = -*own;
  }
  for (Rule* rule : {&footer.start, &footer.end}) {
    if (!in.take(',')) return std::nullopt;
    const bool weekly = in.take('M');
    const bool julian = !weekly && in.take('J');
    rule->form = weekly   ? Rule::Form::MonthWeekDay
                 : julian ? Rule::Form::Julian
                          : Rule::Form::DayOfYear;
    const auto first = in.number();
    if (!first) return std::nullopt;
    rule->day = *first;
    if (weekly) {
      const bool dot = in.take('.');
      const auto week = in.number();
      const bool second_dot = in.take('.');
      const auto day = in.number();
      if (!dot || !week || !second_dot || !day || *first < 1 || *first > 12) return std::nullopt;
      rule->month = *first;
      rule->week = *week;
      rule->day = *day;
    }
    if (in.take('/')) {
      const auto time = in.clock();
      if (!time) return std::nullopt;
      rule->time = *time;
    }
  }
  footer.has_daylight = true;
  return in.done() ? std::optional(footer) : std::nullopt;
}

std::int64_t Zone::rule_instant(const Rule& rule, std::int64_t year, std::int32_t offset) {
  std::int64_t day = 0;
  switch (rule.form) {
    case Rule::Form::Julian:  // from 1, February 29 is never counted
      day = days_from_civil(year, 1, 1) + rule.day - 1 +
            (is_leap_year(year) && rule.day >= 60 ? 1 : 0);
      break;
    case Rule::Form::DayOfYear:
      day = days_from_civil(year, 1, 1) + rule.day;
      break;
    case Rule::Form::MonthWeekDay: {
      const std::int64_t first = days_from_civil(year, rule.month, 1);
      const std::int64_t weekday = ((first + 4) % 7 + 7) % 7;
      day = (rule.day - weekday + 7) % 7 + 7 * (rule.week - 1);
      while (day >= days_in_month(year, rule.month)) day -= 7;
      day += first;
      break;
    }
  }
  return day * kDay + rule.time - offset;
}

const Zone::Type& Zone::footer_type(std::int64_t unix_seconds) const {
  if (!footer_->has_daylight) return footer_->standard;
  const std::int64_t local = unix_seconds + footer_->standard.offset;
  const std::int64_t year = civil_of(Instant{local, 0, nullptr}).year;
  const std::int64_t start = rule_instant(footer_->start, year, footer_->standard.offset);
  const std::int64_t end = rule_instant(footer_->end, year, footer_->daylight.offset);
  const bool daylight = start < end ? unix_seconds >= start && unix_seconds < end
                                    : unix_seconds >= start || unix_seconds < end;
  return daylight ? footer_->daylight : footer_->standard;
}

ZoneOffset Zone::at(std::int64_t unix_seconds) const {
  const auto after = std::upper_bound(
      transitions_.begin(), transitions_.end(), unix_seconds,
      [](std::int64_t when, const Transition& transition) { return when < transition.when; });
  const Type* type = types_.data();
  if (after == transitions_.end() && footer_) {
    type = &footer_type(unix_seconds);
  } else if (after != transitions_.begin()) {
    type = &types_[std::prev(after)->type];
  } else {
    // Before the first transition the first type without daylight saving counts.
    for (const Type& candidate : types_) {
      if (candidate.dst) continue;
      type = &candidate;
      break;
    }
  }
  return {type->offset, type->abbreviation};
}

std::int64_t Zone::to_unix(std::int64_t local_seconds) const {
  // The offset on either side of the guess; where both fit the earlier instant wins.
  const std::int64_t before = local_seconds - at(local_seconds - kDay).seconds;
  if (at(before).seconds == local_seconds - before) return before;
  const std::int64_t after = local_seconds - at(local_seconds + kDay).seconds;
  if (at(after).seconds == local_seconds - after) return after;
  return before;
}

}  // namespace sluice::analysis::expr
