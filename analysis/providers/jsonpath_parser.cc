#include <fmt/format.h>

#include <charconv>

#include "analysis/providers/jsonpath_nodes.h"
#include "base/strings.h"

namespace sluice::analysis {

namespace {

using Node = JsonPath::Node;
using Kind = Node::Kind;

constexpr int kEndOfPath = -1;
constexpr int kNestingMax = 64;

bool is_space(int c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_json_path_digit(int c) {
  return c >= '0' && c <= '9';
}
// Bytes of multi-byte letters count as letters.
bool starts_identifier(int c) {
  return c == '_' || is_json_path_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         c >= 0x80;
}
bool is_terminator(int c) {
  return c == kEndOfPath || is_space(c) || c == '.' || c == ',' || c == '[' || c == ']' ||
         c == '$' || c == '@' || c == '{' || c == '}';
}

Node node_of(Kind kind, std::string text = "") {
  Node out;
  out.kind = kind;
  out.text = std::move(text);
  return out;
}

std::string without_backslashes(std::string text) {
  std::erase(text, '\\');
  return text;
}

// The contents of a quoted text: the escapes of Go strings that make sense here.
std::string unquote(std::string_view body) {
  std::string out;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\' || i + 1 == body.size()) {
      out += body[i];
      continue;
    }
    switch (body[++i]) {
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case 'r':
        out += '\r';
        break;
      default:
        out += body[i];
        break;
    }
  }
  return out;
}

class PathParser {
 public:
  PathParser(std::string_view input, int nesting) : input_(input), nesting_(nesting) {}

  Result<Node> parse() {
    Node root = node_of(Kind::List);
    while (pos_ < input_.size()) {
      const std::size_t open = input_.find('{', pos_);
      const std::string_view text =
          input_.substr(pos_, open == std::string_view::npos ? open : open - pos_);
      if (!text.empty()) root.children.push_back(node_of(Kind::Text, std::string(text)));
      if (open == std::string_view::npos) break;
      pos_ = open + 1;
      Node action = node_of(Kind::List);
      SLUICE_CHECK_OK(parse_action(action));
      root.children.push_back(std::move(action));
    }
    return root;
  }

 private:
  [[nodiscard]] int peek() const {
    return pos_ < input_.size() ? static_cast<unsigned char>(input_[pos_]) : kEndOfPath;
  }
  [[nodiscard]] bool at(std::string_view prefix) const {
    return input_.substr(pos_, prefix.size()) == prefix;
  }
  static tl::unexpected<Error> problem(std::string text) {
    return fail(ErrorCode::Invalid, std::move(text));
  }

  // Up to and including the closing brace.
  Status parse_action(Node& list) {
    while (true) {
      const int c = peek();
      if (c == kEndOfPath || c == '\n' || c == '\r') return problem("unclosed action");
      if (c == '}') {
        ++pos_;
        return {};
      }
      SLUICE_CHECK_OK(parse_item(list, c));
    }
  }

  Status parse_item(Node& list, int c) {
    if (at("[?(")) return parse_filter(list);
    if (at("..")) return parse_recursive(list);
    if (c == ' ' || c == '@' || c == '$') {
      ++pos_;
      return {};
    }
    if (c == '[') return parse_array(list);
    if (c == '"' || c == '\'') return parse_quote(list, c);
    if (c == '.') {
      ++pos_;
      return parse_field(list);
    }
    if (c == '+' || c == '-' || is_json_path_digit(c)) return parse_number(list);
    if (starts_identifier(c)) return parse_identifier(list);
    return problem(
        fmt::format("unrecognized character in action: U+{:04X} '{}'", c, static_cast<char>(c)));
  }

  Status parse_recursive(Node& list) {
    if (!list.children.empty() && list.children.back().kind == Kind::Recursive)
      return problem("invalid multiple recursive descent");
    pos_ += 2;
    list.children.push_back(node_of(Kind::Recursive));
    return starts_identifier(peek()) ? parse_field(list) : Status{};
  }

  Status parse_field(Node& list) {
    const std::size_t start = pos_;
    while (!is_terminator(peek())) pos_ += peek() == '\\' && pos_ + 1 < input_.size() ? 2 : 1;
    std::string name(input_.substr(start, pos_ - start));
    if (name == "*") {
      list.children.push_back(node_of(Kind::Wildcard));
    } else if (!name.empty()) {  // a lone dot (`{.}`, `{.[0]}`) stands for the current object
      list.children.push_back(node_of(Kind::Field, without_backslashes(std::move(name))));
    }
    return {};
  }

  Status parse_number(Node& list) {
    const std::size_t start = pos_;
    if (peek() == '+' || peek() == '-') ++pos_;
    while (is_json_path_digit(peek()) || peek() == '.') ++pos_;
    const std::string text(input_.substr(start, pos_ - start));
    if (auto integer = parse_int(text)) {
      Node node = node_of(Kind::Int);
      node.integer = *integer;
      list.children.push_back(std::move(node));
      return {};
    }
    Node node = node_of(Kind::Float);
    const char* first = text.data() + (text.starts_with('+') ? 1 : 0);
    const char* last = text.data() + text.size();
    if (auto [end, error] = std::from_chars(first, last, node.number);
        error != std::errc{} || end != last)
      return problem("cannot parse number " + text);
    list.children.push_back(std::move(node));
    return {};
  }

  Status parse_identifier(Node& list) {
    const std::size_t start = pos_;
    while (!is_terminator(peek())) ++pos_;
    std::string name(input_.substr(start, pos_ - start));
    if (name == "true" || name == "false") {
      Node node = node_of(Kind::Bool);
      node.integer = name == "true" ? 1 : 0;
      list.children.push_back(std::move(node));
    } else if (name == "range" || name == "end") {
      list.children.push_back(node_of(Kind::Identifier, std::move(name)));
    } else {
      list.children.push_back(node_of(Kind::Field, std::move(name)));
    }
    return {};
  }

  Status parse_quote(Node& list, int quote_char) {
    const std::size_t start = ++pos_;
    while (peek() != quote_char) {
      if (peek() == kEndOfPath || peek() == '\n') return problem("unterminated quoted string");
      pos_ += peek() == '\\' && pos_ + 1 < input_.size() ? 2 : 1;
    }
    list.children.push_back(node_of(Kind::Text, unquote(input_.substr(start, pos_ - start))));
    ++pos_;
    return {};
  }

  Status parse_array(Node& list) {
    const std::size_t start = ++pos_;
    for (int in_quote = 0; in_quote != 0 || peek() != ']'; ++pos_) {
      if (peek() == kEndOfPath || peek() == '\n') return problem("unterminated array");
      if (peek() == '\'' && input_[pos_ - 1] != '\\') in_quote = in_quote == 0 ? 1 : 0;
    }
    const std::string_view text = input_.substr(start, pos_ - start);
    ++pos_;
    return parse_subscript(list, text);
  }

  static std::vector<std::string> union_parts(std::string_view text) {
    std::vector<std::string> out(1);
    bool in_quote = false;
    for (char c : text) {
      if (c == '\'') in_quote = !in_quote;
      if (c == ',' && !in_quote) {
        out.emplace_back();
      } else {
        out.back() += c;
      }
    }
    return out;
  }

  Status parse_subscript(Node& list, std::string_view text) {
    if (const auto parts = union_parts(text); parts.size() > 1) {
      Node node = node_of(Kind::Union);
      for (const std::string& part : parts) {
        Node branch = node_of(Kind::List);
        SLUICE_CHECK_OK(parse_subscript(branch, trim(part)));
        node.children.push_back(std::move(branch));
      }
      list.children.push_back(std::move(node));
      return {};
    }
    if (text.size() >= 2 && text.front() == '\'' && text.back() == '\'') {
      std::string key(text.substr(1, text.size() - 2));
      list.children.push_back(key == "*"
                                  ? node_of(Kind::Wildcard)
                                  : node_of(Kind::Field, without_backslashes(std::move(key))));
      return {};
    }
    return parse_slice(list, text == "*" ? ":" : text);
  }

  static Status parse_slice(Node& list, std::string_view text) {
    const auto parts = split(text, ':');
    Node node = node_of(Kind::Slice);
    const auto bad = [&] { return problem(fmt::format("invalid array index {}", text)); };
    if (text.empty() || parts.size() > 3) return bad();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].empty()) continue;
      if (parts[i].starts_with('+')) return bad();
      node.params[i].value = parse_int(parts[i]);
      if (!node.params[i].value) return bad();
    }
    if (parts.size() == 1) {
      node.params[1].value = *node.params[0].value + 1;
      node.params[1].derived = true;
    }
    list.children.push_back(std::move(node));
    return {};
  }

  // One `{…}` of its own, as the two sides of a comparison are.
  Result<Node> sub_action(std::string_view text) const {
    if (nesting_ >= kNestingMax) return problem("filters are nested too deeply");
    const std::string wrapped = "{" + std::string(text) + "}";
    SLUICE_TRY(Node root, PathParser(wrapped, nesting_ + 1).parse());
    if (root.children.empty()) return node_of(Kind::List);
    return std::move(root.children.front());
  }

  // The text between "[?(" and ")]".
  Result<std::string_view> filter_text() {
    pos_ += 3;
    const std::size_t start = pos_;
    int quote_char = 0;
    for (;; ++pos_) {
      const int c = peek();
      if (c == kEndOfPath || c == '\n') return problem("unterminated filter");
      if ((c == '"' || c == '\'') && input_[pos_ - 1] != '\\') {
        if (quote_char == 0) {
          quote_char = c;
        } else if (quote_char == c) {
          quote_char = 0;
        }
      }
      if (c == ')' && quote_char == 0) break;
    }
    const std::string_view text = input_.substr(start, pos_ - start);
    ++pos_;
    if (peek() != ']') return problem("unclosed array expect ]");
    ++pos_;
    return text;
  }

  Status parse_filter(Node& list) {
    SLUICE_TRY(const std::string_view text, filter_text());
    Node node = node_of(Kind::Filter, "exists");
    std::string_view left = text, right;
    if (const std::size_t start = text.find_first_of("!<>=", 1);
        start != std::string_view::npos && !text.empty()) {
      std::size_t end = start;
      while (end < text.size() &&
             std::string_view("!<>=~").find(text[end]) != std::string_view::npos)
        ++end;
      node.text = text.substr(start, end - start);
      left = text.substr(0, start);
      right = text.substr(end);
    }
    SLUICE_TRY(Node left_side, sub_action(left));
    SLUICE_TRY(Node right_side, sub_action(right));
    node.children.push_back(std::move(left_side));
    node.children.push_back(std::move(right_side));
    list.children.push_back(std::move(node));
    return {};
  }

  std::string_view input_;
  int nesting_;
  std::size_t pos_ = 0;
};

}  // namespace

Result<JsonPath::Node> parse_json_path(std::string_view text) {
  return PathParser(text, 0).parse();
}

}  // namespace sluice::analysis
