#pragma once
#include <string_view>

#include "analysis/expr/ast.h"

namespace sluice::analysis::expr {

// The names outside the builtins.
struct Names {
  bool has_result = false;
  Type result;
  bool only_numeric_tests = false;  // the range-query environment: isNaN and isInf, nothing else
};

// Functions of the environment by name; nullptr signature result when unknown there.
[[nodiscard]] bool find_environment_function(const Names& names, std::string_view name, Type& type,
                                             Function::Id& id);

// Sets the type of every node, resolves names to slots, compiles literal patterns and turns integer
// literals into floats where a float is wanted. Throws CompileError (expressions.md §6).
void check(Tree& tree, const Names& names);

}  // namespace sluice::analysis::expr
