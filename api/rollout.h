#pragma once
// Rollout (rollout.md §1). Spec and status as decisions read them; the pod template stays raw
// bytes.
#include <optional>
#include <string>
#include <vector>

#include "api/analysis.h"
#include "kube/json/json_fwd.h"
#include "kube/json/node.h"
#include "kube/model/meta.h"
#include "kube/model/objects.h"
#include "kube/model/quantity.h"
#include "kube/model/selector.h"

namespace sluice::api {

struct LabelsAndAnnotations {
  StringMap labels, annotations;
};

struct RolloutAnalysis {
  std::vector<TemplateRef> templates;
  std::vector<Argument> args;
  std::string dry_run_json, measurement_retention_json;  // compact JSON lists, "" when absent
  std::optional<LabelsAndAnnotations> run_metadata;
  std::optional<std::int32_t> starting_step;  // background analysis only
  [[nodiscard]] bool configured() const { return !templates.empty(); }
};

struct PauseStep {
  std::optional<kube::IntOrString> duration;
  // nullopt = indefinite; -1 = unparsable (rejected by validation). Whole seconds.
  [[nodiscard]] std::optional<std::int64_t> seconds() const;
};

struct SetCanaryScale {
  std::optional<std::int32_t> weight, replicas;
  bool match_traffic_weight = false;
};

struct Step {
  std::optional<std::int32_t> set_weight;
  std::optional<PauseStep> pause;
  std::optional<RolloutAnalysis> analysis;
  std::optional<SetCanaryScale> set_canary_scale;
  // Not implemented in this release; presence makes the Rollout refused (api/support.h).
  bool experiment = false, set_header_route = false, set_mirror_route = false, plugin = false;
  std::string raw;  // compact JSON of the step
  // Event text (rollout.md §8): "setWeight: 20", "pause: 10s", …
  [[nodiscard]] std::string text() const;
};

struct NginxRouting {
  std::string annotation_prefix;  // "" = nginx.ingress.kubernetes.io
  std::string stable_ingress;
  std::vector<std::string> stable_ingresses;
  StringMap additional_ingress_annotations;
  StringMap canary_ingress_annotations;
};

struct TrafficRouting {
  std::optional<NginxRouting> nginx;
  std::vector<std::string> managed_routes;
  std::optional<std::int32_t> max_traffic_weight;
  std::vector<std::string> other_routers;  // members without a type here: "istio", "plugins", …
  StringMap plugins;                       // by key: its configuration as compact JSON
  // Is this member of trafficRouting a router that is set?
  [[nodiscard]] bool has(std::string_view router) const;
};

struct ReplicaProgressThreshold {
  std::string type;  // "Percent" | "Pods"
  std::int32_t value = 0;
};

struct CanaryStrategy {
  std::string canary_service, stable_service;
  std::vector<Step> steps;
  bool has_steps_member = false;  // [] and absent hash differently
  std::optional<TrafficRouting> traffic_routing;
  std::optional<kube::IntOrString> max_surge, max_unavailable;
  std::optional<RolloutAnalysis> analysis;  // background
  std::optional<std::int32_t> scale_down_delay_seconds, scale_down_delay_revision_limit,
      abort_scale_down_delay_seconds;
  bool dynamic_stable_scale = false;
  std::optional<std::int32_t> min_pods_per_replica_set;
  std::optional<ReplicaProgressThreshold> replica_progress_threshold;
  bool ping_pong = false, anti_affinity = false, canary_metadata = false,
       stable_metadata = false;  // presence only
  // M: the maximum traffic weight.
  [[nodiscard]] std::int32_t max_weight() const;
};

struct BlueGreenStrategy {
  std::string active_service, preview_service;
  std::optional<std::int32_t> preview_replica_count;
  std::optional<bool> auto_promotion_enabled;
  std::int32_t auto_promotion_seconds = 0;
  std::optional<kube::IntOrString> max_unavailable;
  std::optional<std::int32_t> scale_down_delay_seconds, scale_down_delay_revision_limit,
      abort_scale_down_delay_seconds;
  std::optional<RolloutAnalysis> pre_promotion_analysis, post_promotion_analysis;
  bool anti_affinity = false, active_metadata = false, preview_metadata = false;  // presence only
};

struct RolloutSpec {
  std::optional<std::int32_t> replicas;
  bool has_selector = false;
  kube::LabelSelector selector;
  std::string selector_json, template_json;  // compact raw JSON, "" when absent
  StringMap template_labels;
  std::string workload_ref_json;  // "" when absent
  std::int32_t min_ready_seconds = 0;
  std::optional<CanaryStrategy> canary;
  std::optional<BlueGreenStrategy> blue_green;
  std::optional<std::int32_t> revision_history_limit;
  bool paused = false;
  std::optional<std::int32_t> progress_deadline_seconds;
  bool progress_deadline_abort = false;
  std::optional<WallTime> restart_at;
  std::int32_t rollback_window_revisions = 0;
  std::optional<std::int32_t> successful_run_history_limit, unsuccessful_run_history_limit;

  [[nodiscard]] std::int32_t replicas_or_default() const { return replicas.value_or(1); }
};

struct PauseCondition {
  std::string reason;  // CanaryPauseStep, BlueGreenPause, InconclusiveAnalysisRun…
  WallTime start_time{};
  bool operator==(const PauseCondition&) const = default;
};

struct WeightDestination {
  std::int32_t weight = 0;
  std::string service_name, pod_template_hash;
  bool operator==(const WeightDestination&) const = default;
};
struct TrafficWeights {
  WeightDestination canary, stable;
  std::vector<WeightDestination> additional;
  std::optional<bool> verified;
  bool operator==(const TrafficWeights&) const = default;
};

struct RunStatusRef {  // {name,status,message}
  std::string name;
  AnalysisPhase phase = AnalysisPhase::None;
  std::string message;
  bool operator==(const RunStatusRef&) const = default;
};

struct RolloutDuration {  // how long attempts take (rollout.md §7.6)
  std::optional<WallTime> rollout_started_at, manual_pause_started_at, finished_at;
  std::optional<std::int64_t> total_manual_pause_seconds;
  std::string completion_status;
  bool operator==(const RolloutDuration&) const = default;
};

struct RolloutStatus {
  std::int32_t replicas = 0, updated_replicas = 0, ready_replicas = 0, available_replicas = 0,
               hpa_replicas = 0;
  std::string selector, stable_rs, current_pod_hash, current_step_hash;
  std::optional<std::int32_t> current_step_index, collision_count;
  std::string observed_generation;  // decimal text
  std::string workload_observed_generation;
  bool abort = false, promote_full = false, controller_pause = false;
  std::optional<WallTime> aborted_at, restarted_at;
  std::vector<PauseCondition> pause_conditions;
  std::vector<kube::Condition> conditions;
  std::string phase, message;
  std::optional<RolloutDuration> duration;
  struct Canary {
    std::optional<TrafficWeights> weights;
    std::string stable_ping_pong, current_experiment;
    std::optional<RunStatusRef> step_run, background_run;
    // A full status write leaves `canary: {}` and `blueGreen: {}` behind, an InvalidSpec patch does
    // not. Decoding records what is stored; a status built from nothing writes both.
    bool write_empty = true;
    bool operator==(const Canary&) const = default;
  } canary;
  struct BlueGreen {
    std::string active_selector, preview_selector;
    bool scale_up_preview_check_point = false;
    std::optional<RunStatusRef> pre_promotion_run, post_promotion_run;
    bool write_empty = true;  // as above
    bool operator==(const BlueGreen&) const = default;
  } blue_green;
  // Members that this release does not model but must carry (alb, albs, stepPluginStatuses…):
  // compact JSON object.
  std::string carried_json;
};

struct Rollout {
  kube::Meta meta;
  kube::RawJson raw;
  std::optional<Error> decode_error;
  RolloutSpec spec;
  RolloutStatus status;
};

// Never fails: decode_error names the first malformed field.
[[nodiscard]] Rollout decode_rollout(kube::Node object);
// The whole `status` member with zero members omitted (rollout.md §1.8). Patches are diffs of this
// against the stored status, so unknown members survive.
[[nodiscard]] kube::Json encode_status(const RolloutStatus& status);
// The `status` member of a stored object ({} when absent).
[[nodiscard]] kube::Json stored_status(const Rollout& rollout);

}  // namespace sluice::api
