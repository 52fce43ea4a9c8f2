#include "analysis/expr/parser.h"

#include <algorithm>
#include <array>
#include <optional>

#include "analysis/expr/builtins.h"
#include "analysis/expr/lexer.h"
#include "analysis/expr/numbers.h"
#include "analysis/expr/quote.h"
#include "analysis/expr/runtime_error.h"

namespace sluice::analysis::expr {
namespace {

constexpr std::size_t kMaxNodes = 10'000;  // expressions.md §12.2
// Ours: keeps every recursion over the tree within the stack.
constexpr std::uint32_t kMaxHeight = 2'000;
constexpr int kMaxParseNesting = 1'000;

struct BinaryOperator {
  std::string_view text;
  Op op;
  int precedence;
  bool right_associative = false;
};

constexpr BinaryOperator kBinary[] = {
    {"or", Op::Or, 10},
    {"||", Op::Or, 10},
    {"and", Op::And, 15},
    {"&&", Op::And, 15},
    {"==", Op::Equal, 20},
    {"!=", Op::NotEqual, 20},
    {"<", Op::Less, 20},
    {">", Op::Greater, 20},
    {"<=", Op::LessEqual, 20},
    {">=", Op::GreaterEqual, 20},
    {"in", Op::In, 20},
    {"matches", Op::Matches, 20},
    {"contains", Op::Contains, 20},
    {"startsWith", Op::StartsWith, 20},
    {"endsWith", Op::EndsWith, 20},
    {"..", Op::Range, 25},
    {"+", Op::Add, 30},
    {"-", Op::Subtract, 30},
    {"*", Op::Multiply, 60},
    {"/", Op::Divide, 60},
    {"%", Op::Modulo, 60},
    {"**", Op::Power, 100, true},
    {"^", Op::Power, 100, true},
    {"??", Op::Coalesce, 500},
};

const BinaryOperator* find_binary(const Token& token) {
  if (!token.is(TokenKind::Operator)) return nullptr;
  for (const BinaryOperator& candidate : kBinary) {
    if (candidate.text == token.text) return &candidate;
  }
  return nullptr;
}

bool allows_not_before(const Token& token) {
  static constexpr std::string_view kWords[] = {"in", "matches", "contains", "startsWith",
                                                "endsWith"};
  return token.is(TokenKind::Operator) &&
         std::find(std::begin(kWords), std::end(kWords), token.text) != std::end(kWords);
}

struct UnaryOperator {
  Op op;
  int precedence;
};

std::optional<UnaryOperator> find_unary(const Token& token) {
  if (!token.is(TokenKind::Operator)) return std::nullopt;
  if (token.text == "not" || token.text == "!") return UnaryOperator{Op::Not, 50};
  if (token.text == "-") return UnaryOperator{Op::Minus, 90};
  if (token.text == "+") return UnaryOperator{Op::Plus, 90};
  return std::nullopt;
}

// The argument list of a predicate builtin: 'e' expression, 'p' predicate; upper case is optional.
struct PredicateShape {
  std::string_view name;
  std::string_view arguments;
};

constexpr PredicateShape kPredicates[] = {
    {"all", "ep"},     {"none", "ep"},      {"any", "ep"},      {"one", "ep"},
    {"filter", "ep"},  {"map", "ep"},       {"count", "eP"},    {"sum", "eP"},
    {"find", "ep"},    {"findIndex", "ep"}, {"findLast", "ep"}, {"findLastIndex", "ep"},
    {"groupBy", "ep"}, {"sortBy", "epE"},   {"reduce", "epE"},
};

const PredicateShape* find_predicate(std::string_view name) {
  for (const PredicateShape& shape : kPredicates) {
    if (shape.name == name) return &shape;
  }
  return nullptr;
}

bool is_word_token(const Token& token) {
  if (token.is(TokenKind::Identifier)) return true;
  if (!token.is(TokenKind::Operator) || token.text.empty()) return false;
  const char c = token.text.front();
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

class Parser {
 public:
  Parser(std::string_view source, bool null_is_nil)
      : tokens_(tokenize(source)), null_is_nil_(null_is_nil) {}

  Tree run() {
    tree_.root = sequence();
    if (!current().is(TokenKind::End)) unexpected();
    return std::move(tree_);
  }

 private:
  // Counts how deep the grammar is inside itself, so that hostile input cannot exhaust the stack.
  struct Nesting {
    explicit Nesting(Parser& owner) : parser(owner) {
      if (++parser.nesting_ > kMaxParseNesting) {
        parser.error("compilation failed: expression is nested too deeply");
      }
    }
    ~Nesting() { --parser.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    Parser& parser;
  };

  [[nodiscard]] const Token& current() const { return tokens_[at_]; }
  void advance() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  [[nodiscard]] bool is_operator(std::string_view text) const {
    return current().is(TokenKind::Operator, text);
  }
  [[nodiscard]] bool is_bracket(std::string_view text) const {
    return current().is(TokenKind::Bracket, text);
  }
  [[noreturn]] void error(std::string message) const {
    throw CompileError{std::move(message), current().position};
  }
  [[noreturn]] void unexpected() const { error("unexpected token " + to_string(current())); }
  void expect_operator(std::string_view text) {
    if (!is_operator(text)) unexpected();
    advance();
  }
  void expect_bracket(std::string_view text) {
    if (!is_bracket(text)) unexpected();
    advance();
  }

  Node* make(NodeKind kind, std::size_t position, std::vector<Node*> children = {}) {
    if (tree_.nodes.size() >= kMaxNodes) {
      error("compilation failed: expression exceeds maximum allowed nodes");
    }
    Node& node = tree_.nodes.emplace_back();
    node.kind = kind;
    node.position = position;
    node.children = std::move(children);
    for (const Node* child : node.children) {
      if (child != nullptr) node.height = std::max(node.height, child->height + 1);
    }
    if (node.height > kMaxHeight) error("compilation failed: expression is nested too deeply");
    return &node;
  }
  Node* constant(Value value, std::size_t position) {
    Node* node = make(NodeKind::Constant, position);
    node->constant = std::move(value);
    node->literal = true;
    return node;
  }
  Node* binary(Op op, std::string text, std::size_t position, Node* left, Node* right) {
    Node* node = make(NodeKind::Binary, position, {left, right});
    node->op = op;
    node->text = std::move(text);
    return node;
  }

  Node* sequence() {
    std::vector<Node*> items{expression(0)};
    while (is_operator(";")) {
      advance();
      if (current().is(TokenKind::End)) break;
      items.push_back(expression(0));
    }
    if (items.size() == 1) return items.front();
    const std::size_t position = items.front()->position;
    return make(NodeKind::Sequence, position, std::move(items));
  }

  Node* let() {
    const Nesting guard(*this);
    const std::size_t position = current().position;
    advance();
    const Token name = current();
    if (!name.is(TokenKind::Identifier)) unexpected();
    advance();
    expect_operator("=");
    Node* value = expression(0);
    expect_operator(";");
    Node* body = sequence();
    Node* node = make(NodeKind::Let, position, {value, body});
    node->text = name.text;
    return node;
  }

  Node* if_else() {
    const Nesting guard(*this);
    const std::size_t position = current().position;
    advance();
    Node* condition = expression(0);
    Node* then = braced_sequence();
    expect_operator("else");
    Node* otherwise = is_operator("if") ? if_else() : braced_sequence();
    return make(NodeKind::Conditional, position, {condition, then, otherwise});
  }

  Node* braced_sequence() {
    expect_bracket("{");
    Node* body = sequence();
    expect_bracket("}");
    return body;
  }

  Node* expression(int precedence) {
    const Nesting guard(*this);
    if (precedence == 0 && is_operator("let")) return let();
    if (precedence == 0 && is_operator("if")) return if_else();
    Node* left = primary();
    std::string previous;
    while (current().is(TokenKind::Operator)) {
      Node* longer = extend(left, precedence, previous);
      if (longer == nullptr) break;
      left = longer;
    }
    return precedence == 0 ? conditional(left) : left;
  }

  // One more binary operator after `left`, or nullptr when none of sufficient precedence follows.
  Node* extend(Node* left, int precedence, std::string& previous) {
    const std::size_t begin = at_;
    const bool negate = is_operator("not");
    if (negate) {
      advance();
      if (!allows_not_before(current())) unexpected();
    }
    const Token token = current();
    if (token.text == "|" && precedence == 0 && !negate) {
      previous = token.text;
      return pipe(left);
    }
    const BinaryOperator* found = find_binary(token);
    if (found == nullptr || found->precedence < precedence) {
      at_ = begin;
      return nullptr;
    }
    if (previous == "??" && token.text != "??") {
      error("Operator (" + token.text +
            ") and coalesce expressions (?"
            "?) cannot be mixed. Wrap either by parentheses.");
    }
    previous = token.text;
    advance();
    if (is_relational(found->op)) return comparison(left, token, found->precedence);
    Node* right = expression(found->right_associative ? found->precedence : found->precedence + 1);
    Node* node = binary(found->op, token.text, token.position, left, right);
    if (!negate) return node;
    Node* inverted = make(NodeKind::Unary, token.position, {node});
    inverted->op = Op::Not;
    inverted->text = "not";
    return inverted;
  }

  Node* pipe(Node* left) {
    advance();
    const Token name = current();
    if (!name.is(TokenKind::Identifier)) unexpected();
    advance();
    return call(name, {left});
  }

  // a < b < c means a < b && b < c.
  Node* comparison(Node* left, Token token, int precedence) {
    Node* whole = nullptr;
    while (true) {
      Node* right = expression(precedence + 1);
      Node* one = binary(find_binary(token)->op, token.text, token.position, left, right);
      whole = whole == nullptr ? one : binary(Op::And, "&&", token.position, whole, one);
      const BinaryOperator* following = find_binary(current());
      if (following == nullptr || !is_relational(following->op)) return whole;
      token = current();
      advance();
      left = right;
    }
  }

  Node* conditional(Node* node) {
    while (is_operator("?")) {
      const std::size_t position = current().position;
      advance();
      if (is_operator(":")) {
        advance();
        Node* otherwise = expression(0);
        node = make(NodeKind::Conditional, position, {node, node, otherwise});
      } else {
        Node* then = expression(0);
        expect_operator(":");
        Node* otherwise = expression(0);
        node = make(NodeKind::Conditional, position, {node, then, otherwise});
      }
    }
    return node;
  }

  Node* primary() {
    const Nesting guard(*this);
    const Token token = current();
    if (const auto unary = find_unary(token)) {
      advance();
      Node* operand = expression(unary->precedence);
      Node* node = make(NodeKind::Unary, token.position, {operand});
      node->op = unary->op;
      node->text = token.text;
      return postfix(node);
    }
    if (is_bracket("(")) {
      advance();
      Node* inner = sequence();
      expect_bracket(")");
      return postfix(inner);
    }
    if (predicates_ > 0 && (is_operator("#") || is_operator("."))) return postfix(pointer());
    if (is_operator("::")) {
      advance();
      const Token name = current();
      if (!name.is(TokenKind::Identifier)) unexpected();
      advance();
      return postfix(call(name, {}));
    }
    return secondary();
  }

  Node* pointer() {
    Node* node = make(NodeKind::Pointer, current().position);
    if (is_operator("#")) {
      advance();
      if (current().is(TokenKind::Identifier)) {
        node->text = current().text;
        advance();
      }
    }
    return node;
  }

  Node* secondary() {
    const Token token = current();
    switch (token.kind) {
      case TokenKind::Identifier:
        return name(token);
      case TokenKind::Number: {
        Node* node = number(token);
        advance();
        return node;
      }
      case TokenKind::String:
        advance();
        return postfix(constant(Value::string(token.text), token.position));
      case TokenKind::Bytes:
        advance();
        return postfix(constant(Value::bytes(token.text), token.position));
      case TokenKind::Bracket:
        if (token.text == "[") return postfix(array());
        if (token.text == "{") return postfix(map());
        break;
      case TokenKind::Operator:
      case TokenKind::End:
        break;
    }
    unexpected();
  }

  Node* name(const Token& token) {
    advance();
    if (token.text == "true" || token.text == "false") {
      return constant(Value::boolean(token.text == "true"), token.position);
    }
    if (token.text == "nil" || (null_is_nil_ && token.text == "null")) {
      return constant(Value(), token.position);
    }
    if (is_bracket("(")) return postfix(call(token, {}));
    Node* node = make(NodeKind::Identifier, token.position);
    node->text = token.text;
    return postfix(node);
  }

  Node* number(const Token& token) {
    std::string text = token.text;
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    const std::string prefix = text.substr(0, 2);
    if (prefix == "0x" || prefix == "0X") return integer(text, 16, "hex");
    if (prefix == "0b" || prefix == "0B") return integer(text, 2, "binary");
    if (prefix == "0o" || prefix == "0O") return integer(text, 8, "octal");
    if (text.find_first_of(".eE") == std::string::npos) return integer(text, 10, "integer");
    const ParsedFloat parsed = parse_float(text);
    if (parsed.error != NumberError::None) {
      error("invalid float literal: strconv.ParseFloat: parsing " + quote_text(text) + ": " +
            std::string(to_string(parsed.error)));
    }
    return constant(Value::number(parsed.value), token.position);
  }

  Node* integer(const std::string& text, int base, const char* what) {
    const std::string_view digits =
        base == 10 ? std::string_view(text) : std::string_view(text).substr(2);
    const ParsedInteger parsed = parse_integer(digits, base);
    if (parsed.error != NumberError::None) {
      error(std::string("invalid ") + what + " literal: strconv.ParseInt: parsing " +
            quote_text(text) + ": " + std::string(to_string(parsed.error)));
    }
    return constant(Value::integer(parsed.value), current().position);
  }

  Node* array() {
    const std::size_t position = current().position;
    advance();
    std::vector<Node*> items;
    while (!is_bracket("]")) {
      if (!items.empty()) {
        expect_operator(",");
        if (is_bracket("]")) break;
      }
      items.push_back(expression(0));
    }
    expect_bracket("]");
    return make(NodeKind::Array, position, std::move(items));
  }

  Node* map() {
    const std::size_t position = current().position;
    advance();
    std::vector<Node*> items;
    while (!is_bracket("}")) {
      if (!items.empty()) {
        expect_operator(",");
        if (is_bracket("}")) break;
        if (is_operator(",")) unexpected();
      }
      items.push_back(map_key());
      expect_operator(":");
      items.push_back(expression(0));
    }
    expect_bracket("}");
    return make(NodeKind::Map, position, std::move(items));
  }

  Node* map_key() {
    const Token token = current();
    if (token.is(TokenKind::Number) || token.is(TokenKind::String) ||
        token.is(TokenKind::Identifier)) {
      advance();
      return constant(Value::string(token.text), token.position);
    }
    if (is_bracket("(")) return expression(0);
    error(
        "a map key must be a quoted string, a number, a identifier, or an expression enclosed in "
        "parentheses (unexpected token " +
        to_string(token) + ")");
  }

  Node* call(const Token& name, std::vector<Node*> arguments) {
    const PredicateShape* shape = find_predicate(name.text);
    if (shape != nullptr) {
      arguments = predicate_arguments(*shape, std::move(arguments));
    } else {
      arguments = call_arguments(std::move(arguments));
    }
    if (shape != nullptr || is_builtin(name.text)) {
      Node* node = make(NodeKind::Builtin, name.position, std::move(arguments));
      node->text = name.text;
      return node;
    }
    Node* callee = make(NodeKind::Identifier, name.position);
    callee->text = name.text;
    arguments.insert(arguments.begin(), callee);
    return make(NodeKind::Call, name.position, std::move(arguments));
  }

  std::vector<Node*> call_arguments(std::vector<Node*> arguments) {
    const std::size_t given = arguments.size();
    expect_bracket("(");
    while (!is_bracket(")")) {
      if (arguments.size() > given) {
        expect_operator(",");
        if (is_bracket(")")) break;
      }
      arguments.push_back(expression(0));
    }
    expect_bracket(")");
    return arguments;
  }

  std::vector<Node*> predicate_arguments(const PredicateShape& shape,
                                         std::vector<Node*> arguments) {
    expect_bracket("(");
    const std::string_view wanted = shape.arguments.substr(arguments.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const bool optional = wanted[i] == 'P' || wanted[i] == 'E';
      const bool first = i == 0;
      if (is_bracket(")") && (optional || !first)) {
        if (optional) break;
        error("expected at least " + std::to_string(wanted.size()) + " arguments");
      }
      if (!first) {
        expect_operator(",");
        if (optional && is_bracket(")")) break;
      }
      const bool predicate = wanted[i] == 'p' || wanted[i] == 'P';
      arguments.push_back(predicate ? this->predicate() : expression(0));
    }
    if (is_operator(",")) advance();
    expect_bracket(")");
    return arguments;
  }

  Node* predicate() {
    const std::size_t position = current().position;
    const bool braces = is_bracket("{");
    ++predicates_;
    Node* body = braces ? braced_sequence() : expression(0);
    --predicates_;
    if (!braces && is_operator(";")) error("wrap predicate with brackets { and }");
    return make(NodeKind::Predicate, position, {body});
  }

  Node* postfix(Node* node) {
    while (true) {
      if (is_operator(".") || is_operator("?.")) {
        const bool optional = is_operator("?.");
        advance();
        node = optional && is_bracket("[") ? subscript(node, true) : member(node, optional);
      } else if (is_bracket("[")) {
        node = subscript(node, false);
      } else {
        return node;
      }
    }
  }

  Node* member(Node* node, bool optional) {
    const Token token = current();
    advance();
    if (!is_word_token(token)) {
      throw CompileError{"expected name", token.position};
    }
    // A chain goes on: what follows is skipped too when it has failed.
    const bool chained = node->kind == NodeKind::Chain;
    if (chained) node = node->children.front();
    Node* property = constant(Value::string(token.text), token.position);
    Node* access = make(NodeKind::Member, token.position, {node, property});
    access->optional = optional;
    Node* result = access;
    if (is_bracket("(")) {
      access->method = true;
      result = make(NodeKind::Call, token.position, call_arguments({access}));
    }
    return chained || optional ? make(NodeKind::Chain, token.position, {result}) : result;
  }

  Node* subscript(Node* node, bool optional) {
    const std::size_t position = current().position;
    advance();
    Node* from = is_operator(":") ? nullptr : expression(0);
    if (is_operator(":")) {
      advance();
      Node* to = is_bracket("]") ? nullptr : expression(0);
      expect_bracket("]");
      return make(NodeKind::Slice, position, {node, from, to});
    }
    expect_bracket("]");
    Node* access = make(NodeKind::Member, position, {node, from});
    access->optional = optional;
    return optional ? make(NodeKind::Chain, position, {access}) : access;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  bool null_is_nil_;
  int predicates_ = 0;
  int nesting_ = 0;
  Tree tree_;
};

}  // namespace

Tree parse(std::string_view source, bool null_is_nil) {
  return Parser(source, null_is_nil).run();
}

bool is_predicate_builtin(std::string_view name) {
  return find_predicate(name) != nullptr;
}

}  // namespace sluice::analysis::expr
