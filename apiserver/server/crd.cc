// CustomResourceDefinitions: from object to definition.
#include <algorithm>

#include "apiserver/server/registry.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

std::vector<std::string> string_list(const Json* list) {
  std::vector<std::string> out;
  if (list != nullptr && list->is_array())
    for (const Json& entry : *list)
      if (entry.is_string()) out.push_back(entry.get<std::string>());
  return out;
}

std::string undotted(std::string path) {
  if (!path.empty() && path.front() == '.') path.erase(0, 1);
  return path;
}

std::vector<Column> columns_of(const Json& version) {
  std::vector<Column> out;
  const Json* list = kube::find(version, "additionalPrinterColumns");
  if (list == nullptr || !list->is_array()) {
    Column age{"Age", "date"};
    age.json_path = ".metadata.creationTimestamp";
    out.push_back(age);
    return out;
  }
  for (const Json& entry : *list) {
    Column column;
    column.name = kube::get_string(entry, "name");
    column.type = kube::get_string(entry, "type", "string");
    column.format = kube::get_string(entry, "format");
    column.description = kube::get_string(entry, "description");
    column.json_path = kube::get_string(entry, "jsonPath");
    column.priority = static_cast<int>(kube::get_int(entry, "priority"));
    out.push_back(std::move(column));
  }
  return out;
}

Version version_of(const Json& entry, SchemaArena& arena) {
  Version version;
  version.name = kube::get_string(entry, "name");
  version.served = kube::get_bool(entry, "served");
  if (const Json* schema = kube::find_path(entry, "schema.openAPIV3Schema"); schema != nullptr)
    version.schema = compile_schema(*schema, arena);
  version.status = kube::find_path(entry, "subresources.status") != nullptr;
  if (kube::find_path(entry, "subresources.scale") != nullptr)
    version.scale =
        ScalePaths{undotted(kube::get_string(entry, "subresources.scale.specReplicasPath")),
                   undotted(kube::get_string(entry, "subresources.scale.statusReplicasPath")),
                   undotted(kube::get_string(entry, "subresources.scale.labelSelectorPath"))};
  version.columns = columns_of(entry);
  return version;
}

Json condition(const char* type, const char* reason, const char* message, const std::string& now) {
  return {{"type", type},
          {"status", "True"},
          {"lastTransitionTime", now},
          {"reason", reason},
          {"message", message}};
}

void set_condition(Json& conditions, Json fresh) {
  for (Json& existing : conditions)
    if (existing.value("type", Json()) == fresh["type"]) {
      if (existing.value("status", Json()) == fresh["status"])
        fresh["lastTransitionTime"] =
            existing.value("lastTransitionTime", fresh["lastTransitionTime"]);
      existing = std::move(fresh);
      return;
    }
  conditions.push_back(std::move(fresh));
}

void validate_versions(const Json& crd, std::vector<Cause>& out) {
  const Json* versions = kube::find_path(crd, "spec.versions");
  if (versions == nullptr || !versions->is_array() || versions->empty()) {
    out.push_back(required("spec.versions"));
    return;
  }
  int storage = 0;
  for (std::size_t i = 0; i < versions->size(); ++i) {
    const Json& version = (*versions)[i];
    const std::string path = "spec.versions[" + std::to_string(i) + "]";
    if (kube::get_string(version, "name").empty()) out.push_back(required(path + ".name"));
    if (kube::get_bool(version, "storage")) ++storage;
    const Json* schema = kube::find_path(version, "schema.openAPIV3Schema");
    if (schema == nullptr)
      out.push_back(required(path + ".schema.openAPIV3Schema", "schemas are required"));
    else if (kube::get_string(*schema, "type") != "object")
      out.push_back(
          kube::get_string(*schema, "type").empty()
              ? required(path + ".schema.openAPIV3Schema.type", "must not be empty at the root")
              : invalid_value(path + ".schema.openAPIV3Schema.type",
                              kube::dump(*kube::find(*schema, "type")),
                              "must be object at the root"));
  }
  if (storage != 1)
    out.push_back(invalid_value("spec.versions", kube::dump(*versions).substr(0, 60),
                                "must have exactly one version marked as storage version"));
}

}  // namespace

DefPtr compile_crd(const Json& crd, std::uint64_t epoch) {
  auto def = std::make_shared<ResourceDef>();
  auto arena = std::make_shared<SchemaArena>();
  def->group = kube::get_string(crd, "spec.group");
  def->resource = kube::get_string(crd, "spec.names.plural");
  def->kind = kube::get_string(crd, "spec.names.kind");
  def->list_kind = kube::get_string(crd, "spec.names.listKind", def->kind + "List");
  def->singular = kube::get_string(crd, "spec.names.singular", to_lower(def->kind));
  def->short_names = string_list(kube::find_path(crd, "spec.names.shortNames"));
  def->categories = string_list(kube::find_path(crd, "spec.names.categories"));
  def->namespaced = kube::get_string(crd, "spec.scope") == "Namespaced";
  def->custom = true;
  def->unconditional_update = false;
  def->bucket = def->group + "/" + def->resource;
  def->epoch = epoch;
  const Json* versions = kube::find_path(crd, "spec.versions");
  if (versions == nullptr || !versions->is_array()) return nullptr;
  for (const Json& entry : *versions) {
    Version version = version_of(entry, *arena);
    if (kube::get_bool(entry, "storage")) def->storage_version = version.name;
    def->versions.push_back(std::move(version));
  }
  def->keep = arena;
  if (def->resource.empty() || def->version(def->storage_version) == nullptr) return nullptr;
  return def;
}

std::vector<Cause> validate_crd(const Json& crd) {
  std::vector<Cause> out;
  const std::string group = kube::get_string(crd, "spec.group");
  const std::string plural = kube::get_string(crd, "spec.names.plural");
  const std::string name = kube::get_string(crd, "metadata.name");
  if (name != plural + "." + group)
    out.push_back(invalid_value("metadata.name", "\"" + name + "\"",
                                "must be spec.names.plural+\".\"+spec.group"));
  if (group.empty()) out.push_back(required("spec.group"));
  const std::string scope = kube::get_string(crd, "spec.scope");
  if (scope.empty())
    out.push_back(required("spec.scope"));
  else if (scope != "Namespaced" && scope != "Cluster")
    out.push_back(unsupported_value("spec.scope", "\"" + scope + "\"", {"Cluster", "Namespaced"}));
  if (plural.empty()) out.push_back(required("spec.names.plural"));
  if (kube::get_string(crd, "spec.names.kind").empty()) out.push_back(required("spec.names.kind"));
  validate_versions(crd, out);
  return out;
}

void default_crd(Json& crd) {
  Json& spec = crd["spec"];
  if (!spec.contains("names") || !spec["names"].is_object()) return;
  Json& names = spec["names"];
  const std::string kind = kube::get_string(names, "kind");
  if (kube::get_string(names, "singular").empty() && !kind.empty())
    names["singular"] = to_lower(kind);
  if (kube::get_string(names, "listKind").empty() && !kind.empty())
    names["listKind"] = kind + "List";
  if (!spec.contains("conversion")) spec["conversion"] = {{"strategy", "None"}};
}

void establish_crd(Json& crd, const std::string& now) {
  Json& status = crd["status"];
  if (!status.is_object()) status = Json::object();
  status["acceptedNames"] = crd["spec"]["names"];
  Json& conditions = status["conditions"];
  if (!conditions.is_array()) conditions = Json::array();
  set_condition(conditions, condition("NamesAccepted", "NoConflicts", "no conflicts found", now));
  set_condition(conditions, condition("Established", "InitialNamesAccepted",
                                      "the initial names have been accepted", now));
  Json& stored = status["storedVersions"];
  if (!stored.is_array()) stored = Json::array();
  for (const Json& version : crd["spec"]["versions"]) {
    if (!kube::get_bool(version, "storage")) continue;
    const Json name = version["name"];
    if (std::find(stored.begin(), stored.end(), name) == stored.end()) stored.push_back(name);
  }
}

}  // namespace sluice::apiserver::server
