// Whole blue/green rollouts against the cluster in memory (rollout.md §4, §9.8, and the analysis of
// both strategies §9.7).
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::ElementsAre;

TEST(RolloutBlueGreen, an_initial_deploy_switches_when_saturated_without_pause_or_analysis) {
  auto c = blue_green(
      2,
      R"({"autoPromotionEnabled":false,"prePromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
  EXPECT_EQ(c.selected("web-preview"), c.current_hash());
  EXPECT_TRUE(c.objects["AnalysisRun"].empty());
}

TEST(RolloutBlueGreen, automatic_promotion_switches_and_scales_the_old_set_down_later) {
  auto c = blue_green(2);
  const auto old = new_set(c);
  c.set_image("web:2");
  c.settle();
  EXPECT_EQ(c.selected("web-preview"), c.current_hash());
  EXPECT_NE(c.selected("web-active"), c.current_hash());
  c.run();
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
  EXPECT_EQ(c.phase(), "Healthy");
  EXPECT_EQ(c.size(old), 2);
  c.run_for(Seconds{31});
  EXPECT_EQ(c.size(old), 0);
}

TEST(RolloutBlueGreen, manual_promotion_waits_and_undo_inside_the_delay_is_immediate) {
  auto c = blue_green(2, R"({"autoPromotionEnabled":false})");
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.message(), "BlueGreenPause");
  EXPECT_EQ(c.selected("web-active"), old);
  resume(c);
  c.run();
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
  c.set_image("web:1");
  c.settle();
  EXPECT_EQ(c.selected("web-active"), old);
  EXPECT_EQ(c.annotation("ReplicaSet", c.set_of(old), api::kScaleDownDeadlineAnnotation), "");
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
}

TEST(RolloutBlueGreen, undo_behind_the_delay_pauses_as_usual) {
  auto c = blue_green(2, R"({"autoPromotionEnabled":false,"scaleDownDelaySeconds":5})");
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.run();
  resume(c);
  c.run_for(Seconds{20});
  ASSERT_EQ(c.size(c.set_of(old)), 0);
  c.set_image("web:1");
  c.run();
  EXPECT_EQ(c.message(), "BlueGreenPause");
  EXPECT_NE(c.selected("web-active"), old);
}

TEST(RolloutBlueGreen, a_timed_promotion_happens_in_time_and_a_resume_counts_as_done) {
  auto c = blue_green(1, R"({"autoPromotionSeconds":60})");
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.phase(), "Paused");
  ASSERT_TRUE(c.wake_at);
  auto by_hand = c;
  c.run_for(Seconds{70});
  EXPECT_EQ(c.phase(), "Healthy");
  resume(by_hand);
  by_hand.run();
  EXPECT_EQ(by_hand.phase(), "Healthy") << by_hand.status().dump(1);
}

TEST(RolloutBlueGreen, time_does_not_promote_while_a_person_pauses) {
  auto c = blue_green(1, R"({"autoPromotionSeconds":10})");
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.run();
  c.edit_rollout(R"({"spec":{"paused":true}})");
  c.run_for(Seconds{60});
  EXPECT_EQ(c.selected("web-active"), old);
}

TEST(RolloutBlueGreen, a_second_update_takes_the_preview_and_the_one_between_gets_a_deadline) {
  auto c = blue_green(1, R"({"autoPromotionEnabled":false})");
  c.set_image("web:2");
  c.run();
  const auto between = new_set(c);
  c.now += Seconds{60};
  c.set_image("web:3");
  c.run();
  EXPECT_EQ(c.selected("web-preview"), c.current_hash());
  EXPECT_NE(c.annotation("ReplicaSet", between, api::kScaleDownDeadlineAnnotation), "");
  EXPECT_EQ(c.phase(), "Paused");
}

TEST(RolloutBlueGreen, a_small_preview_grows_before_it_becomes_active) {
  auto c = blue_green(2, R"({"autoPromotionEnabled":false,"previewReplicaCount":1})");
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 1);
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_EQ(c.status()["replicas"], 3);
  EXPECT_EQ(c.status()["availableReplicas"], 2);
  resume(c);
  c.settle();
  EXPECT_EQ(c.size(new_set(c)), 2) << c.status().dump(1);
  EXPECT_EQ(c.selected("web-active"), old);
  c.run();
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
}

TEST(RolloutBlueGreen, the_check_point_of_one_update_does_not_leak_into_the_next) {
  auto c = blue_green(2, R"({"autoPromotionEnabled":false,"previewReplicaCount":1})");
  c.set_image("web:2");
  c.run();
  resume(c);
  c.settle();
  ASSERT_TRUE(kube::get_bool(c.status(), "blueGreen.scaleUpPreviewCheckPoint"))
      << c.status().dump(1);
  c.set_image("web:3");
  c.run();
  EXPECT_FALSE(kube::get_bool(c.status(), "blueGreen.scaleUpPreviewCheckPoint"));
  EXPECT_EQ(c.size(new_set(c)), 1);
}

TEST(RolloutBlueGreen, replicas_change_while_a_small_preview_waits) {
  auto c = blue_green(1, R"({"autoPromotionEnabled":false,"previewReplicaCount":3})");
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.size(new_set(c)), 3);
  c.edit_rollout(R"({"spec":{"replicas":2}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 3);
  EXPECT_EQ(c.annotation("ReplicaSet", new_set(c), api::kDesiredReplicasAnnotation), "2");
}

TEST(RolloutBlueGreen, no_replicas_leave_a_healthy_rollout_healthy) {
  auto c = blue_green(2);
  c.edit_rollout(R"({"spec":{"replicas":0}})");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.size(new_set(c)), 0);
}

TEST(RolloutBlueGreen, promote_full_switches_as_soon_as_saturated) {
  auto c = blue_green(2, R"({"autoPromotionEnabled":false,"previewReplicaCount":1})");
  c.set_image("web:2");
  c.run();
  c.edit_rollout(R"({"status":{"promoteFull":true}})");
  c.run();
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(RolloutBlueGreen, an_abort_before_the_switch_takes_the_preview_down_after_its_delay) {
  auto c = blue_green(2, R"({"autoPromotionEnabled":false,"abortScaleDownDelaySeconds":1})");
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.run();
  abort_it(c);
  c.run_for(Seconds{5});
  EXPECT_EQ(c.size(new_set(c)), 0);
  EXPECT_EQ(c.selected("web-active"), old);
  EXPECT_EQ(c.phase(), "Degraded");
}

TEST(RolloutBlueGreen,
     an_abort_behind_the_switch_returns_to_stable_though_the_new_version_is_broken) {
  auto c = blue_green(2, R"({"postPromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.selected("web-active"), c.current_hash());
  const auto run = "web-" + c.current_hash() + "-2-post";
  ASSERT_TRUE(c.has("AnalysisRun", run)) << c.status().dump(1);
  EXPECT_EQ(c.stable_hash(), old);
  c.pods(new_set(c), 0);
  c.set_run(run, "Failed", "broken");
  const auto before = c.sent.size();
  c.pass();
  EXPECT_THAT(c.purposes(before), ElementsAre("SwitchService", "PatchStatus"));
  EXPECT_EQ(c.selected("web-active"), old);
}

TEST(RolloutBlueGreen, a_controller_that_died_behind_the_switch_back_finishes_the_abort) {
  auto c = blue_green(2, R"({"postPromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.run();
  const auto run = "web-" + c.current_hash() + "-2-post";
  c.set_run(run, "Failed", "broken");
  c.crash_at = static_cast<int>(c.sent.size()) + 1;
  c.pass();
  ASSERT_EQ(c.selected("web-active"), old);
  c.get("AnalysisRun", run)["status"] = json(R"({"phase":"Running"})");
  c.run();
  EXPECT_EQ(c.phase(), "Degraded") << c.status().dump(1);
  EXPECT_EQ(c.selected("web-active"), old);
  c.edit_rollout(R"({"status":{"abort":false}})");
  c.run();
  EXPECT_EQ(c.annotation("Service", "web-active", api::kAbortVerdictAnnotation), "");
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
}

TEST(RolloutBlueGreen, delayed_old_sets_follow_the_replicas) {
  auto c = blue_green(2, R"({"scaleDownDelaySeconds":3600})");
  const auto first = new_set(c);
  c.set_image("web:2");
  c.run();
  c.edit_rollout(R"({"spec":{"replicas":3}})");
  c.run();
  EXPECT_EQ(c.size(first), 3);
}

TEST(RolloutBlueGreen, the_revision_limit_counts_delayed_sets) {
  auto c = blue_green(1, R"({"scaleDownDelaySeconds":86400,"scaleDownDelayRevisionLimit":2})");
  std::vector<std::string> sets{new_set(c)};
  for (int i = 2; i <= 4; ++i) {
    c.now += Seconds{2};
    c.set_image("web:" + std::to_string(i));
    c.run();
    sets.push_back(new_set(c));
  }
  EXPECT_EQ(c.size(sets[0]), 0);
  EXPECT_EQ(c.size(sets[1]), 1);
  EXPECT_EQ(c.size(sets[2]), 1);
  c.edit_rollout(R"({"spec":{"strategy":{"blueGreen":{"scaleDownDelayRevisionLimit":1}}}})");
  c.run();
  EXPECT_EQ(c.size(sets[1]), 0);
}

// ---- the cases of rollout.md §9.7 ----
constexpr std::string_view kPre =
    R"({"prePromotionAnalysis":{"templates":[{"templateName":"once"}]}})";

TEST(RolloutAnalysisDriving,
     pre_promotion_analysis_holds_the_switch_and_losing_pods_does_not_end_it) {
  auto c = blue_green(2, kPre);
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.run();
  const auto run = "web-" + c.current_hash() + "-2-pre";
  ASSERT_TRUE(c.has("AnalysisRun", run));
  EXPECT_EQ(c.selected("web-active"), old);
  EXPECT_EQ(c.get("AnalysisRun", run)["metadata"]["labels"]["rollout-type"], "PrePromotion");
  c.pods(new_set(c), 1);
  c.settle();
  EXPECT_FALSE(kube::get_bool(c.get("AnalysisRun", run), "spec.terminate"));
  c.sync_pods();
  c.set_run(run, "Successful");
  c.run();
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
}

TEST(RolloutAnalysisDriving,
     an_inconclusive_pre_promotion_run_waits_and_a_resume_starts_a_fresh_one) {
  auto c = blue_green(2, kPre);
  c.set_image("web:2");
  c.run();
  const auto run = "web-" + c.current_hash() + "-2-pre";
  c.set_run(run, "Inconclusive");
  c.run();
  EXPECT_EQ(c.message(), "InconclusiveAnalysisRun");
  resume(c);
  c.run();
  EXPECT_TRUE(c.has("AnalysisRun", run + ".1"));
}

TEST(RolloutAnalysisDriving, the_pause_clock_starts_behind_the_pre_promotion_analysis) {
  auto c = blue_green(
      1,
      R"({"autoPromotionSeconds":60,"prePromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.phase(), "Progressing");
  c.now += Seconds{300};
  c.set_run("web-" + c.current_hash() + "-2-pre", "Successful");
  c.run();
  EXPECT_EQ(c.message(), "BlueGreenPause");
}

TEST(RolloutAnalysisDriving, the_old_set_keeps_its_pods_during_post_promotion_analysis) {
  auto c = blue_green(2, R"({"postPromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
  const auto old = new_set(c);
  c.set_image("web:2");
  c.run_for(Seconds{120});
  EXPECT_EQ(c.size(old), 2);
  EXPECT_EQ(c.annotation("ReplicaSet", old, api::kScaleDownDeadlineAnnotation), "");
}

TEST(RolloutAnalysisDriving, a_step_run_that_succeeds_completes_its_step) {
  auto c = nginx_canary(
      2, R"([{"setWeight":50},{"analysis":{"templates":[{"templateName":"once"}]}},{"pause":{}}])");
  c.set_image("web:2");
  c.run();
  const auto run = "web-" + c.current_hash() + "-2-1";
  ASSERT_TRUE(c.has("AnalysisRun", run));
  EXPECT_EQ(c.get("AnalysisRun", run)["metadata"]["labels"]["step-index"], "1");
  EXPECT_EQ(c.index(), 1);
  c.set_run(run, "Successful");
  c.run();
  EXPECT_EQ(c.index(), 2);
  EXPECT_FALSE(c.status()["canary"].contains("currentStepAnalysisRunStatus"));
}

TEST(RolloutAnalysisDriving,
     an_inconclusive_step_run_waits_and_a_resume_starts_a_run_with_a_suffix) {
  auto c =
      nginx_canary(2, R"([{"setWeight":50},{"analysis":{"templates":[{"templateName":"once"}]}}])");
  c.set_image("web:2");
  c.run();
  const auto run = "web-" + c.current_hash() + "-2-1";
  c.set_run(run, "Inconclusive");
  c.run();
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_EQ(c.message(), "InconclusiveAnalysisRun");
  resume(c);
  c.run();
  EXPECT_TRUE(c.has("AnalysisRun", run + ".1")) << c.status().dump(1);
  EXPECT_EQ(kube::get_string(c.status(), "canary.currentStepAnalysisRunStatus.name"), run + ".1");
}

TEST(RolloutAnalysisDriving,
     promoting_past_an_analysis_step_ends_its_run_and_starts_the_next_step_s) {
  auto c =
      nginx_canary(2, R"([{"setWeight":50},{"analysis":{"templates":[{"templateName":"once"}]}},
                              {"analysis":{"templates":[{"templateName":"once"}]}}])");
  c.set_image("web:2");
  c.run();
  const auto base = "web-" + c.current_hash() + "-2-";
  c.edit_rollout(R"({"status":{"currentStepIndex":2}})");
  c.run();
  EXPECT_TRUE(kube::get_bool(c.get("AnalysisRun", base + "1"), "spec.terminate"));
  EXPECT_TRUE(c.has("AnalysisRun", base + "2"));
  EXPECT_EQ(c.index(), 2);
}

TEST(RolloutAnalysisDriving,
     a_step_without_templates_completes_and_an_empty_background_block_is_none) {
  auto c = nginx_canary(2, R"([{"setWeight":50},{"analysis":{"templates":[]}},{"pause":{}}])",
                        R"({"analysis":{"templates":[]}})");
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.index(), 2) << c.status().dump(1);
  EXPECT_TRUE(c.objects["AnalysisRun"].empty());
}

TEST(RolloutAnalysisDriving, background_analysis_starts_at_its_step_and_ends_with_the_update) {
  auto c =
      nginx_canary(2, R"([{"setWeight":50},{"pause":{}},{"setWeight":100},{"pause":{}}])",
                   R"({"analysis":{"startingStep":2,"templates":[{"templateName":"endless"}]}})");
  c.set_image("web:2");
  c.run();
  EXPECT_TRUE(c.objects["AnalysisRun"].empty());
  resume(c);
  c.run();
  const auto run = "web-" + c.current_hash() + "-2";
  ASSERT_TRUE(c.has("AnalysisRun", run));
  c.set_run(run, "Running");
  resume(c);
  c.run();
  EXPECT_TRUE(kube::get_bool(c.get("AnalysisRun", run), "spec.terminate"));
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(RolloutAnalysisDriving,
     an_inconclusive_background_run_holds_promotion_and_is_not_replaced_during_a_pause) {
  auto c = nginx_canary(2, R"([{"setWeight":50},{"pause":{}}])",
                        R"({"analysis":{"templates":[{"templateName":"endless"}]}})");
  c.set_image("web:2");
  c.run();
  const auto run = "web-" + c.current_hash() + "-2";
  c.set_run(run, "Inconclusive");
  c.run();
  EXPECT_FALSE(c.has("AnalysisRun", run + ".1"));
  EXPECT_EQ(c.status()["pauseConditions"].size(), 2U);
  c.edit_rollout(R"({"status":{"currentStepIndex":2}})");
  c.run();
  EXPECT_NE(c.stable_hash(), c.current_hash());
  EXPECT_EQ(c.phase(), "Paused");
}

TEST(RolloutAnalysisDriving, a_basic_canary_records_a_failed_run_before_it_touches_pods) {
  auto c = nginx_canary(4, "", "{}");  // for its templates
  auto basic = Cluster();
  basic.put(analysis_template("endless"));
  basic.put(rollout(
      4,
      json(
          R"({"canary":{"steps":[{"setWeight":50},{"pause":{}}],"analysis":{"templates":[{"templateName":"endless"}]}}})")));
  basic.run();
  basic.set_image("web:2");
  basic.run();
  basic.set_run("web-" + basic.current_hash() + "-2", "Error", "prometheus is down");
  const auto before = basic.sent.size();
  basic.pass();
  EXPECT_THAT(basic.purposes(before), ElementsAre("PatchStatus"));
  basic.run();
  EXPECT_EQ(basic.size(new_set(basic)), 0);
  EXPECT_EQ(basic.message(),
            "RolloutAborted: Rollout aborted update to revision 2: Background analysis phase "
            "error/failed: prometheus is down");
}

TEST(RolloutAnalysisDriving, finished_runs_beyond_the_limits_are_deleted) {
  auto c = nginx_canary(1, R"([{"setWeight":50},{"pause":{}}])",
                        R"({"analysis":{"templates":[{"templateName":"endless"}]}})");
  c.edit_rollout(R"({"spec":{"analysis":{"successfulRunHistoryLimit":1}}})");
  for (int i = 2; i <= 4; ++i) {
    c.set_image("web:" + std::to_string(i));
    c.run();
    c.set_run("web-" + c.current_hash() + "-" + std::to_string(i), "Successful");
    c.now += Seconds{5};
    c.run();
  }
  c.set_image("web:5");
  c.run();
  EXPECT_LE(c.objects["AnalysisRun"].size(), 2U);
}

}  // namespace
}  // namespace sluice::rollout::test
