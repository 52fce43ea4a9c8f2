// The API server stores objects of up to 10,000 levels, more than anybody here reads. The embedded
// server has a lower bound, so the depth is put in on the way to the controller.
#include <gtest/gtest.h>

#include "tests/unit/sim/user_world.h"

namespace sluice::sim {
namespace {

constexpr std::string_view kDeep = R"("@deep")";

std::string with_depth(std::string text) {
  for (auto at = text.find(kDeep); at != std::string::npos; at = text.find(kDeep)) {
    std::string deep;
    for (int i = 0; i < 1500; ++i) deep += R"({"a":)";
    deep += "1" + std::string(1500, '}');
    text.replace(at, kDeep.size(), deep);
  }
  return text;
}

struct DeepObjects : ::testing::Test {
  DeepObjects() {
    world.sim.set_rewrite(with_depth);
    world.apply({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "other"}}}});
  }
  static Json deep_run() {
    Json metric = UserWorld::metric();
    metric["provider"] = {{"web", {{"url", "http://x"}, {"jsonBody", {{"a", "@deep"}}}}}};
    return {{"apiVersion", "argoproj.io/v1alpha1"},
            {"kind", "AnalysisRun"},
            {"metadata", {{"name", "deep"}, {"namespace", "other"}}},
            {"spec", {{"metrics", Json::array({metric})}}}};
  }
  static Json with_deep_volume(Json rollout) {
    rollout["spec"]["template"]["spec"]["volumes"] =
        Json::array({{{"name", "v"}, {"csi", {{"driver", "d"}, {"x", "@deep"}}}}});
    return rollout;
  }
  static Json plain_canary() {
    return {{"stableService", "web-stable"},
            {"canaryService", "web-canary"},
            {"steps", Json::array({{{"setWeight", 50}}, {{"pause", {{"duration", "5s"}}}}})}};
  }
  void services() {
    for (const char* name : {"web-stable", "web-canary"}) world.apply(UserWorld::service(name));
  }
  std::size_t lines(std::string_view what, std::string_view level = "") {
    std::size_t count = 0;
    for (const auto& line : world.sim.telemetry.lines)
      if (line.find(what) != std::string::npos && line.find(level) != std::string::npos) ++count;
    return count;
  }
  UserWorld world;
};

TEST_F(DeepObjects, InAnotherNamespaceDisturbNoCanary) {
  services();
  world.apply(UserWorld::rollout("web", plain_canary()));
  ASSERT_TRUE(world.wait_phase("Healthy"));
  world.apply(deep_run());
  world.set_image("web:2");
  world.sim.run_for(Seconds(2));
  ASSERT_TRUE(world.wait_phase("Healthy", "web", Seconds(120)));
  EXPECT_TRUE(world.sim.loop().synced());
  EXPECT_EQ(lines("AnalysisRun other/deep cannot be read"), 2U) << "the warning and its Event";

  // And none that begins after a restart, when the object is in the list.
  world.sim.crash();
  world.sim.run_for(Seconds(30));
  ASSERT_TRUE(world.sim.loop().synced()) << "readiness";
  world.set_image("web:3");
  world.sim.run_for(Seconds(2));
  ASSERT_TRUE(world.wait_phase("Healthy", "web", Seconds(120)));
  EXPECT_EQ(lines("AnalysisRun other/deep cannot be read"), 4U);
  world.sim.transport().break_watches();
  world.sim.run_for(Seconds(2000));  // beyond a resync
  EXPECT_EQ(lines("AnalysisRun other/deep cannot be read"), 4U) << "once, while it is the same";
}

TEST_F(DeepObjects, ThatWereReadBeforeStayAsTheyWere) {
  services();
  world.apply(UserWorld::rollout("web", plain_canary()));
  ASSERT_TRUE(world.wait_phase("Healthy"));
  const std::string hash = world.selected("web-stable");
  ASSERT_NE(hash, "");
  world.apply(with_deep_volume(UserWorld::rollout("web", plain_canary())));
  world.sim.run_for(Seconds(60));
  EXPECT_NE(world.events("Rollout", "web").find("ObjectUnreadable"), std::string::npos)
      << world.events("Rollout", "web");
  // The Service is looked at, once while the Rollout is known and once when it never was.
  for (const char* when : {"known", "after a restart"}) {
    world.patch(kube::kServices, "web-stable", {{"metadata", {{"labels", {{"when", "x"}}}}}});
    world.patch(kube::kServices, "web-stable", {{"metadata", {{"labels", {{"when", nullptr}}}}}});
    world.sim.run_for(Seconds(60));
    EXPECT_EQ(world.selected("web-stable"), hash) << when;
    EXPECT_EQ(world.owner("web-stable"), "web") << when;
    EXPECT_EQ(lines("unreadable answer to GET"), 0U) << when;
    world.sim.crash();
    world.sim.run_for(Seconds(30));
  }
  EXPECT_TRUE(world.sim.loop().synced());
  // It can be read again.
  world.patch(api::kRollouts, "web",
              {{"spec", {{"template", {{"spec", {{"volumes", nullptr}}}}}}}});
  EXPECT_TRUE(world.wait_phase("Healthy", "web", Seconds(120)));
}

TEST_F(DeepObjects, WhereNothingOfAKindCanBeReadThatIsSaidOnceAndTheProcessIsNotReady) {
  world.sim.run_for(Seconds(10));
  ASSERT_TRUE(world.sim.loop().synced());
  world.sim.set_rewrite([](std::string text) {
    return text.find(R"("ServiceList")") == std::string::npos ? text : "<html>" + text;
  });
  world.sim.crash();
  world.sim.run_for(Seconds(300));
  EXPECT_FALSE(world.sim.loop().synced());
  EXPECT_EQ(lines("answers about a kind cannot be read", "services"), 1U);
  world.sim.set_rewrite({});
  world.sim.run_for(Seconds(60));
  EXPECT_TRUE(world.sim.loop().synced());
  EXPECT_EQ(lines("answers can be read again", "services"), 1U);
}

// The watch of a kind that was listed well breaks on something that is no event at all.
TEST_F(DeepObjects, AWatchOfWhichNothingCanBeReadUnsetsReadiness) {
  world.sim.run_for(Seconds(10));
  world.sim.set_rewrite([](std::string text) {
    const bool about = text.find(R"("ServiceList")") != std::string::npos ||
                       text.find(R"("kind":"Service")") != std::string::npos;
    return about ? "<html>\n" : text;
  });
  services();
  world.sim.run_for(Seconds(60));
  EXPECT_FALSE(world.sim.loop().synced());
  EXPECT_EQ(lines("answers about a kind cannot be read", "services"), 1U);
  world.sim.set_rewrite({});
  world.sim.run_for(Seconds(60));
  EXPECT_TRUE(world.sim.loop().synced());
}

}  // namespace
}  // namespace sluice::sim
