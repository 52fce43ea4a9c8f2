#include "analysis/expr/quote.h"

#include <fmt/format.h>

#include "analysis/expr/unicode.h"

namespace sluice::analysis::expr {
namespace {

char escape_letter(char c) {
  switch (c) {
    case '\a':
      return 'a';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\v':
      return 'v';
    case '\\':
      return '\\';
    case '"':
      return '"';
    default:
      return 0;
  }
}

}  // namespace

std::string quote_text(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const Decoded next = decode_utf8(text);
    const char c = text.front();
    if (const char letter = escape_letter(c)) {
      out += {'\\', letter};
    } else if (next.point == 0xFFFD && next.length == 1) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else if (next.point < 0x20 || next.point == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(next.point));
    } else {
      out.append(text.substr(0, next.length));
    }
    text.remove_prefix(next.length);
  }
  out += '"';
  return out;
}

}  // namespace sluice::analysis::expr
