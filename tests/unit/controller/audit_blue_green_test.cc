// What people do to a blue/green rollout (rollout.md §4, §5.3, §9.8).
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::Contains;
using testing::IsEmpty;

constexpr std::string_view kManual = R"({"autoPromotionEnabled":false})";

std::string deadline(Cluster& c, const std::string& set) {
  return c.annotation("ReplicaSet", set, api::kScaleDownDeadlineAnnotation);
}
Cluster waiting(std::string_view more = kManual, int replicas = 2) {
  auto c = blue_green(replicas, more);
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.phase(), "Paused") << c.status().dump(1);
  return c;
}

TEST(AuditBlueGreen, counts_of_a_small_preview_are_those_of_the_table) {
  auto c = waiting(R"({"autoPromotionEnabled":false,"previewReplicaCount":1})");
  const auto counts = [&] {
    std::vector<std::int64_t> out;
    for (const auto* key :
         {"replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "HPAReplicas"})
      out.push_back(kube::get_int(c.status(), key));
    return out;
  };
  EXPECT_EQ(counts(), (std::vector<std::int64_t>{3, 1, 2, 2, 2}));
  EXPECT_EQ(kube::get_string(c.status(), "selector"),
            "app=web,rollouts-pod-template-hash=" + c.stable_hash());
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  EXPECT_EQ(counts(), (std::vector<std::int64_t>{4, 2, 2, 2, 2}));
  EXPECT_EQ(kube::get_string(c.status(), "selector"),
            "app=web,rollouts-pod-template-hash=" + c.current_hash());
}

TEST(AuditBlueGreen, automatic_promotion_off_makes_the_seconds_a_mere_alarm) {
  auto c = waiting(R"({"autoPromotionEnabled":false,"autoPromotionSeconds":30})");
  const auto old = c.stable_hash();
  c.pass();
  EXPECT_TRUE(c.wake_at);
  c.run_for(Seconds{300});
  EXPECT_EQ(c.selected("web-active"), old);
  EXPECT_EQ(c.message(), "BlueGreenPause");
}

TEST(AuditBlueGreen, automatic_promotion_comes_strictly_behind_its_seconds) {
  auto c = waiting(R"({"autoPromotionSeconds":60})");
  const auto old = c.stable_hash();
  const auto end =
      *parse_rfc3339(kube::get_string(c.status()["pauseConditions"][0], "startTime")) + Seconds{60};
  c.pass();
  EXPECT_EQ(c.wake_at, end + Micros{1});
  c.now = end;
  c.settle();
  EXPECT_EQ(c.selected("web-active"), old);
  c.now = end + Micros{1};
  c.settle();
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
}

TEST(AuditBlueGreen, the_timer_goes_on_over_scaling) {
  auto c = waiting(R"({"autoPromotionSeconds":600})");
  const auto start = c.status()["pauseConditions"][0]["startTime"];
  c.now += Seconds{100};
  c.edit_rollout(R"({"spec":{"replicas":4}})");
  c.run();
  EXPECT_EQ(c.status()["pauseConditions"][0]["startTime"], start);
  EXPECT_EQ(c.size(new_set(c)), 4);
  EXPECT_EQ(c.size("web-" + c.stable_hash()), 4);
}

TEST(AuditBlueGreen, a_person_s_pause_holds_services_but_not_sizes) {
  auto c = blue_green(2);
  const auto old = c.current_hash();
  c.edit_rollout(R"({"spec":{"paused":true}})");
  c.run();
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 2);
  EXPECT_EQ(c.selected("web-preview"), old);
  EXPECT_EQ(c.selected("web-active"), old);
  EXPECT_EQ(c.message(), "manually paused");
  c.edit_rollout(R"({"spec":{"paused":false}})");
  c.run();
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
  EXPECT_EQ(c.selected("web-preview"), c.current_hash());
}

TEST(AuditBlueGreen, without_a_preview_service_all_else_is_the_same) {
  Cluster c;
  c.put(service("web-active"));
  c.put(rollout(
      2, json(R"({"blueGreen":{"activeService":"web-active","autoPromotionEnabled":false}})")));
  c.run();
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.message(), "BlueGreenPause");
  EXPECT_FALSE(c.status()["blueGreen"].contains("previewSelector"));
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy");
  EXPECT_EQ(c.condition("Healthy")["status"], "True");
}

TEST(AuditBlueGreen, back_to_stable_before_the_switch_is_fast_tracked) {
  auto c = waiting();
  const auto stable = c.stable_hash();
  const auto second = new_set(c);
  c.set_image("web:1");
  c.run();
  EXPECT_EQ(c.selected("web-active"), stable);
  EXPECT_EQ(c.selected("web-preview"), stable);
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_NE(deadline(c, second), "");
  c.run_for(Seconds{31});
  EXPECT_EQ(c.size(second), 0);
}

TEST(AuditBlueGreen, versions_in_quick_succession_never_reach_production_unasked) {
  auto c = waiting();
  const auto stable = c.stable_hash();
  for (const auto* image : {"web:3", "web:4", "web:2"}) {
    c.set_image(image);
    c.pass();
    c.sync_pods();
    c.pass();
    EXPECT_EQ(c.selected("web-active"), stable);
    EXPECT_EQ(c.selected("web-preview"), c.current_hash());
    EXPECT_EQ(c.size("web-" + stable), 2);
  }
  c.run();
  EXPECT_EQ(c.message(), "BlueGreenPause");
  c.run_for(Seconds{60});
  for (auto& [name, set] : c.objects["ReplicaSet"])
    if (name != new_set(c) && name != "web-" + stable) {
      EXPECT_EQ(kube::get_int(set, "spec.replicas"), 0) << name;
    }
}

// Before the switch there is nothing that post-promotion analysis could judge.
TEST(AuditBlueGreen, a_version_between_goes_though_post_promotion_analysis_is_to_come) {
  auto c = waiting(
      R"({"autoPromotionEnabled":false,"postPromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
  const auto between = new_set(c);
  c.set_image("web:3");
  c.run();
  EXPECT_NE(deadline(c, between), "") << c.status().dump(1);
  c.run_for(Seconds{31});
  EXPECT_EQ(c.size(between), 0);
}

TEST(AuditBlueGreen, a_version_between_stays_while_post_promotion_analysis_runs) {
  auto c = waiting(
      R"({"autoPromotionEnabled":false,"postPromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
  const auto between = new_set(c);
  c.set_image("web:3");
  c.run();
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  const auto run = "web-" + c.current_hash() + "-3-post";
  ASSERT_TRUE(c.has("AnalysisRun", run)) << c.status().dump(1);
  c.run_for(Seconds{120});
  EXPECT_EQ(c.size(between), 2);
  EXPECT_EQ(c.message(), "waiting for analysis to complete");
  c.set_run(run, "Successful");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy");
  c.run_for(Seconds{31});
  EXPECT_EQ(c.size(between), 0);
}

TEST(AuditBlueGreen, the_delay_of_an_abort_is_that_of_the_table) {
  struct Row {
    const char* more;
    int seconds;
  };
  for (const auto& row :
       std::vector<Row>{{R"({"autoPromotionEnabled":false})", 30},
                        {R"({"autoPromotionEnabled":false,"abortScaleDownDelaySeconds":0})", -1},
                        {R"({"autoPromotionEnabled":false,"abortScaleDownDelaySeconds":1,
                             "previewReplicaCount":1})",
                         1}}) {
    SCOPED_TRACE(row.more);
    auto c = waiting(row.more);
    const auto size = c.size(new_set(c));
    patch_status(c, R"({"abort":true})");
    c.settle();
    EXPECT_EQ(c.phase(), "Degraded");
    EXPECT_EQ(c.message(), "RolloutAborted: Rollout aborted update to revision 2");
    EXPECT_EQ(c.selected("web-preview"), c.current_hash());
    EXPECT_EQ(c.size(new_set(c)), size);
    if (row.seconds < 0) {
      c.now += Seconds{86400};
      c.settle();
      EXPECT_EQ(c.size(new_set(c)), size);
      EXPECT_EQ(deadline(c, new_set(c)), "");
      continue;
    }
    EXPECT_EQ(deadline(c, new_set(c)), format_rfc3339(c.now + Seconds{row.seconds}));
    c.now += Seconds{row.seconds};
    c.settle();
    EXPECT_EQ(c.size(new_set(c)), 0);
    EXPECT_NE(deadline(c, new_set(c)), "") << "it stays while the abort is in force";
    c.set_image("web:3");
    c.run();
    EXPECT_EQ(c.message(), "BlueGreenPause") << "a new version clears the abort";
  }
}

TEST(AuditBlueGreen, the_abort_waits_with_its_deadline_until_stable_is_whole) {
  auto c = waiting(R"({"autoPromotionEnabled":false,"abortScaleDownDelaySeconds":10})");
  c.pods("web-" + c.stable_hash(), 1, 2);
  patch_status(c, R"({"abort":true})");
  c.settle();
  EXPECT_EQ(deadline(c, new_set(c)), "");
  c.sync_pods();
  c.settle();
  EXPECT_NE(deadline(c, new_set(c)), "");
}

TEST(AuditBlueGreen, a_retry_pauses_again) {
  auto c = waiting();
  patch_status(c, R"({"abort":true})");
  c.run_for(Seconds{60});
  ASSERT_EQ(c.size(new_set(c)), 0);
  patch_status(c, R"({"abort":false})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 2);
  EXPECT_EQ(c.message(), "BlueGreenPause");
  EXPECT_EQ(deadline(c, new_set(c)), "");
  EXPECT_NE(c.selected("web-active"), c.current_hash());
}

TEST(AuditBlueGreen, an_abort_wins_over_a_pending_promote_full) {
  auto c = waiting(R"({"autoPromotionEnabled":false,"previewReplicaCount":1})");
  const auto old = c.stable_hash();
  patch_status(c, R"({"promoteFull":true})");
  c.pass();
  patch_status(c, R"({"abort":true})");
  c.run();
  EXPECT_EQ(c.phase(), "Degraded") << c.status().dump(1);
  EXPECT_EQ(c.selected("web-active"), old);
  EXPECT_FALSE(c.status().contains("promoteFull"));
}

TEST(AuditBlueGreen, promote_full_ends_its_analysis_and_says_why) {
  auto c = blue_green(2, R"({"prePromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
  c.set_image("web:2");
  c.run();
  const auto run = "web-" + c.current_hash() + "-2-pre";
  ASSERT_TRUE(c.has("AnalysisRun", run));
  patch_status(c, R"({"promoteFull":true})");
  c.run();
  EXPECT_TRUE(kube::get_bool(c.get("AnalysisRun", run), "spec.terminate"));
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
  EXPECT_THAT(c.events, Contains("RolloutCompleted: Rollout completed update to revision 2 (" +
                                 c.current_hash() + "): Full promotion requested"));
}

TEST(AuditBlueGreen, a_delay_of_zero_takes_the_old_set_at_once) {
  for (const auto* more :
       {R"({"scaleDownDelaySeconds":0})", R"({"scaleDownDelayRevisionLimit":0})"}) {
    auto c = blue_green(2, more);
    const auto old = new_set(c);
    c.set_image("web:2");
    c.run();
    EXPECT_EQ(c.phase(), "Healthy") << more;
    EXPECT_EQ(c.size(old), 0) << more;
    EXPECT_EQ(deadline(c, old), "") << more;
  }
}

TEST(AuditBlueGreen, one_delayed_revision_is_kept_and_loses_its_deadline_when_it_returns) {
  auto c = blue_green(1, R"({"scaleDownDelaySeconds":86400,"scaleDownDelayRevisionLimit":1})");
  const auto first = new_set(c);
  c.now += Seconds{2};
  c.set_image("web:2");
  c.run();
  const auto second = new_set(c);
  c.now += Seconds{2};
  c.set_image("web:3");
  c.run();
  const auto third = new_set(c);
  EXPECT_EQ(c.size(first), 0);
  EXPECT_EQ(deadline(c, first), "");
  EXPECT_EQ(c.size(second), 1);
  EXPECT_NE(deadline(c, second), "");
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(new_set(c), second);
  EXPECT_EQ(deadline(c, second), "");
  EXPECT_NE(deadline(c, third), "");
  EXPECT_EQ(c.annotation("ReplicaSet", second, api::kRevisionAnnotation), "4");
}

TEST(AuditBlueGreen, scaled_to_zero_and_up_again) {
  auto c = blue_green(2, R"({"scaleDownDelaySeconds":86400})");
  const auto old = new_set(c);
  c.set_image("web:2");
  c.run();
  ASSERT_NE(deadline(c, old), "");
  c.edit_rollout(R"({"spec":{"replicas":0}})");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.message();
  EXPECT_EQ(c.size(new_set(c)), 0);
  EXPECT_EQ(c.size(old), 0);
  EXPECT_EQ(deadline(c, old), "");
  c.edit_rollout(R"({"spec":{"replicas":3}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 3);
  EXPECT_EQ(c.size(old), 0);
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(AuditBlueGreen, template_and_replicas_changed_together) {
  auto c = blue_green(2, kManual);
  c.rollout()["spec"]["replicas"] = 5;
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 5);
  EXPECT_EQ(c.size("web-" + c.stable_hash()), 5);
  EXPECT_EQ(c.message(), "BlueGreenPause");
}

TEST(AuditBlueGreen, the_phase_says_what_it_waits_for) {
  auto c = blue_green(2, R"({"postPromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
  c.set_image("web:2");
  c.settle();
  EXPECT_EQ(c.message(), "more replicas need to be updated");
  c.sync_pods(false);
  c.now += Seconds{4};
  c.settle();
  EXPECT_EQ(c.message(), "active service cutover pending");
  c.run();
  EXPECT_EQ(c.message(), "waiting for analysis to complete");
  EXPECT_EQ(c.condition("Completed")["status"], "False");
  c.set_run("web-" + c.current_hash() + "-2-post", "Successful");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy");
  EXPECT_THAT(c.events, Contains("RolloutCompleted: Rollout completed update to revision 2 (" +
                                 c.current_hash() + "): Completed blue-green update"));
  EXPECT_EQ(c.condition("Completed")["status"], "True");
}

TEST(AuditBlueGreen, an_initial_deploy_knows_its_stable_before_production_is_switched) {
  Cluster c;
  c.put(service("web-active"));
  c.put(service("web-preview"));
  c.put(rollout(
      2, json(R"({"blueGreen":{"activeService":"web-active","previewService":"web-preview"}})")));
  c.settle();
  EXPECT_EQ(c.stable_hash(), c.current_hash());
  EXPECT_EQ(c.selected("web-active"), "");
  EXPECT_EQ(kube::get_string(c.status(), "selector"), "app=web");
  EXPECT_THAT(c.events, Contains("RolloutCompleted: Rollout completed update to revision 1 (" +
                                 c.current_hash() + "): Initial deploy"));
  c.run();
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
  EXPECT_EQ(c.phase(), "Healthy");
}

}  // namespace
}  // namespace sluice::rollout::test
