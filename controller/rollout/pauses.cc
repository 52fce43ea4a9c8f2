#include "controller/rollout/pauses.h"

#include <algorithm>
#include <limits>

#include "controller/rollout/replicas.h"

namespace sluice::rollout {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

void add_once(std::vector<std::string>& list, std::string_view item) {
  if (!contains(list, item)) list.emplace_back(item);
}

bool auto_promotion(const api::BlueGreenStrategy& strategy) {
  return strategy.auto_promotion_enabled.value_or(true);
}

bool expired(const api::PauseCondition& condition, std::int64_t seconds, WallTime now) {
  return now >= pause_end(condition.start_time, seconds);
}

std::vector<api::PauseCondition> merged(const api::RolloutStatus& stored,
                                        const PauseChanges& changes, WallTime now) {
  std::vector<api::PauseCondition> out;
  const auto present = [&](std::string_view reason) {
    return std::any_of(out.begin(), out.end(),
                       [&](const auto& item) { return item.reason == reason; });
  };
  for (const auto& item : stored.pause_conditions) {
    if (!contains(changes.removed, item.reason)) out.push_back(item);
  }
  for (const auto& reason : changes.added) {
    if (!present(reason)) out.push_back({reason, truncate_to_seconds(now)});
  }
  return out;
}

}  // namespace

const api::PauseCondition* find_pause(const api::RolloutStatus& status, std::string_view reason) {
  for (const auto& item : status.pause_conditions) {
    if (item.reason == reason) return &item;
  }
  return nullptr;
}

bool human_resumed(const api::RolloutStatus& status) {
  return status.controller_pause && status.pause_conditions.empty();
}

void PauseChanges::add(std::string_view reason) {
  add_once(added, reason);
}
void PauseChanges::remove(std::string_view reason) {
  add_once(removed, reason);
}

void PauseChanges::abort(std::string message) {
  if (add_abort) return;
  add_abort = true;
  remove_abort = false;
  abort_message = std::move(message);
}

void PauseChanges::drop_abort() {
  remove_abort = true;
  add_abort = false;
  abort_message.clear();
}

bool PauseChanges::has_added(std::string_view reason) const {
  return contains(added, reason);
}

bool is_aborted(const api::RolloutStatus& stored, const PauseChanges& changes) {
  return !changes.remove_abort && (stored.abort || changes.add_abort);
}

void apply_pauses(api::RolloutStatus& next, const api::RolloutStatus& stored,
                  const PauseChanges& changes, WallTime now) {
  next.abort = is_aborted(stored, changes);
  next.aborted_at.reset();
  next.pause_conditions.clear();
  next.controller_pause = false;
  if (next.abort) {
    next.aborted_at = stored.aborted_at.value_or(truncate_to_seconds(now));
    return;
  }
  if (changes.clear) return;
  next.pause_conditions = merged(stored, changes, now);
  // An empty list drops the marker: "a human resumed" lives for exactly one full pass.
  if (next.pause_conditions.empty()) return;
  const bool fresh =
      std::any_of(changes.added.begin(), changes.added.end(), [&](const auto& reason) {
        const auto* old = find_pause(stored, reason);
        return old == nullptr || contains(changes.removed, reason);
      });
  next.controller_pause = stored.controller_pause || fresh;
}

Halt halt_reason(const api::RolloutSpec& spec, const api::RolloutStatus& stored) {
  if (spec.paused) return Halt::UserPaused;
  if (find_pause(stored, pause::kInconclusiveRun) != nullptr) return Halt::InconclusiveAnalysis;
  return Halt::None;
}

std::string_view to_string(Halt halt) {
  switch (halt) {
    case Halt::None:
      return "";
    case Halt::UserPaused:
      return "user paused";
    case Halt::InconclusiveAnalysis:
      return "inconclusive analysis";
  }
  return "";
}

bool sizing_halted(const api::RolloutSpec& spec, const api::RolloutStatus& stored) {
  if (find_pause(stored, pause::kInconclusiveRun) != nullptr) return true;
  return spec.paused && !stored.promote_full;
}

WallTime pause_end(WallTime start, std::int64_t seconds) {
  // ~3,170 years: far enough, and no overflow in microseconds.
  const std::int64_t bounded = std::clamp<std::int64_t>(seconds, 0, 100'000'000'000);
  return start + Seconds{bounded} + Micros{1};
}

bool canary_pause_complete(const api::PauseStep& step, const api::RolloutStatus& stored,
                           WallTime now) {
  const auto* condition = find_pause(stored, pause::kCanaryStep);
  if (condition == nullptr) return stored.controller_pause;
  const auto seconds = step.seconds();
  return seconds && *seconds >= 0 && expired(*condition, *seconds, now);
}

PauseDecision canary_pause(const api::PauseStep& step, const api::RolloutSpec& spec,
                           const api::RolloutStatus& stored, WallTime now, Seconds resync) {
  PauseDecision out;
  if (spec.paused || stored.promote_full) return out;
  const auto* condition = find_pause(stored, pause::kCanaryStep);
  if (condition == nullptr && stored.controller_pause) return out;  // resumed: completion follows
  out.add = condition == nullptr;
  const auto seconds = step.seconds();
  if (!seconds || *seconds < 0) return out;
  const WallTime start = condition != nullptr ? condition->start_time : truncate_to_seconds(now);
  out.wake_at = wake_before_resync(pause_end(start, *seconds), now, resync);
  return out;
}

bool blue_green_pause_complete(const BlueGreenPauseInput& in, WallTime now) {
  const api::BlueGreenStrategy& strategy = *in.spec->blue_green;
  if (in.added_now) return false;
  if (in.stored->blue_green.scale_up_preview_check_point) return true;
  const auto* condition = find_pause(*in.stored, pause::kBlueGreen);
  if (condition == nullptr && in.stored->controller_pause) return true;
  if (!auto_promotion(strategy)) return false;
  if (strategy.auto_promotion_seconds <= 0) return true;
  return condition != nullptr && expired(*condition, strategy.auto_promotion_seconds, now);
}

PauseDecision blue_green_pause(const BlueGreenPauseInput& in, WallTime now, Seconds resync) {
  const api::BlueGreenStrategy& strategy = *in.spec->blue_green;
  PauseDecision out;
  if (in.stored->abort || !in.ready || halt_reason(*in.spec, *in.stored) != Halt::None) return out;
  const bool no_pause = auto_promotion(strategy) && strategy.auto_promotion_seconds <= 0;
  if (in.fast_tracked || in.stored->blue_green.scale_up_preview_check_point || no_pause) {
    out.remove = true;
    return out;
  }
  if (!in.pre_promotion_passed) return out;
  const auto* condition = find_pause(*in.stored, pause::kBlueGreen);
  if (condition == nullptr) {
    out.add = !in.stored->controller_pause;
    if (!out.add) return out;
  } else if (blue_green_pause_complete(in, now)) {
    out.remove = true;
    return out;
  }
  // With auto promotion off the timer only wakes the pass; it never promotes.
  if (strategy.auto_promotion_seconds > 0) {
    const WallTime start = condition != nullptr ? condition->start_time : truncate_to_seconds(now);
    out.wake_at =
        wake_before_resync(pause_end(start, strategy.auto_promotion_seconds), now, resync);
  }
  return out;
}

bool preview_check_point(const BlueGreenPauseInput& in, std::int32_t new_rs_available, bool reset,
                         WallTime now) {
  const auto& preview = in.spec->blue_green->preview_replica_count;
  if (reset || !preview) return false;
  if (in.stored->blue_green.scale_up_preview_check_point) return true;
  // At least: a process that died between the growth and its record left more pods, and the
  // approval of a person that must not be asked for twice.
  return in.pre_promotion_passed && blue_green_pause_complete(in, now) &&
         new_rs_available >= *preview;
}

}  // namespace sluice::rollout
