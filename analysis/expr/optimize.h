#pragma once
#include "analysis/expr/ast.h"

namespace sluice::analysis::expr {

// The rewrites one can observe (expressions.md §12.1), on a checked tree. Throws CompileError.
void optimize(Tree& tree);

}  // namespace sluice::analysis::expr
