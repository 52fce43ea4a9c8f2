// Structural schemas of CRDs: compiling, pruning, defaulting.
#include "apiserver/server/schema.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

std::optional<std::int64_t> optional_int(const Json& value, const char* key) {
  const Json* found = kube::find(value, key);
  if (found == nullptr || !found->is_number()) return std::nullopt;
  return found->get<std::int64_t>();
}

std::optional<double> optional_number(const Json& value, const char* key) {
  const Json* found = kube::find(value, key);
  if (found == nullptr || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

Schema::Type parse_type(const std::string& text) {
  if (text == "object") return Schema::Type::Object;
  if (text == "array") return Schema::Type::Array;
  if (text == "string") return Schema::Type::String;
  if (text == "integer") return Schema::Type::Integer;
  if (text == "number") return Schema::Type::Number;
  if (text == "boolean") return Schema::Type::Boolean;
  return Schema::Type::Any;
}

std::vector<const Schema*> compile_list(const Json& openapi, const char* key, SchemaArena& arena) {
  std::vector<const Schema*> out;
  const Json* list = kube::find(openapi, key);
  if (list != nullptr && list->is_array())
    for (const Json& entry : *list) out.push_back(compile_schema(entry, arena));
  return out;
}

void compile_extensions(const Json& openapi, Schema& s) {
  s.nullable = kube::get_bool(openapi, "nullable");
  s.preserve_unknown = kube::get_bool(openapi, "x-kubernetes-preserve-unknown-fields");
  s.int_or_string = kube::get_bool(openapi, "x-kubernetes-int-or-string");
  s.embedded = kube::get_bool(openapi, "x-kubernetes-embedded-resource");
  s.atomic_map = kube::get_string(openapi, "x-kubernetes-map-type") == "atomic";
  const std::string list = kube::get_string(openapi, "x-kubernetes-list-type");
  if (list == "set") s.list = Schema::ListKind::Set;
  if (list == "map") s.list = Schema::ListKind::Map;
  const Json* keys = kube::find(openapi, "x-kubernetes-list-map-keys");
  if (keys != nullptr && keys->is_array())
    for (const Json& key : *keys)
      if (key.is_string()) s.map_keys.push_back(key.get<std::string>());
}

void compile_validations(const Json& openapi, Schema& s, SchemaArena& arena) {
  s.minimum = optional_number(openapi, "minimum");
  s.maximum = optional_number(openapi, "maximum");
  s.multiple_of = optional_number(openapi, "multipleOf");
  s.exclusive_minimum = kube::get_bool(openapi, "exclusiveMinimum");
  s.exclusive_maximum = kube::get_bool(openapi, "exclusiveMaximum");
  s.unique_items = kube::get_bool(openapi, "uniqueItems");
  s.min_length = optional_int(openapi, "minLength");
  s.max_length = optional_int(openapi, "maxLength");
  s.min_items = optional_int(openapi, "minItems");
  s.max_items = optional_int(openapi, "maxItems");
  s.min_properties = optional_int(openapi, "minProperties");
  s.max_properties = optional_int(openapi, "maxProperties");
  s.pattern = kube::get_string(openapi, "pattern");
  s.format = kube::get_string(openapi, "format");
  const Json* values = kube::find(openapi, "enum");
  if (values != nullptr && values->is_array())
    for (const Json& value : *values) s.enumeration.push_back(std::make_shared<const Json>(value));
  const Json* required = kube::find(openapi, "required");
  if (required != nullptr && required->is_array())
    for (const Json& name : *required)
      if (name.is_string()) s.required.push_back(name.get<std::string>());
  s.all_of = compile_list(openapi, "allOf", arena);
  s.any_of = compile_list(openapi, "anyOf", arena);
  s.one_of = compile_list(openapi, "oneOf", arena);
  if (const Json* negated = kube::find(openapi, "not"); negated != nullptr)
    s.negated = compile_schema(*negated, arena);
}

void prune_object(const Schema& schema, Json& value, const std::string& path, bool root,
                  std::vector<std::string>* dropped);

void prune_at(const Schema& schema, Json& value, const std::string& path, bool root,
              std::vector<std::string>* dropped) {
  if (value.is_object()) return prune_object(schema, value, path, root, dropped);
  if (!value.is_array() || schema.items == nullptr) return;
  for (std::size_t i = 0; i < value.size(); ++i)
    prune_at(*schema.items, value[i], path + "[" + std::to_string(i) + "]", false, dropped);
}

void prune_object(const Schema& schema, Json& value, const std::string& path, bool root,
                  std::vector<std::string>* dropped) {
  const bool envelope = root || schema.embedded;
  for (auto it = value.begin(); it != value.end();) {
    const std::string& key = it.key();
    if (envelope && (key == "apiVersion" || key == "kind" || key == "metadata")) {
      ++it;
      continue;
    }
    const Schema* member = schema.property(key);
    if (member != nullptr) {
      prune_at(*member, it.value(), join_path(path, key), false, dropped);
      ++it;
    } else if (schema.preserve_unknown) {
      ++it;
    } else {
      if (dropped != nullptr) dropped->push_back(join_path(path, key));
      it = value.erase(it);
    }
  }
}

void default_members(const Schema& schema, Json& value) {
  for (auto it = value.begin(); it != value.end();) {
    const Schema* member = schema.property(it.key());
    if (member != nullptr && it.value().is_null() && !member->nullable && !member->default_value)
      it = value.erase(it);
    else
      ++it;
  }
  for (const auto& [name, field] : schema.properties) {
    if (!field.schema->default_value) continue;
    const auto it = value.find(name);
    if (it == value.end())
      value[name] = *field.schema->default_value;
    else if (it->is_null() && !field.schema->nullable)
      *it = *field.schema->default_value;
  }
}

}  // namespace

const Schema* compile_schema(const Json& openapi, SchemaArena& arena) {
  Schema* s = arena.make();
  s->type = parse_type(kube::get_string(openapi, "type"));
  compile_extensions(openapi, *s);
  compile_validations(openapi, *s, arena);
  if (const Json* value = kube::find(openapi, "default"); value != nullptr)
    s->default_value = std::make_shared<const Json>(*value);
  if (const Json* properties = kube::find(openapi, "properties");
      properties != nullptr && properties->is_object())
    for (const auto& [name, property] : properties->items())
      s->properties.emplace(name, Field{compile_schema(property, arena)});
  if (const Json* more = kube::find(openapi, "additionalProperties"); more != nullptr) {
    if (more->is_object()) {
      s->additional = compile_schema(*more, arena);
    } else if (more->is_boolean() && more->get<bool>()) {
      Schema* any = arena.make();
      any->preserve_unknown = true;
      s->additional = any;
    }
  }
  if (const Json* items = kube::find(openapi, "items"); items != nullptr)
    s->items = compile_schema(*items, arena);
  return s;
}

void prune(const Schema& schema, Json& value, std::vector<std::string>* dropped) {
  prune_at(schema, value, "", true, dropped);
}

void apply_defaults(const Schema& schema, Json& value) {
  if (value.is_array() && schema.items != nullptr) {
    for (Json& item : value) apply_defaults(*schema.items, item);
    return;
  }
  if (!value.is_object()) return;
  default_members(schema, value);
  for (const auto& [name, field] : schema.properties) {
    const auto it = value.find(name);
    if (it != value.end()) apply_defaults(*field.schema, *it);
  }
  if (schema.additional != nullptr)
    for (auto& [key, member] : value.items())
      if (!schema.properties.contains(key)) apply_defaults(*schema.additional, member);
}

}  // namespace sluice::apiserver::server
