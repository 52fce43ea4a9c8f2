// The ReplicaSet controller: as many pods as asked for, the least useful ones deleted first, status
// at most once a change.
#include <algorithm>
#include <tuple>

#include "apiserver/workloads/context.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::apiserver {

namespace {

// Kubernetes' ranking for deletion: unassigned before assigned, pending before running, not ready
// before ready, lower pod-deletion-cost, ready for a shorter time, more restarts, younger.
auto deletion_rank(const Json& pod) {
  const bool assigned = !kube::get_string(pod, "spec.nodeName").empty();
  const std::string phase = kube::get_string(pod, "status.phase");
  const int phase_rank = phase == "Running" ? 2 : phase == "Pending" || phase.empty() ? 0 : 1;
  std::int64_t cost = 0;
  if (const Json* text = kube::find_path(
          pod, {"metadata", "annotations", "controller.kubernetes.io/pod-deletion-cost"});
      text != nullptr && text->is_string()) {
    cost = parse_int(text->get<std::string>()).value_or(0);
  }
  const auto ready_since = pod_ready_since(pod);
  const auto created = parse_rfc3339(kube::get_string(pod, "metadata.creationTimestamp"));
  // Younger first: negate times.
  const std::int64_t ready_at = ready_since ? -ready_since->time_since_epoch().count() : 0;
  const std::int64_t created_at = created ? -created->time_since_epoch().count() : 0;
  return std::make_tuple(assigned, phase_rank, pod_ready(pod), cost, ready_at, created_at,
                         key_of(pod).name);
}

void create_pods(Context& context, const Json& rs, int count) {
  const Json* tmpl = kube::find_path(rs, "spec.template");
  if (tmpl == nullptr) return;
  const kube::ObjectKey key = key_of(rs);
  Json pod = {{"apiVersion", "v1"}, {"kind", "Pod"}};
  pod["metadata"] = {
      {"generateName", key.name + "-"},
      {"namespace", key.namespace_},
      {"ownerReferences", Json::array({owner_reference(rs, "apps/v1", "ReplicaSet")})}};
  for (const char* member : {"labels", "annotations"})
    if (const Json* map = kube::find_path(*tmpl, {"metadata", member}))
      pod["metadata"][member] = *map;
  if (const Json* spec = kube::find(*tmpl, "spec")) pod["spec"] = *spec;
  for (int i = 0; i < count; ++i)
    if (!context.create(kube::kPods, key.namespace_, pod)) {
      // Quota, a webhook, a terminating namespace: try again later.
      context.mark_in(Seconds(5), {Task::ReplicaSet, key, ""});
      return;
    }
}

struct Counts {
  int replicas = 0, labeled = 0, ready = 0, available = 0;
};

Counts count(Context& context, const Json& rs, const std::vector<Object>& pods) {
  Counts out;
  const auto min_ready = Seconds(kube::get_int(rs, "spec.minReadySeconds"));
  const kube::LabelSelector labels =
      selector_from_map(kube::find_path(rs, "spec.template.metadata.labels"));
  const WallTime now = context.clock.wall_now();
  for (const auto& pod : pods) {
    ++out.replicas;
    if (labels.matches(labels_of(*pod))) ++out.labeled;
    if (!pod_ready(*pod)) continue;
    ++out.ready;
    const auto since = pod_ready_since(*pod);
    if (min_ready.count() == 0 || !since || now >= *since + min_ready) {
      ++out.available;
    } else {
      context.mark_in(*since + min_ready - now, {Task::ReplicaSet, key_of(rs), ""});
    }
  }
  return out;
}

void write_status(Context& context, const Json& rs, const Counts& counts) {
  Json status = {{"replicas", counts.replicas},
                 {"observedGeneration", kube::get_int(rs, "metadata.generation")}};
  const std::pair<const char*, int> members[] = {{"fullyLabeledReplicas", counts.labeled},
                                                 {"readyReplicas", counts.ready},
                                                 {"availableReplicas", counts.available}};
  for (const auto& [name, value] : members)
    status[name] = value > 0 ? Json(value) : Json(nullptr);  // zero is left out
  if (!same_status(rs, status))
    context.merge(kube::kReplicaSets, key_of(rs), {{"status", status}}, "status");
}

}  // namespace

void step_replica_set(Context& context, const kube::ObjectKey& key) {
  const Object rs = context.server.get(kube::kReplicaSets, key);
  if (!rs || being_deleted(*rs)) return;
  const std::string uid = uid_of(*rs);
  const kube::LabelSelector selector = selector_of(*rs, "spec.selector");

  // Adopt orphans that match.
  for (const auto& pod : context.pods_matching(key.namespace_, selector)) {
    if (controller_of(*pod) != nullptr || being_deleted(*pod) || pod_finished(*pod)) continue;
    context.merge(
        kube::kPods, key_of(*pod),
        {{"metadata",
          {{"ownerReferences", Json::array({owner_reference(*rs, "apps/v1", "ReplicaSet")})}}}});
  }
  std::vector<Object> pods;
  for (auto& pod : context.pods_owned_by(key.namespace_, uid)) {
    if (being_deleted(*pod) || pod_finished(*pod)) continue;
    if (!selector.matches(labels_of(*pod))) {  // somebody relabelled it: it is released
      context.merge(kube::kPods, key_of(*pod), {{"metadata", {{"ownerReferences", nullptr}}}});
      continue;
    }
    pods.push_back(std::move(pod));
  }
  const int wanted = static_cast<int>(kube::get_int(*rs, "spec.replicas", 1));
  const int diff = wanted - static_cast<int>(pods.size());
  if (diff > 0) {
    create_pods(context, *rs, diff);
  } else if (diff < 0) {
    std::sort(pods.begin(), pods.end(), [](const Object& a, const Object& b) {
      return deletion_rank(*a) < deletion_rank(*b);
    });
    for (int i = 0; i < -diff; ++i) context.remove(kube::kPods, key_of(*pods[i]), uid_of(*pods[i]));
  }
  // Count what is there now.
  pods.clear();
  for (auto& pod : context.pods_owned_by(key.namespace_, uid))
    if (!being_deleted(*pod) && !pod_finished(*pod)) pods.push_back(std::move(pod));
  write_status(context, *rs, count(context, *rs, pods));
}

}  // namespace sluice::apiserver
