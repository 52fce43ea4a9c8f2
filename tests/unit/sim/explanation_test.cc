// What a person reads when something is wrong: conditions, messages, measurements and Events name
// the object, the field and what to do, and a Rollout that cannot be driven is left untouched.
#include <functional>

#include "tests/unit/sim/user_world.h"

namespace sluice::sim {
namespace {

using testing::HasSubstr;

struct Objects {
  Json rollout = UserWorld::rollout(), analysis = UserWorld::analysis_template(UserWorld::metric());
  Json stable = UserWorld::service("web-stable"), canary = UserWorld::service("web-canary");
  Json ingress = UserWorld::ingress();

  Json& strategy() { return rollout["spec"]["strategy"]["canary"]; }
  Json& metric() { return analysis["spec"]["metrics"][0]; }
  void step(const char* text) {
    strategy()["steps"].push_back(Json::parse(text));
  }
  void router(const char* text) { strategy()["trafficRouting"] = Json::parse(text); }
  void apply(UserWorld& world) const {
    for (const Json* object : {&stable, &canary, &ingress, &analysis, &rollout})
      if (!object->is_null()) world.apply(*object);
  }
};

std::string invalid_condition(UserWorld& world) {
  const Json object = world.get(api::kRollouts, "web");
  const Json* list = kube::find_path(object, "status.conditions");
  if (list == nullptr) return "";
  for (const auto& condition : *list)
    if (kube::get_string(condition, "type") == "InvalidSpec")
      return kube::get_string(condition, "reason") + ": " +
             kube::get_string(condition, "message");
  return "";
}

struct SpecRow {
  const char* name;
  std::function<void(Objects&)> arrange;
  std::vector<std::string> says;  // parts of the condition's message, and of status.message
};

void expect_untouched(UserWorld& world) {
  EXPECT_TRUE(world.sim.server.list(kube::kReplicaSets, "default").empty());
  EXPECT_EQ(world.selected("web-stable"), "");
  EXPECT_TRUE(world.get(kube::kIngresses, "web-web-canary").empty());
}

// ---- the Rollout or what it refers to is wrong ----

const SpecRow kInvalid[] = {
    {"a missing Service",
     [](Objects& o) { o.stable = nullptr; },
     {"The Rollout \"web\" is invalid", "spec.strategy.canary.stableService",
      "service \"web-stable\" not found"}},
    {"a Service that would select nothing",
     [](Objects& o) { o.canary["spec"]["selector"]["tier"] = "front"; },
     {"spec.strategy.canary.canaryService",
      "Service \"web-canary\" has unmatch label \"tier\" in rollout"}},
    {"a missing Ingress",
     [](Objects& o) { o.ingress = nullptr; },
     {"spec.strategy.canary.trafficRouting.nginx.stableIngress",
      "ingress.networking.k8s.io \"web\" not found"}},
    {"an Ingress that goes elsewhere",
     [](Objects& o) { o.ingress = UserWorld::ingress("shop"); },
     {"spec.strategy.canary.trafficRouting.nginx.stableIngress",
      "ingress `web` has no rules using service web-stable backend"}},
    {"a missing template",
     [](Objects& o) { o.analysis = nullptr; },
     {"spec.strategy.canary.analysis.templates", "AnalysisTemplate 'success-rate' not found"}},
    {"an argument without a value",
     [](Objects& o) { o.analysis["spec"]["args"] = Json::array({{{"name", "service"}}}); },
     {"spec.strategy.canary.analysis", "success-rate", "args.service was not resolved"}},
    {"a misspelt member of a step, which the API server drops",
     [](Objects& o) { o.step(R"({"setWieght":50})"); },
     {"spec.strategy.steps[2]",
      "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or "
      "pause"}},
    {"a pause that is no time",
     [](Objects& o) { o.step(R"({"pause":{"duration":"12x"}})"); },
     {"spec.strategy.steps[2].pause.duration", "Duration needs to be greater than 0"}},
    {"no Service for a router",
     [](Objects& o) { o.strategy().erase("stableService"); },
     {"Canary service and Stable service must to be set to use Traffic Routing"}},
};

TEST(Explanation, OfAnInvalidSpecNamesObjectAndField) {
  for (const SpecRow& row : kInvalid) {
    SCOPED_TRACE(row.name);
    UserWorld world;
    Objects objects;
    row.arrange(objects);
    objects.apply(world);
    EXPECT_TRUE(world.wait_phase("Degraded"));
    const std::string condition = invalid_condition(world);
    EXPECT_THAT(condition, testing::StartsWith("InvalidSpec: "));
    for (const auto& part : row.says) {
      EXPECT_THAT(condition, HasSubstr(part));
      EXPECT_THAT(world.text("status.message"), HasSubstr(part));
    }
    expect_untouched(world);
  }
}

TEST(Explanation, OfAMissingObjectEndsWhenItAppears) {
  UserWorld world;
  Objects objects;
  const Json late = std::exchange(objects.stable, nullptr);
  objects.apply(world);
  ASSERT_TRUE(world.wait_phase("Degraded"));
  world.apply(late);
  EXPECT_TRUE(world.wait_phase("Healthy"));
  EXPECT_EQ(invalid_condition(world), "");
}

// ---- what this release does not have ----

const SpecRow kRefused[] = {
    {"managedRoutes",
     [](Objects& o) {
       o.strategy()["trafficRouting"]["managedRoutes"] = Json::parse(R"([{"name":"beta"}])");
     },
     {"spec.strategy.canary.trafficRouting.managedRoutes[0]"}},
    {"setHeaderRoute",
     [](Objects& o) {
       o.step(R"({"setHeaderRoute":{"name":"beta","match":[{"headerName":"x","headerValue":{"exact":"y"}}]}})");
     },
     {"spec.strategy.canary.steps[2].setHeaderRoute"}},
    {"setMirrorRoute",
     [](Objects& o) { o.step(R"({"setMirrorRoute":{"name":"copy","percentage":10}})"); },
     {"spec.strategy.canary.steps[2].setMirrorRoute"}},
    {"experiment",
     [](Objects& o) {
       o.step(R"({"experiment":{"templates":[{"name":"a","specRef":"canary"}]}})");
     },
     {"spec.strategy.canary.steps[2].experiment"}},
    {"step plugin",
     [](Objects& o) { o.step(R"({"plugin":{"name":"org/step"}})"); },
     {"spec.strategy.canary.steps[2].plugin"}},
    {"istio",
     [](Objects& o) { o.router(R"({"istio":{"virtualService":{"name":"web"}}})"); },
     {"spec.strategy.canary.trafficRouting.istio"}},
    {"alb",
     [](Objects& o) { o.router(R"({"alb":{"ingress":"web","servicePort":80}})"); },
     {"spec.strategy.canary.trafficRouting.alb"}},
    {"smi",
     [](Objects& o) { o.router(R"({"smi":{}})"); },
     {"spec.strategy.canary.trafficRouting.smi"}},
    {"ambassador",
     [](Objects& o) { o.router(R"({"ambassador":{"mappings":["web"]}})"); },
     {"spec.strategy.canary.trafficRouting.ambassador"}},
    {"traefik",
     [](Objects& o) { o.router(R"({"traefik":{"weightedTraefikServiceName":"web"}})"); },
     {"spec.strategy.canary.trafficRouting.traefik"}},
    {"apisix",
     [](Objects& o) { o.router(R"({"apisix":{"route":{"name":"web"}}})"); },
     {"spec.strategy.canary.trafficRouting.apisix"}},
    {"appMesh",
     [](Objects& o) { o.router(R"({"appMesh":{"virtualService":{"name":"web"}}})"); },
     {"spec.strategy.canary.trafficRouting.appMesh"}},
    {"a router plugin",
     [](Objects& o) { o.router(R"({"plugins":{"argoproj-labs/gatewayAPI":{"httpRoute":"web"}}})"); },
     {"spec.strategy.canary.trafficRouting.plugins"}},
    {"pingPong",
     [](Objects& o) {
       o.strategy()["pingPong"] = {{"pingService", "web-stable"}, {"pongService", "web-canary"}};
     },
     {"spec.strategy.canary.pingPong"}},
    {"workloadRef",
     [](Objects& o) {
       o.rollout["spec"].erase("template");
       o.rollout["spec"]["workloadRef"] = {
           {"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", "web"}};
     },
     {"spec.workloadRef"}},
    {"a provider",
     [](Objects& o) {
       o.metric()["provider"] = Json::parse(R"({"datadog":{"query":"avg:x","interval":"5m"}})");
     },
     {"AnalysisTemplate success-rate", "provider.datadog"}},
};

TEST(Explanation, OfARefusalNamesFieldAndRemedyInOneConditionAndOneEvent) {
  for (const SpecRow& row : kRefused) {
    SCOPED_TRACE(row.name);
    UserWorld world;
    Objects objects;
    row.arrange(objects);
    objects.apply(world);
    EXPECT_TRUE(world.wait_phase("Degraded"));
    // Beyond a resync it is not said again; once is enough to see that.
    world.sim.run_for(row.name == kRefused[0].name ? Seconds(2000) : Seconds(60));
    const std::string condition = invalid_condition(world);
    EXPECT_THAT(condition, testing::StartsWith("Unsupported: The Rollout \"web\" uses "));
    EXPECT_THAT(condition, HasSubstr("which this release does not implement, and is left "
                                     "untouched: "));
    EXPECT_FALSE(condition.ends_with("untouched: ")) << condition;  // a remedy follows
    const std::string events = world.events("Rollout", "web");
    EXPECT_THAT(events, testing::MatchesRegex("Warning Unsupported: [^\n]*×1\\)\n"));
    for (const auto& part : row.says) {
      EXPECT_THAT(condition, HasSubstr(part));
      EXPECT_THAT(world.text("status.message"), HasSubstr(part));
      EXPECT_THAT(events, HasSubstr(part));
    }
    expect_untouched(world);
  }
}

// ---- the metrics have no answer, or a bad one ----

struct MetricRow {
  const char* name;
  std::function<void(UserWorld&)> world;  // from the update on
  const char* condition;
  const char* phase;              // of the run
  std::vector<std::string> says;  // parts of what the measurement holds: value and message
};

std::string vector_of(const std::vector<std::string>& values) {
  std::string list;
  for (const auto& value : values)
    list += std::string(list.empty() ? "" : ",") + R"({"metric":{},"value":[1,")" + value + R"("]})";
  return R"({"status":"success","data":{"resultType":"vector","result":[)" + list + "]}}";
}

const MetricRow kMetrics[] = {
    {"a bad value", [](UserWorld& w) { w.answer_vector("0.79"); }, "result[0] >= 0.95", "Failed",
     {"[0.79]", "result[0] >= 0.95", "good / all"}},
    {"Prometheus down",
     [](UserWorld& w) {
       w.sim.set_backend([](const http::Request&) { return std::nullopt; });
     },
     "result[0] >= 0.95", "Error", {"prometheus.monitoring.svc:9090"}},
    {"Prometheus says no",
     [](UserWorld& w) {
       w.answer(R"({"status":"error","errorType":"bad_data","error":"parse error at char 3"})", 400);
     },
     "result[0] >= 0.95", "Error", {"bad_data", "parse error at char 3"}},
    {"not a Prometheus", [](UserWorld& w) { w.answer("<html>hello</html>"); }, "result[0] >= 0.95",
     "Error", {"bad_response", "invalid JSON"}},
    {"NaN", [](UserWorld& w) { w.answer(vector_of({"NaN"})); }, "result[0] >= 0.95", "Failed",
     {"[NaN]"}},
    {"an empty result", [](UserWorld& w) { w.answer(vector_of({})); }, "result[0] >= 0.95", "Error",
     {"no data returned from the metric provider"}},
    {"two series where one was expected", [](UserWorld& w) { w.answer(vector_of({"0.2", "0.99"})); },
     "result >= 0.95", "Error", {"[0.2,0.99]"}},
    {"two series, the first decides", [](UserWorld& w) { w.answer(vector_of({"0.2", "0.99"})); },
     "result[0] >= 0.95", "Failed", {"[0.2,0.99]"}},
    {"an expression that does not parse", [](UserWorld& w) { w.answer_vector("0.99"); },
     "result[0] >== 0.95", "Error",
     {"could not evaluate successCondition", "result[0] >== 0.95"}},
    {"a member that does not exist", [](UserWorld& w) { w.answer_vector("0.99"); },
     "result.ratio >= 0.95", "Error", {"[0.99]"}},
};

TEST(Explanation, OfAnAbortNamesMetricValueAndThreshold) {
  for (const MetricRow& row : kMetrics) {
    SCOPED_TRACE(row.name);
    UserWorld world;
    Objects objects;
    objects.metric()["successCondition"] = row.condition;
    objects.apply(world);
    ASSERT_TRUE(world.wait_phase("Healthy"));
    row.world(world);
    world.set_image("web:2");
    EXPECT_TRUE(world.wait_phase("Degraded"));
    const std::string message = world.text("status.message");
    EXPECT_THAT(message, HasSubstr("RolloutAborted: Rollout aborted update to revision 2"));
    EXPECT_THAT(message, HasSubstr("success-rate"));
    std::string held, phase;
    for (const auto& run : world.sim.server.list(api::kAnalysisRuns, "default")) {
      phase = kube::get_string(*run, "status.phase");
      held = kube::dump(*kube::find(*run, "status"));
      held += world.events("AnalysisRun", kube::get_string(*run, "metadata.name"), false);
    }
    held += message + "\n" + world.events("Rollout", "web");
    EXPECT_EQ(phase, row.phase);
    for (const auto& part : row.says) EXPECT_THAT(held, HasSubstr(part));
  }
}

// ---- objects that somebody spoiled ----

TEST(Explanation, OfARouterProblemNamesTheIngress) {
  UserWorld world;
  Objects objects;
  objects.apply(world);
  ASSERT_TRUE(world.wait_phase("Healthy"));
  Json foreign = UserWorld::ingress();
  foreign["metadata"]["name"] = "web-web-canary";
  world.remove(kube::kIngresses, "web-web-canary");
  world.apply(foreign);
  world.set_image("web:2");
  world.sim.run_for(Seconds(120));
  EXPECT_THAT(world.events("Rollout", "web"),
              HasSubstr("TrafficRoutingError: canary ingress `web-web-canary` controlled by "
                        "different object"));
}

TEST(Explanation, MalformedAnnotationsOfOthersHarmNobody) {
  UserWorld world;
  Objects objects;
  objects.apply(world);
  ASSERT_TRUE(world.wait_phase("Healthy"));
  for (const auto& set : world.sim.server.list(kube::kReplicaSets, "default"))
    world.patch(kube::kReplicaSets, kube::get_string(*set, "metadata.name"),
                Json::parse(R"({"metadata":{"annotations":{"scale-down-deadline":"soon",
                  "rollout.argoproj.io/revision":"first",
                  "rollout.argoproj.io/ephemeral-metadata":"{"}}})"));
  world.patch(kube::kIngresses, "web-web-canary",
              Json::parse(R"({"metadata":{"annotations":{
                "nginx.ingress.kubernetes.io/canary-weight":"lots",
                "sluice.argoproj.io/abort-verdict":"{","sluice/applied-annotations":"[1"}}})"));
  world.set_image("web:2");
  EXPECT_TRUE(world.wait_phase("Paused"));
  const Json canary = world.get(kube::kIngresses, "web-web-canary");
  const Json* weight = kube::find_path(
      canary, {"metadata", "annotations", "nginx.ingress.kubernetes.io/canary-weight"});
  ASSERT_NE(weight, nullptr);
  EXPECT_EQ(*weight, "20");
}

}  // namespace
}  // namespace sluice::sim
