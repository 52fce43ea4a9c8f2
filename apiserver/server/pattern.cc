#include "apiserver/server/pattern.h"

#include <bitset>
#include <functional>
#include <string>
#include <vector>

namespace sluice::apiserver::server {

struct Pattern::Node {
  enum class Kind { Set, Start, End, Sequence, Alternatives, Repeat } kind = Kind::Sequence;
  std::bitset<256> set;
  std::vector<std::unique_ptr<Node>> children;
  int low = 0, high = -1;  // Repeat; -1 = unbounded
};

namespace {

using Node = Pattern::Node;
using NodePtr = std::unique_ptr<Node>;
using Rest = std::function<bool(std::size_t)>;
constexpr int kBudget = 200'000;  // steps per match: a hostile pattern may not hang the server

NodePtr make(Node::Kind kind) {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  return node;
}

class Compiler {
 public:
  explicit Compiler(std::string_view text) : text_(text) {}

  NodePtr whole() {
    NodePtr node = alternatives();
    if (at_ < text_.size()) bad_ = true;
    return bad_ ? nullptr : std::move(node);
  }

 private:
  [[nodiscard]] bool more() const { return at_ < text_.size(); }
  [[nodiscard]] char peek() const { return more() ? text_[at_] : '\0'; }

  NodePtr alternatives() {
    NodePtr node = make(Node::Kind::Alternatives);
    node->children.push_back(sequence());
    while (more() && peek() == '|') {
      ++at_;
      node->children.push_back(sequence());
    }
    return node;
  }

  NodePtr sequence() {
    NodePtr node = make(Node::Kind::Sequence);
    while (more() && peek() != '|' && peek() != ')' && !bad_) {
      NodePtr piece = atom();
      if (!piece) {
        bad_ = true;
        break;
      }
      node->children.push_back(quantified(std::move(piece)));
    }
    return node;
  }

  NodePtr atom() {
    const char c = text_[at_++];
    if (c == '^') return make(Node::Kind::Start);
    if (c == '$') return make(Node::Kind::End);
    if (c == '(') return group();
    if (c == '[') return char_class();
    NodePtr node = make(Node::Kind::Set);
    if (c == '.') {
      node->set.set();
      node->set.reset('\n');
    } else if (c == '\\') {
      if (!more() || !escape(node->set)) return nullptr;
    } else if (c == '*' || c == '+' || c == '?') {
      return nullptr;
    } else {
      node->set.set(static_cast<unsigned char>(c));
    }
    return node;
  }

  NodePtr group() {
    if (text_.substr(at_, 2) == "?:")
      at_ += 2;
    else if (peek() == '?')
      return nullptr;
    NodePtr node = alternatives();
    if (peek() != ')' || !more()) return nullptr;
    ++at_;
    return node;
  }

  // After the backslash; adds the characters it stands for.
  bool escape(std::bitset<256>& set) {
    const char c = text_[at_++];
    std::bitset<256> chars;
    const auto range = [&chars](char from, char to) {
      for (int i = from; i <= to; ++i) chars.set(static_cast<std::size_t>(i));
    };
    switch (c) {
      case 'd':
      case 'D':
        range('0', '9');
        break;
      case 'w':
      case 'W':
        range('0', '9');
        range('a', 'z');
        range('A', 'Z');
        chars.set('_');
        break;
      case 's':
      case 'S':
        for (char s : {' ', '\t', '\n', '\r', '\f'}) chars.set(static_cast<unsigned char>(s));
        break;
      case 'n':
        chars.set('\n');
        break;
      case 't':
        chars.set('\t');
        break;
      case 'r':
        chars.set('\r');
        break;
      default:
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
          return false;
        chars.set(static_cast<unsigned char>(c));
    }
    if (c == 'D' || c == 'W' || c == 'S') chars.flip();
    set |= chars;
    return true;
  }

  NodePtr char_class() {
    NodePtr node = make(Node::Kind::Set);
    const bool negated = peek() == '^';
    if (negated) ++at_;
    bool first = true;
    while (more() && (peek() != ']' || first)) {
      first = false;
      const char c = text_[at_++];
      if (c == '\\') {
        if (!more() || !escape(node->set)) return nullptr;
        continue;
      }
      if (peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        const char to = text_[at_ + 1];
        at_ += 2;
        for (int i = static_cast<unsigned char>(c); i <= static_cast<unsigned char>(to); ++i)
          node->set.set(static_cast<std::size_t>(i));
      } else {
        node->set.set(static_cast<unsigned char>(c));
      }
    }
    if (!more()) return nullptr;
    ++at_;
    if (negated) node->set.flip();
    return node;
  }

  NodePtr quantified(NodePtr piece) {
    while (more()) {
      int low = 0, high = -1;
      const char c = peek();
      if (c == '*')
        ++at_;
      else if (c == '+') {
        low = 1;
        ++at_;
      } else if (c == '?') {
        high = 1;
        ++at_;
      } else if (c != '{' || !counts(low, high))
        break;
      if (peek() == '?') ++at_;  // laziness does not change whether a text matches
      NodePtr node = make(Node::Kind::Repeat);
      node->low = low;
      node->high = high;
      node->children.push_back(std::move(piece));
      piece = std::move(node);
    }
    return piece;
  }

  bool counts(int& low, int& high) {
    const std::size_t close = text_.find('}', at_);
    if (close == std::string_view::npos) return false;
    const std::string_view inside = text_.substr(at_ + 1, close - at_ - 1);
    const std::size_t comma = inside.find(',');
    const auto number = [](std::string_view digits) {
      int value = 0;
      for (char d : digits) value = value * 10 + (d - '0');
      return value;
    };
    if (inside.empty() || inside.find_first_not_of("0123456789,") != std::string_view::npos)
      return false;
    low = number(inside.substr(0, comma));
    if (comma == std::string_view::npos)
      high = low;
    else
      high = comma + 1 == inside.size() ? -1 : number(inside.substr(comma + 1));
    at_ = close + 1;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool bad_ = false;
};

struct Matcher {
  std::string_view text;
  int budget = kBudget;

  bool match(const Node& node, std::size_t at, const Rest& rest) {
    if (--budget < 0) return false;
    switch (node.kind) {
      case Node::Kind::Set:
        return at < text.size() && node.set.test(static_cast<unsigned char>(text[at])) &&
               rest(at + 1);
      case Node::Kind::Start:
        return at == 0 && rest(at);
      case Node::Kind::End:
        return at == text.size() && rest(at);
      case Node::Kind::Sequence:
        return sequence(node, 0, at, rest);
      case Node::Kind::Alternatives:
        for (const NodePtr& child : node.children)
          if (match(*child, at, rest)) return true;
        return false;
      case Node::Kind::Repeat:
        return repeat(node, 0, at, rest);
    }
    return false;
  }

  bool sequence(const Node& node, std::size_t index, std::size_t at, const Rest& rest) {
    if (index == node.children.size()) return rest(at);
    return match(*node.children[index], at,
                 [&](std::size_t next) { return sequence(node, index + 1, next, rest); });
  }

  bool repeat(const Node& node, int count, std::size_t at, const Rest& rest) {
    if (node.high < 0 || count < node.high) {
      const bool deeper = match(*node.children[0], at, [&](std::size_t next) {
        return (next > at || count < node.low) && repeat(node, count + 1, next, rest);
      });
      if (deeper) return true;
    }
    return count >= node.low && rest(at);
  }
};

}  // namespace

Pattern::Pattern(std::string_view text) : root_(Compiler(text).whole()) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;
bool Pattern::valid() const {
  return root_ != nullptr;
}

bool Pattern::search(std::string_view text) const {
  if (!root_) return true;
  Matcher matcher{text};
  for (std::size_t at = 0; at <= text.size(); ++at)
    if (matcher.match(*root_, at, [](std::size_t) { return true; })) return true;
  return false;
}

}  // namespace sluice::apiserver::server
