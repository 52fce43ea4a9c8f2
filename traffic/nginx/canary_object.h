#pragma once
// The canary Ingress as a document: made from the stable one, compared with the live one (traffic.md
// NGX-2 … NGX-6). Documents rather than views, because members that we do not know must survive.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "api/rollout.h"
#include "base/strings.h"
#include "kube/json/json_fwd.h"
#include "kube/model/objects.h"

namespace sluice::traffic::nginx {

// The keys on a canary Ingress that came from the Rollout's fields, as a sorted JSON list
// (traffic.md §4.4): what is taken out of the Rollout is taken off the Ingress too.
inline constexpr std::string_view kAppliedAnnotations = "sluice/applied-annotations";
// The keys of the Rollout's fields that were left out (is_code()), likewise: whoever looks at the
// canary Ingress sees it, and a warning is due only when the list changes.
inline constexpr std::string_view kLeftOutAnnotations = "sluice/left-out-annotations";

struct LeftOutAnnotation {
  std::string field, value;  // of the Rollout
};
using LeftOut = std::map<std::string, LeftOutAnnotation>;  // by key

struct Annotations {
  StringMap wanted;                   // everything we set, bookkeeping and verdict left out
  std::set<std::string> from_fields;  // keys that come from optional fields of the Rollout
  LeftOut left_out;                   // is_code()
};
struct AnnotationInput {
  std::string_view prefix;
  std::int32_t weight = 0;
  std::optional<std::int32_t> total;  // set when the Rollout sets maxTrafficWeight
  bool allow_snippets = false;
};
// The annotations that the canary Ingress shall have (traffic.md NGX-3).
[[nodiscard]] Annotations wanted_annotations(const kube::Object& stable,
                                             const api::NginxRouting& routing,
                                             const AnnotationInput& input);
// The annotation is a piece of some ingress controller's own configuration or program, which every
// tenant behind it shares: `*-snippet` of any prefix, and the keys of other names that do the same.
[[nodiscard]] bool is_code(std::string_view annotation);
// The list that `annotations` makes for kLeftOutAnnotations, "" when nothing was left out.
[[nodiscard]] std::string left_out_text(const Annotations& annotations);

// At least one path of the Ingress goes to `service`.
[[nodiscard]] bool has_rule_for(const kube::Json& ingress, std::string_view service);
// The spec of the canary Ingress (traffic.md NGX-2); nullopt when no rule goes to the stable
// Service.
[[nodiscard]] std::optional<kube::Json> canary_spec(const kube::Json& stable_ingress,
                                                    std::string_view stable_service,
                                                    std::string_view canary_service);

[[nodiscard]] kube::Json new_object(const api::Rollout& rollout, const std::string& name,
                                    const Annotations& annotations, const kube::Json& spec,
                                    const std::string& abort_verdict);
// The merge patch from the live object to the wanted one; empty when nothing but missing
// bookkeeping differs, or code that another controller let pass: that goes with the next write.
[[nodiscard]] kube::Json change_object(const kube::Json& live, const StringMap& live_annotations,
                                       const Annotations& annotations, const kube::Json& spec,
                                       std::string_view prefix, const std::string& abort_verdict);

}  // namespace sluice::traffic::nginx
