// Pauses, abort flag, halts (rollout.md §3.12, §4.3, §6).
#include <gtest/gtest.h>

#include "controller/rollout/pauses.h"
#include "tests/unit/controller/math_given.h"

namespace sluice::rollout {
namespace {

using given::at;
constexpr Seconds kResync{900};

api::RolloutStatus paused(std::string reason, std::int64_t since = 0) {
  api::RolloutStatus status;
  status.pause_conditions = {{std::move(reason), at(since)}};
  status.controller_pause = true;
  return status;
}

api::PauseStep seconds(std::int64_t value) {
  return {kube::IntOrString{false, value, ""}};
}

TEST(PauseStatus, adds_a_reason_once_and_keeps_its_start_time) {
  api::RolloutStatus stored, next;
  PauseChanges changes;
  changes.add(pause::kCanaryStep);
  changes.add(pause::kCanaryStep);
  apply_pauses(next, stored, changes, at(5) + Millis{700});
  ASSERT_EQ(next.pause_conditions.size(), 1U);
  EXPECT_EQ(next.pause_conditions[0], (api::PauseCondition{"CanaryPauseStep", at(5)}));
  EXPECT_TRUE(next.controller_pause);
  stored = next;
  apply_pauses(next, stored, changes, at(50));
  EXPECT_EQ(next.pause_conditions, stored.pause_conditions);
}

TEST(PauseStatus, drops_both_fields_when_the_list_gets_empty) {
  api::RolloutStatus next;
  PauseChanges changes;
  changes.remove(pause::kCanaryStep);
  apply_pauses(next, paused("CanaryPauseStep"), changes, at(5));
  EXPECT_TRUE(next.pause_conditions.empty());
  EXPECT_FALSE(next.controller_pause);
  // The marker of a human resume lives one full pass.
  api::RolloutStatus resumed;
  resumed.controller_pause = true;
  EXPECT_TRUE(human_resumed(resumed));
  apply_pauses(next, resumed, {}, at(5));
  EXPECT_FALSE(next.controller_pause);
}

TEST(PauseStatus, keeps_other_reasons) {
  auto stored = paused("CanaryPauseStep");
  stored.pause_conditions.push_back({"InconclusiveAnalysisRun", at(1)});
  api::RolloutStatus next;
  PauseChanges changes;
  changes.remove(pause::kCanaryStep);
  apply_pauses(next, stored, changes, at(5));
  ASSERT_EQ(next.pause_conditions.size(), 1U);
  EXPECT_EQ(next.pause_conditions[0].reason, "InconclusiveAnalysisRun");
  EXPECT_TRUE(next.controller_pause);
}

TEST(PauseStatus, does_not_claim_a_pause_that_only_a_client_left) {
  auto stored = paused("CanaryPauseStep");
  stored.controller_pause = false;
  api::RolloutStatus next;
  PauseChanges changes;
  changes.add(pause::kCanaryStep);
  apply_pauses(next, stored, changes, at(5));
  EXPECT_FALSE(next.controller_pause);
}

TEST(PauseStatus, is_cleared_on_request) {
  api::RolloutStatus next;
  PauseChanges changes;
  changes.clear = true;
  changes.add(pause::kCanaryStep);
  apply_pauses(next, paused("CanaryPauseStep"), changes, at(5));
  EXPECT_TRUE(next.pause_conditions.empty());
  EXPECT_FALSE(next.controller_pause);
}

TEST(AbortStatus, keeps_the_time_of_the_abort) {
  api::RolloutStatus stored = paused("CanaryPauseStep"), next;
  PauseChanges changes;
  changes.abort("first");
  changes.abort("second");
  EXPECT_EQ(changes.abort_message, "first");
  EXPECT_TRUE(is_aborted(stored, changes));
  apply_pauses(next, stored, changes, at(5) + Millis{1});
  EXPECT_TRUE(next.abort);
  EXPECT_EQ(next.aborted_at, at(5));
  EXPECT_TRUE(next.pause_conditions.empty());
  EXPECT_FALSE(next.controller_pause);
  stored = next;
  apply_pauses(next, stored, {}, at(500));
  EXPECT_EQ(next.aborted_at, at(5));
}

TEST(AbortStatus, goes_with_its_time_when_removed) {
  api::RolloutStatus stored, next;
  stored.abort = true;
  stored.aborted_at = at(0);
  PauseChanges changes;
  changes.drop_abort();
  EXPECT_FALSE(is_aborted(stored, changes));
  apply_pauses(next, stored, changes, at(5));
  EXPECT_FALSE(next.abort);
  EXPECT_EQ(next.aborted_at, std::nullopt);
  stored.abort = false;  // a retry by a client
  apply_pauses(next, stored, {}, at(5));
  EXPECT_EQ(next.aborted_at, std::nullopt);
}

TEST(Halt, has_two_reasons) {
  api::RolloutSpec spec;
  EXPECT_EQ(halt_reason(spec, {}), Halt::None);
  EXPECT_EQ(halt_reason(spec, paused("CanaryPauseStep")), Halt::None);
  EXPECT_EQ(halt_reason(spec, paused("InconclusiveExperiment")), Halt::None);
  EXPECT_EQ(halt_reason(spec, paused("InconclusiveAnalysisRun")), Halt::InconclusiveAnalysis);
  spec.paused = true;
  EXPECT_EQ(to_string(halt_reason(spec, {})), "user paused");
  EXPECT_EQ(to_string(Halt::InconclusiveAnalysis), "inconclusive analysis");
}

TEST(Halt, does_not_stop_sizing_of_a_full_promotion) {
  api::RolloutSpec spec;
  spec.paused = true;
  api::RolloutStatus status;
  EXPECT_TRUE(sizing_halted(spec, status));
  status.promote_full = true;
  EXPECT_FALSE(sizing_halted(spec, status));
  EXPECT_TRUE(sizing_halted({}, paused("InconclusiveAnalysisRun")));
}

TEST(CanaryPause, expires_strictly_after_its_duration) {
  const auto stored = paused("CanaryPauseStep");
  EXPECT_FALSE(canary_pause_complete(seconds(10), stored, at(10)));
  EXPECT_TRUE(canary_pause_complete(seconds(10), stored, at(10) + Micros{1}));
  EXPECT_FALSE(canary_pause_complete(seconds(0), stored, at(0)));
  EXPECT_TRUE(canary_pause_complete(seconds(0), stored, at(0) + Micros{1}));
}

TEST(CanaryPause, without_duration_ends_only_by_a_human) {
  EXPECT_FALSE(canary_pause_complete({}, paused("CanaryPauseStep"), at(1'000'000)));
  api::RolloutStatus resumed;
  EXPECT_FALSE(canary_pause_complete({}, resumed, at(0)));
  resumed.controller_pause = true;
  EXPECT_TRUE(canary_pause_complete({}, resumed, at(0)));
  EXPECT_TRUE(canary_pause_complete(seconds(3600), resumed, at(0)));
}

TEST(CanaryPause, is_added_once_and_wakes_at_its_end) {
  const api::RolloutSpec spec;
  auto got = canary_pause(seconds(10), spec, {}, at(0), kResync);
  EXPECT_TRUE(got.add);
  EXPECT_EQ(got.wake_at, at(10) + Micros{1});
  got = canary_pause(seconds(10), spec, paused("CanaryPauseStep", -5), at(0), kResync);
  EXPECT_FALSE(got.add);
  EXPECT_EQ(got.wake_at, at(5) + Micros{1});
  got = canary_pause(seconds(3600), spec, paused("CanaryPauseStep"), at(0), kResync);
  EXPECT_EQ(got.wake_at, std::nullopt);  // the resync covers it
  got = canary_pause({}, spec, {}, at(0), kResync);
  EXPECT_TRUE(got.add);
  EXPECT_EQ(got.wake_at, std::nullopt);
  got = canary_pause(seconds(10), spec, paused("CanaryPauseStep", -20), at(0), kResync);
  EXPECT_EQ(got.wake_at, std::nullopt);  // over: completion follows in this pass
}

TEST(CanaryPause, is_not_added_after_a_resume_or_when_it_does_not_matter) {
  api::RolloutSpec spec;
  api::RolloutStatus resumed;
  resumed.controller_pause = true;
  EXPECT_FALSE(canary_pause(seconds(10), spec, resumed, at(0), kResync).add);
  api::RolloutStatus full;
  full.promote_full = true;
  EXPECT_FALSE(canary_pause(seconds(10), spec, full, at(0), kResync).add);
  spec.paused = true;
  EXPECT_FALSE(canary_pause(seconds(10), spec, {}, at(0), kResync).add);
}

TEST(PauseEnd, saturates) {
  EXPECT_GT(pause_end(at(0), INT64_MAX), at(0));
  EXPECT_EQ(pause_end(at(0), -5), at(0) + Micros{1});
}

struct BlueGreenWorld {
  api::RolloutSpec spec;
  api::RolloutStatus stored;
  bool ready = true, fast_tracked = false, passed = true, added = false;

  explicit BlueGreenWorld(bool auto_promotion, std::int32_t after = 0) {
    spec.blue_green.emplace();
    spec.blue_green->auto_promotion_enabled = auto_promotion;
    spec.blue_green->auto_promotion_seconds = after;
  }
  [[nodiscard]] BlueGreenPauseInput input() const {
    return {&spec, &stored, ready, fast_tracked, passed, added};
  }
  [[nodiscard]] PauseDecision decide(std::int64_t now) const {
    return blue_green_pause(input(), at(now), kResync);
  }
  [[nodiscard]] bool complete(std::int64_t now) const {
    return blue_green_pause_complete(input(), at(now));
  }
};

TEST(BlueGreenPause, is_added_when_green_is_ready_and_checked) {
  BlueGreenWorld world(false);
  EXPECT_TRUE(world.decide(0).add);
  world.passed = false;
  EXPECT_FALSE(world.decide(0).add);  // the manual pause begins after the analysis
  world.passed = true;
  world.ready = false;
  EXPECT_FALSE(world.decide(0).add);
  world.ready = true;
  world.spec.paused = true;
  EXPECT_FALSE(world.decide(0).add);
  world.spec.paused = false;
  world.stored.abort = true;
  EXPECT_FALSE(world.decide(0).add);
}

TEST(BlueGreenPause, is_not_needed_where_promotion_is_automatic_or_fast) {
  const BlueGreenWorld automatic(true);
  EXPECT_TRUE(automatic.decide(0).remove);
  EXPECT_TRUE(automatic.complete(0));
  BlueGreenWorld fast(false);
  fast.fast_tracked = true;
  EXPECT_TRUE(fast.decide(0).remove);
  EXPECT_FALSE(fast.decide(0).add);
  BlueGreenWorld reached(false);
  reached.stored.blue_green.scale_up_preview_check_point = true;
  EXPECT_TRUE(reached.decide(0).remove);
  EXPECT_TRUE(reached.complete(0));
}

TEST(BlueGreenPause, ends_by_time_only_with_auto_promotion) {
  BlueGreenWorld timed(true, 30);
  EXPECT_TRUE(timed.decide(0).add);
  EXPECT_EQ(timed.decide(0).wake_at, at(30) + Micros{1});
  EXPECT_FALSE(timed.complete(0));
  timed.stored = paused("BlueGreenPause");
  EXPECT_EQ(timed.decide(10).wake_at, at(30) + Micros{1});
  EXPECT_FALSE(timed.complete(30));
  EXPECT_TRUE(timed.complete(31));
  EXPECT_TRUE(timed.decide(31).remove);
  BlueGreenWorld manual(false, 30);
  manual.stored = paused("BlueGreenPause");
  EXPECT_EQ(manual.decide(10).wake_at, at(30) + Micros{1});  // arms a timer, never promotes
  EXPECT_FALSE(manual.complete(31));
  EXPECT_FALSE(manual.decide(31).remove);
}

TEST(BlueGreenPause, ends_when_a_human_resumes_in_both_modes) {
  for (const bool automatic : {true, false}) {
    BlueGreenWorld world(automatic, 3600);
    world.stored.controller_pause = true;
    EXPECT_TRUE(world.complete(0)) << automatic;
    EXPECT_FALSE(world.decide(0).add) << automatic;  // the timer is not restarted
    world.added = true;
    EXPECT_FALSE(world.complete(0)) << automatic;
  }
}

TEST(PreviewCheckPoint, is_reached_at_the_preview_size_and_kept) {
  BlueGreenWorld world(false);
  world.stored.controller_pause = true;
  EXPECT_FALSE(preview_check_point(world.input(), 1, false, at(0)));  // no previewReplicaCount
  world.spec.blue_green->preview_replica_count = 1;
  EXPECT_TRUE(preview_check_point(world.input(), 1, false, at(0)));
  EXPECT_TRUE(preview_check_point(world.input(), 2, false, at(0)))
      << "grown already, and the record of that lost: nobody is to approve it twice";
  EXPECT_FALSE(preview_check_point(world.input(), 0, false, at(0)));
  world.passed = false;
  EXPECT_FALSE(preview_check_point(world.input(), 1, false, at(0)));
  world.stored.blue_green.scale_up_preview_check_point = true;
  EXPECT_TRUE(preview_check_point(world.input(), 0, false, at(0)));
  EXPECT_FALSE(
      preview_check_point(world.input(), 1, true, at(0)));  // no leak into the next revision
}

}  // namespace
}  // namespace sluice::rollout
