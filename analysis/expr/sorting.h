#pragma once
#include <utility>
#include <vector>

#include "analysis/expr/value.h"

namespace sluice::analysis::expr {

// By the language's "<"; values that have no order throw RuntimeError.
void sort_values(std::vector<Value>& items, bool descending);
void sort_by_key(std::vector<std::pair<Value, Value>>& keyed, bool descending);

}  // namespace sluice::analysis::expr
