#pragma once
#include "kube/json/json_fwd.h"

namespace sluice::kube {

// The defaults that the API server gives a pod template (rollout.md appendix B).
void apply_template_defaults(Json& pod_template);

}  // namespace sluice::kube
