// A router is a row: one that exists for tests alone joins the table, and no other file knows it.
#include "tests/support/config_map_router.h"

#include "controller/rollout/routes.h"
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using traffic::test::ConfigMapRouter;

struct RouterRow : ::testing::Test {
  ConfigMapRouter router;
  traffic::ExtraRouter row{router};

  // `beside_it`: more members of trafficRouting.
  static Cluster canary(std::string_view steps, std::string_view beside_it = "{}",
                        bool verifies = false, std::string_view more = "{}") {
    Json strategy = json(more);
    strategy["steps"] = json(steps);
    strategy["canaryService"] = "web-canary";
    strategy["stableService"] = "web-stable";
    strategy["trafficRouting"] = json(beside_it);
    strategy["trafficRouting"]["plugins"][std::string(ConfigMapRouter::kKey)] = {
        {"name", "weights"}, {"verifies", verifies}};
    Cluster out;
    out.put(service("web-canary"));
    out.put(service("web-stable"));
    out.put(ingress("web-stable"));
    out.put(rollout(4, Json{{"canary", strategy}}));
    out.run();
    return out;
  }
  static std::string data(Cluster& c, const std::string& key) {
    return kube::get_string(c.get("ConfigMap", "weights"), "data." + key);
  }
  static void edit_plugins(Cluster& c, std::string_view patch) {
    c.edit_rollout(R"({"spec":{"strategy":{"canary":{"trafficRouting":{"plugins":)" +
                   std::string(patch) + "}}}}}");
  }
  // The data plane answers.
  static void confirm(Cluster& c) {
    c.edit("ConfigMap", "weights", {{"data", {{"confirmed", data(c, "canary")}}}});
  }
  static Json weights(Cluster& c) { return c.status()["canary"]["weights"]; }
  static std::vector<std::string> told(const Cluster& c, std::string_view reason) {
    std::vector<std::string> out;
    for (const auto& event : c.events)
      if (event.starts_with(std::string(reason) + ":")) out.push_back(event);
    return out;
  }
};

const char* const kSteps = R"([{"setWeight":25},{"pause":{}},{"setWeight":100},{"pause":{}}])";

TEST_F(RouterRow, a_canary_goes_up_and_an_abort_takes_it_back) {
  auto c = canary(kSteps);
  EXPECT_EQ(data(c, "canary"), "0");
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(data(c, "canary"), "25");
  EXPECT_EQ(data(c, "hash"), c.current_hash());
  EXPECT_EQ(weights(c)["canary"]["weight"], 25);
  resume(c);
  c.run();
  EXPECT_EQ(data(c, "canary"), "100");
  abort_it(c);
  c.run();
  EXPECT_EQ(data(c, "canary"), "0");
  EXPECT_EQ(weights(c)["stable"]["weight"], 100);
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_THAT(told(c, "ConfigMapUpdated"),
              ElementsAre("ConfigMapUpdated: ConfigMap weights set to weight 0",
                          "ConfigMapUpdated: ConfigMap weights set to weight 0",  // another hash
                          "ConfigMapUpdated: ConfigMap weights set to weight 25",
                          "ConfigMapUpdated: ConfigMap weights set to weight 100",
                          "ConfigMapUpdated: ConfigMap weights set to weight 0"));
}

TEST_F(RouterRow, a_whole_update_ends_with_the_new_version_and_the_weight_taken_back) {
  auto c = canary(R"([{"setWeight":50}])");
  c.set_image("web:2");
  c.run_for(Seconds{60});
  EXPECT_EQ(c.phase(), "Healthy");
  EXPECT_EQ(c.stable_hash(), c.current_hash());
  EXPECT_EQ(data(c, "canary"), "0");
}

TEST_F(RouterRow, who_has_no_row_is_refused_by_name) {
  Cluster c = canary(kSteps);
  edit_plugins(c, R"({"example.com/other":{}})");
  c.run();
  EXPECT_THAT(c.message(), HasSubstr("spec.strategy.canary.trafficRouting.plugins"));
  EXPECT_EQ(c.event_reasons.back(), "Unsupported");
}

TEST(RouterRowAlone, leaves_the_table_with_the_test) {
  const auto before = traffic::routers().size();
  {
    const ConfigMapRouter router;
    const traffic::ExtraRouter row{router};
    EXPECT_EQ(traffic::routers().size(), before + 1);
    EXPECT_EQ(traffic::routers().back(), &router);
  }
  EXPECT_EQ(traffic::routers().size(), before);
}

TEST_F(RouterRow, what_it_lacks_is_an_invalid_spec_in_its_own_words) {
  auto c = canary(kSteps);
  edit_plugins(c, R"({"sluice.test/config-map":{"name":null}})");
  c.run();
  EXPECT_THAT(c.message(), HasSubstr("Required value: the ConfigMap with the weights"));
  EXPECT_EQ(c.reason("InvalidSpec"), "InvalidSpec");
}

TEST_F(RouterRow, a_weight_that_it_cannot_be_told_is_refused) {
  auto c = canary(kSteps);
  c.edit_rollout(
      R"({"spec":{"strategy":{"canary":{"trafficRouting":{"maxTrafficWeight":1000}}}}})");
  c.run();
  EXPECT_THAT(c.message(), HasSubstr("trafficRouting.maxTrafficWeight"));
  EXPECT_THAT(c.message(), HasSubstr("no weight above 100"));
}

// ---- verification (traffic.md §1.7)

TEST_F(RouterRow, a_step_waits_until_the_router_says_that_users_arrive) {
  auto c = canary(kSteps, "{}", true);
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(data(c, "canary"), "25");
  EXPECT_EQ(c.index(), 0);
  EXPECT_EQ(weights(c)["verified"], false);
  ASSERT_TRUE(c.wake_at);
  EXPECT_LE(*c.wake_at, c.now + c.options.verify_interval);
  const auto before = c.sent.size();
  c.run_for(Seconds{30});
  EXPECT_EQ(c.index(), 0);
  EXPECT_EQ(c.sent.size(), before) << "asking again costs no write: " << c.history(before);
  confirm(c);
  c.run();
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(weights(c)["verified"], true);
}

TEST_F(RouterRow, nobody_is_promoted_before_the_last_users_arrive) {
  auto c = canary(R"([{"setWeight":50}])", "{}", true);
  const auto first = c.stable_hash();
  c.set_image("web:2");
  c.run();
  confirm(c);
  c.run_for(Seconds{30});
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(data(c, "canary"), "100");
  EXPECT_EQ(c.stable_hash(), first) << "100 is not confirmed";
  EXPECT_EQ(c.size("web-" + first), 4) << "nor does stable lose a pod";
  confirm(c);
  c.run_for(Seconds{60});
  EXPECT_EQ(c.stable_hash(), c.current_hash());
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST_F(RouterRow, a_full_promotion_waits_for_the_last_users_too) {
  auto c = canary(kSteps, "{}", true, R"({"dynamicStableScale":true})");
  const auto first = c.stable_hash();
  c.set_image("web:2");
  c.run();
  confirm(c);
  c.run();
  patch_status(c, R"({"promoteFull":true,"pauseConditions":null})");
  c.run_for(Seconds{30});
  EXPECT_EQ(data(c, "canary"), "100");
  EXPECT_EQ(c.stable_hash(), first);
  confirm(c);
  c.run_for(Seconds{60});
  EXPECT_EQ(c.stable_hash(), c.current_hash());
}

TEST_F(RouterRow, an_error_of_the_question_is_told_and_is_no_yes) {
  auto c = canary(kSteps, "{}", true);
  c.edit("ConfigMap", "weights", json(R"({"data":{"broken":"no answer"}})"));
  c.set_image("web:2");
  c.run_for(Seconds{30});
  EXPECT_EQ(c.index(), 0);
  EXPECT_EQ(weights(c)["verified"], false);
  const std::string error = "WeightVerifyError: Failed to verify weight: no answer";
  EXPECT_THAT(told(c, "WeightVerifyError"), ElementsAre(error, error)) << "once for 0 and for 25";
  c.edit("ConfigMap", "weights", json(R"({"data":{"broken":null}})"));
  confirm(c);
  c.run();
  EXPECT_EQ(c.index(), 1);
}

TEST_F(RouterRow, an_abort_waits_for_no_confirmation) {
  auto c = canary(kSteps, "{}", true);
  c.set_image("web:2");
  c.run();
  abort_it(c);
  c.run_for(Seconds{120});
  EXPECT_EQ(data(c, "canary"), "0");
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_EQ(c.size(new_set(c)), 0) << c.status().dump(1);
}

// ---- several routers in one Rollout (traffic.md W-22)

const char* const kBoth = R"({"nginx":{"stableIngress":"web"}})";

TEST_F(RouterRow, several_routers_are_set_one_after_the_other) {
  auto c = canary(kSteps, kBoth);
  c.set_image("web:2");
  auto before = c.sent.size();
  c.run();
  EXPECT_EQ(c.weight(), "25");
  EXPECT_EQ(data(c, "canary"), "25");
  std::vector<std::string> kinds;
  for (auto i = before; i < c.sent.size(); ++i)
    if (c.sent[i].purpose == "SetWeights") kinds.push_back(c.sent[i].kind);
  EXPECT_THAT(kinds, ElementsAre("ConfigMap", "Ingress", "ConfigMap"))
      << "the new hash, which the first one has no place for; then in the order of the table";
  EXPECT_EQ(told(c, "TrafficWeightUpdated").back(),
            "TrafficWeightUpdated: Traffic weight updated from 0 to 25");
  EXPECT_EQ(told(c, "TrafficWeightUpdated").size(), 3U) << "one for both, and that of the hash";
  resume(c);
  c.run();
  abort_it(c);
  before = c.sent.size();
  c.run();
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(data(c, "canary"), "0");
}

TEST_F(RouterRow, a_weight_counts_when_all_routers_have_it) {
  auto c = canary(kSteps, kBoth);
  c.refuses = [](const kube::Write& write) {
    return write.type == kube::kConfigMaps && write.verb != kube::Verb::Create;
  };
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.weight(), "25") << "what can be set is set";
  EXPECT_EQ(data(c, "canary"), "0");
  EXPECT_EQ(c.index(), 0);
  EXPECT_THAT(told(c, "TrafficRoutingError").size(), 1U);
  c.refuses = nullptr;
  c.run_for(Seconds{60});
  EXPECT_EQ(data(c, "canary"), "25");
  EXPECT_EQ(c.index(), 1);
}

// A promotion takes a weight back that the same plan has just raised: what one router does not send
// after all, it does not tell; what another has sent it tells.
TEST_F(RouterRow, each_write_of_each_router_is_told_once) {
  auto c = canary(R"([{"setWeight":50},{"setWeight":75}])", kBoth);
  c.set_image("web:2");
  c.run_for(Seconds{60});
  ASSERT_EQ(c.phase(), "Healthy");
  std::map<std::string, std::size_t> sent;
  for (const auto& item : c.sent)
    if (item.purpose == "SetWeights") ++sent[item.kind];
  EXPECT_EQ(told(c, "PatchingCanaryIngress").size() + told(c, "CreatingCanaryIngress").size(),
            sent["Ingress"]);
  EXPECT_EQ(told(c, "ConfigMapUpdated").size(), sent["ConfigMap"]);
  EXPECT_EQ(sent["Ingress"], 4U) << "created, 50, 75, 0";
}

TEST_F(RouterRow, a_verdict_is_found_on_the_object_of_any_router) {
  auto c = canary(kSteps, kBoth);
  auto observed = c.observe();
  const auto bare = [&] {
    World world;
    world.observed = &observed;
    world.rollout = *observed.rollout;
    world.routers = traffic::routers_of(world.rollout);
    world.objects = observed.objects;
    const Draft draft(world, c.options, c.now);
    return verdict_on_routes(draft).where;
  };
  EXPECT_EQ(bare(), "");
  c.edit("ConfigMap", "weights",
         {{"metadata", {{"annotations", {{api::kAbortVerdictAnnotation, "x"}}}}}});
  observed = c.observe();
  EXPECT_EQ(bare(), "ConfigMap weights");
}

// ---- what only some routers can do

const char* const kRoute =
    R"({"setHeaderRoute":{"name":"beta",
        "match":[{"headerName":"X","headerValue":{"exact":"1"}}]}})";
const char* const kMirror =
    R"({"setMirrorRoute":{"name":"copy","percentage":10,"match":[{"path":{"prefix":"/"}}]}})";

TEST_F(RouterRow, header_and_mirror_routes_reach_it_and_go_with_an_abort) {
  const auto steps =
      std::string(R"([{"setWeight":25},)") + kRoute + "," + kMirror + R"(,{"pause":{}}])";
  auto c = canary(steps, R"({"managedRoutes":[{"name":"copy"},{"name":"beta"}]})");
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.index(), 3) << c.status().dump(1);
  EXPECT_EQ(data(c, "routes"), "mirror copy;header beta;") << "in the order of managedRoutes";
  EXPECT_THAT(router.wishes.back().routes->back().json, HasSubstr(R"("headerName":"X")"));
  abort_it(c);
  c.run();
  EXPECT_EQ(data(c, "routes"), "");
  EXPECT_EQ(data(c, "canary"), "0");
}

TEST_F(RouterRow, a_router_that_has_no_routes_is_asked_for_none) {
  auto c = canary(std::string("[") + kRoute + R"(,{"setWeight":25},{"pause":{}}])",
                  R"({"nginx":{"stableIngress":"web"},"managedRoutes":[{"name":"beta"}]})");
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.weight(), "25");
  EXPECT_EQ(data(c, "routes"), "header beta;");
}

TEST(ManagedRoutes, are_what_the_steps_so_far_leave_in_force) {
  api::CanaryStrategy canary;
  canary.traffic_routing.emplace().managed_routes = {"beta", "copy"};
  for (const auto* raw :
       {kRoute, R"({"setWeight":20})", kMirror, R"({"setHeaderRoute":{"name":"beta"}})"}) {
    api::Step step;
    step.raw = raw;
    step.set_header_route = step.raw.find("setHeaderRoute") != std::string::npos;
    step.set_mirror_route = step.raw.find("setMirrorRoute") != std::string::npos;
    canary.steps.push_back(step);
  }
  const auto names = [&](int index) {
    std::string out;
    for (const auto& route : managed_routes(canary, index)) out += route.name + " ";
    return out;
  };
  EXPECT_EQ(names(0), "beta ");
  EXPECT_EQ(names(1), "beta ");
  EXPECT_EQ(names(2), "beta copy ");
  EXPECT_EQ(names(3), "copy ") << "a route without a match is taken away";
  EXPECT_EQ(names(9), "copy ");
}

TEST_F(RouterRow, destinations_of_an_experiment_reach_it_and_stand_in_the_status) {
  auto c = canary(kSteps);
  c.additional = {{10, "web-experiment", "5c4d"}, {5, "", "77"}};
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(data(c, "additional"), "web-experiment=10;") << "what has no name is no destination";
  EXPECT_EQ(weights(c)["canary"]["weight"], 25);
  EXPECT_EQ(weights(c)["stable"]["weight"], 65);
  EXPECT_EQ(weights(c)["additional"][0]["serviceName"], "web-experiment");
  EXPECT_THAT(c.events, Contains(HasSubstr("additional: [{10 web-experiment 5c4d}]")));
  c.additional.clear();
  c.run();
  c.settle();
  EXPECT_EQ(data(c, "additional"), "");
  EXPECT_EQ(weights(c)["stable"]["weight"], 75);
}

TEST_F(RouterRow, users_leave_a_canary_without_pods_before_its_hash_moves_on) {
  auto c = canary(kSteps);
  c.set_image("web:2");
  c.run();
  c.pods(new_set(c), 0);
  c.settle();
  EXPECT_EQ(data(c, "canary"), "0");
  EXPECT_TRUE(std::any_of(router.wishes.begin(), router.wishes.end(), [](const auto& wish) {
    return wish.canary_weight == 0 && wish.weight_before_hash;
  }));
}

// The last pod of stable is kept for a router that needs it (traffic.md NGX-8), and for no other.
TEST_F(RouterRow, stable_goes_without_pods_where_no_router_needs_them) {
  auto c = canary(kSteps, "{}", false, R"({"dynamicStableScale":true})");
  const auto first = c.stable_hash();
  c.set_image("web:2");
  c.run();
  resume(c);
  c.run();
  EXPECT_EQ(data(c, "canary"), "100");
  EXPECT_EQ(c.size("web-" + first), 0);
  EXPECT_THAT(c.event_reasons, Not(Contains("DynamicStableScaleUnsafe")));
}

TEST_F(RouterRow, a_router_that_leaves_the_spec_takes_its_weight_back) {
  auto c = canary(kSteps, kBoth);
  c.set_image("web:2");
  c.run();
  edit_plugins(c, "null");
  c.run();
  EXPECT_EQ(data(c, "canary"), "0");
  EXPECT_EQ(c.weight(), "25");
}

}  // namespace
}  // namespace sluice::rollout::test
