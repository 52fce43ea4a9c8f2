#include "controller/rollout/conditions.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "controller/rollout/replicas.h"

namespace sluice::rollout {
namespace {

bool fully_promoted(const api::RolloutStatus& status) {
  return status.stable_rs == status.current_pod_hash;
}

bool has_delaying_step(const api::RolloutSpec& spec, const api::RolloutStatus& stored) {
  if (!spec.canary) return false;
  const api::Step* step = current_step_of(*spec.canary, stored.current_step_index);
  return step != nullptr && (step->experiment || step->analysis || step->pause);
}

bool blue_green_healthy(const api::BlueGreenStrategy& strategy, const api::RolloutStatus& next) {
  if (next.blue_green.active_selector != next.current_pod_hash) return false;
  return strategy.preview_service.empty() ||
         next.blue_green.preview_selector == next.current_pod_hash;
}

bool canary_healthy(const api::CanaryStrategy& strategy, const api::RolloutStatus& next,
                    std::int32_t replicas) {
  const bool steps_done =
      strategy.steps.empty() || !next.current_step_index ||
      static_cast<std::size_t>(std::max(*next.current_step_index, 0)) == strategy.steps.size();
  return steps_done && stable_is_current(next) && next.replicas == replicas;
}

bool user_sees_pause(const api::RolloutSpec& spec, const api::RolloutStatus& status) {
  return spec.paused || !status.pause_conditions.empty();
}

std::string subject(std::string_view new_rs_name, std::string_view rollout_name) {
  return new_rs_name.empty() ? fmt::format("Rollout \"{}\"", rollout_name)
                             : fmt::format("ReplicaSet \"{}\"", new_rs_name);
}

// The rewrite that feeds the deadline clock: always a fresh lastUpdateTime.
void rewrite_progressing(Conditions& list, kube::Condition fresh, WallTime now) {
  fresh.last_update_time = fresh.last_transition_time = truncate_to_seconds(now);
  if (const auto* old = find_condition(list, condition::kProgressing);
      old != nullptr && old->status == "True") {
    fresh.last_transition_time = old->last_transition_time;
  }
  remove_condition(list, condition::kProgressing);
  list.push_back(std::move(fresh));
}

bool update_healthy(api::RolloutStatus& next, const api::Rollout& rollout, WallTime now) {
  const auto text = [](bool healthy) {
    return healthy ? "Rollout is healthy" : "Rollout is not healthy";
  };
  const bool healthy = !user_sees_pause(rollout.spec, next) && is_healthy(rollout, next);
  // It is never created as False.
  if (!healthy && find_condition(next.conditions, condition::kHealthy) == nullptr) return false;
  const bool changed = set_condition(next.conditions,
                                     make_condition(condition::kHealthy, healthy ? "True" : "False",
                                                    reason::kHealthy, text(healthy)),
                                     now);
  return changed && !healthy;
}

void update_progressing(api::RolloutStatus& next, const ConditionInput& in,
                        ConditionChanges& changes, WallTime now) {
  const api::Rollout& rollout = *in.deadline.rollout;
  if (in.deadline.aborted) {
    changes.abort_text = fmt::format("Rollout aborted update to revision {}", in.revision);
    if (!in.abort_message.empty()) changes.abort_text += ": " + in.abort_message;
    changes.aborted = set_condition(
        next.conditions,
        make_condition(condition::kProgressing, "False", reason::kAborted, changes.abort_text),
        now);
    return;
  }
  if (is_healthy(rollout, next)) {
    set_condition(next.conditions,
                  make_condition(condition::kProgressing, "True", reason::kNewReplicaSetAvailable,
                                 fmt::format("ReplicaSet \"{}\" has successfully progressed.",
                                             in.new_rs_name)),
                  now);
    return;
  }
  const bool lost_pods =
      changes.became_unhealthy && fully_promoted(rollout.status) && fully_promoted(next);
  if (changes.progressed || changes.became_unhealthy) {
    rewrite_progressing(
        next.conditions,
        lost_pods
            ? make_condition(condition::kProgressing, "True", reason::kReplicaSetNotAvailable,
                             "Rollout does not have minimum availability")
            : make_condition(condition::kProgressing, "True", reason::kReplicaSetUpdated,
                             subject(in.new_rs_name, rollout.meta.key.name) + " is progressing."),
        now);
    return;
  }
  if (deadline_exempt(in.deadline) || !timed_out(rollout, next.conditions, now)) return;
  changes.timed_out = set_condition(
      next.conditions,
      make_condition(condition::kProgressing, "False", reason::kProgressDeadlineExceeded,
                     timed_out_text(in.new_rs_name, rollout.meta.key.name)),
      now);
}

void update_failure(Conditions& list, const std::optional<kube::Condition>& failure, WallTime now) {
  if (failure) {
    kube::Condition shown = *failure;  // of the ReplicaSet: what some webhook or quota said
    shown.message = printable(shown.message);
    set_condition(list, std::move(shown), now);
  } else {
    remove_condition(list, condition::kReplicaFailure);
  }
}

}  // namespace

bool stable_is_current(const api::RolloutStatus& status) {
  return !status.stable_rs.empty() && fully_promoted(status);
}

const kube::Condition* find_condition(const Conditions& list, std::string_view type) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.type == type; });
  return found == list.end() ? nullptr : &*found;
}

bool condition_is(const Conditions& list, std::string_view type, std::string_view status) {
  const auto* item = find_condition(list, type);
  return item != nullptr && item->status == status;
}

std::string condition_reason(const Conditions& list, std::string_view type) {
  const auto* item = find_condition(list, type);
  return item == nullptr ? "" : item->reason;
}

kube::Condition make_condition(std::string_view type, std::string_view status,
                               std::string_view reason, std::string_view message) {
  return {std::string(type),  std::string(status), std::string(reason),
          printable(message), std::nullopt,        std::nullopt};
}

bool set_condition(Conditions& list, kube::Condition condition, WallTime now) {
  const auto* old = find_condition(list, condition.type);
  if (old != nullptr && old->status == condition.status && old->reason == condition.reason)
    return false;
  const WallTime at = truncate_to_seconds(now);
  condition.last_update_time = at;
  condition.last_transition_time = at;
  if (old != nullptr && old->status == condition.status)
    condition.last_transition_time = old->last_transition_time;
  remove_condition(list, condition.type);
  list.push_back(std::move(condition));
  return true;
}

bool remove_condition(Conditions& list, std::string_view type) {
  const std::string wanted(type);  // the view may point into the list
  return std::erase_if(list, [&](const auto& item) { return item.type == wanted; }) > 0;
}

bool set_invalid_spec(Conditions& list, std::string_view rollout_name, std::string_view error,
                      WallTime now) {
  std::string message =
      printable(fmt::format("The Rollout \"{}\" is invalid: {}", rollout_name, error));
  const auto* old = find_condition(list, condition::kInvalidSpec);
  if (old != nullptr && old->message != message) remove_condition(list, condition::kInvalidSpec);
  return set_condition(
      list,
      make_condition(condition::kInvalidSpec, "True", reason::kInvalidSpec, std::move(message)),
      now);
}

kube::Condition progressing_created(std::string_view replica_set) {
  return make_condition(condition::kProgressing, "True", reason::kNewReplicaSetCreated,
                        fmt::format("Created new replica set \"{}\"", replica_set));
}
kube::Condition progressing_found(std::string_view replica_set) {
  return make_condition(condition::kProgressing, "True", reason::kFoundNewReplicaSet,
                        fmt::format("Found new replica set \"{}\"", replica_set));
}
kube::Condition progressing_create_error(std::string_view replica_set, std::string_view error) {
  return make_condition(
      condition::kProgressing, "False", reason::kReplicaSetCreateError,
      fmt::format("Failed to create new replica set \"{}\": {}", replica_set, error));
}
kube::Condition progressing_paused() {
  return make_condition(condition::kProgressing, "Unknown", reason::kPaused, "Rollout is paused");
}
kube::Condition progressing_resumed() {
  return make_condition(condition::kProgressing, "Unknown", reason::kResumed, "Rollout is resumed");
}
kube::Condition progressing_retry() {
  return make_condition(condition::kProgressing, "Unknown", reason::kRetry,
                        "Retrying Rollout after abort");
}
kube::Condition paused_condition(bool paused) {
  return make_condition(condition::kPaused, paused ? "True" : "False", reason::kPaused,
                        "Rollout is paused");
}

bool precheck_conditions(Conditions& list, const api::RolloutSpec& spec,
                         const api::RolloutStatus& stored, WallTime now) {
  const bool paused = user_sees_pause(spec, stored);
  const std::string why = condition_reason(stored.conditions, condition::kProgressing);
  const bool aborted = why == reason::kAborted;
  bool changed = false;
  if (paused != (why == reason::kPaused) && !aborted && !fully_promoted(stored)) {
    changed |= set_condition(list, paused ? progressing_paused() : progressing_resumed(), now);
  }
  if (aborted && !stored.abort) changed |= set_condition(list, progressing_retry(), now);
  if (paused != condition_is(stored.conditions, condition::kPaused, "True") && !aborted) {
    changed |= set_condition(list, paused_condition(paused), now);
  }
  return changed;
}

bool is_healthy(const api::Rollout& rollout, const api::RolloutStatus& next) {
  const std::int32_t replicas = rollout.spec.replicas_or_default();
  if (next.updated_replicas != replicas || next.available_replicas != replicas) return false;
  if (rollout.status.observed_generation != std::to_string(rollout.meta.generation)) return false;
  if (rollout.spec.blue_green && !blue_green_healthy(*rollout.spec.blue_green, next)) return false;
  return !rollout.spec.canary || canary_healthy(*rollout.spec.canary, next, replicas);
}

bool progress_made(const api::RolloutSpec& spec, const api::RolloutStatus& stored,
                   const api::RolloutStatus& next) {
  if (next.updated_replicas != stored.updated_replicas) return true;
  const auto old_pods = [](const api::RolloutStatus& s) {
    return std::int64_t{s.replicas} - s.updated_replicas;
  };
  if (old_pods(next) < old_pods(stored)) return true;
  if (next.ready_replicas > stored.ready_replicas ||
      next.available_replicas > stored.available_replicas)
    return true;
  if (spec.canary) {
    const bool moved = next.current_step_index && stored.current_step_index &&
                       *next.current_step_index != *stored.current_step_index;
    return moved || next.stable_rs != stored.stable_rs ||
           next.current_step_hash != stored.current_step_hash;
  }
  if (spec.blue_green) {
    return next.blue_green.active_selector != stored.blue_green.active_selector ||
           next.blue_green.preview_selector != stored.blue_green.preview_selector;
  }
  return false;
}

bool deadline_exempt(const DeadlineInput& in) {
  const Conditions& list = in.next->conditions;
  const std::string why = condition_reason(list, condition::kProgressing);
  if (find_condition(list, condition::kProgressing) == nullptr) return true;
  if (why == reason::kAborted || why == reason::kPaused) return true;
  if (!in.gate_blocked && has_delaying_step(in.rollout->spec, in.rollout->status)) return true;
  if (condition_is(list, condition::kPaused, "True") || in.others_delayed || in.aborted)
    return true;
  return progress_made(in.rollout->spec, in.rollout->status, *in.next);
}

bool timed_out(const api::Rollout& rollout, const Conditions& conditions, WallTime now) {
  const auto* progressing = find_condition(conditions, condition::kProgressing);
  if (progressing == nullptr) return false;
  if (progressing->reason == reason::kProgressDeadlineExceeded) return true;
  if (!progressing->last_update_time) return false;
  return now > *progressing->last_update_time +
                   Seconds{rollout.spec.progress_deadline_seconds.value_or(600)};
}

std::optional<std::string> deadline_abort(const DeadlineInput& in, std::string_view new_rs_name,
                                          WallTime now) {
  const api::Rollout& rollout = *in.rollout;
  if (!rollout.spec.progress_deadline_abort || in.aborted || fully_promoted(*in.next))
    return std::nullopt;
  if (deadline_exempt(in) || !timed_out(rollout, rollout.status.conditions, now))
    return std::nullopt;
  return timed_out_text(new_rs_name, rollout.meta.key.name);
}

std::optional<WallTime> deadline_wake_up(const DeadlineInput& in, WallTime now) {
  const api::Rollout& rollout = *in.rollout;
  if (is_healthy(rollout, *in.next) || user_sees_pause(rollout.spec, *in.next)) return std::nullopt;
  if (deadline_exempt(in) || timed_out(rollout, in.next->conditions, now)) return std::nullopt;
  const auto* progressing = find_condition(in.next->conditions, condition::kProgressing);
  if (progressing == nullptr || !progressing->last_update_time) return std::nullopt;
  return *progressing->last_update_time +
         Seconds{rollout.spec.progress_deadline_seconds.value_or(600)} + Seconds{1};
}

std::optional<kube::Condition> find_replica_failure(
    const kube::ReplicaSet* new_rs, const std::vector<const kube::ReplicaSet*>& all) {
  std::vector<const kube::ReplicaSet*> order{new_rs};
  order.insert(order.end(), all.begin(), all.end());
  for (const kube::ReplicaSet* set : order) {
    if (set == nullptr) continue;
    if (const auto* found = find_condition(set->conditions, condition::kReplicaFailure);
        found != nullptr) {
      kube::Condition copy = *found;
      copy.last_update_time = copy.last_transition_time;
      return copy;
    }
  }
  return std::nullopt;
}

ConditionChanges update_conditions(api::RolloutStatus& next, const ConditionInput& in,
                                   WallTime now) {
  const api::Rollout& rollout = *in.deadline.rollout;
  ConditionChanges changes;
  changes.progressed = progress_made(rollout.spec, rollout.status, next);
  changes.became_unhealthy = update_healthy(next, rollout, now);
  update_progressing(next, in, changes, now);
  set_condition(
      next.conditions,
      make_condition(condition::kAvailable, in.available ? "True" : "False", reason::kAvailable,
                     in.available ? "Rollout has minimum availability"
                                  : "Rollout does not have minimum availability"),
      now);
  update_failure(next.conditions, in.replica_failure, now);
  const bool completed = stable_is_current(next);
  const bool turned =
      set_condition(next.conditions,
                    make_condition(condition::kCompleted, completed ? "True" : "False",
                                   reason::kCompleted, "RolloutCompleted"),
                    now);
  changes.not_completed = turned && !completed;
  return changes;
}

std::string timed_out_text(std::string_view new_rs_name, std::string_view rollout_name) {
  return subject(new_rs_name, rollout_name) + " has timed out progressing.";
}

}  // namespace sluice::rollout
