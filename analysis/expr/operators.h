#pragma once
// The run-time half of the operators (expressions.md §7, §8). Everything throws RuntimeError.
#include <cstdint>
#include <string_view>

#include "analysis/expr/ast.h"
#include "analysis/expr/value.h"

namespace sluice::analysis::expr {

// + - * / % ** and their text for messages.
[[nodiscard]] Value arithmetic(Op op, const Value& a, const Value& b);
// < > <= >=
[[nodiscard]] bool ordered(Op op, const Value& a, const Value& b);
[[nodiscard]] bool equal(const Value& a, const Value& b);
[[nodiscard]] bool contains(const Value& needle, const Value& haystack);  // in
[[nodiscard]] Value negate(const Value& value);

// nullptr when the record has none of that name.
[[nodiscard]] const Value* find_member(const Record& record, const std::string& name);
[[nodiscard]] Value fetch(const Value& from, const Value& key);
// Length as slicing counts it: strings in bytes.
[[nodiscard]] std::int64_t slice_length(const Value& value);
[[nodiscard]] Value slice(const Value& value, std::int64_t from, std::int64_t to);

// int() of a number, a numeral or a named integer.
[[nodiscard]] std::int64_t to_integer(const Value& value);
[[nodiscard]] double to_float(const Value& value);

}  // namespace sluice::analysis::expr
