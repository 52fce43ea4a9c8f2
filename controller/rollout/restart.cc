#include "controller/rollout/restart.h"

#include <algorithm>

#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::rollout {
namespace {

constexpr Seconds kRetry{30};

bool is_available(const kube::Pod& pod, std::int32_t min_ready_seconds, WallTime now) {
  if (!pod.ready || pod.meta.deleted_at) return false;
  if (min_ready_seconds <= 0 || !pod.ready_since) return true;
  return *pod.ready_since + Seconds{min_ready_seconds} <= now;
}

bool owned_by(const kube::Pod& pod, const kube::ReplicaSet& set) {
  return kube::controls({kube::kReplicaSets, set.meta}, pod.meta);
}

// Stable first, then new, then the others by age.
std::vector<const kube::ReplicaSet*> in_restart_order(const Draft& draft) {
  std::vector<const kube::ReplicaSet*> out;
  if (draft.stable_rs) out.push_back(draft.stable_rs);
  if (draft.new_rs && draft.new_rs != draft.stable_rs) out.push_back(draft.new_rs);
  out.insert(out.end(), draft.others.begin(), draft.others.end());
  return out;
}

// The Eviction kind of policy/v1beta1 is understood by every server, the one of policy/v1 from 1.22
// on.
bool evict(Draft& draft, const kube::Pod& pod) {
  const kube::Json body{
      {"apiVersion", "policy/v1beta1"},
      {"kind", "Eviction"},
      {"metadata", {{"name", pod.meta.key.name}, {"namespace", pod.meta.key.namespace_}}},
      {"deleteOptions", {{"preconditions", {{"uid", pod.meta.uid}}}}}};
  auto write = draft.write_for(kube::kPods, pod.meta, kube::Verb::Create, "EvictPod");
  write.subresource = "eviction";
  write.resource_version.clear();
  write.body = kube::dump(body);
  if (draft.held(write)) return false;
  draft.items.push_back({std::move(write), false});
  ++draft.effects;
  return true;
}

struct Tally {
  std::int64_t budget = 0;
  std::int32_t needs = 0, evicted = 0;
};

void visit(Draft& draft, const kube::ReplicaSet& set, WallTime restart_at, Tally& tally) {
  for (const auto& pod : draft.world.observed->pods) {
    if (!owned_by(*pod, set) || !draft.spec().selector.matches(pod->meta.labels)) continue;
    if (pod->meta.created_at >= restart_at) continue;
    ++tally.needs;
    if (pod->meta.deleted_at || tally.budget <= 0) continue;
    if (!evict(draft, *pod)) continue;
    --tally.budget;
    ++tally.evicted;
  }
}

}  // namespace

bool needs_pods(const api::Rollout& rollout, WallTime now) {
  const auto& at = rollout.spec.restart_at;
  return at && now > *at && rollout.status.restarted_at != at && !rollout.meta.deleted_at;
}

bool restart_pods(Draft& draft) {
  const auto& at = draft.spec().restart_at;
  if (!at || !draft.running()) return false;
  if (*at >= draft.now) {
    draft.wake(wake_before_resync(*at + Micros{1}, draft.now, draft.options.resync_period));
    return false;
  }
  if (draft.stored.restarted_at == at) return false;
  if (!draft.world.observed->pods_known) {
    draft.why(Why::CacheNotSynced, "a restart is due, but the pods are not listed yet");
    draft.wake(draft.now + Seconds{1});
    return false;
  }
  const auto sets = in_restart_order(draft);
  std::int64_t specified = 0, available = 0;
  for (const auto* set : sets) {
    specified += set->replicas;
    for (const auto& pod : draft.world.observed->pods)
      if (owned_by(*pod, *set) && is_available(*pod, draft.spec().min_ready_seconds, draft.now))
        ++available;
  }
  const std::int64_t may_miss = std::max(fenceposts(draft.spec()).unavailable, 1);
  Tally tally;
  tally.budget = available - (std::max<std::int64_t>(draft.replicas(), specified) - may_miss);
  for (const auto* set : sets) visit(draft, *set, *at, tally);
  if (tally.needs != tally.evicted) {
    draft.why(Why::WaitingForPods,
              std::to_string(tally.needs - tally.evicted) + " pods still to restart");
    draft.wake(draft.now + kRetry);
  } else {
    draft.next.restarted_at = *at;
  }
  if (tally.evicted > 0) draft.stop_fold = true;  // availability counts are stale from here on
  return tally.evicted > 0;
}

}  // namespace sluice::rollout
