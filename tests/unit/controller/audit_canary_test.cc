// What people do to a canary in the middle of an update (rollout.md §3.12–§3.14, §5.3, §6, §9.3,
// §9.6): without traffic routing.
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kTwoPauses =
    R"([{"setWeight":25},{"pause":{}},{"setWeight":75},{"pause":{}}])";
constexpr std::string_view kSurgeOne = R"({"maxSurge":1,"maxUnavailable":0})";

void retry_now(Cluster& c) {
  patch_status(c, R"({"abort":false})");
}
void resume_now(Cluster& c) {
  patch_status(c, R"({"pauseConditions":null})");
}
std::string revision(Cluster& c) {
  return c.annotation("Rollout", "web", api::kRevisionAnnotation);
}
// At the first pause of web:2.
Cluster at_first_pause(int replicas = 4, std::string_view more = kSurgeOne) {
  auto c = basic_canary(replicas, kTwoPauses, more);
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.index(), 1) << c.status().dump(1);
  EXPECT_EQ(c.phase(), "Paused");
  return c;
}

// ---- undo, new versions
TEST(AuditCanary, undo_in_the_middle_skips_the_steps_and_bumps_the_revision) {
  auto c = at_first_pause();
  const auto canary = new_set(c);
  const auto stable = c.stable_hash();
  c.set_image("web:1");
  c.settle();
  EXPECT_EQ(c.index(), 4);
  EXPECT_EQ(c.current_hash(), stable);
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.size(canary), 0);
  EXPECT_EQ(c.size("web-" + stable), 4);
  EXPECT_EQ(revision(c), "3");
  EXPECT_EQ(c.annotation("ReplicaSet", "web-" + stable, api::kRevisionHistoryAnnotation), "1");
  EXPECT_THAT(c.events, Contains("SkipSteps: Rollback to stable ReplicaSets"));
  EXPECT_THAT(c.events, Not(Contains("RolloutCompleted: Rollout completed update to revision 3 (" +
                                     stable + "): Fast rollback")))
      << "stableRS did not change";
}

TEST(AuditCanary, undo_while_aborted_clears_the_abort) {
  auto c = at_first_pause();
  abort_it(c);
  c.run();
  ASSERT_EQ(c.phase(), "Degraded");
  c.set_image("web:1");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_FALSE(c.status().contains("abort"));
  EXPECT_FALSE(c.status().contains("abortedAt"));
  EXPECT_EQ(c.index(), 4);
}

TEST(AuditCanary, back_to_an_older_version_that_is_not_stable_walks_all_steps) {
  auto c = basic_canary(4, kTwoPauses, kSurgeOne);
  const auto first = c.current_hash();
  c.set_image("web:2");
  c.run();
  patch_status(c, R"({"promoteFull":true})");
  c.run();
  ASSERT_EQ(c.phase(), "Healthy");
  c.now += Seconds{5};
  c.set_image("web:1");
  c.run();
  EXPECT_EQ(c.current_hash(), first);
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_EQ(revision(c), "3");
}

TEST(AuditCanary, versions_in_quick_succession_leave_one_update_and_full_stable) {
  struct Row {
    const char* point;
    std::vector<const char*> images;
    bool pods_between;
  };
  for (const auto& row : std::vector<Row>{{"before any pod", {"web:3", "web:4", "web:5"}, false},
                                          {"with pods", {"web:3", "web:4", "web:5"}, true},
                                          {"to and fro", {"web:3", "web:2", "web:3"}, true},
                                          {"one twice", {"web:3", "web:3"}, false}}) {
    SCOPED_TRACE(row.point);
    auto c = at_first_pause();
    const auto stable = c.stable_hash();
    for (const auto* image : row.images) {
      c.set_image(image);
      c.pass();
      if (row.pods_between) c.sync_pods();
      c.pass();
      std::int64_t total = 0, available = 0;
      for (auto& [name, set] : c.objects["ReplicaSet"]) {
        total += kube::get_int(set, "spec.replicas");
        available += std::min(kube::get_int(set, "spec.replicas"),
                              kube::get_int(set, "status.availableReplicas"));
      }
      EXPECT_LE(total, 5);
      EXPECT_GE(available, 4);
    }
    c.run();
    EXPECT_EQ(c.stable_hash(), stable);
    EXPECT_EQ(c.index(), 1) << c.status().dump(1);
    EXPECT_EQ(c.phase(), "Paused");
    EXPECT_EQ(c.size(new_set(c)), 1);
    EXPECT_EQ(c.size("web-" + stable), 3);
    for (auto& [name, set] : c.objects["ReplicaSet"])
      if (name != new_set(c) && name != "web-" + stable) {
        EXPECT_EQ(kube::get_int(set, "spec.replicas"), 0) << name;
      }
  }
}

TEST(AuditCanary, a_bad_version_over_a_bad_version_keeps_stable_whole) {
  auto c = basic_canary(4, "[]", kSurgeOne);
  const auto stable = new_set(c);
  for (const auto* image : {"bad:1", "bad:2"}) {
    c.set_image(image);
    for (int i = 0; i < 6; ++i) {
      c.settle();
      for (auto& [name, set] : c.objects["ReplicaSet"])
        c.pods(name, name == stable ? static_cast<int>(c.size(name)) : 0);
      c.now += Seconds{4};
    }
    EXPECT_EQ(c.size(stable), 4);
    EXPECT_EQ(c.size(new_set(c)), 1);
  }
  EXPECT_EQ(c.objects["ReplicaSet"].size(), 3U);
  std::int64_t total = 0;
  for (auto& [name, set] : c.objects["ReplicaSet"]) total += kube::get_int(set, "spec.replicas");
  EXPECT_EQ(total, 5);
}

// ---- abort and retry
TEST(AuditCanary, an_abort_is_recorded_as_clients_read_it) {
  auto c = at_first_pause();
  abort_it(c);
  c.now += Seconds{7};
  c.pass();
  EXPECT_EQ(kube::get_string(c.status(), "abortedAt"), format_rfc3339(c.now));
  EXPECT_FALSE(c.status().contains("pauseConditions"));
  EXPECT_FALSE(c.status().contains("controllerPause"));
  EXPECT_EQ(c.index(), 0);
  EXPECT_EQ(c.condition("Progressing")["status"], "False");
  EXPECT_EQ(c.reason("Progressing"), "RolloutAborted");
  EXPECT_EQ(c.message(), "RolloutAborted: Rollout aborted update to revision 2");
  EXPECT_TRUE(kube::get_bool(c.status(), "abort"));
  EXPECT_THAT(c.events, Contains("RolloutAborted: Rollout aborted update to revision 2"));
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 0);
  EXPECT_EQ(c.size("web-" + c.stable_hash()), 4);
  const auto before = c.sent.size();
  c.now += Seconds{86400};
  c.settle();
  EXPECT_EQ(c.sent.size(), before) << c.history(before);
}

TEST(AuditCanary, an_abort_without_surge_never_loses_a_pod_more_than_allowed) {
  auto c = at_first_pause(4, R"({"maxSurge":0,"maxUnavailable":1})");
  resume_now(c);
  c.run();
  ASSERT_EQ(c.index(), 3);
  ASSERT_EQ(c.size(new_set(c)), 3);
  abort_it(c);
  for (int i = 0; i < 12; ++i) {
    c.settle();
    std::int64_t available = 0, total = 0;
    for (auto& [name, set] : c.objects["ReplicaSet"]) {
      total += c.size(name);
      available += std::min(c.size(name), kube::get_int(set, "status.availableReplicas"));
    }
    EXPECT_LE(total, 4);
    EXPECT_GE(available, 3);
    c.sync_pods();
    c.now += Seconds{1};
  }
  EXPECT_EQ(c.size(new_set(c)), 0);
}

TEST(AuditCanary, a_retry_starts_from_the_first_step_with_a_fresh_clock) {
  auto c = at_first_pause();
  abort_it(c);
  c.run();
  c.now += Seconds{7200};
  retry_now(c);
  c.pass();
  EXPECT_FALSE(c.status().contains("abortedAt"));
  EXPECT_NE(c.phase(), "Degraded") << c.message();
  EXPECT_NE(c.reason("Progressing"), "ProgressDeadlineExceeded");
  c.run();
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.phase(), "Paused");
  abort_it(c);
  c.run();
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_EQ(std::count(c.event_reasons.begin(), c.event_reasons.end(), "RolloutAborted"), 2);
}

TEST(AuditCanary, an_abort_and_its_retry_between_two_looks_change_nothing) {
  auto c = at_first_pause();
  const auto status = c.status();
  abort_it(c);
  retry_now(c);
  c.run();
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.status()["pauseConditions"], status["pauseConditions"]);
}

// ---- promote
TEST(AuditCanary, promote_in_a_pause_moves_one_step_and_clears_the_marker) {
  auto c = at_first_pause();
  resume_now(c);
  c.run();
  EXPECT_EQ(c.index(), 3);
  EXPECT_EQ(c.size(new_set(c)), 3);
  EXPECT_THAT(c.events, Contains("RolloutResumed: Rollout is resumed"));
  EXPECT_THAT(c.events, Contains("RolloutStepCompleted: Rollout step 2/4 completed (pause)"));
  EXPECT_EQ(kube::get_string(c.condition("Paused"), "status"), "True") << "the second pause";
}

TEST(AuditCanary, promote_full_goes_to_the_end_inside_the_bounds) {
  auto c = at_first_pause(8);
  const auto stable = "web-" + c.stable_hash();
  patch_status(c, R"({"promoteFull":true})");
  c.pass();
  EXPECT_EQ(c.index(), 4);
  EXPECT_FALSE(c.status().contains("pauseConditions"));
  for (int i = 0; i < 30; ++i) {
    c.settle();
    EXPECT_LE(c.size(stable) + c.size(new_set(c)), 9);
    c.sync_pods();
    c.now += Seconds{1};
  }
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_THAT(c.events, Contains("RolloutCompleted: Rollout completed update to revision 2 (" +
                                 c.current_hash() + "): Full promotion requested"));
  EXPECT_EQ(kube::get_string(c.status(), "duration.completionStatus"), "FastPromoted");
  EXPECT_FALSE(c.status().contains("promoteFull"));
}

TEST(AuditCanary, a_new_version_takes_a_pending_promote_full_back) {
  auto c = at_first_pause();
  patch_status(c, R"({"promoteFull":true})");
  c.pass();
  c.set_image("web:3");
  c.run();
  EXPECT_FALSE(c.status().contains("promoteFull"));
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.phase(), "Paused");
}

TEST(AuditCanary, an_index_moved_by_a_client_is_where_it_goes_on) {
  struct Row {
    const char* patch;
    int index;
    const char* phase;
    int canary;
  };
  for (const auto& row :
       std::vector<Row>{
           {R"({"currentStepIndex":2})", 3, "Paused", 3},                           // skip current
           {R"({"pauseConditions":null,"currentStepIndex":2})", 3, "Paused", 3},    // promote
           {R"({"currentStepIndex":4})", 4, "Healthy", 4},                          // skip all
           {R"({"pauseConditions":null,"currentStepIndex":4})", 4, "Healthy", 4}})  // skip all
  {
    SCOPED_TRACE(row.patch);
    auto c = at_first_pause();
    patch_status(c, row.patch);
    c.run();
    EXPECT_EQ(c.index(), row.index) << c.status().dump(1);
    EXPECT_EQ(c.phase(), row.phase);
    EXPECT_EQ(c.size(new_set(c)), row.canary);
  }
}

TEST(AuditCanary, an_index_moved_to_the_end_promotes_only_with_all_pods) {
  auto c = at_first_pause();
  const auto stable = c.stable_hash();
  patch_status(c, R"({"currentStepIndex":4})");
  c.settle();
  EXPECT_EQ(c.stable_hash(), stable);
  EXPECT_EQ(c.message(), "more replicas need to be updated");
  c.run();
  EXPECT_EQ(c.stable_hash(), c.current_hash());
  EXPECT_THAT(c.events, Contains("RolloutCompleted: Rollout completed update to revision 2 (" +
                                 c.current_hash() + "): Completed all 4 canary steps"));
}

// ---- pauses
TEST(AuditPause, a_timer_goes_on_over_a_restart_of_the_controller_and_over_scaling) {
  auto c = basic_canary(4, R"([{"setWeight":25},{"pause":{"duration":"5m"}}])", kSurgeOne);
  c.set_image("web:2");
  c.run();
  const auto start = c.status()["pauseConditions"][0]["startTime"];
  c.now += Seconds{100};
  c.edit_rollout(R"({"spec":{"replicas":8}})");
  c.run();
  EXPECT_EQ(c.status()["pauseConditions"][0]["startTime"], start);
  const auto end = *parse_rfc3339(start.get<std::string>()) + Seconds{300};
  c.pass();  // a fresh look, as after a restart: nothing is kept in memory
  EXPECT_EQ(c.wake_at, end + Micros{1});
  c.now = end;
  c.settle();
  EXPECT_EQ(c.index(), 1) << "strictly after";
  c.now = end + Micros{1};
  c.settle();
  EXPECT_EQ(c.index(), 2);
}

TEST(AuditPause, durations_are_read_as_people_write_them) {
  struct Row {
    const char* duration;
    int seconds;
  };
  for (const auto& row : std::vector<Row>{{"90", 90},
                                          {R"("90")", 90},
                                          {R"("90s")", 90},
                                          {R"("1m30s")", 90},
                                          {R"("1h")", 3600},
                                          {R"("1500ms")", 1},
                                          {"0", 0}}) {
    SCOPED_TRACE(row.duration);
    auto c = basic_canary(
        1, std::string(R"([{"setWeight":50},{"pause":{"duration":)") + row.duration + "}}]");
    c.set_image("web:2");
    c.settle();
    c.sync_pods();
    c.settle();
    ASSERT_TRUE(c.status().contains("pauseConditions")) << c.status().dump(1);
    const auto start =
        *parse_rfc3339(kube::get_string(c.status()["pauseConditions"][0], "startTime"));
    c.now = start + Seconds{row.seconds};
    c.settle();
    EXPECT_EQ(c.index(), 1);
    c.now += Micros{1};
    c.settle();
    EXPECT_EQ(c.index(), 2);
  }
}

TEST(AuditPause, a_person_s_pause_holds_pods_and_steps_and_says_so) {
  auto c = basic_canary(4, kTwoPauses, kSurgeOne);
  c.edit_rollout(R"({"spec":{"paused":true}})");
  c.run();
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_EQ(c.message(), "manually paused");
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.objects["ReplicaSet"].size(), 2U);
  EXPECT_EQ(c.size(new_set(c)), 0);
  EXPECT_EQ(c.index(), 0);
  EXPECT_EQ(c.reason("Progressing"), "RolloutPaused");
  EXPECT_EQ(c.condition("Progressing")["status"], "Unknown");
  EXPECT_EQ(c.condition("Paused")["status"], "True");
  EXPECT_EQ(c.condition("Paused")["message"], "Rollout is paused");
  c.edit_rollout(R"({"spec":{"paused":false}})");
  c.run();
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.message(), "CanaryPauseStep");
}

TEST(AuditPause, resuming_starts_the_deadline_clock_anew) {
  auto c = basic_canary(4, kTwoPauses, kSurgeOne);
  c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":60}})");
  c.set_image("web:2");
  c.run();
  c.now += Seconds{3600};
  resume_now(c);
  c.settle();
  EXPECT_EQ(c.phase(), "Progressing") << c.message();
  EXPECT_NE(c.reason("Progressing"), "ProgressDeadlineExceeded");
  ASSERT_TRUE(c.wake_at);
  c.now += Seconds{50};
  c.settle();
  EXPECT_EQ(c.phase(), "Progressing") << c.message();
  c.now += Seconds{20};
  c.settle();
  EXPECT_EQ(c.reason("Progressing"), "ProgressDeadlineExceeded");
}

// ---- replicas
TEST(AuditScale, an_update_at_zero_replicas_is_promoted_and_comes_up_as_the_new_version) {
  auto c = at_first_pause();
  const auto canary = new_set(c);
  const auto stable = "web-" + c.stable_hash();
  c.edit_rollout(R"({"spec":{"replicas":0}})");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.stable_hash(), c.current_hash());
  EXPECT_EQ(c.index(), 4);
  EXPECT_EQ(c.size(canary), 0);
  EXPECT_EQ(c.size(stable), 0);
  EXPECT_EQ(c.condition("Available")["status"], "True");
  c.edit_rollout(R"({"spec":{"replicas":3}})");
  c.run();
  EXPECT_EQ(c.size(canary), 3);
  EXPECT_EQ(c.size(stable), 0);
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(AuditScale, an_aborted_update_at_zero_replicas_stays_aborted) {
  auto c = at_first_pause();
  abort_it(c);
  c.run();
  c.edit_rollout(R"({"spec":{"replicas":0}})");
  c.run();
  EXPECT_EQ(c.phase(), "Degraded");
  c.edit_rollout(R"({"spec":{"replicas":2}})");
  c.run();
  EXPECT_EQ(c.size("web-" + c.stable_hash()), 2);
  EXPECT_EQ(c.size(new_set(c)), 0);
}

TEST(AuditScale, replicas_lowered_below_the_canary_do_not_block_its_promotion) {
  auto c = basic_canary(4, R"([{"setWeight":75},{"pause":{}}])", kSurgeOne);
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.size(new_set(c)), 3);
  c.edit_rollout(R"({"spec":{"replicas":2}})");
  resume_now(c);
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.size(new_set(c)), 2);
}

TEST(AuditScale, a_paused_single_pod_canary_is_split_anew) {
  auto c = basic_canary(1, R"([{"setWeight":25},{"pause":{}}])");
  c.set_image("web:2");
  c.run();
  const auto stable = "web-" + c.stable_hash();
  EXPECT_EQ(c.size(new_set(c)), 1);
  EXPECT_EQ(c.size(stable), 1);
  c.edit_rollout(R"({"spec":{"replicas":8}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 2);
  EXPECT_EQ(c.size(stable), 6);
  c.edit_rollout(R"({"spec":{"replicas":4}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 1);
  EXPECT_EQ(c.size(stable), 3);
}

TEST(AuditScale, without_surge_a_single_pod_makes_room_first) {
  auto c =
      basic_canary(1, R"([{"setWeight":51},{"pause":{}}])", R"({"maxSurge":0,"maxUnavailable":1})");
  const auto stable = new_set(c);
  c.set_image("web:2");
  c.settle();
  EXPECT_EQ(c.size(stable), 0);
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 1);
  EXPECT_EQ(c.index(), 1);
}

TEST(AuditScale, a_scaling_event_keeps_everything_else_of_the_status) {
  auto c = basic_canary(4, R"([{"setWeight":25},{"pause":{}}])", kSurgeOne);
  c.set_image("web:2");
  c.run();
  auto before = c.status();
  c.edit_rollout(R"({"spec":{"replicas":8}})");
  c.pass();
  auto after = c.status();
  for (auto* status : {&before, &after})
    for (const auto* key : {"conditions", "observedGeneration", "availableReplicas", "HPAReplicas",
                            "phase", "message", "readyReplicas", "replicas", "updatedReplicas"})
      status->erase(key);
  EXPECT_EQ(before, after);
}

TEST(AuditScale, a_middle_set_with_an_old_annotation_is_no_scaling_event) {
  auto c = at_first_pause();
  const auto middle = new_set(c);
  c.set_image("web:3");
  c.pass();
  c.edit("ReplicaSet", middle,
         json(R"({"metadata":{"annotations":{"rollout.argoproj.io/desired-replicas":"99"}}})"));
  c.run();
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.phase(), "Paused");
}

TEST(AuditScale, without_a_desired_annotation_there_is_no_scaling_event) {
  auto c = at_first_pause();
  for (auto& [name, set] : c.objects["ReplicaSet"])
    c.edit("ReplicaSet", name,
           json(R"({"metadata":{"annotations":{"rollout.argoproj.io/desired-replicas":null}}})"));
  resume_now(c);
  c.run();
  EXPECT_EQ(c.index(), 3);
  EXPECT_EQ(c.annotation("ReplicaSet", new_set(c), api::kDesiredReplicasAnnotation), "4");
}

// ---- promotion
TEST(AuditPromotion, availability_decides_and_the_threshold_relaxes_it) {
  struct Row {
    const char* threshold;
    int available;
    bool promoted;
  };
  for (const auto& row : std::vector<Row>{{"{}", 10, true},
                                          {"{}", 9, false},
                                          {R"({"type":"Percent","value":90})", 9, true},
                                          {R"({"type":"Percent","value":90})", 8, false},
                                          {R"({"type":"Pods","value":8})", 8, true},
                                          {R"({"type":"Pods","value":8})", 7, false}}) {
    SCOPED_TRACE(row.threshold);
    auto more = json(R"({"maxSurge":"100%","maxUnavailable":0})");
    if (json(row.threshold).size() > 0) more["replicaProgressThreshold"] = json(row.threshold);
    auto c = basic_canary(10, R"([{"setWeight":100}])", more.dump());
    c.set_image("web:2");
    c.settle();
    ASSERT_EQ(c.size(new_set(c)), 10);
    auto& set = c.get("ReplicaSet", new_set(c));
    set["status"] = Json{{"replicas", 10},
                         {"readyReplicas", 10},  // ready is not available yet
                         {"availableReplicas", row.available},
                         {"observedGeneration", kube::get_int(set, "metadata.generation")}};
    c.edit("ReplicaSet", new_set(c), json(R"({"metadata":{"annotations":{"touch":"1"}}})"));
    const auto stable = "web-" + c.stable_hash();
    for (int i = 0; i < 10; ++i) {
      c.pass();
      c.pods(stable, static_cast<int>(c.size(stable)));
    }
    EXPECT_EQ(c.stable_hash() == c.current_hash(), row.promoted) << c.status().dump(1);
  }
}

TEST(AuditPromotion, a_promoted_rollout_that_loses_pods_is_progressing_and_never_aborts) {
  auto c = basic_canary(4, "[]");
  c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":30,"progressDeadlineAbort":true}})");
  c.run();
  c.now += Seconds{86400};
  c.pods(new_set(c), 3, 4);
  c.settle();
  EXPECT_EQ(c.reason("Progressing"), "ReplicaSetNotAvailable");
  EXPECT_EQ(c.condition("Progressing")["message"], "Rollout does not have minimum availability");
  EXPECT_EQ(c.phase(), "Progressing");
  EXPECT_EQ(c.condition("Healthy")["status"], "False");
  EXPECT_EQ(c.condition("Available")["status"], "False");
  EXPECT_EQ(c.condition("Available")["message"], "Rollout does not have minimum availability");
  c.now += Seconds{3600};
  c.settle();
  EXPECT_FALSE(c.status().contains("abort")) << c.status().dump(1);
  c.run();
  EXPECT_EQ(c.phase(), "Healthy");
  EXPECT_EQ(c.reason("Progressing"), "NewReplicaSetAvailable");
}

TEST(AuditPromotion, no_steps_are_a_rolling_update_without_an_index) {
  auto c = basic_canary(4, "[]", kSurgeOne);
  EXPECT_EQ(c.index(), -1);
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.index(), -1);
  EXPECT_FALSE(c.status().contains("currentStepIndex"));
  EXPECT_EQ(c.phase(), "Healthy");
  EXPECT_THAT(c.events, Contains("RolloutCompleted: Rollout completed update to revision 2 (" +
                                 c.current_hash() + "): Completed all 0 canary steps"));
}

TEST(AuditSteps, what_is_not_a_step_does_not_reset_them) {
  for (const auto* patch :
       {R"({"spec":{"strategy":{"canary":{"maxSurge":2}}}})", R"({"spec":{"minReadySeconds":1}})",
        R"({"spec":{"revisionHistoryLimit":3}})", R"({"spec":{"progressDeadlineSeconds":700}})",
        R"({"spec":{"replicas":5}})", R"({"metadata":{"annotations":{"a":"b"}}})"}) {
    SCOPED_TRACE(patch);
    auto c = at_first_pause();
    const auto start = c.status()["pauseConditions"][0]["startTime"];
    c.now += Seconds{20};
    c.edit_rollout(patch);
    c.run();
    EXPECT_EQ(c.index(), 1);
    EXPECT_EQ(c.status()["pauseConditions"][0]["startTime"], start);
  }
}

TEST(AuditSteps, edited_in_the_middle_they_start_over_with_the_pods_there) {
  auto c = at_first_pause();
  c.edit_rollout(R"({"spec":{"strategy":{"canary":{"steps":[{"setWeight":50},{"pause":{}}]}}}})");
  const auto before = c.sent.size();
  c.pass();
  EXPECT_EQ(c.size(new_set(c)) >= 1, true) << c.history(before);
  c.run();
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.size(new_set(c)), 2);
}

TEST(AuditSteps, steps_and_template_back_to_stable_together_end_at_the_new_end) {
  auto c = at_first_pause();
  c.rollout()["spec"]["strategy"]["canary"]["steps"] =
      json(R"([{"setWeight":10},{"pause":{}},{"setWeight":20},{"pause":{}},{"setWeight":30}])");
  c.set_image("web:1");
  c.run();
  EXPECT_EQ(c.index(), 5);
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
}

TEST(AuditSteps, a_strategy_switched_from_blue_green_stays_promoted_and_gives_its_service_up) {
  auto c = blue_green(2);
  const auto hash = c.current_hash();
  c.edit_rollout(
      R"({"spec":{"strategy":{"blueGreen":null,"canary":{"steps":[{"setWeight":50},{"pause":{}}]}}}})");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.current_hash(), hash);
  EXPECT_EQ(c.index(), 2);
  EXPECT_FALSE(c.status()["blueGreen"].contains("activeSelector"));
  EXPECT_FALSE(c.status()["blueGreen"].contains("previewSelector"));
  EXPECT_THAT(references(*c.observe().rollout).services, IsEmpty());
}

TEST(AuditSteps, a_strategy_switched_to_blue_green_drops_the_index) {
  auto c = basic_canary(2, kTwoPauses);
  c.put(service("web-active"));
  c.edit_rollout(
      R"({"spec":{"strategy":{"canary":null,"blueGreen":{"activeService":"web-active"}}}})");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_FALSE(c.status().contains("currentStepIndex"));
  EXPECT_FALSE(c.status().contains("currentStepHash"));
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
}

TEST(AuditTakeOver, a_canary_scaled_to_zero_by_the_reference_is_promoted_once) {
  auto c = Cluster::from_fixture("canary-scaled-to-zero");
  c.pass();
  EXPECT_THAT(c.purposes(), ElementsAre("PatchStatus")) << c.history();
  EXPECT_EQ(c.stable_hash(), c.current_hash());
  EXPECT_EQ(c.index(), 4);
  EXPECT_FALSE(c.status().contains("pauseConditions"));
  EXPECT_THAT(c.events, Contains("RolloutCompleted: Rollout completed update to revision 2 (" +
                                 c.current_hash() + "): Completed all 4 canary steps"));
  c.settle();
  const auto before = c.sent.size();
  c.run();
  EXPECT_EQ(c.sent.size(), before) << c.history(before);
  c.edit_rollout(R"({"spec":{"replicas":4}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 4);
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(AuditTakeOver, a_deadline_of_the_reference_is_kept_until_there_is_progress) {
  auto c = Cluster::from_fixture("canary-progress-deadline");
  c.pass();
  EXPECT_THAT(c.sent, IsEmpty());
  EXPECT_EQ(c.reason("Progressing"), "ProgressDeadlineExceeded");
  c.now += Seconds{3600};
  c.settle();
  EXPECT_THAT(c.sent, IsEmpty()) << c.history();
  c.run();  // the pods come
  EXPECT_NE(c.reason("Progressing"), "ProgressDeadlineExceeded");
  EXPECT_NE(c.phase(), "Degraded") << c.message();
}

}  // namespace
}  // namespace sluice::rollout::test
