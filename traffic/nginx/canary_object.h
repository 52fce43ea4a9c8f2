#pragma once
// The canary Ingress as a document: made from the stable one, compared with the live one
// (traffic.md NGX-2 … NGX-6). Documents rather than views, because members that we do not know must
// survive.
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "api/rollout.h"
#include "base/strings.h"
#include "kube/json/json_fwd.h"
#include "kube/model/objects.h"

namespace sluice::traffic::nginx {

struct Annotations {
  StringMap wanted;                   // everything we set, bookkeeping and verdict left out
  std::set<std::string> from_fields;  // keys that come from optional fields of the Rollout
};
// The annotations it should carry (traffic.md NGX-3). `total` is set when the Rollout sets
// maxTrafficWeight.
[[nodiscard]] Annotations wanted_annotations(const kube::Ingress& stable,
                                             const api::NginxRouting& routing,
                                             std::string_view prefix, std::int32_t weight,
                                             std::optional<std::int32_t> total);

// At least one path of the Ingress goes to `service`.
[[nodiscard]] bool has_rule_for(const kube::Json& ingress, std::string_view service);
// The spec (traffic.md NGX-2) of the canary Ingress; nullopt when no rule goes to the stable
// Service.
[[nodiscard]] std::optional<kube::Json> canary_spec(const kube::Json& stable_ingress,
                                                    std::string_view stable_service,
                                                    std::string_view canary_service);

[[nodiscard]] kube::Json new_object(const api::Rollout& rollout, const std::string& name,
                                    const Annotations& annotations, const kube::Json& spec,
                                    const std::string& abort_verdict);
// The merge patch from the live object to the wanted one; empty when nothing but missing
// bookkeeping differs.
[[nodiscard]] kube::Json change_object(const kube::Json& live, const StringMap& live_annotations,
                                       const Annotations& annotations, const kube::Json& spec,
                                       std::string_view prefix, const std::string& abort_verdict);

}  // namespace sluice::traffic::nginx
