// Patches: merge, JSON, strategic, and server-side apply.
#include "kube/json/patch.h"
#include "apiserver/server/core.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

Failure unprocessable(const std::string& why) {
  Failure f;
  f.code = 422;
  f.reason = "Invalid";
  f.message = "the server rejected our request due to an error in our request: " + why;
  return f;
}

// A uid never changes, so a patch that names another one is invalid; only PUT takes it for a
// precondition. The status endpoint of custom kinds reads no metadata but the version.
std::optional<Failure> patch_foreign_uid(const WriteContext& c, const Json& old, Json& object) {
  const std::string uid = kube::get_string(object, "metadata.uid");
  if (uid.empty() || uid == kube::get_string(old, "metadata.uid")) return std::nullopt;
  const std::string version = kube::get_string(object, "metadata.resourceVersion");
  if (!version.empty() && version != kube::get_string(old, "metadata.resourceVersion"))
    return stale_version(c.subject(), c.key.name);
  if (c.def->custom && c.subresource == "status") {
    object["metadata"]["uid"] = old["metadata"]["uid"];
    return std::nullopt;
  }
  return invalid(
      c.subject(), c.key.name,
      {invalid_value("metadata.uid", kube::dump(object["metadata"]["uid"]), "field is immutable")});
}

}  // namespace

Outcome<Json> patched(Json document, PatchType type, const Json& body, const Schema* kind) {
  if (type == PatchType::Operations) {
    if (!body.is_array())
      return refuse(
          bad_request("error decoding patch: json: cannot unmarshal object into Go value of type "
                      "jsonpatch.Patch"));
    if (Status done = kube::apply_json_patch(document, body); !done)
      return refuse(unprocessable(done.error().message));
  } else if (!body.is_object()) {
    return refuse(bad_request("error decoding patch: the patch must be a JSON object"));
  } else if (type == PatchType::Strategic) {
    if (Status done = kube::apply_strategic_patch(document, body, NativeMergeKeys(kind)); !done)
      return refuse(bad_request(done.error().message));
  } else {
    kube::apply_merge_patch(document, body);
  }
  return document;
}

Outcome<ObjectPtr> Core::patch(WriteContext& c, PatchType type, const Json& body) {
  if (type == PatchType::Apply) return apply(c, body);
  if (type == PatchType::Strategic && c.def->custom)
    return refuse(unsupported_media_type("application/strategic-merge-patch+json"));
  const ObjectPtr old = find(*c.def, c.key);
  if (!old) return refuse(not_found(c.subject(), c.key.name));
  Outcome<Json> edited =
      patched(present(*c.def, c.version->name, *old), type, body, c.version->schema);
  if (!edited) return refuse(edited.error());
  Json& object = *edited;
  // A resourceVersion that the patch took away means: whatever is stored.
  if (object.is_object() && object.contains("metadata") && object["metadata"].is_object() &&
      kube::get_string(object, "metadata.resourceVersion").empty())
    object["metadata"]["resourceVersion"] = (*old)["metadata"]["resourceVersion"];
  if (auto failure = patch_foreign_uid(c, *old, object)) return refuse(std::move(*failure));
  return update(c, std::move(object));
}

Outcome<ObjectPtr> Core::apply(WriteContext& c, const Json& body) {
  if (!body.is_object())
    return refuse(bad_request("error decoding YAML: the applied configuration must be an object"));
  if (kube::get_string(body, "apiVersion").empty() || kube::get_string(body, "kind").empty())
    return refuse(bad_request("Object 'Kind' is missing in the applied configuration"));
  const Json* managed = kube::find_path(body, "metadata.managedFields");
  if (managed != nullptr && !managed->is_null() && !managed->empty())
    return refuse(bad_request("metadata.managedFields must be nil"));
  const std::string name = kube::get_string(body, "metadata.name");
  if (!name.empty() && name != c.key.name)
    return refuse(bad_request(fmt::format(
        "the name of the object ({}) does not match the name on the URL ({})", name, c.key.name)));

  // Only what this endpoint may write counts as applied.
  Json wanted = body;
  if (c.subresource == "status") {
    wanted = {{"apiVersion", body["apiVersion"]},
              {"kind", body["kind"]},
              {"metadata", {{"name", c.key.name}}}};
    if (body.contains("status")) wanted["status"] = body["status"];
  } else if (c.version->status) {
    wanted.erase("status");
  }
  const ObjectPtr old = find(*c.def, c.key);
  if (!old && !c.subresource.empty()) return refuse(not_found(c.subject(), c.key.name));
  const Json live = old ? present(*c.def, c.version->name, *old)
                        : Json({{"apiVersion", body["apiVersion"]},
                                {"kind", body["kind"]},
                                {"metadata", Json::object()}});
  const std::string precondition_version = kube::get_string(body, "metadata.resourceVersion");
  const std::string precondition_uid = kube::get_string(body, "metadata.uid");
  if (!old && !precondition_uid.empty())
    return refuse(conflict(c.subject(), c.key.name,
                           "uid mismatch: the provided object specified uid " + precondition_uid +
                               ", and no existing object was found"));

  Managers managers = old ? Managers::read(*old) : Managers();
  Outcome<Json> merged = apply_configuration(c.version->schema, live, wanted, managers,
                                             c.manager_id(true), c.force, now_text());
  if (!merged) return refuse(merged.error());
  if (old) {
    (*merged)["metadata"]["resourceVersion"] = precondition_version.empty()
                                                   ? (*old)["metadata"]["resourceVersion"]
                                                   : Json(precondition_version);
    if (!precondition_uid.empty()) (*merged)["metadata"]["uid"] = precondition_uid;
    (*merged)["metadata"].erase("managedFields");
    if (auto failure = patch_foreign_uid(c, *old, *merged)) return refuse(std::move(*failure));
  }
  Outcome<Json> decoded = decode(c, std::move(*merged));
  if (!decoded) return refuse(decoded.error());
  (*decoded)["metadata"]["name"] = c.key.name;
  return old ? update_decoded(c, old, std::move(*decoded), &managers)
             : create_decoded(c, std::move(*decoded), &managers);
}

}  // namespace sluice::apiserver::server
