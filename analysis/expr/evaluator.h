#pragma once
#include <vector>

#include "analysis/expr/ast.h"
#include "analysis/expr/checker.h"
#include "analysis/expr/context.h"
#include "analysis/expr/functions.h"

namespace sluice::analysis::expr {

// Walks a checked tree. Every member may throw RuntimeError.
class Evaluator {
 public:
  Evaluator(Context& context, const Names& names, const FunctionContext& functions)
      : context_(context), names_(names), functions_(functions) {}

  [[nodiscard]] Value eval(const Node& node);

 private:
  // What # and its relatives mean inside the innermost predicate.
  struct Scope {
    Value element;
    std::int64_t index = 0;
    Value accumulator;
  };
  // The elements a predicate builtin goes through.
  struct Sequence {
    Value holder;
    std::size_t size = 0;
    [[nodiscard]] Value at(std::size_t i) const;
  };

  Value identifier(const Node& node) const;
  [[nodiscard]] Value environment_value(const std::string& name) const;
  [[nodiscard]] Value environment_map() const;
  Value unary(const Node& node);
  Value binary(const Node& node);
  Value strict_binary(const Node& node);
  Value logic(const Node& node);
  Value membership(const Node& node);
  Value text_test(const Node& node);
  Value range(const Value& from, const Value& to);
  Value chain(const Node& node);
  Value link(const Node& node, bool& broken);
  Value link_member(const Node& node, bool& broken);
  Value link_call(const Node& node, bool& broken);
  Value slice_of(const Node& node);
  Value pointer(const Node& node) const;
  Value let(const Node& node);
  Value conditional(const Node& node);
  Value array(const Node& node);
  Value map(const Node& node);
  Value call(const Value& callee, const Node& node);
  Value builtin(const Node& node);

  // evaluator_predicates.cc
  Value predicate_builtin(const Node& node);
  Sequence sequence_of(const Node& node);
  Value quantifier(const Node& node);
  Value one(const Node& node);
  Value filter(const Node& node);
  Value transform(const Node& node);
  Value count(const Node& node);
  Value sum(const Node& node);
  bool sum_of_range(const Node& node, Value& out);
  Value search(const Node& node);
  Value group(const Node& node);
  Value sort_by(const Node& node);
  Value reduce(const Node& node);
  Value in_scope(const Node& body, const Value& element, std::size_t index);
  bool test(const Node& body, const Value& element, std::size_t index);

  Context& context_;
  const Names& names_;
  const FunctionContext& functions_;
  std::vector<Value> variables_;
  std::vector<Scope> scopes_;
};

[[nodiscard]] bool truth(const Value& value);

}  // namespace sluice::analysis::expr
