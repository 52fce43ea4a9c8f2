#include "controller/rollout/status.h"

#include <algorithm>

#include "api/keys.h"
#include "api/template_hash.h"
#include "controller/rollout/conditions.h"
#include "controller/rollout/duration.h"
#include "controller/rollout/phase.h"
#include "controller/rollout/routes.h"
#include "controller/rollout/runs.h"
#include "controller/rollout/services.h"
#include "controller/rollout/traffic_stage.h"
#include "controller/rollout/weights.h"

namespace sluice::rollout {
namespace {

std::int32_t step_count(const api::RolloutSpec& spec) {
  return spec.canary ? static_cast<std::int32_t>(spec.canary->steps.size()) : 0;
}

// What the reference never persists from one status to the next unless a stage says so again.
void reset_update(Draft& draft) {
  auto& next = draft.next;
  draft.changes.clear = true;
  draft.changes.drop_abort();
  next.promote_full = false;
  next.canary.step_run.reset();
  next.canary.background_run.reset();
  next.canary.current_experiment.clear();
  next.blue_green.pre_promotion_run.reset();
  next.blue_green.post_promotion_run.reset();
  next.blue_green.scale_up_preview_check_point = false;
  next.current_step_index.reset();
}

void promote(Draft& draft, const std::string& reason) {
  auto& next = draft.next;
  draft.changes.clear = true;
  draft.changes.drop_abort();
  draft.promoted_by_full = draft.stored.promote_full;
  next.promote_full = false;
  next.blue_green.scale_up_preview_check_point = false;
  next.current_step_index.reset();
  if (const auto steps = step_count(draft.spec()); steps > 0) next.current_step_index = steps;
  if (next.stable_rs == next.current_pod_hash) return;
  draft.promoted = true;
  next.stable_rs = next.current_pod_hash;
  const auto revision = get_or(draft.rollout().meta.annotations, api::kRevisionAnnotation);
  draft.event("RolloutCompleted",
              "Rollout completed update to revision " + revision + " (" + next.current_pod_hash +
                  "): " + reason,
              false, true);
  draft.why(Why::Promoted, reason);
}

// Old pods wait for their deadline, or are just leaving behind it: the update is not what takes so
// long.
bool any_delayed(const std::vector<kube::ReplicaSet*>& sets) {
  return std::any_of(sets.begin(), sets.end(), [](const auto* set) {
    return deadline_of(*set).has_value() || set->status_replicas > set->replicas;
  });
}

bool minimum_available(const Draft& draft) {
  if (draft.spec().blue_green) return is_saturated(draft, active_set(draft));
  std::int64_t sum = 0;
  for (const auto& set : draft.world.sets) sum += set.available_replicas;
  return sum >= draft.replicas();
}

void update_duration(Draft& draft) {
  DurationInput in;
  in.rollout = &draft.world.rollout;
  in.next = &draft.next;
  in.spec_changed = draft.spec_changed || draft.stored.current_pod_hash.empty();
  in.rollback = draft.rollback();
  in.fast_rollback = draft.fast_rollback();
  in.new_rs_available = draft.new_rs && draft.available(draft.new_rs) >= draft.replicas();
  in.aborted = draft.aborted();
  in.promoted_now = draft.promoted;
  in.promoted_by_full = draft.promoted_by_full;
  auto next = next_duration(in, draft.now).duration;
  const auto& before = draft.stored.duration;
  const bool begun =
      next && next->rollout_started_at && !next->finished_at &&
      (!before || before->finished_at || before->rollout_started_at != next->rollout_started_at);
  draft.next.duration = next;
  if (!begun) return;
  const auto earlier = before ? before->rollout_started_at : std::nullopt;
  draft.next.duration->rollout_started_at =
      attempt_start(draft.world, draft.next, earlier, draft.now);
}

void update_phase(Draft& draft) {
  const auto phase = controller_phase(draft.spec(), draft.next, draft.now);
  draft.next.phase = phase.phase;
  draft.next.message = phase.message;
}

DeadlineInput deadline_input(const Draft& draft) {
  return {&draft.world.rollout, &draft.next, draft.aborted(), any_delayed(draft.others),
          draft.gate_blocked};
}

std::string text_of(const std::vector<Block>& blocks) {
  std::string out;
  for (const auto& block : blocks) out += (out.empty() ? "" : "; ") + block.text;
  return out;
}

// What the pass could not do stands in the status for as long as that is so, and is told once.
void tell_of_blocks(Draft& draft) {
  auto& list = draft.next.conditions;
  const auto* found = find_condition(list, condition::kReconciliationError);
  const auto text = text_of(draft.blocks);
  if (text.empty()) {
    // Only a pass that has tried everything can say that it is over.
    const bool whole = !draft.spec_changed && !draft.scaling_only && !draft.cut_for_verdict;
    if (whole) remove_condition(list, condition::kReconciliationError);
    return;
  }
  const auto before = found ? found->message : std::string();
  if (before == text) return;
  for (const auto& block : draft.blocks)
    if (before.find(block.text) == std::string::npos)
      draft.event(block.reason, event_text(block), true, true);
  const auto since = found ? found->last_transition_time : std::nullopt;
  remove_condition(list, condition::kReconciliationError);
  set_condition(list,
                make_condition(condition::kReconciliationError, "True",
                               draft.blocks.front().reason, text),
                draft.now);
  if (since) list.back().last_transition_time = since;
}

// The reason that the update does not begin, on the clock of its deadline.
void tell_of_missing_set(Draft& draft) {
  auto& list = draft.next.conditions;
  const auto why = condition_reason(list, condition::kProgressing);
  if (!draft.new_is_missing() || why == reason::kAborted || why == reason::kPaused ||
      why == reason::kProgressDeadlineExceeded)
    return;
  for (const auto& block : draft.blocks) {
    if (block.reason != reason::kReplicaSetCreateError) continue;
    set_condition(list,
                  make_condition(condition::kProgressing, "False", reason::kReplicaSetCreateError,
                                 block.text),
                  draft.now);
    for (auto& item : list)
      if (item.type == condition::kProgressing) item.message = block.text;
  }
}

void pause_events(Draft& draft) {
  const bool was = !draft.stored.pause_conditions.empty() || draft.stored.controller_pause;
  const bool is = !draft.next.pause_conditions.empty();
  if (is && draft.stored.pause_conditions.empty()) {
    const auto& reason = draft.next.pause_conditions.front().reason;
    draft.event("RolloutPaused", "Rollout is paused (" + reason + ")", false, true);
    draft.why(Why::Paused, reason);
  }
  if (was && !is && !draft.next.abort && !draft.next.controller_pause) {
    draft.event("RolloutResumed", "Rollout is resumed", false, true);
    draft.why(Why::Resumed, "");
  }
}

// Everything but pauses and conditions of the new status (rollout.md §2.6.1, items 1–6).
void persist(Draft& draft) {
  auto& next = draft.next;
  draft.world.rollout.status = draft.stored;
  next.observed_generation = std::to_string(draft.rollout().meta.generation);
  next.workload_observed_generation.clear();
  const auto new_name = draft.new_rs ? draft.new_rs->meta.key.name : std::string();
  if (auto message = deadline_abort(deadline_input(draft), new_name, draft.now)) {
    if (!draft.blocks.empty()) *message += " " + text_of(draft.blocks);
    draft.changes.abort(*message);
    draft.event("RolloutAborted", *message, true, true);
  }
  apply_pauses(next, draft.stored, draft.changes, draft.now);
  // The marker of a resume must live until a pass has been able to act on it.
  const bool unheard = draft.scaling_only || draft.blocked();
  if (unheard && !draft.changes.clear && !next.abort && next.pause_conditions.empty())
    next.controller_pause = draft.stored.controller_pause;
  ConditionInput in;
  in.deadline = deadline_input(draft);
  in.new_rs_name = new_name;
  in.revision = get_or(draft.new_is_missing() ? draft.new_rs->meta.annotations
                                              : draft.rollout().meta.annotations,
                       api::kRevisionAnnotation);
  in.abort_message = draft.changes.abort_message;
  in.available = minimum_available(draft);
  std::vector<const kube::ReplicaSet*> all;
  for (const auto& set : draft.world.sets) all.push_back(&set);
  in.replica_failure = find_replica_failure(draft.new_rs, all);
  const auto changed = update_conditions(next, in, draft.now);
  if (changed.aborted) {
    draft.event("RolloutAborted", changed.abort_text, true, true);
    draft.why(Why::Aborted, changed.abort_text);
  }
  if (changed.not_completed)
    draft.event("RolloutNotCompleted",
                "Rollout not completed, started update to revision " + in.revision + " (" +
                    next.current_pod_hash + ")",
                false, true);
  tell_of_missing_set(draft);
  tell_of_blocks(draft);
  update_phase(draft);
  pause_events(draft);
  update_duration(draft);
  draft.wake(deadline_wake_up(deadline_input(draft), draft.now));
}

bool step_complete(const Draft& draft, const api::Step& step) {
  if (draft.spec().paused) return false;
  const auto& weights = draft.next.canary.weights;
  if (step.pause) return canary_pause_complete(*step.pause, draft.stored, draft.now);
  if (step.set_canary_scale)
    return canary_at_desired(draft, weights) &&
           (!step.set_weight || carries_weight(draft, *step.set_weight));
  if (step.set_weight)
    return canary_at_desired(draft, weights) && carries_weight(draft, *step.set_weight) &&
           !(weights && weights->verified && !*weights->verified);
  if (step.analysis) {
    if (!step.analysis->configured()) return true;  // nothing to wait for
    const auto* run = run_of(draft.world, draft.next.canary.step_run);
    return run && run->status.phase == api::AnalysisPhase::Successful;
  }
  // The routes of this step were set in this very pass.
  return step.set_header_route || step.set_mirror_route;
}

void advance_step(Draft& draft) {
  const auto& canary = *draft.spec().canary;
  const auto index = current_step(canary, draft.stored.current_step_index);
  if (!index || draft.blocked() || !step_complete(draft, canary.steps[*index])) return;
  const auto& step = canary.steps[*index];
  const auto number = std::to_string(*index + 1);
  draft.next.current_step_index = static_cast<std::int32_t>(*index + 1);
  draft.next.canary.step_run.reset();
  draft.changes.remove(pause::kCanaryStep);
  draft.event("RolloutStepCompleted",
              "Rollout step " + number + "/" + std::to_string(canary.steps.size()) +
                  " completed (" + step.text() + ")",
              false, true);
  draft.why(Why::StepCompleted, number + ": " + step.text());
}

// A pause condition whose step is not the current one: a client moved the index (rollout.md §5.3).
void drop_foreign_pause(Draft& draft) {
  if (!find_pause(draft.stored, pause::kCanaryStep)) return;
  const auto* step = current_step_of(*draft.spec().canary, draft.stored.current_step_index);
  if (!step || !step->pause) draft.changes.remove(pause::kCanaryStep);
}

void reset_canary_steps(Draft& draft) {
  reset_update(draft);
  auto& next = draft.next;
  const auto steps = step_count(draft.spec());
  if (steps > 0) next.current_step_index = 0;
  record_observed_weight(draft);
  draft.why(Why::StepsReset, "the template or the steps changed");
  if (steps == 0 || !draft.new_rs || draft.new_hash() != draft.stored.stable_rs) return;
  next.current_step_index = steps;
  draft.event("SkipSteps", "Rollback to stable ReplicaSets", false, true);
}

void sum_counts(const Draft& draft, api::RolloutStatus& next) {
  for (const auto& set : draft.world.sets) {
    next.replicas += set.status_replicas;
    next.ready_replicas += set.ready_replicas;
    next.available_replicas += set.available_replicas;
  }
  next.updated_replicas = draft.new_rs ? draft.new_rs->status_replicas : 0;
  next.hpa_replicas = next.replicas;
  next.selector = draft.spec().selector.text();
  if (!draft.spec().blue_green) return;
  const auto* active = active_set(draft);
  if (!active) return;
  next.ready_replicas = active->ready_replicas;
  next.available_replicas = active->available_replicas;
  next.hpa_replicas = active->status_replicas;
  next.selector = active->selector.text();
}

std::string step_hash(const Draft& draft) {
  if (!draft.spec().canary) return "";
  if (!steps_changed(draft)) return draft.stored.current_step_hash;
  const auto hashes = api::step_hashes(*draft.spec().canary);
  return hashes.empty() ? std::string() : hashes.front();
}

std::string blue_green_promote_reason(const Draft& draft) {
  const auto& next = draft.next;
  if (draft.new_is_missing()) return "";
  if (!draft.stable_rs || next.blue_green.active_selector.empty()) return "Initial deploy";
  if (next.blue_green.active_selector != next.current_pod_hash) return "";
  if (draft.stored.promote_full) return "Full promotion requested";
  if (draft.fast_rollback()) return "Fast rollback";
  if (draft.aborted()) return "";
  const auto& post = draft.spec().blue_green->post_promotion_analysis;
  if (post && post->configured()) {
    const auto* run = run_of(draft.world, next.blue_green.post_promotion_run);
    if (!run || run->status.phase != api::AnalysisPhase::Successful) return "";
  }
  return "Completed blue-green update";
}

}  // namespace

const api::AnalysisRun* run_of(const World& world, const std::optional<api::RunStatusRef>& ref) {
  if (!ref) return nullptr;
  for (const auto& run : world.runs)
    if (run->meta.key.name == ref->name && !run->meta.deleted_at) return run.get();
  return nullptr;
}

bool steps_changed(const Draft& draft) {
  if (!draft.spec().canary) return false;
  if (draft.stored.current_step_hash.empty()) return true;
  const auto hashes = api::step_hashes(*draft.spec().canary);
  return std::find(hashes.begin(), hashes.end(), draft.stored.current_step_hash) == hashes.end();
}

kube::ReplicaSet* active_set(const Draft& draft) {
  if (!draft.spec().blue_green) return nullptr;
  const auto hash = live_hash(draft.world, draft.spec().blue_green->active_service);
  if (hash.empty()) return nullptr;
  for (auto& set : draft.world.sets)
    if (hash_of(set) == hash) return &set;
  return nullptr;
}

bool is_saturated(const Draft& draft, const kube::ReplicaSet* set) {
  if (!set) return false;
  return saturated(pods_of(*set), get_or(set->meta.annotations, api::kDesiredReplicasAnnotation),
                   draft.replicas());
}

Counts canary_target(const Draft& draft, const std::optional<api::TrafficWeights>& weights) {
  const auto& canary = *draft.spec().canary;
  const auto state = canary_state(draft.rollout(), draft.new_rs, draft.stable_rs);
  if (canary.traffic_routing) {
    RoutedScale in;
    in.state = &state;
    in.weights = weights;
    // Users of another version are no reason for pods of this one.
    if (in.weights && of_another_version(*in.weights, draft.new_hash()))
      in.weights->canary.weight = 0;
    const bool needs_stable =
        !without_stable_pod(draft).empty() && draft.stable_rs && draft.stable_rs != draft.new_rs &&
        live_hash(draft.world, canary.stable_service) == draft.stable_hash();
    in.stable_floor = needs_stable ? 1 : 0;
    if (serves_replaced_canary(draft)) in.stable_floor = draft.replicas();
    return routed_scale(in);
  }
  BasicScale in;
  in.replicas = draft.replicas();
  in.weight = size_target(state).weight;
  in.max_weight = canary.max_weight();
  in.bounds = fenceposts(draft.spec());
  in.canary = pods_or_none(draft.new_rs);
  if (draft.stable_rs != draft.new_rs) in.stable = pods_or_none(draft.stable_rs);
  for (const auto* set : draft.others) in.others += set->replicas;
  return basic_scale(in);
}

bool canary_at_desired(const Draft& draft, const std::optional<api::TrafficWeights>& weights) {
  const auto& canary = *draft.spec().canary;
  AtDesired in;
  in.target = canary_target(draft, weights);
  in.canary = pods_or_none(draft.new_rs);
  if (draft.stable_rs != draft.new_rs) in.stable = pods_or_none(draft.stable_rs);
  in.threshold = canary.replica_progress_threshold;
  in.routed = canary.traffic_routing.has_value();
  in.dynamic_stable = canary.dynamic_stable_scale;
  for (const auto* set : draft.others) in.others_available += set->available_replicas;
  return at_desired(in);
}

BlueGreenPauseInput blue_green_pause_input(const Draft& draft) {
  const auto& blue_green = *draft.spec().blue_green;
  BlueGreenPauseInput in;
  in.spec = &draft.spec();
  in.stored = &draft.stored;
  const auto* active = active_set(draft);
  const auto active_hash = live_hash(draft.world, blue_green.active_service);
  PreviewSize size;
  size.replicas = draft.replicas();
  size.preview_replicas = blue_green.preview_replica_count;
  size.active_known = active != nullptr;
  size.active_is_new = active && active == draft.new_rs;
  size.promote_full = draft.stored.promote_full;
  size.new_hash_recorded = draft.new_hash() == draft.stored.current_pod_hash;
  size.paused = draft.spec().paused || !draft.stored.pause_conditions.empty();
  size.check_point = draft.stored.blue_green.scale_up_preview_check_point;
  in.ready = preview_ready(pods_or_none(draft.new_rs), preview_size(size));
  in.fast_tracked = draft.fast_rollback() || draft.stored.promote_full || active_hash.empty() ||
                    active_hash == draft.new_hash();
  const auto& pre = blue_green.pre_promotion_analysis;
  if (!pre || !pre->configured()) {
    in.pre_promotion_passed = true;
  } else if (const auto* run = run_of(draft.world, draft.next.blue_green.pre_promotion_run)) {
    in.pre_promotion_passed = run->status.phase == api::AnalysisPhase::Successful;
  }
  in.added_now = draft.changes.has_added(pause::kBlueGreen);
  return in;
}

void base_status(Draft& draft) {
  api::RolloutStatus next;
  const auto& from = draft.next;
  next.restarted_at = from.restarted_at;
  next.duration = from.duration;
  next.carried_json = from.carried_json;
  next.collision_count = from.collision_count;
  next.conditions = draft.stored.conditions;
  next.stable_rs = draft.stored.stable_rs;
  next.promote_full = draft.stored.promote_full;
  next.current_pod_hash = draft.new_rs ? draft.new_hash() : draft.stored.current_pod_hash;
  next.current_step_hash = step_hash(draft);
  sum_counts(draft, next);
  if (draft.spec().canary) {
    next.canary = from.canary;
    next.canary.write_empty = true;
    if (step_count(draft.spec()) > 0)
      next.current_step_index = draft.stored.current_step_index.value_or(0);
  } else if (draft.spec().blue_green) {
    const auto& blue_green = *draft.spec().blue_green;
    next.blue_green = from.blue_green;
    next.blue_green.write_empty = true;
    next.blue_green.active_selector = live_hash(draft.world, blue_green.active_service);
    next.blue_green.preview_selector = live_hash(draft.world, blue_green.preview_service);
  }
  draft.next = std::move(next);
}

std::string canary_promote_reason(const Draft& draft) {
  const auto& stored = draft.stored;
  if (draft.new_is_missing()) return "";
  if (!draft.stable_rs) return "Initial deploy";
  if (draft.aborted() && !stored.promote_full) return "";
  const auto enough = [&] {
    return draft.available(draft.new_rs) >= draft.replicas() ||
           (draft.spec().canary->replica_progress_threshold &&
            threshold_met(draft.spec().canary->replica_progress_threshold,
                          pods_or_none(draft.new_rs), draft.replicas()));
  };
  if (!draft.new_rs || !enough() || draft.unverified_end) return "";
  if (stored.promote_full) return "Full promotion requested";
  if (draft.fast_rollback()) return "Fast rollback";
  // An inconclusive result waits for a person, also behind the last step.
  if (find_pause(stored, pause::kInconclusiveRun) ||
      draft.changes.has_added(pause::kInconclusiveRun))
    return "";
  const auto steps = step_count(draft.spec());
  if (draft.blocked()) return "";
  const bool past_the_end = steps == 0 || stored.current_step_index.value_or(0) >= steps;
  // Without pods every step is trivially reached; walking them would only make people wait.
  if (past_the_end || draft.replicas() == 0)
    return "Completed all " + std::to_string(steps) + " canary steps";
  return "";
}

void canary_status(Draft& draft) {
  base_status(draft);
  if (draft.spec_changed) {
    reset_canary_steps(draft);
    persist(draft);
    return;
  }
  auto& next = draft.next;
  const auto steps = step_count(draft.spec());
  if (draft.stored.promote_full) {
    draft.changes.clear = true;
    draft.changes.drop_abort();
    if (steps > 0) next.current_step_index = steps;
  }
  const auto reason = canary_promote_reason(draft);
  if (!reason.empty()) {
    promote(draft, reason);
  } else if (draft.aborted()) {
    if (steps > 0) next.current_step_index = next.stable_rs == next.current_pod_hash ? steps : 0;
  } else if (!draft.stored.promote_full) {
    drop_foreign_pause(draft);
    advance_step(draft);
  }
  persist(draft);
}

void blue_green_status(Draft& draft) {
  const bool was_reset = draft.spec_changed;
  base_status(draft);
  if (was_reset) reset_update(draft);
  if (draft.stored.promote_full && !was_reset) {
    draft.changes.clear = true;
    draft.changes.drop_abort();
  }
  const auto reason = blue_green_promote_reason(draft);
  if (!reason.empty()) {
    promote(draft, reason);
  } else {
    draft.next.blue_green.scale_up_preview_check_point =
        preview_check_point(blue_green_pause_input(draft), draft.available(draft.new_rs),
                            was_reset || draft.aborted(), draft.now);
  }
  persist(draft);
}

void scaling_status(Draft& draft) {
  draft.scaling_only = true;
  draft.next = draft.stored;
  api::RolloutStatus counts;
  sum_counts(draft, counts);
  draft.next.available_replicas = counts.available_replicas;
  draft.next.hpa_replicas = counts.hpa_replicas;
  record_observed_weight(draft);
  persist(draft);
}

bool precheck(Draft& draft) {
  if (draft.stored.observed_generation != std::to_string(draft.rollout().meta.generation))
    return false;
  auto conditions = draft.stored.conditions;
  if (!precheck_conditions(conditions, draft.spec(), draft.stored, draft.now)) return false;
  draft.next = draft.stored;
  draft.next.conditions = std::move(conditions);
  record_observed_weight(draft);
  update_phase(draft);
  update_duration(draft);
  draft.end = PassEnd::Precheck;
  return true;
}

}  // namespace sluice::rollout
