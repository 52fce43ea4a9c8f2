// The texts of rollout.md §1.7.2.
#include "api/validate.h"

#include "api/template_hash.h"
#include "tests/unit/api/fixtures.h"

namespace sluice::api::test {
namespace {

const char* const kGood = R"({"replicas":2,"selector":{"matchLabels":{"app":"web"}},
  "template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:1"}]}},
  "strategy":{"canary":{"stableService":"s","canaryService":"c","steps":[{"setWeight":20},{"pause":{}}],"trafficRouting":{"nginx":{"stableIngress":"i"}}}}})";

// The good spec with a merge patch over it.
std::string verdict(const std::string& patch) {
  auto spec = parse(kGood);
  spec.merge_patch(parse(patch));
  const auto rollout = rollout_with_spec(kube::dump(spec));
  return validate_spec(rollout).value_or("valid");
}
std::string canary(const std::string& patch) {
  return verdict(R"({"strategy":{"canary":)" + patch + "}}");
}
std::string steps(const std::string& list) {
  return canary(R"({"steps":)" + list + "}");
}
std::string blue_green(const std::string& strategy) {
  return verdict(R"({"strategy":{"canary":null,"blueGreen":)" + strategy + "}}");
}
std::string with_template(const std::string& patch) {
  return verdict(R"({"template":)" + patch + "}");
}
std::string in_container(const std::string& container) {
  return with_template(R"({"spec":{"containers":[{"name":"web","image":"w",)" + container + "}]}}");
}

TEST(Validate, sound_specs_pass) {
  EXPECT_EQ(verdict("{}"), "valid");
  EXPECT_EQ(verdict(R"({"replicas":null})"), "valid");
  EXPECT_EQ(verdict(R"({"replicas":0})"), "valid");
  EXPECT_EQ(blue_green(R"({"activeService":"a"})"), "valid");
  EXPECT_EQ(canary(R"({"trafficRouting":{"nginx":null},"stableService":null})"), "valid");
  EXPECT_EQ(canary(R"({"scaleDownDelaySeconds":-5,"minPodsPerReplicaSet":-1})"), "valid");
  EXPECT_EQ(steps(R"([{"setWeight":20,"setCanaryScale":{"weight":300}}])"), "valid");
}

TEST(Validate, fixtures_of_the_reference_are_valid) {
  for (const auto& name : fixture_names())
    for (const auto& object : fixture_objects(name, "Rollout"))
      EXPECT_EQ(validate_spec(rollout_of(object)), std::nullopt) << name;
}

struct Case {
  std::string (*with)(const std::string&);
  const char* patch;
  const char* text;
};

TEST(Validate, each_broken_rule_has_its_exact_text) {
  const Case cases[] =
      {
          {verdict, R"({"replicas":-1})",
           "spec.replicas: Invalid value: -1: must be greater than or equal to 0"},
          {verdict, R"({"selector":null})",
           "spec.selector: Required value: Rollout has missing field '.spec.selector'"},
          {verdict, R"({"selector":{"matchLabels":null}})",
           "spec.selector: Invalid value: {}: empty selector is invalid for deployment"},
          {verdict, R"({"workloadRef":{"kind":"Deployment"}})",
           "spec.template: Internal error: template must be empty for workload reference rollout"},
          {with_template, R"({"metadata":{"labels":{"app":"x"}}})",
           "spec.template.metadata.labels: Invalid value: {\"app\":\"x\"}: `selector` does not "
           "match template `labels`"},
          {with_template, R"({"metadata":null})",
           "spec.template.metadata.labels: Invalid value: null: `selector` does not match template "
           "`labels`"},
          {with_template, R"({"spec":{"restartPolicy":"Never"}})",
           R"(spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always")"},
          {with_template, R"({"spec":{"activeDeadlineSeconds":5}})",
           "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in "
           "ReplicaSet is not Supported"},
          {with_template, R"({"spec":{"ephemeralContainers":[{"name":"e","image":"e"}]}})",
           "spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in "
           "pod template"},
          {with_template, R"({"spec":{"containers":[]}})",
           "spec.template.spec.containers: Required value"},
          {with_template, R"({"spec":{"containers":[{"image":"x"}]}})",
           "spec.template.spec.containers[0].name: Required value"},
          {with_template, R"({"spec":{"containers":[{"name":"a"}]}})",
           "spec.template.spec.containers[0].image: Required value"},
          {with_template,
           R"({"spec":{"containers":[{"name":"a","image":"x"},{"name":"a","image":"x"}]}})",
           R"(spec.template.spec.containers[1].name: Duplicate value: "a")"},
          {in_container, R"("ports":[{"containerPort":70000}])",
           "spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be "
           "between 1 and 65535, inclusive"},
          {in_container, R"("ports":[{"containerPort":7,"protocol":"ICMP"}])",
           R"(spec.template.spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP")"},
          {in_container, R"("volumeMounts":[{"name":"v","mountPath":"/v"}])",
           R"(spec.template.spec.containers[0].volumeMounts[0].name: Not found: "v")"},
          {in_container, R"("resources":{"requests":{"cpu":"-1"}})",
           R"(spec.template.spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0)"},
          {verdict, R"({"minReadySeconds":-1})",
           "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"},
          {verdict, R"({"revisionHistoryLimit":-2})",
           "spec.revisionHistoryLimit: Invalid value: -2: must be greater than or equal to 0"},
          {verdict, R"({"progressDeadlineSeconds":-3})",
           "spec.progressDeadlineSeconds: Invalid value: -3: must be greater than or equal to 0"},
          {verdict, R"({"progressDeadlineSeconds":5,"minReadySeconds":5})",
           "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"},
          {verdict, R"({"minReadySeconds":600})",
           "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than "
           "minReadySeconds"},
          {verdict, R"({"strategy":null})",
           "spec.strategy.strategy: Required value: Rollout has missing field "
           "'.spec.strategy.canary or .spec.strategy.blueGreen'"},
          {verdict, R"({"strategy":{"blueGreen":{"activeService":"a"}}})",
           R"(spec.strategy.strategy: Invalid value: "blueGreen: true canary: true": Multiple Strategies can not be listed)"},
          {blue_green, R"({"activeService":"a","previewService":"a"})",
           R"(spec.strategy.activeService: Invalid value: "a": This rollout uses the same service for the active and preview services, but two different services are required.)"},
          {blue_green, R"({})",
           R"(spec.strategy.activeService: Invalid value: "": This rollout uses the same service for the active and preview services, but two different services are required.)"},
          {blue_green, R"({"activeService":"a","scaleDownDelayRevisionLimit":11})",
           "spec.strategy.scaleDownDelayRevisionLimit: Invalid value: 11: This rollout's revision "
           "history limit can not be smaller than the rollout's scale down limit"},
          {blue_green, R"({"activeService":"a","antiAffinity":{}})",
           R"(spec.strategy.antiAffinity: Invalid value: "antiAffinity.PreferredDuringSchedulingIgnoredDuringExecution: false antiAffinity.RequiredDuringSchedulingIgnoredDuringExecution: false": AntiAffinity must have exactly one strategy listed)"},
          {canary,
           R"({"antiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":{"weight":101}}})",
           "spec.strategy.antiAffinity.weight: Invalid value: 101: AntiAffinity weight must be "
           "between 1-100"},
          {canary, R"({"maxSurge":"0%","maxUnavailable":0})",
           R"(spec.strategy.maxSurge: Invalid value: "0%": MaxSurge and MaxUnavailable both can not be zero)"},
          {canary, R"({"canaryService":"s"})",
           R"(spec.strategy.stableService: Invalid value: "s": This rollout uses the same service for the stable and canary services, but two different services are required.)"},
          {canary, R"({"pingPong":{"pingService":"a","pongService":"b"}})",
           "spec.strategy.trafficRouting.alb: Invalid value: null: Ping-pong feature works with "
           "the ALB, Istio, and plugin-based traffic routers only"},
          {canary, R"({"trafficRouting":{"nginx":null,"istio":{}},"pingPong":{"pingService":"a"}})",
           R"(spec.strategy.pingPong.pongService: Invalid value: "": Ping service and Pong service must to be set to use Ping-Pong feature)"},
          {canary,
           R"({"trafficRouting":{"nginx":null,"istio":{}},"pingPong":{"pingService":"a","pongService":"a"}})",
           R"(spec.strategy.pingPong.pingService: Invalid value: "a": This rollout uses the same service for the ping and pong services, but two different services are required.)"},
          {canary,
           R"({"trafficRouting":{"nginx":null,"alb":{}},"pingPong":{"pingService":"a","pongService":"b"}})",
           R"(spec.strategy.trafficRouting.alb.rootService: Invalid value: "": Root service field is required for the configuration with ALB and ping-pong feature enabled)"},
          {canary, R"({"stableService":null})",
           R"(spec.strategy.stableService: Invalid value: "": Canary service and Stable service must to be set to use Traffic Routing)"},
          {canary, R"({"canaryService":null})",
           R"(spec.strategy.canaryService: Invalid value: "": Canary service and Stable service must to be set to use Traffic Routing)"},
          {canary, R"({"trafficRouting":null,"scaleDownDelaySeconds":30})",
           "spec.strategy.scaleDownDelaySeconds: Invalid value: 30: Canary scaleDownDelaySeconds "
           "can only be used with traffic routing"},
          {canary, R"({"trafficRouting":null,"dynamicStableScale":true})",
           "spec.strategy.dynamicStableScale: Invalid value: true: Canary dynamicStableScale can "
           "only be used with traffic routing"},
          {canary, R"({"scaleDownDelaySeconds":0,"dynamicStableScale":true})",
           "spec.strategy.dynamicStableScale: Invalid value: true: Canary dynamicStableScale "
           "cannot be used with scaleDownDelaySeconds"},
          {canary, R"({"trafficRouting":{"nginx":null,"maxTrafficWeight":1000}})",
           "spec.strategy.trafficRouting.maxTrafficWeight: Invalid value: 1000: Canary "
           "maxTrafficWeight in traffic routing only supported in Nginx and Plugins"},
          {steps, R"([{"setWeight":5,"pause":{}}])",
           R"(spec.strategy.steps[0]: Invalid value: "step.Experiment: false step.Pause: true step.SetWeight: true step.Analysis: false": Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause)"},
          {steps, R"([{"setWeight":5},{}])",
           R"(spec.strategy.steps[1]: Invalid value: "step.Experiment: true step.Pause: true step.SetWeight: true step.Analysis: true step.SetCanaryScale: true step.SetHeaderRoute: true step.SetMirrorRoutes: true step.Plugin: true": Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause)"},
          {steps, R"([{"setWeight":101}])",
           "spec.strategy.steps[0].setWeight: Invalid value: 101: SetWeight needs to be between 0 "
           "and 100"},
          {steps, R"([{"setWeight":-1}])",
           "spec.strategy.steps[0].setWeight: Invalid value: -1: SetWeight needs to be between 0 "
           "and 100"},
          {canary, R"({"trafficRouting":{"maxTrafficWeight":1000},"steps":[{"setWeight":1001}]})",
           "spec.strategy.steps[0].setWeight: Invalid value: 1001: SetWeight needs to be between 0 "
           "and 1000"},
          {steps, R"([{"pause":{"duration":"soon"}}])",
           "spec.strategy.steps[0].pause.duration: Invalid value: -1: Duration needs to be greater "
           "than 0"},
          {canary, R"({"trafficRouting":null,"steps":[{"setCanaryScale":{"weight":1}}]})",
           "spec.strategy.trafficRouting: Required value: SetCanaryScale requires TrafficRouting "
           "to be set"},
          {steps, R"([{"setHeaderRoute":{"name":"h"}}])",
           R"(spec.strategy.steps[0].setHeaderRoute: Invalid value: {"name":"h"}: SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix)"},
          {canary,
           R"({"trafficRouting":{"istio":{}},"steps":[{"setHeaderRoute":{"name":"h","match":[{"headerName":"x"}]}}]})",
           "spec.strategy.steps[0].setHeaderRoute.match[0]: Invalid value: null: StringMatch value "
           "missed, match value must have one of the following: exact, regex, prefix"},
          {canary,
           R"({"trafficRouting":{"istio":{}},"steps":[{"setHeaderRoute":{"name":"h","match":[{"headerName":"x","headerValue":{"exact":"a","prefix":"b"}}]}}]})",
           R"(spec.strategy.steps[0].setHeaderRoute.match[0]: Invalid value: {"exact":"a","prefix":"b"}: StringMatch match value must have exactly one of the following: exact, regex, prefix)"},
          {canary, R"({"trafficRouting":{"alb":{}},"steps":[{"setHeaderRoute":{"name":"h","match":[{"headerName":"x","headerValue":{"prefix":"b"}}]}}]})", R"(spec.strategy.steps[0].setHeaderRoute.match[0]: Invalid value: {"prefix":"b"}: SetHeaderRoute match value invalid. ALB supports 'exact' value only)"},
          {steps, R"([{"setMirrorRoute":{"name":"m"}}])",
           R"(spec.strategy.steps[0].setMirrorRoute: Invalid value: {"name":"m"}: SetMirrorRoute requires TrafficRouting, supports Istio and Plugins)"},
          {canary,
           R"({"trafficRouting":{"istio":{}},"steps":[{"setMirrorRoute":{"name":"m","match":[{"method":{}}]}}]})",
           "spec.strategy.steps[0].setMirrorRoute.match[0]: Invalid value: {}: StringMatch value "
           "missed, match value must have one of the following: exact, regex, prefix"},
          {canary, R"({"trafficRouting":{"istio":{}},"steps":[{"setHeaderRoute":{"name":"h"}}]})",
           "spec.strategy.trafficRouting.managedRoutes: Required value: Rollout has missing field "
           "'spec.strategy.canary.trafficRouting.managedRoutes'"},
          {canary,
           R"({"trafficRouting":{"istio":{},"managedRoutes":[{"name":"x"}]},"steps":[{"setHeaderRoute":{"name":"h"}}]})",
           R"(spec.strategy.steps[0].setHeaderRoute: Invalid value: "h": Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes)"},
          {canary,
           R"({"trafficRouting":null,"steps":[{"experiment":{"templates":[{"name":"a"},{"name":"b","weight":5}]}}]})",
           "spec.strategy.steps[0].experiment.templates[1].weight: Invalid value: 5: Experiment "
           "template weight cannot be set unless TrafficRouting is enabled"},
          {steps, R"([{"experiment":{"templates":[{"weight":5}]}}])",
           "spec.strategy.steps[0].experiment.templates[0].weight: Invalid value: 5: Experiment "
           "template weight is only available for TrafficRouting with SMI, ALB, Istio and Plugins "
           "at this time"},
          {steps,
           R"([{"analysis":{"templates":[],"args":[{"name":"a","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels.app"}}}]}}])",
           R"(spec.strategy.steps[0].analyses: Invalid value: [{"name":"a","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels.app"}}}]: Analyses arguments must refer to valid object metadata supported by downwardAPI)"},
      };
  for (const auto& c : cases) EXPECT_EQ(c.with(c.patch), c.text) << c.patch;
}

TEST(Validate, the_first_broken_rule_is_the_one_reported) {
  EXPECT_EQ(verdict(R"({"replicas":-1,"selector":null,"strategy":null})"),
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0");
  EXPECT_THAT(verdict(R"({"minReadySeconds":-1,"strategy":null})"),
              testing::StartsWith("spec.minReadySeconds"));
}

TEST(Validate, field_references_that_the_downward_api_knows_pass) {
  for (const char* path : {"metadata.name", "metadata.labels['app']", "metadata.annotations['a/b']",
                           "spec.replicas", "status.stableRS"})
    EXPECT_EQ(
        steps(
            R"([{"analysis":{"templates":[],"args":[{"name":"a","valueFrom":{"fieldRef":{"fieldPath":")" +
            std::string(path) + R"("}}}]}}])"),
        "valid")
        << path;
}

TEST(Validate, a_malformed_selector_is_reported_at_its_path) {
  EXPECT_THAT(verdict(R"({"selector":{"matchExpressions":[{"key":"a","operator":"In"}]}})"),
              testing::StartsWith("spec.selector"));
}

TEST(Validate, a_malformed_object_is_invalid_and_names_the_field) {
  EXPECT_EQ(verdict(R"({"replicas":"two"})"), "spec.replicas: expected an integer");
}

TEST(FieldErrors, have_the_forms_of_kubernetes) {
  EXPECT_EQ(required_error("a.b", "why"), "a.b: Required value: why");
  EXPECT_EQ(invalid_error("a.b", "\"x\"", "why"), "a.b: Invalid value: \"x\": why");
}

}  // namespace
}  // namespace sluice::api::test
