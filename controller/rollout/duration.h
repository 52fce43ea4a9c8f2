#pragma once
// status.duration (rollout.md §7.6). Nothing else may depend on it: old CRDs prune the field.
#include <optional>

#include "api/rollout.h"
#include "base/time.h"

namespace sluice::rollout {

struct DurationInput {
  const api::Rollout* rollout = nullptr;     // spec and stored status; not owned
  const api::RolloutStatus* next = nullptr;  // the new status, conditions included; not owned
  bool spec_changed = false;                 // rollout.md §3.13, or stored currentPodHash empty
  bool rollback = false, fast_rollback = false;
  bool new_rs_available = false;  // available(newRS) ≥ N
  bool aborted = false;           // this pass's view
  bool promoted_now = false;      // stableRS changes in this pass
  bool promoted_by_full = false;  // status.promoteFull was set when it was promoted
};
struct DurationResult {
  std::optional<api::RolloutDuration> duration;
  // The attempt that this pass ended, for metrics and logs: finished, or superseded by a new
  // attempt.
  std::optional<api::RolloutDuration> ended;
};
[[nodiscard]] DurationResult next_duration(const DurationInput& in, WallTime now);

// A pause that waits for a person: spec.paused, an inconclusive result, a pause step without
// duration, a blue/green pause with auto promotion off.
[[nodiscard]] bool manual_pause(const api::RolloutSpec& spec, const api::RolloutStatus& status);

}  // namespace sluice::rollout
