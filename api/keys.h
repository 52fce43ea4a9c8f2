#pragma once
// Labels and annotations (rollout.md §1.9).
#include <string_view>

namespace sluice::api {

inline constexpr std::string_view kPodTemplateHashLabel = "rollouts-pod-template-hash";
inline constexpr std::string_view kRevisionAnnotation = "rollout.argoproj.io/revision";
inline constexpr std::string_view kRevisionHistoryAnnotation =
    "rollout.argoproj.io/revision-history";
inline constexpr std::string_view kDesiredReplicasAnnotation =
    "rollout.argoproj.io/desired-replicas";
inline constexpr std::string_view kScaleDownDeadlineAnnotation = "scale-down-deadline";
inline constexpr std::string_view kEphemeralMetadataAnnotation =
    "rollout.argoproj.io/ephemeral-metadata";
inline constexpr std::string_view kWorkloadGenerationAnnotation =
    "rollout.argoproj.io/workload-generation";
inline constexpr std::string_view kManagedByAnnotation =
    "argo-rollouts.argoproj.io/managed-by-rollouts";
inline constexpr std::string_view kInstanceIdLabel =
    "argo-rollouts.argoproj.io/controller-instance-id";
// Ours, on a Secret, value "true": arguments of analyses may be taken from it (only asked for with
// --secrets-need-label).
inline constexpr std::string_view kAnalysisArgumentLabel =
    "argo-rollouts.argoproj.io/analysis-argument";
inline constexpr std::string_view kRolloutTypeLabel = "rollout-type";
inline constexpr std::string_view kStepIndexLabel = "step-index";
inline constexpr std::string_view kExperimentNameAnnotation = "experiment.argoproj.io/name";
inline constexpr std::string_view kNotifiedAnnotation = "notified.notifications.argoproj.io";
inline constexpr std::string_view kLastAppliedAnnotation =
    "kubectl.kubernetes.io/last-applied-configuration";
// Ours: the reason of a traffic cut, written with the cut itself, so that a controller that dies
// between the cut and its record finishes the abort (first-release contract, docs/adr/0006). Value:
// JSON, see controller/rollout/verdict.h.
inline constexpr std::string_view kAbortVerdictAnnotation = "sluice.argoproj.io/abort-verdict";
// Ours: the attempt that an AnalysisRun was made for (controller/rollout/runs.h). Runs without it
// are the reference's.
inline constexpr std::string_view kAttemptAnnotation = "sluice.argoproj.io/attempt";

}  // namespace sluice::api
