// decide(): the fixed order of a pass, and the fold of passes into one plan (see draft.h).
#include <algorithm>
#include <iterator>

#include "api/resources.h"
#include "api/validate.h"
#include "base/strings.h"
#include "controller/rollout/canary.h"
#include "controller/rollout/conditions.h"
#include "controller/rollout/draft.h"
#include "controller/rollout/references.h"
#include "controller/rollout/replica_sets.h"
#include "controller/rollout/runs.h"
#include "controller/rollout/scaling.h"
#include "controller/rollout/status.h"
#include "controller/rollout/status_patch.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"
#include "traffic/routers.h"

namespace sluice::rollout {
namespace {

constexpr int kPassesMax = 16;
constexpr Seconds kInvalidRetry{20};

World make_world(const Observed& observed) {
  World world;
  world.observed = &observed;
  world.rollout = *observed.rollout;
  const kube::Owner self{api::kRollouts, observed.rollout->meta};
  const auto refs = references(*observed.rollout);
  for (const auto& name : refs.services)
    if (const auto it = observed.services.find(name); it != observed.services.end())
      world.services.insert(*it);
  world.routers = traffic::routers_of(*observed.rollout);
  for (const auto& [ref, object] : observed.objects) {
    if (kube::controls(self, object->meta) ||
        std::find(refs.objects.begin(), refs.objects.end(), ref) != refs.objects.end())
      world.objects.emplace(ref, object);
  }
  for (const auto& run : observed.analysis_runs)
    if (kube::controls(self, run->meta)) world.runs.push_back(run);
  return world;
}

// The whole plan for a Rollout that must not be touched: one condition, and for a refusal one
// event.
controller::Plan untouched(const Observed& observed, WallTime now, std::string_view found,
                           bool refused) {
  const auto& rollout = *observed.rollout;
  const std::string error = printable(found);
  controller::Plan plan;
  plan.trace.push_back({refused ? Why::Refused : Why::InvalidSpec, error});
  auto next = rollout.status;
  if (refused) {
    const auto* old = find_condition(next.conditions, condition::kInvalidSpec);
    if (!old || old->message != error) {
      remove_condition(next.conditions, condition::kInvalidSpec);
      set_condition(next.conditions,
                    make_condition(condition::kInvalidSpec, "True", "Unsupported", error), now);
    }
  } else {
    set_invalid_spec(next.conditions, rollout.meta.key.name, error, now);
    plan.wake_at = now + kInvalidRetry;
  }
  const auto* present = find_condition(next.conditions, condition::kInvalidSpec);
  next.observed_generation = std::to_string(rollout.meta.generation);
  next.phase = "Degraded";
  next.message = "InvalidSpec: " + (present ? present->message : error);
  auto write = status_patch(rollout, next);
  if (!write) return plan;
  for (const auto& refusal : observed.refusals) {
    if (!same_intent(refusal.write, *write) || now >= refusal.retry_at) continue;
    plan.wake_at = refusal.retry_at;
    return plan;
  }
  plan.intents.emplace_back(std::move(*write));
  if (refused)
    plan.intents.emplace_back(controller::EventIntent{
        api::kRollouts, rollout.meta.key, rollout.meta.uid, true, "Unsupported", error});
  return plan;
}

std::string refusal_text(const api::Rollout& rollout, const api::Unsupported& what) {
  return "The Rollout \"" + rollout.meta.key.name + "\" uses " + what.field +
         ", which this release does not implement, and is left untouched: " + what.remedy;
}

std::optional<controller::Plan> stop_before_the_passes(const Observed& observed, WallTime now) {
  const auto& rollout = *observed.rollout;
  if (rollout.meta.deleted_at) {
    controller::Plan plan;
    plan.trace.push_back({Why::Deleted, "the Rollout is being deleted"});
    return plan;
  }
  if (rollout.decode_error) return untouched(observed, now, rollout.decode_error->message, false);
  if (const auto what = api::unsupported(rollout, traffic::abilities_of(rollout)))
    return untouched(observed, now, refusal_text(rollout, *what), true);
  if (const auto error = api::validate_spec(rollout))
    return untouched(observed, now, *error, false);
  if (const auto what = unsupported_template(observed))
    return untouched(observed, now, refusal_text(rollout, *what), true);
  if (const auto error = check_references(observed)) return untouched(observed, now, *error, false);
  return std::nullopt;
}

// The spec is valid: the condition goes, and time spent invalid does not count against the
// deadline.
void forget_invalid_spec(api::RolloutStatus& status, WallTime now) {
  if (!remove_condition(status.conditions, condition::kInvalidSpec)) return;
  for (auto& item : status.conditions)
    if (item.type == condition::kProgressing) item.last_update_time = truncate_to_seconds(now);
}

// True when the pass goes on, because the server refuses the number that it would count by anyway.
bool default_replicas(Draft& draft) {
  auto write = draft.write_for(api::kRollouts, draft.rollout().meta, kube::Verb::MergePatch,
                               "PatchMetadata");
  write.body = R"({"spec":{"replicas":1}})";
  draft.world.rollout.spec.replicas = 1;
  if (!draft.write(std::move(write))) return draft.running();
  draft.stop_fold = true;
  draft.next = draft.stored;
  return false;
}

bool spec_changed(const Draft& draft) {
  const bool hash_differs =
      !draft.stored.current_pod_hash.empty() && draft.stored.current_pod_hash != draft.new_hash();
  return hash_differs || steps_changed(draft);
}

void scaling_pass(Draft& draft) {
  draft.why(Why::Scaling, "spec.replicas changed");
  if (draft.spec().canary) {
    scale_canary(draft);
  } else {
    scale_blue_green(draft);
  }
  if (draft.running()) scaling_status(draft);
}

// What comes before either strategy, in the order of rollout.md §2.2.
void run_pass(Draft& draft) {
  if (!draft.spec().replicas && !default_replicas(draft)) return;
  if (draft.stored.abort && !draft.stored.aborted_at && draft.stored.promote_full) {
    draft.stored.promote_full = false;  // an abort that is still to be recorded wins
    draft.world.rollout.status.promote_full = false;
  }
  draft.sort_sets();
  if (!draft.new_rs && !create_new_set(draft)) return;
  if (draft.fully_promoted() && draft.stored.abort) draft.changes.drop_abort();
  if (precheck(draft)) return;
  sync_revision(draft);
  forget_earlier_attempt(draft);
  draft.next = draft.stored;
  draft.spec_changed = spec_changed(draft);
  if (!draft.spec_changed) {
    find_current_runs(draft);
    adopt_verdict(draft);
    if (!draft.cut_for_verdict && is_scaling_event(draft)) {
      scaling_pass(draft);
      return;
    }
  }
  if (!draft.running()) return;
  if (draft.spec().blue_green) {
    blue_green_pass(draft);
  } else {
    canary_pass(draft);
  }
}

struct Fold {
  World world;
  std::vector<Item> items;
  std::vector<controller::Reason> trace;
  std::optional<WallTime> wake_at;
  bool settled = false;
};

bool records_abort(const Draft& draft) {
  return !draft.stored.aborted_at && draft.next.aborted_at;
}
bool records_pause(const Draft& draft) {
  return draft.next.pause_conditions.size() > draft.stored.pause_conditions.size();
}

// The steps begin anew for a version that has pods already (a controller died before it could
// record the ReplicaSet; an old version is back; somebody edited the steps): it gets no user before
// the status names it. The way back to stable need not wait.
bool begins_anew_with_pods(const Draft& draft) {
  return draft.spec_changed && draft.available(draft.new_rs) > 0 &&
         draft.new_hash() != draft.stored.stable_rs;
}

bool same_status(const api::RolloutStatus& a, const api::RolloutStatus& b) {
  return api::encode_status(a) == api::encode_status(b);
}

std::ptrdiff_t patches_of_routes(const std::vector<Item>& items) {
  return std::count_if(items.begin(), items.end(), [](const Item& item) {
    const auto* write = std::get_if<kube::Write>(&item.intent);
    return write && write->purpose == traffic::kSetWeights && write->verb != kube::Verb::Create;
  });
}

// Of a record that the server refuses. What a second pass would build on it would be taken back by
// the next decision, which starts from the old record again: no pass builds on it.
bool record_is_refused(const Observed& observed) {
  return std::any_of(observed.refusals.begin(), observed.refusals.end(), [](const auto& refusal) {
    return refusal.write.type == api::kRollouts && refusal.write.subresource == "status";
  });
}

// A step of which the record never said that it was the current one has never begun for anybody who
// watches: one record, one step, also where a lost record leaves more than one to catch up with.
bool skips_a_step(const Fold& fold, const Draft& draft) {
  const auto& recorded = fold.world.observed->rollout->status;
  const auto from = recorded.current_step_index;
  return from && recorded.current_pod_hash == draft.next.current_pod_hash && !draft.promoted &&
         fold.world.rollout.status.current_step_index == *from + 1 &&
         draft.next.current_step_index == *from + 2;
}

// Passes until nothing more happens, or until only the world can say how it goes on.
void fold_passes(Fold& fold, const Options& options, WallTime now, int passes_max) {
  bool only_precheck = false, supersede = false;
  for (int i = 0, acted = 0; i < kPassesMax && acted < passes_max; ++i) {
    World world = fold.world;
    Draft draft(world, options, now);
    draft.items = fold.items;
    draft.supersede_weights = supersede;
    run_pass(draft);
    // Conditions alone are nothing that another pass would build on.
    if (draft.end != PassEnd::Precheck) ++acted;
    if (draft.end == PassEnd::NeedsWorld || (only_precheck && draft.end != PassEnd::Precheck) ||
        skips_a_step(fold, draft)) {
      fold.wake_at = now;
      return;
    }
    fold.trace.insert(fold.trace.end(), draft.trace.begin(), draft.trace.end());
    fold.wake_at = draft.wake_at;
    fold.settled = (fold.settled || draft.settled) && !draft.cut_for_verdict;
    const bool wrote_weights = patches_of_routes(draft.items) > patches_of_routes(fold.items);
    fold.items = std::move(draft.items);
    if (draft.end == PassEnd::Failed) {
      const auto status = fold.world.rollout.status;
      fold.world = std::move(world);
      fold.world.rollout.status = status;
      return;
    }
    const bool changed = !same_status(fold.world.rollout.status, draft.next);
    fold.world = std::move(world);
    fold.world.rollout.status = draft.next;
    if (draft.effects == 0 && !changed) return;
    if (draft.stop_fold) {
      fold.wake_at = draft.wake_at.value_or(now + Seconds{1});
      return;
    }
    if (records_abort(draft) || begins_anew_with_pods(draft) || only_precheck) {
      fold.wake_at = now;
      return;
    }
    only_precheck = records_pause(draft);
    supersede = draft.promoted && wrote_weights;
  }
  fold.wake_at = now;
}

// Passes of one plan may take something off a ReplicaSet and put it back: what is left of it need
// not be sent.
bool changes_set(const Observed& observed, const kube::Write& write) {
  if (!(write.type == kube::kReplicaSets) || write.verb != kube::Verb::MergePatch ||
      !write.subresource.empty())
    return true;
  const auto body = kube::parse_json(write.body);
  const auto set = std::find_if(
      observed.replica_sets.begin(), observed.replica_sets.end(),
      [&](const auto& item) { return item->meta.key == write.key && item->meta.uid == write.uid; });
  if (!body || !body->is_object() || body->size() != 1 || set == observed.replica_sets.end())
    return true;
  const auto* metadata = kube::find(*body, "metadata");
  const auto* annotations =
      metadata && metadata->size() == 1 ? kube::find(*metadata, "annotations") : nullptr;
  if (!annotations || !annotations->is_object()) return true;
  for (const auto& [key, value] : annotations->items()) {
    const auto* now_set = find_or_null((*set)->meta.annotations, key);
    const bool same = value.is_null()
                          ? now_set == nullptr
                          : now_set && value.is_string() && value.get<std::string>() == *now_set;
    if (!same) return true;
  }
  return false;
}

// A change of the ReplicaSet that was stable before this plan.
bool changes_old_stable(const Observed& observed, const Item& item) {
  const auto* write = std::get_if<kube::Write>(&item.intent);
  if (!write || !(write->type == kube::kReplicaSets)) return false;
  return std::any_of(observed.replica_sets.begin(), observed.replica_sets.end(),
                     [&](const auto& set) {
                       return set->meta.key == write->key && set->meta.uid == write->uid &&
                              hash_of(*set) == observed.rollout->status.stable_rs;
                     });
}
bool tells_of_scaling(const Item& item) {
  const auto* event = std::get_if<controller::EventIntent>(&item.intent);
  return event && event->reason == "ScalingReplicaSet";
}

// What a promotion does to the version that it replaces stands behind its record: no crash leaves a
// stable version without its last pods, or with a deadline that the next process sets anew.
std::vector<Item> take_after_promotion(std::vector<Item>& items, const Observed& observed,
                                       const api::RolloutStatus& next) {
  std::vector<Item> out;
  if (next.stable_rs == observed.rollout->status.stable_rs) return out;
  for (auto it = items.begin(); it != items.end();) {
    if (!changes_old_stable(observed, *it)) {
      ++it;
      continue;
    }
    auto end = std::next(it);
    if (end != items.end() && tells_of_scaling(*end)) ++end;
    out.insert(out.end(), std::make_move_iterator(it), std::make_move_iterator(end));
    it = items.erase(it, end);
  }
  return out;
}

// Status before the Rollout's own annotation: the first carries the resourceVersion that was read,
// the second only names one key of the object with this uid.
void append_status(std::vector<Item>& items, kube::Write status) {
  const auto metadata = std::stable_partition(items.begin(), items.end(), [](const Item& item) {
    const auto* write = std::get_if<kube::Write>(&item.intent);
    return !write || !(write->type == api::kRollouts) || write->purpose == kConfirmRollout;
  });
  for (auto it = metadata; it != items.end(); ++it)
    if (auto* write = std::get_if<kube::Write>(&it->intent)) write->resource_version.clear();
  items.insert(metadata, Item{std::move(status), false});
}

std::vector<Item> take_told_with_status(std::vector<Item>& items) {
  const auto told = std::stable_partition(items.begin(), items.end(),
                                          [](const Item& item) { return !item.with_status; });
  std::vector<Item> out(std::make_move_iterator(told), std::make_move_iterator(items.end()));
  items.erase(told, items.end());
  return out;
}

// No status can tell of it, so the first decision that hears of it does.
controller::EventIntent refused_status(const Observed& observed,
                                       const Observed::Refusal& refusal) {
  const auto& meta = observed.rollout->meta;
  const Block block{"ReconciliationError", refusal.error.message};
  return {api::kRollouts, meta.key, meta.uid, true, block.reason, event_text(block)};
}

// The record of what was decided, and what stands behind it. While the server refuses the record,
// the plan is what a process would have done that died before it.
void finish_with_status(Fold& fold, const Observed& observed, WallTime now) {
  const auto& next = fold.world.rollout.status;
  auto write = status_patch(*observed.rollout, next);
  if (!write) return;
  auto after = take_after_promotion(fold.items, observed, next);
  std::vector<Item> told;  // behind a record that may be refused once more
  for (const auto& refusal : observed.refusals) {
    if (!same_intent(refusal.write, *write)) continue;
    if (refusal.fresh)
      fold.items.insert(fold.items.begin(), Item{refused_status(observed, refusal), false});
    told = take_told_with_status(fold.items);
    if (now >= refusal.retry_at) continue;
    // The Rollout's own annotation stands behind the record.
    std::erase_if(fold.items, [](const Item& item) {
      const auto* other = std::get_if<kube::Write>(&item.intent);
      return other && other->type == api::kRollouts && other->purpose != kConfirmRollout;
    });
    // "At once" meant: as soon as the record is there.
    const bool at_once = fold.wake_at && *fold.wake_at <= now;
    fold.wake_at = at_once ? refusal.retry_at
                           : std::min(fold.wake_at.value_or(refusal.retry_at), refusal.retry_at);
    return;
  }
  append_status(fold.items, std::move(*write));
  std::move(told.begin(), told.end(), std::back_inserter(fold.items));
  fold.items.insert(fold.items.end(), std::make_move_iterator(after.begin()),
                    std::make_move_iterator(after.end()));
}

}  // namespace

std::optional<kube::Write> dry_run(const Observed& observed, WallTime now) {
  if (!observed.rollout || is_observed(*observed.rollout)) return std::nullopt;
  if (stop_before_the_passes(observed, now)) return std::nullopt;
  World world = make_world(observed);
  const Options options;
  Draft draft(world, options, now);
  if (!claim_sets(draft)) return std::nullopt;
  return dry_run_of_new_set(draft);
}

controller::Plan decide(const Observed& observed, WallTime now, const Options& options) {
  if (!observed.rollout) return {};
  if (auto plan = stop_before_the_passes(observed, now)) return std::move(*plan);
  Fold fold;
  fold.world = make_world(observed);
  forget_invalid_spec(fold.world.rollout.status, now);
  controller::Plan plan;
  Draft claim(fold.world, options, now);
  if (!claim_sets(claim)) {
    plan.trace = std::move(claim.trace);
    plan.wake_at = claim.wake_at;
    return plan;
  }
  fold.items = std::move(claim.items);
  fold.trace = std::move(claim.trace);
  fold_passes(fold, options, now, record_is_refused(observed) ? 1 : kPassesMax);

  const auto due = status_due(*observed.rollout, fold.world.rollout.status, now);
  const bool deferred = due && *due > now;
  if (deferred) {
    std::erase_if(fold.items, [](const Item& item) { return item.with_status; });
    fold.wake_at = std::min(fold.wake_at.value_or(*due), *due);
  } else {
    finish_with_status(fold, observed, now);
  }
  plan.trace = std::move(fold.trace);
  plan.wake_at = fold.wake_at;
  plan.settled = fold.settled;
  for (auto& item : fold.items) {
    const auto* write = std::get_if<kube::Write>(&item.intent);
    if (!write || changes_set(observed, *write)) plan.intents.push_back(std::move(item.intent));
  }
  return plan;
}

}  // namespace sluice::rollout
