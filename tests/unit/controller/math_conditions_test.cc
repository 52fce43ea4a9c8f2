// Conditions and the progress deadline (rollout.md §7.1–§7.3, §1.17, §2.3).
#include <gtest/gtest.h>

#include "controller/rollout/conditions.h"
#include "tests/unit/controller/math_given.h"

namespace sluice::rollout {
namespace {

using given::at;

kube::Condition stored(std::string_view type, std::string_view status, std::string_view reason,
                       std::int64_t seconds, std::string message = "") {
  auto out = make_condition(type, status, reason, std::move(message));
  out.last_update_time = out.last_transition_time = at(seconds);
  return out;
}

std::vector<std::string> types(const Conditions& list) {
  std::vector<std::string> out;
  for (const auto& item : list) out.push_back(item.type);
  return out;
}

TEST(ConditionList, does_not_touch_an_item_of_the_same_status_and_reason) {
  Conditions list{stored("A", "True", "R", 0, "old")};
  const auto before = list;
  EXPECT_FALSE(set_condition(list, make_condition("A", "True", "R", "new"), at(9)));
  EXPECT_EQ(list, before);
}

TEST(ConditionList, moves_a_changed_item_to_the_end_with_fresh_times) {
  Conditions list{stored("A", "True", "R", 0), stored("B", "True", "R", 0)};
  EXPECT_TRUE(set_condition(list, make_condition("A", "False", "R", "m"), at(9) + Millis{400}));
  EXPECT_EQ(types(list), (std::vector<std::string>{"B", "A"}));
  EXPECT_EQ(list[1].last_update_time, at(9));
  EXPECT_EQ(list[1].last_transition_time, at(9));
  EXPECT_EQ(list[1].message, "m");
}

TEST(ConditionList, keeps_the_transition_time_when_only_the_reason_changed) {
  Conditions list{stored("A", "True", "R", 0)};
  EXPECT_TRUE(set_condition(list, make_condition("A", "True", "Other", ""), at(9)));
  EXPECT_EQ(list[0].last_update_time, at(9));
  EXPECT_EQ(list[0].last_transition_time, at(0));
}

TEST(ConditionList, removes_by_type) {
  Conditions list{stored("A", "True", "R", 0), stored("B", "True", "R", 0)};
  EXPECT_TRUE(remove_condition(list, list[0].type));
  EXPECT_EQ(types(list), (std::vector<std::string>{"B"}));
  EXPECT_FALSE(remove_condition(list, "A"));
}

TEST(ConditionList, replaces_the_message_of_an_invalid_spec_when_its_cause_changes) {
  Conditions list;
  EXPECT_TRUE(set_invalid_spec(list, "web", "spec.x: Required value: x", at(0)));
  EXPECT_EQ(list[0].message, "The Rollout \"web\" is invalid: spec.x: Required value: x");
  EXPECT_FALSE(set_invalid_spec(list, "web", "spec.x: Required value: x", at(1)));
  EXPECT_TRUE(set_invalid_spec(list, "web", "spec.y: Required value: y", at(2)));
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].message, "The Rollout \"web\" is invalid: spec.y: Required value: y");
}

TEST(ConditionList, has_the_texts_of_the_table) {
  EXPECT_EQ(progressing_created("web-1").message, "Created new replica set \"web-1\"");
  EXPECT_EQ(progressing_created("web-1").reason, "NewReplicaSetCreated");
  EXPECT_EQ(progressing_found("web-1").message, "Found new replica set \"web-1\"");
  EXPECT_EQ(progressing_create_error("web-1", "no").message,
            "Failed to create new replica set \"web-1\": no");
  EXPECT_EQ(progressing_create_error("web-1", "no").status, "False");
  EXPECT_EQ(progressing_paused().status, "Unknown");
  EXPECT_EQ(progressing_resumed().message, "Rollout is resumed");
  EXPECT_EQ(progressing_retry().message, "Retrying Rollout after abort");
  EXPECT_EQ(paused_condition(false).message, "Rollout is paused");
  EXPECT_EQ(timed_out_text("web-1", "web"), "ReplicaSet \"web-1\" has timed out progressing.");
  EXPECT_EQ(timed_out_text("", "web"), "Rollout \"web\" has timed out progressing.");
}

// An update in flight: N 4, stable "old", current "new".
struct World {
  api::Rollout rollout;
  api::RolloutStatus next;
  bool aborted = false, others_delayed = false, available = true;
  std::string new_rs = "web-new", abort_message;
  std::optional<kube::Condition> failure;

  World() {
    rollout.meta.key = {"shop", "web"};
    rollout.meta.generation = 3;
    rollout.spec.replicas = 4;
    rollout.spec.canary = given::canary({given::set_weight(20), given::pause()});
    rollout.status.observed_generation = "3";
    rollout.status.stable_rs = "old";
    rollout.status.current_pod_hash = "new";
    rollout.status.current_step_index = 0;
    rollout.status.replicas = 4;
    rollout.status.updated_replicas = 1;
    rollout.status.ready_replicas = rollout.status.available_replicas = 3;
    next = rollout.status;
  }
  void promote() {
    for (auto* status : {&rollout.status, &next}) {
      status->stable_rs = status->current_pod_hash = "new";
      status->current_step_index = 2;
      status->replicas = status->updated_replicas = status->ready_replicas =
          status->available_replicas = 4;
    }
  }
  void have(kube::Condition condition) {
    rollout.status.conditions.push_back(condition);
    next.conditions.push_back(std::move(condition));
  }
  [[nodiscard]] DeadlineInput deadline() const {
    return {&rollout, &next, aborted, others_delayed};
  }
  ConditionChanges update(std::int64_t seconds) {
    return update_conditions(next, {deadline(), new_rs, "2", abort_message, available, failure},
                             at(seconds));
  }
  [[nodiscard]] const kube::Condition& get(std::string_view type) const {
    static const kube::Condition none;
    const auto* found = find_condition(next.conditions, type);
    return found != nullptr ? *found : none;
  }
};

TEST(Healthy, needs_the_pods_the_generation_and_the_end_of_the_steps) {
  World world;
  EXPECT_FALSE(is_healthy(world.rollout, world.next));
  world.promote();
  EXPECT_TRUE(is_healthy(world.rollout, world.next));
  const auto broken = [&](auto change) {
    World copy = world;
    change(copy);
    return !is_healthy(copy.rollout, copy.next);
  };
  EXPECT_TRUE(broken([](World& w) { w.next.updated_replicas = 3; }));
  EXPECT_TRUE(broken([](World& w) { w.next.available_replicas = 3; }));
  EXPECT_TRUE(broken([](World& w) { w.next.replicas = 8; }));  // an old stack in its delay
  EXPECT_TRUE(broken([](World& w) { w.next.current_step_index = 1; }));
  EXPECT_TRUE(broken([](World& w) { w.next.stable_rs = "old"; }));
  EXPECT_TRUE(broken([](World& w) { w.next.stable_rs = w.next.current_pod_hash = ""; }));
  EXPECT_TRUE(broken([](World& w) { w.rollout.meta.generation = 4; }));
  EXPECT_TRUE(broken([](World& w) { w.rollout.status.observed_generation = ""; }));
  EXPECT_FALSE(broken([](World& w) { w.next.current_step_index.reset(); }));
}

TEST(Healthy, asks_blue_green_for_its_selectors) {
  World world;
  world.promote();
  world.rollout.spec.canary.reset();
  world.rollout.spec.blue_green.emplace();
  EXPECT_FALSE(is_healthy(world.rollout, world.next));
  world.next.blue_green.active_selector = "new";
  world.next.replicas = 8;  // the delayed stack does not count here
  EXPECT_TRUE(is_healthy(world.rollout, world.next));
  world.rollout.spec.blue_green->preview_service = "preview";
  EXPECT_FALSE(is_healthy(world.rollout, world.next));
  world.next.blue_green.preview_selector = "new";
  EXPECT_TRUE(is_healthy(world.rollout, world.next));
}

TEST(Healthy, is_never_created_as_false) {
  World world;
  world.update(0);
  EXPECT_EQ(find_condition(world.next.conditions, "Healthy"), nullptr);
  world.have(stored("Healthy", "True", "RolloutHealthy", 0));
  const auto changes = world.update(5);
  EXPECT_TRUE(changes.became_unhealthy);
  EXPECT_EQ(world.get("Healthy").status, "False");
  EXPECT_EQ(world.get("Healthy").message, "Rollout is not healthy");
  EXPECT_FALSE(world.update(6).became_unhealthy);
}

TEST(Healthy, is_false_while_paused) {
  World world;
  world.promote();
  world.have(stored("Healthy", "True", "RolloutHealthy", 0));
  world.rollout.spec.paused = true;
  world.update(5);
  EXPECT_EQ(world.get("Healthy").status, "False");
}

TEST(Conditions, of_a_promoted_rollout_appear_in_the_order_of_the_live_objects) {
  World world;
  world.promote();
  world.update(0);
  EXPECT_EQ(types(world.next.conditions),
            (std::vector<std::string>{"Healthy", "Progressing", "Available", "Completed"}));
  EXPECT_EQ(world.get("Progressing").reason, "NewReplicaSetAvailable");
  EXPECT_EQ(world.get("Progressing").message,
            "ReplicaSet \"web-new\" has successfully progressed.");
  EXPECT_EQ(world.get("Completed").message, "RolloutCompleted");
  EXPECT_EQ(world.get("Available").message, "Rollout has minimum availability");
}

TEST(Conditions, at_rest_do_not_change_as_time_goes_by) {
  World world;
  world.promote();
  world.update(0);
  const auto before = world.next.conditions;
  world.rollout.status = world.next;
  const auto changes = world.update(100000);
  EXPECT_EQ(world.next.conditions, before);
  EXPECT_FALSE(changes.progressed || changes.timed_out || changes.not_completed);
}

TEST(Conditions, tell_when_an_update_starts) {
  World world;
  world.have(stored("Completed", "True", "RolloutCompleted", 0));
  EXPECT_TRUE(world.update(5).not_completed);
  EXPECT_EQ(world.get("Completed").status, "False");
  EXPECT_FALSE(world.update(6).not_completed);
}

TEST(Conditions, say_when_too_few_pods_are_available) {
  World world;
  world.available = false;
  world.update(0);
  EXPECT_EQ(world.get("Available").status, "False");
  EXPECT_EQ(world.get("Available").message, "Rollout does not have minimum availability");
}

TEST(Conditions, copy_and_drop_the_failure_of_a_replica_set) {
  kube::ReplicaSet first, second;
  second.conditions = {stored("ReplicaFailure", "True", "FailedCreate", 3, "quota")};
  second.conditions[0].last_update_time.reset();
  const auto found = find_replica_failure(&first, {&first, &second});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->last_update_time, at(3));
  EXPECT_EQ(find_replica_failure(nullptr, {&first}), std::nullopt);
  World world;
  world.failure = found;
  world.update(5);
  EXPECT_EQ(world.get("ReplicaFailure").message, "quota");
  world.failure.reset();
  world.update(6);
  EXPECT_EQ(find_condition(world.next.conditions, "ReplicaFailure"), nullptr);
}

TEST(Progressing, says_aborted_and_nothing_else) {
  World world;
  world.aborted = true;
  world.next.updated_replicas = 2;
  auto changes = world.update(5);
  EXPECT_TRUE(changes.aborted);
  EXPECT_EQ(changes.abort_text, "Rollout aborted update to revision 2");
  EXPECT_EQ(world.get("Progressing").reason, "RolloutAborted");
  EXPECT_EQ(world.get("Progressing").status, "False");
  EXPECT_FALSE(world.update(6).aborted);
  World other;
  other.aborted = true;
  other.abort_message = "Background analysis phase error/failed: why";
  other.update(5);
  EXPECT_EQ(other.get("Progressing").message,
            "Rollout aborted update to revision 2: Background analysis phase error/failed: why");
}

TEST(Progressing, is_rewritten_by_each_progress_and_keeps_its_transition_time) {
  World world;
  world.have(stored("Progressing", "True", "ReplicaSetUpdated", 0));
  world.next.ready_replicas = 4;
  EXPECT_TRUE(world.update(5).progressed);
  EXPECT_EQ(world.get("Progressing").last_update_time, at(5));
  EXPECT_EQ(world.get("Progressing").last_transition_time, at(0));
  EXPECT_EQ(world.get("Progressing").message, "ReplicaSet \"web-new\" is progressing.");
  world.new_rs.clear();
  world.update(6);
  EXPECT_EQ(world.get("Progressing").message, "Rollout \"web\" is progressing.");
  EXPECT_EQ(world.get("Progressing").last_update_time, at(6));
}

TEST(Progressing, takes_a_fresh_transition_time_after_another_status) {
  World world;
  world.have(stored("Progressing", "Unknown", "RolloutResumed", 0));
  world.next.ready_replicas = 4;
  world.update(5);
  EXPECT_EQ(world.get("Progressing").last_transition_time, at(5));
}

TEST(Progressing, says_not_available_when_a_promoted_rollout_loses_pods) {
  World world;
  world.promote();
  world.have(stored("Healthy", "True", "RolloutHealthy", 0));
  world.have(stored("Progressing", "True", "NewReplicaSetAvailable", 0));
  world.next.available_replicas = 3;
  world.update(5);
  EXPECT_EQ(world.get("Progressing").reason, "ReplicaSetNotAvailable");
  EXPECT_EQ(world.get("Progressing").message, "Rollout does not have minimum availability");
}

TEST(ProgressMade, compares_with_the_stored_status) {
  const World world;
  const auto made = [&](auto change) {
    World copy = world;
    change(copy.next);
    return progress_made(copy.rollout.spec, copy.rollout.status, copy.next);
  };
  EXPECT_FALSE(made([](auto&) {}));
  EXPECT_TRUE(made([](auto& s) { s.updated_replicas = 0; }));
  EXPECT_TRUE(made([](auto& s) { s.replicas = 3; }));
  EXPECT_FALSE(made([](auto& s) { s.replicas = 5; }));
  EXPECT_TRUE(made([](auto& s) { s.ready_replicas = 4; }));
  EXPECT_FALSE(made([](auto& s) { s.ready_replicas = 2; }));
  EXPECT_TRUE(made([](auto& s) { s.available_replicas = 4; }));
  EXPECT_TRUE(made([](auto& s) { s.stable_rs = "new"; }));
  EXPECT_TRUE(made([](auto& s) { s.current_step_index = 1; }));
  EXPECT_FALSE(made([](auto& s) { s.current_step_index.reset(); }));
  EXPECT_TRUE(made([](auto& s) { s.current_step_hash = "x"; }));
  World blue = world;
  blue.rollout.spec.canary.reset();
  blue.rollout.spec.blue_green.emplace();
  blue.next.current_step_hash = "ignored";
  EXPECT_FALSE(progress_made(blue.rollout.spec, blue.rollout.status, blue.next));
  blue.next.blue_green.preview_selector = "new";
  EXPECT_TRUE(progress_made(blue.rollout.spec, blue.rollout.status, blue.next));
}

TEST(Deadline, is_declared_strictly_after_it_passed) {
  World world;
  world.rollout.spec.progress_deadline_seconds = 60;
  world.have(stored("Progressing", "True", "ReplicaSetUpdated", 0));
  EXPECT_FALSE(world.update(60).timed_out);
  EXPECT_TRUE(world.update(61).timed_out);
  EXPECT_EQ(world.get("Progressing").reason, "ProgressDeadlineExceeded");
  EXPECT_EQ(world.get("Progressing").message, "ReplicaSet \"web-new\" has timed out progressing.");
  EXPECT_FALSE(world.update(62).timed_out);
  EXPECT_TRUE(timed_out(world.rollout, world.next.conditions, at(0)));  // stays until progress
}

TEST(Deadline, is_never_declared_while_something_else_explains_the_wait) {
  const auto declared = [](auto change) {
    World world;
    world.have(stored("Progressing", "True", "ReplicaSetUpdated", 0));
    change(world);
    return world.update(10'000).timed_out;
  };
  EXPECT_TRUE(declared([](World&) {}));
  EXPECT_FALSE(declared([](World& w) {
    w.rollout.status.current_step_index = 1;
    w.next.current_step_index = 1;
  }));
  EXPECT_FALSE(declared([](World& w) { w.rollout.spec.canary->steps[0] = given::analysis(); }));
  EXPECT_FALSE(declared([](World& w) { w.have(stored("Paused", "True", "RolloutPaused", 0)); }));
  EXPECT_TRUE(declared([](World& w) { w.have(stored("Paused", "False", "RolloutPaused", 0)); }));
  EXPECT_FALSE(declared([](World& w) { w.others_delayed = true; }));
  EXPECT_FALSE(declared([](World& w) { w.aborted = true; }));
  EXPECT_FALSE(declared([](World& w) { w.next.available_replicas = 4; }));
  EXPECT_FALSE(declared([](World& w) { w.next.conditions.clear(); }));
  EXPECT_FALSE(declared([](World& w) { w.next.conditions[0].reason = "RolloutPaused"; }));
}

TEST(Deadline, aborts_only_where_asked) {
  World world;
  world.have(stored("Progressing", "True", "ReplicaSetUpdated", 0));
  EXPECT_EQ(deadline_abort(world.deadline(), "web-new", at(10'000)), std::nullopt);
  world.rollout.spec.progress_deadline_abort = true;
  EXPECT_EQ(deadline_abort(world.deadline(), "web-new", at(600)), std::nullopt);
  EXPECT_EQ(deadline_abort(world.deadline(), "web-new", at(601)),
            "ReplicaSet \"web-new\" has timed out progressing.");
  EXPECT_EQ(deadline_abort(world.deadline(), "", at(601)),
            "Rollout \"web\" has timed out progressing.");
  world.aborted = true;
  EXPECT_EQ(deadline_abort(world.deadline(), "web-new", at(601)), std::nullopt);
  world.aborted = false;
  world.promote();  // pods of a completed rollout failing later
  world.next.available_replicas = 1;
  world.rollout.status.available_replicas = 1;
  EXPECT_EQ(deadline_abort(world.deadline(), "web-new", at(601)), std::nullopt);
}

TEST(Deadline, wakes_a_second_after_it_when_nothing_is_written) {
  World world;
  EXPECT_EQ(deadline_wake_up(world.deadline(), at(0)), std::nullopt);  // no condition
  world.have(stored("Progressing", "True", "ReplicaSetUpdated", 0));
  EXPECT_EQ(deadline_wake_up(world.deadline(), at(5)), at(601));
  EXPECT_EQ(deadline_wake_up(world.deadline(), at(700)), std::nullopt);
  world.next.pause_conditions = {{"CanaryPauseStep", at(0)}};
  EXPECT_EQ(deadline_wake_up(world.deadline(), at(5)), std::nullopt);
  world.next.pause_conditions.clear();
  world.promote();
  EXPECT_EQ(deadline_wake_up(world.deadline(), at(5)), std::nullopt);
}

TEST(Precheck, writes_paused_and_resumed_once) {
  World world;
  world.rollout.status.pause_conditions = {{"CanaryPauseStep", at(0)}};
  auto& status = world.rollout.status;
  Conditions list;
  EXPECT_TRUE(precheck_conditions(list, world.rollout.spec, status, at(1)));
  EXPECT_EQ(condition_reason(list, "Progressing"), "RolloutPaused");
  EXPECT_TRUE(condition_is(list, "Paused", "True"));
  EXPECT_EQ(types(list), (std::vector<std::string>{"Progressing", "Paused"}));
  status.conditions = list;
  EXPECT_FALSE(precheck_conditions(list, world.rollout.spec, status, at(2)));
  status.pause_conditions.clear();
  EXPECT_TRUE(precheck_conditions(list, world.rollout.spec, status, at(3)));
  EXPECT_EQ(condition_reason(list, "Progressing"), "RolloutResumed");
  EXPECT_TRUE(condition_is(list, "Paused", "False"));  // stays, so that waiting clients end
  status.conditions = list;
  EXPECT_FALSE(precheck_conditions(list, world.rollout.spec, status, at(4)));
}

TEST(Precheck, leaves_the_progress_of_a_promoted_rollout_alone) {
  World world;
  world.promote();
  world.rollout.spec.paused = true;
  Conditions list = world.rollout.status.conditions = {
      stored("Progressing", "True", "NewReplicaSetAvailable", 0)};
  EXPECT_TRUE(precheck_conditions(list, world.rollout.spec, world.rollout.status, at(1)));
  EXPECT_EQ(condition_reason(list, "Progressing"), "NewReplicaSetAvailable");
  EXPECT_TRUE(condition_is(list, "Paused", "True"));
}

TEST(Precheck, notices_a_retry_and_leaves_an_abort_alone) {
  World world;
  Conditions list =
      world.rollout.status.conditions = {stored("Progressing", "False", "RolloutAborted", 0)};
  world.rollout.status.abort = true;
  world.rollout.spec.paused = true;
  EXPECT_FALSE(precheck_conditions(list, world.rollout.spec, world.rollout.status, at(1)));
  world.rollout.status.abort = false;
  world.rollout.spec.paused = false;
  EXPECT_TRUE(precheck_conditions(list, world.rollout.spec, world.rollout.status, at(1)));
  EXPECT_EQ(condition_reason(list, "Progressing"), "RolloutRetry");
  EXPECT_EQ(list[0].last_update_time, at(1));  // no immediate time-out
}

}  // namespace
}  // namespace sluice::rollout
