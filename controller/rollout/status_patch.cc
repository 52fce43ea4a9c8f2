#include "controller/rollout/status_patch.h"

#include <algorithm>

#include "api/resources.h"
#include "controller/rollout/conditions.h"
#include "kube/json/json.h"
#include "kube/json/patch.h"

namespace sluice::rollout {
namespace {

// At most one write of mere counts in this time (performance.md §B6).
constexpr Seconds kCountsEvery{3};

bool same_but_times(const Conditions& a, const Conditions& b) {
  if (a.size() != b.size()) return false;
  return std::all_of(a.begin(), a.end(), [&](const kube::Condition& item) {
    const auto* other = find_condition(b, item.type);
    return other && other->status == item.status && other->reason == item.reason &&
           other->message == item.message;
  });
}

bool may_wait(const std::optional<api::RunStatusRef>& before,
              const std::optional<api::RunStatusRef>& after) {
  if (!after || api::is_completed(after->phase)) return before == after;
  return !before || before->name == after->name;
}

bool may_wait(const std::optional<api::TrafficWeights>& before,
              const std::optional<api::TrafficWeights>& after) {
  if (!before || !after) return before == after;
  return before->canary.weight == after->canary.weight &&
         before->stable.weight == after->stable.weight && before->additional == after->additional &&
         before->verified == after->verified;
}

// `next` with all that may wait set back to what is stored.
api::RolloutStatus without_soft_changes(const api::RolloutStatus& stored, api::RolloutStatus next) {
  next.replicas = stored.replicas;
  next.updated_replicas = stored.updated_replicas;
  next.ready_replicas = stored.ready_replicas;
  next.available_replicas = stored.available_replicas;
  next.hpa_replicas = stored.hpa_replicas;
  if (same_but_times(stored.conditions, next.conditions)) next.conditions = stored.conditions;
  if (next.phase == stored.phase && next.phase == "Progressing") next.message = stored.message;
  if (may_wait(stored.canary.weights, next.canary.weights))
    next.canary.weights = stored.canary.weights;
  // A run whose name is not recorded is found again by that name, but only if it can be told from
  // an earlier attempt's (controller/rollout/runs.cc).
  if (stored.duration && stored.duration->rollout_started_at) {
    auto wait = [](const auto& before, auto& after) {
      if (may_wait(before, after)) after = before;
    };
    wait(stored.canary.step_run, next.canary.step_run);
    wait(stored.canary.background_run, next.canary.background_run);
    wait(stored.blue_green.pre_promotion_run, next.blue_green.pre_promotion_run);
    wait(stored.blue_green.post_promotion_run, next.blue_green.post_promotion_run);
  }
  return next;
}

}  // namespace

std::optional<kube::Write> status_patch(const api::Rollout& read, const api::RolloutStatus& next) {
  const auto patch =
      kube::merge_patch_diff(api::encode_status(read.status), api::encode_status(next));
  if (patch.empty()) return std::nullopt;
  kube::Write out;
  out.type = api::kRollouts;
  out.key = read.meta.key;
  out.subresource = "status";
  out.verb = kube::Verb::MergePatch;
  out.uid = read.meta.uid;
  out.resource_version = read.meta.resource_version;
  out.purpose = "PatchStatus";
  out.body = kube::dump(kube::Json{{"status", patch}});
  return out;
}

std::optional<WallTime> status_due(const api::Rollout& read, const api::RolloutStatus& next,
                                   WallTime now) {
  const auto* progressing = find_condition(read.status.conditions, condition::kProgressing);
  if (!progressing || !progressing->last_update_time || *progressing->last_update_time > now)
    return std::nullopt;
  const auto stored = api::encode_status(read.status);
  if (api::encode_status(next) == stored) return std::nullopt;
  if (api::encode_status(without_soft_changes(read.status, next)) != stored) return std::nullopt;
  const auto due = *progressing->last_update_time + kCountsEvery;
  if (due <= now) return std::nullopt;
  return due;
}

}  // namespace sluice::rollout
