// OpenAPI v2 as kubectl wants it: a serialised openapi.v2.Document (embedded-cluster.md §1). Field
// numbers are those of the gnostic message of that name.
#include "apiserver/server/openapi.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U) out += static_cast<char>((value & 0x7FU) | 0x80U);
  out += static_cast<char>(value);
}

void append_chunk(std::string& out, unsigned field, std::string_view bytes) {
  append_varint(out, (static_cast<std::uint64_t>(field) << 3U) | 2U);
  append_varint(out, bytes.size());
  out += bytes;
}

std::string chunk_of(unsigned field, std::string_view bytes) {
  std::string out;
  append_chunk(out, field, bytes);
  return out;
}

// vendor_extension: NamedAny {name, Any {yaml}}. JSON is YAML.
std::string extension_of(const std::string& name, const Json& value) {
  return chunk_of(1, name) + chunk_of(2, chunk_of(2, kube::dump(value)));
}

std::string encode_schema(const Json& schema);

void append_text(std::string& out, unsigned field, const Json& schema, const char* member) {
  const Json* found = kube::find(schema, member);
  if (found != nullptr && found->is_string())
    append_chunk(out, field, found->get_ref<const std::string&>());
}

void append_members(std::string& out, const Json& schema) {
  if (const Json* more = kube::find(schema, "additionalProperties"))
    append_chunk(out, 21, chunk_of(1, encode_schema(*more)));
  if (const Json* type = kube::find(schema, "type"))
    append_chunk(out, 22, chunk_of(1, type->get<std::string>()));
  if (const Json* items = kube::find(schema, "items"))
    append_chunk(out, 23, chunk_of(1, encode_schema(*items)));
  const Json* properties = kube::find(schema, "properties");
  if (properties == nullptr) return;
  std::string named;
  for (const auto& [name, property] : properties->items())
    append_chunk(named, 1, chunk_of(1, name) + chunk_of(2, encode_schema(property)));
  append_chunk(out, 25, named);
}

// `schema` is one that openapi_v2_schema made.
std::string encode_schema(const Json& schema) {
  std::string out;
  append_text(out, 1, schema, "$ref");
  append_text(out, 2, schema, "format");
  append_text(out, 4, schema, "description");
  if (const Json* required = kube::find(schema, "required"))
    for (const Json& name : *required) append_chunk(out, 19, name.get<std::string>());
  append_members(out, schema);
  for (const auto& [name, value] : schema.items())
    if (name.rfind("x-kubernetes-", 0) == 0) append_chunk(out, 31, extension_of(name, value));
  return out;
}

void copy_members(const Json& schema, Json& out) {
  if (const Json* properties = kube::find(schema, "properties");
      properties != nullptr && properties->is_object() && !properties->empty())
    for (const auto& [name, property] : properties->items())
      out["properties"][name] = openapi_v2_schema(property);
  else if (const Json* more = kube::find(schema, "additionalProperties");
           more != nullptr && more->is_object())
    out["additionalProperties"] = openapi_v2_schema(*more);
  if (const Json* required = kube::find(schema, "required");
      required != nullptr && required->is_array() && out.contains("properties"))
    for (const Json& name : *required)
      if (name.is_string()) out["required"].push_back(name);
}

}  // namespace

Json openapi_v2_schema(const Json& schema) {
  Json out = Json::object();
  if (!schema.is_object()) return out;
  for (const auto& [name, value] : schema.items()) {
    const bool text = name == "description" || name == "$ref";
    const bool kept = name.rfind("x-kubernetes-patch-", 0) == 0 ||
                      name.rfind("x-kubernetes-list-", 0) == 0 ||
                      name == "x-kubernetes-map-type" || name == "x-kubernetes-group-version-kind";
    if (kept || (text && value.is_string())) out[name] = value;
  }
  const std::string type = kube::get_string(schema, "type");
  if (kube::get_bool(schema, "x-kubernetes-int-or-string")) {
    out["type"] = "string";  // clients let numbers pass for strings
    out["format"] = "int-or-string";
    return out;
  }
  const bool open = kube::get_bool(schema, "nullable") ||
                    kube::get_bool(schema, "x-kubernetes-preserve-unknown-fields");
  if (open || type.empty() || out.contains("$ref")) return out;
  if (type == "array") {
    const Json* items = kube::find(schema, "items");
    if (items == nullptr) return out;
    out["items"] = openapi_v2_schema(*items);
  }
  out["type"] = type;
  if (type == "object") copy_members(schema, out);
  if (const std::string format = kube::get_string(schema, "format"); !format.empty())
    out["format"] = format;
  return out;
}

std::string openapi_v2_head() {
  return chunk_of(1, "2.0") + chunk_of(2, chunk_of(1, "Kubernetes") + chunk_of(2, "v1"));
}

// Only what clients look for: that a patch of the kind takes dryRun and fieldValidation.
std::string openapi_v2_patch_path(const OpenApiKind& kind) {
  std::string patch;
  for (const char* name : {"dryRun", "fieldManager", "fieldValidation"}) {
    const std::string query = chunk_of(2, "query") + chunk_of(4, name) + chunk_of(6, "string");
    append_chunk(patch, 8, chunk_of(1, chunk_of(2, chunk_of(3, query))));
  }
  append_chunk(patch, 9,
               chunk_of(1, chunk_of(1, "200") + chunk_of(2, chunk_of(1, chunk_of(1, "OK")))));
  append_chunk(patch, 13, extension_of("x-kubernetes-action", "patch"));
  append_chunk(patch, 13, extension_of("x-kubernetes-group-version-kind", openapi_gvk(kind)));
  return chunk_of(2, chunk_of(1, openapi_path(kind) + "/{name}") + chunk_of(2, chunk_of(8, patch)));
}

std::string openapi_v2_definition(const std::string& name, const Json& schema) {
  return chunk_of(1, chunk_of(1, name) + chunk_of(2, encode_schema(schema)));
}

std::string openapi_v2_paths(const std::string& paths) {
  return chunk_of(8, paths);
}
std::string openapi_v2_definitions(const std::string& definitions) {
  return chunk_of(9, definitions);
}

}  // namespace sluice::apiserver::server
