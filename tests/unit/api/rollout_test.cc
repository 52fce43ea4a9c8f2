#include "api/rollout.h"

#include "tests/unit/api/fixtures.h"

namespace sluice::api::test {
namespace {

Step step_of(const std::string& json) {
  return rollout_with_spec(R"({"strategy":{"canary":{"steps":[)" + json + "]}}}")
      .spec.canary->steps.at(0);
}

TEST(PauseStep, lasts_whole_seconds) {
  const std::pair<const char*, std::optional<std::int64_t>> cases[] = {
      {R"({"pause":{}})", std::nullopt},           {R"({"pause":{"duration":0}})", 0},
      {R"({"pause":{"duration":10}})", 10},        {R"({"pause":{"duration":-3}})", -3},
      {R"({"pause":{"duration":"10"}})", 10},      {R"({"pause":{"duration":"10s"}})", 10},
      {R"({"pause":{"duration":"1h30m"}})", 5400}, {R"({"pause":{"duration":"500ms"}})", 0},
      {R"({"pause":{"duration":"1.9s"}})", 1},     {R"({"pause":{"duration":"-1.5s"}})", -1},
      {R"({"pause":{"duration":""}})", -1},        {R"({"pause":{"duration":"10d"}})", -1},
      {R"({"pause":{"duration":"soon"}})", -1},
  };
  for (const auto& [json, seconds] : cases)
    EXPECT_EQ(step_of(json).pause->seconds(), seconds) << json;
}

TEST(StepText, is_what_events_say) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"setWeight":20})", "setWeight: 20"},
      {R"({"setWeight":0})", "setWeight: 0"},
      {R"({"pause":{}})", "pause"},
      {R"({"pause":{"duration":"10s"}})", "pause: 10s"},
      {R"({"pause":{"duration":10}})", "pause: 10"},
      {R"({"experiment":{"templates":[]}})", "experiment"},
      {R"({"analysis":{"templates":[{"templateName":"t"}]}})", "analysis"},
      {R"({"setCanaryScale":{"weight":20}})", "setCanaryScale{weight: 20}"},
      {R"({"setCanaryScale":{"matchTrafficWeight":true}})",
       "setCanaryScale{matchTrafficWeight: true}"},
      {R"({"setCanaryScale":{"replicas":5}})", "setCanaryScale{replicas: 5}"},
      {R"({"setCanaryScale":{}})", "invalid"},
      {R"({"plugin":{"name":"org/step"}})", "plugin: org/step"},
      {R"({"setHeaderRoute":{"name":"beta"}})", "setHeaderRoute: beta"},
      {R"({"setMirrorRoute":{"name":"copy"}})", "setMirrorRoute: copy"},
      {R"({})", "invalid"},
  };
  for (const auto& [json, text] : cases) EXPECT_EQ(step_of(json).text(), text) << json;
}

TEST(DecodeRollout, reads_every_field_of_a_canary) {
  const auto r = rollout_with_spec(
      R"({"replicas":7,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{}},
      "minReadySeconds":3,"revisionHistoryLimit":4,"paused":true,"progressDeadlineSeconds":50,"progressDeadlineAbort":true,
      "restartAt":"2026-01-02T03:04:05Z","rollbackWindow":{"revisions":2},"analysis":{"successfulRunHistoryLimit":1,"unsuccessfulRunHistoryLimit":0},
      "strategy":{"canary":{"canaryService":"c","stableService":"s","maxSurge":"10%","maxUnavailable":1,"scaleDownDelaySeconds":30,
      "scaleDownDelayRevisionLimit":2,"abortScaleDownDelaySeconds":0,"dynamicStableScale":true,"minPodsPerReplicaSet":2,
      "replicaProgressThreshold":{"type":"Percent","value":90},"pingPong":{},"antiAffinity":{},"canaryMetadata":{},"stableMetadata":{},
      "analysis":{"templates":[{"templateName":"t","clusterScope":true}],"args":[{"name":"x","value":""},{"name":"h","valueFrom":{"podTemplateHashValue":"Latest"}},
        {"name":"f","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}],"dryRun":[{"metricName":".*"}],"measurementRetention":[{"metricName":"m","limit":3}],
        "analysisRunMetadata":{"labels":{"k":"v"}},"startingStep":2},
      "trafficRouting":{"nginx":{"annotationPrefix":"p","stableIngress":"i","stableIngresses":["j"],"additionalIngressAnnotations":{"a":"1"},
        "canaryIngressAnnotations":{"b":"2"}},"maxTrafficWeight":1000,"managedRoutes":[{"name":"m"}],"istio":{},"plugins":{"x/y":{}}}}}})");
  ASSERT_FALSE(r.decode_error) << r.decode_error->message;
  const auto& spec = r.spec;
  EXPECT_EQ(spec.replicas, 7);
  EXPECT_EQ(spec.selector_json, R"({"matchLabels":{"a":"b"}})");
  EXPECT_EQ(spec.template_labels, (StringMap{{"a", "b"}}));
  EXPECT_EQ(spec.min_ready_seconds, 3);
  EXPECT_EQ(spec.revision_history_limit, 4);
  EXPECT_TRUE(spec.paused && spec.progress_deadline_abort);
  EXPECT_EQ(spec.progress_deadline_seconds, 50);
  EXPECT_EQ(format_rfc3339(spec.restart_at.value()), "2026-01-02T03:04:05Z");
  EXPECT_EQ(spec.rollback_window_revisions, 2);
  EXPECT_EQ(spec.successful_run_history_limit, 1);
  EXPECT_EQ(spec.unsuccessful_run_history_limit, 0);
  const auto& canary = spec.canary.value();
  EXPECT_EQ(canary.canary_service + canary.stable_service, "cs");
  EXPECT_EQ(canary.max_surge, (kube::IntOrString{true, 0, "10%"}));
  EXPECT_EQ(canary.max_unavailable, (kube::IntOrString{false, 1, ""}));
  EXPECT_EQ(canary.scale_down_delay_seconds, 30);
  EXPECT_EQ(canary.scale_down_delay_revision_limit, 2);
  EXPECT_EQ(canary.abort_scale_down_delay_seconds, 0);
  EXPECT_EQ(canary.min_pods_per_replica_set, 2);
  EXPECT_EQ(canary.replica_progress_threshold->type, "Percent");
  EXPECT_EQ(canary.replica_progress_threshold->value, 90);
  EXPECT_TRUE(canary.dynamic_stable_scale && canary.ping_pong && canary.anti_affinity &&
              canary.canary_metadata && canary.stable_metadata);
  EXPECT_FALSE(canary.has_steps_member);
  EXPECT_EQ(canary.max_weight(), 1000);
  const auto& analysis = canary.analysis.value();
  EXPECT_TRUE(analysis.configured());
  EXPECT_EQ(analysis.templates, (std::vector<TemplateRef>{{"t", true}}));
  ASSERT_EQ(analysis.args.size(), 3U);
  EXPECT_EQ(analysis.args[0].value, "");
  EXPECT_EQ(analysis.args[1].pod_template_hash, "Latest");
  EXPECT_EQ(analysis.args[2].field_path, "metadata.name");
  EXPECT_EQ(analysis.dry_run_json, R"([{"metricName":".*"}])");
  EXPECT_EQ(analysis.measurement_retention_json, R"([{"metricName":"m","limit":3}])");
  EXPECT_EQ(analysis.run_metadata->labels, (StringMap{{"k", "v"}}));
  EXPECT_EQ(analysis.starting_step, 2);
  const auto& routing = canary.traffic_routing.value();
  EXPECT_EQ(routing.nginx->stable_ingresses, std::vector<std::string>{"j"});
  EXPECT_EQ(routing.nginx->additional_ingress_annotations, (StringMap{{"a", "1"}}));
  EXPECT_EQ(routing.nginx->canary_ingress_annotations, (StringMap{{"b", "2"}}));
  EXPECT_EQ(routing.managed_routes, std::vector<std::string>{"m"});
  EXPECT_EQ(routing.other_routers, (std::vector<std::string>{"istio", "plugins"}));
}

TEST(DecodeRollout, reads_every_field_of_blue_green) {
  const auto r = rollout_with_spec(
      R"({"strategy":{"blueGreen":{"activeService":"a","previewService":"p","previewReplicaCount":1,
      "autoPromotionEnabled":false,"autoPromotionSeconds":9,"maxUnavailable":"5%","scaleDownDelaySeconds":0,"scaleDownDelayRevisionLimit":1,
      "abortScaleDownDelaySeconds":2,"prePromotionAnalysis":{"templates":[{"templateName":"x"}]},"postPromotionAnalysis":{"templates":[]},
      "antiAffinity":{},"activeMetadata":{},"previewMetadata":{}}}})");
  ASSERT_FALSE(r.decode_error);
  const auto& s = r.spec.blue_green.value();
  EXPECT_EQ(s.active_service + s.preview_service, "ap");
  EXPECT_EQ(s.preview_replica_count, 1);
  EXPECT_EQ(s.auto_promotion_enabled, false);
  EXPECT_EQ(s.auto_promotion_seconds, 9);
  EXPECT_EQ(s.max_unavailable->text, "5%");
  EXPECT_EQ(s.scale_down_delay_seconds, 0);
  EXPECT_EQ(s.scale_down_delay_revision_limit, 1);
  EXPECT_EQ(s.abort_scale_down_delay_seconds, 2);
  EXPECT_TRUE(s.pre_promotion_analysis->configured());
  EXPECT_FALSE(s.post_promotion_analysis->configured());
  EXPECT_TRUE(s.anti_affinity && s.active_metadata && s.preview_metadata);
  EXPECT_FALSE(r.spec.canary);
}

TEST(DecodeRollout, an_absent_steps_member_differs_from_an_empty_one) {
  EXPECT_TRUE(
      rollout_with_spec(R"({"strategy":{"canary":{"steps":[]}}})").spec.canary->has_steps_member);
  EXPECT_FALSE(
      rollout_with_spec(R"({"strategy":{"canary":{"steps":null}}})").spec.canary->has_steps_member);
  // trafficRouting counts even when it is empty.
  EXPECT_TRUE(rollout_with_spec(R"({"strategy":{"canary":{"trafficRouting":{}}}})")
                  .spec.canary->traffic_routing);
}

TEST(DecodeRollout, the_first_malformed_field_is_named_and_the_rest_is_read) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"replicas":"many","paused":true})", "spec.replicas: expected an integer"},
      {R"({"replicas":3000000000,"paused":true})", "spec.replicas: expected a 32-bit integer"},
      {R"({"paused":true,"restartAt":"tomorrow"})", "spec.restartAt: expected an RFC 3339 time"},
      {R"({"paused":true,"strategy":[]})", "spec.strategy: expected an object"},
      {R"({"paused":true,"strategy":{"canary":{"steps":[{"setWeight":1},{"setWeight":"x"}]}}})",
       "spec.strategy.canary.steps[1].setWeight: expected an integer"},
      {R"({"paused":true,"strategy":{"canary":{"steps":[7]}}})",
       "spec.strategy.canary.steps[0]: expected an object"},
      {R"({"paused":true,"strategy":{"canary":{"steps":{}}}})",
       "spec.strategy.canary.steps: expected a list"},
      {R"({"paused":true,"strategy":{"canary":{"maxSurge":true}}})",
       "spec.strategy.canary.maxSurge: expected an integer or a string"},
      {R"({"paused":true,"template":{"metadata":{"labels":{"a":1}}}})",
       "spec.template.metadata.labels.a: expected a string"},
      {R"({"paused":true,"strategy":{"canary":{"trafficRouting":{"nginx":{"stableIngresses":["a",2]}}}}})",
       "spec.strategy.canary.trafficRouting.nginx.stableIngresses[1]: expected a string"},
  };
  for (const auto& [spec, message] : cases) {
    const auto r = rollout_with_spec(spec);
    ASSERT_TRUE(r.decode_error) << spec;
    EXPECT_EQ(r.decode_error->message, message);
    EXPECT_EQ(r.decode_error->code, ErrorCode::Decode);
    EXPECT_TRUE(r.spec.paused) << spec;
    EXPECT_EQ(r.meta.key.name, "web");
  }
}

TEST(DecodeRollout, objects_without_a_spec_or_of_another_shape_do_no_harm) {
  for (const char* text : {"{}", R"({"spec":null,"status":null})", R"({"metadata":{}})"}) {
    const auto r = decode_with(decode_rollout, text);
    EXPECT_FALSE(r.decode_error) << text;
    EXPECT_EQ(kube::dump(stored_status(r)), "{}");
    EXPECT_EQ(kube::dump(encode_status(r.status)), "{}");
  }
  for (const char* text : {"[]", "3", R"({"spec":3})", R"({"status":[]})"})
    EXPECT_TRUE(decode_with(decode_rollout, text).spec.canary == std::nullopt) << text;
}

TEST(RolloutStatus, every_member_survives_a_round_trip) {
  const std::string status =
      R"({"HPAReplicas":1,"abort":true,"abortedAt":"2026-01-01T00:00:00Z","alb":{"ingress":"i"},"availableReplicas":2,
    "blueGreen":{"activeSelector":"a","postPromotionAnalysisRunStatus":{"message":"m","name":"n","status":"Failed"},
      "prePromotionAnalysisRunStatus":{"name":"n","status":"Running"},"previewSelector":"p","scaleUpPreviewCheckPoint":true},
    "canary":{"currentBackgroundAnalysisRunStatus":{"name":"b","status":""},"currentExperiment":"e","currentStepAnalysisRunStatus":{"name":"s","status":"Error"},
      "stablePingPong":"ping","stepPluginStatuses":[{"index":0,"name":"x","operation":"Run"}],
      "weights":{"additional":[{"podTemplateHash":"h","serviceName":"s","weight":3}],"canary":{"weight":0},"stable":{"weight":97},"verified":false}},
    "collisionCount":0,"conditions":[{"lastTransitionTime":"2026-01-01T00:00:00Z","lastUpdateTime":"2026-01-01T00:00:01Z","message":"","reason":"R","status":"True","type":"T"}],
    "controllerPause":true,"currentPodHash":"c","currentStepHash":"d","currentStepIndex":0,
    "duration":{"completionStatus":"Promoted","finishedAt":"2026-01-01T00:00:00Z","manualPauseStartedAt":"2026-01-01T00:00:00Z",
      "rolloutStartedAt":"2026-01-01T00:00:00Z","totalManualPauseDurationSeconds":0},
    "future":{"x":[1]},"message":"m","observedGeneration":"4","pauseConditions":[{"reason":"CanaryPauseStep","startTime":"2026-01-01T00:00:00Z"}],
    "phase":"Paused","promoteFull":true,"readyReplicas":3,"replicas":4,"restartedAt":"2026-01-01T00:00:00Z","selector":"a=b","stableRS":"s",
    "updatedReplicas":5,"workloadObservedGeneration":"6"})";
  const auto rollout = decode_with(decode_rollout, R"({"status":)" + status + "}");
  ASSERT_FALSE(rollout.decode_error) << rollout.decode_error->message;
  EXPECT_EQ(kube::dump(encode_status(rollout.status)), kube::dump(parse(status)));
  EXPECT_EQ(
      rollout.status.carried_json,
      R"({"alb":{"ingress":"i"},"canary":{"stepPluginStatuses":[{"index":0,"name":"x","operation":"Run"}]},"future":{"x":[1]}})");
}

TEST(RolloutStatus, a_status_built_from_nothing_has_both_strategy_members) {
  EXPECT_EQ(kube::dump(encode_status(RolloutStatus{})), R"({"blueGreen":{},"canary":{}})");
}

TEST(RolloutStatus, carried_members_never_win_over_modelled_ones) {
  RolloutStatus status;
  status.phase = "Healthy";
  status.carried_json = R"({"phase":"Old","canary":{"x":1}})";
  EXPECT_EQ(kube::dump(encode_status(status)),
            R"({"blueGreen":{},"canary":{"x":1},"phase":"Healthy"})");
  status.carried_json = "garbage";
  EXPECT_EQ(kube::dump(encode_status(status)), R"({"blueGreen":{},"canary":{},"phase":"Healthy"})");
}

TEST(RolloutStatus, a_generation_written_as_a_number_is_read_as_text) {
  EXPECT_EQ(decode_with(decode_rollout, R"({"status":{"observedGeneration":12}})")
                .status.observed_generation,
            "12");
}

}  // namespace
}  // namespace sluice::api::test
