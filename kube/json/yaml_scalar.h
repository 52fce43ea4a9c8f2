#pragma once
// How Kubernetes' YAML reader understands plain scalars: YAML 1.1 names, Go's integer notations.
#include <string_view>

#include "kube/json/json_fwd.h"

namespace sluice::kube {

// null, bool, number or (everything else) string. Not-a-number and infinities come back as doubles.
[[nodiscard]] Json resolve_plain_scalar(std::string_view text);

}  // namespace sluice::kube
