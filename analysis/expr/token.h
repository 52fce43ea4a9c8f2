#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::analysis::expr {

enum class TokenKind : std::uint8_t { End, Identifier, Number, String, Bytes, Operator, Bracket };

struct Token {
  TokenKind kind = TokenKind::End;
  std::string text;  // strings: the value after escapes
  std::size_t position = 0;

  [[nodiscard]] bool is(TokenKind k) const { return kind == k; }
  [[nodiscard]] bool is(TokenKind k, std::string_view t) const { return kind == k && text == t; }
};

// As error messages show it: Operator(">"), EOF.
[[nodiscard]] std::string to_string(const Token& token);

}  // namespace sluice::analysis::expr
