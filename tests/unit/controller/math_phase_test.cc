// Controller and client phase (rollout.md §7.4, §7.5).
#include <gtest/gtest.h>

#include "controller/rollout/conditions.h"
#include "controller/rollout/phase.h"
#include "tests/unit/controller/math_given.h"

namespace sluice::rollout {
namespace {

using given::at;

api::Rollout healthy_canary() {
  api::Rollout rollout;
  rollout.meta.generation = 2;
  rollout.spec.replicas = 2;
  rollout.spec.canary = given::canary({});
  auto& status = rollout.status;
  status.observed_generation = "2";
  status.stable_rs = status.current_pod_hash = "a";
  status.replicas = status.updated_replicas = status.available_replicas = 2;
  return rollout;
}

api::Rollout healthy_blue_green() {
  auto rollout = healthy_canary();
  rollout.spec.canary.reset();
  rollout.spec.blue_green.emplace();
  rollout.status.blue_green.active_selector = "a";
  return rollout;
}

template <class Change>
Phase phase_of(api::Rollout rollout, Change change) {
  change(rollout);
  return controller_phase(rollout.spec, rollout.status, at(0));
}

TEST(ControllerPhase, of_a_canary_takes_the_first_row_that_matches) {
  const auto of = [](auto change) { return phase_of(healthy_canary(), change); };
  EXPECT_EQ(of([](auto&) {}), (Phase{"Healthy", ""}));
  EXPECT_EQ(of([](auto& r) { r.spec.paused = true; }), (Phase{"Paused", "manually paused"}));
  EXPECT_EQ(of([](auto& r) {
              r.status.pause_conditions = {{"CanaryPauseStep", at(0)}, {"Other", at(0)}};
            }),
            (Phase{"Paused", "CanaryPauseStep"}));
  EXPECT_EQ(of([](auto& r) { r.status.updated_replicas = 1; }),
            (Phase{"Progressing", "more replicas need to be updated"}));
  EXPECT_EQ(of([](auto& r) { r.status.available_replicas = 1; }),
            (Phase{"Progressing", "updated replicas are still becoming available"}));
  EXPECT_EQ(of([](auto& r) { r.status.replicas = 3; }),
            (Phase{"Progressing", "old replicas are pending termination"}));
  EXPECT_EQ(of([](auto& r) { r.status.stable_rs = "b"; }),
            (Phase{"Progressing", "waiting for all steps to complete"}));
  EXPECT_EQ(of([](auto& r) { r.status.stable_rs = r.status.current_pod_hash = ""; }),
            (Phase{"Progressing", "waiting for all steps to complete"}));
  // An old stack in its delay does not keep a routed canary from being Healthy.
  EXPECT_EQ(of([](auto& r) {
              r.spec.canary->traffic_routing.emplace();
              r.status.replicas = 4;
            }),
            (Phase{"Healthy", ""}));
  EXPECT_EQ(of([](auto& r) {
              r.spec.replicas = 0;
              r.status.replicas = r.status.updated_replicas = r.status.available_replicas = 0;
            }),
            (Phase{"Healthy", ""}));
}

TEST(ControllerPhase, of_blue_green_waits_for_cut_over_and_verification) {
  const auto of = [](auto change) { return phase_of(healthy_blue_green(), change); };
  EXPECT_EQ(of([](auto&) {}), (Phase{"Healthy", ""}));
  EXPECT_EQ(of([](auto& r) { r.status.blue_green.active_selector = "b"; }),
            (Phase{"Progressing", "active service cutover pending"}));
  EXPECT_EQ(of([](auto& r) { r.status.blue_green.active_selector = ""; }),
            (Phase{"Progressing", "active service cutover pending"}));
  EXPECT_EQ(of([](auto& r) { r.status.stable_rs = ""; }),
            (Phase{"Progressing", "waiting for post-promotion verification to complete"}));
  const auto analysing = [](auto& r, std::optional<api::RunStatusRef> run) {
    r.status.stable_rs = "b";
    r.spec.blue_green->post_promotion_analysis.emplace();
    r.status.blue_green.post_promotion_run = std::move(run);
  };
  EXPECT_EQ(of([&](auto& r) { analysing(r, std::nullopt); }),
            (Phase{"Progressing", "waiting for analysis to complete"}));
  EXPECT_EQ(
      of([&](auto& r) { analysing(r, api::RunStatusRef{"x", api::AnalysisPhase::Running, ""}); }),
      (Phase{"Progressing", "waiting for analysis to complete"}));
  EXPECT_EQ(of([&](auto& r) {
              analysing(r, api::RunStatusRef{"x", api::AnalysisPhase::Successful, ""});
            }),
            (Phase{"Progressing", "waiting for post-promotion verification to complete"}));
}

TEST(ControllerPhase, takes_the_first_degraded_condition_in_list_order) {
  const auto invalid = make_condition("InvalidSpec", "True", "InvalidSpec", "bad spec");
  const auto aborted = make_condition("Progressing", "False", "RolloutAborted", "aborted");
  const auto late = make_condition("Progressing", "False", "ProgressDeadlineExceeded", "late");
  const auto of = [](Conditions list) {
    return phase_of(healthy_canary(), [&](auto& r) {
      r.spec.paused = true;
      r.status.conditions = std::move(list);
    });
  };
  EXPECT_EQ(of({invalid, aborted}), (Phase{"Degraded", "InvalidSpec: bad spec"}));
  EXPECT_EQ(of({aborted, invalid}), (Phase{"Degraded", "RolloutAborted: aborted"}));
  EXPECT_EQ(of({late}), (Phase{"Degraded", "ProgressDeadlineExceeded: late"}));
}

TEST(ControllerPhase, counts_a_restart_only_when_it_is_due) {
  const auto of = [](std::int64_t due, std::optional<WallTime> done) {
    return phase_of(healthy_canary(), [&](auto& r) {
      r.spec.restart_at = at(due);
      r.status.restarted_at = done;
    });
  };
  EXPECT_EQ(of(-1, std::nullopt), (Phase{"Progressing", "rollout is restarting"}));
  EXPECT_EQ(of(0, at(-100)), (Phase{"Progressing", "rollout is restarting"}));
  EXPECT_EQ(of(-1, at(-1)), (Phase{"Healthy", ""}));
  EXPECT_EQ(of(86400, std::nullopt), (Phase{"Healthy", ""}));
}

TEST(ClientPhase, waits_for_the_generation_to_be_observed) {
  auto rollout = healthy_canary();
  rollout.status.phase = "Paused";
  rollout.status.message = "why";
  EXPECT_EQ(client_phase(rollout, at(0)), (Phase{"Paused", "why"}));
  rollout.meta.generation = 3;
  EXPECT_EQ(client_phase(rollout, at(0)),
            (Phase{"Progressing", "waiting for rollout spec update to be observed"}));
  for (const char* text : {"9", "5d5c7b", ""}) {
    rollout.status.observed_generation = text;
    EXPECT_EQ(client_phase(rollout, at(0)), (Phase{"Paused", "why"})) << text;
  }
}

TEST(ClientPhase, waits_for_the_unpause_to_be_seen) {
  auto rollout = healthy_canary();
  rollout.status.phase = "Paused";
  rollout.status.controller_pause = true;
  EXPECT_EQ(client_phase(rollout, at(0)), (Phase{"Progressing", "waiting for rollout to unpause"}));
  rollout.status.pause_conditions = {{"CanaryPauseStep", at(0)}};
  EXPECT_EQ(client_phase(rollout, at(0)), (Phase{"Paused", ""}));
}

TEST(ClientPhase, waits_for_the_referenced_workload) {
  auto rollout = healthy_canary();
  rollout.status.phase = "Healthy";
  rollout.meta.annotations["rollout.argoproj.io/workload-generation"] = "4";
  rollout.status.workload_observed_generation = "3";
  EXPECT_EQ(client_phase(rollout, at(0)), (Phase{"Healthy", ""}));  // no workloadRef
  rollout.spec.workload_ref_json = "{}";
  EXPECT_EQ(client_phase(rollout, at(0)),
            (Phase{"Progressing",
                   "waiting for rollout spec update to be observed for the reference workload"}));
  rollout.status.workload_observed_generation = "4";
  EXPECT_EQ(client_phase(rollout, at(0)), (Phase{"Healthy", ""}));
  rollout.status.workload_observed_generation = "3";
  rollout.meta.annotations.clear();
  EXPECT_EQ(client_phase(rollout, at(0)), (Phase{"Healthy", ""}));
}

TEST(ClientPhase, is_computed_when_the_object_has_none) {
  auto rollout = healthy_canary();
  EXPECT_EQ(client_phase(rollout, at(0)), (Phase{"Healthy", ""}));
  rollout.status.updated_replicas = 0;
  EXPECT_EQ(client_phase(rollout, at(0)),
            (Phase{"Progressing", "more replicas need to be updated"}));
}

}  // namespace
}  // namespace sluice::rollout
