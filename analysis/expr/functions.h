#pragma once
// The functions of the environment (expressions.md §9.1).
#include "analysis/expr/builtins.h"
#include "analysis/expr/value.h"

namespace sluice::analysis::expr {

struct FunctionContext {
  const Value& result;
  bool honour_arguments = false;  // isNil and default look at what they are given
};

[[nodiscard]] Value call_function(const Function& function, const Arguments& arguments,
                                  const FunctionContext& context);

}  // namespace sluice::analysis::expr
