#pragma once
#include <set>
#include <string>
#include <string_view>

#include "analysis/expr/ast.h"

namespace sluice::analysis::expr {

// Throws CompileError. `null_is_nil` accepts the word null as nil.
[[nodiscard]] Tree parse(std::string_view source, bool null_is_nil);

[[nodiscard]] bool is_predicate_builtin(std::string_view name);

}  // namespace sluice::analysis::expr
