// When metrics are measured, when runs wake up, when they are deleted (analysis.md §8.2, §8.6,
// §10.2).
#include <gtest/gtest.h>

#include "engine_support.h"

namespace sluice::analysis {
namespace {

using api::AnalysisPhase;
using testing::at;
using testing::metric;

struct Timed {
  std::string name;
  std::string metric;
  char last;       // letter of the last measurement, '-' = never measured
  double elapsed;  // since it finished (or since the run started)
  Task task;
};

class Due : public ::testing::TestWithParam<Timed> {};

TEST_P(Due, is_decided_by_the_first_row_that_applies) {
  const Timed& c = GetParam();
  const std::vector<api::Metric> metrics{metric(R"("name":"m")" + c.metric)};
  const std::set<std::string> none;
  api::AnalysisRunStatus status;
  status.started_at = at(0);
  if (c.last != '-')
    record(result_for({metrics, none}, status, metrics[0]), testing::measurement(c.last, at(0)));
  EXPECT_EQ(due(metrics[0], status, false, at(c.elapsed)), c.task) << c.name;
}

INSTANTIATE_TEST_SUITE_P(
    Table, Due,
    ::testing::Values(
        Timed{"never_measured_is_due", "", '-', 0, Task::Measure},
        Timed{"before_the_initial_delay_is_not_due", R"(,"initialDelay":"30s")", '-', 29.9,
              Task::None},
        Timed{"at_the_initial_delay_is_due", R"(,"initialDelay":"30s")", '-', 30, Task::Measure},
        Timed{"at_the_interval_is_not_due", R"(,"interval":"10s")", 'S', 10, Task::None},
        Timed{"just_after_the_interval_is_due", R"(,"interval":"10s")", 'S', 10.001, Task::Measure},
        Timed{"an_error_is_retried_after_ten_seconds_not_after_the_interval", R"(,"interval":"1h")",
              'E', 10.5, Task::Measure},
        Timed{"an_error_waits_ten_seconds_even_with_a_short_interval", R"(,"interval":"1s")", 'E',
              9, Task::None},
        Timed{"an_error_without_interval_is_retried", "", 'E', 11, Task::Measure},
        Timed{"the_wanted_number_was_reached", R"(,"interval":"1s","count":1)", 'S', 100,
              Task::None},
        Timed{"an_interval_of_zero_does_not_spin", R"(,"interval":"0s","count":5)", 'S', 0.5,
              Task::None},
        Timed{"an_unfinished_one_without_time_is_looked_at", "", 'R', 0, Task::Resume}),
    [](const auto& one) { return one.param.name; });

struct DueState : ::testing::Test {
  std::vector<api::Metric> metrics{metric(R"("name":"m","initialDelay":"30s")"),
                                   metric(R"("name":"n","interval":"5s")")};
  std::set<std::string> none;
  api::AnalysisRunStatus status;
  [[nodiscard]] RunView view() const { return {metrics, none}; }
};

TEST_F(DueState, in_the_first_pass_a_metric_with_a_delay_is_not_measured_and_wakes_the_run) {
  EXPECT_EQ(due(metrics[0], status, false, at(7)), Task::None);
  assess_run(view(), status, at(7.9));
  EXPECT_EQ(next_wake_up(view(), status, {"n"}, at(7.9)), at(37));
}

TEST_F(DueState, a_metric_that_waits_for_its_time_to_resume_is_left_alone_unless_terminating) {
  api::Measurement running = testing::measurement('R', at(0));
  running.resume_at = at(50);
  record(result_for(view(), status, metrics[1]), running);
  EXPECT_EQ(due(metrics[1], status, false, at(49)), Task::None);
  EXPECT_EQ(due(metrics[1], status, false, at(50)), Task::Resume);
  EXPECT_EQ(due(metrics[1], status, true, at(1)), Task::Terminate);
  EXPECT_EQ(next_wake_up(view(), status, {"m"}, at(1)), at(50));
}

TEST_F(DueState, a_terminating_run_starts_nothing) {
  EXPECT_EQ(due(metrics[1], status, true, at(0)), Task::None);
}

TEST_F(DueState, a_completed_metric_is_never_due) {
  result_for(view(), status, metrics[1]).phase = AnalysisPhase::Successful;
  EXPECT_EQ(due(metrics[1], status, false, at(1000)), Task::None);
}

TEST_F(DueState, the_wake_up_lies_just_after_the_interval) {
  record(result_for(view(), status, metrics[1]), testing::measurement('S', at(20)));
  const auto wake = next_wake_up(view(), status, {"m"}, at(20));
  ASSERT_TRUE(wake);
  EXPECT_GT(*wake, at(25));
  EXPECT_LE(*wake, at(25.01));
  EXPECT_EQ(due(metrics[1], status, false, *wake), Task::Measure);
}

TEST_F(DueState, a_metric_whose_answer_is_on_its_way_does_not_wake_the_run) {
  record(result_for(view(), status, metrics[1]), testing::measurement('S', at(20)));
  EXPECT_FALSE(next_wake_up(view(), status, {"m", "n"}, at(60)));
}

TEST_F(DueState, a_metric_that_reached_its_count_does_not_wake_the_run) {
  const std::vector<api::Metric> one{metric(R"("name":"m","count":1)")};
  record(result_for({one, none}, status, one[0]), testing::measurement('S', at(20)));
  EXPECT_FALSE(next_wake_up({one, none}, status, {}, at(60)));
}

TEST(MeasurementNumber, counts_errors_too) {
  EXPECT_EQ(next_number(nullptr), 1);
  api::MetricResult result;
  result.count = 3;
  result.error = 2;
  EXPECT_EQ(next_number(&result), 6);
}

struct Expiry {
  std::string name;
  AnalysisPhase phase;
  std::optional<std::int32_t> completion, success, failure;
  std::optional<int> seconds;
};
class TimeToLive : public ::testing::TestWithParam<Expiry> {};

TEST_P(TimeToLive, is_the_one_for_the_outcome_or_the_general_one) {
  const Expiry& c = GetParam();
  api::AnalysisSpec spec;
  spec.ttl_after_completion = c.completion;
  spec.ttl_after_success = c.success;
  spec.ttl_after_failure = c.failure;
  api::AnalysisRunStatus status;
  status.phase = c.phase;
  status.completed_at = at(0);
  const auto expiry = expires_at(spec, status);
  ASSERT_EQ(expiry.has_value(), c.seconds.has_value()) << c.name;
  // After exactly that many seconds it is still there; one more and it goes.
  if (expiry) {
    EXPECT_EQ(*expiry, at(*c.seconds + 1)) << c.name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, TimeToLive,
    ::testing::Values(
        Expiry{"completion", AnalysisPhase::Failed, 10, std::nullopt, std::nullopt, 10},
        Expiry{"success_wins_for_successful", AnalysisPhase::Successful, 100, 1, 2, 1},
        Expiry{"failure_wins_for_failed", AnalysisPhase::Failed, 100, 1, 2, 2},
        Expiry{"error_is_no_failure", AnalysisPhase::Error, 100, 1, 2, 100},
        Expiry{"inconclusive_is_no_failure", AnalysisPhase::Inconclusive, std::nullopt, 1, 2,
               std::nullopt},
        Expiry{"none", AnalysisPhase::Successful, std::nullopt, std::nullopt, 5, std::nullopt},
        Expiry{"a_running_run_lives", AnalysisPhase::Running, 1, 1, 1, std::nullopt}),
    [](const auto& one) { return one.param.name; });

TEST(TimeToLive, needs_the_time_of_completion) {
  api::AnalysisSpec spec;
  spec.ttl_after_completion = 1;
  api::AnalysisRunStatus status;
  status.phase = AnalysisPhase::Error;
  EXPECT_FALSE(expires_at(spec, status));
}

}  // namespace
}  // namespace sluice::analysis
