// The phase that every client shows (clients.md §1.9): a row of the table each.
#include <gtest/gtest.h>

#include <functional>

#include "controller/rollout/conditions.h"
#include "controller/rollout/phase.h"
#include "tests/unit/controller/math_given.h"

namespace sluice::rollout {
namespace {

using given::at;

constexpr const char* kNotObserved = "waiting for rollout spec update to be observed";
constexpr const char* kWorkload =
    "waiting for rollout spec update to be observed for the reference workload";

api::Rollout audited_canary() {
  api::Rollout rollout;
  rollout.meta.generation = 5;
  rollout.spec.replicas = 2;
  rollout.spec.canary = given::canary({});
  auto& status = rollout.status;
  status.observed_generation = "5";
  status.stable_rs = status.current_pod_hash = "a";
  status.replicas = status.updated_replicas = status.available_replicas = 2;
  return rollout;
}
void make_blue_green(api::Rollout& rollout) {
  rollout.spec.canary.reset();
  rollout.spec.blue_green.emplace();
  rollout.status.blue_green.active_selector = "a";
}
void refer_to_workload(api::Rollout& rollout, const char* annotation, const char* observed) {
  rollout.spec.workload_ref_json = "{}";
  if (*annotation) rollout.meta.annotations["rollout.argoproj.io/workload-generation"] = annotation;
  rollout.status.workload_observed_generation = observed;
  rollout.status.phase = "Healthy";
}

TEST(AuditClientPhase, is_the_first_row_of_the_table_that_matches) {
  struct Row {
    const char* point;
    std::function<void(api::Rollout&)> change;
    Phase want;
  };
  using R = api::Rollout;
  const std::vector<Row> rows{
      {"1", [](R& r) { r.status.observed_generation = "4"; }, {"Progressing", kNotObserved}},
      {"1 not for numbers ahead",
       [](R& r) {
         r.status.observed_generation = "6";
         r.status.phase = "Paused";
       },
       {"Paused", ""}},
      {"1 not for hashes",
       [](R& r) {
         r.status.observed_generation = "58c79f";
         r.status.phase = "Paused";
       },
       {"Paused", ""}},
      {"2",
       [](R& r) {
         r.status.controller_pause = true;
         r.status.phase = "Paused";
       },
       {"Progressing", "waiting for rollout to unpause"}},
      {"3 behind", [](R& r) { refer_to_workload(r, "4", "3"); }, {"Progressing", kWorkload}},
      {"3 ahead", [](R& r) { refer_to_workload(r, "3", "4"); }, {"Progressing", kWorkload}},
      {"3 equal as numbers", [](R& r) { refer_to_workload(r, "04", "4"); }, {"Healthy", ""}},
      {"3 skipped: the annotation is no integer",
       [](R& r) { refer_to_workload(r, "new", "3"); },
       {"Healthy", ""}},
      {"3 skipped: the status is no integer",
       [](R& r) { refer_to_workload(r, "4", "x"); },
       {"Healthy", ""}},
      {"3 skipped: nothing observed", [](R& r) { refer_to_workload(r, "4", ""); }, {"Healthy", ""}},
      {"3 skipped: no annotation", [](R& r) { refer_to_workload(r, "", "4"); }, {"Healthy", ""}},
      {"4",
       [](R& r) {
         r.status.phase = "Degraded";
         r.status.message = "why";
         r.spec.paused = true;
       },
       {"Degraded", "why"}},
      {"5",
       [](R& r) {
         r.status.conditions = {make_condition("InvalidSpec", "True", "InvalidSpec", "bad")};
       },
       {"Degraded", "InvalidSpec: bad"}},
      {"6 aborted",
       [](R& r) {
         r.status.conditions = {make_condition("Progressing", "False", "RolloutAborted", "x")};
       },
       {"Degraded", "RolloutAborted: x"}},
      {"6 deadline",
       [](R& r) {
         r.status.conditions = {
             make_condition("Progressing", "False", "ProgressDeadlineExceeded", "x")};
       },
       {"Degraded", "ProgressDeadlineExceeded: x"}},
      {"7", [](R& r) { r.spec.paused = true; }, {"Paused", "manually paused"}},
      {"8",
       [](R& r) {
         r.status.pause_conditions = {{"InconclusiveAnalysisRun", at(0)}};
       },
       {"Paused", "InconclusiveAnalysisRun"}},
      {"9 due", [](R& r) { r.spec.restart_at = at(-5); }, {"Progressing", "rollout is restarting"}},
      {"9 tomorrow, too",
       [](R& r) { r.spec.restart_at = at(86400); },
       {"Progressing", "rollout is restarting"}},
      {"9 done", [](R& r) { r.spec.restart_at = r.status.restarted_at = at(-5); }, {"Healthy", ""}},
      {"10",
       [](R& r) { r.status.updated_replicas = 1; },
       {"Progressing", "more replicas need to be updated"}},
      {"11",
       [](R& r) { r.status.available_replicas = 1; },
       {"Progressing", "updated replicas are still becoming available"}},
      {"12",
       [](R& r) {
         make_blue_green(r);
         r.status.blue_green.active_selector = "b";
       },
       {"Progressing", "active service cutover pending"}},
      {"13",
       [](R& r) {
         make_blue_green(r);
         r.status.stable_rs = "b";
         r.spec.blue_green->post_promotion_analysis.emplace();
       },
       {"Progressing", "waiting for analysis to complete"}},
      {"14",
       [](R& r) {
         make_blue_green(r);
         r.status.stable_rs = "b";
       },
       {"Progressing", "waiting for post-promotion verification to complete"}},
      {"15",
       [](R& r) { r.status.replicas = 3; },
       {"Progressing", "old replicas are pending termination"}},
      {"16",
       [](R& r) { r.status.stable_rs = ""; },
       {"Progressing", "waiting for all steps to complete"}},
      {"17", [](R&) {}, {"Healthy", ""}},
  };
  for (const auto& row : rows) {
    auto rollout = audited_canary();
    row.change(rollout);
    const auto got = client_phase(rollout, at(0));
    EXPECT_EQ(got, row.want) << row.point << ": " << got.phase << " " << got.message;
  }
}

}  // namespace
}  // namespace sluice::rollout
