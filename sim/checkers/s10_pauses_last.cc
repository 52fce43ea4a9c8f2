// S10: a pause of d lasts at least d by the wall clock (less the second that stored times are cut
// to), and one without end is ended by a person only.
#include "base/time.h"
#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class PausesLast final : public Checker {
 public:
  PausesLast() : Checker("S10") {}
  void changed(const Seen& seen) override {
    if (!seen.rollout.before || !seen.rollout.now || !seen.actor.controller()) return;
    const auto& before = *seen.rollout.before;
    const auto& now = *seen.rollout.now;
    if (now.abort || now.promote_full || before.promote_full ||
        before.current_hash != now.current_hash)
      return;
    for (const auto& pause : before.pauses) {
      if (now.pause(pause.reason) != nullptr) continue;
      const auto seconds = length(before, pause);
      if (!seconds) {
        report(seen,
               "the controller ends the pause " + pause.reason + ", which only a person may end");
      } else if (seen.wall + Seconds(1) < pause.start + Seconds(*seconds)) {
        report(seen, "the pause " + pause.reason + " of " + std::to_string(*seconds) + " s since " +
                         format_rfc3339(pause.start) + " ends at " +
                         format_rfc3339_micro(seen.wall));
      }
    }
  }

 private:
  static std::optional<std::int64_t> length(const RolloutFacts& rollout, const Pause& pause) {
    if (pause.reason == "BlueGreenPause") {
      if (rollout.auto_promotion_seconds > 0) return rollout.auto_promotion_seconds;
      return std::nullopt;
    }
    const std::size_t index = static_cast<std::size_t>(rollout.step_index.value_or(0));
    if (index >= rollout.steps.size()) return 0;
    return rollout.steps[index].seconds;
  }
};

}  // namespace

std::unique_ptr<Checker> pauses_last() {
  return std::make_unique<PausesLast>();
}

}  // namespace sluice::sim::check
