#pragma once
// The objects that scenarios apply.
#include <vector>

#include "kube/json/json_fwd.h"

namespace sluice::sim {

// Version "v1" of the Rollout "web" in "default", with all it refers to.
[[nodiscard]] std::vector<kube::Json> basic_canary_objects();
[[nodiscard]] std::vector<kube::Json>
nginx_canary_objects();  // W5: 10 replicas, 20 / pause / 50 / pause / 80, background analysis
[[nodiscard]] std::vector<kube::Json> dynamic_canary_objects();  // W5 with dynamicStableScale
// 20 / an analysis of a metric / 50 / one of a Job / 80, five replicas.
[[nodiscard]] std::vector<kube::Json> gated_canary_objects();
[[nodiscard]] std::vector<kube::Json> blue_green_objects();
// The same, promoted by hand, with one pod until then.
[[nodiscard]] std::vector<kube::Json> approved_objects();
// A canary like W5 under another name, for fleets.
[[nodiscard]] std::vector<kube::Json> fleet_member(const std::string& name);
// A smaller one that belongs to the controller with this instance id.
[[nodiscard]] std::vector<kube::Json> small_canary_objects(const std::string& name,
                                                           const std::string& instance_id);

}  // namespace sluice::sim
