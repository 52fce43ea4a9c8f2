#include "controller/loop/queue_metrics.h"

namespace sluice::loop {
namespace {

std::string_view queue_name(KeyKind kind) {
  switch (kind) {
    case KeyKind::Rollout:
      return "Rollouts";
    case KeyKind::AnalysisRun:
      return "AnalysisRuns";
    case KeyKind::Service:
      return "Services";
    case KeyKind::Experiment:
      return "Experiments";
  }
  return "";
}

double in_seconds(Micros duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::string_view error_metric(KeyKind kind) {
  switch (kind) {
    case KeyKind::Rollout:
      return "rollout_reconcile_error";
    case KeyKind::AnalysisRun:
      return "analysis_run_reconcile_error";
    case KeyKind::Experiment:
      return "experiment_reconcile_error";
    case KeyKind::Service:
      break;
  }
  return "";
}

void QueueMetrics::added(KeyKind kind) {
  ++queue(kind).depth;
  telemetry_.count("workqueue_adds_total", {{"name", queue_name(kind)}});
}

void QueueMetrics::dropped(KeyKind kind) {
  --queue(kind).depth;
}

void QueueMetrics::taken(KeyKind kind, MonoTime added_at, MonoTime now) {
  Queue& q = queue(kind);
  --q.depth;
  q.working.insert(now);
  q.working_since_sum += now.time_since_epoch();
  telemetry_.observe("workqueue_queue_duration_seconds", {{"name", queue_name(kind)}},
                     in_seconds(now - added_at));
}

void QueueMetrics::finished(KeyKind kind, MonoTime taken_at, MonoTime now) {
  Queue& q = queue(kind);
  const auto it = q.working.find(taken_at);
  if (it == q.working.end()) return;
  q.working_since_sum -= taken_at.time_since_epoch();
  q.working.erase(it);
  telemetry_.observe("workqueue_work_duration_seconds", {{"name", queue_name(kind)}},
                     in_seconds(now - taken_at));
}

void QueueMetrics::retried(KeyKind kind) {
  telemetry_.count("workqueue_retries_total", {{"name", queue_name(kind)}});
}

void QueueMetrics::publish(MonoTime now) {
  for (std::size_t i = 0; i < kKinds; ++i) {
    Queue& q = queues_[i];
    const std::string_view name = queue_name(static_cast<KeyKind>(i));
    if (q.depth != static_cast<int>(q.shown_depth)) {
      q.shown_depth = q.depth;
      telemetry_.gauge("workqueue_depth", {{"name", name}}, q.shown_depth);
    }
    const auto working = static_cast<Micros::rep>(q.working.size());
    const double unfinished =
        in_seconds(now.time_since_epoch() * working - q.working_since_sum);
    if (working == 0 && q.shown_unfinished == 0) continue;
    q.shown_unfinished = unfinished;
    telemetry_.gauge("workqueue_unfinished_work_seconds", {{"name", name}}, unfinished);
    telemetry_.gauge("workqueue_longest_running_processor_seconds", {{"name", name}},
                     working == 0 ? 0 : in_seconds(now - *q.working.begin()));
  }
}

}  // namespace sluice::loop
