// Whatever stands in the cluster, nothing throws and everybody gets an answer.
#include "api/support.h"
#include "api/template_hash.h"
#include "api/validate.h"
#include "tests/unit/api/fixtures.h"

namespace sluice::api::test {
namespace {

const char* const kCanary =
    R"({"metadata":{"name":"web","namespace":"n","labels":{"a":"b"}},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"},
  "matchExpressions":[{"key":"k","operator":"NotIn","values":["v"]}]},"restartAt":"2026-01-01T00:00:00Z","workloadRef":null,
  "template":{"metadata":{"labels":{"app":"web"}},"spec":{"hostNetwork":true,"volumes":[{"name":"v","secret":{"secretName":"s"}}],
    "affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"t","labelSelector":{"matchExpressions":[{"key":"rollouts-pod-template-hash","operator":"In"}]}}]}},
    "containers":[{"name":"web","image":"web:1","ports":[{"containerPort":80,"hostPort":80}],"resources":{"limits":{"cpu":"1"}},
    "volumeMounts":[{"name":"v","mountPath":"/v"}],"env":[{"name":"E","valueFrom":{"fieldRef":{"fieldPath":"x"}}}],"livenessProbe":{"httpGet":{"port":1}}}]}},
  "strategy":{"canary":{"stableService":"s","canaryService":"c","maxSurge":"25%","pingPong":{"pingService":"a","pongService":"b"},
    "antiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":{"weight":1}},
    "trafficRouting":{"nginx":{"stableIngress":"i","canaryIngressAnnotations":{"a":"b"}},"istio":{"destinationRule":{}},"managedRoutes":[{"name":"r"}]},
    "analysis":{"templates":[{"templateName":"t"}],"args":[{"name":"a","value":"v"}]},
    "steps":[{"setWeight":20},{"pause":{"duration":"10s"}},{"analysis":{"templates":[{"templateName":"t","clusterScope":false}],
      "args":[{"name":"a","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]}},{"setCanaryScale":{"weight":1}},
      {"setHeaderRoute":{"name":"r","match":[{"headerName":"h","headerValue":{"exact":"x"}}]}},
      {"setMirrorRoute":{"name":"r","match":[{"method":{"exact":"GET"}}]}},{"experiment":{"templates":[{"name":"t","weight":1}]}},{"plugin":{"name":"p"}}]}}},
  "status":{"conditions":[{"type":"t","status":"True","lastUpdateTime":"2026-01-01T00:00:00Z"}],"canary":{"weights":{"canary":{"weight":1},"stable":{"weight":2},
    "additional":[{"weight":3}]},"currentStepAnalysisRunStatus":{"name":"n","status":"Running"}},"pauseConditions":[{"reason":"r","startTime":"2026-01-01T00:00:00Z"}],
    "duration":{"finishedAt":"2026-01-01T00:00:00Z"},"observedGeneration":"1"}})";

const char* const kRun =
    R"({"metadata":{"name":"r"},"spec":{"metrics":[{"name":"m","interval":"1s","count":1,"provider":{"prometheus":{"query":"q",
  "authentication":{"oauth2":{"scopes":["a"]}}}}}],"args":[{"name":"a","valueFrom":{"secretKeyRef":{"name":"n","key":"k"}}}],
  "dryRun":[{"metricName":"m"}],"measurementRetention":[{"metricName":"m","limit":1}],"ttlStrategy":{"secondsAfterSuccess":1}},
  "status":{"phase":"Running","runSummary":{"count":1},"dryRunSummary":{},"metricResults":[{"name":"m","phase":"Running","metadata":{"a":"b"},
  "measurements":[{"phase":"Running","startedAt":"2026-01-01T00:00:00Z","metadata":{"a":"b"}}]}]}})";

// Every document that differs from `value` in one place.
void mutate(const kube::Json& value, const std::function<void(const kube::Json&)>& visit) {
  for (const char* other :
       {"null", "3000000000", "1.5", "\"x\"", "true", "[]", "{}", "[null]", R"({"x":3})"})
    visit(parse(other));
  if (value.is_object()) {
    for (const auto& [key, item] : value.items())
      mutate(item, [&, name = key](const kube::Json& changed) {
        auto copy = value;
        copy[name] = changed;
        visit(copy);
      });
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      mutate(value[i], [&](const kube::Json& changed) {
        auto copy = value;
        copy[i] = changed;
        visit(copy);
      });
  }
}

std::string raw_steps(const Rollout& rollout) {
  std::string out;
  for (const auto& step : rollout.spec.canary->steps) out += step.raw;
  return out;
}

TEST(BadInput, one_wrong_value_anywhere_in_a_rollout_harms_nobody) {
  std::size_t seen = 0, reported = 0;
  const auto good = rollout_of(parse(kCanary));
  ASSERT_FALSE(good.decode_error) << good.decode_error->message;
  mutate(parse(kCanary), [&](const kube::Json& object) {
    ++seen;
    const auto rollout = rollout_of(object);
    if (rollout.decode_error) ++reported;
    EXPECT_NO_THROW({
      const auto verdict = validate_spec(rollout);
      EXPECT_TRUE(!rollout.decode_error || verdict) << kube::dump(object);
      static_cast<void>(unsupported(rollout));
      static_cast<void>(encode_status(rollout.status));
      static_cast<void>(stored_status(rollout));
      if (rollout.spec.template_json != good.spec.template_json) {
        static_cast<void>(template_hashes(rollout.spec.template_json, 1));
        static_cast<void>(templates_equal(rollout.spec.template_json, good.spec.template_json,
                                          rollout.spec.selector_json));
        static_cast<void>(templates_equal(good.spec.template_json, rollout.spec.template_json));
      }
      if (rollout.spec.canary && raw_steps(rollout) != raw_steps(good)) {
        static_cast<void>(step_hashes(*rollout.spec.canary));
        for (const auto& step : rollout.spec.canary->steps) static_cast<void>(step.text());
      }
    }) << kube::dump(object);
  });
  EXPECT_GT(seen, 1'000U);
  EXPECT_GT(reported, 300U);
}

TEST(BadInput, one_wrong_value_anywhere_in_a_run_harms_nobody) {
  mutate(parse(kRun), [&](const kube::Json& object) {
    EXPECT_NO_THROW({
      const auto text = kube::dump(object);
      const auto run = decode_with(decode_analysis_run, text);
      static_cast<void>(encode(run.status));
      static_cast<void>(unsupported(run.spec));
      static_cast<void>(decode_with(decode_analysis_template, text));
    }) << kube::dump(object);
  });
}

}  // namespace
}  // namespace sluice::api::test
