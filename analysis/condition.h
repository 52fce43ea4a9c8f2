#pragma once
// From a measured value and the two conditions of a metric to a phase (expressions.md §9.2, §9.3).

#include <string>
#include <string_view>

#include "analysis/expr/expr.h"
#include "api/analysis.h"

namespace sluice::analysis {

struct ConditionOutcome {
  // Successful, Failed, Inconclusive or Error.
  api::AnalysisPhase phase = api::AnalysisPhase::Error;
  std::string message;  // set for Error only: `could not evaluate successCondition "…": …`
  // For Error by a condition that does not compile: where in it. Meant for events, not for the
  // message.
  int line = 0, column = 0;
};

// Empty conditions are unset. Arguments must have been substituted already.
[[nodiscard]] ConditionOutcome evaluate_conditions(std::string_view success_condition,
                                                   std::string_view failure_condition,
                                                   const expr::Value& result,
                                                   const expr::EvaluationInput& input = {},
                                                   expr::Options options = {});

// A bound of a Prometheus range query. Errors: Invalid, with the message of the expression or
// "expected time.Time, but got string". Sub-microsecond parts are dropped.
[[nodiscard]] Result<WallTime> evaluate_range_bound(std::string_view source,
                                                    const expr::EvaluationInput& input);

}  // namespace sluice::analysis
