#include "base/time.h"

#include <fmt/core.h>

#include <limits>

namespace sluice {

namespace {

// A cursor over ASCII text; every reader says whether it found what it wanted.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  [[nodiscard]] bool done() const { return text_.empty(); }
  [[nodiscard]] char peek() const { return text_.empty() ? '\0' : text_.front(); }
  bool take(char a, char b) {
    if (text_.empty() || (text_.front() != a && text_.front() != b)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool take(char a) { return take(a, a); }
  // Exactly `digits` decimal digits with a value in [min, max].
  bool number(int digits, int min, int max, int& out) {
    if (text_.size() < static_cast<std::size_t>(digits)) return false;
    int value = 0;
    for (int i = 0; i < digits; ++i) {
      const char c = text_[static_cast<std::size_t>(i)];
      if (c < '0' || c > '9') return false;
      value = value * 10 + (c - '0');
    }
    text_.remove_prefix(static_cast<std::size_t>(digits));
    out = value;
    return value >= min && value <= max;
  }
  // One or more digits after the point, as microseconds; finer digits are cut off.
  bool fraction(std::int64_t& micros) {
    std::int64_t unit = 100'000;
    bool any = false;
    while (!text_.empty() && text_.front() >= '0' && text_.front() <= '9') {
      micros += unit * (text_.front() - '0');
      unit /= 10;
      any = true;
      text_.remove_prefix(1);
    }
    return any;
  }

 private:
  std::string_view text_;
};

struct Stamp {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  int offset_hours = 0, offset_minutes = 0, offset_sign = 0;
  std::int64_t micros = 0;
};

bool read_offset(Reader& in, Stamp& s) {
  if (in.take('z', 'Z')) return in.done();
  s.offset_sign = in.peek() == '-' ? -1 : 1;
  return in.take('+', '-') && in.number(2, 0, 23, s.offset_hours) && in.take(':') &&
         in.number(2, 0, 59, s.offset_minutes) && in.done();
}

bool read_stamp(std::string_view text, Stamp& s) {
  Reader in(text);
  const bool date = in.number(4, 0, 9999, s.year) && in.take('-') && in.number(2, 1, 12, s.month) &&
                    in.take('-') && in.number(2, 1, 31, s.day) && in.take('T', 't');
  // Second 60 is a leap second: it becomes the first moment of the next minute.
  const bool time = date && in.number(2, 0, 23, s.hour) && in.take(':') &&
                    in.number(2, 0, 59, s.minute) && in.take(':') && in.number(2, 0, 60, s.second);
  if (!time || (in.take('.') && !in.fraction(s.micros))) return false;
  return read_offset(in, s);
}

struct Civil {
  std::chrono::year_month_day date;
  std::int64_t second_of_day = 0;
  std::int64_t micros = 0;
};

Civil to_civil(WallTime t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const auto rest = t - day;
  const auto seconds = std::chrono::floor<Seconds>(rest);
  return {std::chrono::year_month_day(day), seconds.count(), (rest - seconds).count()};
}

std::string civil_text(const Civil& c) {
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(c.date.year()),
                     static_cast<unsigned>(c.date.month()), static_cast<unsigned>(c.date.day()),
                     c.second_of_day / 3600, c.second_of_day / 60 % 60, c.second_of_day % 60);
}

// ---- Go durations ----

constexpr std::uint64_t kLimit = 1ULL << 63U;  // magnitude of the most negative duration

std::uint64_t unit_nanos(std::string_view unit) {
  if (unit == "ns") return 1;
  if (unit == "us" || unit == "\xC2\xB5s" || unit == "\xCE\xBCs") return 1'000;
  if (unit == "ms") return 1'000'000;
  if (unit == "s") return 1'000'000'000;
  if (unit == "m") return 60'000'000'000;
  if (unit == "h") return 3'600'000'000'000;
  return 0;
}

// As Go's time package quotes its input: bytes outside printable ASCII as \xNN.
std::string quote_ascii(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto b = static_cast<unsigned char>(c);
    if (b >= 0x80 || b < ' ') {
      out += fmt::format("\\x{:02x}", b);
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + '"';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// One "12.5m" of a duration. `text` is advanced past it.
struct Term {
  enum class Trouble { None, Syntax, MissingUnit, UnknownUnit };
  Trouble trouble = Trouble::None;
  std::uint64_t nanos = 0;
  std::string_view unit;
};

// Digits as an integer; false on overflow of the duration's range.
bool read_whole(std::string_view& text, std::uint64_t& value, bool& any) {
  while (!text.empty() && is_digit(text.front())) {
    if (value > kLimit / 10) return false;
    value = value * 10 + static_cast<std::uint64_t>(text.front() - '0');
    if (value > kLimit) return false;
    any = true;
    text.remove_prefix(1);
  }
  return true;
}

// Digits after the point; those beyond 63 bits are read and dropped.
void read_fraction(std::string_view& text, std::uint64_t& value, double& scale, bool& any) {
  bool full = false;
  while (!text.empty() && is_digit(text.front())) {
    any = true;
    const auto digit = static_cast<std::uint64_t>(text.front() - '0');
    text.remove_prefix(1);
    if (full || value > (kLimit - 1) / 10 || value * 10 + digit > kLimit) {
      full = true;
      continue;
    }
    value = value * 10 + digit;
    scale *= 10;
  }
}

Term read_term(std::string_view& text) {
  Term term;
  std::uint64_t whole = 0;
  std::uint64_t fraction = 0;
  double scale = 1;
  bool any = false;
  if (!read_whole(text, whole, any)) return {Term::Trouble::Syntax, 0, {}};
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    read_fraction(text, fraction, scale, any);
  }
  if (!any) return {Term::Trouble::Syntax, 0, {}};
  std::size_t length = 0;
  while (length < text.size() && text[length] != '.' && !is_digit(text[length])) ++length;
  if (length == 0) return {Term::Trouble::MissingUnit, 0, {}};
  term.unit = text.substr(0, length);
  text.remove_prefix(length);
  const std::uint64_t nanos = unit_nanos(term.unit);
  if (nanos == 0) return {Term::Trouble::UnknownUnit, 0, term.unit};
  if (whole > kLimit / nanos) return {Term::Trouble::Syntax, 0, {}};
  term.nanos = whole * nanos;
  if (fraction > 0) {
    const double part = static_cast<double>(fraction) * (static_cast<double>(nanos) / scale);
    term.nanos += static_cast<std::uint64_t>(part);
    if (term.nanos > kLimit) return {Term::Trouble::Syntax, 0, {}};
  }
  return term;
}

tl::unexpected<Error> duration_trouble(const Term& term, std::string_view text) {
  switch (term.trouble) {
    case Term::Trouble::MissingUnit:
      return fail(ErrorCode::Invalid, "time: missing unit in duration " + quote_ascii(text));
    case Term::Trouble::UnknownUnit:
      return fail(ErrorCode::Invalid, "time: unknown unit " + quote_ascii(term.unit) +
                                          " in duration " + quote_ascii(text));
    case Term::Trouble::None:
    case Term::Trouble::Syntax:
      break;
  }
  return fail(ErrorCode::Invalid, "time: invalid duration " + quote_ascii(text));
}

// `value` in units of 10^digits, without trailing zeros: 1500, 3 → "1.5".
std::string decimal_text(std::uint64_t value, int digits) {
  std::uint64_t power = 1;
  for (int i = 0; i < digits; ++i) power *= 10;
  std::string out = std::to_string(value / power);
  if (value % power == 0) return out;
  std::string rest = fmt::format("{:0{}}", value % power, digits);
  while (rest.back() == '0') rest.pop_back();
  return out + "." + rest;
}

}  // namespace

std::string format_rfc3339(WallTime t) {
  return civil_text(to_civil(t)) + "Z";
}

std::string format_rfc3339_micro(WallTime t) {
  const Civil c = to_civil(t);
  return fmt::format("{}.{:06}Z", civil_text(c), c.micros);
}

Result<WallTime> parse_rfc3339(std::string_view text) {
  Stamp s;
  const auto bad = [&] {
    return fail(ErrorCode::Decode, fmt::format("not an RFC 3339 time: {}", quote_ascii(text)));
  };
  if (!read_stamp(text, s)) return bad();
  const std::chrono::year_month_day date(std::chrono::year(s.year),
                                         std::chrono::month(static_cast<unsigned>(s.month)),
                                         std::chrono::day(static_cast<unsigned>(s.day)));
  if (!date.ok()) return bad();
  const std::chrono::hours hours(s.hour - s.offset_sign * s.offset_hours);
  const std::chrono::minutes minutes(s.minute - s.offset_sign * s.offset_minutes);
  return WallTime(std::chrono::sys_days(date)) + hours + minutes + Seconds(s.second) +
         Micros(s.micros);
}

Result<std::chrono::nanoseconds> parse_go_duration(std::string_view text) {
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) {
    negative = rest.front() == '-';
    rest.remove_prefix(1);
  }
  if (rest == "0") return std::chrono::nanoseconds(0);
  if (rest.empty()) return duration_trouble({Term::Trouble::Syntax, 0, {}}, text);
  std::uint64_t total = 0;
  while (!rest.empty()) {
    const Term term = read_term(rest);
    if (term.trouble != Term::Trouble::None) return duration_trouble(term, text);
    if (term.nanos > kLimit - total) return duration_trouble({Term::Trouble::Syntax, 0, {}}, text);
    total += term.nanos;
  }
  if (negative && total == kLimit)
    return std::chrono::nanoseconds(std::numeric_limits<std::int64_t>::min());
  if (total == kLimit) return duration_trouble({Term::Trouble::Syntax, 0, {}}, text);
  const auto nanos = static_cast<std::int64_t>(total);
  return std::chrono::nanoseconds(negative ? -nanos : nanos);
}

std::string format_go_duration(std::chrono::nanoseconds d) {
  if (d.count() == 0) return "0s";
  const bool negative = d.count() < 0;
  const auto bits = static_cast<std::uint64_t>(d.count());
  const std::uint64_t n = negative ? 0 - bits : bits;
  std::string out;
  if (n < 1'000) {
    out = fmt::format("{}ns", n);
  } else if (n < 1'000'000) {
    out = decimal_text(n, 3) + "\xC2\xB5s";
  } else if (n < 1'000'000'000) {
    out = decimal_text(n, 6) + "ms";
  } else {
    const std::uint64_t hours = n / 3'600'000'000'000ULL;
    const std::uint64_t minutes = n / 60'000'000'000ULL;
    if (hours > 0) out += fmt::format("{}h", hours);
    if (minutes > 0) out += fmt::format("{}m", minutes % 60);
    out += decimal_text(n % 60'000'000'000ULL, 9) + "s";
  }
  return negative ? "-" + out : out;
}

}  // namespace sluice
