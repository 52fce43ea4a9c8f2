#include "kube/json/yaml_scalar.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "kube/json/json.h"

namespace sluice::kube {

namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::optional<Json> named(std::string_view text) {
  if (one_of(text, {"", "~", "null", "Null", "NULL"})) return Json(nullptr);
  if (one_of(text, {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}))
    return Json(true);
  if (one_of(text, {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}))
    return Json(false);
  if (one_of(text, {".nan", ".NaN", ".NAN"})) return Json(std::numeric_limits<double>::quiet_NaN());
  if (one_of(text, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"}))
    return Json(std::numeric_limits<double>::infinity());
  if (one_of(text, {"-.inf", "-.Inf", "-.INF"}))
    return Json(-std::numeric_limits<double>::infinity());
  return std::nullopt;
}

// Base by prefix: 0x, 0o, 0b, a leading 0 (octal), else decimal. Underscores were removed before.
std::optional<Json> integer(std::string_view text) {
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char mark = text[1];
    const bool prefixed = one_of(text.substr(1, 1), {"x", "X", "o", "O", "b", "B"});
    base = mark == 'x' || mark == 'X' ? 16 : mark == 'b' || mark == 'B' ? 2 : 8;
    text.remove_prefix(prefixed ? 2 : 1);
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || text.empty() || end != text.data() + text.size()) return std::nullopt;
  constexpr std::uint64_t kEdge = 1ULL << 63U;
  if (!negative) return value < kEdge ? Json(static_cast<std::int64_t>(value)) : Json(value);
  if (value > kEdge) return std::nullopt;
  return Json(value == kEdge ? std::numeric_limits<std::int64_t>::min()
                             : -static_cast<std::int64_t>(value));
}

std::size_t digits(std::string_view text, std::size_t at) {
  std::size_t count = 0;
  while (at + count < text.size() && text[at + count] >= '0' && text[at + count] <= '9') ++count;
  return count;
}

// [-+]? ( .digits | digits [. digits?] ) ( [eE] [-+]? digits )?
bool looks_like_float(std::string_view text) {
  std::size_t at = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const std::size_t whole = digits(text, at);
  at += whole;
  if (at < text.size() && text[at] == '.') {
    const std::size_t part = digits(text, ++at);
    if (whole == 0 && part == 0) return false;
    at += part;
  } else if (whole == 0) {
    return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const std::size_t exponent = digits(text, at);
    if (exponent == 0) return false;
    at += exponent;
  }
  return at == text.size();
}

// The reader turns YAML into JSON text and that into values: a whole double comes out as an
// integer.
std::optional<Json> floating(std::string_view text) {
  if (!looks_like_float(text)) return std::nullopt;
  if (text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (std::trunc(value) == value && std::abs(value) < 0x1p63)
    return Json(static_cast<std::int64_t>(value));
  return Json(value);
}

}  // namespace

Json resolve_plain_scalar(std::string_view text) {
  if (auto value = named(text)) return *value;
  const char first = text.front();
  const bool numeric =
      (first >= '0' && first <= '9') || first == '-' || first == '+' || first == '.';
  if (!numeric) return Json(std::string(text));
  std::string plain(text);
  if (first != '.') std::erase(plain, '_');
  if (plain.empty()) return Json(std::string(text));
  if (first != '.') {
    if (auto value = integer(plain)) return *value;
  }
  if (auto value = floating(plain)) return *value;
  return Json(std::string(text));
}

}  // namespace sluice::kube
