// Each checker of traffic and capacity catches a controller that does what it must not do, and
// finds nothing before.
#include "tests/unit/sim/scenario_fixture.h"

namespace sluice::sim {
namespace {

TEST(CheckerS1, CatchesTrafficForAVersionWithoutPods) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.deploy()) << all_text(run.checkers.found);
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait("the new ReplicaSet", [&] { return !run.set_name("app:v2").empty(); }));
  const std::string hash = run.view().sets.at(run.set_name("app:v2")).hash;
  run.select("web-canary", hash);
  ASSERT_EQ(run.caught("S1"), 0) << all_text(
      run.checkers.found);  // weight 0: nobody is sent there yet
  run.canary_weight(20);
  EXPECT_EQ(run.caught("S1"), 1);
}

TEST(CheckerS1, CatchesAShareTooBigForThePods) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  ASSERT_EQ(run.caught("S1"), 0) << all_text(run.checkers.found);
  run.canary_weight(50);  // two pods of ten
  EXPECT_EQ(run.caught("S1"), 1);
}

TEST(CheckerS2, CatchesWeightsThatDoNotAddUp) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  ASSERT_EQ(run.caught("S2"), 0) << all_text(run.checkers.found);
  run.status(R"({"canary":{"weights":{"canary":{"weight":20},"stable":{"weight":90}}}})");
  EXPECT_EQ(run.caught("S2"), 1);
}

TEST(CheckerS2, CatchesWeightsOutOfRange) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  run.canary_weight(120);
  EXPECT_EQ(run.caught("S2"), 1);
}

TEST(CheckerS2, CatchesARecordThatDisagreesWithTheRouter) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  run.status(R"({"canary":{"weights":{"canary":{"weight":30},"stable":{"weight":70}}}})");
  EXPECT_EQ(run.caught("S2"), 1);
}

TEST(CheckerS2, CatchesARecordThatIsTakenAwayWhileTheRouterSendsUsers) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  run.status(R"({"canary":{"weights":null}})");
  EXPECT_EQ(run.caught("S2"), 1);
}

TEST(CheckerS2, CatchesARouterThatDisagreesAtRest) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.deploy());
  run.checkers.rest(run.sim.clock.wall_now());
  ASSERT_EQ(run.caught("S2"), 0) << all_text(run.checkers.found);
  run.canary_weight(10);
  run.checkers.rest(run.sim.clock.wall_now());
  EXPECT_EQ(run.caught("S2"), 1);
}

TEST(CheckerS4, CatchesAScaleDownBelowThePromisedCapacity) {
  Given run(Workflow::CanaryBasic);
  ASSERT_TRUE(run.deploy());
  ASSERT_EQ(run.caught("S4"), 0) << all_text(run.checkers.found);
  run.scale("app:v1", 4);  // five replicas, maxUnavailable 0
  EXPECT_EQ(run.caught("S4"), 1);
}

TEST(CheckerS4, CatchesMorePodsThanTheSurgeAllows) {
  Given run(Workflow::CanaryBasic);
  ASSERT_TRUE(run.deploy());
  run.scale("app:v1", 6);
  ASSERT_EQ(run.caught("S4"), 0) << all_text(run.checkers.found);
  run.scale("app:v1", 7);
  EXPECT_EQ(run.caught("S4"), 1);
}

TEST(CheckerS5, CatchesAWeightThatRisesAfterAnAbort) {
  Given run(Workflow::AbortByUser);
  ASSERT_TRUE(run.in_first_pause());
  run.abort();
  ASSERT_TRUE(run.wait_aborted());
  ASSERT_TRUE(run.wait("the cut", [&] { return run.view().canary_weight() == 0; }));
  ASSERT_EQ(run.caught("S5"), 0) << all_text(run.checkers.found);
  const std::string canary = run.view().sets.at(run.set_name("app:v2")).hash;
  run.select("web-canary", canary);
  run.canary_weight(20);
  EXPECT_EQ(run.caught("S5"), 1);
}

TEST(CheckerS5, CatchesACutThatNeverComes) {
  Given run(Workflow::AbortByUser);
  ASSERT_TRUE(run.in_first_pause());
  run.sim.set_write_faults([](const http::Request& request) {
    return call_name(request) == "patch ingresses" || call_name(request) == "patch services"
               ? Fault::ServerError
               : Fault::None;
  });
  run.abort();
  run.sim.run_for(Seconds(50));
  ASSERT_EQ(run.caught("S5"), 0);
  run.sim.run_for(Seconds(50));
  EXPECT_EQ(run.caught("S5"), 1);
}

TEST(CheckerS6, CatchesAnUnprovenActiveVersion) {
  Given run(Workflow::BlueGreen);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait("all pods of v2", [&] {
    const auto name = run.set_name("app:v2");
    return !name.empty() && run.view().sets.at(name).available == 3;
  }));
  ASSERT_EQ(run.caught("S6"), 0) << all_text(run.checkers.found);
  run.select("web-active", run.view().sets.at(run.set_name("app:v2")).hash);
  EXPECT_EQ(run.caught("S6"), 1);  // the pods are there, the analysis is not over
}

TEST(CheckerS6, CatchesAnActiveServiceWithoutVersion) {
  Given run(Workflow::BlueGreen);
  ASSERT_TRUE(run.deploy());
  run.select("web-active", "");
  EXPECT_EQ(run.caught("S6"), 1);
}

TEST(CheckerS7, CatchesALostSelector) {
  for (const auto& [workflow, service] : {std::pair{Workflow::CanaryNginx, "web-stable"},
                                          std::pair{Workflow::BlueGreen, "web-preview"}}) {
    Given run(workflow);
    ASSERT_TRUE(run.deploy());
    ASSERT_EQ(run.caught("S7"), 0) << all_text(run.checkers.found);
    run.select(service, "");
    EXPECT_EQ(run.caught("S7"), 1) << service;
  }
}

TEST(CheckerS12, CatchesAUsedReplicaSetScaledToNothing) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.in_first_pause());
  ASSERT_EQ(run.caught("S12"), 0) << all_text(run.checkers.found);
  run.scale("app:v2", 0);
  EXPECT_GE(run.caught("S12"), 1);
}

TEST(CheckerS12, CatchesADeletedStableReplicaSet) {
  Given run(Workflow::CanaryBasic);
  ASSERT_TRUE(run.deploy());
  kube::Write write;
  write.type = kube::kReplicaSets;
  write.key = {"default", run.set_name("app:v1")};
  write.verb = kube::Verb::Delete;
  write.body = R"({"propagationPolicy":"Background"})";
  ASSERT_LT(run.rogue(write).status, 300);
  EXPECT_GE(run.caught("S12"), 1);
}

TEST(CheckerS12, CatchesAStableVersionThatGoesBeforeAnotherIsRecorded) {
  Given run(Workflow::CanaryBasic);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait("the indefinite pause", [&] {
    return run.rollout().step_index == 3 && run.rollout().pause("CanaryPauseStep");
  }));
  run.sim.set_partitioned(0, true);  // our own controller looks away
  run.scale("app:v2", 5);
  ASSERT_TRUE(run.wait("all pods of v2", [&] {
    return run.view().sets.at(run.set_name("app:v2")).available == 5;
  }));
  ASSERT_EQ(run.caught("S12"), 0) << all_text(run.checkers.found);
  run.scale("app:v1", 0);
  EXPECT_EQ(run.caught("S12"), 1);
}

TEST(CheckerS12, CatchesAPreviewThatLosesItsPods) {
  Given run(Workflow::BlueGreen);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait("a preview of v2", [&] {
    const auto name = run.set_name("app:v2");
    return !name.empty() && run.view().sets.at(name).wanted > 0 &&
           run.view().services.at("web-preview").hash == run.view().sets.at(name).hash;
  }));
  ASSERT_EQ(run.caught("S12"), 0) << all_text(run.checkers.found);
  run.scale("app:v2", 0);
  EXPECT_EQ(run.caught("S12"), 1);
}

}  // namespace
}  // namespace sluice::sim
