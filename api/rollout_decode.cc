// Rollout spec: bytes to values (rollout.md §1.2–§1.6). The status half is in rollout_status.cc.
#include <algorithm>
#include <array>

#include "api/analysis_decode.h"
#include "api/field.h"
#include "api/rollout.h"
#include "api/rollout_status.h"
#include "api/routers.h"

namespace sluice::api {
namespace {

RolloutAnalysis decode_analysis(const Field& field) {
  RolloutAnalysis out;
  const Field templates = field["templates"];
  out.templates = decode_template_refs(templates);
  const Field args = field["args"];
  out.args = decode_arguments(args);
  out.dry_run_json = field["dryRun"].json();
  out.measurement_retention_json = field["measurementRetention"].json();
  const Field metadata = field["analysisRunMetadata"];
  if (metadata.is_object())
    out.run_metadata =
        LabelsAndAnnotations{metadata["labels"].string_map(), metadata["annotations"].string_map()};
  out.starting_step = field["startingStep"].int32();
  return out;
}

std::optional<RolloutAnalysis> optional_analysis(const Field& field) {
  if (!field.is_object()) return std::nullopt;
  return decode_analysis(field);
}

Step decode_step(const Field& field) {
  Step out;
  out.set_weight = field["setWeight"].int32();
  const Field pause = field["pause"];
  if (pause.is_object()) out.pause = PauseStep{pause["duration"].int_or_string()};
  const Field analysis = field["analysis"];
  out.analysis = optional_analysis(analysis);
  const Field scale = field["setCanaryScale"];
  if (scale.is_object())
    out.set_canary_scale = SetCanaryScale{scale["weight"].int32(), scale["replicas"].int32(),
                                          scale["matchTrafficWeight"].flag()};
  out.experiment = !field["experiment"].absent();
  out.set_header_route = !field["setHeaderRoute"].absent();
  out.set_mirror_route = !field["setMirrorRoute"].absent();
  out.plugin = !field["plugin"].absent();
  out.raw = field.node().raw();
  return out;
}

NginxRouting decode_nginx(const Field& field) {
  NginxRouting out;
  out.annotation_prefix = field["annotationPrefix"].text();
  out.stable_ingress = field["stableIngress"].text();
  out.stable_ingresses = field["stableIngresses"].strings();
  out.additional_ingress_annotations = field["additionalIngressAnnotations"].string_map();
  out.canary_ingress_annotations = field["canaryIngressAnnotations"].string_map();
  return out;
}

TrafficRouting decode_routing(const Field& field) {
  TrafficRouting out;
  const Field nginx = field["nginx"];
  if (nginx.is_object()) out.nginx = decode_nginx(nginx);
  const Field managed = field["managedRoutes"];
  managed.each_object(
      [&](const Field& route) { out.managed_routes.push_back(route["name"].text()); });
  out.max_traffic_weight = field["maxTrafficWeight"].int32();
  for (const auto& row : router_rows())
    if (row.member != "nginx" && !field[row.member].absent())
      out.other_routers.emplace_back(row.member);
  field["plugins"].node().each_member(
      [&](std::string_view key, kube::Node plugin) { out.plugins.emplace(key, plugin.raw()); });
  return out;
}

CanaryStrategy decode_canary(const Field& field) {
  CanaryStrategy out;
  out.canary_service = field["canaryService"].text();
  out.stable_service = field["stableService"].text();
  const Field steps = field["steps"];
  out.has_steps_member = !steps.absent();
  steps.each_object([&](const Field& step) { out.steps.push_back(decode_step(step)); });
  const Field routing = field["trafficRouting"];
  if (routing.is_object()) out.traffic_routing = decode_routing(routing);
  out.max_surge = field["maxSurge"].int_or_string();
  out.max_unavailable = field["maxUnavailable"].int_or_string();
  const Field analysis = field["analysis"];
  out.analysis = optional_analysis(analysis);
  out.scale_down_delay_seconds = field["scaleDownDelaySeconds"].int32();
  out.scale_down_delay_revision_limit = field["scaleDownDelayRevisionLimit"].int32();
  out.abort_scale_down_delay_seconds = field["abortScaleDownDelaySeconds"].int32();
  out.dynamic_stable_scale = field["dynamicStableScale"].flag();
  out.min_pods_per_replica_set = field["minPodsPerReplicaSet"].int32();
  const Field threshold = field["replicaProgressThreshold"];
  if (threshold.is_object())
    out.replica_progress_threshold =
        ReplicaProgressThreshold{threshold["type"].text(), threshold["value"].int32_or(0)};
  out.ping_pong = !field["pingPong"].absent();
  out.anti_affinity = !field["antiAffinity"].absent();
  out.canary_metadata = !field["canaryMetadata"].absent();
  out.stable_metadata = !field["stableMetadata"].absent();
  return out;
}

BlueGreenStrategy decode_blue_green(const Field& field) {
  BlueGreenStrategy out;
  out.active_service = field["activeService"].text();
  out.preview_service = field["previewService"].text();
  out.preview_replica_count = field["previewReplicaCount"].int32();
  out.auto_promotion_enabled = field["autoPromotionEnabled"].boolean();
  out.auto_promotion_seconds = field["autoPromotionSeconds"].int32_or(0);
  out.max_unavailable = field["maxUnavailable"].int_or_string();
  out.scale_down_delay_seconds = field["scaleDownDelaySeconds"].int32();
  out.scale_down_delay_revision_limit = field["scaleDownDelayRevisionLimit"].int32();
  out.abort_scale_down_delay_seconds = field["abortScaleDownDelaySeconds"].int32();
  const Field pre = field["prePromotionAnalysis"];
  out.pre_promotion_analysis = optional_analysis(pre);
  const Field post = field["postPromotionAnalysis"];
  out.post_promotion_analysis = optional_analysis(post);
  out.anti_affinity = !field["antiAffinity"].absent();
  out.active_metadata = !field["activeMetadata"].absent();
  out.preview_metadata = !field["previewMetadata"].absent();
  return out;
}

void decode_template(const Field& field, RolloutSpec& out) {
  if (!field.is_object()) return;
  out.template_json = field.json();
  const Field metadata = field["metadata"];
  if (metadata.is_object()) out.template_labels = metadata["labels"].string_map();
}

RolloutSpec decode_rollout_spec(const Field& field) {
  RolloutSpec out;
  if (!field.is_object()) return out;
  out.replicas = field["replicas"].int32();
  const Field selector = field["selector"];
  if (selector.is_object()) {
    out.has_selector = true;
    out.selector = kube::decode_selector(selector.node());
    out.selector_json = selector.json();
  }
  const Field pod_template = field["template"];
  decode_template(pod_template, out);
  out.workload_ref_json = field["workloadRef"].json();
  out.min_ready_seconds = field["minReadySeconds"].int32_or(0);
  const Field strategy = field["strategy"];
  if (strategy.is_object()) {
    const Field canary = strategy["canary"];
    if (canary.is_object()) out.canary = decode_canary(canary);
    const Field blue_green = strategy["blueGreen"];
    if (blue_green.is_object()) out.blue_green = decode_blue_green(blue_green);
  }
  out.revision_history_limit = field["revisionHistoryLimit"].int32();
  out.paused = field["paused"].flag();
  out.progress_deadline_seconds = field["progressDeadlineSeconds"].int32();
  out.progress_deadline_abort = field["progressDeadlineAbort"].flag();
  out.restart_at = field["restartAt"].time();
  const Field window = field["rollbackWindow"];
  if (window.is_object()) out.rollback_window_revisions = window["revisions"].int32_or(0);
  const Field analysis = field["analysis"];
  if (analysis.is_object()) {
    out.successful_run_history_limit = analysis["successfulRunHistoryLimit"].int32();
    out.unsuccessful_run_history_limit = analysis["unsuccessfulRunHistoryLimit"].int32();
  }
  return out;
}

}  // namespace

Rollout decode_rollout(kube::Node object) {
  Rollout out;
  out.meta = kube::decode_meta(object);
  out.raw = std::make_shared<const std::string>(object.raw_object());
  const Field root(object, out.decode_error);
  const Field spec = root["spec"];
  out.spec = decode_rollout_spec(spec);
  const Field status = root["status"];
  out.status = decode_status(status);
  return out;
}

}  // namespace sluice::api
