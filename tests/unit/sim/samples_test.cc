// Measurements and their record: in W5 every one is kept, a controller that leaves in good order
// leaves none behind, one that is killed costs a few good ones that are taken again.
#include "tests/unit/sim/scenario_fixture.h"

namespace sluice::sim {
namespace {

struct Counting : Given {
  explicit Counting(Workflow workflow) : Given(knobs_for(workflow)) { count(); }
  explicit Counting(const Knobs& knobs) : Given(knobs) { count(); }
  void count() {
    backend.answered = [this, inner = backend.answered](const check::MetricAnswer& answer) {
      ++answers;
      inner(answer);
    };
  }
  int recorded() const {
    int out = 0;
    for (const auto& [name, one] : view().runs) out += one.successful + one.failed + one.error;
    return out;
  }
  bool update_to_first_pause() {
    if (!deploy()) return false;
    begin_update("app:v2");
    return wait("the first pause", [this] { return rollout().pause("CanaryPauseStep") != nullptr; });
  }
  int answers = 0;
};

TEST(Samples, OfTheReferenceCanaryAreAllOnRecordWhenItIsOver) {
  Counting run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.play());
  EXPECT_GE(run.answers, 5);
  EXPECT_EQ(run.recorded(), run.answers);
  EXPECT_TRUE(run.checkers.found.empty()) << all_text(run.checkers.found);
}

TEST(Samples, GoodOnesAreOnRecordWithinAMinuteAndABadOneAtOnce) {
  Knobs knobs = knobs_for(Workflow::AbortByAnalysis);
  MetricBackend::Script script;
  script.first = {MetricBackend::Kind::Good, MetricBackend::Kind::Good};
  script.then = MetricBackend::Kind::Bad;
  knobs.metrics["app:v2 background"] = script;
  Counting run(knobs);
  ASSERT_TRUE(run.update_to_first_pause());
  ASSERT_TRUE(run.wait("two samples", [&] { return run.answers == 2; }));
  run.sim.run_for(Seconds(2));
  EXPECT_EQ(run.recorded(), 0);
  ASSERT_TRUE(run.wait("the bad one", [&] { return run.answers == 3; }));
  ASSERT_TRUE(run.wait(
      "the weight is cut", [&] { return run.view().canary_weight() == 0; }, Millis(50)));
  ASSERT_TRUE(run.wait("the record", [&] { return run.recorded() == 3; }, Millis(50)));
  EXPECT_TRUE(run.wait_aborted());
}

TEST(Samples, AControllerThatLeavesInGoodOrderWritesThoseThatWait) {
  Counting run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.update_to_first_pause());
  run.sim.run_for(Seconds(35));
  ASSERT_EQ(run.answers, 2);
  ASSERT_EQ(run.recorded(), 0);
  run.sim.loop().shutdown();
  ASSERT_TRUE(run.wait("it is gone", [&] { return run.sim.loop().done(); }, Seconds(6)));
  EXPECT_EQ(run.recorded(), 2);
  run.sim.crash();  // the next process
  ASSERT_TRUE(run.wait_healthy("app:v2"));
  EXPECT_EQ(run.recorded(), run.answers);
}

TEST(Samples, AKilledControllerCostsTwoGoodOnesThatAreTakenAgain) {
  Counting run(Workflow::CanaryNginx);
  ASSERT_TRUE(run.update_to_first_pause());
  run.sim.run_for(Seconds(35));
  ASSERT_EQ(run.answers, 2);
  run.sim.crash();
  ASSERT_TRUE(run.wait("the next process measures", [&] { return run.answers == 3; }, Seconds(30)));
  ASSERT_TRUE(run.wait_healthy("app:v2"));
  EXPECT_EQ(run.recorded(), run.answers - 2);
  EXPECT_TRUE(run.wait_rest());
  EXPECT_TRUE(run.checkers.found.empty()) << all_text(run.checkers.found);
}

}  // namespace
}  // namespace sluice::sim
