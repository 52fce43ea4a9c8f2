// The checkers of what belongs to whom (S14, S20) catch a controller that takes what is not its
// own, and find nothing before.
#include "tests/unit/sim/scenario_fixture.h"

namespace sluice::sim {
namespace {

// Under way, while a namespace that sorts before ours claims our runs.
Knobs with_strangers(Workflow workflow, const std::string& say) {
  Knobs out = knobs_for(workflow);
  out.strangers_say = say;
  out.strangers_in = "a-evil";
  return out;
}

kube::Write write_to(const kube::ResourceType& type, const kube::ObjectKey& key,
                     const std::string& body) {
  kube::Write out;
  out.type = type;
  out.key = key;
  out.body = body;
  return out;
}

TEST(CheckerS14, CatchesAWriteToARolloutOfAnotherInstance) {
  Given run(Workflow::TwoControllers);
  ASSERT_TRUE(run.deploy()) << all_text(run.checkers.found);
  ASSERT_EQ(run.caught("S14"), 0) << all_text(run.checkers.found);
  for (const char* name : {"plain", "green"}) {
    auto write = write_to(api::kRollouts, {"default", name}, R"({"status":{"message":"mine"}})");
    write.subresource = "status";
    ASSERT_LT(run.rogue(write).status, 300);
  }
  EXPECT_EQ(run.caught("S14"), 2);
}

TEST(CheckerS14, CatchesAWriteToWhatAnotherInstanceOwns) {
  Given run(Workflow::TwoControllers);
  ASSERT_TRUE(run.deploy());
  const auto sets = run.sim.server.list(kube::kReplicaSets, "default");
  int foreign = 0;
  for (const auto& set : sets) {
    const std::string name = kube::get_string(*set, "metadata.name");
    if (name.starts_with("web")) continue;
    ++foreign;
    ASSERT_LT(run.rogue(write_to(kube::kReplicaSets, {"default", name},
                                 R"({"metadata":{"annotations":{"mine":"1"}}})"))
                  .status,
              300);
  }
  ASSERT_EQ(foreign, 2);
  ASSERT_LT(run.rogue(write_to(kube::kServices, {"default", "green-stable"},
                               R"({"metadata":{"annotations":{"mine":"1"}}})"))
                .status,
            300);
  EXPECT_EQ(run.caught("S14"), 3);
}

TEST(CheckerS14_F1, CatchesTheEndOfARunInAnotherNamespace) {
  Given run(with_strangers(Workflow::CanaryNginx, "Successful"));
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait("a stranger's run",
                       [&] { return !run.sim.server.list(api::kAnalysisRuns, "a-evil").empty(); }));
  const auto theirs = run.sim.server.list(api::kAnalysisRuns, "a-evil");
  const int before = run.caught("S14");
  auto write = write_to(api::kAnalysisRuns,
                        {"a-evil", kube::get_string(*theirs.front(), "metadata.name")}, "");
  write.verb = kube::Verb::Delete;
  ASSERT_LT(run.rogue(write).status, 300);
  EXPECT_EQ(run.caught("S14"), before + 1);
}

TEST(CheckerS14, CatchesAServiceThatNoRolloutRefersTo) {
  Given run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.deploy());
  ASSERT_TRUE(run.sim.apply_object({{"apiVersion", "v1"},
                                    {"kind", "Service"},
                                    {"metadata", {{"name", "other"}, {"namespace", "default"}}},
                                    {"spec", {{"ports", Json::array({{{"port", 80}}})}}}}));
  ASSERT_EQ(run.caught("S14"), 0) << all_text(run.checkers.found);
  run.select("other", "abc");
  EXPECT_EQ(run.caught("S14"), 1);
}

TEST(CheckerS14, CatchesAnEventAboutSomebodyElsesRollout) {
  Given run(Workflow::TwoControllers);
  ASSERT_TRUE(run.deploy());
  const auto plain = run.sim.server.get(api::kRollouts, {"default", "plain"});
  kube::Write write =
      write_to(kube::kEvents, {"default", "plain.1"},
               kube::dump({{"apiVersion", "v1"},
                           {"kind", "Event"},
                           {"metadata", {{"name", "plain.1"}, {"namespace", "default"}}},
                           {"involvedObject",
                            {{"kind", "Rollout"},
                             {"name", "plain"},
                             {"namespace", "default"},
                             {"uid", kube::get_string(*plain, "metadata.uid")}}},
                           {"reason", "Mine"},
                           {"message", "mine"},
                           {"type", "Normal"}}));
  write.verb = kube::Verb::Create;
  ASSERT_EQ(run.caught("S14"), 0) << all_text(run.checkers.found);
  const auto response = run.rogue(write);
  ASSERT_LT(response.status, 300) << response.body;
  EXPECT_EQ(run.caught("S14"), 1);
}

// The gate of step 1 is being measured.
bool in_gate(Given& run) {
  if (!run.deploy()) return false;
  run.begin_update("app:v2");
  return run.wait("the gate's run", [&] {
    return std::any_of(run.view().runs.begin(), run.view().runs.end(), [](const auto& item) {
      return item.second.type == "Step" && !item.second.over();
    });
  });
}

TEST(CheckerS20_F1, CatchesAVerdictThatOurRunNeverGave) {
  for (const char* verdict : {"Successful", "Failed", "Error"}) {
    Given run(Workflow::GateRetry);
    ASSERT_TRUE(in_gate(run));
    ASSERT_EQ(run.caught("S20"), 0) << all_text(run.checkers.found);
    run.status(R"({"canary":{"currentStepAnalysisRunStatus":{"name":")" +
               run.view().runs.begin()->first + R"(","status":")" + verdict + R"("}}})");
    EXPECT_EQ(run.caught("S20"), 1) << verdict;
  }
}

TEST(CheckerS20_F1, CatchesARunThatIsNotInOurNamespace) {
  Given run(Workflow::GateRetry);
  ASSERT_TRUE(in_gate(run));
  run.status(
      R"({"canary":{"currentStepAnalysisRunStatus":{"name":"elsewhere","status":"Running"}}})");
  EXPECT_EQ(run.caught("S20"), 1);
}

TEST(CheckerS20_F2, CatchesAJobThatIsNotTheRunsOwn) {
  Given run(Workflow::GateRetry);
  ASSERT_TRUE(run.deploy());
  run.begin_update("app:v2");
  const auto by_job = [&]() -> const check::RunFacts* {
    for (const auto& [name, one] : run.view().runs)
      if (one.by_job && !one.over()) return &one;
    return nullptr;
  };
  ASSERT_TRUE(run.wait("the run of a Job", [&] { return by_job() != nullptr; }));
  ASSERT_EQ(run.caught("S20"), 0) << all_text(run.checkers.found);
  run.patch(api::kAnalysisRuns, by_job()->name,
            R"({"status":{"metricResults":[{"name":"check","phase":"Successful","count":1,)"
            R"("successful":1}]}})");
  EXPECT_EQ(run.caught("S20"), 1);
}

}  // namespace
}  // namespace sluice::sim
