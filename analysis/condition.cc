#include "analysis/condition.h"

#include <optional>

namespace sluice::analysis {
namespace {

using api::AnalysisPhase;

bool has_no_data(const expr::Value& result) {
  const expr::List* list = result.as_list();
  return result.is_nil() || (list != nullptr && list->items.empty());
}

Result<bool> evaluate_one(std::string_view condition, const expr::Value& result,
                          const expr::EvaluationInput& input, expr::Options options,
                          expr::Position& where) {
  const auto environment = expr::Environment::for_condition(result, options);
  if (input.work != nullptr) input.work->read(condition.size());
  SLUICE_TRY(const expr::Program program, expr::compile(condition, environment, &where));
  where = expr::Position{0, 0};
  SLUICE_TRY(const expr::Value value, expr::evaluate(program, result, input));
  if (!value.is(expr::ValueKind::Bool)) {
    return fail(ErrorCode::Invalid, "expected bool, but got " + expr::type_name(value));
  }
  return value.as_bool();
}

ConditionOutcome error_outcome(const char* name, std::string_view condition,
                               const std::string& message, const expr::Value& result,
                               const expr::Position& where) {
  ConditionOutcome outcome;
  outcome.message = std::string("could not evaluate ") + name + " \"" + std::string(condition) +
                    "\": " +
                    (has_no_data(result) ? "metric result is nil or empty: no data returned from "
                                           "the metric provider"
                                         : message);
  outcome.line = where.line;
  outcome.column = where.column;
  return outcome;
}

AnalysisPhase phase_of(std::optional<bool> success, std::optional<bool> failure) {
  if (failure.value_or(false)) return AnalysisPhase::Failed;
  if (!success) return AnalysisPhase::Successful;
  if (*success) return AnalysisPhase::Successful;
  return failure ? AnalysisPhase::Inconclusive : AnalysisPhase::Failed;
}

}  // namespace

ConditionOutcome evaluate_conditions(std::string_view success_condition,
                                     std::string_view failure_condition, const expr::Value& result,
                                     const expr::EvaluationInput& input, expr::Options options) {
  std::optional<bool> success;
  std::optional<bool> failure;
  const struct {
    const char* name;
    std::string_view text;
    std::optional<bool>& answer;
  } conditions[] = {{"successCondition", success_condition, success},
                    {"failureCondition", failure_condition, failure}};
  for (const auto& condition : conditions) {
    if (condition.text.empty()) continue;
    expr::Position where;
    const auto answer = evaluate_one(condition.text, result, input, options, where);
    if (!answer) {
      return error_outcome(condition.name, condition.text, answer.error().message, result, where);
    }
    condition.answer = *answer;
  }
  ConditionOutcome outcome;
  outcome.phase = phase_of(success, failure);
  return outcome;
}

Result<WallTime> evaluate_range_bound(std::string_view source, const expr::EvaluationInput& input) {
  SLUICE_TRY(const expr::Program program,
             expr::compile(source, expr::Environment::for_range_query()));
  SLUICE_TRY(const expr::Value value, expr::evaluate(program, expr::Value(), input));
  const expr::Instant* time = value.as_time();
  if (time == nullptr) {
    return fail(ErrorCode::Invalid, "expected time.Time, but got " + expr::type_name(value));
  }
  constexpr std::int64_t kLimit = std::int64_t{9'000'000'000'000};
  if (time->seconds > kLimit || time->seconds < -kLimit) {
    return fail(ErrorCode::Invalid, "time out of range");
  }
  return WallTime(Seconds(time->seconds) + Micros(time->nanos / 1000));
}

}  // namespace sluice::analysis
