#pragma once
// Number texts: parsing with the rules and error texts of the language, and the two ways of
// writing.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::analysis::expr {

enum class NumberError : std::uint8_t { None, Syntax, Range };

struct ParsedInteger {
  std::int64_t value = 0;
  NumberError error = NumberError::None;
};
struct ParsedFloat {
  double value = 0;
  NumberError error = NumberError::None;
};

// Digits of that base with an optional sign; no prefix, blanks or underscores.
[[nodiscard]] ParsedInteger parse_integer(std::string_view text, int base);
// Decimal or hexadecimal ("0x1p-2"), inf, infinity and nan in any case, an optional sign, single
// underscores between digits (or after the hexadecimal prefix) only.
[[nodiscard]] ParsedFloat parse_float(std::string_view text);

// "invalid syntax" or "value out of range".
[[nodiscard]] std::string_view to_string(NumberError error);

// Shortest digits that read back the same; exponent form below 1e-4 and from 1e6 on as string()
// has it (expressions.md §5): "123456", "1.234567e+06", "1e-05", "NaN", "+Inf".
[[nodiscard]] std::string format_float(double value);
// As JSON writes numbers: exponent form below 1e-6 and from 1e21 on. Finite values only.
[[nodiscard]] std::string format_json_float(double value);

// Truncates toward zero; NaN and everything out of range give the minimum, on every machine.
[[nodiscard]] std::int64_t float_to_integer(double value);

}  // namespace sluice::analysis::expr
