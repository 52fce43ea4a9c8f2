#include "analysis/expr/evaluator.h"

#include <algorithm>

#include "analysis/expr/builtins.h"
#include "analysis/expr/numbers.h"
#include "analysis/expr/operators.h"
#include "analysis/expr/pattern.h"
#include "analysis/expr/text.h"

namespace sluice::analysis::expr {
namespace {

Value function_value(Function::Id id) {
  return Value::function(std::make_shared<const Function>(Function{id, Value(), ""}));
}

// The work a comparison of two containers may take.
std::uint64_t comparison_cost(const Value& a, const Value& b) {
  return std::min(a.weight(), b.weight());
}

std::string bytes_of(const Value& value) {
  std::string out;
  for (const Value& item : value.as_list()->items) out += static_cast<char>(item.as_integer());
  return out;
}

bool is_bytes(const Value& value) {
  return value.as_list() != nullptr && value.as_list()->element == ElementKind::Byte;
}

bool match(const Node& node, const Value& left, const Value& right) {
  if (!left.is(ValueKind::String) && !is_bytes(left)) raise_conversion(left, "[]uint8");
  const std::string text = is_bytes(left) ? bytes_of(left) : left.as_string();
  if (node.regex != nullptr) return matches_pattern(*node.regex, text);
  std::string message;
  const auto pattern = compile_pattern(string_argument(right), message);
  if (pattern == nullptr) raise(message);
  return matches_pattern(*pattern, text);
}

}  // namespace

bool truth(const Value& value) {
  if (!value.is(ValueKind::Bool)) raise_conversion(value, "bool");
  return value.as_bool();
}

Value Evaluator::eval(const Node& node) {
  context_.budget.work(1);
  switch (node.kind) {
    case NodeKind::Constant:
      return node.constant;
    case NodeKind::Identifier:
      return identifier(node);
    case NodeKind::Unary:
      return unary(node);
    case NodeKind::Binary:
      return binary(node);
    case NodeKind::Chain:
      return chain(node);
    case NodeKind::Member:
    case NodeKind::Call: {
      bool broken = false;
      return link(node, broken);
    }
    case NodeKind::Slice:
      return slice_of(node);
    case NodeKind::Builtin:
      return builtin(node);
    case NodeKind::Predicate:
      return eval(*node.children[0]);
    case NodeKind::Pointer:
      return pointer(node);
    case NodeKind::Let:
      return let(node);
    case NodeKind::Sequence: {
      Value last;
      for (const Node* child : node.children) last = eval(*child);
      return last;
    }
    case NodeKind::Conditional:
      return conditional(node);
    case NodeKind::Array:
      return array(node);
    case NodeKind::Map:
      return map(node);
  }
  return Value();
}

Value Evaluator::identifier(const Node& node) const {
  if (node.slot >= 0) return variables_[static_cast<std::size_t>(node.slot)];
  if (node.text == "$env") return environment_map();
  return environment_value(node.text);
}

Value Evaluator::environment_value(const std::string& name) const {
  const auto entry = find_environment(names_, name);
  if (!entry) return Value();  // a builtin without its call
  return entry->function ? function_value(*entry->function) : functions_.result;
}

Value Evaluator::environment_map() const {
  std::vector<std::pair<std::string, Value>> entries;
  for (const char* name : {"asFloat", "asInt", "default", "isInf", "isNaN", "isNil", "result"}) {
    const std::string key = name;
    const bool present = key == "result" ? names_.has_result : !environment_value(key).is_nil();
    if (present) entries.emplace_back(key, environment_value(key));
  }
  return Value::map(std::move(entries));
}

Value Evaluator::unary(const Node& node) {
  const Value operand = eval(*node.children[0]);
  if (node.op == Op::Not) return Value::boolean(!truth(operand));
  return node.op == Op::Minus ? negate(operand) : operand;
}

Value Evaluator::logic(const Node& node) {
  Value left = eval(*node.children[0]);
  if (truth(left) == (node.op == Op::Or)) return left;
  return eval(*node.children[1]);
}

Value Evaluator::binary(const Node& node) {
  switch (node.op) {
    case Op::Or:
    case Op::And:
      return logic(node);
    case Op::Coalesce: {
      Value left = eval(*node.children[0]);
      return left.is_nil() ? eval(*node.children[1]) : left;
    }
    case Op::In:
      return membership(node);
    case Op::Matches:
    case Op::Contains:
    case Op::StartsWith:
    case Op::EndsWith:
      return text_test(node);
    case Op::None:
    case Op::Equal:
    case Op::NotEqual:
    case Op::Less:
    case Op::Greater:
    case Op::LessEqual:
    case Op::GreaterEqual:
    case Op::Range:
    case Op::Add:
    case Op::Subtract:
    case Op::Multiply:
    case Op::Divide:
    case Op::Modulo:
    case Op::Power:
    case Op::Not:
    case Op::Plus:
    case Op::Minus:
      break;
  }
  return strict_binary(node);
}

// Operators that always need both sides.
Value Evaluator::strict_binary(const Node& node) {
  const Value left = eval(*node.children[0]);
  const Value right = eval(*node.children[1]);
  if (node.op == Op::Equal || node.op == Op::NotEqual) {
    context_.budget.work(comparison_cost(left, right));
    return Value::boolean(equal(left, right) == (node.op == Op::Equal));
  }
  if (is_relational(node.op)) {
    context_.budget.work(comparison_cost(left, right));
    return Value::boolean(ordered(node.op, left, right));
  }
  if (node.op == Op::Range) return range(left, right);
  context_.budget.work((left.as_string().size() + right.as_string().size()) / 64);
  return arithmetic(node.op, left, right);
}

Value Evaluator::membership(const Node& node) {
  const Value needle = eval(*node.children[0]);
  const Value haystack = eval(*node.children[1]);
  if (node.string_set) {
    if (!needle.is_nil() && !needle.is(ValueKind::String)) {
      raise("reflect.Value.MapIndex: value of type " + type_name(needle) +
            " is not assignable to type string");
    }
    return Value::boolean(contains(Value::string(needle.as_string()), haystack));
  }
  if (const List* list = haystack.as_list()) {
    context_.budget.work(std::min(haystack.weight(), list->items.size() * needle.weight()));
  }
  return Value::boolean(contains(needle, haystack));
}

Value Evaluator::text_test(const Node& node) {
  const Value left = eval(*node.children[0]);
  const Value right = eval(*node.children[1]);
  if (left.is_nil() || right.is_nil()) return Value::boolean(false);
  if (node.op == Op::Matches) {
    context_.budget.work(left.weight());
    // A pattern that is not a literal is compiled each time.
    if (node.regex == nullptr) context_.budget.work(100 + right.as_string().size() * 10);
    return Value::boolean(match(node, left, right));
  }
  const std::string& text = string_argument(left);
  const std::string& part = string_argument(right);
  context_.budget.work(search_cost(text, part));
  if (node.op == Op::StartsWith) return Value::boolean(text.starts_with(part));
  if (node.op == Op::EndsWith) return Value::boolean(text.ends_with(part));
  return Value::boolean(text.find(part) != std::string::npos);
}

Value Evaluator::range(const Value& from, const Value& to) {
  const std::int64_t low = to_integer(from);
  const std::int64_t high = to_integer(to);
  if (low > high) return Value::list({}, ElementKind::Int);
  const std::uint64_t distance = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  if (distance >= 1'000'000) raise("memory budget exceeded");
  context_.budget.grow(distance + 1);
  std::vector<Value> items;
  items.reserve(distance + 1);
  for (std::uint64_t i = 0; i <= distance; ++i) {
    items.push_back(Value::integer(low + static_cast<std::int64_t>(i)));
  }
  return Value::list(std::move(items), ElementKind::Int);
}

Value Evaluator::chain(const Node& node) {
  bool broken = false;
  Value value = link(*node.children[0], broken);
  return broken ? Value() : value;
}

// One step of a path. `broken`: an optional step met nil, so the rest of the path is skipped.
Value Evaluator::link(const Node& node, bool& broken) {
  if (node.kind == NodeKind::Member) return link_member(node, broken);
  if (node.kind == NodeKind::Call) return link_call(node, broken);
  return eval(node);
}

Value Evaluator::link_member(const Node& node, bool& broken) {
  context_.budget.work(1);
  const Value base = link(*node.children[0], broken);
  if (broken) return Value();
  if (node.optional && base.is_nil()) {
    broken = true;
    return Value();
  }
  return fetch(base, eval(*node.children[1]));
}

Value Evaluator::link_call(const Node& node, bool& broken) {
  const Value callee = link(*node.children[0], broken);
  return broken ? Value() : call(callee, node);
}

Value Evaluator::call(const Value& callee, const Node& node) {
  Arguments arguments;
  for (std::size_t i = 1; i < node.children.size(); ++i) {
    arguments.push_back(eval(*node.children[i]));
  }
  if (callee.is_nil()) raise("invalid operation: cannot call nil");
  const Function* function = callee.as_function();
  if (function == nullptr) {
    raise("invalid operation: cannot call non-function of type " + type_name(callee));
  }
  return call_function(*function, arguments, functions_);
}

Value Evaluator::slice_of(const Node& node) {
  const Value base = eval(*node.children[0]);
  const Node* from = node.children[1];
  const Node* to = node.children[2];
  const std::int64_t end = to == nullptr ? slice_length(base) : to_integer(eval(*to));
  const std::int64_t begin = from == nullptr ? 0 : to_integer(eval(*from));
  Value out = slice(base, begin, end);
  context_.budget.work(static_cast<std::uint64_t>(slice_length(out)) / 8);
  return out;
}

Value Evaluator::pointer(const Node& node) const {
  const Scope& scope = scopes_.back();
  if (node.text == "index") return Value::integer(scope.index);
  return node.text == "acc" ? scope.accumulator : scope.element;
}

Value Evaluator::let(const Node& node) {
  Value value = eval(*node.children[0]);
  variables_.resize(static_cast<std::size_t>(node.slot));
  variables_.push_back(std::move(value));
  return eval(*node.children[1]);
}

Value Evaluator::conditional(const Node& node) {
  Value condition = eval(*node.children[0]);
  if (!truth(condition)) return eval(*node.children[2]);
  // "a ?: b" has one node in both places.
  return node.children[0] == node.children[1] ? condition : eval(*node.children[1]);
}

Value Evaluator::array(const Node& node) {
  context_.budget.grow(node.children.size());
  std::vector<Value> items;
  for (const Node* child : node.children) items.push_back(eval(*child));
  return Value::list(std::move(items));
}

Value Evaluator::map(const Node& node) {
  context_.budget.grow(node.children.size() / 2);
  std::vector<std::pair<Value, Value>> pairs;
  for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
    Value key = eval(*node.children[i]);
    pairs.emplace_back(std::move(key), eval(*node.children[i + 1]));
  }
  std::vector<std::pair<std::string, Value>> entries;
  for (auto& [key, value] : pairs) entries.emplace_back(string_argument(key), std::move(value));
  return Value::map(std::move(entries));
}

Value Evaluator::builtin(const Node& node) {
  if (node.builtin == nullptr) return predicate_builtin(node);
  Arguments arguments;
  for (const Node* child : node.children) {
    arguments.push_back(eval(*child));
    context_.budget.work(arguments.back().as_string().size() / 64);
  }
  return node.builtin->call(arguments, context_);
}

}  // namespace sluice::analysis::expr
