#pragma once
#include <optional>
#include <string_view>

#include "analysis/expr/ast.h"

namespace sluice::analysis::expr {

// The names outside the builtins.
struct Names {
  bool has_result = false;
  Type result;
  bool only_numeric_tests = false;  // the range-query environment: isNaN and isInf, nothing else
};

// What a name of the environment stands for: `result`, or one of its functions.
struct EnvironmentEntry {
  Type type;
  std::optional<Function::Id> function;  // nullopt: `result`
};
[[nodiscard]] std::optional<EnvironmentEntry> find_environment(const Names& names,
                                                               std::string_view name);

// Sets the type of every node, resolves names to slots, compiles literal patterns and turns integer
// literals into floats where a float is wanted. Throws CompileError (expressions.md §6).
void check(Tree& tree, const Names& names);

}  // namespace sluice::analysis::expr
