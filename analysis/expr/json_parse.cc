// A small JSON reader of its own, because fromJSON() promises error texts that no library gives.
#include <algorithm>

#include "analysis/expr/numbers.h"
#include "analysis/expr/quote.h"
#include "analysis/expr/runtime_error.h"
#include "analysis/expr/text.h"
#include "analysis/expr/unicode.h"

namespace sluice::analysis::expr {
namespace {

constexpr int kMaxJsonNesting = 1'000;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Value run() {
    Value value = read("looking for beginning of value");
    skip_space();
    if (at_ < text_.size()) invalid("after top-level value");
    return value;
  }

 private:
  [[noreturn]] void invalid(const std::string& where) const {
    if (at_ >= text_.size()) raise("unexpected end of JSON input");
    const Decoded c = decode_utf8(text_.substr(at_));
    std::string shown = quote_text(text_.substr(at_, c.length));
    shown = shown == "\"'\"" ? "'\\''" : shown == "\"\\\"\"" ? "'\"'" : shown;
    shown.front() = shown.back() = '\'';
    raise("invalid character " + shown + " " + where);
  }
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  Value read(const char* where) {
    skip_space();
    if (++nesting_ > kMaxJsonNesting) raise("exceeded max depth");
    Value value = read_here(where);
    --nesting_;
    return value;
  }

  Value read_here(const char* where) {
    switch (peek()) {
      case '{':
        return object();
      case '[':
        return array();
      case '"':
        return Value::string(string());
      case 't':
        word("true", "in literal true");
        return Value::boolean(true);
      case 'f':
        word("false", "in literal false");
        return Value::boolean(false);
      case 'n':
        word("null", "in literal null");
        return Value();
      default:
        if (peek() == '-' || (peek() >= '0' && peek() <= '9')) return number();
        invalid(where);
    }
  }

  void word(std::string_view expected, const std::string& where) {
    for (const char c : expected) {
      if (peek() != c) {
        invalid(where + " (expecting '" + c + "')");
      }
      ++at_;
    }
  }

  Value array() {
    ++at_;
    std::vector<Value> items;
    skip_space();
    if (peek() == ']') {
      ++at_;
      return Value::list({});
    }
    while (true) {
      items.push_back(read("looking for beginning of value"));
      skip_space();
      if (peek() == ']') break;
      if (peek() != ',') invalid("after array element");
      ++at_;
    }
    ++at_;
    return Value::list(std::move(items));
  }

  Value object() {
    ++at_;
    std::vector<std::pair<std::string, Value>> entries;
    skip_space();
    if (peek() == '}') {
      ++at_;
      return Value::map({});
    }
    while (true) {
      skip_space();
      if (peek() != '"') invalid("looking for beginning of object key string");
      std::string key = string();
      skip_space();
      if (peek() != ':') invalid("after object key");
      ++at_;
      entries.emplace_back(std::move(key), read("looking for beginning of value"));
      skip_space();
      if (peek() == '}') break;
      if (peek() != ',') invalid("after object key:value pair");
      ++at_;
    }
    ++at_;
    // Here the last of equal keys wins; Value::map keeps the first.
    std::reverse(entries.begin(), entries.end());
    return Value::map(std::move(entries));
  }

  Value number() {
    const std::size_t begin = at_;
    if (peek() == '-') ++at_;
    if (peek() == '0') {
      ++at_;
    } else {
      digits("in numeric literal");
    }
    if (peek() == '.') {
      ++at_;
      digits("after decimal point in numeric literal");
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      digits("in exponent of numeric literal");
    }
    const std::string_view text = text_.substr(begin, at_ - begin);
    const ParsedFloat parsed = parse_float(text);
    if (parsed.error != NumberError::None) {
      raise("json: cannot unmarshal number " + std::string(text) +
            " into Go value of type float64");
    }
    return Value::number(parsed.value);
  }

  void digits(const char* where) {
    if (peek() < '0' || peek() > '9') invalid(where);
    while (peek() >= '0' && peek() <= '9') ++at_;
  }

  std::string string() {
    ++at_;
    std::string out;
    while (peek() != '"') {
      if (at_ >= text_.size() || static_cast<unsigned char>(peek()) < 0x20) {
        invalid("in string literal");
      }
      if (peek() == '\\') {
        ++at_;
        escape(out);
      } else {
        out += text_[at_++];
      }
    }
    ++at_;
    return out;
  }

  void escape(std::string& out) {
    static constexpr std::string_view kFrom = "\"\\/bfnrt";
    static constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    if (peek() == 'u') {
      ++at_;
      return unicode_escape(out);
    }
    const std::size_t which = kFrom.find(peek());
    if (which == kFrom.npos || at_ >= text_.size()) invalid("in string escape code");
    out += kTo[which];
    ++at_;
  }

  void unicode_escape(std::string& out) {
    char32_t point = hex4();
    const bool high = point >= 0xD800 && point < 0xDC00;
    if (high && text_.substr(at_, 2) == "\\u") {
      const std::size_t back = at_;
      at_ += 2;
      const char32_t low = hex4();
      if (low >= 0xDC00 && low < 0xE000) {
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
      } else {
        at_ = back;
      }
    }
    append_utf8(out, point);
  }

  char32_t hex4() {
    char32_t value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const ParsedInteger digit = parse_integer(text_.substr(at_, 1), 16);
      if (digit.error != NumberError::None || peek() == '+' || peek() == '-') {
        invalid("in \\u hexadecimal character escape");
      }
      value = value * 16 + static_cast<char32_t>(digit.value);
    }
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace

Value parse_json_text(std::string_view text) {
  return Reader(text).run();
}

}  // namespace sluice::analysis::expr
