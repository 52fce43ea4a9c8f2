#pragma once
// UTF-8 and the few Unicode properties the language needs.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::analysis::expr {

struct Decoded {
  char32_t point = 0;  // U+FFFD for a malformed sequence
  std::size_t length = 1;
};

// `text` must not be empty.
[[nodiscard]] Decoded decode_utf8(std::string_view text);
void append_utf8(std::string& out, char32_t point);
[[nodiscard]] std::size_t count_code_points(std::string_view text);

[[nodiscard]] bool is_space(char32_t point);
[[nodiscard]] bool is_letter(char32_t point);
[[nodiscard]] bool is_decimal_digit(char32_t point);
// Simple (one to one) case mapping.
[[nodiscard]] char32_t to_upper(char32_t point);
[[nodiscard]] char32_t to_lower(char32_t point);

}  // namespace sluice::analysis::expr
