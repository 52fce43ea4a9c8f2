#include "analysis/expr/lexer.h"

#include <fmt/format.h>

#include <optional>

#include "analysis/expr/quote.h"
#include "analysis/expr/runtime_error.h"
#include "analysis/expr/unicode.h"

namespace sluice::analysis::expr {
namespace {

constexpr char32_t kEndOfSource = 0xFFFFFFFF;

bool is_one_of(char32_t point, std::string_view set) {
  return point < 0x80 && set.find(static_cast<char>(point)) != std::string_view::npos;
}

bool is_alphanumeric(char32_t point) {
  if (point == kEndOfSource) return false;
  return point == '_' || point == '$' || is_letter(point) || is_decimal_digit(point);
}

bool is_operator_word(std::string_view word) {
  static constexpr std::string_view kWords[] = {"not",     "in",       "or",         "and",
                                                "matches", "contains", "startsWith", "endsWith",
                                                "let",     "if",       "else"};
  for (const std::string_view candidate : kWords) {
    if (candidate == word) return true;
  }
  return false;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Reads the escapes of a quoted literal whose extent is known already.
class Unescaper {
 public:
  Unescaper(std::string_view body, bool bytes) : body_(body), bytes_(bytes) {}

  // nullopt: the escape cannot be represented ("unable to unescape string").
  std::optional<std::string> run() {
    while (at_ < body_.size()) {
      const char c = body_[at_++];
      if (c == '\r') {
        if (at_ < body_.size() && body_[at_] == '\n') ++at_;
        out_ += '\n';
      } else if (c != '\\') {
        out_ += c;
      } else if (!escape()) {
        return std::nullopt;
      }
    }
    return std::move(out_);
  }

 private:
  bool escape() {
    const char c = body_[at_++];
    switch (c) {
      case 'a':
        out_ += '\a';
        return true;
      case 'b':
        out_ += '\b';
        return true;
      case 'f':
        out_ += '\f';
        return true;
      case 'n':
        out_ += '\n';
        return true;
      case 'r':
        out_ += '\r';
        return true;
      case 't':
        out_ += '\t';
        return true;
      case 'v':
        out_ += '\v';
        return true;
      case '\\':
      case '\'':
      case '"':
        out_ += c;
        return true;
      case 'x':
        return put(number(2, 16), false);
      case 'u':
        if (bytes_) return false;
        if (at_ < body_.size() && body_[at_] == '{') return braced();
        return put(number(4, 16), true);
      case 'U':
        return !bytes_ && put(number(8, 16), true);
      default:
        --at_;
        return put(number(3, 8), false);
    }
  }

  bool braced() {
    const std::size_t end = body_.find('}', at_);
    const std::size_t digits = end - at_ - 1;
    ++at_;
    const std::uint64_t point = number(digits, 16);
    ++at_;
    return put(point, true);
  }

  std::uint64_t number(std::size_t digits, unsigned base) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < digits && at_ < body_.size(); ++i) {
      value = value * base + static_cast<unsigned>(hex_digit(body_[at_++]));
    }
    return value;
  }

  bool put(std::uint64_t value, bool is_unicode) {
    if (is_unicode) {
      if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return false;
    } else if (value > 0xFF) {
      return false;
    }
    if (bytes_) {
      out_ += static_cast<char>(value);
    } else {
      append_utf8(out_, static_cast<char32_t>(value));
    }
    return true;
  }

  std::string_view body_;
  bool bytes_;
  std::size_t at_ = 0;
  std::string out_;
};

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      start_ = at_;
      step();
    }
    start_ = at_;
    tokens_.push_back(Token{TokenKind::End, "", at_});
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void error(std::string message) const {
    throw CompileError{std::move(message), at_};
  }

  [[nodiscard]] char32_t peek() const {
    return at_ < source_.size() ? decode_utf8(source_.substr(at_)).point : kEndOfSource;
  }
  char32_t next() {
    if (at_ >= source_.size()) return kEndOfSource;
    const Decoded decoded = decode_utf8(source_.substr(at_));
    at_ += decoded.length;
    return decoded.point;
  }
  bool accept(std::string_view set) {
    if (at_ >= source_.size() || set.find(source_[at_]) == std::string_view::npos) return false;
    ++at_;
    return true;
  }
  void accept_run(std::string_view set) {
    while (accept(set)) {
    }
  }
  void accept_word() {
    while (is_alphanumeric(peek())) next();
  }
  [[nodiscard]] std::string_view word() const { return source_.substr(start_, at_ - start_); }
  void emit(TokenKind kind) { emit(kind, std::string(word())); }
  void emit(TokenKind kind, std::string text) {
    tokens_.push_back(Token{kind, std::move(text), start_});
  }

  void step() {
    const char32_t c = peek();
    if (is_space(c)) {
      next();
    } else if (c == '\'' || c == '"') {
      string(false);
    } else if (c == '`') {
      raw_string();
    } else if (c >= '0' && c <= '9') {
      number();
    } else if ((c == 'b' || c == 'B') && start_ + 1 < source_.size() &&
               (source_[start_ + 1] == '\'' || source_[start_ + 1] == '"')) {
      ++at_;
      string(true);
    } else if (is_alphanumeric(c)) {
      accept_word();
      emit(is_operator_word(word()) ? TokenKind::Operator : TokenKind::Identifier);
    } else {
      punctuation();
    }
  }

  void punctuation() {
    const char32_t c = next();
    if (c == '/') return slash();
    if (c == '#') return pointer();
    if (c == '.') return dot();
    if (c == '?') {
      accept(".?");
    } else if (c == '|') {
      accept("|");
    } else if (c == ':') {
      accept(":");
    } else if (is_one_of(c, "([{)]}")) {
      return emit(TokenKind::Bracket);
    } else if (is_one_of(c, "&!=*<>")) {
      accept("&=*");
    } else if (!is_one_of(c, ",;%+-^")) {
      std::string shown;
      append_utf8(shown, c);
      error(fmt::format("unrecognized character: U+{:04X} '{}'", static_cast<std::uint32_t>(c),
                        shown));
    }
    emit(TokenKind::Operator);
  }

  void dot() {
    if (at_ < source_.size() && source_[at_] >= '0' && source_[at_] <= '9') {
      at_ = start_;
      return number();
    }
    accept(".");
    emit(TokenKind::Operator);
  }

  void slash() {
    if (accept("/")) {
      while (at_ < source_.size() && source_[at_] != '\n') ++at_;
      return;
    }
    if (accept("*")) {
      const std::size_t end = source_.find("*/", at_);
      if (end == std::string_view::npos) error("unclosed comment");
      at_ = end + 2;
      return;
    }
    emit(TokenKind::Operator);
  }

  // "#", or "#name" when the name follows at once.
  void pointer() {
    accept("#");
    emit(TokenKind::Operator);
    start_ = at_;
    accept_word();
    if (at_ > start_) emit(TokenKind::Identifier);
  }

  void number() {
    std::string_view digits = "0123456789_";
    if (accept("0")) {
      if (accept("xX")) {
        digits = "0123456789abcdefABCDEF_";
      } else if (accept("oO")) {
        digits = "01234567_";
      } else if (accept("bB")) {
        digits = "01_";
      }
    }
    accept_run(digits);
    // Two dots are the range operator.
    const bool range = source_.substr(at_, 2) == "..";
    if (!range) {
      if (accept(".")) accept_run(digits);
      if (accept("eE")) {
        accept("+-");
        accept_run(digits);
      }
    }
    if (is_alphanumeric(peek())) {
      next();
      error("bad number syntax: " + quote_text(word()));
    }
    emit(TokenKind::Number);
  }

  void string(bool bytes) {
    const char quote = source_[at_++];
    const std::size_t begin = at_;
    while (true) {
      if (at_ >= source_.size() || source_[at_] == '\n') error("literal not terminated");
      const char c = source_[at_++];
      if (c == quote) break;
      if (c == '\\') escape(quote);
    }
    const std::string_view body = source_.substr(begin, at_ - 1 - begin);
    auto value = Unescaper(body, bytes).run();
    if (!value) error("unable to unescape string");
    emit(bytes ? TokenKind::Bytes : TokenKind::String, std::move(*value));
  }

  // Checks the form of one escape; its value is read once the literal is complete.
  void escape(char quote) {
    if (at_ >= source_.size()) error("literal not terminated");
    const char c = source_[at_];
    if (c == quote || std::string_view("abfnrtv\\").find(c) != std::string_view::npos) {
      ++at_;
      return;
    }
    if (c >= '0' && c <= '7') return digits(3, 8);
    ++at_;
    if (c == 'x') return digits(2, 16);
    if (c == 'U') return digits(8, 16);
    if (c != 'u') error("invalid char escape");
    if (!accept("{")) return digits(4, 16);
    const std::size_t begin = at_;
    while (at_ < source_.size() && hex_digit(source_[at_]) >= 0) ++at_;
    const std::size_t count = at_ - begin;
    if (count == 0 || count > 6 || !accept("}")) error("invalid char escape");
  }

  void digits(int count, int base) {
    for (int i = 0; i < count; ++i) {
      const int digit = at_ < source_.size() ? hex_digit(source_[at_]) : -1;
      if (digit < 0 || digit >= base) error("invalid char escape");
      ++at_;
    }
  }

  void raw_string() {
    ++at_;
    std::string value;
    while (true) {
      if (at_ >= source_.size()) error("literal not terminated");
      const char c = source_[at_++];
      if (c == '`') {
        if (!accept("`")) break;
        value += '`';
      } else if (c == '\r') {
        accept("\n");
        value += '\n';
      } else {
        value += c;
      }
    }
    emit(TokenKind::String, std::move(value));
  }

  std::string_view source_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;
  std::vector<Token> tokens_;
};

const char* kind_name(TokenKind kind) {
  switch (kind) {
    case TokenKind::End:
      return "EOF";
    case TokenKind::Identifier:
      return "Identifier";
    case TokenKind::Number:
      return "Number";
    case TokenKind::String:
      return "String";
    case TokenKind::Bytes:
      return "Bytes";
    case TokenKind::Operator:
      return "Operator";
    case TokenKind::Bracket:
      return "Bracket";
  }
  return "EOF";
}

}  // namespace

std::string to_string(const Token& token) {
  if (token.kind == TokenKind::End) return kind_name(token.kind);
  return fmt::format("{}({})", kind_name(token.kind), quote_text(token.text));
}

std::vector<Token> tokenize(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace sluice::analysis::expr
