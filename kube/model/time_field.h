#pragma once

#include <optional>

#include "base/time.h"
#include "kube/json/node.h"

namespace sluice::kube {

// The RFC 3339 time in `node`; nullopt when it is absent, no string, or no time.
[[nodiscard]] std::optional<WallTime> time_of(Node node);

}  // namespace sluice::kube
