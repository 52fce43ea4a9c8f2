// The condition language. The first line is the measured value ("floats [1, 2]", or JSON; anything
// else is nil), the rest the condition.
#include <algorithm>
#include <cmath>
#include <vector>

#include "analysis/condition.h"
#include "analysis/expr/expr.h"
#include "analysis/expr/text.h"
#include "kube/json/json.h"
#include "tests/fuzz/fuzz.h"

namespace sluice::analysis {
namespace {

using fuzz::expect;

constexpr std::uint64_t kSteps = 200'000;

expr::Value measured(std::string_view line) {
  constexpr std::string_view kFloats = "floats ";
  const bool floats = line.starts_with(kFloats);
  const auto json = kube::parse_json(floats ? line.substr(kFloats.size()) : line);
  if (!json) return {};
  if (!floats || !json->is_array()) return expr::from_json(*json);
  std::vector<double> values;
  for (const auto& item : *json)
    values.push_back(item.is_number() ? item.get<double>() : std::nan(""));
  return expr::Value::floats(values);
}

expr::EvaluationInput input() {
  expr::EvaluationInput out;
  out.now = WallTime(Seconds(1'795'262'400));
  out.max_steps = kSteps;
  return out;
}

// What an evaluation comes to, as text: values have no order and no equality of their own.
std::string outcome(const Result<expr::Value>& value) {
  return value ? expr::type_name(*value) + " " + expr::to_text(*value)
               : "error: " + value.error().message;
}

void check_place(const expr::Position& where, std::string_view source) {
  const auto lines = 1 + std::count(source.begin(), source.end(), '\n');
  expect(where.line >= 1 && where.line <= lines + 1, "an error is in a line of the source");
  expect(where.column >= 1 && where.column <= static_cast<int>(source.size()) + 2,
         "an error is in a column of the source");
}

// Successful and Failed are what a condition says, whichever of the two it is.
void check_verdict(std::string_view condition, const expr::Value& result,
                   const Result<expr::Value>& value) {
  const auto success = evaluate_conditions(condition, "", result, input());
  const auto failure = evaluate_conditions("", condition, result, input());
  const bool verdict = value && value->is(expr::ValueKind::Bool);
  if (!verdict) {
    expect(success.phase == api::AnalysisPhase::Error, "no yes or no is an error, as success");
    expect(failure.phase == api::AnalysisPhase::Error, "no yes or no is an error, as failure");
    expect(!success.message.empty(), "an error says what is wrong");
    return;
  }
  const bool yes = value->as_bool();
  expect(success.phase == (yes ? api::AnalysisPhase::Successful : api::AnalysisPhase::Failed),
         "a success condition decides as it evaluates");
  expect(failure.phase == (yes ? api::AnalysisPhase::Failed : api::AnalysisPhase::Successful),
         "a failure condition decides as it evaluates");
}

void check_condition(std::string_view condition, const expr::Value& result) {
  expr::Position where;
  const auto program = expr::compile(condition, expr::Environment::for_condition(result), &where);
  const auto syntax = expr::check_syntax(condition);
  if (!program) {
    expect(!program.error().message.empty(), "an error says what is wrong");
    check_place(where, condition);
    return;
  }
  expect(syntax.has_value(), "what compiles has the right grammar", std::string(condition));
  const auto once = expr::evaluate(*program, result, input());
  const auto again = expr::evaluate(*program, result, input());
  expect(outcome(once) == outcome(again), "the same question has the same answer",
         outcome(once) + "\n" + outcome(again));
  if (!condition.empty()) check_verdict(condition, result, once);
}

}  // namespace
}  // namespace sluice::analysis

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  std::string_view text = fuzz::text_of(data, size);
  const auto value = analysis::measured(fuzz::take_line(text));
  analysis::check_condition(text, value);
  (void)analysis::evaluate_range_bound(text, analysis::input());
  return 0;
}
