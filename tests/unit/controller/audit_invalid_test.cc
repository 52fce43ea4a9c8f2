// InvalidSpec (rollout.md §1.7): the mechanics, and the texts about referenced objects.
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string invalid_text(Cluster& c) {
  const auto item = c.condition("InvalidSpec");
  return item.is_null() ? "" : kube::get_string(item, "message");
}

struct ReferenceRow {
  const char* point;
  const char* strategy;  // a patch of the strategy
  const char* object;    // kind/name to take away, or "kind/name patch"
  const char* patch;
  const char* text;
};

void expect_invalid(Cluster c, const ReferenceRow& row, const char* strategy) {
  SCOPED_TRACE(row.point);
  Json patch{{"spec", {{"strategy", {{strategy, json(row.strategy)}}}}}};
  c.edit_rollout(patch.dump());
  const std::string object = row.object;
  if (!object.empty()) {
    const auto slash = object.find('/');
    const auto kind = object.substr(0, slash), name = object.substr(slash + 1);
    if (std::string(row.patch).empty()) {
      c.objects[kind].erase(name);
    } else {
      c.edit(kind, name, json(row.patch));
    }
  }
  const auto before = c.sent.size();
  const auto status = c.status();
  c.pass();
  EXPECT_EQ(invalid_text(c), std::string("The Rollout \"web\" is invalid: ") + row.text);
  EXPECT_THAT(c.purposes(before), ElementsAre("PatchStatus"));
  EXPECT_EQ(c.wake_at, c.now + Seconds{20});
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_EQ(c.message(), "InvalidSpec: " + invalid_text(c));
}

TEST(AuditInvalid, references_of_a_canary_have_the_texts_of_the_table) {
  const std::string both =
      R"({"trafficRouting":{"nginx":{"stableIngress":"web","stableIngresses":["web"]}}})";
  for (
      const auto& row : std::vector<ReferenceRow>{
          {"no stable service", "{}", "Service/web-stable", "",
           R"(spec.strategy.canary.stableService: Invalid value: "web-stable": service "web-stable" not found)"},
          {"no canary service", "{}", "Service/web-canary", "",
           R"(spec.strategy.canary.canaryService: Invalid value: "web-canary": service "web-canary" not found)"},
          {"a selector with a foreign label", "{}", "Service/web-canary",
           R"({"spec":{"selector":{"tier":"x"}}})",
           R"(spec.strategy.canary.canaryService: Invalid value: "web-canary": Service "web-canary" has unmatch label "tier" in rollout)"},
          {"a selector with another value", "{}", "Service/web-stable",
           R"({"spec":{"selector":{"app":"x"}}})",
           R"(spec.strategy.canary.stableService: Invalid value: "web-stable": Service "web-stable" has unmatch label "app" in rollout)"},
          {"the service of another", "{}", "Service/web-stable",
           R"({"metadata":{"annotations":{"argo-rollouts.argoproj.io/managed-by-rollouts":"api"}}})",
           R"(spec.strategy.canary.stableService: Invalid value: "web-stable": Service "web-stable" is managed by another Rollout)"},
          {"no template for a step",
           R"({"steps":[{"setWeight":1},{"analysis":{"templates":[{"templateName":"nope"}]}}]})",
           "", "",
           R"(spec.strategy.canary.steps[1].analysis.templates: Invalid value: "nope": AnalysisTemplate 'nope' not found)"},
          {"no cluster template in the background",
           R"({"analysis":{"templates":[{"templateName":"nope","clusterScope":true}]}})", "", "",
           R"(spec.strategy.canary.analysis.templates: Invalid value: "nope": ClusterAnalysisTemplate 'nope' not found)"},
          {"the same metric twice",
           R"({"analysis":{"templates":[{"templateName":"endless"},{"templateName":"once"}]}})", "",
           "",
           R"(spec.strategy.canary.analysis.templates: Invalid value: "templateNames: [endless once]": two metrics have the same name 'ok' (templates 'endless' and 'once'))"},
          {"a step that never ends",
           R"({"steps":[{"analysis":{"templates":[{"templateName":"endless"}]}}]})", "", "",
           R"(spec.strategy.canary.steps[0].analysis.templates: Invalid value: "endless": AnalysisTemplate endless has metric ok which runs indefinitely. Invalid value for count: <nil>)"},
          {"no ingress", "{}", "Ingress/web", "",
           R"(spec.strategy.canary.trafficRouting.nginx.stableIngress: Invalid value: "web": ingress.networking.k8s.io "web" not found)"},
          {"an ingress without our service", "{}", "Ingress/web",
           R"({"spec":{"rules":[{"host":"web.example","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"other","port":{"number":80}}}}]}}]}})",
           R"(spec.strategy.canary.trafficRouting.nginx.stableIngress: Invalid value: "web": ingress `web` has no rules using service web-stable backend)"},
          {"both ingress fields", both.c_str(), "", "",
           "spec.strategy.canary.trafficRouting.nginx: Internal error: Either StableIngress or "
           "StableIngresses must be configured. Both are configured."},
          {"no ingress field", R"({"trafficRouting":{"nginx":{"stableIngress":null}}})", "", "",
           "spec.strategy.canary.trafficRouting.nginx: Internal error: Either StableIngress or "
           "StableIngresses must be configured. Neither are configured."}})
    expect_invalid(nginx_canary(1, R"([{"setWeight":50}])"), row, "canary");
}

TEST(AuditInvalid, references_of_blue_green_have_the_texts_of_the_table) {
  for (
      const auto& row : std::vector<ReferenceRow>{
          {"no active service", "{}", "Service/web-active", "",
           R"(spec.strategy.blueGreen.activeService: Invalid value: "web-active": service "web-active" not found)"},
          {"no preview service", "{}", "Service/web-preview", "",
           R"(spec.strategy.blueGreen.previewService: Invalid value: "web-preview": service "web-preview" not found)"},
          {"no template before", R"({"prePromotionAnalysis":{"templates":[{"templateName":"x"}]}})",
           "", "",
           R"(spec.strategy.blueGreen.prePromotionAnalysis.templates: Invalid value: "x": AnalysisTemplate 'x' not found)"},
          {"no template behind",
           R"({"postPromotionAnalysis":{"templates":[{"templateName":"x"}]}})", "", "",
           R"(spec.strategy.blueGreen.postPromotionAnalysis.templates: Invalid value: "x": AnalysisTemplate 'x' not found)"}})
    expect_invalid(blue_green(1), row, "blueGreen");
}

TEST(AuditInvalid, what_does_not_exist_is_told_before_what_does_not_fit) {
  auto c = nginx_canary(1, R"([{"setWeight":50}])");
  c.edit("Service", "web-stable", json(R"({"spec":{"selector":{"tier":"x"}}})"));
  c.objects["Ingress"].erase("web");
  c.pass();
  EXPECT_THAT(invalid_text(c), testing::HasSubstr("not found"));
}

TEST(AuditInvalid, a_spec_error_is_told_before_a_missing_object) {
  auto c = nginx_canary(1, R"([{"setWeight":50}])");
  c.objects["Service"].clear();
  c.edit_rollout(R"({"spec":{"minReadySeconds":-1}})");
  c.pass();
  EXPECT_THAT(invalid_text(c), testing::HasSubstr("spec.minReadySeconds"));
}

TEST(AuditInvalid, in_the_middle_of_an_update_nothing_else_is_touched) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{"duration":"10s"}}])");
  c.set_image("web:2");
  c.run();
  const auto objects = c.objects;
  auto before = c.status();
  const auto sent = c.sent.size();
  const auto events = c.events.size();
  c.edit_rollout(R"({"spec":{"strategy":{"canary":{"steps":[{"setWeight":101}]}}}})");
  c.now += Seconds{600};
  c.settle();
  EXPECT_EQ(c.sent.size(), sent + 1);
  EXPECT_EQ(c.events.size(), events);
  for (const auto* kind : {"ReplicaSet", "Service", "Ingress"})
    EXPECT_EQ(c.objects[kind], objects.at(kind)) << kind;
  auto after = c.status();
  EXPECT_EQ(kube::get_string(after, "observedGeneration"),
            std::to_string(kube::get_int(c.rollout(), "metadata.generation")));
  for (auto* status : {&before, &after})
    for (const auto* key : {"conditions", "observedGeneration", "phase", "message"})
      status->erase(key);
  EXPECT_EQ(before, after);
}

TEST(AuditInvalid, another_reason_moves_the_condition_to_the_end_with_fresh_times) {
  auto c = nginx_canary(1, R"([{"setWeight":50}])");
  const auto stable = c.get("Service", "web-stable");
  c.objects["Service"].erase("web-stable");
  c.pass();
  const auto first = c.condition("InvalidSpec");
  c.now += Seconds{60};
  const auto before = c.sent.size();
  c.pass();
  EXPECT_EQ(c.sent.size(), before) << "the same again is not written";
  c.put(stable);
  c.objects["Service"].erase("web-canary");
  c.pass();
  const auto second = c.condition("InvalidSpec");
  EXPECT_NE(first["message"], second["message"]);
  EXPECT_EQ(second["lastUpdateTime"], format_rfc3339(c.now));
  EXPECT_EQ(second["lastTransitionTime"], format_rfc3339(c.now));
  EXPECT_EQ(c.status()["conditions"].back()["type"], "InvalidSpec");
}

TEST(AuditInvalid, healed_it_goes_on_where_it_was) {
  auto c = nginx_canary(2, R"([{"setWeight":50},{"pause":{}}])");
  c.set_image("web:2");
  c.run();
  const auto start = c.status()["pauseConditions"][0]["startTime"];
  const auto lost = c.get("Service", "web-canary");
  c.objects["Service"].erase("web-canary");
  c.settle();
  ASSERT_EQ(c.phase(), "Degraded");
  c.now += Seconds{3600};
  c.put(lost);
  c.run();
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(invalid_text(c), "");
  EXPECT_EQ(c.status()["pauseConditions"][0]["startTime"], start);
}

TEST(AuditInvalid, a_privileged_container_is_the_cluster_s_business) {
  Cluster c;
  auto object = rollout(1, json(R"({"canary":{}})"));
  object["spec"]["template"]["spec"]["containers"][0]["securityContext"]["privileged"] = true;
  c.put(object);
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.message();
}

TEST(AuditRefused, what_this_release_leaves_out_is_named_once_and_touches_nothing) {
  for (const auto* strategy :
       {R"({"antiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{}}})",
        R"({"canaryMetadata":{"labels":{"a":"b"}}})",
        R"({"stableMetadata":{"annotations":{"a":"b"}}})"}) {
    SCOPED_TRACE(strategy);
    auto c = basic_canary(2, R"([{"setWeight":50},{"pause":{}}])");
    c.edit_rollout(std::string(R"({"spec":{"strategy":{"canary":)") + strategy + "}}}");
    c.set_image("web:2");
    const auto before = c.sent.size();
    c.settle();
    EXPECT_THAT(c.purposes(before), ElementsAre("PatchStatus"));
    EXPECT_EQ(c.objects["ReplicaSet"].size(), 1U);
    EXPECT_EQ(std::count(c.event_reasons.begin(), c.event_reasons.end(), "Unsupported"), 1);
    EXPECT_EQ(c.reason("InvalidSpec"), "Unsupported");
    EXPECT_EQ(c.phase(), "Degraded");
  }
}

}  // namespace
}  // namespace sluice::rollout::test
