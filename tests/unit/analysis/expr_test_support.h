#pragma once
// The notation of the expression vectors.
//
// result:   "" or "nil", "nil pointer", "float 1.5", "int 3", "floats [1, NaN]", `string "x"`,
//           `json {…}`, `nrql {…}` (a row or a list of rows), "cw", "influx", "range".
// expected: "compile: message", "runtime: message", or a value: integers bare, floats with a point,
//           an exponent, NaN or ±Inf; strings quoted; lists […]; maps {…} by key; nil; int64(n),
//           byte(n); time(…), duration(…), Month(…), Weekday(…), bytes(hex), function.

#include <gtest/gtest.h>

#include <string>

#include "analysis/expr/expr.h"

namespace sluice::analysis::expr {

struct Vector {
  int number;
  const char* expression;
  const char* result;
  const char* expected;
};

[[nodiscard]] Value result_of(const std::string& notation);
[[nodiscard]] std::string shown(const Value& value);
// What compiling and evaluating gives, in the notation of `expected`.
[[nodiscard]] std::string outcome(const std::string& expression, const std::string& result,
                                  Options options = {});
struct Row {
  const char* expression;
  const char* result;
  const char* expected;
};
template <std::size_t N>
void expect_rows(const Row (&rows)[N]) {
  for (const Row& row : rows) {
    EXPECT_EQ(outcome(row.expression, row.result), row.expected)
        << row.expression << "   with " << row.result;
  }
}
// 2026-11-21T12:00:00Z, and Europe/Zurich as the only time zone.
[[nodiscard]] EvaluationInput test_input();

}  // namespace sluice::analysis::expr
