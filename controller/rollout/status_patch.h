#pragma once
// From a status to the one write that persists it, and when that write is worth its price.
#include <optional>

#include "api/rollout.h"
#include "kube/request/request.h"

namespace sluice::rollout {

// A merge patch of what differs from the status read; nullopt when nothing does.
[[nodiscard]] std::optional<kube::Write> status_patch(const api::Rollout& read,
                                                      const api::RolloutStatus& next);

// When only counts and the like differ, the write waits for company: pods come and go one by one,
// and each change would be a write. nullopt: at once. Everything that waits here can be told again
// from the cluster after a crash.
[[nodiscard]] std::optional<WallTime> status_due(const api::Rollout& read,
                                                 const api::RolloutStatus& next, WallTime now);

}  // namespace sluice::rollout
