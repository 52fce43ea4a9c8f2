#include "cli/objects.h"

#include <algorithm>

#include "api/keys.h"

namespace sluice::cli {

SetInfo decode_set_info(kube::Node object) {
  SetInfo out;
  out.set = kube::decode_replica_set(object);
  out.meta = out.set.meta;
  object["spec"]["template"]["spec"]["containers"].each_element(
      [&](kube::Node container) { out.images.push_back(container["image"].string_or()); });
  return out;
}

PodInfo decode_pod_info(kube::Node object) {
  return {kube::decode_meta(object), pod_state(object)};
}

ExperimentInfo decode_experiment_info(kube::Node object) {
  return {kube::decode_meta(object), object["status"]["phase"].string_or()};
}

bool is_owned_by(const kube::Meta& meta, const std::string& uid) {
  return !uid.empty() && std::any_of(meta.owners.begin(), meta.owners.end(),
                                     [&](const auto& owner) { return owner.uid == uid; });
}

std::int64_t revision_of(const kube::Meta& meta) {
  const auto* text = find_or_null(meta.annotations, api::kRevisionAnnotation);
  return text == nullptr ? 0 : parse_int(*text).value_or(0);
}

std::string children_selector(const api::Rollout& rollout) {
  if (rollout.spec.selector.empty() || !rollout.spec.selector.problem("").empty()) return {};
  if (rollout.spec.canary) {
    for (const auto& step : rollout.spec.canary->steps)
      if (step.experiment) return {};
  }
  return rollout.spec.selector.text();
}

}  // namespace sluice::cli
