// V5: a restart changes neither the recorded start of a pause nor, by more than a second, when it
// ends; a pause that ends while nobody leads ends as soon as somebody does.
#include <algorithm>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

constexpr Seconds kSlack{2};  // the second that times are cut to, and one for the work

class RestartsKeepDeadlines final : public Checker {
 public:
  RestartsKeepDeadlines() : Checker("V5") {}
  void changed(const Seen& seen) override {
    if (!seen.rollout.before || !seen.rollout.now) return;
    const auto& before = *seen.rollout.before;
    const auto& now = *seen.rollout.now;
    const Pause* was = before.pause("CanaryPauseStep");
    const Pause* is = now.pause("CanaryPauseStep");
    const bool same_step = before.step_index == now.step_index &&
                           before.current_hash == now.current_hash && before.abort == now.abort;
    if (was && is && same_step && was->start != is->start)
      report(seen, "the pause that began at " + format_rfc3339(was->start) +
                       " now claims to have begun at " + format_rfc3339(is->start));
    if (is && (!was || !same_step)) began(seen, now, *is);
    if (was && (!is || !same_step)) due_.reset();
  }
  void instant(WallTime wall, MonoTime mono) override {
    if (!due_ || view().wall_jumped || !view().rollout) return;
    if (mono <= std::max({*due_, view().disturbed_until, view().leader_since}) + kSlack) return;
    due_.reset();
    report("a pause is over since " + std::to_string(kSlack.count()) +
               " s and more, but the step goes on not",
           wall);
  }

 private:
  void began(const Seen& seen, const RolloutFacts& now, const Pause& pause) {
    const auto index = static_cast<std::size_t>(now.step_index.value_or(0));
    if (index >= now.steps.size() || !now.steps[index].seconds) return;
    due_ = seen.mono + std::chrono::duration_cast<Micros>(
                           pause.start + Seconds(*now.steps[index].seconds) - seen.wall);
  }
  std::optional<MonoTime> due_;  // when the current pause has to end
};

}  // namespace

std::unique_ptr<Checker> restarts_keep_deadlines() {
  return std::make_unique<RestartsKeepDeadlines>();
}

}  // namespace sluice::sim::check
