#pragma once
// The shipped CRDs, and a walker that prunes objects by their schema as the API server does.
#include <map>

#include "kube/json/yaml.h"
#include "tests/unit/api/fixtures.h"

namespace sluice::api::test {

inline const std::vector<std::string>& crd_files() {
  static const std::vector<std::string> files{
      "rollouts", "analysistemplates", "clusteranalysistemplates", "analysisruns", "experiments"};
  return files;
}

inline kube::Json load_crd(const std::string& plural) {
  auto documents = kube::parse_yaml(read_file(source_dir() / "crds" / (plural + ".yaml")));
  EXPECT_TRUE(documents.has_value())
      << plural << ": " << (documents ? "" : documents.error().message);
  if (!documents || documents->size() != 1) return {};
  return std::move(documents->front());
}

inline const kube::Json& member(const kube::Json& value, std::string_view key) {
  static const kube::Json none;
  const auto* found = kube::find(value, key);
  return found == nullptr ? none : *found;
}

inline kube::Json schema_of(const kube::Json& crd) {
  const auto* versions = kube::find_path(crd, "spec.versions");
  EXPECT_TRUE(versions != nullptr && versions->size() == 1);
  return member(member(versions->front(), "schema"), "openAPIV3Schema");
}

inline const kube::Json& schema_of_kind(std::string_view kind) {
  static const auto schemas = [] {
    std::map<std::string, kube::Json, std::less<>> out;
    for (const auto& file : crd_files()) {
      const auto crd = load_crd(file);
      out[kube::get_string(crd, "spec.names.kind")] = schema_of(crd);
    }
    return out;
  }();
  static const kube::Json none;
  const auto it = schemas.find(kind);
  return it == schemas.end() ? none : it->second;
}

// Removes what the schema does not know; `root` keeps the members that every object has.
inline kube::Json pruned(const kube::Json& value, const kube::Json& schema, bool root = false) {
  if (value.is_array()) {
    kube::Json out = kube::Json::array();
    for (const auto& item : value) out.push_back(pruned(item, member(schema, "items")));
    return out;
  }
  if (!value.is_object()) return value;
  const auto& properties = member(schema, "properties");
  const auto& additional = member(schema, "additionalProperties");
  const bool keeps = member(schema, "x-kubernetes-preserve-unknown-fields") == true;
  kube::Json out = kube::Json::object();
  for (const auto& [key, item] : value.items()) {
    if (root && (key == "metadata" || key == "apiVersion" || key == "kind")) {
      out[key] = item;
    } else if (properties.contains(key)) {
      out[key] = pruned(item, properties[key]);
    } else if (additional.is_object()) {
      out[key] = pruned(item, additional);
    } else if (keeps) {
      out[key] = item;
    }
  }
  return out;
}

// The type errors and missing members of a value, as far as our schemas can say.
inline void check_types(const kube::Json& value, const kube::Json& schema, const std::string& path,
                        std::vector<std::string>& problems) {
  const auto type = kube::get_string(schema, "type");
  const bool int_or_string = member(schema, "x-kubernetes-int-or-string") == true;
  const bool fits = int_or_string       ? value.is_number_integer() || value.is_string()
                    : type == "object"  ? value.is_object()
                    : type == "array"   ? value.is_array()
                    : type == "string"  ? value.is_string()
                    : type == "integer" ? value.is_number_integer()
                    : type == "boolean" ? value.is_boolean()
                                        : false;
  if (!fits) problems.push_back(path + " is not " + (int_or_string ? "an int or string" : type));
  for (const auto& name : member(schema, "required"))
    if (value.is_object() && !value.contains(name.get<std::string>()))
      problems.push_back(path + " lacks " + name.get<std::string>());
  if (value.is_array())
    for (const auto& item : value)
      check_types(item, member(schema, "items"), path + "[]", problems);
  if (!value.is_object()) return;
  for (const auto& [key, item] : value.items()) {
    const auto& properties = member(schema, "properties");
    if (properties.contains(key)) {
      check_types(item, properties[key], path + "." + key, problems);
    } else if (member(schema, "additionalProperties").is_object()) {
      check_types(item, schema["additionalProperties"], path + "." + key, problems);
    }
  }
}

}  // namespace sluice::api::test
