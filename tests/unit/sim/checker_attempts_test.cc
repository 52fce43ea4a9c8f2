// The checkers of steps that are done (S18), of attempts that stand alone (S19) and of refusals
// that pass (V2) catch a controller that does what it must not do, and find nothing before.
#include "tests/unit/sim/scenario_fixture.h"

namespace sluice::sim {
namespace {

std::string abort_status(Given& run) {
  return R"({"abort":true,"abortedAt":")" + format_rfc3339(run.sim.clock.wall_now()) + "\"}";
}

TEST(CheckerS18_12, CatchesAWeightThatAnotherVersionHas) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait_step(2));
  ASSERT_NE(run.view().canary_weight(), 50);
  run.select("web-canary", run.view().sets.at(run.set_name("app:v1")).hash);
  run.canary_weight(50);
  ASSERT_EQ(run.caught("S18"), 0) << all_text(run.checkers.found);
  run.status(R"({"currentStepIndex":3})");
  EXPECT_EQ(run.caught("S18"), 1);
}

TEST(CheckerS18_12, CatchesAWeightThatWasNeverSet) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait_step(2));
  run.status(R"({"currentStepIndex":3})");
  EXPECT_EQ(run.caught("S18"), 1);
}

TEST(CheckerS19, CatchesAnAbortThatNoAnalysisAskedFor) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  ASSERT_EQ(run.caught("S19"), 0) << all_text(run.checkers.found);
  run.status(abort_status(run));
  EXPECT_EQ(run.caught("S19"), 1);
}

TEST(CheckerS19_V4, CatchesAnAbortByTheVerdictOfAnEarlierAttempt) {
  Knobs knobs = knobs_for(Workflow::GateRetry);
  Scenarios::prepare(knobs);
  knobs.strangers_say.clear();
  Given run(knobs);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait_aborted());
  ASSERT_EQ(run.caught("S19"), 0) << all_text(run.checkers.found);
  run.retry();
  run.status(abort_status(run));
  EXPECT_EQ(run.caught("S19"), 1);
}

TEST(CheckerS19_V4, CatchesAGateThatAnEarlierAttemptPassed) {
  Knobs knobs = knobs_for(Workflow::GateRetry);
  Given run(knobs);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait_step(2));
  run.abort();
  ASSERT_TRUE(run.wait_aborted());
  run.retry();
  ASSERT_TRUE(run.wait_step(1));
  ASSERT_EQ(run.caught("S19"), 0) << all_text(run.checkers.found);
  run.status(R"({"currentStepIndex":2})");
  EXPECT_EQ(run.caught("S19"), 1);
}

TEST(CheckerS19, CatchesASwitchThatNobodyApproved) {
  Given run(Workflow::ApprovalRetry);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait("the pause before the switch",
                       [&] { return run.rollout().pause("BlueGreenPause") != nullptr; }));
  ASSERT_EQ(run.caught("S19"), 0) << all_text(run.checkers.found);
  run.select("web-active", run.view().sets.at(run.set_name("app:v2")).hash);
  EXPECT_EQ(run.caught("S19"), 1);
}

TEST(CheckerS19_V1, CatchesASwitchThatWasApprovedAndAnalysedInAnEarlierAttempt) {
  Given run(Workflow::ApprovalRetry);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait("the pause before the switch",
                       [&] { return run.rollout().pause("BlueGreenPause") != nullptr; }));
  run.sim.freeze(0, Seconds(60));
  run.resume();
  run.status(abort_status(run));
  run.retry();
  const int before = run.caught("S19");
  run.select("web-active", run.view().sets.at(run.set_name("app:v2")).hash);
  EXPECT_EQ(run.caught("S19"), before + 2) << all_text(run.checkers.found);
}

TEST(CheckerV2_N1, CatchesAWriteThatIsNotSentAgain) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  const MonoTime now = run.sim.clock.mono_now();
  run.checkers.sent(
      {"patch", "ingresses", "", {"default", "web-web-canary"}, now, now + Seconds(10)});
  run.sim.run_for(Seconds(39));
  ASSERT_EQ(run.caught("V2"), 0) << all_text(run.checkers.found);
  run.sim.run_for(Seconds(2));
  EXPECT_EQ(run.caught("V2"), 1);
}

TEST(CheckerV2_N1, CatchesAnAbortThatNobodyActsOn) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  run.sim.freeze(0, Seconds(60));  // nobody tells the checker, so it blames the controller
  run.abort();
  run.sim.run_for(Seconds(4));
  ASSERT_EQ(run.caught("V2"), 0) << all_text(run.checkers.found);
  run.sim.run_for(Seconds(4));
  EXPECT_EQ(run.caught("V2"), 1);
}

}  // namespace
}  // namespace sluice::sim
