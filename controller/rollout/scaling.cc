#include "controller/rollout/scaling.h"

#include <algorithm>

#include "api/keys.h"
#include "controller/rollout/pauses.h"
#include "controller/rollout/routes.h"
#include "controller/rollout/services.h"
#include "controller/rollout/status.h"
#include "controller/rollout/traffic_stage.h"

namespace sluice::rollout {
namespace {

const std::string kDeadline(api::kScaleDownDeadlineAnnotation);
const std::string kDesired(api::kDesiredReplicasAnnotation);

AbortHoldInput hold_input(const Draft& draft) {
  AbortHoldInput in;
  const auto& spec = draft.spec();
  in.aborted = draft.aborted();
  in.stable_exists = draft.stable_rs != nullptr;
  in.replicas = draft.replicas();
  in.stable_available = draft.available(draft.stable_rs);
  in.resync = draft.options.resync_period;
  if (draft.new_rs) in.deadline = deadline_of(*draft.new_rs);
  if (spec.canary) {
    in.basic_canary = !spec.canary->traffic_routing;
    in.dynamic_stable = spec.canary->dynamic_stable_scale;
    in.configured_delay = spec.canary->abort_scale_down_delay_seconds;
    in.scale_override = scale_override(*spec.canary, draft.stored.current_step_index,
                                       draft.stored.abort) != nullptr;
  } else if (spec.blue_green) {
    in.configured_delay = spec.blue_green->abort_scale_down_delay_seconds;
  }
  return in;
}

bool hold_in_force(const Draft& draft) {
  return abort_hold_in_force(hold_input(draft));
}

// One write: size, desired-replicas, and the deadline that a size of 0 makes pointless. True when
// the size changed.
bool resize(Draft& draft, kube::ReplicaSet& set, std::int32_t size) {
  if (!draft.running()) return false;
  const auto wanted = std::to_string(draft.replicas());
  const bool changes = set.replicas != size;
  const bool stale = get_or(set.meta.annotations, kDesired) != wanted;
  const bool pointless = draft.replicas() == 0 && deadline_of(set).has_value();
  if (!changes && !stale && !pointless) return false;
  SetChange change;
  const auto before = set.replicas;
  if (changes) change.replicas = size;
  if (stale) change.annotations[kDesired] = wanted;
  if (size == 0 && deadline_of(set) && !hold_in_force(draft))
    change.annotations[kDeadline] = std::nullopt;
  if (!draft.change_set(set, change, "ScaleReplicaSet") || !changes) return false;
  draft.event("ScalingReplicaSet", std::string(size > before ? "Scaled up" : "Scaled down") +
                                       " ReplicaSet " + set.meta.key.name + " (revision " +
                                       get_or(set.meta.annotations, api::kRevisionAnnotation) +
                                       ") from " + std::to_string(before) + " to " +
                                       std::to_string(size));
  draft.why(Why::Scaling, set.meta.key.name + " → " + std::to_string(size));
  return true;
}

void stamp(Draft& draft, kube::ReplicaSet& set, WallTime deadline) {
  SetChange change;
  change.annotations[kDeadline] = format_rfc3339(deadline);
  if (!draft.change_set(set, change, "ScaleReplicaSet")) return;
  draft.wake(deadline);
  draft.why(Why::ScaleDownDelay, set.meta.key.name + " until " + format_rfc3339(deadline));
}

void drop_deadline(Draft& draft, kube::ReplicaSet* set) {
  if (!set || !deadline_of(*set)) return;
  SetChange change;
  change.annotations[kDeadline] = std::nullopt;
  draft.change_set(*set, change, "ScaleReplicaSet");
}

// Users are still sent to newRS: a cut that the server refuses, say.
bool has_users(const Draft& draft) {
  const auto hash = draft.new_hash();
  if (draft.spec().blue_green)
    return live_hash(draft.world, draft.spec().blue_green->active_service) == hash;
  const auto& canary = *draft.spec().canary;
  return draft.routed() && live_hash(draft.world, canary.canary_service) == hash &&
         !carries_weight(draft, 0);
}

// Nobody is sent to an aborted newRS any more, but the Service still selects it, since the server
// refuses to let it go: the last pod does not leave before its Service.
bool selected_against_our_will(const Draft& draft) {
  const auto& canary = draft.spec().canary;
  return canary && draft.switch_blocked && draft.aborted() &&
         live_hash(draft.world, canary->canary_service) == draft.new_hash();
}

// An abort is at the end of its traffic: newRS keeps its pods for a while (rollout.md §3.9.2).
// True when the size changed.
bool scale_new(Draft& draft, std::int32_t target) {
  auto& set = *draft.new_rs;
  // A version that nothing judges does not grow.
  if (draft.gate_blocked) target = std::min(target, set.replicas);
  const std::int32_t least = selected_against_our_will(draft) ? std::min(set.replicas, 1) : 0;
  const auto in = hold_input(draft);
  const auto hold = abort_hold(in, draft.now);
  draft.wake(hold.wake_at);
  switch (hold.kind) {
    case AbortHold::Kind::UseTarget:
      return resize(draft, set, std::max(target, least));
    case AbortHold::Kind::ScaleToZero:
      return resize(draft, set, has_users(draft) ? set.replicas : least);
    case AbortHold::Kind::Hold:
      return resize(draft, set, set.replicas);
    case AbortHold::Kind::Stamp:
      break;
  }
  resize(draft, set, set.replicas);
  if (hold.deadline) stamp(draft, set, *hold.deadline);
  return false;
}

std::vector<kube::ReplicaSet*> newest_revision_first(std::vector<kube::ReplicaSet*> sets) {
  std::stable_sort(sets.begin(), sets.end(), [](const auto* a, const auto* b) {
    return revision_of(a->meta).value_or(0) > revision_of(b->meta).value_or(0);
  });
  return sets;
}

std::vector<OtherSet> other_sets(const Draft& draft, const std::vector<kube::ReplicaSet*>& sets) {
  std::vector<OtherSet> out;
  for (const auto* set : sets)
    out.push_back({pods_of(*set), revision_of(set->meta).value_or(0),
                   is_referenced(draft, hash_of(*set)), deadline_of(*set)});
  return out;
}

bool apply_others(Draft& draft, const std::vector<kube::ReplicaSet*>& sets,
                  const OthersPlan& plan) {
  bool scaled = false;
  for (const auto& decision : plan.decisions) {
    auto& set = *sets[decision.index];
    if (set.replicas != decision.size) scaled = resize(draft, set, decision.size) || scaled;
    if (decision.add_deadline) stamp(draft, set, *decision.add_deadline);
  }
  draft.wake(plan.wake_at);
  return scaled && plan.scaled;
}

bool scale_canary_other_sets(Draft& draft) {
  const auto& canary = *draft.spec().canary;
  const bool any = std::any_of(draft.others.begin(), draft.others.end(),
                               [](const auto* s) { return s->replicas > 0; });
  if (!any) return false;
  const auto sets = newest_revision_first(draft.others);
  CanaryOthers in;
  in.replicas = draft.replicas();
  in.unavailable = fenceposts(draft.spec()).unavailable;
  for (const auto& set : draft.world.sets) in.available_total += set.available_replicas;
  in.routed = canary.traffic_routing.has_value();
  in.dynamic_stable = canary.dynamic_stable_scale;
  in.fully_promoted = draft.fully_promoted();
  in.delay = delay_policy(draft.spec(), draft.options.resync_period);
  return apply_others(draft, sets, scale_canary_others(in, other_sets(draft, sets), draft.now));
}

// spec.replicas changed while the Rollout is halted: keep the shares, as a Deployment does. Left as
// they are, the sets would make every pass a scaling-only one, and traffic would be looked after by
// nobody until a person comes.
bool scale_in_proportion(Draft& draft, kube::ReplicaSet* set, bool full_size) {
  if (!set || set->replicas <= 0) return false;
  const auto before = parse_int(get_or(set->meta.annotations, kDesired));
  const std::int64_t wanted = draft.replicas();
  if (!before || *before == wanted) return false;
  std::int64_t size = wanted;
  if (!full_size && *before > 0)
    size = (std::int64_t{set->replicas} * wanted * 2 + *before) / (2 * *before);
  if (wanted > 0 && size == 0) size = 1;
  return resize(draft, *set, static_cast<std::int32_t>(size));
}

bool scale_paused(Draft& draft) {
  const bool routed = draft.routed() && !draft.spec().canary->dynamic_stable_scale;
  const bool only = draft.new_rs == draft.stable_rs;
  bool scaled = false;
  if (!only) scaled = scale_in_proportion(draft, draft.stable_rs, routed);
  return scale_in_proportion(draft, draft.new_rs, only) || scaled;
}

std::int32_t preview_target(const Draft& draft) {
  const auto& blue_green = *draft.spec().blue_green;
  const auto* active = active_set(draft);
  PreviewSize in;
  in.replicas = draft.replicas();
  in.preview_replicas = blue_green.preview_replica_count;
  in.active_known = active != nullptr;
  in.active_is_new = active && active == draft.new_rs;
  in.promote_full = draft.stored.promote_full;
  in.new_hash_recorded = draft.new_hash() == draft.stored.current_pod_hash;
  in.paused = draft.spec().paused || !draft.stored.pause_conditions.empty();
  in.check_point = draft.stored.blue_green.scale_up_preview_check_point;
  return preview_size(in);
}

bool keep_old_blue_green(const Draft& draft) {
  const auto& blue_green = *draft.spec().blue_green;
  if (find_pause(draft.stored, pause::kInconclusiveRun)) return true;
  const auto& post = blue_green.post_promotion_analysis;
  if (!post || !post->configured() || blue_green.scale_down_delay_seconds) return false;
  // Before the switch there is nothing to judge: versions between need not wait for it.
  const bool switched = draft.stored.blue_green.active_selector == draft.new_hash();
  const bool skipped =
      !switched || draft.fully_promoted() || draft.stored.promote_full || draft.fast_rollback();
  if (skipped) return false;
  const auto* run = run_of(draft.world, draft.next.blue_green.post_promotion_run);
  return !run || run->status.phase != api::AnalysisPhase::Successful;
}

// traffic.md NGX-8: all users are on the canary and stable was taken down to the pod that it must
// keep.
void tell_of_last_stable_pod(Draft& draft) {
  const auto& canary = *draft.spec().canary;
  const auto& weights = draft.stored.canary.weights;
  const auto without = without_stable_pod(draft);
  if (without.empty() || !canary.dynamic_stable_scale || !weights || weights->stable.weight > 0 ||
      draft.stable_rs->replicas != 1)
    return;
  draft.event(
      "DynamicStableScaleUnsafe",
      "ReplicaSet " + draft.stable_rs->meta.key.name +
          " keeps 1 pod although dynamicStableScale would take the last one: when Service " +
          canary.stable_service + " has no endpoints, " + std::string(without),
      true);
}

}  // namespace

bool is_scaling_event(const Draft& draft) {
  for (const auto* set : {draft.new_rs, draft.stable_rs}) {
    if (!set || set->replicas <= 0 || draft.size_held(*set)) continue;
    const auto desired = parse_int(get_or(set->meta.annotations, kDesired));
    if (desired && *desired != draft.replicas()) return true;
  }
  return false;
}

bool is_referenced(const Draft& draft, const std::string& hash) {
  if (hash.empty()) return false;
  const auto& status = draft.stored;
  if (hash == status.stable_rs || hash == status.current_pod_hash) return true;
  if (hash == status.blue_green.active_selector || hash == status.blue_green.preview_selector)
    return true;
  for (const auto* weights : {&status.canary.weights, &draft.next.canary.weights}) {
    if (!*weights) continue;
    if (hash == (*weights)->canary.pod_template_hash ||
        hash == (*weights)->stable.pod_template_hash)
      return true;
  }
  const auto& spec = draft.spec();
  std::vector<std::string> services;
  if (spec.canary) services = {spec.canary->canary_service, spec.canary->stable_service};
  if (spec.blue_green)
    services = {spec.blue_green->active_service, spec.blue_green->preview_service};
  return std::any_of(services.begin(), services.end(),
                     [&](const auto& name) { return live_hash(draft.world, name) == hash; });
}

bool scale_canary(Draft& draft) {
  if (!draft.running() || !draft.new_rs) return false;
  if (sizing_halted(draft.spec(), draft.stored)) {
    if (is_scaling_event(draft)) return scale_paused(draft);
    draft.why(Why::WaitingForUser, std::string(to_string(halt_reason(draft.spec(), draft.stored))));
    return false;
  }
  if (!hold_in_force(draft)) drop_deadline(draft, draft.new_rs);
  if (draft.stable_rs != draft.new_rs) drop_deadline(draft, draft.stable_rs);
  if (!draft.running()) return false;
  // Stable shrinks one pass after traffic has left it; the canary grows with the weight just set.
  if (draft.stable_rs && draft.stable_rs != draft.new_rs) {
    auto size = canary_target(draft, draft.stored.canary.weights).stable;
    // Nor does it shrink for pods that cannot come.
    if (draft.gate_blocked || draft.new_is_missing())
      size = std::max(size, draft.stable_rs->replicas);
    if (resize(draft, *draft.stable_rs, size)) {
      tell_of_last_stable_pod(draft);
      return true;
    }
  }
  if (scale_new(draft, canary_target(draft, draft.next.canary.weights).canary)) return true;
  if (!draft.running()) return false;
  return scale_canary_other_sets(draft);
}

void scale_blue_green(Draft& draft) {
  if (!draft.running() || !draft.new_rs) return;
  if (!hold_in_force(draft)) drop_deadline(draft, draft.new_rs);
  if (draft.stable_rs != draft.new_rs) drop_deadline(draft, draft.stable_rs);
  if (draft.stable_rs && draft.stable_rs != draft.new_rs)
    resize(draft, *draft.stable_rs, draft.replicas());
  scale_new(draft, preview_target(draft));
  if (!draft.running() || keep_old_blue_green(draft)) return;
  const auto sets = newest_revision_first(draft.others);
  const auto policy = delay_policy(draft.spec(), draft.options.resync_period);
  apply_others(
      draft, sets,
      scale_blue_green_others(draft.replicas(), policy, other_sets(draft, sets), draft.now));
}

}  // namespace sluice::rollout
