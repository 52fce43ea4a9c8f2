// Create and update: decode, default, check, own, store.
#include <algorithm>

#include "apiserver/server/core.h"
#include "apiserver/server/strategy.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

constexpr const char* kSystemFields[] = {
    "uid",      "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
    "selfLink", "generation",        "managedFields"};

std::string with_suffix(const std::string& prefix, Rng& rng) {
  static constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string name = prefix.substr(0, 58);
  for (int i = 0; i < 5; ++i) name += kAlphabet[rng.below(kAlphabet.size())];
  return name;
}

// Whether a write moves metadata.generation.
bool moves_generation(const ResourceDef& def, bool status_subresource, const Json& before,
                      const Json& after) {
  const bool without_status = !def.custom || status_subresource;
  const auto counts = [without_status](const std::string& key) {
    return key != "metadata" && key != "apiVersion" && !(without_status && key == "status");
  };
  for (const auto& [key, value] : after.items()) {
    if (!counts(key)) continue;
    const auto old = before.find(key);
    if (old == before.end() || *old != value) return true;
  }
  for (const auto& [key, value] : before.items())
    if (counts(key) && !after.contains(key)) return true;
  return false;
}

std::optional<Failure> unknown_fields(WriteContext& c, const std::vector<std::string>& unknown) {
  if (unknown.empty() || c.strictness == Strictness::Ignore) return std::nullopt;
  std::string text;
  for (const std::string& path : unknown) {
    if (!text.empty()) text += ", ";
    text += "unknown field \"" + path + "\"";
    if (c.strictness == Strictness::Warn) c.warnings.push_back("unknown field \"" + path + "\"");
  }
  if (c.strictness == Strictness::Warn) return std::nullopt;
  if (c.def->custom)
    return bad_request(
        fmt::format("{} in version \"{}\" cannot be handled as a {}: strict decoding error: {}",
                    c.def->kind, c.version->name, c.def->kind, text));
  return bad_request(
      fmt::format("{0} in version \"{1}\" cannot be handled as a {0}: strict decoding error: {2}",
                  c.def->kind, c.version->name, text));
}

// apiVersion and kind must be those of the address; built-in kinds may leave them out.
std::optional<Failure> check_envelope(const WriteContext& c, Json& object) {
  const std::string want = c.def->api_version(c.version->name);
  const std::string got_version = kube::get_string(object, "apiVersion"),
                    got_kind = kube::get_string(object, "kind");
  if (c.def->custom && got_kind.empty())
    return bad_request("Object 'Kind' is missing in '" + kube::dump(object).substr(0, 200) + "'");
  if (!got_kind.empty() && got_kind != c.def->kind) {
    if (c.def->custom)
      return bad_request(
          fmt::format("invalid object type: no kind \"{}\" is registered for {}", got_kind, want));
    return bad_request(
        fmt::format("{} in version \"{}\" cannot be handled as a {}: no kind \"{}\" is registered "
                    "for version \"{}\"",
                    got_kind, c.version->name, c.def->kind, got_kind, want));
  }
  if (!got_version.empty() && got_version != want)
    return bad_request(
        fmt::format("the API version in the data ({}) does not match the expected API version ({})",
                    got_version, want));
  object["apiVersion"] = want;
  object["kind"] = c.def->kind;
  return std::nullopt;
}

}  // namespace

Outcome<Json> Core::decode(WriteContext& c, Json object) const {
  if (!object.is_object())
    return refuse(
        bad_request("the object provided is unrecognized (must be of type " + c.def->kind + ")"));
  if (auto failure = check_envelope(c, object)) return refuse(std::move(*failure));
  if (!object.contains("metadata") || object["metadata"].is_null())
    object["metadata"] = Json::object();
  NativeDecode decoded;
  if (c.def->custom) {
    static const Schema kEnvelope = [] {
      Schema s;
      s.type = Schema::Type::Object;
      s.go_type = "ObjectMeta";
      return s;
    }();
    Json head = {{"metadata", std::move(object["metadata"])}};
    normalize_native(kEnvelope, head, decoded);
    object["metadata"] = std::move(head["metadata"]);
    if (c.version->schema != nullptr) {
      prune(*c.version->schema, object, &decoded.unknown);
      apply_defaults(*c.version->schema, object);
    }
  } else if (c.version->schema != nullptr) {
    // Events of both groups share one table; the other name's members come in by conversion.
    if (c.def->group == "events.k8s.io") to_storage(*c.def, c.version->name, object);
    normalize_native(*c.version->schema, object, decoded);
  }
  if (!decoded.error.empty())
    return refuse(bad_request(fmt::format("{0} in version \"{1}\" cannot be handled as a {0}: {2}",
                                          c.def->kind, c.version->name, decoded.error)));
  if (auto failure = unknown_fields(c, decoded.unknown)) return refuse(std::move(*failure));
  to_storage(*c.def, c.version->name, object);
  if (c.def->custom) object["apiVersion"] = c.def->api_version(c.def->storage_version);
  const std::string ns = kube::get_string(object, "metadata.namespace");
  if (!ns.empty() && ns != c.key.namespace_) {
    if (!c.def->namespaced)
      object["metadata"].erase("namespace");
    else
      return refuse(bad_request(
          "the namespace of the provided object does not match the namespace sent on the request"));
  }
  if (c.def->namespaced) object["metadata"]["namespace"] = c.key.namespace_;
  return object;
}

std::optional<Failure> Core::namespace_refusal(const WriteContext& c,
                                               const std::string& name) const {
  if (!c.def->namespaced) return std::nullopt;
  const DefPtr namespaces = registry_.find("", "namespaces");
  const Item* item = store_.find(namespaces->bucket, {"", c.key.namespace_});
  if (item == nullptr) return not_found(namespaces->subject(), c.key.namespace_);
  if (!(*item->object)["metadata"].contains("deletionTimestamp")) return std::nullopt;
  Failure f = forbidden(
      c.subject(), name,
      fmt::format("unable to create new content in namespace {} because it is being terminated",
                  c.key.namespace_));
  f.causes.push_back({"NamespaceTerminating",
                      fmt::format("namespace {} is being terminated", c.key.namespace_),
                      "metadata.namespace"});
  return f;
}

Outcome<ObjectPtr> Core::create(WriteContext& c, Json object) {
  Outcome<Json> decoded = decode(c, std::move(object));
  if (!decoded) return refuse(decoded.error());
  return create_decoded(c, std::move(*decoded), nullptr);
}

Outcome<ObjectPtr> Core::create_decoded(WriteContext& c, Json object, const Managers* managers) {
  Json& metadata = object["metadata"];
  std::string name = kube::get_string(metadata, "name");
  if (!c.key.name.empty() && name.empty()) name = c.key.name;
  if (auto failure = namespace_refusal(c, name)) return refuse(std::move(*failure));
  if (!kube::get_string(metadata, "resourceVersion").empty()) {
    Failure f;
    f.message = "resourceVersion should not be set on objects to be created";
    return refuse(std::move(f));
  }
  const std::string prefix = kube::get_string(metadata, "generateName");
  if (name.empty() && !prefix.empty()) name = with_suffix(prefix, rng_);
  for (const char* field : kSystemFields) metadata.erase(field);
  metadata.erase("resourceVersion");
  if (!name.empty()) metadata["name"] = name;
  metadata["uid"] = new_uid();
  metadata["creationTimestamp"] = now_text();
  if (c.def->custom || c.def->generation) metadata["generation"] = 1;
  if (c.version->status) object.erase("status");
  finish(c, object, nullptr);
  if (auto failure = check(c, object, nullptr)) return refuse(std::move(*failure));
  c.key.name = name;
  if (store_.find(c.def->bucket, c.key) != nullptr)
    return refuse(already_exists(c.subject(), name));
  if (managers != nullptr) {
    managers->write(object);
  } else if (options_.managed_fields) {
    Managers fresh;
    fresh.record_update(c.manager_id(false), c.version->schema, Json::object(), object, now_text());
    fresh.write(object);
  }
  c.created = true;
  if (c.dry_run) return std::make_shared<const Json>(std::move(object));
  (void)commit(*c.def, c.key, std::move(object));
  return store_.find(c.def->bucket, c.key)->object;
}

void Core::finish(const WriteContext& c, Json& object, const Json* old) {
  if (c.def->custom) return;
  apply_native_defaults(*c.def, object);
  allocate(*c.def, object, old, rng_, now_text());
  if (c.def->stored().schema == nullptr) return;
  NativeDecode ignored;
  normalize_native(*c.def->stored().schema, object, ignored);
}

std::optional<Failure> Core::check(const WriteContext& c, const Json& object,
                                   const Json* old) const {
  std::vector<Cause> causes;
  validate_meta(*c.def, object, old, causes);
  if (c.def->custom) {
    const Schema* schema = c.def->stored().schema;
    if (schema != nullptr) validate(*schema, object, "", causes);
  } else if (c.subresource.empty()) {
    validate_native(*c.def, object, old, causes);
  }
  if (causes.empty()) return std::nullopt;
  return invalid(c.subject(), kube::get_string(object, "metadata.name"), std::move(causes));
}

Outcome<ObjectPtr> Core::update(WriteContext& c, Json object) {
  Outcome<Json> decoded = decode(c, std::move(object));
  if (!decoded) return refuse(decoded.error());
  const std::string name = kube::get_string(*decoded, "metadata.name");
  if (!name.empty() && name != c.key.name)
    return refuse(bad_request(fmt::format(
        "the name of the object ({}) does not match the name on the URL ({})", name, c.key.name)));
  (*decoded)["metadata"]["name"] = c.key.name;
  const ObjectPtr old = find(*c.def, c.key);
  if (old) return update_decoded(c, old, std::move(*decoded), nullptr);
  if (!c.def->create_on_update || !c.subresource.empty())
    return refuse(not_found(c.subject(), c.key.name));
  return create_decoded(c, std::move(*decoded), nullptr);
}

std::optional<Failure> Core::check_preconditions(const WriteContext& c, const Json& old,
                                                 Json& object) const {
  const std::string uid = kube::get_string(object, "metadata.uid"),
                    current_uid = kube::get_string(old, "metadata.uid");
  if (!uid.empty() && uid != current_uid)
    return conflict(
        c.subject(), c.key.name,
        fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", uid,
                    current_uid));
  const std::string version = kube::get_string(object, "metadata.resourceVersion");
  if (version.empty() && !c.def->unconditional_update)
    return invalid(
        c.subject(), c.key.name,
        {invalid_value("metadata.resourceVersion", "0x0", "must be specified for an update")});
  if (!version.empty() && version != kube::get_string(old, "metadata.resourceVersion"))
    return stale_version(c.subject(), c.key.name);
  object["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"];
  return std::nullopt;
}

// What an update of this endpoint may not touch comes from the stored object.
void Core::carry_over(const WriteContext& c, const Json& old, Json& object) const {
  if (c.subresource == "status") {
    const Json status = object.value("status", Json());
    const Json managed = object["metadata"].value("managedFields", Json());
    object = old;
    if (status.is_null())
      object.erase("status");
    else
      object["status"] = status;
    if (!managed.is_null()) object["metadata"]["managedFields"] = managed;
    return;
  }
  if (c.subresource == "finalize") {
    const Json finalizers = object["spec"].value("finalizers", Json::array());
    object = old;
    if (finalizers.empty())
      object["spec"].erase("finalizers");
    else
      object["spec"]["finalizers"] = finalizers;
    return;
  }
  Json& metadata = object["metadata"];
  const Json& before = old["metadata"];
  for (const char* field :
       {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink",
        "generation", "generateName"}) {
    if (before.contains(field))
      metadata[field] = before[field];
    else if (std::string_view(field) != "generateName")
      metadata.erase(field);
  }
  if (c.version->status) {
    if (old.contains("status"))
      object["status"] = old["status"];
    else
      object.erase("status");
  }
  if (c.def->bucket == "/namespaces" && c.subresource.empty()) object["spec"] = old["spec"];
}

Outcome<ObjectPtr> Core::update_decoded(WriteContext& c, const ObjectPtr& old, Json object,
                                        const Managers* managers) {
  if (auto failure = check_preconditions(c, *old, object)) return refuse(std::move(*failure));
  carry_over(c, *old, object);
  finish(c, object, old.get());
  const bool status_subresource = c.def->stored().status;
  const bool counts = c.def->custom || c.def->generation;
  if (counts && moves_generation(*c.def, status_subresource, *old, object))
    object["metadata"]["generation"] = kube::get_int(*old, "metadata.generation") + 1;
  if (auto failure = check(c, object, old.get())) return refuse(std::move(*failure));

  // Ownership. Explicit managedFields replace what is recorded; [] or [{}] forgets it all.
  const Managers before = Managers::read(*old);
  Managers after = managers != nullptr                            ? *managers
                   : object["metadata"].contains("managedFields") ? Managers::read(object)
                                                                  : before;
  if (managers == nullptr && options_.managed_fields)
    after.record_update(c.manager_id(false), c.def->stored().schema, *old, object, now_text());
  object["metadata"]["managedFields"] = (*old)["metadata"].value("managedFields", Json());
  if (object["metadata"]["managedFields"].is_null()) object["metadata"].erase("managedFields");
  if (object == *old && after.same_fields(before)) return old;
  after.write(object);

  const bool finalized = object["metadata"].value("finalizers", Json::array()).empty();
  const bool deleting = object["metadata"].contains("deletionTimestamp");
  const bool waiting = kube::get_int(object, "metadata.deletionGracePeriodSeconds") > 0;
  const bool held =
      c.def->bucket == "/namespaces" && !object["spec"].value("finalizers", Json::array()).empty();
  if (c.dry_run) return std::make_shared<const Json>(std::move(object));
  if (deleting && finalized && !waiting && !held) {
    auto last = std::make_shared<const Json>(object);
    commit_removal(*c.def, c.key, std::move(object));
    return last;
  }
  (void)commit(*c.def, c.key, std::move(object));
  return store_.find(c.def->bucket, c.key)->object;
}

}  // namespace sluice::apiserver::server
