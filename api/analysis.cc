#include "api/analysis.h"

#include <array>
#include <utility>

#include "api/analysis_decode.h"
#include "api/put.h"
#include "kube/json/json.h"
#include "kube/model/objects.h"

namespace sluice::api {
namespace {

constexpr std::array<std::pair<AnalysisPhase, std::string_view>, 7> kPhases{{
    {AnalysisPhase::None, ""},
    {AnalysisPhase::Pending, "Pending"},
    {AnalysisPhase::Running, "Running"},
    {AnalysisPhase::Successful, "Successful"},
    {AnalysisPhase::Failed, "Failed"},
    {AnalysisPhase::Error, "Error"},
    {AnalysisPhase::Inconclusive, "Inconclusive"},
}};

int severity(AnalysisPhase phase) {
  switch (phase) {
    case AnalysisPhase::None:
    case AnalysisPhase::Successful:
      return 0;
    case AnalysisPhase::Running:
      return 1;
    case AnalysisPhase::Pending:
      return 2;
    case AnalysisPhase::Inconclusive:
      return 3;
    case AnalysisPhase::Error:
      return 4;
    case AnalysisPhase::Failed:
      return 5;
  }
  return 0;
}

Metric decode_metric(const Field& field) {
  Metric out;
  out.name = field["name"].text();
  out.interval = field["interval"].text();
  out.initial_delay = field["initialDelay"].text();
  out.count = field["count"].int_or_string();
  out.failure_limit = field["failureLimit"].int_or_string();
  out.inconclusive_limit = field["inconclusiveLimit"].int_or_string();
  out.consecutive_error_limit = field["consecutiveErrorLimit"].int_or_string();
  out.consecutive_success_limit = field["consecutiveSuccessLimit"].int_or_string();
  out.success_condition = field["successCondition"].text();
  out.failure_condition = field["failureCondition"].text();
  const Field provider = field["provider"];
  if (provider.is_object()) {
    provider.node().each_member([&](std::string_view kind, kube::Node value) {
      if (value.absent()) return;
      if (!out.provider_kind.empty()) {
        out.provider_kind = "+";
        out.provider_json.clear();
        return;
      }
      out.provider_kind = kind;
      out.provider_json = value.raw();
    });
  }
  out.raw = field.node().raw();
  return out;
}

AnalysisSpec decode_spec(const Field& spec) {
  AnalysisSpec out;
  if (!spec.is_object()) return out;
  const Field metrics = spec["metrics"];
  metrics.each_object([&](const Field& metric) { out.metrics.push_back(decode_metric(metric)); });
  const Field args = spec["args"];
  out.args = decode_arguments(args);
  const Field dry_run = spec["dryRun"];
  dry_run.each_object(
      [&](const Field& item) { out.dry_run.push_back({item["metricName"].text()}); });
  const Field retention = spec["measurementRetention"];
  retention.each_object([&](const Field& item) {
    out.measurement_retention.push_back({item["metricName"].text(), item["limit"].int32_or(0)});
  });
  const Field templates = spec["templates"];
  out.templates = decode_template_refs(templates);
  out.terminate = spec["terminate"].flag();
  const Field ttl = spec["ttlStrategy"];
  if (ttl.is_object()) {
    out.ttl_after_completion = ttl["secondsAfterCompletion"].int32();
    out.ttl_after_success = ttl["secondsAfterSuccess"].int32();
    out.ttl_after_failure = ttl["secondsAfterFailure"].int32();
  }
  return out;
}

Measurement decode_measurement(const Field& field) {
  Measurement out;
  out.phase = parse_analysis_phase(field["phase"].text());
  out.message = field["message"].text();
  out.value = field["value"].text();
  out.started_at = field["startedAt"].time();
  out.finished_at = field["finishedAt"].time();
  out.resume_at = field["resumeAt"].time();
  out.metadata = field["metadata"].string_map();
  return out;
}

MetricResult decode_result(const Field& field) {
  MetricResult out;
  out.name = field["name"].text();
  out.phase = parse_analysis_phase(field["phase"].text());
  out.message = field["message"].text();
  const Field measurements = field["measurements"];
  measurements.each_object(
      [&](const Field& item) { out.measurements.push_back(decode_measurement(item)); });
  out.count = field["count"].int32_or(0);
  out.successful = field["successful"].int32_or(0);
  out.failed = field["failed"].int32_or(0);
  out.inconclusive = field["inconclusive"].int32_or(0);
  out.error = field["error"].int32_or(0);
  out.consecutive_error = field["consecutiveError"].int32_or(0);
  out.consecutive_success = field["consecutiveSuccess"].int32_or(0);
  out.dry_run = field["dryRun"].flag();
  out.metadata = field["metadata"].string_map();
  return out;
}

RunSummary decode_summary(const Field& field) {
  RunSummary out;
  if (!field.is_object()) return out;
  out.count = field["count"].int32_or(0);
  out.successful = field["successful"].int32_or(0);
  out.failed = field["failed"].int32_or(0);
  out.inconclusive = field["inconclusive"].int32_or(0);
  out.error = field["error"].int32_or(0);
  return out;
}

AnalysisRunStatus decode_run_status(const Field& status) {
  AnalysisRunStatus out;
  if (!status.is_object()) return out;
  out.phase = parse_analysis_phase(status["phase"].text());
  out.message = status["message"].text();
  out.started_at = status["startedAt"].time();
  out.completed_at = status["completedAt"].time();
  const Field results = status["metricResults"];
  results.each_object(
      [&](const Field& item) { out.metric_results.push_back(decode_result(item)); });
  const Field summary = status["runSummary"];
  out.run_summary = decode_summary(summary);
  const Field dry_run = status["dryRunSummary"];
  if (!dry_run.absent()) out.dry_run_summary = decode_summary(dry_run);
  return out;
}

kube::RawJson share(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

kube::Json encode(const RunSummary& summary) {
  kube::Json out = kube::Json::object();
  put(out, "count", summary.count);
  put(out, "successful", summary.successful);
  put(out, "failed", summary.failed);
  put(out, "inconclusive", summary.inconclusive);
  put(out, "error", summary.error);
  return out;
}

kube::Json encode(const Measurement& measurement) {
  kube::Json out = kube::Json::object();
  out["phase"] = std::string(to_string(measurement.phase));
  put(out, "message", measurement.message);
  put(out, "value", measurement.value);
  put(out, "startedAt", measurement.started_at);
  put(out, "finishedAt", measurement.finished_at);
  put(out, "resumeAt", measurement.resume_at);
  put(out, "metadata", measurement.metadata);
  return out;
}

kube::Json encode(const MetricResult& result) {
  kube::Json out = kube::Json::object();
  out["name"] = result.name;
  out["phase"] = std::string(to_string(result.phase));
  put(out, "message", result.message);
  if (!result.measurements.empty()) {
    kube::Json& list = out["measurements"] = kube::Json::array();
    for (const auto& measurement : result.measurements) list.push_back(encode(measurement));
  }
  put(out, "count", result.count);
  put(out, "successful", result.successful);
  put(out, "failed", result.failed);
  put(out, "inconclusive", result.inconclusive);
  put(out, "error", result.error);
  put(out, "consecutiveError", result.consecutive_error);
  put(out, "consecutiveSuccess", result.consecutive_success);
  if (result.dry_run) out["dryRun"] = true;
  put(out, "metadata", result.metadata);
  return out;
}

}  // namespace

std::string_view to_string(AnalysisPhase phase) {
  for (const auto& [value, text] : kPhases)
    if (value == phase) return text;
  return "";
}

AnalysisPhase parse_analysis_phase(std::string_view text) {
  for (const auto& [value, name] : kPhases)
    if (name == text) return value;
  return AnalysisPhase::None;
}

bool is_completed(AnalysisPhase phase) {
  switch (phase) {
    case AnalysisPhase::Successful:
    case AnalysisPhase::Failed:
    case AnalysisPhase::Error:
    case AnalysisPhase::Inconclusive:
      return true;
    case AnalysisPhase::None:
    case AnalysisPhase::Pending:
    case AnalysisPhase::Running:
      return false;
  }
  return false;
}

AnalysisPhase worst(AnalysisPhase a, AnalysisPhase b) {
  return severity(b) > severity(a) ? b : a;
}

std::vector<Argument> decode_arguments(const Field& list) {
  std::vector<Argument> out;
  list.each_object([&](const Field& item) {
    Argument argument;
    argument.name = item["name"].text();
    argument.value = item["value"].optional_text();
    const Field from = item["valueFrom"];
    if (from.is_object()) {
      const Field secret = from["secretKeyRef"];
      if (secret.is_object())
        argument.secret_key_ref = SecretKeyRef{secret["name"].text(), secret["key"].text()};
      const Field field_ref = from["fieldRef"];
      if (field_ref.is_object()) argument.field_path = field_ref["fieldPath"].text();
      argument.pod_template_hash = from["podTemplateHashValue"].optional_text();
    }
    out.push_back(std::move(argument));
  });
  return out;
}

std::vector<TemplateRef> decode_template_refs(const Field& list) {
  std::vector<TemplateRef> out;
  list.each_object([&](const Field& item) {
    out.push_back({item["templateName"].text(), item["clusterScope"].boolean()});
  });
  return out;
}

AnalysisTemplate decode_analysis_template(kube::Node object) {
  AnalysisTemplate out;
  out.meta = kube::decode_meta(object);
  out.raw = share(object.raw_object());
  const Field root(object, out.decode_error);
  const Field spec = root["spec"];
  out.spec = decode_spec(spec);
  return out;
}

AnalysisRun decode_analysis_run(kube::Node object) {
  AnalysisRun out;
  out.meta = kube::decode_meta(object);
  out.raw = share(object.raw_object());
  const Field root(object, out.decode_error);
  const Field spec = root["spec"];
  out.spec = decode_spec(spec);
  const Field status = root["status"];
  out.status = decode_run_status(status);
  return out;
}

Metric decode_metric(kube::Node node) {
  std::optional<Error> ignored;
  return decode_metric(Field(node, ignored, "metric"));
}

std::vector<Argument> decode_arguments(kube::Node list) {
  std::optional<Error> ignored;
  return decode_arguments(Field(list, ignored, "args"));
}

std::vector<TemplateRef> decode_template_refs(kube::Node list) {
  std::optional<Error> ignored;
  return decode_template_refs(Field(list, ignored, "templates"));
}

kube::Json encode(const AnalysisRunStatus& status) {
  kube::Json out = kube::Json::object();
  out["phase"] = std::string(to_string(status.phase));
  put(out, "message", status.message);
  put(out, "startedAt", status.started_at);
  put(out, "completedAt", status.completed_at);
  if (!status.metric_results.empty()) {
    kube::Json& list = out["metricResults"] = kube::Json::array();
    for (const auto& result : status.metric_results) list.push_back(encode(result));
  }
  out["runSummary"] = encode(status.run_summary);
  if (status.dry_run_summary) out["dryRunSummary"] = encode(*status.dry_run_summary);
  return out;
}

kube::Json encode(const Argument& argument) {
  kube::Json out = kube::Json::object();
  out["name"] = argument.name;
  if (argument.value) out["value"] = *argument.value;
  kube::Json from = kube::Json::object();
  if (argument.secret_key_ref)
    from["secretKeyRef"] =
        kube::Json{{"name", argument.secret_key_ref->name}, {"key", argument.secret_key_ref->key}};
  if (argument.field_path) from["fieldRef"] = kube::Json{{"fieldPath", *argument.field_path}};
  if (argument.pod_template_hash) from["podTemplateHashValue"] = *argument.pod_template_hash;
  if (!from.empty()) out["valueFrom"] = std::move(from);
  return out;
}

}  // namespace sluice::api
