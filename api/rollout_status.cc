// Rollout status: bytes to values and back (rollout.md §1.8).
#include "api/rollout_status.h"

#include <algorithm>
#include <initializer_list>

#include "api/put.h"
#include "kube/json/json.h"

namespace sluice::api {
namespace {

using kube::Json;

WeightDestination decode_destination(const Field& field) {
  WeightDestination out;
  if (!field.is_object()) return out;
  out.weight = field["weight"].int32_or(0);
  out.service_name = field["serviceName"].text();
  out.pod_template_hash = field["podTemplateHash"].text();
  return out;
}

std::optional<TrafficWeights> decode_weights(const Field& field) {
  if (!field.is_object()) return std::nullopt;
  TrafficWeights out;
  const Field canary = field["canary"];
  out.canary = decode_destination(canary);
  const Field stable = field["stable"];
  out.stable = decode_destination(stable);
  const Field additional = field["additional"];
  additional.each_object(
      [&](const Field& item) { out.additional.push_back(decode_destination(item)); });
  out.verified = field["verified"].boolean();
  return out;
}

std::optional<RunStatusRef> decode_run(const Field& field) {
  if (!field.is_object()) return std::nullopt;
  return RunStatusRef{field["name"].text(), parse_analysis_phase(field["status"].text()),
                      field["message"].text()};
}

std::optional<RolloutDuration> decode_duration(const Field& field) {
  if (!field.is_object()) return std::nullopt;
  RolloutDuration out;
  out.rollout_started_at = field["rolloutStartedAt"].time();
  out.manual_pause_started_at = field["manualPauseStartedAt"].time();
  out.finished_at = field["finishedAt"].time();
  out.total_manual_pause_seconds = field["totalManualPauseDurationSeconds"].int64();
  out.completion_status = field["completionStatus"].text();
  return out;
}

// Meant to be a string; a number is taken over as its text.
std::string decode_generation(const Field& field) {
  if (const auto number = field.node().as_int()) return std::to_string(*number);
  return field.text();
}

// Members of `object` that are not in `known`, each as compact JSON.
Json unknown_members(const Field& field, std::initializer_list<std::string_view> known) {
  Json out = Json::object();
  field.node().each_member([&](std::string_view key, kube::Node value) {
    if (std::find(known.begin(), known.end(), key) != known.end()) return;
    if (auto parsed = kube::parse_json(value.raw())) out[std::string(key)] = std::move(*parsed);
  });
  return out;
}

std::string decode_carried(const Field& status, const Field& canary, const Field& blue_green) {
  Json out = unknown_members(status, {"replicas",
                                      "updatedReplicas",
                                      "readyReplicas",
                                      "availableReplicas",
                                      "HPAReplicas",
                                      "selector",
                                      "stableRS",
                                      "currentPodHash",
                                      "currentStepHash",
                                      "currentStepIndex",
                                      "collisionCount",
                                      "observedGeneration",
                                      "workloadObservedGeneration",
                                      "abort",
                                      "promoteFull",
                                      "controllerPause",
                                      "abortedAt",
                                      "restartedAt",
                                      "pauseConditions",
                                      "conditions",
                                      "phase",
                                      "message",
                                      "duration",
                                      "canary",
                                      "blueGreen"});
  Json inner = unknown_members(
      canary, {"weights", "stablePingPong", "currentExperiment", "currentStepAnalysisRunStatus",
               "currentBackgroundAnalysisRunStatus"});
  if (!inner.empty()) out["canary"] = std::move(inner);
  inner = unknown_members(blue_green,
                          {"activeSelector", "previewSelector", "scaleUpPreviewCheckPoint",
                           "prePromotionAnalysisRunStatus", "postPromotionAnalysisRunStatus"});
  if (!inner.empty()) out["blueGreen"] = std::move(inner);
  return out.empty() ? std::string() : kube::dump(out);
}

void decode_canary(const Field& field, RolloutStatus::Canary& out) {
  out.write_empty = field.is_object();
  if (!out.write_empty) return;
  const Field weights = field["weights"];
  out.weights = decode_weights(weights);
  out.stable_ping_pong = field["stablePingPong"].text();
  out.current_experiment = field["currentExperiment"].text();
  const Field step = field["currentStepAnalysisRunStatus"];
  out.step_run = decode_run(step);
  const Field background = field["currentBackgroundAnalysisRunStatus"];
  out.background_run = decode_run(background);
}

void decode_blue_green(const Field& field, RolloutStatus::BlueGreen& out) {
  out.write_empty = field.is_object();
  if (!out.write_empty) return;
  out.active_selector = field["activeSelector"].text();
  out.preview_selector = field["previewSelector"].text();
  out.scale_up_preview_check_point = field["scaleUpPreviewCheckPoint"].flag();
  const Field pre = field["prePromotionAnalysisRunStatus"];
  out.pre_promotion_run = decode_run(pre);
  const Field post = field["postPromotionAnalysisRunStatus"];
  out.post_promotion_run = decode_run(post);
}

void decode_counts(const Field& field, RolloutStatus& out) {
  out.replicas = field["replicas"].int32_or(0);
  out.updated_replicas = field["updatedReplicas"].int32_or(0);
  out.ready_replicas = field["readyReplicas"].int32_or(0);
  out.available_replicas = field["availableReplicas"].int32_or(0);
  out.hpa_replicas = field["HPAReplicas"].int32_or(0);
  out.current_step_index = field["currentStepIndex"].int32();
  out.collision_count = field["collisionCount"].int32();
}

void put_flag(Json& object, const char* key, bool value) {
  if (value) object[key] = true;
}

Json encode(const WeightDestination& destination) {
  Json out = Json::object();
  out["weight"] = destination.weight;
  put(out, "serviceName", destination.service_name);
  put(out, "podTemplateHash", destination.pod_template_hash);
  return out;
}

Json encode(const TrafficWeights& weights) {
  Json out = Json::object();
  out["canary"] = encode(weights.canary);
  out["stable"] = encode(weights.stable);
  if (!weights.additional.empty()) {
    Json& list = out["additional"] = Json::array();
    for (const auto& item : weights.additional) list.push_back(encode(item));
  }
  put(out, "verified", weights.verified);
  return out;
}

void put_run(Json& object, const char* key, const std::optional<RunStatusRef>& run) {
  if (!run) return;
  Json& out = object[key] = Json::object();
  out["name"] = run->name;
  out["status"] = std::string(to_string(run->phase));
  put(out, "message", run->message);
}

Json encode(const kube::Condition& condition) {
  Json out = Json::object();
  out["type"] = condition.type;
  out["status"] = condition.status;
  out["reason"] = condition.reason;
  out["message"] = condition.message;
  put(out, "lastUpdateTime", condition.last_update_time);
  put(out, "lastTransitionTime", condition.last_transition_time);
  return out;
}

Json encode(const RolloutDuration& duration) {
  Json out = Json::object();
  put(out, "rolloutStartedAt", duration.rollout_started_at);
  put(out, "manualPauseStartedAt", duration.manual_pause_started_at);
  put(out, "finishedAt", duration.finished_at);
  put(out, "totalManualPauseDurationSeconds", duration.total_manual_pause_seconds);
  put(out, "completionStatus", duration.completion_status);
  return out;
}

Json encode(const RolloutStatus::Canary& canary) {
  Json out = Json::object();
  if (canary.weights) out["weights"] = encode(*canary.weights);
  put(out, "stablePingPong", canary.stable_ping_pong);
  put(out, "currentExperiment", canary.current_experiment);
  put_run(out, "currentStepAnalysisRunStatus", canary.step_run);
  put_run(out, "currentBackgroundAnalysisRunStatus", canary.background_run);
  return out;
}

Json encode(const RolloutStatus::BlueGreen& blue_green) {
  Json out = Json::object();
  put(out, "activeSelector", blue_green.active_selector);
  put(out, "previewSelector", blue_green.preview_selector);
  put_flag(out, "scaleUpPreviewCheckPoint", blue_green.scale_up_preview_check_point);
  put_run(out, "prePromotionAnalysisRunStatus", blue_green.pre_promotion_run);
  put_run(out, "postPromotionAnalysisRunStatus", blue_green.post_promotion_run);
  return out;
}

void put_lists(Json& out, const RolloutStatus& status) {
  if (!status.pause_conditions.empty()) {
    Json& list = out["pauseConditions"] = Json::array();
    for (const auto& item : status.pause_conditions)
      list.push_back(Json{{"reason", item.reason}, {"startTime", format_rfc3339(item.start_time)}});
  }
  if (!status.conditions.empty()) {
    Json& list = out["conditions"] = Json::array();
    for (const auto& item : status.conditions) list.push_back(encode(item));
  }
}

// Carried members never win over modelled ones.
void put_carried(Json& out, const std::string& carried_json) {
  if (carried_json.empty()) return;
  const auto carried = kube::parse_json(carried_json);
  if (!carried || !carried->is_object()) return;
  for (const auto& [key, value] : carried->items()) {
    const bool nested = key == "canary" || key == "blueGreen";
    if (!nested || !value.is_object()) {
      if (!out.contains(key)) out[key] = value;
      continue;
    }
    Json& target = out[key];
    if (!target.is_object()) target = Json::object();
    for (const auto& [inner, inner_value] : value.items())
      if (!target.contains(inner)) target[inner] = inner_value;
  }
}

}  // namespace

RolloutStatus decode_status(const Field& field) {
  RolloutStatus out;
  const Field canary = field["canary"];
  const Field blue_green = field["blueGreen"];
  decode_canary(canary, out.canary);
  decode_blue_green(blue_green, out.blue_green);
  if (!field.is_object()) return out;
  decode_counts(field, out);
  out.selector = field["selector"].text();
  out.stable_rs = field["stableRS"].text();
  out.current_pod_hash = field["currentPodHash"].text();
  out.current_step_hash = field["currentStepHash"].text();
  const Field generation = field["observedGeneration"];
  out.observed_generation = decode_generation(generation);
  const Field workload_generation = field["workloadObservedGeneration"];
  out.workload_observed_generation = decode_generation(workload_generation);
  out.abort = field["abort"].flag();
  out.promote_full = field["promoteFull"].flag();
  out.controller_pause = field["controllerPause"].flag();
  out.aborted_at = field["abortedAt"].time();
  out.restarted_at = field["restartedAt"].time();
  const Field pauses = field["pauseConditions"];
  pauses.each_object([&](const Field& item) {
    const auto start = item["startTime"].time();
    if (start) out.pause_conditions.push_back({item["reason"].text(), *start});
  });
  out.conditions = kube::decode_conditions(field["conditions"].node());
  out.phase = field["phase"].text();
  out.message = field["message"].text();
  const Field duration = field["duration"];
  out.duration = decode_duration(duration);
  out.carried_json = decode_carried(field, canary, blue_green);
  return out;
}

kube::Json encode_status(const RolloutStatus& status) {
  Json out = Json::object();
  put(out, "replicas", status.replicas);
  put(out, "updatedReplicas", status.updated_replicas);
  put(out, "readyReplicas", status.ready_replicas);
  put(out, "availableReplicas", status.available_replicas);
  put(out, "HPAReplicas", status.hpa_replicas);
  put(out, "selector", status.selector);
  put(out, "stableRS", status.stable_rs);
  put(out, "currentPodHash", status.current_pod_hash);
  put(out, "currentStepHash", status.current_step_hash);
  put(out, "currentStepIndex", status.current_step_index);
  put(out, "collisionCount", status.collision_count);
  put(out, "observedGeneration", status.observed_generation);
  put(out, "workloadObservedGeneration", status.workload_observed_generation);
  put_flag(out, "abort", status.abort);
  put_flag(out, "promoteFull", status.promote_full);
  put_flag(out, "controllerPause", status.controller_pause);
  put(out, "abortedAt", status.aborted_at);
  put(out, "restartedAt", status.restarted_at);
  put_lists(out, status);
  put(out, "phase", status.phase);
  put(out, "message", status.message);
  if (status.duration) out["duration"] = encode(*status.duration);
  Json canary = encode(status.canary);
  if (!canary.empty() || status.canary.write_empty) out["canary"] = std::move(canary);
  Json blue_green = encode(status.blue_green);
  if (!blue_green.empty() || status.blue_green.write_empty)
    out["blueGreen"] = std::move(blue_green);
  put_carried(out, status.carried_json);
  return out;
}

}  // namespace sluice::api
