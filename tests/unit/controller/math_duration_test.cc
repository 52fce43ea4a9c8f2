// status.duration (rollout.md §7.6).
#include <gtest/gtest.h>

#include "controller/rollout/conditions.h"
#include "controller/rollout/duration.h"
#include "tests/unit/controller/math_given.h"

namespace sluice::rollout {
namespace {

using given::at;

struct Course {
  api::Rollout rollout;
  api::RolloutStatus next;
  DurationInput in;

  Course() {
    rollout.spec.canary = given::canary({given::set_weight(20), given::pause(), given::pause(10)});
    rollout.status.stable_rs = next.stable_rs = "old";
    rollout.status.current_pod_hash = next.current_pod_hash = "new";
    next.current_step_index = 0;
  }
  void runs_since(std::int64_t seconds, std::string status = "") {
    rollout.status.duration = api::RolloutDuration{at(seconds), {}, {}, {}, std::move(status)};
  }
  void finished(std::int64_t from, std::int64_t to, std::string status) {
    rollout.status.duration = api::RolloutDuration{at(from), {}, at(to), {}, std::move(status)};
  }
  DurationResult step(std::int64_t now) {
    in.rollout = &rollout;
    in.next = &next;
    auto out = next_duration(in, at(now) + Millis{300});
    rollout.status.duration = out.duration;
    return out;
  }
};

TEST(Duration, starts_with_a_new_spec_in_whole_seconds) {
  Course world;
  EXPECT_EQ(world.step(0).duration, std::nullopt);
  world.in.spec_changed = true;
  EXPECT_EQ(world.step(5).duration, (api::RolloutDuration{at(5), {}, {}, {}, ""}));
}

TEST(Duration, does_not_start_for_what_is_promoted_and_available_already) {
  Course world;
  world.next.stable_rs = "new";
  world.in.spec_changed = world.in.new_rs_available = true;  // steps edited at rest
  EXPECT_EQ(world.step(5).duration, std::nullopt);
}

TEST(Duration, ends_as_promoted_once_the_pods_are_available) {
  Course world;
  world.runs_since(0);
  world.next.stable_rs = "new";
  world.in.promoted_now = true;
  auto got = world.step(3);
  EXPECT_EQ(got.duration->completion_status, "Promoted");
  EXPECT_EQ(got.duration->finished_at, std::nullopt);
  world.in.promoted_now = false;
  world.in.new_rs_available = true;
  got = world.step(6);
  EXPECT_EQ(got.duration->finished_at, at(6));
  EXPECT_EQ(got.ended, got.duration);
  const auto at_rest = world.step(1000);
  EXPECT_EQ(at_rest.duration, got.duration);
  EXPECT_EQ(at_rest.ended, std::nullopt);
}

TEST(Duration, tells_a_full_promotion_apart) {
  Course world;
  world.runs_since(0);
  world.next.stable_rs = "new";
  world.in.promoted_now = world.in.promoted_by_full = world.in.new_rs_available = true;
  EXPECT_EQ(world.step(4).duration, (api::RolloutDuration{at(0), {}, at(4), {}, "FastPromoted"}));
}

TEST(Duration, ends_as_aborted_and_starts_again_with_a_retry) {
  Course world;
  world.runs_since(0);
  world.in.aborted = true;
  EXPECT_EQ(world.step(4).duration, (api::RolloutDuration{at(0), {}, at(4), {}, "Aborted"}));
  world.rollout.status.conditions = {make_condition("Progressing", "False", "RolloutAborted", "")};
  EXPECT_EQ(world.step(5).duration->finished_at, at(4));
  world.in.aborted = false;
  EXPECT_EQ(world.step(9).duration, (api::RolloutDuration{at(9), {}, {}, {}, ""}));
}

TEST(Duration, is_superseded_by_another_version) {
  Course world;
  world.runs_since(0);
  world.in.spec_changed = true;
  const auto got = world.step(7);
  EXPECT_EQ(got.duration, (api::RolloutDuration{at(7), {}, {}, {}, ""}));
  EXPECT_EQ(got.ended, (api::RolloutDuration{at(0), {}, at(7), {}, "Superseded"}));
}

TEST(Duration, runs_on_through_a_rollback) {
  Course world;
  world.runs_since(0);
  world.in.spec_changed = world.in.rollback = true;
  EXPECT_EQ(world.step(3).duration, (api::RolloutDuration{at(0), {}, {}, {}, "RolledBack"}));
  world.in = {};
  world.next.current_pod_hash = "old";
  world.in.new_rs_available = true;
  EXPECT_EQ(world.step(5).duration, (api::RolloutDuration{at(0), {}, at(5), {}, "RolledBack"}));
}

TEST(Duration, ends_a_fast_rollback_at_once) {
  Course world;
  world.runs_since(0);
  world.in.spec_changed = world.in.rollback = world.in.fast_rollback = world.in.new_rs_available =
      true;
  world.next.current_pod_hash = "old";
  EXPECT_EQ(world.step(3).duration, (api::RolloutDuration{at(0), {}, at(3), {}, "FastRolledBack"}));
}

TEST(Duration, adds_up_manual_pauses) {
  Course world;
  world.runs_since(0);
  world.next.current_step_index = 1;
  world.next.pause_conditions = {{"CanaryPauseStep", at(2)}};
  auto got = world.step(2);
  EXPECT_EQ(got.duration->manual_pause_started_at, at(2));
  EXPECT_EQ(got.duration->total_manual_pause_seconds, std::nullopt);
  EXPECT_EQ(world.step(5).duration->manual_pause_started_at, at(2));
  world.next.pause_conditions.clear();
  got = world.step(9);
  EXPECT_EQ(got.duration->manual_pause_started_at, std::nullopt);
  EXPECT_EQ(got.duration->total_manual_pause_seconds, 7);
  world.rollout.spec.paused = true;
  world.step(20);
  world.in.aborted = true;
  got = world.step(23);
  EXPECT_EQ(got.duration, (api::RolloutDuration{at(0), {}, at(23), 10, "Aborted"}));
}

TEST(Duration, knows_which_pauses_wait_for_a_person) {
  Course world;
  const auto manual = [&] { return manual_pause(world.rollout.spec, world.next); };
  EXPECT_FALSE(manual());
  world.next.pause_conditions = {{"CanaryPauseStep", at(0)}};
  world.next.current_step_index = 2;
  EXPECT_FALSE(manual());  // it has a duration
  world.next.current_step_index = 1;
  EXPECT_TRUE(manual());
  world.next.pause_conditions = {{"InconclusiveAnalysisRun", at(0)}};
  EXPECT_TRUE(manual());
  world.next.pause_conditions = {{"InconclusiveExperiment", at(0)}};
  EXPECT_TRUE(manual());
  world.rollout.spec.canary.reset();
  world.rollout.spec.blue_green.emplace();
  world.next.pause_conditions = {{"BlueGreenPause", at(0)}};
  EXPECT_FALSE(manual());
  world.rollout.spec.blue_green->auto_promotion_enabled = false;
  EXPECT_TRUE(manual());
}

TEST(Duration, is_frozen_while_the_spec_is_invalid) {
  Course world;
  world.runs_since(0);
  world.next.conditions = {make_condition("InvalidSpec", "True", "InvalidSpec", "")};
  world.in.aborted = world.in.spec_changed = true;
  EXPECT_EQ(world.step(9).duration, (api::RolloutDuration{at(0), {}, {}, {}, ""}));
}

TEST(Duration, does_without_a_field_that_an_old_schema_prunes) {
  Course world;
  world.in.aborted = world.in.promoted_now = world.in.new_rs_available = true;
  EXPECT_EQ(world.step(9).duration, std::nullopt);
}

}  // namespace
}  // namespace sluice::rollout
