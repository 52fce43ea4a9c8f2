// Writes in flight are bounded: who waits for a slot gets one, whatever becomes of those before.
#include <gtest/gtest.h>

#include "tests/unit/sim/user_world.h"

namespace sluice::sim {
namespace {

Simulation::Options one_slot() {
  auto out = UserWorld::options("");
  out.loop.writes_in_flight_max = 1;
  out.transport.latency = Millis(50);
  return out;
}

Json hopeless_run(const std::string& name) {
  Json metric = UserWorld::metric();
  metric["provider"] = {{"web", {{"url", "ftp://nowhere"}}}};
  return {{"apiVersion", "argoproj.io/v1alpha1"},
          {"kind", "AnalysisRun"},
          {"metadata", {{"name", name}, {"namespace", "default"}}},
          {"spec", {{"metrics", Json::array({metric})}}}};
}

// A plan whose object had gone took the slot that it was given, and woke nobody: after as many of
// them as there are slots, what waited behind them waited for ever.
TEST(WriteSlots, APlanWithNothingToSendLeavesItsSlotToTheNext) {
  UserWorld world(one_slot());
  const Json strategy = {
      {"steps", Json::array({{{"setWeight", 50}}, {{"pause", Json::object()}}})}};
  world.apply(UserWorld::rollout("web", strategy));
  ASSERT_TRUE(world.wait_phase("Healthy"));
  world.set_image("web:2");
  ASSERT_TRUE(world.wait_phase("Paused"));
  world.sim.run_for(Seconds(10));
  for (int i = 0; i < 8; ++i) world.apply(hopeless_run("r" + std::to_string(i)));
  world.sim.run_for(Millis(20));  // one write is on its way, the others wait
  world.abort();
  world.sim.run_for(Millis(20));
  for (int i = 0; i < 8; ++i) world.remove(api::kAnalysisRuns, "r" + std::to_string(i));
  EXPECT_TRUE(world.wait_phase("Degraded", "web", Seconds(60)));
}

}  // namespace
}  // namespace sluice::sim
