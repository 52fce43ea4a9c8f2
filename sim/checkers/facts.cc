#include "sim/checkers/facts.h"

#include <algorithm>

#include "api/keys.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::sim::check {
namespace {

constexpr std::string_view kWeight = "nginx.ingress.kubernetes.io/canary-weight";

std::string annotation(const Json& object, std::string_view key) {
  const Json* value = kube::find_path(object, {"metadata", "annotations", key});
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::string label(const Json& object, std::string_view key) {
  const Json* value = kube::find_path(object, {"metadata", "labels", key});
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::string text_of(const Json* value) {
  return value == nullptr ? std::string() : kube::dump(*value);
}

std::optional<WallTime> time_at(const Json& object, std::string_view path) {
  if (auto time = parse_rfc3339(kube::get_string(object, path))) return *time;
  return std::nullopt;
}

// Percent of the replicas; as Deployments round: surge up, unavailable down.
int resolve(const Json* value, int replicas, int fallback_percent, bool up) {
  int percent = fallback_percent;
  if (value != nullptr && value->is_number_integer()) return value->get<int>();
  if (value != nullptr && value->is_string())
    percent = static_cast<int>(
        parse_int(value->get<std::string>().substr(0, value->get<std::string>().find('%')))
            .value_or(percent));
  return up ? (replicas * percent + 99) / 100 : replicas * percent / 100;
}

std::optional<std::int64_t> pause_seconds(const Json& pause) {
  const Json* duration = kube::find(pause, "duration");
  if (duration == nullptr) return std::nullopt;
  if (duration->is_number_integer()) return duration->get<std::int64_t>();
  if (!duration->is_string()) return std::nullopt;
  if (auto plain = parse_int(duration->get<std::string>())) return *plain;
  if (auto parsed = parse_go_duration(duration->get<std::string>()))
    return std::chrono::floor<Seconds>(*parsed).count();
  return std::nullopt;
}

Step read_step(const Json& step) {
  Step out;
  if (const Json* weight = kube::find(step, "setWeight");
      weight != nullptr && weight->is_number_integer()) {
    out.kind = Step::Kind::SetWeight;
    out.weight = weight->get<int>();
  } else if (const Json* pause = kube::find(step, "pause")) {
    out.kind = Step::Kind::Pause;
    out.seconds = pause_seconds(*pause);
  } else if (kube::find(step, "analysis") != nullptr) {
    out.kind = Step::Kind::Analysis;
  }
  return out;
}

void read_canary(const Json& canary, RolloutFacts& out) {
  out.stable_service = kube::get_string(canary, "stableService");
  out.canary_service = kube::get_string(canary, "canaryService");
  out.routed = kube::find_path(canary, "trafficRouting.nginx") != nullptr;
  out.max_weight = static_cast<int>(kube::get_int(canary, "trafficRouting.maxTrafficWeight", 100));
  out.background = kube::find(canary, "analysis") != nullptr;
  out.dynamic_stable = kube::get_bool(canary, "dynamicStableScale");
  out.max_surge = resolve(kube::find(canary, "maxSurge"), out.replicas, 25, true);
  out.max_unavailable = resolve(kube::find(canary, "maxUnavailable"), out.replicas, 25, false);
  if (out.max_surge == 0 && out.max_unavailable == 0) out.max_unavailable = 1;
  if (const Json* steps = kube::find(canary, "steps"); steps != nullptr && steps->is_array())
    for (const auto& step : *steps) out.steps.push_back(read_step(step));
}

void read_blue_green(const Json& spec, RolloutFacts& out) {
  out.blue_green = true;
  out.active_service = kube::get_string(spec, "activeService");
  out.preview_service = kube::get_string(spec, "previewService");
  out.pre_promotion = kube::find(spec, "prePromotionAnalysis") != nullptr;
  out.post_promotion = kube::find(spec, "postPromotionAnalysis") != nullptr;
  out.auto_promotion_seconds = kube::get_int(spec, "autoPromotionSeconds");
  const Json* automatic = kube::find(spec, "autoPromotionEnabled");
  out.auto_promotion = automatic == nullptr || !automatic->is_boolean() || automatic->get<bool>();
}

void read_run_records(const Json& status, RolloutFacts& out) {
  static constexpr std::pair<std::string_view, std::string_view> kRecords[] = {
      {"Step", "canary.currentStepAnalysisRunStatus"},
      {"Background", "canary.currentBackgroundAnalysisRunStatus"},
      {"PrePromotion", "blueGreen.prePromotionAnalysisRunStatus"},
      {"PostPromotion", "blueGreen.postPromotionAnalysisRunStatus"}};
  for (const auto& [type, path] : kRecords)
    if (const Json* record = kube::find_path(status, path))
      out.run_records[std::string(type)] = {kube::get_string(*record, "name"),
                                            kube::get_string(*record, "status")};
}

void read_status(const Json& status, RolloutFacts& out) {
  out.observed_generation = parse_int(kube::get_string(status, "observedGeneration")).value_or(0);
  out.stable_hash = kube::get_string(status, "stableRS");
  out.current_hash = kube::get_string(status, "currentPodHash");
  out.phase = kube::get_string(status, "phase");
  out.abort = kube::get_bool(status, "abort");
  out.aborted_at = time_at(status, "abortedAt");
  out.promote_full = kube::get_bool(status, "promoteFull");
  out.controller_pause = kube::get_bool(status, "controllerPause");
  out.check_point = kube::get_bool(status, "blueGreen.scaleUpPreviewCheckPoint");
  if (const Json* index = kube::find(status, "currentStepIndex");
      index != nullptr && index->is_number_integer())
    out.step_index = index->get<int>();
  if (const Json* pauses = kube::find(status, "pauseConditions");
      pauses != nullptr && pauses->is_array())
    for (const auto& pause : *pauses)
      out.pauses.push_back(
          {kube::get_string(pause, "reason"), time_at(pause, "startTime").value_or(WallTime{})});
  if (kube::find_path(status, "canary.weights") != nullptr) {
    out.canary_weight = static_cast<int>(kube::get_int(status, "canary.weights.canary.weight"));
    out.stable_weight = static_cast<int>(kube::get_int(status, "canary.weights.stable.weight"));
  }
  read_run_records(status, out);
}

// An int-or-string.
int limit(const Json& metric, std::string_view name, int fallback) {
  const Json* value = kube::find(metric, name);
  if (value == nullptr) return fallback;
  if (value->is_number_integer()) return value->get<int>();
  if (value->is_string())
    return static_cast<int>(parse_int(value->get<std::string>()).value_or(fallback));
  return fallback;
}

}  // namespace

const Pause* RolloutFacts::pause(std::string_view reason) const {
  for (const auto& item : pauses)
    if (item.reason == reason) return &item;
  return nullptr;
}

bool RunFacts::over() const {
  return phase == "Successful" || phase == "Failed" || phase == "Error" || phase == "Inconclusive";
}

std::string controller_uid(const Json& object) {
  const Json* owners = kube::find_path(object, "metadata.ownerReferences");
  if (owners == nullptr || !owners->is_array()) return "";
  for (const auto& owner : *owners)
    if (kube::get_bool(owner, "controller")) return kube::get_string(owner, "uid");
  return "";
}

RolloutFacts read_rollout(const Json& object) {
  RolloutFacts out;
  out.name = kube::get_string(object, "metadata.name");
  out.ns = kube::get_string(object, "metadata.namespace");
  out.uid = kube::get_string(object, "metadata.uid");
  out.instance_id = label(object, api::kInstanceIdLabel);
  out.generation = kube::get_int(object, "metadata.generation");
  out.revision = parse_int(annotation(object, api::kRevisionAnnotation)).value_or(0);
  out.replicas = static_cast<int>(kube::get_int(object, "spec.replicas", 1));
  out.template_text = text_of(kube::find_path(object, "spec.template"));
  if (const Json* canary = kube::find_path(object, "spec.strategy.canary"))
    read_canary(*canary, out);
  if (const Json* spec = kube::find_path(object, "spec.strategy.blueGreen"))
    read_blue_green(*spec, out);
  if (const Json* status = kube::find(object, "status")) read_status(*status, out);
  return out;
}

SetFacts read_set(const Json& object) {
  SetFacts out;
  out.name = kube::get_string(object, "metadata.name");
  out.uid = kube::get_string(object, "metadata.uid");
  out.version = static_cast<std::uint64_t>(
      parse_int(kube::get_string(object, "metadata.resourceVersion")).value_or(0));
  out.hash = label(object, api::kPodTemplateHashLabel);
  out.owner_uid = controller_uid(object);
  out.revision = parse_int(annotation(object, api::kRevisionAnnotation)).value_or(0);
  if (auto time = parse_rfc3339(annotation(object, api::kScaleDownDeadlineAnnotation)))
    out.deadline = *time;
  out.wanted = static_cast<int>(kube::get_int(object, "spec.replicas", 1));
  out.available = static_cast<int>(kube::get_int(object, "status.availableReplicas"));
  out.replicas = static_cast<int>(kube::get_int(object, "status.replicas"));
  out.template_text = text_of(kube::find_path(object, "spec.template"));
  if (const Json* containers = kube::find_path(object, "spec.template.spec.containers");
      containers != nullptr && containers->is_array() && !containers->empty())
    out.image = kube::get_string((*containers)[0], "image");
  return out;
}

ServiceFacts read_service(const Json& object) {
  ServiceFacts out;
  out.name = kube::get_string(object, "metadata.name");
  const Json* hash = kube::find_path(object, {"spec", "selector", api::kPodTemplateHashLabel});
  if (hash != nullptr && hash->is_string()) out.hash = hash->get<std::string>();
  out.managed_by = annotation(object, api::kManagedByAnnotation);
  out.verdict = annotation(object, api::kAbortVerdictAnnotation);
  return out;
}

IngressFacts read_ingress(const Json& object) {
  IngressFacts out;
  out.name = kube::get_string(object, "metadata.name");
  out.owner_uid = controller_uid(object);
  out.verdict = annotation(object, api::kAbortVerdictAnnotation);
  if (const std::string text = annotation(object, kWeight); !text.empty())
    out.weight = static_cast<int>(parse_int(text).value_or(-1));
  return out;
}

RunFacts read_run(const Json& object) {
  RunFacts out;
  out.name = kube::get_string(object, "metadata.name");
  out.uid = kube::get_string(object, "metadata.uid");
  out.owner_uid = controller_uid(object);
  out.type = label(object, api::kRolloutTypeLabel);
  out.step = label(object, api::kStepIndexLabel);
  out.hash = label(object, api::kPodTemplateHashLabel);
  out.revision = parse_int(annotation(object, api::kRevisionAnnotation)).value_or(0);
  out.terminate = kube::get_bool(object, "spec.terminate");
  out.phase = kube::get_string(object, "status.phase");
  if (const Json* metrics = kube::find_path(object, "spec.metrics");
      metrics != nullptr && metrics->is_array() && !metrics->empty()) {
    out.failure_limit = limit((*metrics)[0], "failureLimit", 0);
    out.consecutive_error_limit = limit((*metrics)[0], "consecutiveErrorLimit", 4);
    out.wanted = limit((*metrics)[0], "count", 0);
    out.by_job = kube::find_path((*metrics)[0], "provider.job") != nullptr;
  }
  const Json* results = kube::find_path(object, "status.metricResults");
  if (results == nullptr || !results->is_array() || results->empty()) return out;
  const Json& result = (*results)[0];  // scenarios have one metric per run
  out.count = static_cast<int>(kube::get_int(result, "count"));
  out.successful = static_cast<int>(kube::get_int(result, "successful"));
  out.failed = static_cast<int>(kube::get_int(result, "failed"));
  out.error = static_cast<int>(kube::get_int(result, "error"));
  out.inconclusive = static_cast<int>(kube::get_int(result, "inconclusive"));
  out.consecutive_error = static_cast<int>(kube::get_int(result, "consecutiveError"));
  if (const Json* measurements = kube::find(result, "measurements");
      measurements != nullptr && measurements->is_array())
    for (const auto& measurement : *measurements) {
      out.measurement_phases.push_back(kube::get_string(measurement, "phase"));
      out.measurement_values.push_back(kube::get_string(measurement, "value"));
    }
  return out;
}

JobFacts read_job(const Json& object) {
  JobFacts out;
  out.name = kube::get_string(object, "metadata.name");
  out.run_uid = controller_uid(object);
  const Json* conditions = kube::find_path(object, "status.conditions");
  if (conditions == nullptr || !conditions->is_array()) return out;
  for (const auto& condition : *conditions) {
    if (kube::get_string(condition, "status") != "True") continue;
    out.complete = out.complete || kube::get_string(condition, "type") == "Complete";
    out.failed = out.failed || kube::get_string(condition, "type") == "Failed";
  }
  return out;
}

std::string_view analysis_of(const RunFacts& run) {
  if (run.type == "PrePromotion") return "pre";
  if (run.type == "PostPromotion") return "post";
  return run.type == "Step" ? "step" : "background";
}

}  // namespace sluice::sim::check
