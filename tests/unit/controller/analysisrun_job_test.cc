// Runs that measure by Jobs (analysis.md §8.7, §12.4), and what a crash at any moment does to them.
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

std::string metrics(const std::string& list) {
  return R"("metrics":[)" + list + "]";
}
constexpr const char* kJob = "run-uid.smoke.1";

TEST(JobRun, creates_the_job_and_shows_a_running_measurement) {
  World world(metrics(job_metric("smoke")));
  world.step(0.5);
  EXPECT_EQ(world.purposes(), Lines{"CreateAnalysisJob"});
  ASSERT_EQ(world.jobs.count(kJob), 1U);
  const api::Measurement& running = world.result(0).measurements.at(0);
  EXPECT_EQ(running.phase, AnalysisPhase::Running);
  EXPECT_EQ(running.metadata.at("job-name"), kJob);
  EXPECT_EQ(running.metadata.at("job-namespace"), "shop");
  EXPECT_FALSE(running.finished_at);
  EXPECT_EQ(world.result(0).phase, AnalysisPhase::Running);
}

TEST(JobRun, a_job_that_ends_soon_costs_one_status_write) {
  World world(metrics(job_metric("smoke")));
  world.step(0);
  world.finish_job(kJob, "Complete");
  world.step(2);
  EXPECT_EQ(world.purposes(), Lines{"PatchAnalysisRun"});
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
  EXPECT_EQ(world.result(0).measurements.at(0).finished_at, at(2));
  EXPECT_FALSE(world.result(0).measurements.at(0).resume_at);
  EXPECT_EQ(world.writes, 2);  // the Job and the status
  world.step(3);
  EXPECT_TRUE(world.last.plan.intents.empty());
}

TEST(JobRun, a_job_that_takes_long_is_written_once_as_running_and_not_with_every_look) {
  World world(metrics(job_metric("smoke")));
  int patches = 0;
  for (double t = 0; t < 120;) {
    world.step(t);
    if (!world.patch().is_null()) ++patches;
    ASSERT_TRUE(world.last.plan.wake_at);
    const double next = std::chrono::duration<double>(*world.last.plan.wake_at - at(0)).count();
    ASSERT_GT(next, t);
    t = next;
  }
  EXPECT_EQ(patches, 1);
  EXPECT_EQ(world.stored_phase(), "Running");
  EXPECT_EQ(world.stored()["status"]["metricResults"][0]["measurements"][0]["metadata"]["job-name"],
            kJob);
}

TEST(JobRun, a_failed_job_fails_the_run_and_says_why_in_the_event) {
  World world(metrics(job_metric("smoke")));
  world.step(0);
  world.finish_job(kJob, "Failed");
  world.step(2);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Failed);
  EXPECT_EQ(world.status().message,
            "Metric \"smoke\" assessed Failed due to failed (1) > failureLimit (0)");
  EXPECT_EQ(world.events().back(),
            "Warning AnalysisVerdict: AnalysisRun 'web-abc-2': metric 'smoke' is Failed: query: "
            "Job run-uid.smoke.1, "
            "BackoffLimitExceeded");
}

TEST(JobRun, conditions_are_not_evaluated) {
  World world(metrics(job_metric("smoke", R"(,"successCondition":"this is no expression")")));
  world.step(0);
  world.finish_job(kJob, "Complete");
  world.step(1);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
}

TEST(JobRun, a_restart_right_after_the_create_adopts_the_job) {
  World world(metrics(job_metric("smoke")));
  world.step(0);
  world.restart();
  EXPECT_EQ(world.stored_phase(), "");
  world.step(3);
  EXPECT_EQ(world.purposes(), Lines{});
  EXPECT_EQ(world.result(0).measurements.at(0).started_at, at(0));
  world.finish_job(kJob, "Complete");
  world.restart();
  world.step(4);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
  EXPECT_EQ(world.jobs.size(), 1U);
  EXPECT_EQ(world.result(0).count, 1);
}

TEST(JobRun, a_create_that_did_not_arrive_is_repeated_under_the_same_name) {
  World world(metrics(job_metric("smoke")));
  world.step(0, false);
  world.step(0.3);
  EXPECT_TRUE(world.last.plan.intents.empty());  // the loop backs off by itself
  world.step(1);
  EXPECT_EQ(world.purposes(), Lines{"CreateAnalysisJob"});
  EXPECT_EQ(world.jobs.count(kJob), 1U);
}

TEST(JobRun, a_job_that_vanished_is_an_error_once_the_server_knows_of_the_measurement) {
  World world(metrics(job_metric("smoke")));
  world.step(0);
  world.step(6);
  ASSERT_EQ(world.stored_phase(), "Running");
  world.jobs.clear();
  world.step(10);
  EXPECT_EQ(world.result(0).measurements.at(0).phase, AnalysisPhase::Error);
  EXPECT_EQ(world.result(0).measurements.at(0).message, "job.batch \"run-uid.smoke.1\" not found");
  // Retried ten seconds later, under the next number.
  world.step(20.1);
  EXPECT_EQ(world.jobs.count("run-uid.smoke.2"), 1U);
}

TEST(JobRun, a_create_that_the_server_refuses_is_a_measurement_error) {
  World world(metrics(job_metric("smoke")));
  world.refused_jobs[kJob] = Error{
      ErrorCode::Invalid, "Job \"x\" is invalid: spec.template: Required value", std::nullopt};
  world.step(0);
  EXPECT_EQ(world.result(0).measurements.at(0).phase, AnalysisPhase::Error);
  EXPECT_EQ(world.result(0).measurements.at(0).message,
            "Job \"x\" is invalid: spec.template: Required value");
  EXPECT_TRUE(world.jobs.empty());
}

// The Rollout waits for the record: it may not wait for a permission to delete Jobs.
TEST(N1_JobRun, a_deletion_that_the_server_refuses_keeps_no_result_from_being_recorded) {
  World world(metrics(job_metric("smoke")));
  world.step(0);
  world.set_spec("terminate", true);
  world.kept_jobs[kJob] = at(30);
  const auto& decision = world.step(2);
  EXPECT_EQ(world.purposes(), Lines{"PatchAnalysisRun"});
  EXPECT_EQ(decision.plan.wake_at, at(30));
  EXPECT_EQ(world.stored_phase(), "Inconclusive");
  world.step(10);
  EXPECT_TRUE(world.purposes().empty());
  EXPECT_EQ(world.jobs.count(kJob), 1U);
  world.step(30);
  EXPECT_EQ(world.purposes(), Lines{"DeleteAnalysisJob"});
  EXPECT_TRUE(world.jobs.empty());
}

TEST(JobRun, a_terminated_run_deletes_its_job_and_is_inconclusive) {
  World world(metrics(job_metric("smoke")));
  world.step(0);
  world.set_spec("terminate", true);
  world.step(2);
  EXPECT_EQ(world.purposes(), (Lines{"DeleteAnalysisJob", "PatchAnalysisRun"}));
  EXPECT_TRUE(world.jobs.empty());
  EXPECT_EQ(world.status().phase, AnalysisPhase::Inconclusive);
  EXPECT_EQ(world.result(0).measurements.at(0).message, "Metric Terminated");
  EXPECT_EQ(world.result(0).measurements.at(0).phase, AnalysisPhase::Inconclusive);
}

TEST(JobRun, a_job_beside_a_failing_metric_is_stopped_in_the_same_pass) {
  World world(metrics(job_metric("smoke") + "," + prometheus_metric("m")));
  world.step(0);
  world.answer(vector_answer("0.1"), 0, 1);
  world.step(1);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Failed);
  EXPECT_EQ(world.status().message,
            "Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)");
  EXPECT_TRUE(world.jobs.empty());
  EXPECT_EQ(world.result(0).phase, AnalysisPhase::Inconclusive);
}

TEST(JobRun, a_job_that_the_delete_missed_is_deleted_after_completion) {
  World world(metrics(job_metric("smoke")));
  world.step(0);
  world.set_spec("terminate", true);
  world.step(2, false);
  EXPECT_EQ(world.jobs.size(), 1U);
  world.step(3);
  EXPECT_EQ(world.purposes(), (Lines{"DeleteAnalysisJob", "PatchAnalysisRun"}));
  world.step(4);
  EXPECT_TRUE(world.last.plan.intents.empty());
}

TEST(JobRun, an_image_that_cannot_be_pulled_is_inconclusive_and_the_job_is_removed) {
  World world(metrics(job_metric("smoke")));
  world.step(0);
  EXPECT_FALSE(world.last.job_pods_needed);
  world.step(2);
  EXPECT_TRUE(world.last.job_pods_needed);
  auto pod = std::make_shared<kube::Pod>();
  pod->meta.key = {"shop", "p-1"};
  kube::OwnerReference owner;
  owner.kind = "Job";
  owner.uid = "job-" + std::string(kJob);
  pod->meta.owners.push_back(owner);
  pod->waiting_reason = "ImagePullBackOff";
  pod->waiting_container = "c";
  pod->waiting_message = "not found";
  world.pods.push_back(pod);
  world.step(3);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Inconclusive);
  EXPECT_EQ(world.result(0).message,
            "Pod p-1, container c has terminal error (ImagePullBackOff): not found");
  EXPECT_TRUE(world.jobs.empty());
}

TEST(JobRun, old_jobs_are_collected_with_their_measurements) {
  World world(metrics(job_metric("smoke", R"(,"interval":"10s")")) +
              R"(,"measurementRetention":[{"metricName":"smoke","limit":2}])");
  for (int i = 1; i <= 4; ++i) {
    world.step(12 * i);
    world.finish_job("run-uid.smoke." + std::to_string(i), "Complete");
    world.step(12 * i + 1);
  }
  EXPECT_EQ(world.result(0).measurements.size(), 2U);
  EXPECT_EQ(world.result(0).count, 4);
  Lines names;
  for (const auto& [name, job] : world.jobs) names.push_back(name);
  EXPECT_EQ(names, (Lines{"run-uid.smoke.3", "run-uid.smoke.4"}));
}

TEST(JobRun, a_measurement_without_a_job_name_is_an_error) {
  World world(
      metrics(job_metric("smoke")),
      R"({"phase":"Running","startedAt":"2027-01-15T08:00:00Z","metricResults":[{"name":"smoke","phase":"Running",)"
      R"("measurements":[{"phase":"Running","startedAt":"2027-01-15T08:00:00Z"}]}]})");
  world.step(1);
  EXPECT_EQ(world.result(0).measurements.at(0).message, "job metadata reference missing");
}

TEST(F10_JobRun, a_job_with_the_controllers_own_account_is_an_error_that_says_so) {
  const std::string metric =
      R"({"name":"smoke","provider":{"job":{"spec":{"template":{"spec":{"serviceAccountName":"argo-rollouts"}}}}}})";
  World world(metrics(metric));
  world.options.jobs.own_account = {"shop", "argo-rollouts"};
  world.step(0);
  EXPECT_TRUE(world.jobs.empty());
  ASSERT_EQ(world.result(0).measurements.size(), 1U);
  EXPECT_EQ(world.result(0).measurements[0].phase, AnalysisPhase::Error);
  EXPECT_NE(world.result(0).measurements[0].message.find("is the controller's own"),
            std::string::npos);
  // The controller in a namespace of its own has nothing to refuse here.
  World apart(metrics(metric));
  apart.options.jobs.own_account = {"argo-rollouts", "argo-rollouts"};
  apart.step(0);
  EXPECT_EQ(apart.jobs.size(), 1U);
}

}  // namespace
}  // namespace sluice::analysisrun
