#pragma once
// Internal to api/: the status half of decode_rollout.
#include "api/field.h"
#include "api/rollout.h"

namespace sluice::api {

[[nodiscard]] RolloutStatus decode_status(const Field& status);

}  // namespace sluice::api
