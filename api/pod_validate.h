#pragma once
// The part of Kubernetes' pod template validation that is worth an early, clear message. What else
// the API server refuses comes back when the ReplicaSet is created (condition
// ReplicaSetCreateError). Internal to api/.
#include <optional>
#include <string>

#include "api/rollout.h"

namespace sluice::api {

// The first error as field-error text, in the order in which Kubernetes finds them.
[[nodiscard]] std::optional<std::string> validate_pod_template(const RolloutSpec& spec);

}  // namespace sluice::api
