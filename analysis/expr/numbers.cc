#include "analysis/expr/numbers.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/strings.h"

namespace sluice::analysis::expr {
namespace {

bool is_base_digit(char c, bool hex) {
  if (c >= '0' && c <= '9') return true;
  return hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'));
}

// Removes underscores that stand between two digits (or between the prefix and a digit); nullopt
// when one stands anywhere else.
std::optional<std::string> without_underscores(std::string_view text, bool hex) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
      continue;
    }
    const bool before = i == 0 ? hex : is_base_digit(text[i - 1], hex);
    const bool after = i + 1 < text.size() && is_base_digit(text[i + 1], hex);
    if (!before || !after) return std::nullopt;
  }
  return out;
}

ParsedFloat scan(std::string_view digits, std::chars_format format) {
  ParsedFloat out;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), out.value, format);
  if (error == std::errc::invalid_argument || end != digits.data() + digits.size()) {
    return {0, NumberError::Syntax};
  }
  if (error != std::errc::result_out_of_range) return out;
  // Too small is zero, too large is an error. The sign of the exponent tells them apart; without
  // one the place of the first digit does.
  const std::size_t exponent = digits.find_first_of(format == std::chars_format::hex ? "pP" : "eE");
  const bool tiny = exponent != std::string_view::npos
                        ? digits.substr(exponent + 1, 1) == "-"
                        : digits.substr(0, 1) == "0" || digits.substr(0, 1) == ".";
  return tiny ? ParsedFloat{0, NumberError::None} : ParsedFloat{0, NumberError::Range};
}

bool has_digit(std::string_view text, bool hex) {
  for (const char c : text) {
    if (is_base_digit(c, hex)) return true;
    if (c != '.') return false;
  }
  return false;
}

ParsedFloat parse_magnitude(std::string_view text) {
  const std::string lower = sluice::to_lower(text);
  if (lower == "inf" || lower == "infinity") return {std::numeric_limits<double>::infinity()};
  if (lower == "nan") return {std::numeric_limits<double>::quiet_NaN()};
  const bool hex = lower.starts_with("0x");
  const auto plain = without_underscores(hex ? text.substr(2) : text, hex);
  if (!plain || !has_digit(*plain, hex)) return {0, NumberError::Syntax};
  // from_chars insists on nothing about "+" in exponents but takes it; hex needs its exponent here.
  if (hex && plain->find_first_of("pP") == std::string::npos) return {0, NumberError::Syntax};
  return scan(*plain, hex ? std::chars_format::hex : std::chars_format::general);
}

struct Digits {
  std::string text;  // without a point
  int exponent = 0;  // of the first digit
};

// Shortest round-trip digits of a finite, non-negative number.
Digits shortest_digits(double value) {
  char buffer[64];
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  (void)error;
  const std::string_view all(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t e = all.find('e');
  Digits out;
  for (const char c : all.substr(0, e)) {
    if (c != '.') out.text += c;
  }
  out.exponent = static_cast<int>(parse_integer(all.substr(e + 1), 10).value);
  return out;
}

std::string plain_form(const Digits& digits) {
  const int count = static_cast<int>(digits.text.size());
  if (digits.exponent < 0) {
    return "0." + std::string(static_cast<std::size_t>(-digits.exponent - 1), '0') + digits.text;
  }
  if (digits.exponent >= count - 1) {
    return digits.text + std::string(static_cast<std::size_t>(digits.exponent - count + 1), '0');
  }
  const auto whole = static_cast<std::size_t>(digits.exponent + 1);
  return digits.text.substr(0, whole) + "." + digits.text.substr(whole);
}

std::string exponent_form(const Digits& digits, bool pad) {
  std::string out = digits.text.substr(0, 1);
  if (digits.text.size() > 1) out += "." + digits.text.substr(1);
  out += digits.exponent < 0 ? "e-" : "e+";
  const std::string magnitude = std::to_string(std::abs(digits.exponent));
  if (pad && magnitude.size() < 2) out += '0';
  return out + magnitude;
}

}  // namespace

ParsedInteger parse_integer(std::string_view text, int base) {
  bool negative = false;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  std::uint64_t magnitude = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  if (text.empty() || error == std::errc::invalid_argument || end != text.data() + text.size()) {
    return {0, NumberError::Syntax};
  }
  const std::uint64_t limit = std::uint64_t{1} << 63;
  if (error == std::errc::result_out_of_range || magnitude > limit ||
      (!negative && magnitude == limit)) {
    return {0, NumberError::Range};
  }
  return {static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude)};
}

ParsedFloat parse_float(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  ParsedFloat out = parse_magnitude(text);
  if (negative) out.value = -out.value;
  return out;
}

std::string_view to_string(NumberError error) {
  return error == NumberError::Range ? "value out of range" : "invalid syntax";
}

std::string format_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  const std::string sign = std::signbit(value) ? "-" : "";
  const Digits digits = shortest_digits(std::fabs(value));
  const bool exponent = value != 0 && (digits.exponent < -4 || digits.exponent >= 6);
  return sign + (exponent ? exponent_form(digits, true) : plain_form(digits));
}

std::string format_json_float(double value) {
  const std::string sign = std::signbit(value) ? "-" : "";
  const double magnitude = std::fabs(value);
  const Digits digits = shortest_digits(magnitude);
  const bool exponent = magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21);
  return sign + (exponent ? exponent_form(digits, false) : plain_form(digits));
}

std::int64_t float_to_integer(double value) {
  constexpr double kLimit = 9223372036854775808.0;
  if (!(value >= -kLimit && value < kLimit)) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

}  // namespace sluice::analysis::expr
