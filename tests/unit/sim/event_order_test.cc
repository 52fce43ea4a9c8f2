// Events as somebody sees them who watches the API server: in the order in which things happened,
// and those of a stranger in nobody's way.
#include <set>

#include "sim/faults.h"
#include "tests/unit/sim/user_world.h"

namespace sluice::sim {
namespace {

// Every second Event about a Rollout is lost once on its way, in one of the ways in which it can
// be.
struct EventOrder : ::testing::TestWithParam<Fault> {
  EventOrder() {
    for (const char* name : {"web-stable", "web-canary"}) world.apply(UserWorld::service(name));
    world.sim.set_write_faults([this](const http::Request& request) {
      const Call call = read_call(request);
      if (call.resource != "events" || call.verb != "create") return Fault::None;
      const auto body = kube::parse_json(request.body);
      const std::string name = kube::get_string(*body, "metadata.name");
      if (kube::get_string(*body, "involvedObject.kind") != "Rollout") return Fault::None;
      const bool lost = tried.insert(name).second && tried.size() % 2 == 1;
      if ((!lost || GetParam() == Fault::TimeoutApplied) && arrived_names.insert(name).second)
        arrived.push_back(kube::get_string(*body, "reason"));
      return lost ? GetParam() : Fault::None;
    });
  }
  void update(const Json& strategy) {
    Json object = UserWorld::rollout();
    object["spec"]["strategy"] = strategy;
    world.apply(object);
    ASSERT_TRUE(world.wait_phase("Healthy"));
    world.sim.run_for(Seconds(120));
    arrived.clear();
    world.set_image("web:2");
    world.sim.run_for(Seconds(2));
    ASSERT_TRUE(world.wait_phase("Healthy"));
    world.sim.run_for(Seconds(120));
  }
  UserWorld world;
  std::set<std::string> tried, arrived_names;
  std::vector<std::string> arrived;
};

TEST_P(EventOrder, OfACanaryIsThatOfWhatHappened) {
  update({{"canary", {{"steps", Json::array({{{"setWeight", 50}}})}}}});
  EXPECT_THAT(arrived,
              testing::ElementsAre("RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted",
                                   "ScalingReplicaSet", "ScalingReplicaSet", "RolloutStepCompleted",
                                   "ScalingReplicaSet", "RolloutCompleted", "ScalingReplicaSet"));
}

TEST_P(EventOrder, OfABlueGreenIsThatOfWhatHappened) {
  update({{"blueGreen", {{"activeService", "web-stable"}, {"previewService", "web-canary"}}}});
  EXPECT_THAT(arrived,
              testing::ElementsAre("RolloutUpdated", "NewReplicaSetCreated", "SwitchService",
                                   "RolloutNotCompleted", "ScalingReplicaSet", "SwitchService",
                                   "RolloutCompleted", "ScalingReplicaSet"));
}

INSTANTIATE_TEST_SUITE_P(Lost, EventOrder,
                         testing::Values(Fault::ServerError, Fault::Throttled,
                                         Fault::TimeoutApplied, Fault::TimeoutNotApplied));

// Somebody has his namespace's Events answered late, and provokes many.
TEST(EventFairness, B5_a_stranger_who_provokes_many_events_delays_no_warning_of_another_namespace) {
  UserWorld world;
  world.apply({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "evil"}}}});
  for (const char* name : {"web-stable", "web-canary"}) world.apply(UserWorld::service(name));
  world.apply(UserWorld::rollout(
      "web", {{"steps", Json::array({{{"setWeight", 50}}, {{"pause", Json::object()}}})}}));
  ASSERT_TRUE(world.wait_phase("Healthy"));
  world.set_image("web:2");
  ASSERT_TRUE(world.wait_phase("Paused"));
  std::size_t provoked = 0;
  world.sim.set_write_faults([&](const http::Request& request) {
    const Call call = read_call(request);
    if (call.resource != "events" || call.object.namespace_ != "evil") return Fault::None;
    ++provoked;
    return Fault::TimeoutNotApplied;
  });
  const Json spec = {{"metrics", Json::array({{{"name", "m"}, {"provider", Json::object()}}})}};
  for (int i = 0; i < 200; ++i)
    world.apply({{"apiVersion", "argoproj.io/v1alpha1"},
                 {"kind", "AnalysisRun"},
                 {"metadata", {{"name", "broken-" + std::to_string(i)}, {"namespace", "evil"}}},
                 {"spec", spec}});
  world.sim.run_for(Seconds(2));
  ASSERT_GT(provoked, 0U);
  world.abort();
  world.sim.run_for(Seconds(2));
  EXPECT_THAT(world.events("Rollout", "web"), testing::HasSubstr("RolloutAborted"));
}

}  // namespace
}  // namespace sluice::sim
