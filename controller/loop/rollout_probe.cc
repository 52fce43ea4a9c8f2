#include "controller/loop/rollout_probe.h"

namespace sluice::loop {

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
  const bool nginx = rollout.spec.canary && rollout.spec.canary->traffic_routing &&
                     rollout.spec.canary->traffic_routing->nginx;
  telemetry.gauge("rollout_info",
                  {{"namespace", ns},
                   {"name", name},
                   {"strategy", strategy},
                   {"traffic_router", nginx ? "Nginx" : ""},
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

void publish(Telemetry& telemetry, const api::AnalysisRun& run) {
  telemetry.gauge("analysis_run_info",
                  {{"namespace", run.meta.key.namespace_},
                   {"name", run.meta.key.name},
                   {"phase", api::to_string(run.status.phase)}},
                  1);
}

}  // namespace sluice::loop
