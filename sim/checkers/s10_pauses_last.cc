// S10: a pause of d lasts at least d, less the second that stored times are cut to: by the wall
// clock from its recorded start, and in real time from the moment in which it was stored, less the
// way of the writes that stand before the record in its plan (a clock that was set forward
// meanwhile takes as much away). One without end is ended by a person only. The wall clock is asked
// when the end is decided: setting it back while the record is on its way makes nobody guilty.
#include <algorithm>
#include <map>
#include <optional>

#include "base/time.h"
#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

constexpr Seconds kGranularity{1};
constexpr Seconds kPlanTakes{1};  // ten writes at the slowest network of the seeds

class PausesLast final : public Checker {
 public:
  PausesLast() : Checker("S10") {}
  void changed(const Seen& seen) override {
    if (!seen.rollout.now) return;
    const auto& now = *seen.rollout.now;
    if (seen.rollout.before && seen.actor.controller())
      for (const auto& pause : seen.rollout.before->pauses)
        if (gone(pause, *seen.rollout.before, now)) ended(seen, *seen.rollout.before, now, pause);
    for (auto it = stored_.begin(); it != stored_.end();)
      it = now.pause(it->first) == nullptr ? stored_.erase(it) : std::next(it);
    for (const auto& pause : now.pauses) {
      const Pause* was = seen.rollout.before ? seen.rollout.before->pause(pause.reason) : nullptr;
      if (was != nullptr && gone(*was, *seen.rollout.before, now)) stored_.erase(pause.reason);
      stored_.try_emplace(pause.reason, Moment{seen.wall, seen.mono, std::nullopt});
    }
  }
  // Called when the instant is over and the clock may have been set: what it said before counts
  // too.
  void instant(WallTime wall, MonoTime mono) override {
    note(wall_at_zero_ + mono.time_since_epoch(), mono);
    wall_at_zero_ = wall - mono.time_since_epoch();
    note(wall, mono);
  }

 private:
  struct Moment {
    WallTime wall{};
    MonoTime mono{};
    std::optional<MonoTime> over;  // when the wall clock last said that it is
  };
  void note(WallTime wall, MonoTime mono) {
    if (!view().rollout) return;
    for (auto& [reason, moment] : stored_) {
      const Pause* pause = view().rollout->pause(reason);
      const auto seconds = pause ? length(*view().rollout, *pause) : std::nullopt;
      if (seconds && wall + kGranularity >= pause->start + Seconds(*seconds)) moment.over = mono;
    }
  }
  // Taken away, or followed by the pause of another step.
  static bool gone(const Pause& pause, const RolloutFacts& before, const RolloutFacts& now) {
    return now.pause(pause.reason) == nullptr || before.step_index != now.step_index;
  }
  void ended(const Seen& seen, const RolloutFacts& before, const RolloutFacts& now,
             const Pause& pause) {
    if (now.abort || now.promote_full || before.promote_full ||
        before.current_hash != now.current_hash)
      return;
    const auto seconds = length(before, pause);
    if (!seconds) {
      report(seen,
             "the controller ends the pause " + pause.reason + ", which only a person may end");
      return;
    }
    const Moment began = stored_.at(pause.reason);
    const Micros lasted = seen.mono - began.mono, jumped = (seen.wall - began.wall) - lasted;
    const bool decided = began.over && seen.mono - *began.over <= kPlanTakes;
    const bool by_wall = !decided && seen.wall + kGranularity < pause.start + Seconds(*seconds);
    const bool by_time =
        lasted + kGranularity + kPlanTakes + std::max(jumped, Micros(0)) < Seconds(*seconds);
    if (by_wall || by_time)
      report(seen, "the pause " + pause.reason + " of " + std::to_string(*seconds) + " s since " +
                       format_rfc3339(pause.start) + " ends at " + format_rfc3339_micro(seen.wall) +
                       ", " + std::to_string(lasted.count() / 1000) + " ms after it was stored");
  }
  static std::optional<std::int64_t> length(const RolloutFacts& rollout, const Pause& pause) {
    if (pause.reason == "BlueGreenPause" && rollout.auto_promotion_seconds > 0)
      return rollout.auto_promotion_seconds;
    if (pause.reason != "CanaryPauseStep") return std::nullopt;
    const std::size_t index = static_cast<std::size_t>(rollout.step_index.value_or(0));
    if (index >= rollout.steps.size()) return std::nullopt;
    return rollout.steps[index].seconds;
  }
  std::map<std::string, Moment> stored_;  // by reason
  WallTime wall_at_zero_{};               // of the monotonic clock, as both stood last
};

}  // namespace

std::unique_ptr<Checker> pauses_last() {
  return std::make_unique<PausesLast>();
}

}  // namespace sluice::sim::check
