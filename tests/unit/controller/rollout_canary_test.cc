// Whole canary rollouts without traffic routing against the cluster in memory (rollout.md §3, §5,
// §8, §9.1–§9.3, §9.6).
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kPause25 = R"([{"setWeight":25},{"pause":{}}])";

TEST(RolloutCanary, an_initial_deploy_goes_straight_to_full_size_and_is_healthy) {
  auto c = basic_canary(4, kPause25);
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.index(), 2);
  EXPECT_EQ(c.stable_hash(), c.current_hash());
  EXPECT_EQ(c.size(new_set(c)), 4);
  EXPECT_EQ(c.annotation("Rollout", "web", api::kRevisionAnnotation), "1");
  EXPECT_EQ(kube::get_string(c.status(), "selector"), "app=web");
  EXPECT_EQ(kube::get_string(c.status(), "observedGeneration"), "1");
}

TEST(RolloutCanary, an_update_waits_at_its_pause_and_goes_on_when_a_person_says_so) {
  auto c = basic_canary(4, kPause25);
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.phase(), "Paused") << c.status().dump(1);
  EXPECT_EQ(c.message(), "CanaryPauseStep");
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.size(new_set(c)), 1);
  EXPECT_EQ(c.stable_hash(), old);
  EXPECT_EQ(c.reason("Progressing"), "RolloutPaused");
  resume(c);
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.size(c.set_of(old)), 0);
  EXPECT_EQ(c.size(new_set(c)), 4);
  EXPECT_EQ(kube::get_string(c.condition("Paused"), "status"), "False");
}

TEST(RolloutCanary, events_come_in_the_order_of_the_reference) {
  auto c = basic_canary(1, R"([{"setWeight":50},{"pause":{"duration":"3s"}}])",
                        R"({"maxSurge":1,"maxUnavailable":0})");
  const auto at_once = [&] {
    do c.settle();
    while (c.sync_pods());
  };
  c.set_image("web:2");
  at_once();
  c.edit_rollout(R"({"status":{"abort":true}})");
  at_once();
  c.edit_rollout(R"({"status":{"abort":false}})");
  at_once();
  c.run_for(Seconds{20});
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_THAT(
      c.event_reasons,
      ElementsAre("RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted",
                  "ScalingReplicaSet", "RolloutCompleted", "RolloutUpdated", "NewReplicaSetCreated",
                  "RolloutNotCompleted", "ScalingReplicaSet", "RolloutStepCompleted",
                  "RolloutPaused", "ScalingReplicaSet", "RolloutAborted", "ScalingReplicaSet",
                  "RolloutStepCompleted", "RolloutPaused", "RolloutStepCompleted", "RolloutResumed",
                  // The reference scales the old version down before it records the promotion.
                  "RolloutCompleted", "ScalingReplicaSet"))
      << testing::PrintToString(c.events);
}

TEST(RolloutCanary, event_texts_are_those_of_the_reference) {
  auto c = basic_canary(1, R"([{"setWeight":50},{"pause":{"duration":"3s"}}])");
  const auto first = c.current_hash();
  c.set_image("web:2");
  c.run();
  const auto hash = c.current_hash();
  EXPECT_THAT(
      c.events,
      testing::IsSupersetOf(std::vector<std::string>{
          "RolloutUpdated: Rollout updated to revision 1",
          "NewReplicaSetCreated: Created ReplicaSet web-" + first + " (revision 1)",
          "RolloutNotCompleted: Rollout not completed, started update to revision 1 (" + first +
              ")",
          "ScalingReplicaSet: Scaled up ReplicaSet web-" + first + " (revision 1) from 0 to 1",
          "RolloutCompleted: Rollout completed update to revision 1 (" + first +
              "): Initial deploy",
          "RolloutNotCompleted: Rollout not completed, started update to revision 2 (" + hash + ")",
          std::string("RolloutStepCompleted: Rollout step 1/2 completed (setWeight: 50)"),
          std::string("RolloutPaused: Rollout is paused (CanaryPauseStep)")}));
}

// ---- the cases of rollout.md §9.1 ----
TEST(RolloutIdentity, no_replicas_in_the_spec_are_written_as_one_and_nothing_else_happens) {
  Cluster c;
  auto object = rollout(1, json(R"({"canary":{}})"));
  object["spec"].erase("replicas");
  c.put(object);
  c.pass();
  ASSERT_EQ(c.sent.size(), 1U);
  EXPECT_EQ(c.sent[0].body, R"({"spec":{"replicas":1}})");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(RolloutIdentity, a_name_that_is_taken_raises_the_collision_count_and_the_next_name_differs) {
  Cluster c;
  c.put(rollout(1, json(R"({"canary":{}})")));
  c.pass();
  const auto first = c.sent.at(0).name;
  Cluster other;
  other.put(rollout(1, json(R"({"canary":{}})")));
  auto foreign = c.get("ReplicaSet", first);
  foreign["metadata"]["ownerReferences"][0]["uid"] = "somebody-else";
  other.put(foreign);
  other.run();
  EXPECT_EQ(kube::get_int(other.status(), "collisionCount"), 1);
  EXPECT_NE(new_set(other), first);
  EXPECT_EQ(other.phase(), "Healthy") << other.status().dump(1);
}

TEST(RolloutIdentity, an_earlier_template_takes_its_old_set_with_a_new_revision) {
  auto c = basic_canary(2, "[]");
  const auto first = new_set(c);
  c.set_image("web:2");
  c.run();
  c.set_image("web:1");
  c.run();
  EXPECT_EQ(new_set(c), first);
  EXPECT_EQ(c.annotation("ReplicaSet", first, api::kRevisionAnnotation), "3");
  EXPECT_EQ(c.annotation("ReplicaSet", first, api::kRevisionHistoryAnnotation), "1");
  EXPECT_EQ(c.annotation("Rollout", "web", api::kRevisionAnnotation), "3");
}

TEST(RolloutIdentity, annotations_are_copied_but_make_no_history_and_are_never_taken_back) {
  auto c = basic_canary(1, "[]");
  c.edit_rollout(
      R"({"metadata":{"annotations":{"team":"shop","notified.notifications.argoproj.io":"x",
    "kubectl.kubernetes.io/last-applied-configuration":"{}"}}})");
  c.run();
  EXPECT_EQ(c.annotation("ReplicaSet", new_set(c), "team"), "shop");
  EXPECT_EQ(c.annotation("ReplicaSet", new_set(c), api::kNotifiedAnnotation), "");
  EXPECT_EQ(c.annotation("ReplicaSet", new_set(c), api::kLastAppliedAnnotation), "");
  EXPECT_EQ(c.annotation("ReplicaSet", new_set(c), api::kRevisionHistoryAnnotation), "");
  c.edit_rollout(R"({"metadata":{"annotations":{"team":null}}})");
  c.run();
  EXPECT_EQ(c.annotation("ReplicaSet", new_set(c), "team"), "shop");
}

TEST(RolloutIdentity, a_revision_that_is_no_number_is_left_alone) {
  auto c = basic_canary(1, "[]");
  c.edit("ReplicaSet", new_set(c),
         json(R"({"metadata":{"annotations":{"rollout.argoproj.io/revision":"one"}}})"));
  const auto before = c.sent.size();
  c.run();
  EXPECT_EQ(c.annotation("ReplicaSet", new_set(c), api::kRevisionAnnotation), "one");
  EXPECT_EQ(c.sent.size(), before) << c.history(before);
}

TEST(RolloutIdentity, a_higher_revision_than_needed_is_kept) {
  auto c = basic_canary(1, "[]");
  c.edit("ReplicaSet", new_set(c),
         json(R"({"metadata":{"annotations":{"rollout.argoproj.io/revision":"7"}}})"));
  c.run();
  EXPECT_EQ(c.annotation("ReplicaSet", new_set(c), api::kRevisionAnnotation), "7");
  EXPECT_EQ(c.annotation("Rollout", "web", api::kRevisionAnnotation), "7");
}

TEST(RolloutIdentity, min_ready_seconds_change_in_place) {
  auto c = basic_canary(1, "[]");
  c.edit_rollout(R"({"spec":{"minReadySeconds":5}})");
  c.run();
  EXPECT_EQ(c.objects["ReplicaSet"].size(), 1U);
  EXPECT_EQ(kube::get_int(c.get("ReplicaSet", new_set(c)), "spec.minReadySeconds"), 5);
  EXPECT_EQ(c.annotation("Rollout", "web", api::kRevisionAnnotation), "1");
}

TEST(RolloutIdentity,
     an_orphan_with_matching_labels_is_adopted_and_one_without_the_hash_label_is_invisible) {
  auto c = basic_canary(1, "[]");
  auto& set = c.get("ReplicaSet", new_set(c));
  set["metadata"].erase("ownerReferences");
  c.edit("ReplicaSet", new_set(c), json(R"({"metadata":{"annotations":{"x":"y"}}})"));
  auto invisible = set;
  invisible["metadata"]["name"] = "web-plain";
  invisible["metadata"]["uid"] = "plain";
  invisible["metadata"]["labels"].erase(std::string(api::kPodTemplateHashLabel));
  c.put(invisible);
  const auto before = c.sent.size();
  c.run();
  EXPECT_EQ(c.count(before)["AdoptReplicaSet"], 1) << c.history(before);
  EXPECT_EQ(c.get("ReplicaSet", new_set(c))["metadata"]["ownerReferences"][0]["uid"],
            c.rollout()["metadata"]["uid"]);
  EXPECT_FALSE(c.get("ReplicaSet", "web-plain")["metadata"].contains("ownerReferences"));
}

TEST(RolloutIdentity, sets_of_an_earlier_rollout_of_the_same_name_are_not_claimed) {
  auto c = basic_canary(1, "[]");
  c.rollout()["metadata"]["uid"] = "reborn";
  c.rollout().erase("status");
  c.rollout()["metadata"].erase("annotations");
  c.run();
  EXPECT_EQ(c.objects["ReplicaSet"].size(), 2U);
  EXPECT_EQ(kube::get_int(c.status(), "collisionCount"), 1);
}

TEST(RolloutIdentity,
     history_is_kept_to_its_limit_and_a_set_with_pods_is_not_replaced_by_a_younger_one) {
  auto c = basic_canary(1, "[]", "{}");
  c.edit_rollout(R"({"spec":{"revisionHistoryLimit":1}})");
  std::vector<std::string> hashes{c.current_hash()};
  for (int i = 2; i <= 4; ++i) {
    c.set_image("web:" + std::to_string(i));
    c.run();
    c.now += Seconds{2};
    hashes.push_back(c.current_hash());
  }
  EXPECT_FALSE(c.has("ReplicaSet", c.set_of(hashes[0])));
  EXPECT_FALSE(c.has("ReplicaSet", c.set_of(hashes[1])));
  EXPECT_TRUE(c.has("ReplicaSet", c.set_of(hashes[2])));
  c.edit_rollout(R"({"spec":{"revisionHistoryLimit":0}})");
  c.get("ReplicaSet", c.set_of(hashes[2]))["status"]["replicas"] = 1;
  c.settle();
  EXPECT_TRUE(c.has("ReplicaSet", c.set_of(hashes[2])));
  c.run();
  EXPECT_EQ(c.objects["ReplicaSet"].size(), 1U);
}

TEST(RolloutIdentity, a_set_whose_labels_no_longer_match_is_released) {
  auto c = basic_canary(1, "[]");
  const auto old = new_set(c);
  c.set_image("web:2");
  c.run();
  c.edit("ReplicaSet", old, json(R"({"metadata":{"labels":{"app":"other"}}})"));
  const auto before = c.sent.size();
  c.run();
  EXPECT_EQ(c.count(before)["ReleaseReplicaSet"], 1) << c.history(before);
  EXPECT_TRUE(c.get("ReplicaSet", old)["metadata"]["ownerReferences"].empty());
}

TEST(RolloutIdentity, a_refused_replica_set_is_reported_and_not_retried_at_once) {
  Cluster c;
  c.put(rollout(1, json(R"({"canary":{}})")));
  c.refusal = "quota";
  c.refuses = [](const kube::Write& write) { return write.purpose == "CreateReplicaSet"; };
  const auto name = c.pass().writes().at(0)->key.name;
  const auto again = c.pass();
  EXPECT_EQ(c.refused["CreateReplicaSet"], 1);
  ASSERT_EQ(again.writes().size(), 1U);
  EXPECT_EQ(again.writes()[0]->purpose, "PatchStatus");
  EXPECT_THAT(again.writes()[0]->body, testing::HasSubstr("ReplicaSetCreateError"));
  const auto told = std::find_if(again.intents.begin(), again.intents.end(), [](const auto& intent) {
    const auto* event = std::get_if<controller::EventIntent>(&intent);
    return event && event->reason == "ReplicaSetCreateError";
  });
  ASSERT_NE(told, again.intents.end());
  const auto& event = std::get<controller::EventIntent>(*told);
  EXPECT_EQ(event.message, "Failed to create new replica set \"" + name + "\": quota");
  EXPECT_TRUE(event.warning);
  EXPECT_TRUE(again.wake_at);
}

TEST(RolloutIdentity, a_set_that_cannot_be_read_is_not_taken_for_absent) {
  auto c = basic_canary(1, "[]");
  auto observed = c.observe();
  auto broken = std::make_shared<kube::ReplicaSet>(*observed.replica_sets[0]);
  broken->decode_error = Error{ErrorCode::Decode, "spec.replicas is no number", {}};
  observed.replica_sets[0] = broken;
  EXPECT_THAT(decide(observed, c.now).intents, IsEmpty());
}

// ---- the cases of rollout.md §9.2 ----
TEST(RolloutScaling, a_paused_update_keeps_its_share_when_replicas_grow) {
  auto c =
      basic_canary(5, R"([{"setWeight":20},{"pause":{}}])", R"({"maxSurge":1,"maxUnavailable":0})");
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.phase(), "Paused");
  const auto pauses = c.status()["pauseConditions"];
  c.edit_rollout(R"({"spec":{"replicas":10}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 2);
  EXPECT_EQ(c.size(stable_set(c)), 8);
  EXPECT_EQ(c.status()["pauseConditions"], pauses);
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_EQ(c.index(), 1);
}

TEST(RolloutScaling, template_and_replicas_changed_together_both_take_effect) {
  auto c = basic_canary(4, R"([{"setWeight":50},{"pause":{}}])");
  c.rollout()["spec"]["replicas"] = 6;
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 3) << c.status().dump(1);
  EXPECT_FALSE(c.current_hash().empty());
  EXPECT_EQ(c.phase(), "Paused");
}

TEST(RolloutScaling, a_desired_replicas_annotation_that_is_no_number_is_no_scaling_event) {
  auto c = basic_canary(2, "[]");
  c.edit("ReplicaSet", new_set(c),
         json(R"({"metadata":{"annotations":{"rollout.argoproj.io/desired-replicas":"many"}}})"));
  c.settle();
  EXPECT_EQ(c.annotation("ReplicaSet", new_set(c), api::kDesiredReplicasAnnotation), "2");
}

TEST(RolloutScaling, while_a_person_holds_the_rollout_replicas_are_scaled_in_proportion) {
  auto c =
      basic_canary(4, R"([{"setWeight":25},{"pause":{}}])", R"({"maxSurge":1,"maxUnavailable":0})");
  c.set_image("web:2");
  c.run();
  c.edit_rollout(R"({"spec":{"paused":true,"replicas":8}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 2);
  EXPECT_EQ(c.size(stable_set(c)), 6);
  EXPECT_EQ(c.message(), "manually paused");
}

TEST(RolloutScaling, a_scaling_event_right_behind_a_resume_does_not_lose_the_resume) {
  auto c = basic_canary(4, kPause25);
  c.set_image("web:2");
  c.run();
  resume(c);
  c.edit_rollout(R"({"spec":{"replicas":8}})");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.size(new_set(c)), 8);
}

// ---- and its sequences (rollout.md §3.4, §9.3) ----
TEST(RolloutBasic, a_stuck_update_keeps_stable_and_scales_with_the_rollout) {
  auto c = basic_canary(4, "[]", R"({"maxSurge":2,"maxUnavailable":0})");
  const auto old = new_set(c);
  c.set_image("web:2");
  c.settle();
  EXPECT_EQ(c.size(new_set(c)), 2);
  EXPECT_EQ(c.size(old), 4);
}

TEST(RolloutBasic, a_bad_first_version_does_not_block_a_good_one) {
  Cluster c;
  c.put(rollout(
      4, json(R"({"canary":{"steps":[{"setWeight":25}],"maxSurge":1,"maxUnavailable":0}})")));
  c.settle();
  c.sync_pods(false);
  c.settle();
  const auto bad = new_set(c);
  c.set_image("web:2");
  for (int i = 0; i < 20; ++i) {
    c.settle();
    const auto name = new_set(c);
    if (c.has("ReplicaSet", name)) c.pods(name, static_cast<int>(c.size(name)));
    c.pods(bad, 0);
    c.now += Seconds{5};
  }
  EXPECT_EQ(c.size(bad), 0);
  EXPECT_EQ(c.size(new_set(c)), 4);
}

TEST(RolloutBasic, an_intermediate_version_is_drained_before_the_next_one_grows) {
  auto c =
      basic_canary(4, R"([{"setWeight":50},{"pause":{}}])", R"({"maxSurge":1,"maxUnavailable":0})");
  const auto first = new_set(c);
  c.set_image("web:2");
  c.run();
  const auto second = new_set(c);
  c.set_image("web:3");
  c.run();
  EXPECT_EQ(c.size(second), 0);
  EXPECT_EQ(c.size(first) + c.size(new_set(c)), 4 + (c.size(first) == 3 ? 1 : 0));
  EXPECT_EQ(c.phase(), "Paused");
}

TEST(RolloutBasic, abort_and_retry_with_one_replica) {
  auto c = basic_canary(1, R"([{"setWeight":50},{"pause":{}}])");
  const auto old = new_set(c);
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.size(old), 1);
  EXPECT_EQ(c.size(new_set(c)), 1);
  c.edit_rollout(R"({"status":{"abort":true}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 0);
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_EQ(c.message(), "RolloutAborted: Rollout aborted update to revision 2");
  EXPECT_EQ(c.index(), 0);
  const auto aborted_at = c.status()["abortedAt"];
  c.now += Seconds{500};
  c.run();
  EXPECT_EQ(c.status()["abortedAt"], aborted_at);
  c.edit_rollout(R"({"status":{"abort":false}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 1);
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_FALSE(c.status().contains("abortedAt"));
}

// ---- the cases of rollout.md §9.6 ----
TEST(RolloutSteps, a_timed_pause_does_not_advance_while_a_person_pauses) {
  auto c = basic_canary(2, R"([{"setWeight":50},{"pause":{"duration":10}}])");
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.index(), 1);
  c.edit_rollout(R"({"spec":{"paused":true}})");
  c.now += Seconds{60};
  c.run();
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.message(), "manually paused");
  c.edit_rollout(R"({"spec":{"paused":false}})");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
}

TEST(RolloutSteps, a_timed_pause_wakes_at_its_end_and_one_behind_the_resync_needs_no_timer) {
  auto c = basic_canary(2, R"([{"setWeight":50},{"pause":{"duration":"10m"}}])");
  c.set_image("web:2");
  c.run();
  const auto start =
      *parse_rfc3339(kube::get_string(c.status()["pauseConditions"][0], "startTime"));
  c.pass();
  ASSERT_TRUE(c.wake_at);
  EXPECT_EQ(*c.wake_at, start + Seconds{600} + Micros{1});
  auto late = basic_canary(2, R"([{"setWeight":50},{"pause":{"duration":"1h"}}])");
  late.set_image("web:2");
  late.run();
  late.pass();
  EXPECT_TRUE(!late.wake_at || *late.wake_at > late.now + Seconds{900});
}

TEST(RolloutSteps, a_pause_of_no_time_ends_by_itself) {
  auto c = basic_canary(2, R"([{"setWeight":50},{"pause":{"duration":0}}])");
  c.set_image("web:2");
  c.run_for(Seconds{10});
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
}

TEST(RolloutSteps, a_new_version_clears_an_abort) {
  auto c = basic_canary(2, R"([{"setWeight":50},{"pause":{}}])");
  c.set_image("web:2");
  c.run();
  c.edit_rollout(R"({"status":{"abort":true}})");
  c.run();
  c.set_image("web:3");
  c.run();
  EXPECT_FALSE(c.status().contains("abort"));
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_EQ(c.annotation("Rollout", "web", api::kRevisionAnnotation), "3");
}

TEST(RolloutSteps, steps_changed_on_a_promoted_rollout_leave_it_promoted) {
  auto c = basic_canary(2, R"([{"setWeight":50},{"pause":{}}])");
  c.edit_rollout(
      R"({"spec":{"strategy":{"canary":{"steps":[{"setWeight":10},{"pause":{}},{"setWeight":20}]}}}})");
  const auto before = c.sent.size();
  c.run();
  EXPECT_EQ(c.index(), 3);
  EXPECT_EQ(c.phase(), "Healthy");
  EXPECT_THAT(c.purposes(before), testing::Each("PatchStatus"));
  EXPECT_THAT(c.event_reasons, testing::Contains("SkipSteps"));
}

TEST(RolloutSteps, a_step_list_cut_below_the_index_starts_over) {
  auto c = basic_canary(4, R"([{"setWeight":25},{"setWeight":50},{"pause":{}}])");
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.index(), 2);
  c.edit_rollout(R"({"spec":{"strategy":{"canary":{"steps":[{"setWeight":75},{"pause":{}}]}}}})");
  c.run();
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.phase(), "Paused");
}

TEST(RolloutSteps, an_abort_of_a_promoted_rollout_is_dropped_once) {
  auto c = basic_canary(2, "[]");
  const auto set = new_set(c);
  c.edit_rollout(R"({"status":{"abort":true}})");
  const auto before = c.sent.size();
  c.run();
  EXPECT_FALSE(c.status().contains("abort"));
  EXPECT_EQ(c.sent.size(), before + 1) << c.history(before);
  EXPECT_EQ(c.size(set), 2);
}

TEST(RolloutSteps, promote_full_after_an_abort_completes_the_update) {
  auto c = basic_canary(4, kPause25);
  c.set_image("web:2");
  c.run();
  c.edit_rollout(R"({"status":{"abort":true}})");
  c.run();
  c.edit_rollout(R"({"status":{"promoteFull":true}})");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_FALSE(c.status().contains("promoteFull"));
  EXPECT_EQ(c.size(new_set(c)), 4);
}

TEST(RolloutSteps, an_abort_wins_over_a_pending_promote_full) {
  auto c = basic_canary(4, kPause25);
  c.set_image("web:2");
  c.run();
  c.edit_rollout(R"({"status":{"promoteFull":true}})");
  c.settle();
  c.edit_rollout(R"({"status":{"abort":true}})");
  c.run();
  EXPECT_EQ(c.phase(), "Degraded") << c.status().dump(1);
  EXPECT_FALSE(c.status().contains("promoteFull"));
  EXPECT_EQ(c.size(new_set(c)), 0);
}

TEST(RolloutSteps, promote_full_is_not_held_by_a_pause_of_the_spec) {
  auto c = basic_canary(4, kPause25);
  c.set_image("web:2");
  c.run();
  c.edit_rollout(R"({"spec":{"paused":true}})");
  c.run();
  c.edit_rollout(R"({"status":{"promoteFull":true}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 4);
  EXPECT_EQ(c.stable_hash(), c.current_hash());
}

TEST(RolloutSteps, a_client_that_moves_the_index_takes_the_left_over_pause_along) {
  auto c = basic_canary(4, R"([{"setWeight":25},{"pause":{}},{"setWeight":50},{"pause":{}}])");
  c.set_image("web:2");
  c.run();
  c.edit_rollout(R"({"status":{"currentStepIndex":2}})");
  c.run();
  EXPECT_EQ(c.index(), 3);
  EXPECT_EQ(c.phase(), "Paused");
}

TEST(RolloutSteps, an_update_without_replicas_is_promoted_without_pauses) {
  auto c = basic_canary(0, kPause25);
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.stable_hash(), c.current_hash());
  EXPECT_EQ(kube::get_string(c.condition("Available"), "status"), "True");
}

TEST(RolloutSteps, a_progress_deadline_aborts_in_the_same_write_when_asked_to) {
  auto c = basic_canary(4, R"([{"setWeight":50}])");
  c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":30,"progressDeadlineAbort":true}})");
  c.set_image("web:2");
  c.settle();
  c.sync_pods(false);
  c.settle();
  c.now += Seconds{40};
  const auto before = c.sent.size();
  c.pass();
  c.pass();
  ASSERT_GT(c.sent.size(), before);
  EXPECT_TRUE(kube::get_bool(c.status(), "abort")) << c.status().dump(1);
  EXPECT_EQ(c.message(), "RolloutAborted: Rollout aborted update to revision 2: ReplicaSet \"" +
                             new_set(c) + "\" has timed out progressing.");
}

TEST(RolloutSteps, a_pause_longer_than_the_deadline_stays_a_pause) {
  auto c = basic_canary(4, kPause25);
  c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":30}})");
  c.set_image("web:2");
  c.run();
  c.now += Seconds{3600};
  const auto before = c.sent.size();
  c.settle();
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_EQ(c.sent.size(), before) << c.history(before);
}

TEST(RolloutSteps, a_deadline_that_passes_is_reported_once_and_progress_takes_it_back) {
  auto c = basic_canary(4, R"([{"setWeight":50}])", R"({"maxSurge":2,"maxUnavailable":0})");
  c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":30}})");
  c.set_image("web:2");
  c.settle();
  c.sync_pods(false);
  c.now += Seconds{5};
  c.settle();
  ASSERT_TRUE(c.wake_at);
  c.now = *c.wake_at;
  c.settle();
  EXPECT_EQ(c.phase(), "Degraded") << c.status().dump(1);
  EXPECT_EQ(c.reason("Progressing"), "ProgressDeadlineExceeded");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
}

// ---- restarts (rollout.md §1.15) ----
Json pod(const std::string& name, const std::string& set_name, std::string_view created) {
  return json(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
              R"(","labels":{"app":"web"},
    "creationTimestamp":")" +
              std::string(created) +
              R"(","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet",
    "name":")" +
              set_name + R"(","uid":"uid-ReplicaSet-)" + set_name +
              R"(","controller":true}]},"status":{"phase":"Running",
    "conditions":[{"type":"Ready","status":"True","lastTransitionTime":")" +
              std::string(created) + R"("}]}})");
}

TEST(RolloutRestart, old_pods_are_evicted_as_many_at_a_time_as_may_be_missing) {
  auto c = basic_canary(3, "[]", R"({"maxUnavailable":1,"maxSurge":1})");
  const auto set = new_set(c);
  for (const auto* name : {"a", "b", "c"}) c.put(pod(name, set, "2026-11-21T15:00:00Z"));
  const auto restart_at = c.now + Seconds{5};
  c.edit_rollout(R"({"spec":{"restartAt":")" + format_rfc3339(restart_at) + R"("}})");
  c.settle();
  ASSERT_TRUE(c.wake_at);
  c.now = restart_at + Seconds{1};
  const auto before = c.sent.size();
  c.pass();
  EXPECT_EQ(c.count(before)["EvictPod"], 1) << c.history(before);
  ASSERT_TRUE(c.wake_at);
  c.put(pod("d", set, format_rfc3339(c.now)));
  c.now += Seconds{30};
  c.pass();
  c.put(pod("e", set, format_rfc3339(c.now)));
  c.now += Seconds{30};
  c.pass();
  c.put(pod("f", set, format_rfc3339(c.now)));
  c.now += Seconds{30};
  c.settle();
  EXPECT_EQ(c.count(before)["EvictPod"], 3) << c.history(before);
  EXPECT_EQ(kube::get_string(c.status(), "restartedAt"), format_rfc3339(restart_at));
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(RolloutRestart, pods_are_asked_for_only_while_a_restart_is_due) {
  auto c = basic_canary(1, "[]");
  const auto observed = c.observe();
  EXPECT_FALSE(needs_pods(*observed.rollout, c.now));
  c.edit_rollout(R"({"spec":{"restartAt":"2020-01-01T00:00:00Z"}})");
  EXPECT_TRUE(needs_pods(*c.observe().rollout, c.now));
  c.run();
  EXPECT_FALSE(needs_pods(*c.observe().rollout, c.now));
}

}  // namespace
}  // namespace sluice::rollout::test
