#pragma once
#include <string_view>
#include <vector>

#include "analysis/expr/token.h"

namespace sluice::analysis::expr {

// The tokens of `source`, ending with one End token. Throws CompileError (expressions.md §2).
[[nodiscard]] std::vector<Token> tokenize(std::string_view source);

}  // namespace sluice::analysis::expr
