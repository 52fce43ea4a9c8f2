// From measurements to the phase of a metric and of a run (analysis.md §8.4, §8.5, §9).
#include <gtest/gtest.h>

#include "engine_support.h"
#include "kube/json/json.h"

namespace sluice::analysis {
namespace {

using api::AnalysisPhase;
using testing::at;
using testing::measure_all;
using testing::metric;

struct Case {
  std::string name;
  std::string metric;  // members
  std::string letters;
  AnalysisPhase phase;
  std::string reason;
  std::int32_t taken;  // measurements that were taken before the metric was finished
};

class MetricPhase : public ::testing::TestWithParam<Case> {};

TEST_P(MetricPhase, follows_from_its_measurements_and_limits) {
  const Case& c = GetParam();
  const std::vector<api::Metric> metrics{metric(R"("name":"m")" + c.metric)};
  const std::set<std::string> dry_run;
  const RunView run{metrics, dry_run};
  api::AnalysisRunStatus status;
  measure_all(run, status, metrics[0], c.letters);
  const api::MetricResult& result = *find_result(status, "m");
  EXPECT_EQ(result.phase, c.phase) << c.name << ": " << api::to_string(result.phase);
  EXPECT_EQ(assess_metric(metrics[0], result, false).reason, c.reason) << c.name;
  EXPECT_EQ(result.count + result.error, c.taken) << c.name;
}

INSTANTIATE_TEST_SUITE_P(
    Table, MetricPhase,
    ::testing::Values(
        Case{"one_success_is_enough_without_count_and_interval", "", "S", AnalysisPhase::Successful,
             "", 1},
        Case{"an_interval_without_count_runs_on", R"(,"interval":"1m")", "SSSSSSSSSS",
             AnalysisPhase::Running, "", 10},
        Case{"count_zero_with_an_interval_runs_on", R"(,"interval":"1m","count":0)", "SS",
             AnalysisPhase::Running, "", 2},
        Case{"the_first_failure_fails", "", "F", AnalysisPhase::Failed,
             "failed (1) > failureLimit (0)", 1},
        Case{"failures_within_the_limit_are_tolerated",
             R"(,"interval":"1m","count":3,"failureLimit":2)", "FFS", AnalysisPhase::Successful, "",
             3},
        Case{"the_third_of_two_tolerated_failures_fails",
             R"(,"interval":"1m","count":9,"failureLimit":2)", "FSFF", AnalysisPhase::Failed,
             "failed (3) > failureLimit (2)", 4},
        Case{"limits_given_as_text_count", R"(,"interval":"1m","count":"9","failureLimit":"1")",
             "FF", AnalysisPhase::Failed, "failed (2) > failureLimit (1)", 2},
        Case{"a_text_that_is_no_number_is_zero",
             R"(,"interval":"1m","count":9,"failureLimit":"many")", "F", AnalysisPhase::Failed,
             "failed (1) > failureLimit (0)", 1},
        Case{"no_failure_limit_and_no_streak_fails_without_a_reason",
             R"(,"interval":"1m","count":10,"failureLimit":-1,"consecutiveSuccessLimit":3)",
             "SSFSSFSSFS", AnalysisPhase::Failed, "", 10},
        Case{"a_failure_limit_and_no_streak_is_inconclusive",
             R"(,"interval":"1m","count":10,"failureLimit":4,"consecutiveSuccessLimit":3)",
             "SSFSSFSSFS", AnalysisPhase::Inconclusive, "", 10},
        Case{"a_streak_ends_it_early",
             R"(,"interval":"1m","count":10,"failureLimit":1,"consecutiveSuccessLimit":3)",
             "SSFSSSSSSS", AnalysisPhase::Successful, "", 6},
        Case{"the_first_inconclusive_one_decides", "", "I", AnalysisPhase::Inconclusive,
             "inconclusive (1) > inconclusiveLimit (0)", 1},
        Case{"inconclusive_ones_within_the_limit_are_tolerated",
             R"(,"interval":"1m","count":3,"inconclusiveLimit":2)", "IIS",
             AnalysisPhase::Successful, "", 3},
        Case{"four_errors_in_a_row_are_tolerated", "", "EEEE", AnalysisPhase::Running, "", 4},
        Case{"the_fifth_error_in_a_row_is_too_many", "", "EEEEE", AnalysisPhase::Error,
             "consecutiveErrors (5) > consecutiveErrorLimit (4)", 5},
        Case{"a_success_resets_the_errors", R"(,"interval":"1m","count":9)", "EEEESEEEE",
             AnalysisPhase::Running, "", 9},
        Case{"errors_do_not_count_towards_count", "", "ES", AnalysisPhase::Successful, "", 2},
        Case{"no_error_is_tolerated_with_limit_zero", R"(,"consecutiveErrorLimit":0)", "E",
             AnalysisPhase::Error, "consecutiveErrors (1) > consecutiveErrorLimit (0)", 1}),
    [](const auto& one) { return one.param.name; });

TEST(MetricPhase, of_both_limits_the_inconclusive_one_wins) {
  const api::Metric m = metric(R"("name":"m","interval":"1m")");
  api::MetricResult result;
  record(result, testing::measurement('F', at(0)));
  record(result, testing::measurement('I', at(1)));
  const MetricVerdict verdict = assess_metric(m, result, false);
  EXPECT_EQ(verdict.phase, AnalysisPhase::Inconclusive);
  EXPECT_EQ(verdict.reason, "inconclusive (1) > inconclusiveLimit (0)");
}

TEST(MetricPhase, an_error_leaves_count_alone) {
  api::MetricResult result;
  record(result, testing::measurement('E', at(0)));
  EXPECT_EQ(result.count, 0);
  EXPECT_EQ(result.error, 1);
  EXPECT_EQ(result.consecutive_error, 1);
  record(result, testing::measurement('S', at(1)));
  EXPECT_EQ(result.consecutive_error, 0);
  EXPECT_EQ(result.consecutive_success, 1);
}

TEST(MetricPhase, without_measurements_is_pending_or_when_terminating_successful) {
  const api::Metric m = metric(R"("name":"m")");
  EXPECT_EQ(assess_metric(m, {}, false).phase, AnalysisPhase::Pending);
  EXPECT_EQ(assess_metric(m, {}, true).phase, AnalysisPhase::Successful);
}

TEST(MetricPhase, an_unfinished_measurement_keeps_it_running_even_over_a_limit) {
  api::MetricResult result;
  record(result, testing::measurement('F', at(0)));
  record(result, testing::measurement('R', at(1)));
  EXPECT_EQ(assess_metric(metric(R"("name":"m")"), result, false).phase, AnalysisPhase::Running);
}

TEST(MetricPhase, a_finished_measurement_takes_the_place_of_the_unfinished_one) {
  api::MetricResult result;
  record(result, testing::measurement('R', at(0)));
  record(result, testing::measurement('S', at(1)));
  ASSERT_EQ(result.measurements.size(), 1U);
  EXPECT_EQ(result.successful, 1);
}

// ---- the run ----

struct Sampled {
  std::vector<api::Metric> metrics;
  std::set<std::string> dry_run;
  bool terminate = false;
  api::AnalysisRunStatus status;

  [[nodiscard]] RunView view() const { return {metrics, dry_run, terminate}; }
  void add(const std::string& name, std::string_view letters, const std::string& more = "") {
    metrics.push_back(metric(R"("name":")" + name + "\"" + more));
    letters_.emplace_back(letters);
  }
  std::vector<std::string> assess() {
    for (std::size_t i = 0; i < metrics.size(); ++i)
      for (std::size_t k = 0; k < letters_[i].size(); ++k)
        record(result_for(view(), status, metrics[i]),
               testing::measurement(letters_[i][k], at(static_cast<double>(k))));
    letters_.assign(metrics.size(), "");
    return assess_run(view(), status, at(100.7));
  }

 private:
  std::vector<std::string> letters_;
};

TEST(RunPhase, one_successful_metric_makes_the_run_successful) {
  Sampled run;
  run.add("m", "S");
  EXPECT_EQ(run.assess(), std::vector<std::string>{"m"});
  EXPECT_EQ(run.status.phase, AnalysisPhase::Successful);
  EXPECT_EQ(run.status.message, "");
  EXPECT_EQ(run.status.started_at, at(100));
  EXPECT_EQ(run.status.completed_at, at(100));
  EXPECT_EQ(run.status.run_summary.count, 1);
  EXPECT_EQ(run.status.run_summary.successful, 1);
  ASSERT_TRUE(run.status.dry_run_summary);
  EXPECT_EQ(run.status.dry_run_summary->count, 0);
}

TEST(RunPhase, the_message_of_a_failure_is_the_references) {
  Sampled run;
  run.add("m", "F");
  run.assess();
  EXPECT_EQ(run.status.phase, AnalysisPhase::Failed);
  EXPECT_EQ(run.status.message,
            "Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)");
  EXPECT_EQ(run.status.run_summary.failed, 1);
}

TEST(RunPhase, the_message_of_an_error_carries_the_last_error) {
  Sampled run;
  run.add("m", "EEEEE");
  run.assess();
  EXPECT_EQ(run.status.phase, AnalysisPhase::Error);
  EXPECT_EQ(run.status.message,
            "Metric \"m\" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): "
            "\"Error Message: no "
            "answer\"");
  EXPECT_EQ(run.status.metric_results[0].message, "no answer");
}

TEST(RunPhase, of_two_failed_metrics_the_first_speaks) {
  Sampled run;
  run.add("a", "F");
  run.add("b", "F");
  run.assess();
  EXPECT_EQ(run.status.message,
            "Metric \"a\" assessed Failed due to failed (1) > failureLimit (0)");
}

TEST(RunPhase, failed_is_worse_than_error) {
  Sampled run;
  run.add("a", "EEEEE");
  run.add("b", "F");
  run.assess();
  EXPECT_EQ(run.status.phase, AnalysisPhase::Failed);
  EXPECT_EQ(run.status.message,
            "Metric \"b\" assessed Failed due to failed (1) > failureLimit (0)");
}

TEST(RunPhase, an_unfinished_metric_keeps_the_run_running) {
  Sampled run;
  run.add("a", "S");
  run.add("b", "");
  run.assess();
  EXPECT_EQ(run.status.phase, AnalysisPhase::Running);
  EXPECT_EQ(run.status.message, "");
  EXPECT_FALSE(run.status.completed_at);
}

TEST(RunPhase, a_failure_is_the_verdict_in_the_next_assessment_although_others_are_unfinished) {
  Sampled run;
  run.add("a", "F");
  run.add("b", "S", R"(,"interval":"1m")");
  run.assess();
  EXPECT_EQ(run.status.phase, AnalysisPhase::Running);
  EXPECT_TRUE(is_terminating(run.view(), run.status));
  run.assess();
  EXPECT_EQ(run.status.phase, AnalysisPhase::Failed);
  EXPECT_EQ(find_result(run.status, "b")->phase, AnalysisPhase::Successful);
}

TEST(RunPhase, terminated_before_anything_was_measured_is_successful) {
  Sampled run;
  run.add("m", "");
  run.terminate = true;
  run.assess();
  EXPECT_EQ(run.status.phase, AnalysisPhase::Successful);
  EXPECT_EQ(run.status.message, "Run Terminated");
}

TEST(RunPhase, terminated_with_a_failed_metric_is_failed) {
  Sampled run;
  run.add("m", "F");
  run.terminate = true;
  run.assess();
  EXPECT_EQ(run.status.phase, AnalysisPhase::Failed);
}

TEST(RunPhase, only_failing_dry_run_metrics_end_successful) {
  Sampled run;
  run.add("m", "F");
  run.dry_run = {"m"};
  run.assess();
  EXPECT_EQ(run.status.phase, AnalysisPhase::Successful);
  EXPECT_EQ(run.status.message, "");
  EXPECT_EQ(run.status.dry_run_summary->failed, 1);
  EXPECT_EQ(run.status.run_summary.count, 0);
  EXPECT_TRUE(run.status.metric_results[0].dry_run);
}

TEST(RunPhase, a_failing_dry_run_metric_stops_nothing) {
  Sampled run;
  run.add("dry", "F");
  run.add("real", "S", R"(,"interval":"1m","count":5)");
  run.dry_run = {"dry"};
  run.assess();
  EXPECT_FALSE(is_terminating(run.view(), run.status));
  EXPECT_EQ(run.status.phase, AnalysisPhase::Running);
}

TEST(RunPhase, the_message_of_a_dry_run_metric_does_not_grow) {
  Sampled run;
  run.add("dry", "F");
  run.add("real", "");
  run.dry_run = {"dry"};
  for (int i = 0; i < 3; ++i) {
    run.assess();
    EXPECT_EQ(run.status.metric_results[0].message,
              "Metric assessed Failed due to failed (1) > failureLimit (0)");
  }
}

TEST(RunPhase, summaries_count_metrics_by_class_and_outcome) {
  Sampled run;
  run.add("real", "S");
  run.add("dry", "EEEEE");
  run.dry_run = {"dry"};
  run.assess();
  EXPECT_EQ(run.status.phase, AnalysisPhase::Successful);
  EXPECT_EQ(run.status.run_summary.count, 1);
  EXPECT_EQ(run.status.run_summary.successful, 1);
  EXPECT_EQ(run.status.dry_run_summary->count, 1);
  EXPECT_EQ(run.status.dry_run_summary->error, 1);
}

TEST(RunPhase, a_metric_that_missed_its_streak_is_not_counted_as_successful) {
  Sampled run;
  run.add("m", "SF", R"(,"interval":"1m","count":2,"failureLimit":-1,"consecutiveSuccessLimit":2)");
  run.assess();
  EXPECT_EQ(run.status.phase, AnalysisPhase::Failed);
  EXPECT_EQ(run.status.run_summary.failed, 1);
  EXPECT_EQ(run.status.run_summary.successful, 0);
}

// The reference leaves the run without a word (analysis.md §8.5, "Improve"); the metric itself has
// no reason.
TEST(RunPhase, a_metric_that_missed_its_streak_is_named) {
  const struct {
    const char* limit;
    const char* message;
  } rows[] = {
      {"-1",
       "Metric \"m\" assessed Failed due to consecutiveSuccessLimit (2) not reached after 3 "
       "measurements"},
      {"1",
       "Metric \"m\" assessed Inconclusive due to consecutiveSuccessLimit (2) not reached after 3 "
       "measurements"},
  };
  for (const auto& row : rows) {
    Sampled run;
    run.add("m", "SFS",
            R"(,"interval":"1m","count":3,"consecutiveSuccessLimit":2,"failureLimit":)" +
                std::string(row.limit));
    run.assess();
    EXPECT_EQ(run.status.message, row.message);
    EXPECT_EQ(run.status.metric_results[0].message, "");
    run.assess();
    EXPECT_EQ(run.status.message, row.message);
  }
}

TEST(RunPhase, a_streak_missed_in_a_dry_run_says_nothing) {
  Sampled run;
  run.add("m", "SF", R"(,"interval":"1m","count":2,"failureLimit":-1,"consecutiveSuccessLimit":2)");
  run.dry_run = {"m"};
  run.assess();
  EXPECT_EQ(run.status.phase, AnalysisPhase::Successful);
  EXPECT_EQ(run.status.message, "");
  EXPECT_EQ(run.status.metric_results[0].message, "");
  EXPECT_EQ(run.status.dry_run_summary->failed, 1);
}

TEST(RunPhase, assessing_a_completed_run_again_changes_nothing) {
  Sampled run;
  run.add("m", "F");
  run.assess();
  const auto before = api::encode(run.status);
  EXPECT_TRUE(run.assess().empty());
  EXPECT_TRUE(api::encode(run.status) == before);
}

TEST(RunPhase, results_stand_in_the_order_of_the_spec) {
  Sampled run;
  run.add("a", "");
  run.add("b", "");
  run.add("c", "");
  for (const int i : {2, 0, 1})
    static_cast<void>(result_for(run.view(), run.status, run.metrics[static_cast<std::size_t>(i)]));
  ASSERT_EQ(run.status.metric_results.size(), 3U);
  EXPECT_EQ(run.status.metric_results[0].name + run.status.metric_results[1].name +
                run.status.metric_results[2].name,
            "abc");
}

}  // namespace
}  // namespace sluice::analysis
