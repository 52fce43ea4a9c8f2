// The end of a run in the write that stops it.
#include <gtest/gtest.h>

#include "analysisrun_given.h"
#include "controller/analysisrun/ending.h"

namespace sluice::analysisrun {
namespace {

using api::AnalysisPhase;
using testing::at;
using testing::job_metric;
using testing::prometheus_metric;
using testing::vector_answer;
using testing::World;

kube::Write terminating() {
  kube::Write out;
  out.type = api::kAnalysisRuns;
  out.key = {"shop", "web-abc-2"};
  out.uid = "run-uid";
  out.purpose = "TerminateAnalysisRun";
  out.body = R"({"spec":{"terminate":true}})";
  return out;
}
Observed seen(const World& world) {
  Observed out;
  auto run = std::make_shared<api::AnalysisRun>(world.decode());
  run->status = world.status();
  out.run = std::move(run);
  out.answers = world.answers;
  out.in_flight = world.in_flight;
  for (const auto& [name, job] : world.jobs) out.jobs.push_back(job);
  return out;
}
std::string endless(const std::string& more = "") {
  return R"("metrics":[)" + prometheus_metric("m", R"(,"interval":"30s")") + "]" + more;
}
constexpr const char* kStarted = R"({"phase":"Running","startedAt":"2027-01-15T08:00:00Z"})";

TEST(Ending, carries_the_last_status_and_every_sample_that_waits) {
  World world(endless(), kStarted);
  world.sample(0, "0.95");
  world.sample(30.1, "0.96");
  ASSERT_EQ(world.writes, 0);
  const auto ending = end_with(terminating(), seen(world), at(40), {});
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->status.phase, AnalysisPhase::Successful);
  const auto body = World::parse(ending->write.body);
  EXPECT_EQ(body["spec"].dump(), R"({"terminate":true})");
  EXPECT_EQ(body["status"]["phase"], "Successful");
  EXPECT_EQ(body["status"]["message"], "Run Terminated");
  EXPECT_EQ(body["status"]["completedAt"], "2027-01-15T08:00:40Z");
  EXPECT_EQ(body["status"]["metricResults"][0]["measurements"].size(), 2U);
  EXPECT_EQ(body["status"]["metricResults"][0]["phase"], "Successful");
  EXPECT_EQ(ending->write.uid, "run-uid");
  EXPECT_EQ(ending->write.purpose, "TerminateAnalysisRun");
  ASSERT_EQ(ending->events.size(), 2U);
  EXPECT_EQ(ending->events[0].reason, "MetricSuccessful");
  EXPECT_EQ(ending->events[1].reason, "AnalysisRunSuccessful");
}

TEST(Ending, leaves_the_run_that_was_given_as_it_is) {
  World world(endless(), kStarted);
  world.sample(0, "0.95");
  const Observed observed = seen(world);
  ASSERT_TRUE(end_with(terminating(), observed, at(1), {}));
  EXPECT_FALSE(observed.run->spec.terminate);
  EXPECT_EQ(observed.run->status.phase, AnalysisPhase::Running);
}

TEST(Ending, takes_an_answer_into_account_that_came_just_before) {
  for (const std::string value : {"0.95", "0.5"}) {
    World world(endless(), kStarted);
    world.step(0);
    world.answer(vector_answer(value), 0, 0.5);
    const auto ending = end_with(terminating(), seen(world), at(0.5), {});
    ASSERT_TRUE(ending);
    EXPECT_EQ(ending->status.metric_results.at(0).measurements.at(0).value, "[" + value + "]");
    EXPECT_EQ(ending->status.phase,
              value == "0.5" ? AnalysisPhase::Failed : AnalysisPhase::Successful);
  }
}

TEST(Ending, does_not_wait_for_an_answer_that_is_on_its_way) {
  World world(endless(), kStarted);
  world.step(0);
  ASSERT_FALSE(world.in_flight.empty());
  const auto ending = end_with(terminating(), seen(world), at(1), {});
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->status.phase, AnalysisPhase::Successful);
  EXPECT_TRUE(ending->status.metric_results.empty());
}

TEST(Ending, of_a_run_with_a_job_to_delete_is_the_runs_own_business) {
  World world(R"("metrics":[)" + job_metric("smoke") + "]", kStarted);
  world.step(0);
  ASSERT_EQ(world.jobs.size(), 1U);
  EXPECT_FALSE(end_with(terminating(), seen(world), at(1), {}));
}

TEST(Ending, does_not_wait_for_a_secret_that_an_answer_needs_to_be_assessed) {
  World world(
      endless(R"(,"args":[{"name":"t","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}])"),
      kStarted);
  world.answers.push_back({"m#1", at(0), at(1), vector_answer("0.95")});
  const auto ending = end_with(terminating(), seen(world), at(1), {});
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->status.phase, AnalysisPhase::Successful);
  EXPECT_TRUE(ending->status.metric_results.empty());
}

TEST(Ending, of_a_run_that_has_ended_in_memory_brings_its_record) {
  World world(R"("metrics":[)" + prometheus_metric("m") + "]", kStarted);
  world.step(0);
  world.answer(vector_answer("0.95"), 0, 0.5);
  world.step(0.5, /*writes_arrive=*/false);
  ASSERT_EQ(world.status().phase, AnalysisPhase::Successful);
  const auto ending = end_with(terminating(), seen(world), at(1), {});
  ASSERT_TRUE(ending);
  EXPECT_EQ(World::parse(ending->write.body)["status"]["phase"], "Successful");
  EXPECT_NE(ending->status.message, "Run Terminated");
}

TEST(Ending, is_none_where_nothing_is_left_to_write) {
  World world(R"("metrics":[)" + prometheus_metric("m") + "]", kStarted);
  world.sample(0, "0.95");
  ASSERT_EQ(world.stored_phase(), "Successful");
  EXPECT_FALSE(end_with(terminating(), seen(world), at(1), {}));
}

TEST(Ending, only_goes_with_a_merge_patch_of_an_object) {
  World world(endless(), kStarted);
  world.sample(0, "0.95");
  auto write = terminating();
  write.verb = kube::Verb::Delete;
  EXPECT_FALSE(end_with(write, seen(world), at(1), {}));
  write = terminating();
  write.body = "[]";
  EXPECT_FALSE(end_with(write, seen(world), at(1), {}));
  EXPECT_FALSE(end_with(terminating(), {}, at(1), {}));
}

TEST(Ending, of_another_instances_run_is_left_alone) {
  World world(endless(), kStarted);
  world.sample(0, "0.95");
  Options other;
  other.instance_id = "other";
  EXPECT_FALSE(end_with(terminating(), seen(world), at(1), other));
}

}  // namespace
}  // namespace sluice::analysisrun
