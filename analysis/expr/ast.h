#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "analysis/expr/type.h"
#include "analysis/expr/value.h"

namespace re2 {
class RE2;
}

namespace sluice::analysis::expr {

struct Builtin;

enum class NodeKind : std::uint8_t {
  Constant,     // constant
  Identifier,   // text; slot
  Unary,        // op; [operand]
  Binary,       // op; [left, right]; regex
  Chain,        // [inner]: where a failed ?. inside lands
  Member,       // [base, property]; optional, method
  Slice,        // [base, from or null, to or null]
  Call,         // [callee, arguments...]
  Builtin,      // text; [arguments...]; map_step, must_match
  Predicate,    // [body]
  Pointer,      // text: "", "index" or "acc"
  Let,          // text; slot; [value, body]
  Sequence,     // [...]
  Conditional,  // [condition, then, else]
  Array,        // [...]
  Map,          // [key, value, key, value, ...]
};

enum class Op : std::uint8_t {
  None,
  Or,
  And,
  Equal,
  NotEqual,
  Less,
  Greater,
  LessEqual,
  GreaterEqual,
  In,
  Matches,
  Contains,
  StartsWith,
  EndsWith,
  Range,
  Add,
  Subtract,
  Multiply,
  Divide,
  Modulo,
  Power,
  Coalesce,
  Not,
  Plus,
  Minus,
};

[[nodiscard]] inline bool is_relational(Op op) {
  return op == Op::Less || op == Op::Greater || op == Op::LessEqual || op == Op::GreaterEqual;
}

struct Node {
  NodeKind kind = NodeKind::Constant;
  Op op = Op::None;
  bool optional = false;  // Member: "?."
  bool method = false;    // Member: called at once
  bool literal = false;   // Constant: written as such (folding may have made it)
  bool checked = false;   // the checker has been here (some nodes are shared)
  bool optimized = false;
  bool must_match = false;  // find, findLast: no match is an error, see optimize.cc
  bool string_set = false;  // In: the right side is a list of string literals
  std::int32_t slot = -1;   // index of a let variable; -1 is the environment
  std::int64_t limit = -1;  // count: may stop there; -1 never
  std::size_t position = 0;
  std::uint32_t height = 1;
  std::string text;  // name, or the operator as written
  std::vector<Node*> children;
  Node* map_step = nullptr;  // filter, find, findLast: what becomes of a match
  Value constant;
  Type type;
  const Builtin* builtin = nullptr;  // Builtin: null for those that take predicates
  std::shared_ptr<const re2::RE2> regex;
};

// Owns the nodes of one expression. A deque keeps addresses and destroys without recursion.
struct Tree {
  std::deque<Node> nodes;
  Node* root = nullptr;
};

}  // namespace sluice::analysis::expr
