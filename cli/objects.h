#pragma once
// The objects that `get rollout` shows, as it needs them. Pure.
#include <string>
#include <vector>

#include "api/analysis.h"
#include "api/rollout.h"
#include "cli/pod_state.h"
#include "kube/model/objects.h"

namespace sluice::cli {

struct SetInfo {
  kube::Meta meta;
  kube::ReplicaSet set;
  std::vector<std::string> images;  // of the regular containers
};
struct PodInfo {
  kube::Meta meta;
  PodState state;
};
struct ExperimentInfo {
  kube::Meta meta;
  std::string phase;
};

struct Objects {
  api::Rollout rollout;
  std::vector<SetInfo> sets;
  std::vector<PodInfo> pods;
  std::vector<ExperimentInfo> experiments;
  std::vector<api::AnalysisRun> runs;
};

[[nodiscard]] SetInfo decode_set_info(kube::Node object);
[[nodiscard]] PodInfo decode_pod_info(kube::Node object);
[[nodiscard]] ExperimentInfo decode_experiment_info(kube::Node object);

[[nodiscard]] bool is_owned_by(const kube::Meta& meta, const std::string& uid);
[[nodiscard]] std::int64_t revision_of(const kube::Meta& meta);  // 0 without the annotation

// The label selector that finds the ReplicaSets and pods of a Rollout on the server; "" = all must
// be read, because an experiment's are not labelled like the Rollout's, or because the selector is
// elsewhere (workloadRef).
[[nodiscard]] std::string children_selector(const api::Rollout& rollout);

}  // namespace sluice::cli
