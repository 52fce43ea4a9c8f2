#pragma once
// The gauges of clients.md §4 about one object, set when it changes. The sink removes them when the
// object goes.
#include "api/analysis.h"
#include "api/rollout.h"
#include "base/seams.h"
#include "controller/loop/caches.h"

namespace sluice::loop {

void publish(Telemetry& telemetry, const api::Rollout& rollout);
// Of a run that was over when it was `first_seen`, only that.
void publish(Telemetry& telemetry, const api::AnalysisRun& run, bool first_seen = false);
void publish(Telemetry& telemetry, const api::AnalysisTemplate& analysis_template);
void publish(Telemetry& telemetry, const Experiment& experiment);
// How long an update took, when `now_object` is the first state that says that it has ended.
void publish_durations(Telemetry& telemetry, const api::Rollout* before,
                       const api::Rollout& now_object);

// Telemetry::forget for one kind: objects of two kinds may have the same name.
void forget_metrics(Telemetry& telemetry, std::string_view scope, const kube::ObjectKey& object);
inline constexpr std::string_view kRolloutMetrics = "rollout", kRunMetrics = "analysis_run",
                                  kTemplateMetrics = "analysis_template",
                                  kExperimentMetrics = "experiment", kServiceMetrics = "service",
                                  kIngressMetrics = "ingress";

// The `phase` label of rollout_info, from conditions (not from status.phase).
[[nodiscard]] std::string_view metric_phase(const api::Rollout& rollout);

}  // namespace sluice::loop
