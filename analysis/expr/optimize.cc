#include "analysis/expr/optimize.h"

#include <algorithm>

#include "analysis/expr/operators.h"
#include "analysis/expr/runtime_error.h"

namespace sluice::analysis::expr {
namespace {

bool is_constant(const Node& node, ValueKind kind) {
  return node.kind == NodeKind::Constant && node.constant.is(kind);
}
bool is_constant_number(const Node& node) {
  return is_constant(node, ValueKind::Int) || is_constant(node, ValueKind::Float);
}
bool is_builtin_call(const Node& node, std::string_view name, std::size_t arguments) {
  return node.kind == NodeKind::Builtin && node.text == name && node.children.size() == arguments;
}

// Whether both trees say the same, so that evaluating one of them is enough.
bool same_expression(const Node* a, const Node* b) {
  if (a == nullptr || b == nullptr) return a == b;
  if (a->kind != b->kind || a->op != b->op || a->text != b->text || a->slot != b->slot ||
      a->optional != b->optional || a->map_step != nullptr || b->map_step != nullptr) {
    return false;
  }
  if (a->kind == NodeKind::Constant &&
      (a->constant.kind() != b->constant.kind() || !equal(a->constant, b->constant))) {
    return false;
  }
  return std::equal(a->children.begin(), a->children.end(), b->children.begin(), b->children.end(),
                    same_expression);
}

bool uses_index(const Node* node) {
  if (node == nullptr) return false;
  if (node->kind == NodeKind::Pointer && node->text == "index") return true;
  return std::any_of(node->children.begin(), node->children.end(), uses_index);
}

class Optimizer {
 public:
  explicit Optimizer(Tree& tree) : tree_(tree) {}

  void visit(Node& node) {
    if (node.optimized) return;
    node.optimized = true;
    if (node.kind == NodeKind::Binary && node.op == Op::In) mark_string_set(node);
    for (Node* child : node.children) {
      if (child != nullptr) visit(*child);
    }
    switch (node.kind) {
      case NodeKind::Unary:
        return unary(node);
      case NodeKind::Binary:
        return binary(node);
      case NodeKind::Array:
        return array(node);
      case NodeKind::Builtin:
        return builtin(node);
      case NodeKind::Member:
        return member(node);
      case NodeKind::Constant:
      case NodeKind::Identifier:
      case NodeKind::Chain:
      case NodeKind::Slice:
      case NodeKind::Call:
      case NodeKind::Predicate:
      case NodeKind::Pointer:
      case NodeKind::Let:
      case NodeKind::Sequence:
      case NodeKind::Conditional:
      case NodeKind::Map:
        return;
    }
  }

 private:
  static void become_constant(Node& node, Value value) {
    node.kind = NodeKind::Constant;
    node.constant = std::move(value);
    node.children.clear();
    node.literal = false;
  }
  static void become(Node& node, const Node& other) {
    const Node copy = other;
    node = copy;
  }

  Node* make_binary(Op op, Node* left, Node* right) {
    Node& node = tree_.nodes.emplace_back();
    node.kind = NodeKind::Binary;
    node.op = op;
    node.position = left->position;
    node.children = {left, right};
    node.checked = node.optimized = true;
    return &node;
  }

  // "x in [string literals]" is a key lookup, with the strictness of one.
  static void mark_string_set(Node& node) {
    const Node& right = *node.children[1];
    if (right.kind != NodeKind::Array || right.children.empty()) return;
    node.string_set = std::all_of(
        right.children.begin(), right.children.end(),
        [](const Node* item) { return item->literal && is_constant(*item, ValueKind::String); });
  }

  static void unary(Node& node) {
    const Node& operand = *node.children[0];
    if (node.op == Op::Not && is_constant(operand, ValueKind::Bool)) {
      become_constant(node, Value::boolean(!operand.constant.as_bool()));
    } else if (node.op == Op::Minus && is_constant_number(operand)) {
      become_constant(node, negate(operand.constant));
    } else if (node.op == Op::Plus && is_constant_number(operand)) {
      become_constant(node, operand.constant);
    }
  }

  void binary(Node& node) {
    switch (node.op) {
      case Op::And:
        return logic(node, true);
      case Op::Or:
        return logic(node, false);
      case Op::Add:
      case Op::Subtract:
      case Op::Multiply:
      case Op::Divide:
      case Op::Power:
      case Op::Modulo:
        return arithmetic_fold(node);
      case Op::In:
        return in_range(node);
      case Op::Less:
      case Op::Greater:
      case Op::LessEqual:
      case Op::GreaterEqual:
        return threshold(node);
      case Op::None:
      case Op::Equal:
      case Op::NotEqual:
      case Op::Matches:
      case Op::Contains:
      case Op::StartsWith:
      case Op::EndsWith:
      case Op::Range:
      case Op::Coalesce:
      case Op::Not:
      case Op::Plus:
      case Op::Minus:
        return;
    }
  }

  // `neutral` leaves the other side as it is; its opposite decides alone.
  void logic(Node& node, bool neutral) {
    Node& left = *node.children[0];
    Node& right = *node.children[1];
    for (const auto& [constant, other] : {std::pair(&left, &right), std::pair(&right, &left)}) {
      if (!is_constant(*constant, ValueKind::Bool)) continue;
      if (constant->constant.as_bool() != neutral) {
        return become_constant(node, Value::boolean(!neutral));
      }
      return become(node, *other);
    }
    combine_predicates(node, left, right);
  }

  // all && all, any || any, none && none over the same list are one pass.
  void combine_predicates(Node& node, Node& left, Node& right) {
    if (left.kind != NodeKind::Builtin || right.kind != NodeKind::Builtin) return;
    if (left.text != right.text || left.children.size() != 2 || right.children.size() != 2) return;
    const bool conjunction = node.op == Op::And;
    const bool fits = (left.text == "all" && conjunction) || (left.text == "any" && !conjunction) ||
                      (left.text == "none" && conjunction);
    if (!fits || !same_expression(left.children[0], right.children[0])) return;
    const Op op = left.text == "all" ? Op::And : Op::Or;
    Node* combined = make_binary(op, left.children[1], right.children[1]);
    Node* list = left.children[0];
    node.kind = NodeKind::Builtin;
    node.text = left.text;
    node.children = {list, combined};
  }

  static void arithmetic_fold(Node& node) {
    const Node& left = *node.children[0];
    const Node& right = *node.children[1];
    const bool strings = node.op == Op::Add && is_constant(left, ValueKind::String) &&
                         is_constant(right, ValueKind::String);
    if (!strings && (!is_constant_number(left) || !is_constant_number(right))) return;
    if (node.op == Op::Modulo && right.constant.is(ValueKind::Int) &&
        right.constant.as_integer() == 0) {
      throw CompileError{"integer divide by zero", node.position};
    }
    try {
      become_constant(node, arithmetic(node.op, left.constant, right.constant));
    } catch (const RuntimeError&) {
      // Left for run time, where the message belongs.
    }
  }

  // int in 1..3 compares with the bounds instead of building the list.
  void in_range(Node& node) {
    Node* left = node.children[0];
    const Node& right = *node.children[1];
    if (!left->type.is(Type::Kind::Int) || right.kind != NodeKind::Binary ||
        right.op != Op::Range || !is_constant(*right.children[0], ValueKind::Int) ||
        !is_constant(*right.children[1], ValueKind::Int)) {
      return;
    }
    Node* low = make_binary(Op::GreaterEqual, left, right.children[0]);
    Node* high = make_binary(Op::LessEqual, left, right.children[1]);
    node.op = Op::And;
    node.children = {low, high};
  }

  // count(…) > k may stop once the answer is certain.
  static void threshold(Node& node) {
    Node& left = *node.children[0];
    const Node& right = *node.children[1];
    if (!is_builtin_call(left, "count", 2) || !is_constant(right, ValueKind::Int)) return;
    const std::int64_t bound = right.constant.as_integer();
    if (bound < 0 || bound > 1'000'000'000) return;
    const bool past = node.op == Op::Greater || node.op == Op::LessEqual;
    const std::int64_t limit = past ? bound + 1 : bound;
    if (limit > 0) left.limit = std::max(left.limit, limit);
  }

  static void array(Node& node) {
    const bool plain =
        !node.children.empty() &&
        std::all_of(node.children.begin(), node.children.end(), [](const Node* item) {
          return is_constant_number(*item) || is_constant(*item, ValueKind::String) ||
                 is_constant(*item, ValueKind::Bool);
        });
    if (!plain) return;
    std::vector<Value> items;
    for (const Node* item : node.children) items.push_back(item->constant);
    become_constant(node, Value::list(std::move(items)));
  }

  void builtin(Node& node) {
    if (node.children.empty()) return;
    Node& first = *node.children[0];
    if (is_builtin_call(node, "filter", 2) && is_builtin_call(first, "filter", 2) &&
        first.map_step == nullptr && node.map_step == nullptr) {
      node.children = {first.children[0],
                       make_binary(Op::And, first.children[1], node.children[1])};
    } else if (is_builtin_call(node, "map", 2) && is_builtin_call(first, "filter", 2) &&
               first.map_step == nullptr && !uses_index(node.children[1])) {
      Node* step = node.children[1];
      become(node, first);
      node.map_step = step;
    } else if (is_builtin_call(node, "sum", 1) && is_builtin_call(first, "map", 2)) {
      node.children = {first.children[0], first.children[1]};
    } else if (is_builtin_call(node, "len", 1) && is_builtin_call(first, "filter", 2)) {
      become(node, first);
      node.text = "count";
      node.map_step = nullptr;
    } else if (is_builtin_call(first, "filter", 2) &&
               (is_builtin_call(node, "first", 1) || is_builtin_call(node, "last", 1))) {
      const bool last = node.text == "last";
      become(node, first);
      node.text = last ? "findLast" : "find";
    }
  }

  static void member(Node& node) {
    Node& base = *node.children[0];
    const Node& index = *node.children[1];
    if (node.optional || !is_builtin_call(base, "filter", 2)) return;
    if (!is_constant(index, ValueKind::Int)) return;
    const std::int64_t at = index.constant.as_integer();
    if (at != 0 && at != -1) return;
    become(node, base);
    node.text = at == 0 ? "find" : "findLast";
    node.must_match = true;
  }

  Tree& tree_;
};

}  // namespace

void optimize(Tree& tree) {
  Optimizer(tree).visit(*tree.root);
}

}  // namespace sluice::analysis::expr
