#pragma once
#include <string>
#include <string_view>

#include "analysis/expr/value.h"

namespace sluice::analysis::expr {

// The text of string() and of values inside messages (expressions.md §5).
[[nodiscard]] std::string to_text(const Value& value);
// Indented by two spaces. Throws RuntimeError for NaN and infinities.
[[nodiscard]] std::string to_json_text(const Value& value);
// Numbers become floats. Throws RuntimeError with the texts of expressions.md §10.3.
[[nodiscard]] Value parse_json_text(std::string_view text);

}  // namespace sluice::analysis::expr
