#pragma once
// ingress-nginx: one canary Ingress per stable Ingress, weight by annotation (traffic.md §3.1).
#include <string>
#include <string_view>
#include <vector>

#include "traffic/router.h"

namespace sluice::traffic::nginx {

[[nodiscard]] const Router& router();

[[nodiscard]] std::vector<std::string> stable_ingress_names(const api::NginxRouting& routing);
// "<rollout>-<stable ingress>-canary", cut as traffic.md §3.1 says.
[[nodiscard]] std::string canary_ingress_name(std::string_view rollout,
                                              std::string_view stable_ingress);

}  // namespace sluice::traffic::nginx
