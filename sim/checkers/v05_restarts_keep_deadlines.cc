// V5: a restart changes neither the recorded start of a pause nor the recorded deadline of a
// ReplicaSet, nor, by more than a second, when they end. What ends while nobody leads ends as soon
// as somebody does. A moment has come when both clocks say so: the wall, by which it is recorded,
// and the time that has passed since it was stored (a clock set forward wakes nobody up). The delay
// of an old blue/green version lasts until the analysis behind the switch has judged the new one
// (rollout.md §4.4).
#include <algorithm>
#include <map>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

constexpr Millis kSlack{1'250};  // a second, and a quarter for the way to the server
constexpr std::string_view kDelay = "the delay of ReplicaSet ";
constexpr Seconds kPlanTakes{1};  // from a decision to its last write, at the slowest network

class RestartsKeepDeadlines final : public Checker {
 public:
  RestartsKeepDeadlines() : Checker("V5") {}
  void changed(const Seen& seen) override {
    if (seen.rollout.before && seen.rollout.now)
      rollout_changed(seen, *seen.rollout.before, *seen.rollout.now);
    if (seen.replica_set.set()) set_changed(seen);
  }
  void instant(WallTime wall, MonoTime mono) override {
    // What the clock said in this instant before somebody set it counts for what was decided then.
    const WallTime unset = wall_at_zero_ + mono.time_since_epoch();
    wall_at_zero_ = wall - mono.time_since_epoch();
    if (judges_the_switch()) judged_until_ = mono;
    for (auto& [what, due] : due_) {
      if (std::max(wall, unset) >= due.wall) due.said = mono;
      // A clock set back puts the moment ahead again: by its own record the wait goes on.
      if (wall < due.wall) due.over.reset();
      // The moment lies between the last instant and this one.
      if (wall >= due.wall && !due.over) due.over = std::max(last_, mono - (wall - due.wall));
      if (!due.over || due.told) continue;
      MonoTime from = std::max({due.mono, *due.over, view().disturbed_until, view().leader_since});
      if (what.starts_with(kDelay)) from = std::max(from, judged_until_);
      if (mono <= from + kSlack) continue;
      due.told = true;
      report(what + " is over since " + format_rfc3339(due.wall) + ", but nothing happens", wall);
    }
    last_ = mono;
  }

 private:
  struct Due {
    WallTime wall{};
    MonoTime mono{};
    std::optional<MonoTime> over;  // when the wall clock first said so
    std::optional<MonoTime> said;  // and when it last did
    bool told = false;
  };

  void rollout_changed(const Seen& seen, const RolloutFacts& before, const RolloutFacts& now) {
    const bool same_step = before.step_index == now.step_index &&
                           before.current_hash == now.current_hash && before.abort == now.abort;
    for (const char* reason : {"CanaryPauseStep", "BlueGreenPause"}) {
      const Pause* was = before.pause(reason);
      const Pause* is = now.pause(reason);
      if (was && is && same_step && was->start != is->start)
        report(seen, "the pause that began at " + format_rfc3339(was->start) +
                         " now claims to have begun at " + format_rfc3339(is->start));
      if (was && (!is || !same_step)) due_.erase(reason);
      if (is && (!was || !same_step))
        if (const auto seconds = length(now, *is))
          begin(seen, reason, is->start + Seconds(*seconds));
    }
  }
  void set_changed(const Seen& seen) {
    const auto& before = seen.replica_set.before;
    const auto& now = seen.replica_set.now;
    const std::string what = std::string(kDelay) + (now ? *now : *before).name;
    const auto was = before && before->wanted > 0 ? before->deadline : std::nullopt;
    const auto is = now && now->wanted > 0 ? now->deadline : std::nullopt;
    if (was && is && *was != *is && seen.actor.controller())
      report(seen, what + " moves from " + format_rfc3339(*was) + " to " + format_rfc3339(*is));
    const bool to_nothing = was && before->wanted > 0 && (!now || now->wanted == 0);
    const auto due = due_.find(what);
    const bool decided =
        due != due_.end() && due->second.said && seen.mono - *due->second.said <= kPlanTakes;
    if (to_nothing && !decided && seen.actor.controller() && seen.wall + Seconds(1) < *was)
      report(seen, what + " until " + format_rfc3339(*was) + " is cut short");
    if (was && !is) due_.erase(what);
    if (is && was != is) begin(seen, what, *is);
  }
  void begin(const Seen& seen, const std::string& what, WallTime end) {
    due_[what] = {end, seen.mono + (end - seen.wall), std::nullopt, std::nullopt, false};
  }
  // The versions before stay where they are meanwhile.
  [[nodiscard]] bool judges_the_switch() const {
    if (!view().rollout) return false;
    const RolloutFacts& rollout = *view().rollout;
    if (!rollout.blue_green || !rollout.post_promotion || rollout.abort) return false;
    const auto active = view().services.find(rollout.active_service);
    return active != view().services.end() && active->second.hash == rollout.current_hash &&
           rollout.current_hash != rollout.stable_hash;
  }
  static std::optional<std::int64_t> length(const RolloutFacts& rollout, const Pause& pause) {
    if (pause.reason == "BlueGreenPause")
      return rollout.auto_promotion_seconds > 0 ? std::optional(rollout.auto_promotion_seconds)
                                                : std::nullopt;
    const auto index = static_cast<std::size_t>(rollout.step_index.value_or(0));
    return index < rollout.steps.size() ? rollout.steps[index].seconds : std::nullopt;
  }
  std::map<std::string, Due> due_;  // by what ends then
  MonoTime last_{};                 // the instant before
  MonoTime judged_until_{};         // when an analysis last judged a switch
  WallTime wall_at_zero_{};         // of the monotonic clock, as both stood then
};

}  // namespace

std::unique_ptr<Checker> restarts_keep_deadlines() {
  return std::make_unique<RestartsKeepDeadlines>();
}

}  // namespace sluice::sim::check
