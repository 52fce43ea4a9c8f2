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

// The keys on a canary Ingress that came from the Rollout's fields, as a sorted JSON list
// (traffic.md §4.4): what is taken out of the Rollout is taken off the Ingress too.
inline constexpr std::string_view kAppliedAnnotations = "sluice/applied-annotations";
// The keys of the Rollout's fields that were left out (is_code()), likewise: whoever looks at the
// canary Ingress sees it, and a warning is due only when the list changes.
inline constexpr std::string_view kLeftOutAnnotations = "sluice/left-out-annotations";

}  // namespace sluice::traffic::nginx
