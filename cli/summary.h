#pragma once
// The figures of one Rollout that `get`, `list` and `status` share (clients.md §1.7.1, §1.9). Pure.
#include <optional>
#include <string>

#include "api/rollout.h"
#include "base/time.h"
#include "controller/rollout/phase.h"

namespace sluice::cli {

enum class StrategyKind { None, Canary, BlueGreen };

struct Summary {
  StrategyKind strategy = StrategyKind::None;
  rollout::Phase phase;
  std::string step;             // "2/6", "" when there are no steps or no index is stored
  std::int32_t set_weight = 0;  // canary
  std::int32_t max_weight = 100;
  bool at_step = false;  // there is a current step
};
[[nodiscard]] Summary summarise(const api::Rollout& rollout, WallTime now);

// "Paused - CanaryPauseStep", or the phase alone when there is no message.
[[nodiscard]] std::string phase_line(const rollout::Phase& phase);

}  // namespace sluice::cli
