#include "analysis/expr/checker.h"

#include <re2/re2.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "analysis/expr/builtins.h"
#include "analysis/expr/operators.h"
#include "analysis/expr/pattern.h"
#include "analysis/expr/runtime_error.h"
#include "analysis/expr/time_methods.h"

namespace sluice::analysis::expr {
namespace {

using Kind = Type::Kind;

// Whether an operator accepts the pair because one side is untyped and the other is of an accepted
// type (or untyped as well).
template <class Accepts>
bool loosely(const Type& a, const Type& b, Accepts accepts) {
  if (a.is_unknown()) return b.is_unknown() || accepts(b);
  return b.is_unknown() && accepts(a);
}

// Named strings pass wherever only the shape of a type is looked at.
bool is_string(const Type& type) {
  return type.is(Kind::String) || type.is(Kind::NamedString);
}
bool is_bool(const Type& type) {
  return type.is(Kind::Bool);
}
bool is_number(const Type& type) {
  return type.is_number();
}
bool is_integer(const Type& type) {
  return type.is_integer();
}
bool is_addable(const Type& type) {
  return type.is_number() || is_string(type) || type.is(Kind::Time) || type.is(Kind::Duration);
}
bool is_subtractable(const Type& type) {
  return type.is_number() || type.is(Kind::Time) || type.is(Kind::Duration);
}
bool is_multipliable(const Type& type) {
  return type.is_number() || type.is(Kind::Duration);
}

Type combined(const Type& a, const Type& b) {
  return a.is(Kind::Float) || b.is(Kind::Float) ? types::number() : types::integer();
}

class Checker {
 public:
  explicit Checker(const Names& names) : names_(names) {}

  const Type& visit(Node& node) {
    if (node.checked) return node.type;
    node.checked = true;
    node.type = type_of_node(node);
    return node.type;
  }

 private:
  struct Scope {
    Type collection;
    bool index = false;
    bool accumulator = false;
  };

  [[noreturn]] static void error(const Node& node, std::string message) {
    throw CompileError{std::move(message), node.position};
  }

  Type type_of_node(Node& node) {
    switch (node.kind) {
      case NodeKind::Constant:
        return constant(node);
      case NodeKind::Identifier:
        return identifier(node);
      case NodeKind::Unary:
        return unary(node);
      case NodeKind::Binary:
        return binary(node);
      case NodeKind::Chain:
        return visit(*node.children[0]);
      case NodeKind::Member:
        return member(node);
      case NodeKind::Slice:
        return slice(node);
      case NodeKind::Call:
        return call(node);
      case NodeKind::Builtin:
        return builtin(node);
      case NodeKind::Predicate:
        return visit(*node.children[0]);
      case NodeKind::Pointer:
        return pointer(node);
      case NodeKind::Let:
        return let(node);
      case NodeKind::Sequence:
        return sequence(node);
      case NodeKind::Conditional:
        return conditional(node);
      case NodeKind::Array:
        return array(node);
      case NodeKind::Map:
        return map(node);
    }
    return types::unknown();
  }

  static Type constant(const Node& node) { return expr::type_of(node.constant); }

  // ---- names ------------------------------------------------------------------------------------

  Type identifier(Node& node) {
    for (std::size_t i = variables_.size(); i-- > 0;) {
      if (variables_[i].first != node.text) continue;
      node.slot = static_cast<std::int32_t>(i);
      return variables_[i].second;
    }
    if (node.text == "$env") return types::unknown();
    if (auto type = environment(node.text)) return *type;
    if (is_builtin(node.text)) return types::function({node.text, {}, {}, types::any()});
    error(node, "unknown name " + node.text);
  }

  std::optional<Type> environment(const std::string& name) const {
    auto entry = find_environment(names_, name);
    if (!entry) return std::nullopt;
    return std::move(entry->type);
  }

  Type let(Node& node) {
    if (environment(node.text)) error(node, "cannot redeclare " + node.text);
    if (is_builtin(node.text)) error(node, "cannot redeclare builtin " + node.text);
    for (const auto& variable : variables_) {
      if (variable.first == node.text) error(node, "cannot redeclare variable " + node.text);
    }
    Type value = visit(*node.children[0]);
    node.slot = static_cast<std::int32_t>(variables_.size());
    variables_.emplace_back(node.text, std::move(value));
    Type body = visit(*node.children[1]);
    variables_.pop_back();
    return body;
  }

  Type sequence(Node& node) {
    Type last;
    for (Node* child : node.children) last = visit(*child);
    return last;
  }

  Type pointer(Node& node) {
    if (scopes_.empty()) error(node, "cannot use pointer accessor outside predicate");
    const Scope& scope = scopes_.back();
    if (node.text.empty()) {
      if (scope.collection.is(Kind::Array)) return scope.collection.element_type();
      return types::unknown();
    }
    if (node.text == "index" && scope.index) return types::integer();
    if (node.text == "acc" && scope.accumulator) return types::unknown();
    error(node, "unknown pointer #" + node.text);
  }

  // ---- operators --------------------------------------------------------------------------------

  Type unary(Node& node) {
    const Type& operand = visit(*node.children[0]);
    if (node.op == Op::Not && (is_bool(operand) || operand.is_unknown())) return types::boolean();
    if (node.op != Op::Not && operand.is_number()) return operand;
    if (node.op != Op::Not && operand.is_unknown()) return types::unknown();
    error(node, "invalid operation: " + node.text + " (mismatched type " + operand.name + ")");
  }

  [[noreturn]] static void mismatch(const Node& node, const Type& a, const Type& b) {
    error(node, "invalid operation: " + node.text + " (mismatched types " + a.name + " and " +
                    b.name + ")");
  }

  Type binary(Node& node) {
    const Type& a = visit(*node.children[0]);
    const Type& b = visit(*node.children[1]);
    return operation(node, a, b);
  }

  // Apart from the recursion and never inlined into it: what it needs of the stack, it needs once
  // and not on each of 2,000 levels.
  [[gnu::noinline]] static Type operation(Node& node, const Type& a, const Type& b) {
    std::optional<Type> type;
    switch (node.op) {
      case Op::Or:
      case Op::And:
        if ((is_bool(a) && is_bool(b)) || loosely(a, b, is_bool)) type = types::boolean();
        break;
      case Op::Equal:
      case Op::NotEqual:
        if (comparable(a, b)) type = types::boolean();
        break;
      case Op::Less:
      case Op::Greater:
      case Op::LessEqual:
      case Op::GreaterEqual:
        type = relational(a, b);
        break;
      case Op::In:
        type = in(node, a, b);
        break;
      case Op::Matches:
        type = matches(node, a, b);
        break;
      case Op::Contains:
      case Op::StartsWith:
      case Op::EndsWith:
        if ((is_string(a) && is_string(b)) || loosely(a, b, is_string)) type = types::boolean();
        break;
      case Op::Add:
        type = sum(a, b);
        break;
      case Op::Subtract:
        type = difference(a, b);
        break;
      case Op::Multiply:
        type = product(a, b);
        break;
      case Op::Divide:
      case Op::Power:
        if ((is_number(a) && is_number(b)) || loosely(a, b, is_number)) type = types::number();
        break;
      case Op::Modulo:
        if ((is_integer(a) && is_integer(b)) || loosely(a, b, is_integer)) type = types::integer();
        break;
      case Op::Range:
        if ((is_integer(a) && is_integer(b)) || loosely(a, b, is_integer)) {
          type = types::list_of(types::integer());
        }
        break;
      case Op::Coalesce:
        type = coalesce(a, b);
        break;
      case Op::None:
      case Op::Not:
      case Op::Plus:
      case Op::Minus:
        break;
    }
    if (!type) mismatch(node, a, b);
    return *type;
  }

  static std::optional<Type> relational(const Type& a, const Type& b) {
    const bool same = (a.is_number() && b.is_number()) || (is_string(a) && is_string(b)) ||
                      (a.is(Kind::Time) && b.is(Kind::Time)) ||
                      (a.is(Kind::Duration) && b.is(Kind::Duration));
    if (same || loosely(a, b, is_addable)) return types::boolean();
    return std::nullopt;
  }

  static std::optional<Type> in(const Node& node, const Type& a, const Type& b) {
    if (b.is(Kind::Record) && (is_string(a) || a.is_unknown())) return types::boolean();
    if (b.is(Kind::Map)) {
      if (!a.is_unknown() && !b.any_keys && !a.is(Kind::String)) {
        error(node, "cannot use " + a.name + " as type string in map key");
      }
      return types::boolean();
    }
    if (b.is(Kind::Array)) {
      const Type element = b.element_type();
      if (!comparable(a, element)) {
        error(node, "cannot use " + a.name + " as type " + element.name + " in array");
      }
      return types::boolean();
    }
    if (b.is_unknown() || (a.is_unknown() && is_string(b))) return types::boolean();
    return std::nullopt;
  }

  static std::optional<Type> matches(Node& node, const Type& a, const Type& b) {
    Node& right = *node.children[1];
    if (right.kind == NodeKind::Constant && right.constant.is(ValueKind::String)) {
      std::string message;
      node.regex = compile_pattern(right.constant.as_string(), message);
      if (node.regex == nullptr) error(node, std::move(message));
    }
    const bool bytes = a.is(Kind::Array) && a.element_type().is(Kind::Byte);
    if ((is_string(a) || bytes) && is_string(b)) return types::boolean();
    if (loosely(a, b, is_string)) return types::boolean();
    return std::nullopt;
  }

  static std::optional<Type> sum(const Type& a, const Type& b) {
    if (a.is_number() && b.is_number()) return combined(a, b);
    if (is_string(a) && is_string(b)) return types::string();
    if (a.is(Kind::Duration) && b.is(Kind::Duration)) return types::duration();
    if (a.is(Kind::Time) && b.is(Kind::Duration)) return types::time();
    if (a.is(Kind::Duration) && b.is(Kind::Time)) return types::time();
    if (loosely(a, b, is_addable)) return types::unknown();
    return std::nullopt;
  }

  static std::optional<Type> difference(const Type& a, const Type& b) {
    if (a.is_number() && b.is_number()) return combined(a, b);
    if (a.is(Kind::Time) && b.is(Kind::Time)) return types::duration();
    if (a.is(Kind::Time) && b.is(Kind::Duration)) return types::time();
    if (a.is(Kind::Duration) && b.is(Kind::Duration)) return types::duration();
    if (loosely(a, b, is_subtractable)) return types::unknown();
    return std::nullopt;
  }

  static std::optional<Type> product(const Type& a, const Type& b) {
    if (a.is_number() && b.is_number()) return combined(a, b);
    if (is_multipliable(a) && is_multipliable(b)) return types::duration();
    if (loosely(a, b, is_multipliable)) return types::unknown();
    return std::nullopt;
  }

  static Type coalesce(const Type& a, const Type& b) {
    if (a.is(Kind::Nil)) return b;
    if (b.is(Kind::Nil)) return a;
    return assignable(b, a) ? b : types::unknown();
  }

  Type conditional(Node& node) {
    const Type condition = visit(*node.children[0]);
    const Type& a = visit(*node.children[1]);
    const Type& b = visit(*node.children[2]);
    if (!is_bool(condition) && !condition.is_unknown()) {
      error(node, "non-bool expression (type " + condition.name + ") used as condition");
    }
    if (a.is(Kind::Nil)) return b;
    if (b.is(Kind::Nil)) return a;
    return assignable(a, b) ? a : types::unknown();
  }

  // ---- containers -------------------------------------------------------------------------------

  Type array(Node& node) {
    bool alike = true;
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      visit(*node.children[i]);
      if (i > 0) alike &= node.children[i]->type.kind == node.children[i - 1]->type.kind;
    }
    if (!alike || node.children.empty()) return types::list();
    return types::list_of(node.children.back()->type);
  }

  Type map(Node& node) {
    for (Node* child : node.children) visit(*child);
    return types::map();
  }

  static const std::string* literal_name(const Node& property) {
    const bool text =
        property.kind == NodeKind::Constant && property.constant.is(ValueKind::String);
    return text ? &property.constant.as_string() : nullptr;
  }

  Type member(Node& node) {
    Node& base_node = *node.children[0];
    Node& property = *node.children[1];
    const std::string* name = literal_name(property);
    if (base_node.kind == NodeKind::Identifier && base_node.text == "$env") {
      visit(base_node);
      visit(property);
      if (name == nullptr) return types::unknown();
      if (auto type = environment(*name)) return *type;
      if (node.optional) return types::unknown();
      error(node, "unknown name " + *name);
    }
    const Type& base = visit(base_node);
    const Type& key = visit(property);
    if (base.is_unknown()) return types::unknown();
    if (name != nullptr) {
      if (base.is(Kind::Nil)) error(node, "type nil has no field " + *name);
      if (auto method = find_method(base, *name)) return types::function(std::move(*method));
    }
    if (base.is(Kind::Map)) return map_member(node, base, key);
    if (base.is(Kind::Array)) {
      if (!key.is_integer() && !key.is_unknown()) {
        error(property,
              "array elements can only be selected using an integer (got " + key.name + ")");
      }
      return base.element_type();
    }
    if (name == nullptr) error(node, "type " + base.name + "[" + key.name + "] is undefined");
    if (base.is(Kind::Record)) {
      if (const Value* found = find_member(*base.sample->as_record(), *name))
        return found->is_nil() ? types::unknown() : expr::type_of(*found);
    }
    const char* what = node.method ? " has no method " : " has no field ";
    error(node, "type " + base.name + what + *name);
  }

  static Type map_member(const Node& node, const Type& base, const Type& key) {
    if (!base.any_keys && !key.is(Kind::String) && !key.is_unknown()) {
      error(*node.children[1], "cannot use " + key.name + " to get an element from " + base.name);
    }
    return base.element_type();
  }

  Type slice(Node& node) {
    const Type base = visit(*node.children[0]);
    if (!base.is_unknown() && !base.is(Kind::Array) && !is_string(base)) {
      error(node, "cannot slice " + base.name);
    }
    for (std::size_t i = 1; i < 3; ++i) {
      if (node.children[i] == nullptr) continue;
      const Type& bound = visit(*node.children[i]);
      if (!bound.is_integer() && !bound.is_unknown()) {
        error(*node.children[i], "non-integer slice index " + bound.name);
      }
    }
    return base.is_unknown() ? types::unknown() : base;
  }

  // ---- calls ------------------------------------------------------------------------------------

  static std::string callee_name(const Node& callee) {
    if (callee.kind == NodeKind::Identifier) return callee.text;
    if (callee.kind == NodeKind::Member) {
      if (const std::string* name = literal_name(*callee.children[1])) return *name;
    }
    return "function";
  }

  Type call(Node& node) {
    Node& callee = *node.children[0];
    const Type type = visit(callee);
    const std::string name = callee_name(callee);
    std::vector<Type> arguments;
    for (std::size_t i = 1; i < node.children.size(); ++i) {
      arguments.push_back(visit(*node.children[i]));
    }
    if (type.is_unknown()) return types::unknown();
    if (type.is(Kind::Nil)) error(node, name + " is nil; cannot call nil as function");
    if (!type.is(Kind::Function)) error(node, type.name + " is not callable");
    Signature signature = *type.signature;
    signature.name = name;
    if (signature.results > 2 || name == "Date" || name == "Clock") {
      error(node, "func " + name + " returns more then two values");
    }
    guarded(node, [&] { check_signature(signature, arguments); });
    for (std::size_t i = 0; i < arguments.size() && i < signature.params.size(); ++i) {
      if (signature.params[i].is(Kind::Float) && arguments[i].is_integer()) {
        literals_to_floats(*node.children[i + 1]);
      }
    }
    return signature.result;
  }

  // isNaN(1) and isNaN(-1 + 2) work although 1 is an integer.
  static void literals_to_floats(Node& node) {
    if (node.kind == NodeKind::Constant && node.constant.is(ValueKind::Int)) {
      node.constant = Value::number(node.constant.as_double());
      node.type = types::number();
      return;
    }
    const bool sign = node.kind == NodeKind::Unary && node.op != Op::Not;
    const bool plain = node.kind == NodeKind::Binary &&
                       (node.op == Op::Add || node.op == Op::Subtract || node.op == Op::Multiply);
    if (!sign && !plain) return;
    for (Node* child : node.children) literals_to_floats(*child);
    node.type = types::number();
  }

  template <class Check>
  static void guarded(const Node& node, Check check) {
    try {
      check();
    } catch (const RuntimeError& failure) {
      error(node, failure.message);
    }
  }

  Type builtin(Node& node) {
    const Builtin* known = find_builtin(node.text);
    if (known == nullptr) return predicate_builtin(node);
    node.builtin = known;
    std::vector<Type> arguments;
    for (Node* child : node.children) arguments.push_back(visit(*child));
    if (node.text == "get" && arguments.size() == 2) {
      if (auto type = environment_member(node)) return *type;
    }
    Type type;
    guarded(node, [&] { type = known->check(node.text, arguments); });
    return type;
  }

  std::optional<Type> environment_member(const Node& node) const {
    const Node& base = *node.children[0];
    if (base.kind != NodeKind::Identifier || base.text != "$env") return std::nullopt;
    const std::string* name = literal_name(*node.children[1]);
    if (name == nullptr) return types::unknown();
    return environment(*name).value_or(types::unknown());
  }

  Type predicate_builtin(Node& node) {
    const std::string& name = node.text;
    const Type collection = visit(*node.children[0]);
    if (!collection.is(Kind::Array) && !collection.is_unknown()) {
      error(*node.children[0],
            "builtin " + name + " takes only array (got " + collection.name + ")");
    }
    const Type element = collection.is_unknown() ? types::unknown() : collection.element_type();
    std::optional<Type> out;
    if (node.children.size() > 1) out = predicate(node, collection);
    if (node.children.size() > 2) visit(*node.children[2]);
    return predicate_result(name, element, out);
  }

  Type predicate(Node& node, const Type& collection) {
    const std::string& name = node.text;
    const bool reduce = name == "reduce";
    scopes_.push_back(Scope{collection, reduce || name == "map", reduce});
    Type out = visit(*node.children[1]);
    scopes_.pop_back();
    if (out.is(Kind::Nil)) {
      error(*node.children[1], "predicate should has one input and one output param");
    }
    static constexpr std::string_view kBoolean[] = {
        "all",  "any",       "none",     "one",           "filter",
        "find", "findIndex", "findLast", "findLastIndex", "count"};
    const bool boolean =
        std::find(std::begin(kBoolean), std::end(kBoolean), name) != std::end(kBoolean);
    if (boolean && !is_bool(out) && !out.is_unknown()) {
      error(*node.children[1], "predicate should return boolean (got " + out.name + ")");
    }
    return out;
  }

  static Type predicate_result(const std::string& name, const Type& element,
                               const std::optional<Type>& out) {
    if (name == "all" || name == "any" || name == "none" || name == "one") {
      return types::boolean();
    }
    if (name == "count" || name == "findIndex" || name == "findLastIndex") return types::integer();
    if (name == "filter" || name == "sortBy") return types::list_of(element);
    if (name == "find" || name == "findLast") return element;
    if (name == "map") return types::list_of(*out);
    if (name == "groupBy") return types::any_map();
    if (name == "sum") return out ? *out : element;
    return *out;  // reduce
  }

  const Names& names_;
  std::vector<std::pair<std::string, Type>> variables_;
  std::vector<Scope> scopes_;
};

}  // namespace

std::optional<EnvironmentEntry> find_environment(const Names& names, std::string_view name) {
  if (names.has_result && name == "result") return EnvironmentEntry{names.result, std::nullopt};
  using Id = Function::Id;
  struct Entry {
    std::string_view name;
    Id id;
  };
  static constexpr Entry kEntries[] = {{"isNaN", Id::IsNaN}, {"isInf", Id::IsInf},
                                       {"asInt", Id::AsInt}, {"asFloat", Id::AsFloat},
                                       {"isNil", Id::IsNil}, {"default", Id::Default}};
  for (const Entry& entry : kEntries) {
    if (entry.name != name) continue;
    const bool test = entry.id == Id::IsNaN || entry.id == Id::IsInf;
    if (names.only_numeric_tests && !test) return std::nullopt;
    Signature signature{
        std::string(name), {test ? types::number() : types::any()}, {}, types::boolean()};
    if (entry.id == Id::AsInt) signature.result = types::int64();
    if (entry.id == Id::AsFloat) signature.result = types::number();
    if (entry.id == Id::Default) {
      signature.params.push_back(types::any());
      signature.result = types::any();
    }
    return EnvironmentEntry{types::function(std::move(signature)), entry.id};
  }
  return std::nullopt;
}

void check(Tree& tree, const Names& names) {
  Checker(names).visit(*tree.root);
}

}  // namespace sluice::analysis::expr
