// Whose Service it is, on the whole loop (traffic.md §2.4, §2.5).
#include "tests/unit/sim/user_world.h"

namespace sluice::sim {
namespace {

constexpr const char* kManagedBy = "argo-rollouts.argoproj.io/managed-by-rollouts";

Json plain_canary(const std::string& stable, const std::string& canary = "") {
  Json out = {{"stableService", stable},
              {"steps", Json::array({{{"setWeight", 50}}, {{"pause", Json::object()}}})}};
  if (!canary.empty()) out["canaryService"] = canary;
  return out;
}

Json blue_green() {
  Json out = UserWorld::rollout();
  out["spec"]["strategy"] = {{"blueGreen",
                              {{"activeService", "web-stable"},
                               {"previewService", "web-canary"},
                               {"autoPromotionEnabled", false}}}};
  return out;
}

struct ServiceOwnership : testing::Test, UserWorld {
  void SetUp() override {
    apply(service("web-stable"));
    apply(service("web-canary"));
  }
  bool taken(const std::string& by, const std::string& name = "web-stable") {
    return sim.run_until([&] { return owner(name) == by && !selected(name).empty(); },
                         Seconds(300));
  }
  bool given_back(const std::string& name) {
    return sim.run_until([&] { return owner(name).empty() && selected(name).empty(); },
                         Seconds(60));
  }
};

TEST_F(ServiceOwnership, EveryServiceOfADeletedRolloutSelectsAllPodsAgain) {
  apply(rollout("web", plain_canary("web-stable", "web-canary")));
  ASSERT_TRUE(wait_phase("Healthy"));
  ASSERT_TRUE(taken("web") && taken("web", "web-canary"));
  remove(api::kRollouts, "web");
  EXPECT_TRUE(given_back("web-stable"));
  EXPECT_TRUE(given_back("web-canary"));
  EXPECT_EQ(kube::get_string(get(kube::kServices, "web-stable"), "spec.selector.app"), "web");
}

TEST_F(ServiceOwnership, BothServicesOfADeletedBlueGreenRolloutSelectAllPodsAgain) {
  apply(blue_green());
  ASSERT_TRUE(wait_phase("Healthy"));
  ASSERT_TRUE(taken("web") && taken("web", "web-canary"));
  remove(api::kRollouts, "web");
  EXPECT_TRUE(given_back("web-stable"));
  EXPECT_TRUE(given_back("web-canary"));
}

TEST_F(ServiceOwnership, ABlueGreenAbortLeavesUsersOnStableAndThePreviewWhereItWas) {
  apply(blue_green());
  ASSERT_TRUE(wait_phase("Healthy"));
  const std::string stable = selected("web-stable");
  set_image("web:2");
  ASSERT_TRUE(wait_phase("Paused"));
  const std::string preview = selected("web-canary");
  EXPECT_NE(preview, stable);
  abort();
  ASSERT_TRUE(wait_phase("Degraded"));
  sim.run_for(Seconds(5));
  EXPECT_EQ(selected("web-stable"), stable);
  EXPECT_EQ(selected("web-canary"), preview);
}

// The reference points it to the new version and back in every pass.
TEST_F(ServiceOwnership, AnAbortSwitchesTheCanaryServiceOnce) {
  apply(ingress());
  apply(analysis_template(metric()));
  apply(rollout());
  ASSERT_TRUE(wait_phase("Healthy"));
  const std::string stable = selected("web-stable");
  set_image("web:2");
  ASSERT_TRUE(wait_phase("Paused"));
  std::vector<std::string> seen{selected("web-canary")};
  ASSERT_NE(seen.front(), stable);
  sim.after_instant = [&] {
    if (seen.back() != selected("web-canary")) seen.push_back(selected("web-canary"));
  };
  abort();
  ASSERT_TRUE(wait_phase("Degraded"));
  sim.run_for(Seconds(120));  // beyond abortScaleDownDelaySeconds
  EXPECT_THAT(seen, testing::ElementsAre(seen.front(), stable));
}

// traffic.md NGX-2 at rest: nothing but the Ingress's own event wakes the Rollout.
TEST_F(ServiceOwnership, TheCanaryIngressFollowsTheStableOneAtRest) {
  apply(ingress());
  apply(analysis_template(metric()));
  apply(rollout());
  ASSERT_TRUE(wait_phase("Healthy"));
  ASSERT_TRUE(sim.run_until([&] { return !get(kube::kIngresses, "web-web-canary").empty(); },
                            Seconds(60)));
  sim.run_for(Seconds(10));
  const Json tls = Json::parse(R"([{"hosts":["web.example.com"],"secretName":"web-tls"}])");
  patch(kube::kIngresses, "web", {{"spec", {{"tls", tls}}}});
  EXPECT_TRUE(sim.run_until(
      [&] {
        const Json canary = get(kube::kIngresses, "web-web-canary");
        const Json* found = kube::find_path(canary, "spec.tls");
        return found != nullptr && *found == tls;
      },
      Seconds(5)));
}

TEST_F(ServiceOwnership, AServiceTakenOutOfTheSpecIsGivenBackAndTheOtherKept) {
  apply(rollout("web", plain_canary("web-stable", "web-canary")));
  ASSERT_TRUE(wait_phase("Healthy"));
  ASSERT_TRUE(taken("web", "web-canary"));
  patch(api::kRollouts, "web",
        Json::parse(R"({"spec":{"strategy":{"canary":{"canaryService":null}}}})"));
  EXPECT_TRUE(given_back("web-canary"));
  EXPECT_EQ(owner("web-stable"), "web");
}

// While its Rollout lives, the first one keeps it (traffic.md SVC-20, SVC-24).
TEST_F(ServiceOwnership, TheSecondRolloutOfOneServiceIsInvalidWhileTheFirstLives) {
  apply(rollout("first", plain_canary("web-stable")));
  ASSERT_TRUE(taken("first"));
  apply(rollout("second", plain_canary("web-stable")));
  ASSERT_TRUE(wait_phase("Degraded", "second"));
  EXPECT_THAT(text("status.message", "second"),
              testing::HasSubstr("spec.strategy.canary.stableService: Invalid value: "
                                 "\"web-stable\": Service \"web-stable\" is managed by another "
                                 "Rollout"));
  sim.run_for(Seconds(120));
  EXPECT_EQ(owner("web-stable"), "first");
}

// It waits for the Service in its own spec, so nobody else would ever give it back (traffic.md
// SVC-23).
TEST_F(ServiceOwnership, TheSecondTakesOverInOnePatchWhenTheFirstIsGoneOrLetsGo) {
  for (const bool deleted : {true, false}) {
    UserWorld world;
    world.apply(service("web-stable"));
    world.apply(service("other"));
    world.apply(rollout("first", plain_canary("web-stable")));
    ASSERT_TRUE(world.sim.run_until([&] { return world.owner("web-stable") == "first"; },
                                    Seconds(300)));
    world.apply(rollout("second", plain_canary("web-stable")));
    ASSERT_TRUE(world.wait_phase("Degraded", "second"));
    std::vector<std::string> owners;
    if (deleted) {
      world.remove(api::kRollouts, "first");
    } else {
      world.patch(api::kRollouts, "first",
                  Json::parse(R"({"spec":{"strategy":{"canary":{"stableService":"other"}}}})"));
    }
    EXPECT_TRUE(world.sim.run_until(
        [&] {
          if (owners.empty() || owners.back() != world.owner("web-stable"))
            owners.push_back(world.owner("web-stable"));
          return world.owner("web-stable") == "second";
        },
        Seconds(300)))
        << "deleted: " << deleted << ", " << world.text("status.message", "second");
    EXPECT_THAT(owners, testing::ElementsAre("first", "second")) << "deleted: " << deleted;
    EXPECT_TRUE(world.wait_phase("Healthy", "second"));
  }
}

// Its Rollout is not ours to drive, but it lives (traffic.md SVC-33).
TEST_F(ServiceOwnership, AServiceOfAnotherControllersRolloutIsLeftAlone) {
  Json foreign = rollout("foreign", plain_canary("web-stable"));
  foreign["metadata"]["labels"]["argo-rollouts.argoproj.io/controller-instance-id"] = "other";
  apply(foreign);
  Json taken_service = service("web-stable", {{"app", "web"}, {"rollouts-pod-template-hash", "6d5c"}});
  taken_service["metadata"]["annotations"][kManagedBy] = "foreign";
  apply(taken_service);
  // Older controllers left the hash without the annotation (traffic.md SVC-32).
  patch(api::kRollouts, "foreign",
        Json::parse(R"({"spec":{"strategy":{"canary":{"canaryService":"web-canary"}}}})"));
  apply(service("web-canary", {{"app", "web"}, {"rollouts-pod-template-hash", "6d5c"}}));
  sim.run_for(Seconds(2000));
  EXPECT_EQ(selected("web-stable"), "6d5c");
  EXPECT_EQ(owner("web-stable"), "foreign");
  EXPECT_EQ(selected("web-canary"), "6d5c");
}

TEST_F(ServiceOwnership, AHashThatNobodyAccountsForIsTakenOff) {
  apply(service("old", {{"app", "web"}, {"rollouts-pod-template-hash", "6d5c"}}));
  EXPECT_TRUE(given_back("old"));
}

// An error is no absence (traffic.md SVC-31).
TEST_F(ServiceOwnership, AServiceIsNotGivenBackOnSilence) {
  apply(rollout("web", plain_canary("web-stable")));
  ASSERT_TRUE(wait_phase("Healthy"));
  ASSERT_TRUE(taken("web"));
  const std::string hash = selected("web-stable");
  const auto reads = sim.reads();
  remove(api::kRollouts, "web");
  ASSERT_TRUE(sim.run_until([&] { return sim.reads() > reads; }, Seconds(60)));
  sim.set_partitioned(0, true);
  sim.run_for(Seconds(30));
  EXPECT_EQ(selected("web-stable"), hash);
  sim.set_partitioned(0, false);
  EXPECT_TRUE(given_back("web-stable"));
}

// A lagging cache does not decide: the Rollout is there again when it is asked for.
TEST_F(ServiceOwnership, AServiceOfARolloutThatIsBackIsKept) {
  apply(rollout("web", plain_canary("web-stable")));
  ASSERT_TRUE(wait_phase("Healthy"));
  ASSERT_TRUE(taken("web"));
  std::vector<std::string> owners{owner("web-stable")};
  sim.after_instant = [&] {
    if (owners.back() != owner("web-stable")) owners.push_back(owner("web-stable"));
  };
  sim.set_watch_delay(Millis(50));
  remove(api::kRollouts, "web");
  sim.run_for(Millis(20));
  apply(rollout("web", plain_canary("web-stable")));
  ASSERT_TRUE(wait_phase("Healthy"));
  EXPECT_THAT(owners, testing::ElementsAre("web"));
}

// Without it a second Rollout could take the Service, and nobody would give it back (traffic.md
// SVC-2).
TEST_F(ServiceOwnership, AMissingAnnotationIsAddedWithoutAnEvent) {
  apply(rollout("web", plain_canary("web-stable")));
  ASSERT_TRUE(wait_phase("Healthy"));
  ASSERT_TRUE(taken("web"));
  sim.run_for(Seconds(5));
  const std::string before = events("Rollout", "web", false);
  patch(kube::kServices, "web-stable", {{"metadata", {{"annotations", {{kManagedBy, nullptr}}}}}});
  EXPECT_TRUE(taken("web"));
  sim.run_for(Seconds(5));
  EXPECT_EQ(events("Rollout", "web", false), before);
}

}  // namespace
}  // namespace sluice::sim
