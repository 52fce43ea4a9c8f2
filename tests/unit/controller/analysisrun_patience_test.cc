// Good samples wait for the next ones and share a write; nothing else waits for them, and nothing
// that matters is lost.
#include <gtest/gtest.h>

#include "analysisrun_given.h"

namespace sluice::analysisrun {
namespace {

using api::AnalysisPhase;
using testing::at;
using testing::job_metric;
using testing::prometheus_metric;
using testing::vector_answer;
using testing::World;
using Lines = std::vector<std::string>;

// As a Rollout creates its runs.
constexpr const char* kRunStarted =
    R"({"phase":"Running","startedAt":"2027-01-15T08:00:00Z","runSummary":{},"dryRunSummary":{}})";

std::string one_metric(const std::string& more) {
  return R"("metrics":[)" + prometheus_metric("m", more) + "]";
}
std::size_t stored_samples(const World& world) {
  const auto* results = kube::find_path(world.stored(), "status.metricResults");
  std::size_t out = 0;
  if (results != nullptr)
    for (const auto& result : *results) out += result["measurements"].size();
  return out;
}

TEST(Patience, a_run_that_is_created_as_running_needs_no_write_of_its_start) {
  World world(one_metric(R"(,"interval":"30s")"), kRunStarted);
  for (const double t : {0.1, 3.0, 6.0, 29.0}) {
    world.step(t);
    EXPECT_EQ(world.purposes(), Lines{}) << t;
  }
  EXPECT_EQ(world.status().started_at, at(0));
}

TEST(Patience, three_good_samples_share_a_write_that_the_third_one_makes) {
  World world(one_metric(R"(,"interval":"30s")"), kRunStarted);
  world.sample(0, "0.95");
  EXPECT_EQ(world.purposes(), Lines{});
  ASSERT_TRUE(world.last.plan.wake_at);
  world.sample(30.1, "0.96");
  EXPECT_EQ(world.purposes(), Lines{});
  world.step(60);  // the oldest has waited for a minute, the next one is about to be asked for
  EXPECT_EQ(world.purposes(), Lines{});
  world.sample(60.1, "0.97");
  EXPECT_EQ(world.purposes(), Lines{"PatchAnalysisRun"});
  EXPECT_EQ(stored_samples(world), 3U);
  EXPECT_EQ(world.writes, 1);
  world.sample(90.6, "0.98");
  EXPECT_EQ(world.writes, 1);
}

TEST(Patience, an_answer_that_does_not_come_does_not_hold_the_others_up) {
  World world(one_metric(R"(,"interval":"30s")"), kRunStarted);
  world.sample(0, "0.95");
  world.sample(30.1, "0.95");
  world.step(60.1);  // asked, and no answer
  ASSERT_FALSE(world.in_flight.empty());
  ASSERT_TRUE(world.last.plan.wake_at);
  EXPECT_EQ(*world.last.plan.wake_at, at(65));
  world.step(64.9);
  EXPECT_EQ(world.writes, 0);
  world.step(65);
  EXPECT_EQ(world.writes, 1);
  EXPECT_EQ(stored_samples(world), 2U);
}

struct Row {
  const char* name;
  const char* interval;
  double waits;  // 0: not at all
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}
class Intervals : public ::testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Patience, Intervals,
                         ::testing::Values(Row{"two_intervals", "10s", 20},
                                           Row{"at_most_a_minute", "45s", 60},
                                           Row{"nobody_to_wait_for", "61s", 0},
                                           Row{"a_sample_that_comes_just_then", "60s", 60}),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

TEST_P(Intervals, bound_the_wait) {
  World world(one_metric(R"(,"interval":")" + std::string(GetParam().interval) + "\""),
              kRunStarted);
  world.sample(0, "0.95");
  if (GetParam().waits == 0) {
    EXPECT_EQ(world.writes, 1);
    return;
  }
  EXPECT_EQ(world.writes, 0);
  // A pass just before the bound, with no answer to anything since.
  world.step(GetParam().waits + 4.9);
  EXPECT_EQ(world.writes, 0);
  world.step(GetParam().waits + 5);
  EXPECT_EQ(world.writes, 1);
}

// What is not simply good goes at once, and takes along what has waited.
TEST(Patience, a_failed_sample_that_decides_nothing_yet_is_written_at_once) {
  World world(one_metric(R"(,"interval":"30s","failureLimit":3)"), kRunStarted);
  world.sample(0, "0.95");
  world.sample(30.1, "0.5");
  EXPECT_EQ(world.status().phase, AnalysisPhase::Running);
  EXPECT_EQ(world.purposes(), Lines{"PatchAnalysisRun"});
  EXPECT_EQ(stored_samples(world), 2U);
}

TEST(Patience, a_verdict_is_written_at_once_with_all_samples) {
  for (const std::string last : {"0.5", "0.95"}) {
    World world(one_metric(R"(,"interval":"30s","count":2)"), kRunStarted);
    world.sample(0, "0.95");
    EXPECT_EQ(world.writes, 0);
    world.sample(30.1, last);
    EXPECT_EQ(world.stored_phase(), last == "0.5" ? "Failed" : "Successful");
    EXPECT_EQ(stored_samples(world), 2U);
  }
}

TEST(Patience, a_metric_that_completes_while_the_run_goes_on_is_written_at_once) {
  World world(R"("metrics":[)" + prometheus_metric("slow", R"(,"interval":"20s")") + "," +
                  prometheus_metric("m", R"(,"interval":"10s","count":1)") + "]",
              kRunStarted);
  world.step(0);
  world.answer("m#1", vector_answer("0.95"), 0, 0.5);
  world.step(0.5);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Running);
  EXPECT_EQ(world.writes, 1);
}

TEST(Patience, an_error_and_the_good_sample_that_ends_a_row_of_errors_are_written_at_once) {
  // Were the good one lost with its process, the next error would be one more in a row than it is.
  World world(one_metric(R"(,"interval":"30s")"), kRunStarted);
  world.sample(0, "0.95");
  world.step(30.1);
  world.answer(testing::status_answer(500), 30.1, 30.2);
  world.step(30.2);
  EXPECT_EQ(world.writes, 1);
  EXPECT_EQ(world.result(0).consecutive_error, 1);
  world.sample(41, "0.95");
  EXPECT_EQ(world.writes, 2);
  EXPECT_EQ(world.result(0).consecutive_error, 0);
  world.sample(72, "0.95");
  EXPECT_EQ(world.writes, 2);  // and here the waiting begins anew
}

TEST(Patience, samples_of_a_dry_run_wait_too_and_its_failures_do_not) {
  const std::string dry = R"(,"dryRun":[{"metricName":"m"}])";
  World good(one_metric(R"(,"interval":"30s")") + dry, kRunStarted);
  good.sample(0, "0.95");
  EXPECT_EQ(good.writes, 0);
  World bad(one_metric(R"(,"interval":"30s","failureLimit":3)") + dry, kRunStarted);
  bad.sample(0, "0.5");
  EXPECT_EQ(bad.writes, 1);
}

TEST(Patience, two_metrics_share_the_write_of_the_one_that_waits_less_long) {
  World world(R"("metrics":[)" + prometheus_metric("slow", R"(,"interval":"30s")") + "," +
                  prometheus_metric("fast", R"(,"interval":"5s")") + "]",
              kRunStarted);
  world.step(0);
  world.answer("slow#1", vector_answer("0.95"), 0, 0.5);
  world.answer("fast#1", vector_answer("0.95"), 0, 0.5);
  world.step(0.5);
  world.sample(5.1, "0.95");
  EXPECT_EQ(world.writes, 0);
  world.sample(10.1, "0.95");
  EXPECT_EQ(world.writes, 1);
  EXPECT_EQ(stored_samples(world), 4U);
}

TEST(Patience, the_first_sample_of_a_run_that_nobody_has_started_goes_with_its_start) {
  World world(one_metric(R"(,"interval":"30s")"));
  world.sample(0, "0.95");
  EXPECT_EQ(world.writes, 1);
  world.sample(30.1, "0.95");
  EXPECT_EQ(world.writes, 1);
}

TEST(Patience, where_few_measurements_are_kept_each_is_written) {
  for (const int limit : {1, 2, 3}) {
    World world(one_metric(R"(,"interval":"30s")") +
                    R"(,"measurementRetention":[{"metricName":"m","limit":)" +
                    std::to_string(limit) + "}]",
                kRunStarted);
    world.sample(0, "0.95");
    EXPECT_EQ(world.writes, limit < 3 ? 1 : 0) << limit;
  }
}

TEST(Patience, jobs_are_written_when_they_end) {
  World world(R"("metrics":[)" + job_metric("smoke", R"(,"interval":"30s","count":2)") + "]",
              kRunStarted);
  world.step(0);
  world.finish_job("run-uid.smoke.1", "Complete");
  world.step(2);
  EXPECT_EQ(world.purposes(), Lines{"PatchAnalysisRun"});
  EXPECT_EQ(world.status().phase, AnalysisPhase::Running);
}

TEST(Patience, a_write_that_was_refused_is_tried_again_with_all_that_came_since) {
  World world(one_metric(R"(,"interval":"30s")"), kRunStarted);
  world.sample(0, "0.95");
  world.sample(30.1, "0.95");
  world.step(60.1);
  world.answer(vector_answer("0.95"), 60.1, 60.6);
  world.step(60.6, /*writes_arrive=*/false);
  EXPECT_EQ(world.purposes(), Lines{"PatchAnalysisRun"});
  world.step(60.7);
  EXPECT_EQ(world.purposes(), Lines{"PatchAnalysisRun"});
  EXPECT_EQ(stored_samples(world), 3U);
}

// A killed process takes good samples with it: they are taken again, nothing counts twice, and what
// was bad is still on record.
TEST(Patience, a_crash_costs_good_samples_and_never_a_bad_one) {
  World world(one_metric(R"(,"interval":"30s","count":4,"failureLimit":1)"), kRunStarted);
  world.sample(0, "0.5");
  world.sample(30.1, "0.95");
  world.sample(60.2, "0.95");
  EXPECT_EQ(stored_samples(world), 1U);
  world.restart();
  EXPECT_EQ(world.result(0).failed, 1);
  EXPECT_EQ(world.result(0).count, 1);
  for (const double t : {61.0, 92.0, 123.0}) {
    EXPECT_EQ(world.status().phase, AnalysisPhase::Running) << t;
    world.sample(t, "0.95");
  }
  EXPECT_EQ(world.stored_phase(), "Successful");
  EXPECT_EQ(world.result(0).count, 4);
  // A second bad one would have been one too many, crash or not.
  World bad(one_metric(R"(,"interval":"30s","count":4,"failureLimit":1)"), kRunStarted);
  bad.sample(0, "0.5");
  bad.sample(30.1, "0.95");
  bad.restart();
  bad.sample(31, "0.5");
  EXPECT_EQ(bad.stored_phase(), "Failed");
}

TEST(Patience, a_process_that_leaves_in_good_order_writes_what_waits) {
  World world(one_metric(R"(,"interval":"30s")"), kRunStarted);
  world.sample(0, "0.95");
  ASSERT_EQ(stored_samples(world), 0U);
  auto run = world.decode();
  run.status = world.status();
  const auto write = unsaved(run, at(1));
  ASSERT_TRUE(write);
  EXPECT_EQ(write->purpose, "PatchAnalysisRun");
  EXPECT_EQ(write->uid, "run-uid");
  EXPECT_EQ(World::parse(write->body)["status"]["metricResults"][0]["measurements"].size(), 1U);
  // Nothing to add: nothing to write.
  EXPECT_FALSE(unsaved(world.decode(), at(1)));
}

}  // namespace
}  // namespace sluice::analysisrun
