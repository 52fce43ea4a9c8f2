#pragma once
// The objects that scenarios apply.
#include <vector>

#include "kube/json/json_fwd.h"

namespace sluice::sim {

// Version "v1" of the Rollout "web" in "default", with all it refers to.
[[nodiscard]] std::vector<kube::Json> basic_canary_objects();
[[nodiscard]] std::vector<kube::Json>
nginx_canary_objects();  // W5: 10 replicas, 20 / pause / 50 / pause / 80, background analysis
[[nodiscard]] std::vector<kube::Json> blue_green_objects();
// A canary like W5 under another name, for fleets.
[[nodiscard]] std::vector<kube::Json> fleet_member(const std::string& name);

}  // namespace sluice::sim
