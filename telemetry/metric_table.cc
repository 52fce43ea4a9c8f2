#include "telemetry/metric_table.h"

namespace sluice::telemetry {
namespace {

using enum MetricType;

std::vector<double> reconcile_buckets() {
  return {0.01, 0.15, 0.25, 0.5, 1};
}
std::vector<double> queue_buckets() {
  return {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10};
}

std::vector<std::string_view> analysis_phases() {
  return {"Pending", "Error", "Failed", "Successful", "Running", "Inconclusive"};
}

std::vector<MetricSpec> rollout_metrics() {
  return {
      {"rollout_info",
       Gauge,
       "Always 1: a Rollout and the phase it is in.",
       {"namespace", "name", "strategy", "traffic_router", "phase"},
       {},
       2},
      {"rollout_info_replicas_available",
       Gauge,
       "Available pods of a Rollout.",
       {"namespace", "name"},
       {}},
      {"rollout_info_replicas_unavailable",
       Gauge,
       "Pods of a Rollout that are not available.",
       {"namespace", "name"},
       {}},
      {"rollout_info_replicas_desired",
       Gauge,
       "Pods a Rollout asks for.",
       {"namespace", "name"},
       {}},
      {"rollout_info_replicas_updated",
       Gauge,
       "Pods of a Rollout's newest version.",
       {"namespace", "name"},
       {}},
      {"rollout_phase",
       Gauge,
       "Deprecated, use rollout_info: 1 for the phase a Rollout is in, else 0.",
       {"namespace", "name", "strategy", "phase"},
       {},
       -1,
       "rollout_info",
       {"Completed", "Progressing", "Paused", "Timeout", "Error", "Abort"}},
      {"rollout_reconcile",
       Histogram,
       "Seconds spent on a pass over a Rollout.",
       {"namespace", "name"},
       reconcile_buckets()},
      {"rollout_reconcile_error",
       Counter,
       "Passes over a Rollout that failed.",
       {"namespace", "name"},
       {}},
      {"rollout_events_total",
       Counter,
       "Events recorded on a Rollout.",
       {"namespace", "name", "type", "reason"},
       {}},
      {"rollout_duration_seconds",
       Histogram,
       "Seconds from the start of an update to its end.",
       {"status"},
       {30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800}},
      {"rollout_progression_duration_seconds",
       Histogram,
       "Seconds of an update without its manual pauses.",
       {"status"},
       {30, 60, 120, 300, 600, 900, 1800, 3600}},
      {"rollout_manual_pause_duration_seconds",
       Histogram,
       "Seconds an update waited for a person.",
       {"status"},
       {0, 60, 300, 600, 1800, 3600, 7200, 14400, 28800}},
  };
}

std::vector<MetricSpec> analysis_metrics() {
  return {
      {"analysis_run_info",
       Gauge,
       "Always 1: an AnalysisRun and its phase.",
       {"namespace", "name", "phase"},
       {},
       2},
      {"analysis_run_phase",
       Gauge,
       "Deprecated, use analysis_run_info: 1 for the phase an AnalysisRun is in, else 0.",
       {"namespace", "name", "phase"},
       {},
       -1,
       "analysis_run_info",
       analysis_phases()},
      {"analysis_run_metric_type",
       Gauge,
       "Always 1: the provider of a metric of an AnalysisRun.",
       {"namespace", "name", "metric", "type"},
       {},
       -1,
       "analysis_run_metric_phase",
       {}},
      {"analysis_run_metric_phase",
       Gauge,
       "1 for the phase a metric of an AnalysisRun is in, else 0.",
       {"namespace", "name", "metric", "type", "dry_run", "phase"},
       {},
       3,
       "",
       analysis_phases(),
       true},
      {"analysis_run_reconcile",
       Histogram,
       "Seconds spent on a pass over an AnalysisRun.",
       {"namespace", "name"},
       reconcile_buckets()},
      {"analysis_run_reconcile_error",
       Counter,
       "Passes over an AnalysisRun that failed.",
       {"namespace", "name"},
       {}},
      {"analysis_template_info",
       Gauge,
       "Always 1: an analysis template.",
       {"namespace", "name"},
       {}},
      {"analysis_template_metric_info",
       Gauge,
       "Always 1: a metric of an analysis template.",
       {"namespace", "name", "type", "metric"},
       {}},
  };
}

std::vector<MetricSpec> experiment_metrics() {
  return {
      {"experiment_info",
       Gauge,
       "Always 1: an Experiment and its phase.",
       {"namespace", "name", "phase"},
       {},
       2},
      {"experiment_phase",
       Gauge,
       "Deprecated, use experiment_info: 1 for the phase an Experiment is in, else 0.",
       {"namespace", "name", "phase"},
       {},
       -1,
       "experiment_info",
       {"Pending", "Error", "Successful", "Running", "Inconclusive"}},
      {"experiment_reconcile",
       Histogram,
       "Seconds spent on a pass over an Experiment.",
       {"namespace", "name"},
       reconcile_buckets()},
      {"experiment_reconcile_error",
       Counter,
       "Passes over an Experiment that failed.",
       {"namespace", "name"},
       {}},
  };
}

std::vector<MetricSpec> process_metrics() {
  return {
      {"controller_clientset_k8s_request_total",
       Counter,
       "Requests sent to the API server.",
       {"namespace", "name", "kind", "verb", "status_code"},
       {}},
      {"build_info",
       Gauge,
       "Always 1: how this binary was built.",
       {"version", "goversion", "goarch", "commit"},
       {},
       0},
      {"argo_rollouts_controller_info",
       Gauge,
       "Always 1: the controller's version.",
       {"version"},
       {},
       0},
      {"workqueue_adds_total", Counter, "Keys put into a queue.", {"name"}, {}},
      {"workqueue_depth", Gauge, "Keys waiting in a queue.", {"name"}, {}},
      {"workqueue_queue_duration_seconds",
       Histogram,
       "Seconds a key waited in a queue.",
       {"name"},
       queue_buckets()},
      {"workqueue_work_duration_seconds",
       Histogram,
       "Seconds the work on a key took.",
       {"name"},
       queue_buckets()},
      {"workqueue_unfinished_work_seconds",
       Gauge,
       "Seconds of work in progress that no duration counts yet.",
       {"name"},
       {}},
      {"workqueue_longest_running_processor_seconds",
       Gauge,
       "Seconds the longest work in progress has taken.",
       {"name"},
       {}},
      {"workqueue_retries_total", Counter, "Keys looked at again after a failure.", {"name"}, {}},
      {"rollout_controller_leader", Gauge, "1 while this process leads, else 0.", {}, {}},
      {"rollout_controller_events_dropped_total",
       Counter,
       "Events that no API server got: no room to wait, no answer, or refused.",
       {"reason"},
       {}},
  };
}

}  // namespace

const std::vector<MetricSpec>& all_metrics() {
  static const std::vector<MetricSpec> table = [] {
    std::vector<MetricSpec> out = rollout_metrics();
    for (auto& spec : analysis_metrics()) out.push_back(std::move(spec));
    for (auto& spec : experiment_metrics()) out.push_back(std::move(spec));
    for (auto& spec : process_metrics()) out.push_back(std::move(spec));
    return out;
  }();
  return table;
}

bool is_over(std::string_view phase) {
  return phase == "Successful" || phase == "Failed" || phase == "Error" || phase == "Inconclusive";
}

const MetricSpec* find_metric(std::string_view name) {
  for (const auto& spec : all_metrics()) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

const std::vector<double>& default_buckets() {
  static const std::vector<double> buckets = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                              0.5,   1,    2.5,   5,    10};
  return buckets;
}

}  // namespace sluice::telemetry
