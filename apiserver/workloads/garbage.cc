// Garbage collection by owner references, and the emptying of namespaces.
#include <algorithm>

#include "apiserver/workloads/context.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::apiserver {

namespace {

bool has_finalizer(const Json& object, std::string_view name) {
  const Json* list = kube::find_path(object, "metadata.finalizers");
  if (list == nullptr || !list->is_array()) return false;
  return std::any_of(list->begin(), list->end(), [&](const Json& item) {
    return item.is_string() && item.get<std::string>() == name;
  });
}

void drop_finalizer(Context& context, const AnyRef& ref, const Json& object,
                    std::string_view name) {
  Json rest = Json::array();
  for (const auto& item : *kube::find_path(object, "metadata.finalizers"))
    if (item.get<std::string>() != name) rest.push_back(item);
  context.merge(*ref.type, ref.key, {{"metadata", {{"finalizers", rest}}}});
}

// References of `object` that do not name this owner.
Json other_owners(const Json& object, const std::string& owner_uid) {
  Json rest = Json::array();
  for (const auto& owner : *kube::find_path(object, "metadata.ownerReferences"))
    if (kube::get_string(owner, "uid") != owner_uid) rest.push_back(owner);
  return rest;
}

void collect(Context& context, const AnyRef& ref, const std::string& owner_uid) {
  const Object object = context.server.get(*ref.type, ref.key);
  if (!object || being_deleted(*object)) return;
  const Json rest = other_owners(*object, owner_uid);
  const bool other_lives = std::any_of(rest.begin(), rest.end(), [&](const Json& owner) {
    return context.uid_exists(kube::get_string(owner, "uid"));
  });
  if (other_lives) {
    context.merge(*ref.type, ref.key, {{"metadata", {{"ownerReferences", rest}}}});
  } else {
    context.remove(*ref.type, ref.key, uid_of(*object));
  }
}

// The owner is there, but is being deleted in the foreground or leaves its dependents as orphans.
void finish_owner(Context& context, const AnyRef& ref, const Json& owner) {
  const std::string uid = uid_of(owner);
  if (has_finalizer(owner, "orphan")) {
    for (const auto& dependent : context.dependents(uid)) {
      const Object object = context.server.get(*dependent.type, dependent.key);
      if (!object) continue;
      const Json rest = other_owners(*object, uid);
      context.merge(*dependent.type, dependent.key,
                    {{"metadata", {{"ownerReferences", rest.empty() ? Json(nullptr) : rest}}}});
    }
    drop_finalizer(context, ref, owner, "orphan");
    return;
  }
  if (!has_finalizer(owner, "foregroundDeletion")) return;
  for (const auto& dependent : context.dependents(uid)) collect(context, dependent, uid);
  if (context.dependents(uid).empty()) drop_finalizer(context, ref, owner, "foregroundDeletion");
}

}  // namespace

void step_garbage(Context& context, const std::string& owner_uid) {
  if (const AnyRef* ref = context.find_uid(owner_uid)) {
    const AnyRef copy = *ref;
    if (const Object owner = context.server.get(*copy.type, copy.key);
        owner && being_deleted(*owner))
      finish_owner(context, copy, *owner);
    return;
  }
  for (const auto& dependent : context.dependents(owner_uid))
    collect(context, dependent, owner_uid);
}

void step_namespace(Context& context, const kube::ObjectKey& key) {
  const Object ns = context.server.get(kube::kNamespaces, key);
  if (!ns || !being_deleted(*ns)) return;
  const auto content = context.in_namespace(key.name);
  for (const auto& ref : content) {
    const Object object = context.server.get(*ref.type, ref.key);
    if (object && !being_deleted(*object)) context.remove(*ref.type, ref.key, uid_of(*object));
  }
  if (!context.in_namespace(key.name).empty())
    return;  // pods are still stopping; their end brings us back
  kube::Write write;
  write.type = kube::kNamespaces;
  write.key = key;
  write.subresource = "finalize";
  write.verb = kube::Verb::Update;
  Json body = *ns;
  body["spec"]["finalizers"] = Json::array();
  write.body = kube::dump(body);
  write.purpose = "workload";
  static_cast<void>(context.server.write(write));
}

}  // namespace sluice::apiserver
