#include "analysis/condition.h"

#include <gtest/gtest.h>

#include "condition_vectors.h"
#include "expr_test_support.h"

namespace sluice::analysis {
namespace {

using api::AnalysisPhase;

std::string phase_name(AnalysisPhase phase) {
  if (phase == AnalysisPhase::Successful) return "Successful";
  if (phase == AnalysisPhase::Failed) return "Failed";
  if (phase == AnalysisPhase::Inconclusive) return "Inconclusive";
  return "Error";
}

std::string told(const ConditionOutcome& outcome) {
  const std::string phase = phase_name(outcome.phase);
  return outcome.message.empty() ? phase : phase + ": " + outcome.message;
}

ConditionOutcome judge(const char* success, const char* failure, const char* result) {
  return evaluate_conditions(success, failure, expr::result_of(result), expr::test_input());
}

TEST(Conditions, GiveThePhaseOrTheErrorOfEveryVector) {
  for (const ConditionVector& vector : kConditionVectors) {
    EXPECT_EQ(told(judge(vector.success, vector.failure, vector.result)), vector.expected)
        << vector.id;
  }
}

struct PhaseRow {
  const char* success;
  const char* failure;
  AnalysisPhase phase;
};

TEST(Conditions, FollowThePhaseTable) {
  const PhaseRow rows[] = {
      {"", "", AnalysisPhase::Successful},
      {"true", "", AnalysisPhase::Successful},
      {"false", "", AnalysisPhase::Failed},
      {"", "true", AnalysisPhase::Failed},
      {"", "false", AnalysisPhase::Successful},
      {"true", "true", AnalysisPhase::Failed},
      {"false", "true", AnalysisPhase::Failed},
      {"true", "false", AnalysisPhase::Successful},
      {"false", "false", AnalysisPhase::Inconclusive},
  };
  for (const PhaseRow& row : rows) {
    EXPECT_EQ(judge(row.success, row.failure, "float 1").phase, row.phase)
        << row.success << " / " << row.failure;
  }
}

TEST(Conditions, EvaluateTheFailureConditionEvenAfterSuccess) {
  const auto outcome = judge("result > 1", "nosuch", "float 5");
  EXPECT_EQ(outcome.phase, AnalysisPhase::Error);
  EXPECT_NE(outcome.message.find("failureCondition \"nosuch\": unknown name nosuch"),
            std::string::npos);
}

TEST(Conditions, ReportWhereAConditionDoesNotCompile) {
  const auto outcome = judge("result > 1 &&\n  nosuch", "", "float 5");
  EXPECT_EQ(outcome.line, 2);
  EXPECT_EQ(outcome.column, 3);
}

TEST(Conditions, HaveNoPlaceForARunTimeError) {
  EXPECT_EQ(judge("result[3] > 1", "", "floats [1]").line, 0);
}

TEST(RangeBounds, AreTimes) {
  const auto bound = evaluate_range_bound("now() - duration('1h')", expr::test_input());
  ASSERT_TRUE(bound.has_value()) << bound.error().message;
  EXPECT_EQ(expr::test_input().now - *bound, std::chrono::hours(1));
}

TEST(RangeBounds, RefuseEverythingElse) {
  const struct {
    const char* source;
    const char* message;
  } rows[] = {{"\"2024-01-01\"", "expected time.Time, but got string"},
              {"result", "unknown name result"},
              {"", "unexpected token EOF"},
              {"nil", "expected time.Time, but got <nil>"},
              {"asInt('1')", "unknown name asInt"}};
  for (const auto& row : rows) {
    const auto bound = evaluate_range_bound(row.source, expr::test_input());
    ASSERT_FALSE(bound.has_value()) << row.source;
    EXPECT_EQ(bound.error().message, row.message);
  }
}

}  // namespace
}  // namespace sluice::analysis
