#include "controller/loop/rollout_probe.h"

#include <algorithm>
#include <array>

#include "analysis/provider_table.h"
#include "api/routers.h"
#include "base/strings.h"

namespace sluice::loop {

namespace {

// The label traffic_router. Newer routers are "" in the reference's metric, too.
std::string_view router_label(const api::Rollout& rollout) {
  if (!rollout.spec.canary || !rollout.spec.canary->traffic_routing) return "";
  const auto& routing = *rollout.spec.canary->traffic_routing;
  const api::RouterRow* named = nullptr;
  for (const auto& row : api::router_rows())
    if (row.info_rank > (named ? named->info_rank : 0) && routing.has(row.member)) named = &row;
  return named ? named->name : "";
}

}  // namespace

void forget_metrics(Telemetry& telemetry, std::string_view scope, const kube::ObjectKey& object) {
  telemetry.forget(object.namespace_, std::string(scope) + "/" + object.name);
}

std::string_view metric_phase(const api::Rollout& rollout) {
  std::string_view phase = "Progressing";
  for (const auto& condition : rollout.status.conditions) {
    if (condition.type == "InvalidSpec") return "InvalidSpec";
    if (condition.type != "Progressing") continue;
    if (condition.reason == "NewReplicaSetAvailable")
      phase = "Completed";
    else if (condition.reason == "RolloutPaused")
      phase = "Paused";
    else if (condition.reason == "ReplicaSetCreateError")
      phase = "Error";
    else if (condition.reason == "ProgressDeadlineExceeded")
      phase = "Timeout";
    else if (condition.reason == "RolloutAborted")
      phase = "Abort";
  }
  return phase;
}

void publish(Telemetry& telemetry, const api::Rollout& rollout) {
  const std::string& ns = rollout.meta.key.namespace_;
  const std::string& name = rollout.meta.key.name;
  const std::string_view strategy = rollout.spec.canary       ? "canary"
                                    : rollout.spec.blue_green ? "blueGreen"
                                                              : "none";
  telemetry.gauge("rollout_info",
                  {{"namespace", ns},
                   {"name", name},
                   {"strategy", strategy},
                   {"traffic_router", router_label(rollout)},
                   {"phase", metric_phase(rollout)}},
                  1);
  const auto& status = rollout.status;
  telemetry.gauge("rollout_info_replicas_available", {{"namespace", ns}, {"name", name}},
                  status.available_replicas);
  telemetry.gauge("rollout_info_replicas_unavailable", {{"namespace", ns}, {"name", name}},
                  status.replicas - status.available_replicas);
  telemetry.gauge("rollout_info_replicas_desired", {{"namespace", ns}, {"name", name}},
                  rollout.spec.replicas_or_default());
  telemetry.gauge("rollout_info_replicas_updated", {{"namespace", ns}, {"name", name}},
                  status.updated_replicas);
}

void publish(Telemetry& telemetry, const api::AnalysisRun& run, bool first_seen) {
  const std::string& ns = run.meta.key.namespace_;
  const std::string& name = run.meta.key.name;
  // What metrics cost must not grow with the history: how long the passes over a finished run took
  // is of no interest any more.
  const bool over = api::is_completed(run.status.phase);
  if (over) forget_metrics(telemetry, kRunMetrics, run.meta.key);
  telemetry.gauge("analysis_run_info",
                  {{"namespace", ns}, {"name", name}, {"phase", api::to_string(run.status.phase)}},
                  1);
  if (over && first_seen) return;
  for (const auto& metric : run.spec.metrics) {
    const auto& results = run.status.metric_results;
    const auto result = std::find_if(results.begin(), results.end(),
                                     [&](const auto& r) { return r.name == metric.name; });
    const auto& dry = run.spec.dry_run;
    const bool dry_run = result != results.end()
                             ? result->dry_run
                             : std::any_of(dry.begin(), dry.end(), [&](const api::DryRun& d) {
                                 return d.metric_name == metric.name;
                               });
    telemetry.gauge("analysis_run_metric_phase",
                    {{"namespace", ns},
                     {"name", name},
                     {"metric", printable_line(metric.name)},
                     {"type", analysis::metric_type(metric.provider_kind)},
                     {"dry_run", dry_run ? "true" : "false"},
                     {"phase", result != results.end() ? api::to_string(result->phase) : ""}},
                    1);
  }
}

void publish(Telemetry& telemetry, const api::AnalysisTemplate& analysis_template) {
  const kube::ObjectKey& key = analysis_template.meta.key;
  forget_metrics(telemetry, kTemplateMetrics, key);  // it may have had other metrics
  telemetry.gauge("analysis_template_info", {{"namespace", key.namespace_}, {"name", key.name}}, 1);
  for (const auto& metric : analysis_template.spec.metrics) {
    telemetry.gauge("analysis_template_metric_info",
                    {{"namespace", key.namespace_},
                     {"name", key.name},
                     {"type", analysis::metric_type(metric.provider_kind)},
                     {"metric", printable_line(metric.name)}},
                    1);
  }
}

void publish(Telemetry& telemetry, const Experiment& experiment) {
  telemetry.gauge("experiment_info",
                  {{"namespace", experiment.meta.key.namespace_},
                   {"name", experiment.meta.key.name},
                   {"phase", experiment.phase}},
                  1);
}

void publish_durations(Telemetry& telemetry, const api::Rollout* before,
                       const api::Rollout& now_object) {
  const auto& duration = now_object.status.duration;
  if (!duration || !duration->rollout_started_at || !duration->finished_at ||
      duration->completion_status.empty())
    return;
  if (before != nullptr && before->status.duration &&
      before->status.duration->finished_at == duration->finished_at)
    return;
  // Clocks are set back.
  const auto took = *duration->finished_at - *duration->rollout_started_at;
  const double whole = std::max(0.0, std::chrono::duration<double>(took).count());
  const auto paused = static_cast<double>(duration->total_manual_pause_seconds.value_or(0));
  const Telemetry::Labels labels = {{"status", duration->completion_status}};
  telemetry.observe("rollout_duration_seconds", labels, whole);
  telemetry.observe("rollout_progression_duration_seconds", labels, std::max(0.0, whole - paused));
  telemetry.observe("rollout_manual_pause_duration_seconds", labels, paused);
}

}  // namespace sluice::loop
