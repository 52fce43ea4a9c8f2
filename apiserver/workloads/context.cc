#include "apiserver/workloads/context.h"

#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::apiserver {

std::string uid_of(const Json& object) {
  return kube::get_string(object, "metadata.uid");
}
kube::ObjectKey key_of(const Json& object) {
  return {kube::get_string(object, "metadata.namespace"),
          kube::get_string(object, "metadata.name")};
}

namespace {
StringMap string_map(const Json* map) {
  StringMap out;
  if (map == nullptr || !map->is_object()) return out;
  for (const auto& [name, value] : map->items())
    if (value.is_string()) out[name] = value.get<std::string>();
  return out;
}
}  // namespace

StringMap labels_of(const Json& object) {
  return string_map(kube::find_path(object, "metadata.labels"));
}

kube::LabelSelector selector_from_map(const Json* map) {
  kube::LabelSelector out;
  out.match_labels = string_map(map);
  return out;
}

kube::LabelSelector selector_of(const Json& object, std::string_view path) {
  const Json* node = kube::find_path(object, path);
  if (node == nullptr) return {};
  auto document = kube::Document::parse(kube::dump(*node));
  return document ? kube::decode_selector(document->root()) : kube::LabelSelector{};
}

bool being_deleted(const Json& object) {
  return kube::find_path(object, "metadata.deletionTimestamp") != nullptr;
}

const Json* controller_of(const Json& object) {
  const Json* owners = kube::find_path(object, "metadata.ownerReferences");
  if (owners == nullptr || !owners->is_array()) return nullptr;
  for (const auto& owner : *owners)
    if (kube::get_bool(owner, "controller")) return &owner;
  return nullptr;
}

Json owner_reference(const Json& owner, std::string_view api_version, std::string_view kind) {
  return {{"apiVersion", api_version}, {"kind", kind},       {"name", key_of(owner).name},
          {"uid", uid_of(owner)},      {"controller", true}, {"blockOwnerDeletion", true}};
}

const Json* condition_of(const Json& object, std::string_view type) {
  const Json* conditions = kube::find_path(object, "status.conditions");
  if (conditions == nullptr || !conditions->is_array()) return nullptr;
  for (const auto& condition : *conditions)
    if (kube::get_string(condition, "type") == type) return &condition;
  return nullptr;
}

bool same_status(const Json& object, const Json& status) {
  const Json* stored = kube::find(object, "status");
  if (stored == nullptr) return false;
  for (const auto& [name, value] : status.items()) {
    const Json* old = kube::find(*stored, name);
    if (value.is_null() ? old != nullptr : old == nullptr || *old != value) return false;
  }
  return true;
}

bool pod_ready(const Json& pod) {
  const Json* ready = condition_of(pod, "Ready");
  return ready != nullptr && kube::get_string(*ready, "status") == "True";
}

bool pod_finished(const Json& pod) {
  const std::string phase = kube::get_string(pod, "status.phase");
  return phase == "Succeeded" || phase == "Failed";
}

std::optional<WallTime> pod_ready_since(const Json& pod) {
  const Json* ready = condition_of(pod, "Ready");
  if (ready == nullptr || kube::get_string(*ready, "status") != "True") return std::nullopt;
  auto time = parse_rfc3339(kube::get_string(*ready, "lastTransitionTime"));
  return time ? std::optional<WallTime>(*time) : std::nullopt;
}

const kube::ResourceType* Context::intern(const Change& change) {
  auto it = types_.find(change.group + "/" + change.resource);
  if (it != types_.end()) return &it->second;
  const auto keep = [this](std::string text) {
    return std::string_view(*names_.insert(std::move(text)).first);
  };
  const std::string api_version = kube::get_string(*change.object, "apiVersion");
  const auto slash = api_version.find('/');
  kube::ResourceType type;
  type.group = keep(change.group);
  type.version = keep(slash == std::string::npos ? api_version : api_version.substr(slash + 1));
  type.resource = keep(change.resource);
  type.kind = keep(kube::get_string(*change.object, "kind"));
  type.namespaced = !change.key.namespace_.empty();
  return &types_.emplace(change.group + "/" + change.resource, type).first->second;
}

void Context::on_change(const Change& change) {
  const AnyRef ref{intern(change), change.key};
  const Json& object = *change.object;
  const std::string uid = uid_of(object);
  const std::string& ns = change.key.namespace_;

  for (const auto& owner : owners_of_[ref]) by_owner_[owner].erase(ref);
  owners_of_.erase(ref);
  if (change.kind == Change::Kind::Deleted) {
    uids_.erase(uid);
    by_namespace_[ns].erase(ref);
    if (auto it = by_owner_.find(uid); it != by_owner_.end() && !it->second.empty())
      mark({Task::Garbage, {}, uid});
  } else {
    uids_[uid] = ref;
    by_namespace_[ns].insert(ref);
    if (const Json* owners = kube::find_path(object, "metadata.ownerReferences");
        owners != nullptr && owners->is_array()) {
      for (const auto& owner : *owners) {
        const std::string owner_uid = kube::get_string(owner, "uid");
        by_owner_[owner_uid].insert(ref);
        owners_of_[ref].push_back(owner_uid);
        if (!uids_.contains(owner_uid)) mark({Task::Garbage, {}, owner_uid});
      }
    }
    if (being_deleted(object)) mark({Task::Garbage, {}, uid});
  }

  // The deletion of a dependent may let a foreground deletion of its owner end.
  if (change.kind == Change::Kind::Deleted) {
    if (const Json* owners = kube::find_path(object, "metadata.ownerReferences");
        owners != nullptr && owners->is_array())
      for (const auto& owner : *owners) mark({Task::Garbage, {}, kube::get_string(owner, "uid")});
    if (!ns.empty()) mark({Task::Namespace, {"", ns}, ""});
  }

  if (change.group.empty() && change.resource == "pods") {
    for (const auto* state : {change.previous.get(), change.object.get()}) {
      if (state == nullptr) continue;
      if (const Json* owner = controller_of(*state)) {
        auto& owned = pods_by_owner_[kube::get_string(*owner, "uid")];
        if (state == change.object.get() && change.kind != Change::Kind::Deleted)
          owned.insert(change.key);
        else
          owned.erase(change.key);
        const std::string kind = kube::get_string(*owner, "kind");
        const kube::ObjectKey owner_key{ns, kube::get_string(*owner, "name")};
        if (kind == "ReplicaSet") mark({Task::ReplicaSet, owner_key, ""});
        if (kind == "Job") mark({Task::Job, owner_key, ""});
      }
    }
    if (change.kind != Change::Kind::Deleted) mark({Task::Pod, change.key, ""});
    const StringMap labels = labels_of(object);
    for (const auto& other : by_namespace_[ns]) {
      if (other.type->group.empty() && other.type->resource == "services")
        mark({Task::Service, other.key, ""});
      if (other.type->resource == "poddisruptionbudgets") mark({Task::Budget, other.key, ""});
    }
    return;
  }
  if (change.group == "apps" && change.resource == "replicasets") {
    mark({Task::ReplicaSet, change.key, ""});
    if (const Json* owner = controller_of(object);
        owner != nullptr && kube::get_string(*owner, "kind") == "Deployment")
      mark({Task::Deployment, {ns, kube::get_string(*owner, "name")}, ""});
  }
  if (change.group == "apps" && change.resource == "deployments")
    mark({Task::Deployment, change.key, ""});
  if (change.group == "batch" && change.resource == "jobs") mark({Task::Job, change.key, ""});
  if (change.group.empty() && change.resource == "services") mark({Task::Service, change.key, ""});
  if (change.resource == "poddisruptionbudgets") mark({Task::Budget, change.key, ""});
  if (change.group.empty() && change.resource == "namespaces")
    mark({Task::Namespace, change.key, ""});
}

std::vector<Object> Context::pods_owned_by(const std::string& ns, const std::string& uid) const {
  std::vector<Object> out;
  auto it = pods_by_owner_.find(uid);
  if (it == pods_by_owner_.end()) return out;
  for (const auto& key : it->second) {
    if (key.namespace_ != ns) continue;
    if (auto pod = server.get(kube::kPods, key)) out.push_back(std::move(pod));
  }
  return out;
}

std::vector<Object> Context::pods_matching(const std::string& ns,
                                           const kube::LabelSelector& selector) const {
  std::vector<Object> out;
  if (selector.empty()) return out;
  for (auto& pod : server.list(kube::kPods, ns))
    if (selector.matches(labels_of(*pod))) out.push_back(std::move(pod));
  return out;
}

std::vector<AnyRef> Context::dependents(const std::string& owner_uid) const {
  auto it = by_owner_.find(owner_uid);
  return it == by_owner_.end() ? std::vector<AnyRef>{}
                               : std::vector<AnyRef>{it->second.begin(), it->second.end()};
}

std::vector<AnyRef> Context::in_namespace(const std::string& ns) const {
  auto it = by_namespace_.find(ns);
  return it == by_namespace_.end() ? std::vector<AnyRef>{}
                                   : std::vector<AnyRef>{it->second.begin(), it->second.end()};
}

bool Context::create(const kube::ResourceType& type, const std::string& ns, const Json& body) {
  kube::Write write;
  write.type = type;
  write.key = {ns, kube::get_string(body, "metadata.name")};
  write.verb = kube::Verb::Create;
  write.body = kube::dump(body);
  write.purpose = "workload";
  return server.write(write).has_value();
}

bool Context::merge(const kube::ResourceType& type, const kube::ObjectKey& key, const Json& patch,
                    std::string subresource) {
  kube::Write write;
  write.type = type;
  write.key = key;
  write.subresource = std::move(subresource);
  write.verb = kube::Verb::MergePatch;
  write.body = kube::dump(patch);
  write.purpose = "workload";
  return server.write(write).has_value();
}

bool Context::remove(const kube::ResourceType& type, const kube::ObjectKey& key,
                     const std::string& uid, int grace_seconds) {
  kube::Write write;
  write.type = type;
  write.key = key;
  write.verb = kube::Verb::Delete;
  write.uid = uid;
  write.purpose = "workload";
  Json options = {
      {"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", "Background"}};
  if (grace_seconds >= 0) options["gracePeriodSeconds"] = grace_seconds;
  write.body = kube::dump(options);
  return server.write(write).has_value();
}

}  // namespace sluice::apiserver
