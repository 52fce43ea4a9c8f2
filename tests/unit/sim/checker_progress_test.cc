// Each checker of steps, pauses, revisions, runs, leadership, costs and ends catches a controller
// that does what it must not do, and finds nothing before.
#include "tests/unit/sim/scenario_fixture.h"

namespace sluice::sim {
namespace {

void copy_run(Given& run, const std::string& name) {
  ASSERT_FALSE(run.view().runs.empty());
  const std::string from = run.view().runs.begin()->first;
  Json copy = *run.sim.server.get(api::kAnalysisRuns, {"default", from});
  copy.erase("status");
  const Json before = copy["metadata"];
  copy["metadata"] = {{"name", name},
                      {"namespace", "default"},
                      {"labels", before["labels"]},
                      {"annotations", before["annotations"]}};
  kube::Write write;
  write.type = api::kAnalysisRuns;
  write.key = {"default", name};
  write.verb = kube::Verb::Create;
  write.body = kube::dump(copy);
  ASSERT_LT(run.rogue(write).status, 300);
}

TEST(CheckerS8, CatchesTwoRunsThatAskTheSame) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  ASSERT_EQ(run.caught("S8"), 0) << all_text(run.checkers.found);
  copy_run(run, "second");
  EXPECT_EQ(run.caught("S8"), 1);
}

TEST(CheckerS8, CatchesABadVerdictThatIsAskedAway) {
  Knobs knobs = knobs_for(Workflow::AbortByAnalysis);
  Scenarios::make_bad(knobs, 0);
  Given run(knobs);
  ASSERT_TRUE(run.play()) << all_text(run.checkers.found);
  ASSERT_TRUE(run.wait_rest());
  ASSERT_EQ(run.caught("S8"), 0) << all_text(run.checkers.found);
  copy_run(run, "again");
  EXPECT_EQ(run.caught("S8"), 1);
}

TEST(CheckerS9, CatchesASkippedStep) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  ASSERT_EQ(run.caught("S9"), 0) << all_text(run.checkers.found);
  run.status(R"({"currentStepIndex":3})");
  EXPECT_EQ(run.caught("S9"), 1);
}

TEST(CheckerS9, CatchesARepeatedStep) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait_step(3));
  ASSERT_EQ(run.caught("S9"), 0) << all_text(run.checkers.found);
  run.status(R"({"currentStepIndex":2})");
  EXPECT_EQ(run.caught("S9"), 1);
}

TEST(CheckerS9, CatchesAWeightStepThatWasNeverReached) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait_step(2));
  ASSERT_NE(run.view().canary_weight(), 50);
  ASSERT_EQ(run.caught("S9"), 0) << all_text(run.checkers.found);
  run.status(R"({"currentStepIndex":3})");
  EXPECT_EQ(run.caught("S9"), 1);
}

TEST(CheckerS9, CatchesAWeightWithoutThePodsForIt) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait_step(2));
  run.canary_weight(50);
  run.status(R"({"currentStepIndex":3})");
  EXPECT_EQ(run.caught("S9"), 1);
}

TEST(CheckerS9, CatchesTwoStepsInOneWrite) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  // The pods and the weight of the step behind the pause are there before their time.
  run.sim.set_partitioned(0, true);
  run.scale("app:v2", 5);
  ASSERT_TRUE(run.wait("five pods of v2",
                       [&] { return run.view().sets.at(run.set_name("app:v2")).available == 5; }));
  run.canary_weight(50);
  ASSERT_EQ(run.caught("S9"), 0) << all_text(run.checkers.found);
  run.status(R"({"currentStepIndex":3})");
  EXPECT_EQ(run.caught("S9"), 1);
}

TEST(CheckerS9, CatchesStepsThatBeginAnewEndAtOnceOrGetLostWithoutReason) {
  for (const char* index : {"0", "5", "null"}) {
    Given run(Workflow::CanaryNginx);
    ASSERT_TRUE(run.in_first_pause());
    ASSERT_EQ(run.caught("S9"), 0) << all_text(run.checkers.found);
    run.status(std::string(R"({"currentStepIndex":)") + index + "}");
    EXPECT_EQ(run.caught("S9"), 1) << index;
  }
}

TEST(CheckerS10, CatchesAPauseThatClaimsToHaveBegunEarlier) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  ASSERT_EQ(run.caught("S10"), 0) << all_text(run.checkers.found);
  run.status(R"({"pauseConditions":[{"reason":"CanaryPauseStep","startTime":")" +
             format_rfc3339(run.sim.clock.wall_now() - Seconds(50)) + R"("}]})");
  run.sim.run_for(Seconds(20));  // our own controller believes it
  EXPECT_EQ(run.caught("S10"), 1);
}

TEST(CheckerS10, BlamesNobodyForAClockThatIsSet) {
  for (const Seconds jump : {Seconds(3600), Seconds(-3600)}) {
    Given run(Workflow::CanaryNginx);
    ASSERT_TRUE(run.in_first_pause());
    run.sim.run_for(Seconds(10));
    run.sim.clock.jump_wall(jump);
    run.sim.run_for(Seconds(4000));
    EXPECT_GE(run.rollout().step_index.value_or(0), 2) << jump.count();
    EXPECT_EQ(run.caught("S10"), 0) << all_text(run.checkers.found);
    EXPECT_EQ(run.caught("V5"), 0) << all_text(run.checkers.found);
  }
}

// The pause is over and the plan that ends it on its way (its first write is) when the clock is set
// back. Seed 7003558.
TEST(CheckerS10, BlamesNobodyForAClockThatIsSetBackBehindADecision) {
  Knobs knobs = knobs_for(Workflow::CanaryNginx);
  knobs.latency = Millis(50);
  Given run(knobs);
  ASSERT_TRUE(run.in_first_pause());
  bool decided = false;
  run.sim.set_write_faults([&](const http::Request& request) {
    decided = decided || call_name(request) == "patch replicasets";
    return Fault::None;
  });
  ASSERT_TRUE(run.wait("the decision", [&] { return decided; }, Seconds(70)));
  ASSERT_EQ(run.rollout().step_index, 1);
  run.sim.clock.jump_wall(Seconds(-3600));
  ASSERT_TRUE(run.wait("its record", [&] { return run.rollout().step_index == 2; }, Seconds(1)));
  EXPECT_EQ(run.caught("S10"), 0) << all_text(run.checkers.found);
}

TEST(CheckerS10, CatchesAPauseThatEndsByAClockOfLongAgo) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  run.sim.freeze(0, Seconds(300));
  run.sim.run_for(Seconds(61));
  run.sim.clock.jump_wall(Seconds(-3600));
  run.sim.run_for(Seconds(3));
  ASSERT_EQ(run.caught("S10"), 0) << all_text(run.checkers.found);
  run.status(R"({"pauseConditions":null,"currentStepIndex":2})");
  EXPECT_EQ(run.caught("S10"), 1);
}

TEST(CheckerS10, CatchesAPauseCutShort) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  run.sim.run_for(Seconds(30));
  ASSERT_EQ(run.caught("S10"), 0) << all_text(run.checkers.found);
  run.status(R"({"pauseConditions":null,"currentStepIndex":2})");
  EXPECT_EQ(run.caught("S10"), 1);
}

TEST(CheckerS10, CatchesAnEndlessPauseThatEnds) {
  Given run(Workflow::CanaryBasic);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait("the indefinite pause", [&] {
    return run.rollout().step_index == 3 && run.rollout().pause("CanaryPauseStep");
  }));
  run.sim.run_for(Seconds(7200));
  ASSERT_EQ(run.caught("S10"), 0) << all_text(run.checkers.found);
  run.status(R"({"pauseConditions":null,"currentStepIndex":4})");
  EXPECT_EQ(run.caught("S10"), 1);
}

TEST(CheckerS11, CatchesAVersionThatBecomesStableTooEarly) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  ASSERT_EQ(run.caught("S11"), 0) << all_text(run.checkers.found);
  run.status(R"({"stableRS":")" + run.rollout().current_hash + "\"}");
  EXPECT_GE(run.caught("S11"), 1);
}

TEST(CheckerS11, CatchesARevisionThatFalls) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  run.patch(kube::kReplicaSets, run.set_name("app:v2"),
            R"({"metadata":{"annotations":{"rollout.argoproj.io/revision":"1"}}})");
  EXPECT_GE(run.caught("S11"), 1);
}

TEST(CheckerS13, CatchesAWriterThatIsNoLongerTheLeader) {
  Knobs knobs = knobs_for(Workflow::CanaryNginx);
  knobs.processes = 2;
  Given run(knobs);
  ASSERT_TRUE(run.in_first_pause());
  const std::string first = run.view().leader;
  run.sim.set_partitioned(0, true);
  run.sim.set_partitioned(1, false);
  ASSERT_TRUE(run.wait("another leader that has written", [&] {
    return run.view().leader != first && run.rollout().step_index.value_or(0) >= 3;
  }));
  ASSERT_EQ(run.caught("S13"), 0) << all_text(run.checkers.found);
  run.patch(api::kRollouts, "web", R"({"status":{"message":"mine"}})", "status", first);
  EXPECT_EQ(run.caught("S13"), 1);
}

TEST(CheckerS15, CatchesAWriteThatChangesNothing) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  ASSERT_EQ(run.caught("S15"), 0) << all_text(run.checkers.found);
  run.canary_weight(20);
  EXPECT_EQ(run.caught("S15"), 1);
}

TEST(CheckerS15, CatchesAStorm) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.deploy());
  for (int i = 0; i < 41; ++i) run.status(R"({"message":")" + std::to_string(i) + "\"}");
  EXPECT_EQ(run.caught("S15"), 1);
}

TEST(CheckerS15, CatchesMoreWritesThanTheWorkflowNeeds) {
  Given run(Workflow::CanaryNginx, {3});
  ASSERT_TRUE(run.deploy());
  EXPECT_EQ(run.caught("S15"), 1);
}

TEST(CheckerS17, CatchesMissingDataThatCountsAsSuccess) {
  Given run(Workflow::CanaryNginx);
  run.backend.scripts["app:v2 background"].then = MetricBackend::Kind::NotANumber;
  // Somewhere on the way NaN turns into a good number.
  run.sim.set_backend([&](const http::Request& request) {
    auto response = run.backend(request, run.sim.clock.mono_now());
    if (const auto at = response->body.find("NaN"); at != std::string::npos)
      response->body.replace(at, 3, "1");
    return response;
  });
  ASSERT_TRUE(run.deploy());
  ASSERT_EQ(run.caught("S17"), 0) << all_text(run.checkers.found);
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait_step(2));
  EXPECT_GE(run.caught("S17"), 1);
}

TEST(CheckerS17, CatchesABadAnswerThatIsLeftOut) {
  Given run(Workflow::CanaryNginx);
  run.backend.scripts["app:v2 background"].first = {MetricBackend::Kind::Good,
                                                    MetricBackend::Kind::Bad};
  // Somewhere on the way a bad answer is asked away.
  run.sim.set_backend([&](const http::Request& request) {
    auto response = run.backend(request, run.sim.clock.mono_now());
    if (response->body.find("0.5") != std::string::npos)
      response = run.backend(request, run.sim.clock.mono_now());
    return response;
  });
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait_step(1));
  ASSERT_EQ(run.caught("S17"), 0) << all_text(run.checkers.found);
  ASSERT_TRUE(run.wait_healthy("app:v2"));
  int invented = 0, promoted = 0;
  for (const auto& item : run.checkers.found) {
    invented += item.checker == "S17" && item.text.starts_with("measurement 2 of ");
    promoted += item.checker == "S17" && item.text.ends_with("analysis was answered badly");
  }
  EXPECT_GE(invented, 1) << all_text(run.checkers.found);
  EXPECT_EQ(promoted, 1) << all_text(run.checkers.found);
}

TEST(CheckerS17, CatchesARunThatIsContentWithTooFewAnswers) {
  Given run(Workflow::BlueGreen);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait("a run that has not ended", [&] {
    return !run.view().runs.empty() && !run.view().runs.begin()->second.over();
  }));
  ASSERT_EQ(run.caught("S17"), 0) << all_text(run.checkers.found);
  run.patch(api::kAnalysisRuns, run.view().runs.begin()->first,
            R"({"status":{"phase":"Successful"}})");
  EXPECT_EQ(run.caught("S17"), 1);
}

TEST(CheckerV1, CatchesAWorldThatDoesNotConverge) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.deploy());
  run.sim.set_write_faults([](const http::Request& request) {
    return call_name(request) == "patch rollouts/status" ? Fault::TimeoutNotApplied : Fault::None;
  });
  run.begin_update("app:v2");
  EXPECT_FALSE(run.wait(
      "the update is promoted", [&] { return run.image_of(run.rollout().stable_hash) == "app:v2"; },
      Seconds(900)));
  EXPECT_EQ(run.caught("V1"), 1);
}

TEST(CheckerV1, CatchesAWriteAtRest) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.deploy());
  run.checkers.rest(run.sim.clock.wall_now());
  run.sim.run_for(Seconds(600));
  ASSERT_EQ(run.caught("V1"), 0) << all_text(run.checkers.found);
  run.status(R"({"message":"still here"})");
  EXPECT_EQ(run.caught("V1"), 1);
}

TEST(CheckerV1, CatchesAnotherEndState) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.deploy());
  const std::string good = run.end_state();
  run.checkers.end(run.end_state(), {good}, run.sim.clock.wall_now());
  ASSERT_EQ(run.caught("V1"), 0);
  run.canary_weight(10);
  run.checkers.end(run.end_state(), {good}, run.sim.clock.wall_now());
  EXPECT_EQ(run.caught("V1"), 1);
}

TEST(CheckerV5, CatchesAPauseThatStartsAnew) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  run.sim.crash();
  run.sim.run_for(Seconds(20));
  ASSERT_EQ(run.caught("V5"), 0) << all_text(run.checkers.found);
  run.status(R"({"pauseConditions":[{"reason":"CanaryPauseStep","startTime":")" +
             format_rfc3339(run.sim.clock.wall_now()) + R"("}]})");
  EXPECT_EQ(run.caught("V5"), 1);
}

TEST(CheckerV5, CatchesAPauseThatEndsLate) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  run.sim.freeze(0, Seconds(90));  // nobody tells the checker, so it blames the controller
  run.sim.run_for(Seconds(80));
  EXPECT_EQ(run.caught("V5"), 1);
}

TEST(CheckerV5, CatchesAPauseThatEndsLateThoughTheClockWasSet) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  run.sim.clock.jump_wall(Seconds(3600));
  run.sim.freeze(0, Seconds(90));
  run.sim.run_for(Seconds(55));
  ASSERT_EQ(run.caught("V5"), 0) << all_text(run.checkers.found);
  run.sim.run_for(Seconds(25));
  EXPECT_EQ(run.caught("V5"), 1);
}

TEST(CheckerV5, CatchesAPromotionThatComesLate) {
  Given run(Workflow::BlueGreen);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait("the pause before the switch",
                       [&] { return run.rollout().pause("BlueGreenPause") != nullptr; }));
  ASSERT_EQ(run.caught("V5"), 0) << all_text(run.checkers.found);
  run.sim.freeze(0, Seconds(60));
  run.sim.run_for(Seconds(40));
  EXPECT_EQ(run.caught("V5"), 1);
}

// The old version waits for its end.
bool in_delay(Given& run) {
  if (!run.deploy()) return false;
  run.begin_update("app:v2");
  return run.wait("the delay of v1",
                  [&] { return run.view().sets.at(run.set_name("app:v1")).deadline.has_value(); });
}

TEST(CheckerV5, CatchesADelayThatMoves) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(in_delay(run));
  ASSERT_EQ(run.caught("V5"), 0) << all_text(run.checkers.found);
  run.patch(kube::kReplicaSets, run.set_name("app:v1"),
            R"({"metadata":{"annotations":{"scale-down-deadline":")" +
                format_rfc3339(run.sim.clock.wall_now() + Seconds(60)) + R"("}}})");
  EXPECT_EQ(run.caught("V5"), 1);
}

TEST(CheckerV5, CatchesADelayCutShort) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(in_delay(run));
  run.scale("app:v1", 0);
  EXPECT_EQ(run.caught("V5"), 1);
}

TEST(CheckerV5, BlamesNobodyForAClockThatIsSetBackBehindTheEndOfADelay) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(in_delay(run));
  run.sim.freeze(0, Seconds(300));
  run.sim.run_for(Seconds(30));
  const auto deadline = run.view().sets.at(run.set_name("app:v1")).deadline;
  ASSERT_TRUE(deadline);
  run.sim.run_for(std::max(Micros(0), Micros(*deadline - run.sim.clock.wall_now())));
  run.sim.clock.jump_wall(Seconds(-3600));
  run.scale("app:v1", 0);
  EXPECT_EQ(run.caught("V5"), 0) << all_text(run.checkers.found);
}

TEST(CheckerV5, CatchesADelayThatDoesNotEnd) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(in_delay(run));
  run.sim.freeze(0, Seconds(90));
  run.sim.run_for(Seconds(28));
  ASSERT_EQ(run.caught("V5"), 0) << all_text(run.checkers.found);
  run.sim.run_for(Seconds(12));
  EXPECT_EQ(run.caught("V5"), 1);
}

}  // namespace
}  // namespace sluice::sim
