#include "api/template_hash.h"

#include "kube/schema/template_defaults.h"
#include "tests/unit/api/fixtures.h"

namespace sluice::api::test {
namespace {

struct Vector {
  std::string text;
  std::optional<std::int32_t> collisions;
  std::string hash;
};

const std::string kProbe =
    R"("labels":{"app":"canary-scaledowndelay"}},"spec":{"containers":[{"name":"canary-scaledowndelay","image":"nginx:1.19-alpine","ports":[{"name":"http","containerPort":80,"protocol":"TCP"}],"resources":{"requests":{"cpu":"5m","memory":"16Mi"}}}]}})";
const std::string kGate =
    R"("labels":{"app":"dynamic-stable-scale"}},"spec":{"containers":[{"name":"dynamic-stable-scale","image":"nginx:1.19-alpine","ports":[{"name":"http","containerPort":80,"protocol":"TCP"}],"resources":{"requests":{"cpu":"5m","memory":"16Mi"}}}],"readinessGates":[{"conditionType":"argoproj.io/e2e-readiness"}]}})";
const std::string kStamp = R"({"metadata":{"creationTimestamp":null,)";

TEST(TemplateHash, of_a_text_is_the_known_one) {
  const std::string empty = R"({"metadata":{},"spec":{"containers":null}})";
  const Vector vectors[] = {
      {empty, std::nullopt, "658c46c486"},
      {R"({"metadata":{"creationTimestamp":null},"spec":{"containers":null}})", std::nullopt,
       "76bbb58f74"},
      {empty, 0, "6f9d9db974"},
      {empty, 1, "6746d5bbc"},
      {empty, 2, "856466dfb4"},
      {R"({"metadata":{)" + kProbe, std::nullopt, "674d8cf959"},
      {kStamp + kProbe, std::nullopt, "66597877b7"},
      {R"({"metadata":{)" + kGate, std::nullopt, "6b56c8cdb4"},
      {kStamp + kGate, std::nullopt, "868d98995b"},
      {R"({"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"nginx:1.25","args":["a\u0026b"],"resources":{}}]}})",
       std::nullopt, "549c84589c"},
  };
  for (const auto& v : vectors)
    EXPECT_EQ(hash_template_text(v.text, v.collisions), v.hash) << v.text;
}

TEST(TemplateHash, of_a_template_does_not_depend_on_the_order_of_its_members_and_knows_both_forms) {
  const std::string shuffled =
      R"({"spec":{"containers":[{"resources":{"requests":{"memory":"16Mi","cpu":"0.005"}},"ports":[{"protocol":"TCP","containerPort":80,"name":"http"}],
          "image":"nginx:1.19-alpine","name":"canary-scaledowndelay"}]},"metadata":{"labels":{"app":"canary-scaledowndelay"}}})";
  EXPECT_THAT(template_hashes(shuffled, std::nullopt).value(),
              testing::ElementsAre("674d8cf959", "66597877b7"));
  EXPECT_THAT(template_hashes("{}", std::nullopt).value(),
              testing::ElementsAre("658c46c486", "76bbb58f74"));
  EXPECT_EQ(template_hashes("{}", 1).value().front(), "6746d5bbc");
}

struct Canonical {
  const char* in;
  const char* out;
};

TEST(CanonicalTemplate, has_the_members_and_the_order_of_the_typed_form) {
  const auto pod = [](const std::string& spec) { return R"({"metadata":{},"spec":)" + spec + "}"; };
  const Canonical cases[] = {
      // Zero values go, pointers to zero values stay.
      {R"({"containers":[],"hostNetwork":false,"automountServiceAccountToken":false,"securityContext":{},"terminationGracePeriodSeconds":0})",
       R"({"containers":[],"terminationGracePeriodSeconds":0,"automountServiceAccountToken":false,"securityContext":{}})"},
      {R"({"volumes":[{"emptyDir":{},"name":"a"}],"initContainers":[],"nodeSelector":{}})",
       R"({"volumes":[{"name":"a","emptyDir":{}}],"containers":null})"},
      // Required members appear even when nothing is known of them.
      {R"({"containers":[{"readinessProbe":{"httpGet":{}}}]})",
       R"({"containers":[{"name":"","resources":{},"readinessProbe":{"httpGet":{"port":0}}}]})"},
      {R"({"containers":[{"name":"c","livenessProbe":{"grpc":{"port":1}},"startupProbe":{"tcpSocket":{"port":"http"}}}]})",
       R"({"containers":[{"name":"c","resources":{},"livenessProbe":{"grpc":{"port":1,"service":null}},"startupProbe":{"tcpSocket":{"port":"http"}}}]})"},
      // Maps are sorted by bytes, HTML is escaped, other Unicode is not.
      {R"({"containers":null,"nodeSelector":{"b":"<&>","B":"é\u2028","a":"\u0001\t"}})",
       R"({"containers":null,"nodeSelector":{"B":"é\u2028","a":"\u0001\t","b":"\u003c\u0026\u003e"}})"},
      {R"({"containers":[{"name":"c","env":[{"valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}},"name":"E"}]}]})",
       R"({"containers":[{"name":"c","env":[{"name":"E","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu","divisor":"0"}}}],"resources":{}}]})"},
      {R"({"containers":[{"name":"c","resources":{"limits":{"cpu":2000,"memory":"1024Mi"},"requests":{"cpu":0.5}}}]})",
       R"({"containers":[{"name":"c","resources":{"limits":{"cpu":"2k","memory":"1Gi"},"requests":{"cpu":"500m"}}}]})"},
      // Members that the types do not have are no part of it.
      {R"({"zeta":{"b":1,"a":[true,null]},"alpha":"x","containers":null,"hostname":"h"})",
       R"({"containers":null,"hostname":"h"})"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(canonical_template_json(pod(c.in), false).value(), pod(c.out));
}

TEST(CanonicalTemplate, writes_the_null_timestamp_at_every_metadata) {
  const std::string in =
      R"({"metadata":{"labels":{"a":"b"}},"spec":{"volumes":[{"name":"v","ephemeral":{"volumeClaimTemplate":{"spec":{}}}}],"containers":null}})";
  EXPECT_EQ(
      canonical_template_json(in, true).value(),
      R"({"metadata":{"creationTimestamp":null,"labels":{"a":"b"}},"spec":{"volumes":[{"name":"v","ephemeral":{"volumeClaimTemplate":{"metadata":{"creationTimestamp":null},"spec":{"resources":{}}}}}],"containers":null}})");
}

TEST(CanonicalTemplate, writes_times_in_utc_to_the_second) {
  EXPECT_EQ(
      canonical_template_json(
          R"({"metadata":{"deletionTimestamp":"2026-01-02T03:04:05.6+02:00"},"spec":{"containers":[]}})",
          false)
          .value(),
      R"({"metadata":{"deletionTimestamp":"2026-01-02T01:04:05Z"},"spec":{"containers":[]}})");
}

TEST(CanonicalTemplate, of_a_malformed_template_is_an_error_that_names_the_member) {
  const auto error = [](const char* text) {
    return canonical_template_json(text, false).error().message;
  };
  EXPECT_EQ(error(R"({"spec":{"containers":[{"name":1}]}})"),
            "spec.template.spec.containers.name: expected a string");
  EXPECT_EQ(error(R"({"spec":{"containers":{}}})"),
            "spec.template.spec.containers: expected a list");
  EXPECT_EQ(
      error(R"({"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"lots"}}}]}})"),
      "spec.template.spec.containers.resources.limits.cpu: expected a quantity");
  EXPECT_FALSE(canonical_template_json("{", false));
}

CanaryStrategy canary_with(const std::string& steps) {
  const auto rollout = rollout_with_spec(R"({"strategy":{"canary":{)" +
                                         (steps.empty() ? "" : "\"steps\":" + steps) + "}}}");
  return *rollout.spec.canary;
}

TEST(StepHash, is_the_known_one) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "5ffbfbbd64"},
      {"[]", "5f8cb5778f"},
      {R"([{"pause":{}}])", "6b9b86fbd5"},
      {R"([{"pause":{}},{"pause":{}}])", "79c9b9f6bf"},
      {R"([{"setWeight":10}])", "54b5fccf74"},
      {R"([{"setWeight":20},{"pause":{}}])", "54649b9f5c"},
      {R"([{"setWeight":20},{"pause":{"duration":"10s"}}])", "55f5d87bd9"},
      {R"([{"setWeight":20},{"pause":{"duration":10}}])", "6c4467f6d"},
      {R"([{"setWeight":0},{"setCanaryScale":{"weight":25}},{"setCanaryScale":{"matchTrafficWeight":true}}])",
       "749dcf45c4"},
      {R"([{"analysis":{"templates":[{"templateName":"t"}]}}])", "55865f6c55"},
  };
  for (const auto& [steps, hash] : cases)
    EXPECT_EQ(step_hashes(canary_with(steps)).front(), hash) << steps;
}

TEST(StepHash, of_an_analysis_step_is_also_known_in_the_form_of_earlier_releases) {
  EXPECT_THAT(step_hashes(canary_with(R"([{"analysis":{"templates":[{"templateName":"t"}]}}])")),
              testing::ElementsAre("55865f6c55", "679667d9bc"));
  // An explicit false was written only since 1.9: four texts that differ, and the plain form is
  // among the old ones.
  const auto scoped = step_hashes(
      canary_with(R"([{"analysis":{"templates":[{"templateName":"t","clusterScope":false}]}}])"));
  EXPECT_THAT(scoped, testing::Contains("679667d9bc"));
  EXPECT_THAT(scoped, testing::Contains("55865f6c55"));
  EXPECT_NE(scoped.front(), "55865f6c55");
  EXPECT_EQ(scoped.size(), 3U);
}

std::string step_hash_of(const std::string& text) {
  return hash_template_text(text, std::nullopt);
}

TEST(StepHash, covers_each_kind_of_step_in_the_order_of_the_typed_form) {
  const std::pair<const char*, const char*> cases[] = {
      {R"([{"experiment":{"duration":"5m","templates":[{"specRef":"canary","name":"c","weight":0}],"analyses":[{"templateName":"t","name":"a","clusterScope":false}]}}])",
       R"([{"experiment":{"templates":[{"name":"c","specRef":"canary","metadata":{},"weight":0}],"duration":"5m","analyses":[{"name":"a","templateName":"t"}],"analysisRunMetadata":{}}}])"},
      {R"([{"setHeaderRoute":{"match":[{"headerValue":{"regex":"a<b"},"headerName":"x"}],"name":"h"}}])",
       R"([{"setHeaderRoute":{"name":"h","match":[{"headerName":"x","headerValue":{"regex":"a\u003cb"}}]}}])"},
      {R"([{"setMirrorRoute":{"percentage":5,"match":[{"headers":{"b":{"exact":"1"},"a":{"prefix":"2"}},"path":{"prefix":"/"}}],"name":"m"}}])",
       R"([{"setMirrorRoute":{"name":"m","match":[{"path":{"prefix":"/"},"headers":{"a":{"prefix":"2"},"b":{"exact":"1"}}}],"percentage":5}}])"},
      {R"([{"plugin":{"config":{"z":1,"a":"<"},"name":"o/p"}}])",
       R"([{"plugin":{"name":"o/p","config":{"z":1,"a":"\u003c"}}}])"},
      {R"([{"analysis":{"args":[{"valueFrom":{"podTemplateHashValue":"Latest"},"name":"h"},{"value":"v","name":"a"}],"templates":[{"clusterScope":true,"templateName":"t"}],"measurementRetention":[{"limit":0,"metricName":"m"}],"dryRun":[{"metricName":"m"}]}}])",
       R"([{"analysis":{"templates":[{"templateName":"t","clusterScope":true}],"args":[{"name":"h","valueFrom":{"podTemplateHashValue":"Latest"}},{"name":"a","value":"v"}],"dryRun":[{"metricName":"m"}],"measurementRetention":[{"metricName":"m","limit":0}]}}])"},
  };
  for (const auto& [steps, text] : cases)
    EXPECT_EQ(step_hashes(canary_with(steps)).front(), step_hash_of(text)) << text;
}

TEST(StepHash, of_an_experiment_step_is_also_known_without_its_metadata) {
  const auto hashes = step_hashes(canary_with(R"([{"experiment":{"templates":[]}}])"));
  EXPECT_THAT(hashes,
              testing::ElementsAre(
                  step_hash_of(R"([{"experiment":{"templates":[],"analysisRunMetadata":{}}}])"),
                  step_hash_of(R"([{"experiment":{"templates":[]}}])")));
}

TEST(StepHash, of_steps_that_the_types_cannot_hold_is_stable) {
  const auto hashes = step_hashes(canary_with(R"([{"setWeight":"twenty"}])"));
  ASSERT_EQ(hashes.size(), 1U);
  EXPECT_EQ(hashes, step_hashes(canary_with(R"([{"setWeight":"twenty"}])")));
  EXPECT_NE(hashes, step_hashes(canary_with(R"([{"setWeight":"thirty"}])")));
}

TEST(StepHash, of_other_steps_has_one_form_only) {
  EXPECT_EQ(step_hashes(canary_with(R"([{"setWeight":5},{"pause":{"duration":"1h"}}])")).size(),
            1U);
}

// ---- semantic equality ----

const char* const kDesired =
    R"({"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:2",
  "ports":[{"containerPort":80}],"readinessProbe":{"httpGet":{"port":"http"}},"resources":{"limits":{"cpu":"1000m","memory":"1Gi"}}}]}})";

kube::Json live() {
  auto out = parse(kDesired);
  kube::apply_template_defaults(out);
  out["metadata"]["labels"]["rollouts-pod-template-hash"] = "abc";
  return out;
}
bool equal(const kube::Json& live, const std::string& record = "") {
  return templates_equal(kube::dump(live), kDesired, record);
}

TEST(TemplatesEqual, a_defaulted_template_with_the_hash_label_equals_its_source) {
  EXPECT_TRUE(equal(live()));
}

TEST(TemplatesEqual, notation_and_emptiness_do_not_matter) {
  auto t = live();
  t["spec"]["containers"][0]["resources"]["limits"] = parse(R"({"cpu":"1","memory":"1073741824"})");
  t["spec"]["nodeSelector"] = parse("{}");
  t["spec"]["hostNetwork"] = false;
  t["spec"]["containers"][0]["env"] = parse("[]");
  t["spec"]["serviceAccount"] = "old";
  t["metadata"]["creationTimestamp"] = nullptr;
  EXPECT_TRUE(equal(t));
}

// Each pair was compared by the reference's own code as well.
TEST(TemplatesEqual, zero_values_instants_and_what_the_server_rounds_do_not_matter) {
  const std::pair<const char*, const char*> same[] = {
      {R"({"spec":{"containers":[{"readinessProbe":{"httpGet":{"port":0}}}]}})",
       R"({"spec":{"containers":[{"readinessProbe":{"httpGet":{}}}]}})"},
      {R"({"spec":{"containers":[],"overhead":{"memory":"1m"},"resources":{"limits":{"cpu":"4m"}}}})",
       R"({"spec":{"containers":[],"overhead":{"memory":"1u"},"resources":{"limits":{"cpu":0.0031}}}})"},
      {R"({"spec":{"containers":[{"image":"web:latest@sha256:00","imagePullPolicy":"Always"}]}})",
       R"({"spec":{"containers":[{"image":"web:latest@sha256:00"}]}})"},
      {R"({"spec":{"volumes":[{"ephemeral":{"volumeClaimTemplate":{"spec":{"volumeMode":"Filesystem"}}}}]}})",
       R"({"spec":{"volumes":[{"ephemeral":{"volumeClaimTemplate":{}}}]}})"},
      {R"({"metadata":{"deletionTimestamp":"2026-01-02T01:04:05Z"}})",
       R"({"metadata":{"deletionTimestamp":"2026-01-02T03:04:05+02:00"}})"},
      {R"({"spec":{"affinity":{"podAntiAffinity":{}}}})",
       R"({"spec":{"affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[]}}}})"},
  };
  for (const auto& [live, desired] : same) {
    EXPECT_TRUE(templates_equal(live, desired)) << desired;
    EXPECT_TRUE(templates_equal(desired, live)) << desired;
  }
  EXPECT_FALSE(templates_equal(
      R"({"spec":{"containers":[{"image":"web:1@sha256:00","imagePullPolicy":"Always"}]}})",
      R"({"spec":{"containers":[{"image":"web:1@sha256:00"}]}})"));
  EXPECT_FALSE(
      templates_equal(R"({"spec":{"containers":[{"readinessProbe":{"httpGet":{"port":1}}}]}})",
                      R"({"spec":{"containers":[{"readinessProbe":{"httpGet":{}}}]}})"));
}

TEST(TemplatesEqual, a_difference_in_substance_is_seen) {
  const std::pair<const char*, const char*> edits[] = {
      {"image", R"("web:3")"},
      {"command", R"(["sh"])"},
      {"resources", R"({"limits":{"cpu":"2","memory":"1Gi"}})"},
      {"securityContext", "{}"},  // set and unset differ for a pointer
  };
  for (const auto& [member, value] : edits) {
    auto t = live();
    t["spec"]["containers"][0][member] = parse(value);
    EXPECT_FALSE(equal(t)) << member;
  }
  auto t = live();
  t["metadata"]["labels"]["more"] = "x";
  EXPECT_FALSE(equal(t));
}

TEST(TemplatesEqual, what_the_controller_injected_is_left_out) {
  auto t = live();
  t["metadata"]["labels"]["role"] = "canary";
  t["metadata"]["annotations"] = parse(R"({"note":"x"})");
  EXPECT_FALSE(equal(t));
  EXPECT_TRUE(equal(t, R"({"labels":{"role":"canary"},"annotations":{"note":"x"}})"));
  EXPECT_FALSE(equal(t, "not json"));

  const char* const term =
      R"({"labelSelector":{"matchExpressions":[{"key":"rollouts-pod-template-hash","operator":"In","values":["x"]}]},"topologyKey":"kubernetes.io/hostname"})";
  t = live();
  t["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
      parse("[" + std::string(term) + "]");
  EXPECT_TRUE(equal(t));
  t = live();
  t["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"] =
      parse(R"([{"weight":1,"podAffinityTerm":)" + std::string(term) + "}]");
  EXPECT_TRUE(equal(t));
  t["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
      .push_back(parse(R"({"weight":1,"podAffinityTerm":{"topologyKey":"zone"}})"));
  EXPECT_FALSE(equal(t));
}

TEST(TemplatesEqual, host_ports_that_old_servers_defaulted_do_not_matter) {
  auto desired = parse(kDesired);
  desired["spec"]["hostNetwork"] = true;
  auto t = desired;
  kube::apply_template_defaults(t);
  t["spec"]["containers"][0]["ports"][0]["hostPort"] = 80;
  EXPECT_TRUE(templates_equal(kube::dump(t), kube::dump(desired)));
  t["spec"]["containers"][0]["ports"][0]["hostPort"] = 81;
  EXPECT_FALSE(templates_equal(kube::dump(t), kube::dump(desired)));
}

TEST(TemplatesEqual, text_that_is_no_template_equals_nothing) {
  EXPECT_FALSE(templates_equal("{", kDesired));
  EXPECT_FALSE(templates_equal("[]", "[]"));
}

}  // namespace
}  // namespace sluice::api::test
