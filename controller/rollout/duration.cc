#include "controller/rollout/duration.h"

#include <algorithm>

#include "controller/rollout/conditions.h"
#include "controller/rollout/pauses.h"
#include "controller/rollout/replicas.h"

namespace sluice::rollout {
namespace {

bool running(const std::optional<api::RolloutDuration>& duration) {
  return duration && duration->rollout_started_at && !duration->finished_at;
}

void end_manual_pause(api::RolloutDuration& duration, WallTime at) {
  if (!duration.manual_pause_started_at) return;
  const auto seconds = std::chrono::floor<Seconds>(at - *duration.manual_pause_started_at).count();
  duration.total_manual_pause_seconds =
      duration.total_manual_pause_seconds.value_or(0) + std::max<std::int64_t>(0, seconds);
  duration.manual_pause_started_at.reset();
}

void finish(api::RolloutDuration& duration, std::string_view fallback_status, WallTime at) {
  end_manual_pause(duration, at);
  duration.finished_at = at;
  if (duration.completion_status.empty()) duration.completion_status = fallback_status;
}

bool promoted_and_available(const DurationInput& in) {
  return in.next->stable_rs == in.next->current_pod_hash && in.new_rs_available;
}

bool starts_anew(const DurationInput& in, const api::RolloutStatus& stored) {
  if (running(stored.duration)) return false;
  if (in.spec_changed) return !promoted_and_available(in);
  // A retry: the attempt ended with the abort, and the abort is gone.
  return stored.duration && stored.duration->finished_at && !in.aborted &&
         condition_reason(stored.conditions, condition::kProgressing) == reason::kAborted;
}

bool waits_on_step(const api::RolloutSpec& spec, const api::RolloutStatus& status) {
  if (!spec.canary || find_pause(status, pause::kCanaryStep) == nullptr) return false;
  const api::Step* step = current_step_of(*spec.canary, status.current_step_index);
  return step != nullptr && step->pause && !step->pause->duration;
}

}  // namespace

bool manual_pause(const api::RolloutSpec& spec, const api::RolloutStatus& status) {
  if (spec.paused) return true;
  if (find_pause(status, pause::kInconclusiveRun) != nullptr) return true;
  if (find_pause(status, pause::kInconclusiveExperiment) != nullptr) return true;
  if (waits_on_step(spec, status)) return true;
  return spec.blue_green && !spec.blue_green->auto_promotion_enabled.value_or(true) &&
         find_pause(status, pause::kBlueGreen) != nullptr;
}

DurationResult next_duration(const DurationInput& in, WallTime now) {
  const api::RolloutStatus& stored = in.rollout->status;
  DurationResult out{stored.duration, std::nullopt};
  if (find_condition(in.next->conditions, condition::kInvalidSpec) != nullptr) return out;
  const WallTime at = truncate_to_seconds(now);
  const api::RolloutDuration fresh{at, std::nullopt, std::nullopt, std::nullopt, ""};

  if (starts_anew(in, stored)) {
    out.duration = fresh;
  } else if (running(out.duration) && in.spec_changed) {
    if (in.rollback) {
      out.duration->completion_status = in.fast_rollback ? "FastRolledBack" : "RolledBack";
    } else {
      out.duration->completion_status.clear();
      finish(*out.duration, "Superseded", at);
      out.ended = std::exchange(out.duration, fresh);
    }
  }
  if (!running(out.duration)) return out;

  api::RolloutDuration& duration = *out.duration;
  if (in.promoted_now && duration.completion_status.empty()) {
    duration.completion_status = in.promoted_by_full ? "FastPromoted" : "Promoted";
  }
  if (in.aborted) {
    finish(duration, "Aborted", at);
  } else if (promoted_and_available(in)) {
    finish(duration, "Promoted", at);
  } else if (!manual_pause(in.rollout->spec, *in.next)) {
    end_manual_pause(duration, at);
  } else if (!duration.manual_pause_started_at) {
    duration.manual_pause_started_at = at;
  }
  if (duration.finished_at) out.ended = duration;
  return out;
}

}  // namespace sluice::rollout
