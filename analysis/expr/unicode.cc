#include "analysis/expr/unicode.h"

#include <algorithm>
#include <iterator>

#include "analysis/expr/unicode_letters.h"
#include "analysis/expr/unicode_tables.h"

namespace sluice::analysis::expr {
namespace {

template <std::size_t N>
bool is_in(const PointRange (&ranges)[N], char32_t point) {
  const PointRange* at =
      std::upper_bound(std::begin(ranges), std::end(ranges), point,
                       [](char32_t p, const PointRange& range) { return p < range.first; });
  return at != std::begin(ranges) && point <= std::prev(at)->last;
}

char32_t map_case(char32_t point, const CaseRange* begin, const CaseRange* end) {
  const CaseRange* at = std::upper_bound(
      begin, end, point, [](char32_t p, const CaseRange& range) { return p < range.first; });
  if (at == begin) return point;
  --at;
  if (point > at->last || (point - at->first) % at->stride != 0) return point;
  return static_cast<char32_t>(static_cast<std::int32_t>(point) + at->delta);
}

}  // namespace

Decoded decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1;
  if (length == 1 || lead >= 0xF5 || text.size() < length) return {0xFFFD, 1};
  char32_t point = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {0xFFFD, 1};
    point = (point << 6) | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  if (overlong || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return {0xFFFD, 1};
  return {point, length};
}

void append_utf8(std::string& out, char32_t point) {
  if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) point = 0xFFFD;
  const auto put = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | (point >> 6));
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3F));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    text.remove_prefix(decode_utf8(text).length);
    ++count;
  }
  return count;
}

bool is_space(char32_t point) {
  switch (point) {
    case ' ':
    case '\t':
    case '\n':
    case '\v':
    case '\f':
    case '\r':
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
      return true;
    default:
      return point >= 0x2000 && point <= 0x200A;
  }
}

bool is_letter(char32_t point) {
  if (point < 0x80) return (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z');
  return is_in(kLetters, point);
}

bool is_decimal_digit(char32_t point) {
  if (point < 0x80) return point >= '0' && point <= '9';
  return is_in(kDecimalDigits, point);
}

char32_t to_upper(char32_t point) {
  if (point < 0x80) return point >= 'a' && point <= 'z' ? point - 32 : point;
  return map_case(point, std::begin(kToUpper), std::end(kToUpper));
}

char32_t to_lower(char32_t point) {
  if (point < 0x80) return point >= 'A' && point <= 'Z' ? point + 32 : point;
  return map_case(point, std::begin(kToLower), std::end(kToLower));
}

}  // namespace sluice::analysis::expr
