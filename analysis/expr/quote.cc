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

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const Decoded next = decode_utf8(text);
    const char c = text.front();
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\b') {
      out += "\\b";
    } else if (c == '\f') {
      out += "\\f";
    } else if (next.point < 0x20 || c == '<' || c == '>' || c == '&' || next.point == 0x2028 ||
               next.point == 0x2029) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(next.point));
    } else if (next.point == 0xFFFD && next.length == 1) {
      out += "\\ufffd";
    } else {
      out.append(text.substr(0, next.length));
    }
    text.remove_prefix(next.length);
  }
  out += '"';
}

}  // namespace sluice::analysis::expr
