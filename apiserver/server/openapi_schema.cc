// OpenAPI schemas of the kinds served: built-in ones from the type table, custom ones from their
// CRD.
#include <algorithm>

#include "apiserver/server/openapi.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

constexpr std::string_view kMetaTypes[] = {"ObjectMeta", "OwnerReference", "LabelSelector",
                                           "SelectorRequirement", "Condition"};

std::string openapi_type_name(const std::string& go_type) {
  const bool meta = std::find(std::begin(kMetaTypes), std::end(kMetaTypes), go_type) !=
                    std::end(kMetaTypes);
  return (meta ? "io.k8s.apimachinery.pkg.apis.meta.v1." : "io.k8s.api.core.v1.") + go_type;
}

// "example.com" -> "com.example", "apps" -> "io.k8s.api.apps", "networking.k8s.io" ->
// "io.k8s.api.networking".
std::string openapi_package(const ResourceDef& def) {
  if (!def.custom)
    return "io.k8s.api." +
           (def.group.empty() ? "core" : def.group.substr(0, def.group.find('.')));
  std::vector<std::string> parts = split(def.group, '.');
  std::reverse(parts.begin(), parts.end());
  return join(parts, ".");
}

// How kubectl's client-side apply merges a list: what Kubernetes declares as patchStrategy on its
// Go types. Without it kubectl would replace lists whole.
void openapi_patch_strategy(const std::string& type, const std::string& field, const Schema& schema,
                            Json& out) {
  if (type == "DeploymentSpec" && field == "strategy") {
    out["x-kubernetes-patch-strategy"] = "retainKeys";
    return;
  }
  if (schema.type != Schema::Type::Array) return;
  const bool set =
      schema.list == Schema::ListKind::Set && (field == "finalizers" || field == "podCIDRs");
  if (schema.list != Schema::ListKind::Map && !set) return;
  out["x-kubernetes-patch-strategy"] = field == "volumes" ? "merge,retainKeys" : "merge";
  if (!set) out["x-kubernetes-patch-merge-key"] = schema.map_keys.front();
}

class NativeOpenApi {
 public:
  NativeOpenApi(const std::string& prefix, Json& types) : prefix_(prefix), types_(types) {}

  Json object(const Schema& schema) {
    Json out = {{"type", "object"}, {"properties", Json::object()}};
    if (schema.atomic_map) out["x-kubernetes-map-type"] = "atomic";
    for (const auto& [name, field] : schema.properties) {
      Json member = reference_or_schema(*field.schema);
      openapi_patch_strategy(schema.go_type, name, *field.schema, member);
      out["properties"][name] = std::move(member);
    }
    return out;
  }

  Json reference_or_schema(const Schema& schema) {
    const bool named =
        schema.type == Schema::Type::Object && !schema.is_map() && !schema.go_type.empty();
    return named ? reference(schema.go_type == "TemplateMeta" ? *native_type("ObjectMeta") : schema)
                 : unnamed(schema);
  }

 private:
  Json reference(const Schema& schema) {
    const std::string name = openapi_type_name(schema.go_type);
    if (!types_.contains(name)) {
      types_[name] = Json::object();  // types may refer to each other in a circle
      Json described = object(schema);
      types_[name] = std::move(described);
    }
    return {{"$ref", prefix_ + name}};
  }

  Json unnamed(const Schema& schema) {
    if (schema.type == Schema::Type::Object)
      return {{"type", "object"}, {"additionalProperties", reference_or_schema(*schema.additional)}};
    if (schema.type == Schema::Type::Array) {
      Json out = {{"type", "array"}, {"items", reference_or_schema(*schema.items)}};
      if (schema.list == Schema::ListKind::Map) {
        out["x-kubernetes-list-type"] = "map";
        out["x-kubernetes-list-map-keys"] = schema.map_keys;
      }
      if (schema.list == Schema::ListKind::Set) out["x-kubernetes-list-type"] = "set";
      return out;
    }
    if (schema.type == Schema::Type::Integer)
      return {{"type", "integer"}, {"format", schema.go_type}};
    if (schema.type == Schema::Type::Number) return {{"type", "number"}, {"format", "double"}};
    if (schema.type == Schema::Type::Boolean) return {{"type", "boolean"}};
    if (schema.go_type == "time") return {{"type", "string"}, {"format", "date-time"}};
    if (schema.go_type == "bytes") return {{"type", "string"}, {"format", "byte"}};
    if (schema.go_type == "intstr") return {{"type", "string"}, {"format", "int-or-string"}};
    // Quantities may be numbers too; clients take them for strings.
    if (schema.go_type == "quantity" || schema.type == Schema::Type::String)
      return {{"type", "string"}};
    return Json::object();
  }

  const std::string& prefix_;
  Json& types_;
};

void openapi_envelope(const OpenApiKind& kind, const std::string& prefix, Json& types,
                      Json& schema) {
  Json& properties = schema["properties"];
  for (const char* name : {"apiVersion", "kind"})
    if (!properties.contains(name)) properties[name] = {{"type", "string"}};
  properties["metadata"] =
      NativeOpenApi(prefix, types).reference_or_schema(*native_type("ObjectMeta"));
  schema["x-kubernetes-group-version-kind"] = Json::array({openapi_gvk(kind)});
}

}  // namespace

std::vector<OpenApiKind> openapi_kinds(const std::vector<DefPtr>& definitions,
                                       std::string_view group, std::string_view version) {
  std::vector<OpenApiKind> out;
  for (const DefPtr& def : definitions) {
    if (def->virtual_kind || (!version.empty() && def->group != group)) continue;
    for (const Version& served : def->versions)
      if (served.served && (version.empty() || served.name == version))
        out.push_back({def.get(), served.name,
                       openapi_package(*def) + "." + served.name + "." + def->kind});
  }
  return out;
}

Json openapi_native(const OpenApiKind& kind, const std::string& prefix, Json& types) {
  const Schema* type = kind.def->version(kind.version)->schema;
  Json out = type == nullptr ? Json({{"type", "object"}, {"properties", Json::object()}})
                             : NativeOpenApi(prefix, types).object(*type);
  out["description"] =
      kind.def->kind + " as this cluster serves it: the fields and their types. Their meaning is "
      "described by a full Kubernetes API server only.";
  // The members that have another name in this version (events) are renamed as an object's are.
  from_storage(*kind.def, kind.version, out["properties"]);
  out["properties"].erase("apiVersion");
  openapi_envelope(kind, prefix, types, out);
  return out;
}

Json openapi_custom(const OpenApiKind& kind, const Json& crd, const std::string& prefix,
                    Json& types) {
  Json out = {{"type", "object"}};
  if (const Json* versions = kube::find_path(crd, "spec.versions"))
    for (const Json& version : *versions)
      if (kube::get_string(version, "name") == kind.version)
        if (const Json* schema = kube::find_path(version, "schema.openAPIV3Schema")) out = *schema;
  openapi_envelope(kind, prefix, types, out);
  return out;
}

std::string openapi_path(const OpenApiKind& kind) {
  return (kind.def->group.empty() ? "/api/" : "/apis/" + kind.def->group + "/") + kind.version +
         (kind.def->namespaced ? "/namespaces/{namespace}/" : "/") + kind.def->resource;
}

Json openapi_gvk(const OpenApiKind& kind) {
  return {{"group", kind.def->group}, {"version", kind.version}, {"kind", kind.def->kind}};
}

}  // namespace sluice::apiserver::server
