// Durations as text, with the error texts of expressions.md §10.5.
#include <limits>
#include <optional>
#include <utility>

#include "analysis/expr/quote.h"
#include "analysis/expr/runtime_error.h"
#include "analysis/expr/time_format.h"
#include "base/time.h"

namespace sluice::analysis::expr {
namespace {

constexpr std::uint64_t kLimit = std::uint64_t{1} << 63;

std::optional<std::uint64_t> unit_nanos(std::string_view unit) {
  static constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"ns", 1},
      {"us", 1'000},
      {"\xC2\xB5s", 1'000},  // micro sign
      {"\xCE\xBCs", 1'000},  // Greek mu
      {"ms", 1'000'000},
      {"s", 1'000'000'000},
      {"m", 60'000'000'000},
      {"h", 3'600'000'000'000},
  };
  for (const auto& [name, nanos] : kUnits) {
    if (name == unit) return nanos;
  }
  return std::nullopt;
}

bool is_duration_digit(char c) {
  return c >= '0' && c <= '9';
}

// One "12.5h" after another.
class DurationReader {
 public:
  DurationReader(std::string_view original, std::string_view text)
      : original_(original), text_(text) {}

  std::uint64_t run() {
    while (!text_.empty()) component();
    return total_;
  }

 private:
  [[noreturn]] void invalid() const { raise("time: invalid duration " + quote_text(original_)); }

  void component() {
    if (text_.front() != '.' && !is_duration_digit(text_.front())) invalid();
    const std::size_t before = text_.size();
    std::uint64_t whole = 0;
    while (!text_.empty() && is_duration_digit(text_.front())) {
      const auto digit = static_cast<unsigned>(text_.front() - '0');
      if (whole > kLimit / 10 || whole * 10 + digit > kLimit) invalid();
      whole = whole * 10 + digit;
      text_.remove_prefix(1);
    }
    bool has_digits = text_.size() != before;
    double fraction = 0;
    double scale = 1;
    if (!text_.empty() && text_.front() == '.') {
      text_.remove_prefix(1);
      while (!text_.empty() && is_duration_digit(text_.front())) {
        has_digits = true;
        if (scale < 1e18) {
          scale *= 10;
          fraction = fraction * 10 + (text_.front() - '0');
        }
        text_.remove_prefix(1);
      }
    }
    if (!has_digits) invalid();
    add(whole, fraction / scale, unit());
  }

  std::uint64_t unit() {
    std::size_t length = 0;
    while (length < text_.size() && text_[length] != '.' && !is_duration_digit(text_[length]))
      ++length;
    if (length == 0) raise("time: missing unit in duration " + quote_text(original_));
    const std::string_view name = text_.substr(0, length);
    const auto nanos = unit_nanos(name);
    if (!nanos) {
      raise("time: unknown unit " + quote_text(name) + " in duration " + quote_text(original_));
    }
    text_.remove_prefix(length);
    return *nanos;
  }

  void add(std::uint64_t whole, double fraction, std::uint64_t unit) {
    if (whole > kLimit / unit) invalid();
    const std::uint64_t amount =
        whole * unit + static_cast<std::uint64_t>(fraction * static_cast<double>(unit));
    if (amount > kLimit || total_ > kLimit - amount) invalid();
    total_ += amount;
  }

  std::string_view original_;
  std::string_view text_;
  std::uint64_t total_ = 0;
};

}  // namespace

std::int64_t parse_duration(std::string_view text) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return 0;
  if (rest.empty()) raise("time: invalid duration " + quote_text(text));
  const std::uint64_t magnitude = DurationReader(text, rest).run();
  if (!negative && magnitude == kLimit) raise("time: invalid duration " + quote_text(text));
  return static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
}

std::string duration_text(std::int64_t nanoseconds) {
  return format_go_duration(std::chrono::nanoseconds(nanoseconds));
}

}  // namespace sluice::analysis::expr
