#pragma once
// Patches as Kubernetes applies them. Pure; used by the controller (to make them) and by the
// embedded API server (to apply them).
#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/json/json_fwd.h"

namespace sluice::kube {

// RFC 7386: the patch that turns `from` into `to`; removed members become null, lists are replaced
// whole. An empty object means: no difference.
[[nodiscard]] Json merge_patch_diff(const Json& from, const Json& to);
void apply_merge_patch(Json& target, const Json& patch);

// RFC 6902. Errors: Invalid (a failed `test`, a path that does not exist, a malformed operation).
[[nodiscard]] Status apply_json_patch(Json& target, const Json& operations);

// Strategic merge patch for built-in kinds: lists with a merge key merge by key, `$patch:
// delete|replace|merge`,
// `$deleteFromPrimitiveList/…`, `$setElementOrder/…`, `$retainKeys`. Merge keys come from `schema`
// by the path of the list inside the object. Errors: Invalid.
class StrategicSchema {
 public:
  virtual ~StrategicSchema() = default;
  // Merge key of the list at `path` ("spec.template.spec.containers", list indexes left out), ""
  // when the list is atomic, "=" when it is a list of primitives that merge as a set.
  [[nodiscard]] virtual std::string merge_key(std::string_view path) const = 0;
};
[[nodiscard]] Status apply_strategic_patch(Json& target, const Json& patch,
                                           const StrategicSchema& schema);

}  // namespace sluice::kube
