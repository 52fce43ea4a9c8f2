#pragma once
// ingress-nginx: one canary Ingress per stable Ingress, weight by annotation (traffic.md §3.1).
#include <map>
#include <memory>
#include <string>

#include "traffic/router.h"

namespace sluice::traffic::nginx {

using Ingresses =
    std::map<std::string, std::shared_ptr<const kube::Ingress>>;  // of the namespace, by name

struct Options {
  std::string default_annotation_prefix = "nginx.ingress.kubernetes.io";
  // Whoever may write Rollouts may also write the ingress controller's own configuration
  // (`*-snippet`) with our rights. The reference allows it.
  bool allow_snippets = false;
};

[[nodiscard]] std::vector<std::string> stable_ingress_names(const api::NginxRouting& routing);
// "<rollout>-<stable ingress>-canary", cut as traffic.md §3.1 says.
[[nodiscard]] std::string canary_ingress_name(std::string_view rollout,
                                              std::string_view stable_ingress);

// First problem of the referenced Ingresses as field-error text; nullopt when they are fine.
[[nodiscard]] std::optional<std::string> validate(const api::NginxRouting& routing,
                                                  std::string_view stable_service,
                                                  const Ingresses& ingresses);

// The keys on a canary Ingress that came from the Rollout's fields, as a sorted JSON list
// (traffic.md §4.4): what is taken out of the Rollout is taken off the Ingress too.
inline constexpr std::string_view kAppliedAnnotations = "sluice/applied-annotations";
// The keys of the Rollout's fields that were left out (is_code()), likewise: whoever looks at the
// canary Ingress sees it, and a warning is due only when the list changes.
inline constexpr std::string_view kLeftOutAnnotations = "sluice/left-out-annotations";
inline constexpr std::string_view kSnippetsLeftOut = "SnippetsLeftOut";  // reason of that Warning

// Several stable Ingresses are planned each for itself: when some fail, RoutePlan::error says so
// beside the writes of the others; when all fail, the result is that error. Errors: NotFound
// (stable Ingress absent), Invalid (stable Ingress without a rule for the stable Service), Conflict
// (canary Ingress owned by another).
[[nodiscard]] Result<RoutePlan> plan(const api::Rollout& rollout, const api::NginxRouting& routing,
                                     const Split& split, const Ingresses& ingresses,
                                     const Options& options = {});

// Canary Ingresses of this Rollout that its spec does not name any more go to weight 0 (traffic.md
// NGX-12, T-7). `routing` is nullptr when nginx was taken out of the spec.
[[nodiscard]] RoutePlan release_orphans(const api::Rollout& rollout,
                                        const api::NginxRouting* routing,
                                        const Ingresses& ingresses);

// A patch of nothing but the weight, nullopt unless that lowers it.
[[nodiscard]] std::optional<kube::Write> lower_weight(const kube::Ingress& canary,
                                                      std::int32_t weight);

// The verdict left by a cut that was not recorded, "" when none.
[[nodiscard]] std::string abort_verdict(const api::Rollout& rollout,
                                        const api::NginxRouting& routing,
                                        const Ingresses& ingresses);
// The weight the canary Ingresses carry now (largest); nullopt when there are none.
[[nodiscard]] std::optional<std::int32_t> current_weight(const api::Rollout& rollout,
                                                         const api::NginxRouting& routing,
                                                         const Ingresses& ingresses);

}  // namespace sluice::traffic::nginx
