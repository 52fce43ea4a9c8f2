// The Deployment controller: one ReplicaSet per template, rolled within maxSurge and maxUnavailable
// (25 % each).
#include <algorithm>
#include <cmath>

#include "apiserver/workloads/context.h"
#include "base/hash.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::apiserver {

namespace {

constexpr std::string_view kHashLabel = "pod-template-hash";
constexpr const char* kRevision = "deployment.kubernetes.io/revision";

std::int64_t revision_of(const Json& object) {
  const Json* text = kube::find_path(object, {"metadata", "annotations", kRevision});
  return text != nullptr && text->is_string()
             ? parse_int(text->get_ref<const std::string&>()).value_or(0)
             : 0;
}

void set_revision(Context& context, const kube::ResourceType& type, const Json& object,
                  std::int64_t revision) {
  if (revision_of(object) != revision)
    context.merge(type, key_of(object),
                  {{"metadata", {{"annotations", {{kRevision, std::to_string(revision)}}}}}});
}

// What `kubectl rollout history` and `undo` read: the current ReplicaSet has the highest number,
// the Deployment the same one.
void number_revisions(Context& context, const Json& deployment, const Json& current,
                      const std::vector<Object>& owned) {
  std::int64_t highest = 0;
  for (const auto& rs : owned)
    if (uid_of(*rs) != uid_of(current)) highest = std::max(highest, revision_of(*rs));
  const std::int64_t revision = std::max(revision_of(current), highest + 1);
  set_revision(context, kube::kReplicaSets, current, revision);
  set_revision(context, kube::kDeployments, deployment, revision);
}

int resolve(const Json* value, int total, bool up, int fallback_percent) {
  std::int64_t percent = fallback_percent;
  if (value != nullptr) {
    if (value->is_number_integer()) return value->get<int>();
    std::string text = value->is_string() ? value->get<std::string>() : "";
    if (!text.empty() && text.back() == '%') text.pop_back();
    percent = parse_int(text).value_or(0);
  }
  const double exact = static_cast<double>(percent * total) / 100.0;
  return static_cast<int>(up ? std::ceil(exact) : std::floor(exact));
}

Json template_without_hash(const Json& rs) {
  Json tmpl = kube::find_path(rs, "spec.template") != nullptr
                  ? *kube::find_path(rs, "spec.template")
                  : Json::object();
  if (tmpl.contains("metadata") && tmpl["metadata"].contains("labels"))
    tmpl["metadata"]["labels"].erase(std::string(kHashLabel));
  return tmpl;
}

bool create_replica_set(Context& context, const Json& deployment, int replicas) {
  const auto key = key_of(deployment);
  Json tmpl = *kube::find_path(deployment, "spec.template");
  const std::string hash = safe_encode_decimal(fnv1a32(kube::dump(tmpl)));
  tmpl["metadata"]["labels"][std::string(kHashLabel)] = hash;
  Json selector = kube::find_path(deployment, "spec.selector") != nullptr
                      ? *kube::find_path(deployment, "spec.selector")
                      : Json::object();
  selector["matchLabels"][std::string(kHashLabel)] = hash;
  return context.create(
      kube::kReplicaSets, key.namespace_,
      {{"apiVersion", "apps/v1"},
       {"kind", "ReplicaSet"},
       {"metadata",
        {{"name", key.name + "-" + hash},
         {"namespace", key.namespace_},
         {"labels", tmpl["metadata"]["labels"]},
         {"ownerReferences", Json::array({owner_reference(deployment, "apps/v1", "Deployment")})}}},
       {"spec",
        {{"replicas", replicas},
         {"selector", selector},
         {"template", tmpl},
         {"minReadySeconds", kube::get_int(deployment, "spec.minReadySeconds")}}}});
}

void scale(Context& context, const Json& rs, std::int64_t replicas) {
  if (kube::get_int(rs, "spec.replicas", 1) != replicas)
    context.merge(kube::kReplicaSets, key_of(rs), {{"spec", {{"replicas", replicas}}}});
}

void write_status(Context& context, const Json& deployment, const Object& current,
                  const std::vector<Object>& all) {
  std::int64_t replicas = 0, ready = 0, available = 0;
  for (const auto& rs : all) {
    replicas += kube::get_int(*rs, "status.replicas");
    ready += kube::get_int(*rs, "status.readyReplicas");
    available += kube::get_int(*rs, "status.availableReplicas");
  }
  const std::int64_t wanted = kube::get_int(deployment, "spec.replicas", 1);
  const std::int64_t updated = current ? kube::get_int(*current, "status.replicas") : 0;
  const bool enough = available >= wanted;
  const bool done = enough && updated == wanted && replicas == wanted;
  const std::string now = format_rfc3339(context.clock.wall_now());
  const auto make = [&](std::string_view type, bool on, std::string_view reason,
                        std::string_view message) {
    Json next = {{"type", type},          {"status", on ? "True" : "False"},
                 {"reason", reason},      {"message", message},
                 {"lastUpdateTime", now}, {"lastTransitionTime", now}};
    const Json* old = condition_of(deployment, type);
    const bool same = old != nullptr &&
                      kube::get_string(*old, "status") == kube::get_string(next, "status") &&
                      kube::get_string(*old, "reason") == reason;
    return same ? *old : next;
  };
  Json status = {
      {"observedGeneration", kube::get_int(deployment, "metadata.generation")},
      {"conditions",
       Json::array({make("Available", enough,
                         enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable", ""),
                    make("Progressing", true, done ? "NewReplicaSetAvailable" : "ReplicaSetUpdated",
                         "")})}};
  const std::pair<const char*, std::int64_t> counts[] = {
      {"replicas", replicas},
      {"updatedReplicas", updated},
      {"readyReplicas", ready},
      {"availableReplicas", available},
      {"unavailableReplicas", std::max<std::int64_t>(0, wanted - available)}};
  for (const auto& [name, value] : counts) status[name] = value > 0 ? Json(value) : Json(nullptr);
  if (!same_status(deployment, status))
    context.merge(kube::kDeployments, key_of(deployment), {{"status", status}}, "status");
}

}  // namespace

void step_deployment(Context& context, const kube::ObjectKey& key) {
  const Object deployment = context.server.get(kube::kDeployments, key);
  if (!deployment || being_deleted(*deployment)) return;
  std::vector<Object> owned;
  for (const auto& ref : context.dependents(uid_of(*deployment)))
    if (ref.type->resource == "replicasets")
      if (auto rs = context.server.get(kube::kReplicaSets, ref.key); rs && !being_deleted(*rs))
        owned.push_back(rs);
  const Json* wanted_template = kube::find_path(*deployment, "spec.template");
  if (wanted_template == nullptr) return;
  Object current;
  for (const auto& rs : owned)
    if (template_without_hash(*rs) == *wanted_template) current = rs;

  const int wanted = static_cast<int>(kube::get_int(*deployment, "spec.replicas", 1));
  const bool recreate = kube::get_string(*deployment, "spec.strategy.type") == "Recreate";
  std::int64_t old_pods = 0, available = 0, total = 0;
  for (const auto& rs : owned) {
    available += kube::get_int(*rs, "status.availableReplicas");
    total += kube::get_int(*rs, "spec.replicas", 1);
    if (rs != current) old_pods += kube::get_int(*rs, "spec.replicas", 1);
  }
  const int surge =
      recreate ? 0
               : resolve(kube::find_path(*deployment, "spec.strategy.rollingUpdate.maxSurge"),
                         wanted, true, 25);
  int unavailable =
      resolve(kube::find_path(*deployment, "spec.strategy.rollingUpdate.maxUnavailable"), wanted,
              false, 25);
  if (surge == 0 && unavailable == 0) unavailable = 1;

  if (!current) {
    if (!kube::get_bool(*deployment, "spec.paused"))
      create_replica_set(context, *deployment, old_pods == 0 ? wanted : 0);
    return;  // its appearance brings us back
  }
  number_revisions(context, *deployment, *current, owned);
  if (old_pods == 0) {
    scale(context, *current, wanted);
  } else if (!kube::get_bool(*deployment, "spec.paused")) {
    const std::int64_t size = kube::get_int(*current, "spec.replicas", 1);
    const std::int64_t room = wanted + surge - total;
    if (!recreate && room > 0 && size < wanted)
      scale(context, *current, std::min<std::int64_t>(wanted, size + room));
    std::int64_t removable = recreate ? old_pods : available - (wanted - unavailable);
    for (const auto& rs : owned) {
      if (rs == current || removable <= 0) continue;
      const std::int64_t old_size = kube::get_int(*rs, "spec.replicas", 1);
      const std::int64_t drop = std::min(old_size, removable);
      if (drop > 0) scale(context, *rs, old_size - drop);
      removable -= drop;
    }
  }
  if (auto fresh = context.server.get(kube::kDeployments, key))
    write_status(context, *fresh, current, owned);
}

}  // namespace sluice::apiserver
