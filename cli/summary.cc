#include "cli/summary.h"

#include <fmt/format.h>

#include "controller/rollout/replicas.h"

namespace sluice::cli {

Summary summarise(const api::Rollout& rollout, WallTime now) {
  Summary out;
  out.phase = rollout::client_phase(rollout, now);
  if (rollout.spec.canary) {
    const auto& canary = *rollout.spec.canary;
    const auto& index = rollout.status.current_step_index;
    out.strategy = StrategyKind::Canary;
    out.max_weight = canary.max_weight();
    out.at_step = rollout::current_step(canary, index).has_value();
    out.set_weight = rollout::current_set_weight(canary, index, rollout.status.abort);
    if (!canary.steps.empty() && index)
      out.step = fmt::format("{}/{}", *index, canary.steps.size());
  } else if (rollout.spec.blue_green) {
    out.strategy = StrategyKind::BlueGreen;
  }
  return out;
}

std::string phase_line(const rollout::Phase& phase) {
  return phase.message.empty() ? phase.phase : fmt::format("{} - {}", phase.phase, phase.message);
}

}  // namespace sluice::cli
