// What people do to a canary behind a router (rollout.md §3.5–§3.14, §5.3, §9.4).
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::Contains;
using testing::IsEmpty;

constexpr std::string_view kHalf = R"([{"setWeight":50},{"pause":{}}])";
constexpr std::string_view kTwoPauses =
    R"([{"setWeight":25},{"pause":{}},{"setWeight":75},{"pause":{}}])";

std::string deadline(Cluster& c, const std::string& set) {
  return c.annotation("ReplicaSet", set, api::kScaleDownDeadlineAnnotation);
}
Cluster at_pause(std::string_view steps, int replicas = 4, std::string_view more = "{}") {
  auto c = nginx_canary(replicas, steps, more);
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.phase(), "Paused") << c.status().dump(1);
  return c;
}

// ---- promote, undo, new versions
TEST(AuditRouted, promote_full_keeps_the_weight_until_all_pods_are_there) {
  auto c = at_pause(kHalf);
  const auto old = stable_set(c);
  patch_status(c, R"({"promoteFull":true})");
  c.settle();
  EXPECT_EQ(c.size(new_set(c)), 4);
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(c.index(), 2);
  EXPECT_EQ(c.selected("web-stable"), c.stable_hash());
  c.run();
  EXPECT_EQ(c.phase(), "Healthy");
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.selected("web-stable"), c.current_hash());
  EXPECT_EQ(c.size(old), 4);
  EXPECT_NE(deadline(c, old), "");
}

TEST(AuditRouted, promote_full_with_a_dynamic_stable_follows_the_pods) {
  auto c = at_pause(kHalf, 4, R"({"dynamicStableScale":true})");
  patch_status(c, R"({"promoteFull":true})");
  c.settle();
  const auto set = new_set(c);
  for (const int available : {2, 3, 4}) {
    c.pods(set, available, 4);
    c.settle();
    if (c.stable_hash() == c.current_hash()) break;
    EXPECT_LE(std::stoi(c.weight()), available * 25);
    EXPECT_GE(std::stoi(c.weight()), 50);
  }
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
}

TEST(AuditRouted, promote_full_without_replicas_divides_by_nothing) {
  for (const auto* more : {"{}", R"({"dynamicStableScale":true})"}) {
    auto c = at_pause(kHalf, 4, more);
    c.edit_rollout(R"({"spec":{"replicas":0},"status":{"promoteFull":true}})");
    c.run();
    EXPECT_EQ(c.stable_hash(), c.current_hash()) << more;
    EXPECT_EQ(c.phase(), "Healthy") << c.message();
  }
}

TEST(AuditRouted, an_update_at_zero_replicas_is_promoted_without_analysis) {
  for (const auto* more : {"{}", R"({"dynamicStableScale":true})"}) {
    SCOPED_TRACE(more);
    auto c = nginx_canary(
        0,
        R"([{"setWeight":50},{"analysis":{"templates":[{"templateName":"once"}]}},{"pause":{}}])",
        more);
    c.set_image("web:2");
    c.run();
    EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
    EXPECT_EQ(c.stable_hash(), c.current_hash());
    EXPECT_THAT(c.objects["AnalysisRun"], IsEmpty());
    EXPECT_EQ(c.weight(), "0");
    c.edit_rollout(R"({"spec":{"replicas":2}})");
    c.run();
    EXPECT_EQ(c.selected("web-stable"), c.current_hash());
    EXPECT_EQ(c.selected("web-canary"), c.current_hash());
    EXPECT_EQ(c.size(new_set(c)), 2);
    EXPECT_EQ(c.phase(), "Healthy");
  }
}

TEST(AuditRouted, scaled_to_zero_in_the_middle_and_up_again) {
  for (const auto* more : {"{}", R"({"dynamicStableScale":true})"}) {
    SCOPED_TRACE(more);
    auto c = at_pause(kHalf, 4, more);
    const auto old = stable_set(c);
    c.edit_rollout(R"({"spec":{"replicas":0}})");
    c.run();
    EXPECT_EQ(c.size(old), 0) << c.status().dump(1);
    EXPECT_EQ(c.size(new_set(c)), 0);
    EXPECT_EQ(c.phase(), "Healthy") << c.message();
    EXPECT_EQ(c.weight(), "0");
    c.edit_rollout(R"({"spec":{"replicas":3}})");
    c.run();
    EXPECT_EQ(c.size(new_set(c)), 3);
    EXPECT_EQ(c.size(old), 0);
    EXPECT_EQ(c.selected("web-stable"), c.current_hash());
  }
}

TEST(AuditRouted, undo_takes_traffic_back_first_and_pods_behind_a_delay) {
  auto c = at_pause(kHalf);
  const auto canary = new_set(c);
  c.set_image("web:1");
  c.settle();
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.index(), 2);
  EXPECT_EQ(c.size(canary), 2);
  EXPECT_NE(deadline(c, canary), "");
  EXPECT_EQ(c.size(stable_set(c)), 4);
  c.run_for(Seconds{31});
  EXPECT_EQ(c.size(canary), 0);
  EXPECT_EQ(deadline(c, canary), "");
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(AuditRouted, undo_with_a_dynamic_stable_holds_the_weight_until_stable_is_whole) {
  auto c = at_pause(R"([{"setWeight":25},{"pause":{}}])", 4, R"({"dynamicStableScale":true})");
  const auto stable = stable_set(c);
  const auto canary = c.current_hash();
  ASSERT_EQ(c.size(stable), 3);
  c.set_image("web:1");
  c.settle();
  EXPECT_EQ(c.size(stable), 4);
  EXPECT_EQ(c.weight(), "25");
  EXPECT_EQ(c.selected("web-canary"), canary);
  EXPECT_EQ(c.size("web-" + canary), 1);
  c.sync_pods();
  c.settle();
  EXPECT_EQ(c.weight(), "0");
  c.run();
  EXPECT_EQ(c.size("web-" + canary), 0);
  EXPECT_EQ(c.selected("web-canary"), c.stable_hash());
}

TEST(AuditRouted, a_new_version_takes_the_weight_back_before_hashes_move_and_pods_go) {
  auto c = at_pause(kHalf);
  const auto second = new_set(c);
  const auto stable = c.stable_hash();
  c.set_image("web:3");
  const auto before = c.sent.size();
  c.settle();
  std::ptrdiff_t cut = -1, scaled = -1;
  for (auto i = static_cast<std::ptrdiff_t>(before); i < static_cast<std::ptrdiff_t>(c.sent.size());
       ++i) {
    const auto& sent = c.sent[static_cast<std::size_t>(i)];
    if (sent.purpose == "SetWeights" && cut < 0) cut = i;
    if (sent.purpose == "ScaleReplicaSet" && sent.name == second && scaled < 0) scaled = i;
  }
  ASSERT_GE(cut, 0);
  EXPECT_TRUE(scaled < 0 || cut < scaled) << c.history(before);
  EXPECT_EQ(c.weight(), "0");
  c.run();
  EXPECT_EQ(c.size(second), 0);
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(c.stable_hash(), stable);
  EXPECT_EQ(c.index(), 1);
}

TEST(AuditRouted, versions_in_quick_succession_send_traffic_to_the_last_only) {
  auto c = at_pause(kHalf);
  const auto stable = c.stable_hash();
  for (const auto* image : {"web:3", "web:4", "web:2", "web:5"}) {
    c.set_image(image);
    c.pass();
    c.sync_pods();
    c.pass();
    EXPECT_GE(c.size("web-" + stable), 4);
    EXPECT_EQ(c.selected("web-stable"), stable);
  }
  c.run();
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(c.selected("web-canary"), c.current_hash());
  for (auto& [name, set] : c.objects["ReplicaSet"])
    if (name != "web-" + stable && name != new_set(c)) {
      EXPECT_EQ(kube::get_int(set, "spec.replicas"), 0) << name;
    }
}

// ---- abort, retry and their pods
TEST(AuditRouted, the_delay_of_an_abort_is_that_of_the_table) {
  struct Row {
    const char* more;
    int seconds;  // behind which the canary is gone; -1 never
  };
  for (const auto& row : std::vector<Row>{{"{}", 30},
                                          {R"({"abortScaleDownDelaySeconds":0})", -1},
                                          {R"({"abortScaleDownDelaySeconds":1})", 1},
                                          {R"({"abortScaleDownDelaySeconds":300})", 300}}) {
    SCOPED_TRACE(row.more);
    auto c = at_pause(kHalf, 4, row.more);
    abort_it(c);
    c.settle();
    EXPECT_EQ(c.weight(), "0");
    EXPECT_EQ(c.size(new_set(c)), 2);
    if (row.seconds < 0) {
      EXPECT_EQ(deadline(c, new_set(c)), "");
      c.now += Seconds{86400};
      c.settle();
      EXPECT_EQ(c.size(new_set(c)), 2);
      continue;
    }
    EXPECT_EQ(deadline(c, new_set(c)), format_rfc3339(c.now + Seconds{row.seconds}));
    ASSERT_TRUE(c.wake_at);
    EXPECT_EQ(*c.wake_at, *parse_rfc3339(deadline(c, new_set(c))));
    c.now = *c.wake_at;
    c.settle();
    EXPECT_EQ(c.size(new_set(c)), 0);
    EXPECT_NE(deadline(c, new_set(c)), "") << "it stays while the abort is in force";
  }
}

TEST(AuditRouted, a_retry_inside_the_delay_takes_the_deadline_off_and_begins_anew) {
  auto c = at_pause(kTwoPauses);
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  ASSERT_EQ(c.weight(), "75");
  abort_it(c);
  c.run();
  ASSERT_NE(deadline(c, new_set(c)), "");
  patch_status(c, R"({"abort":false})");
  c.run();
  EXPECT_EQ(deadline(c, new_set(c)), "");
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.weight(), "25");
  EXPECT_EQ(c.size(new_set(c)), 1);
}

TEST(AuditRouted, a_version_on_top_of_an_aborted_one_leaves_its_deadline_to_it) {
  auto c = at_pause(kHalf, 4, R"({"abortScaleDownDelaySeconds":600})");
  abort_it(c);
  c.run();
  const auto aborted = new_set(c);
  const auto text = deadline(c, aborted);
  ASSERT_NE(text, "");
  c.set_image("web:3");
  c.run();
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(deadline(c, aborted), text);
  EXPECT_EQ(c.size(aborted), 2);
  c.now = *parse_rfc3339(text) + Seconds{1};
  c.settle();
  EXPECT_EQ(c.size(aborted), 0);
  EXPECT_EQ(deadline(c, aborted), "");
}

TEST(AuditRouted, an_override_of_the_scale_counts_in_an_abort_only_without_a_delay) {
  for (const bool zero : {false, true}) {
    auto c = at_pause(R"([{"setCanaryScale":{"replicas":1}},{"setWeight":10},{"pause":{}}])", 4,
                      zero ? R"({"abortScaleDownDelaySeconds":0})" : "{}");
    ASSERT_EQ(c.size(new_set(c)), 1);
    abort_it(c);
    c.run_for(Seconds{60});
    EXPECT_EQ(c.size(new_set(c)), zero ? 1 : 0);
  }
}

TEST(AuditRouted,
     an_abort_with_a_dynamic_stable_and_a_delay_keeps_the_canary_until_stable_is_back) {
  auto c =
      at_pause(kTwoPauses, 4, R"({"dynamicStableScale":true,"abortScaleDownDelaySeconds":60})");
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  ASSERT_EQ(c.weight(), "75");
  ASSERT_EQ(c.size(stable_set(c)), 1);
  ASSERT_EQ(c.size(new_set(c)), 3);
  abort_it(c);
  c.settle();
  int last = 75;
  for (const int available : {1, 2, 3, 4}) {
    c.pods(stable_set(c), available);
    c.settle();
    const int weight = std::stoi(c.weight());
    EXPECT_LE(weight, last);
    EXPECT_GE(weight, 100 - available * 25) << "never more to stable than it can carry";
    EXPECT_EQ(c.size(new_set(c)), 3);
    if (available < 4) {
      EXPECT_EQ(deadline(c, new_set(c)), "") << available;
    }
    last = weight;
  }
  EXPECT_EQ(c.weight(), "0");
  EXPECT_NE(deadline(c, new_set(c)), "");
  c.run_for(Seconds{61});
  EXPECT_EQ(c.size(new_set(c)), 0);
}

TEST(AuditRouted, an_inconclusive_pause_starves_neither_traffic_nor_scaling) {
  auto c =
      nginx_canary(4, R"([{"setWeight":50},{"analysis":{"templates":[{"templateName":"once"}]}}])");
  c.set_image("web:2");
  c.run();
  c.set_run("web-" + c.current_hash() + "-2-1", "Inconclusive");
  c.run();
  ASSERT_EQ(c.message(), "InconclusiveAnalysisRun");
  c.edit_rollout(R"({"spec":{"replicas":8}})");  // an autoscaler at work
  c.run();
  EXPECT_EQ(c.size(stable_set(c)), 8) << c.status().dump(1);
  c.pods(new_set(c), 0);
  c.settle();
  EXPECT_EQ(c.weight(), "0") << "no pod, no traffic";
}

// ---- old sets
TEST(AuditDelay, of_the_old_set_is_that_of_the_table) {
  struct Row {
    const char* more;
    int seconds;
  };
  for (const auto& row : std::vector<Row>{{"{}", 30},
                                          {R"({"scaleDownDelaySeconds":0})", 0},
                                          {R"({"scaleDownDelaySeconds":5})", 5},
                                          {R"({"scaleDownDelaySeconds":600})", 600},
                                          {R"({"scaleDownDelayRevisionLimit":0})", 0}}) {
    SCOPED_TRACE(row.more);
    auto c = at_pause(kHalf, 2, row.more);
    const auto old = stable_set(c);
    patch_status(c, R"({"pauseConditions":null})");
    while (c.stable_hash() != c.current_hash()) {
      c.sync_pods();
      c.settle();
    }
    c.settle();
    if (row.seconds == 0) {
      EXPECT_EQ(c.size(old), 0);
      EXPECT_EQ(deadline(c, old), "");
      continue;
    }
    EXPECT_EQ(deadline(c, old), format_rfc3339(c.now + Seconds{row.seconds}));
    const auto end = *parse_rfc3339(deadline(c, old));
    c.now = end - Seconds{1};
    c.settle();
    EXPECT_EQ(c.size(old), 2);
    EXPECT_EQ(c.wake_at, end);
    c.now = end;
    c.settle();
    EXPECT_EQ(c.size(old), 0);
    EXPECT_EQ(deadline(c, old), "");
  }
}

TEST(AuditDelay, a_deadline_behind_the_resync_needs_no_timer_of_its_own) {
  auto c = at_pause(kHalf, 2, R"({"scaleDownDelaySeconds":7200})");
  const auto old = stable_set(c);
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  ASSERT_NE(deadline(c, old), "");
  c.pass();
  EXPECT_FALSE(c.wake_at);
  c.now += Seconds{7300};
  c.settle();
  EXPECT_EQ(c.size(old), 0);
}

TEST(AuditDelay, an_old_set_in_its_delay_keeps_its_size_when_replicas_change) {
  auto c = at_pause(kHalf, 2, R"({"scaleDownDelaySeconds":600})");
  const auto old = stable_set(c);
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  c.edit_rollout(R"({"spec":{"replicas":5}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 5);
  EXPECT_EQ(c.size(old), 2);
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(AuditDelay, a_deadline_that_cannot_be_read_has_passed) {
  auto c = at_pause(kHalf, 2, R"({"scaleDownDelaySeconds":600})");
  const auto old = stable_set(c);
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  c.edit("ReplicaSet", old, json(R"({"metadata":{"annotations":{"scale-down-deadline":"soon"}}})"));
  c.settle();
  EXPECT_EQ(c.size(old), 0);
}

TEST(AuditDelay, a_set_that_comes_back_loses_its_deadline) {
  auto c = at_pause(kHalf, 2, R"({"scaleDownDelaySeconds":600})");
  const auto old = stable_set(c);
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  ASSERT_NE(deadline(c, old), "");
  c.set_image("web:1");
  c.settle();
  EXPECT_EQ(new_set(c), old);
  EXPECT_EQ(deadline(c, old), "");
}

TEST(AuditDelay, unready_pods_of_an_old_set_go_at_once) {
  auto c = at_pause(kHalf, 3, R"({"scaleDownDelaySeconds":600})");
  const auto old = stable_set(c);
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  ASSERT_EQ(c.size(old), 3);
  c.pods(old, 1, 3);
  c.settle();
  EXPECT_EQ(c.size(old), 1);
  EXPECT_NE(deadline(c, old), "");
}

TEST(AuditDelay, a_router_taken_out_of_the_spec_takes_deadlines_along) {
  auto c = at_pause(kHalf, 4, R"({"scaleDownDelaySeconds":6000})");
  const auto old = stable_set(c);
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  ASSERT_NE(deadline(c, old), "");
  c.edit_rollout(
      R"({"spec":{"strategy":{"canary":{"trafficRouting":null,"scaleDownDelaySeconds":null}}}})");
  c.run();
  EXPECT_EQ(c.size(old), 0);
  EXPECT_EQ(deadline(c, old), "");
  EXPECT_EQ(c.phase(), "Healthy") << c.message();
  EXPECT_FALSE(c.status()["canary"].contains("weights"));
}

TEST(AuditDelay, a_deadline_of_a_healthy_rollout_scaled_to_zero_is_taken_off) {
  auto c = at_pause(kHalf, 2, R"({"scaleDownDelaySeconds":6000})");
  const auto old = stable_set(c);
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  c.edit_rollout(R"({"spec":{"replicas":0}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 0);
  EXPECT_EQ(c.phase(), "Healthy") << c.message();
  c.now += Seconds{6000};
  c.run();
  EXPECT_EQ(c.size(old), 0);
  EXPECT_EQ(deadline(c, old), "");
}

// ---- sizes
TEST(AuditRouted, the_canary_has_the_pods_of_the_table) {
  struct Row {
    int replicas;
    const char* steps;
    const char* more;
    int canary, stable;
  };
  for (
      const auto& row : std::vector<Row>{
          {1, R"([{"setCanaryScale":{"replicas":9}},{"pause":{}}])", "{}", 9, 1},
          {4, R"([{"setCanaryScale":{"weight":200}},{"pause":{}}])", "{}", 8, 4},
          {10,
           R"([{"setWeight":20},{"setCanaryScale":{"replicas":9,"weight":100,"matchTrafficWeight":true}},{"pause":{}}])",
           "{}", 2, 10},
          {10, R"([{"setWeight":5},{"pause":{}}])", R"({"minPodsPerReplicaSet":2})", 2, 10},
          {1, R"([{"setWeight":5},{"pause":{}}])", R"({"minPodsPerReplicaSet":2})", 1, 1},
          {10, R"([{"setWeight":200},{"pause":{}}])",
           R"({"trafficRouting":{"maxTrafficWeight":1000}})", 2, 10},
          {10, R"([{"setWeight":33},{"pause":{}}])", "{}", 4, 10},
          {10, R"([{"setWeight":10},{"pause":{}}])", R"({"dynamicStableScale":true})", 1, 9},
          {1, R"([{"setWeight":1},{"pause":{}}])", "{}", 1, 1},
          {3, R"([{"setWeight":0},{"pause":{}}])", "{}", 0, 3},
          {3, R"([{"setWeight":100},{"pause":{}}])", "{}", 3, 3}}) {
    SCOPED_TRACE(row.steps);
    auto c = at_pause(row.steps, row.replicas, row.more);
    EXPECT_EQ(c.size(new_set(c)), row.canary);
    EXPECT_EQ(c.size(stable_set(c)), row.stable);
  }
}

TEST(AuditRouted, surge_is_no_bound_behind_a_router) {
  auto c =
      at_pause(R"([{"setWeight":100},{"pause":{}}])", 4, R"({"maxSurge":1,"maxUnavailable":0})");
  EXPECT_EQ(c.size(new_set(c)), 4);
  EXPECT_EQ(c.size(stable_set(c)), 4);
  EXPECT_EQ(c.weight(), "100");
}

// ---- Services
TEST(AuditServices, an_aborted_basic_canary_points_its_service_at_stable_again) {
  Cluster c;
  c.put(service("web-canary"));
  c.put(service("web-stable"));
  c.put(rollout(2, json(R"({"canary":{"canaryService":"web-canary","stableService":"web-stable",
      "steps":[{"setWeight":50},{"pause":{}}]}})")));
  c.run();
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.selected("web-canary"), c.current_hash());
  ASSERT_EQ(c.selected("web-stable"), c.stable_hash());
  abort_it(c);
  c.run();
  EXPECT_EQ(c.selected("web-canary"), c.stable_hash());
  EXPECT_THAT(c.events,
              Contains("SwitchService: Switched selector for service 'web-canary' from '" +
                       c.current_hash() + "' to '" + c.stable_hash() + "'"));
}

TEST(AuditServices, an_abort_moves_the_service_though_stable_is_unready) {
  auto c = at_pause(kHalf);
  abort_it(c);
  c.pods(stable_set(c), 0);
  c.settle();
  EXPECT_EQ(c.selected("web-canary"), c.stable_hash());
}

TEST(AuditServices, the_managed_by_annotation_names_the_rollout) {
  auto c = at_pause(kHalf);
  for (const auto* name : {"web-canary", "web-stable"})
    EXPECT_EQ(c.annotation("Service", name, "argo-rollouts.argoproj.io/managed-by-rollouts"),
              "web");
}

// The reference leaves a canary's Service without its annotation then (traffic.md SVC-2).
TEST(AuditServices, one_that_selects_the_right_pods_already_gets_the_annotation_without_an_event) {
  auto c = nginx_canary(2, kHalf);
  const auto unmanaged = json(
      R"({"metadata":{"annotations":{"argo-rollouts.argoproj.io/managed-by-rollouts":null}}})");
  c.edit("Service", "web-stable", unmanaged);
  c.edit("Service", "web-canary", unmanaged);
  const auto before = c.sent.size();
  const auto events = c.events.size();
  c.run();
  EXPECT_EQ(c.count(before)["SwitchService"], 2) << c.history(before);
  EXPECT_EQ(c.sent.size(), before + 2) << c.history(before);
  EXPECT_EQ(c.events.size(), events);
  auto b = blue_green(2);
  b.edit("Service", "web-active", unmanaged);
  b.run();
  EXPECT_EQ(b.annotation("Service", "web-active", api::kManagedByAnnotation), "web");
}

TEST(AuditEvents, of_weights_say_from_and_to) {
  auto c = at_pause(kTwoPauses);
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  EXPECT_THAT(c.events, Contains("TrafficWeightUpdated: Traffic weight updated from 0 to 25"));
  EXPECT_THAT(c.events, Contains("TrafficWeightUpdated: Traffic weight updated from 25 to 75"));
}

}  // namespace
}  // namespace sluice::rollout::test
