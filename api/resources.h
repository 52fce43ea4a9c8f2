#pragma once
#include "kube/model/meta.h"

namespace sluice::api {

inline constexpr kube::ResourceType kRollouts{"argoproj.io", "v1alpha1", "rollouts",
                                              "Rollout",     true,       true};
inline constexpr kube::ResourceType kAnalysisTemplates{
    "argoproj.io", "v1alpha1", "analysistemplates", "AnalysisTemplate", true, false};
inline constexpr kube::ResourceType kClusterAnalysisTemplates{
    "argoproj.io", "v1alpha1", "clusteranalysistemplates", "ClusterAnalysisTemplate", false, false};
// No status subresource, as the reference (analysis.md §1).
inline constexpr kube::ResourceType kAnalysisRuns{"argoproj.io", "v1alpha1", "analysisruns",
                                                  "AnalysisRun", true,       false};
inline constexpr kube::ResourceType kExperiments{"argoproj.io", "v1alpha1", "experiments",
                                                 "Experiment",  true,       false};

}  // namespace sluice::api
