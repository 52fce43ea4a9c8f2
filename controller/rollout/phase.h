#pragma once
// status.phase and status.message (rollout.md §7.4), and what clients show (§7.5).
#include <string>

#include "api/rollout.h"
#include "base/time.h"

namespace sluice::rollout {

struct Phase {
  std::string phase;  // Degraded, Paused, Progressing, Healthy
  std::string message;
  bool operator==(const Phase&) const = default;
};

// Computed after the conditions, on the new status. `now`: only a restartAt that is due counts.
[[nodiscard]] Phase controller_phase(const api::RolloutSpec& spec, const api::RolloutStatus& status,
                                     WallTime now);
// What the CLI prints for an object as read from the server.
[[nodiscard]] Phase client_phase(const api::Rollout& rollout, WallTime now);

}  // namespace sluice::rollout
