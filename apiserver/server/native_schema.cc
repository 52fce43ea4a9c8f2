// Reads the type table of native_types.cc once and brings documents into the form of a Go round
// trip.
#include <algorithm>

#include "apiserver/server/native_types.h"
#include "apiserver/server/schema.h"
#include "base/strings.h"
#include "base/time.h"
#include "kube/json/json.h"
#include "kube/model/quantity.h"

namespace sluice::apiserver::server {
namespace {

class TypeTable {
 public:
  TypeTable() {
    for (std::string_view text : {kCoreTypes, kPodTypes, kGroupTypes}) declare(text);
    for (std::string_view text : {kCoreTypes, kPodTypes, kGroupTypes}) define(text);
  }

  [[nodiscard]] const Schema* find(std::string_view name) const {
    const auto it = named_.find(name);
    return it == named_.end() ? nullptr : it->second;
  }

 private:
  struct Parser {
    std::string_view text;
    std::size_t at = 0;
    [[nodiscard]] char peek() const { return at < text.size() ? text[at] : '\0'; }
    bool eat(char c) {
      if (peek() != c) return false;
      ++at;
      return true;
    }
  };

  static std::vector<std::pair<std::string, std::string>> lines(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const std::string& line : split(text, '\n')) {
      const std::size_t colon = line.find(": ");
      if (colon != std::string::npos)
        out.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
    return out;
  }

  void declare(std::string_view text) {
    for (auto& [name, rest] : lines(text)) {
      Schema* schema = arena_.make();
      schema->type = Schema::Type::Object;
      if (name.back() == '!') {
        schema->atomic_map = true;
        name.pop_back();
      }
      schema->go_type = name;
      named_.emplace(name, schema);
    }
  }

  void define(std::string_view text) {
    for (auto& [name, rest] : lines(text)) {
      if (name.back() == '!') name.pop_back();
      Schema* schema = named_.find(name)->second;
      for (const std::string& word : split(rest, ' ')) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos) continue;
        Parser parser{std::string_view(word).substr(equals + 1)};
        schema->properties.emplace(word.substr(0, equals), field(parser));
      }
    }
  }

  Field field(Parser& p) {
    Field out;
    bool omit_zero = false;
    out.schema = type(p, omit_zero);
    out.presence = omit_zero ? Presence::OmitZero : Presence::Pointer;
    if (p.eat('?')) out.presence = Presence::Pointer;
    if (p.eat('^')) out.presence = Presence::Always;
    return out;
  }

  const Schema* type(Parser& p, bool& omit_zero) {
    const char c = p.peek();
    if (c == '{') return map_type(p, omit_zero);
    if (c == '[') return list_type(p, omit_zero);
    if (c >= 'A' && c <= 'Z') {
      std::string name;
      while ((p.peek() >= 'A' && p.peek() <= 'Z') || (p.peek() >= 'a' && p.peek() <= 'z'))
        name += p.text[p.at++];
      return named_.find(name)->second;
    }
    ++p.at;
    omit_zero = c == 's' || c == 'i' || c == 'l' || c == 'b' || c == 'n' || c == 'y';
    return scalar(c);
  }

  const Schema* map_type(Parser& p, bool& omit_zero) {
    p.eat('{');
    Schema* schema = arena_.make();
    schema->type = Schema::Type::Object;
    bool ignored = false;
    schema->additional = type(p, ignored);
    p.eat('}');
    schema->atomic_map = p.eat('!');
    schema->go_type = "map";
    omit_zero = true;
    return schema;
  }

  const Schema* list_type(Parser& p, bool& omit_zero) {
    p.eat('[');
    Schema* schema = arena_.make();
    schema->type = Schema::Type::Array;
    schema->go_type = "list";
    bool ignored = false;
    schema->items = type(p, ignored);
    p.eat(']');
    p.eat('!');
    if (p.eat('%')) {
      schema->patch_key = p.text.substr(p.at);
      p.at = p.text.size();
    }
    if (p.eat('/')) {
      const std::string_view keys = p.text.substr(p.at);
      p.at = p.text.size();
      if (keys == "=") {
        schema->list = Schema::ListKind::Set;
      } else {
        schema->list = Schema::ListKind::Map;
        schema->map_keys = split(keys, ',');
      }
    }
    omit_zero = true;
    return schema;
  }

  const Schema* scalar(char c) {
    auto [it, fresh] = scalars_.emplace(c, nullptr);
    if (!fresh) return it->second;
    Schema* s = arena_.make();
    it->second = s;
    switch (c) {
      case 's':
        s->type = Schema::Type::String;
        s->go_type = "string";
        break;
      case 'y':
        s->type = Schema::Type::String;
        s->go_type = "bytes";
        break;
      case 't':
        s->type = Schema::Type::String;
        s->go_type = "time";
        break;
      case 'i':
        s->type = Schema::Type::Integer;
        s->go_type = "int32";
        break;
      case 'l':
        s->type = Schema::Type::Integer;
        s->go_type = "int64";
        break;
      case 'n':
        s->type = Schema::Type::Number;
        s->go_type = "float64";
        break;
      case 'b':
        s->type = Schema::Type::Boolean;
        s->go_type = "bool";
        break;
      case 'q':
        s->go_type = "quantity";
        break;
      case 'x':
        s->go_type = "intstr";
        s->int_or_string = true;
        break;
      default:
        s->go_type = "any";
        s->preserve_unknown = true;
        break;
    }
    return s;
  }

  SchemaArena arena_;
  std::map<std::string, Schema*, std::less<>> named_;
  std::map<char, const Schema*> scalars_;
};

const TypeTable& table() {
  static const TypeTable kTable;
  return kTable;
}

std::string json_kind(const Json& value) {
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "bool";
  if (value.is_array()) return "array";
  if (value.is_object()) return "object";
  if (value.is_number_float()) return "number " + kube::dump(value);
  return "number";
}

struct Walk {
  NativeDecode& out;
  std::string root;  // Go type at the top, for messages

  void mismatch(const Json& value, const std::string& path, const std::string& want) {
    if (!out.error.empty()) return;
    out.error = fmt::format("json: cannot unmarshal {} into Go struct field {}.{} of type {}",
                            json_kind(value), root, path, want);
  }

  static Json zero(const Schema& schema) {
    if (schema.go_type == "time" || schema.type == Schema::Type::Any) return nullptr;
    if (schema.type == Schema::Type::Object) return Json::object();
    if (schema.type == Schema::Type::Array) return Json::array();
    if (schema.type == Schema::Type::String) return "";
    if (schema.type == Schema::Type::Boolean) return false;
    return 0;
  }

  static bool is_zero(const Json& value) {
    if (value.is_string()) return value.get_ref<const std::string&>().empty();
    if (value.is_boolean()) return !value.get<bool>();
    if (value.is_number_integer()) return value.get<std::int64_t>() == 0;
    if (value.is_number_float()) return value.get<double>() == 0.0;
    return (value.is_array() || value.is_object()) && value.empty();
  }

  void object(const Schema& schema, Json& value, const std::string& path) {
    if (!value.is_object())
      return mismatch(value, path, schema.is_map() ? "map" : "v1." + schema.go_type);
    if (schema.additional != nullptr) {
      for (auto it = value.begin(); it != value.end();) {
        if (it.value().is_null() && schema.additional->type == Schema::Type::String)
          it.value() = "";
        visit(*schema.additional, it.value(), join_path(path, it.key()));
        ++it;
      }
      return;
    }
    for (auto it = value.begin(); it != value.end();) {
      const auto field = schema.properties.find(it.key());
      if (field == schema.properties.end()) {
        out.unknown.push_back(join_path(path, it.key()));
        it = value.erase(it);
        continue;
      }
      if (it.value().is_null()) {
        it = value.erase(it);
        continue;
      }
      visit(*field->second.schema, it.value(), join_path(path, it.key()));
      if (field->second.presence == Presence::OmitZero && is_zero(it.value())) {
        it = value.erase(it);
        continue;
      }
      ++it;
    }
    fill_always(schema, value, path);
  }

  void fill_always(const Schema& schema, Json& value, const std::string& path) {
    for (const auto& [name, field] : schema.properties) {
      if (field.presence != Presence::Always || value.contains(name)) continue;
      Json fresh = zero(*field.schema);
      if (fresh.is_object()) object(*field.schema, fresh, join_path(path, name));
      value[name] = std::move(fresh);
    }
  }

  void scalar(const Schema& schema, Json& value, const std::string& path) {
    const bool whole = value.is_number_integer();
    if (schema.type == Schema::Type::String && !value.is_string())
      return mismatch(value, path, schema.go_type);
    if (schema.type == Schema::Type::Boolean && !value.is_boolean())
      return mismatch(value, path, "bool");
    if (schema.type == Schema::Type::Number && !value.is_number())
      return mismatch(value, path, "float64");
    if (schema.type == Schema::Type::Integer) integer(schema, value, path, whole);
    if (schema.go_type == "intstr" && !whole && !value.is_string())
      return mismatch(value, path, "intstr.IntOrString");
    if (schema.go_type == "quantity") quantity(value, path);
    if (schema.go_type == "time" && value.is_string() &&
        !parse_rfc3339(value.get_ref<const std::string&>()) && out.error.empty())
      out.error =
          fmt::format("parsing time \"{0}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"{0}\"",
                      value.get<std::string>());
  }

  void integer(const Schema& schema, Json& value, const std::string& path, bool whole) {
    if (!whole) return mismatch(value, path, schema.go_type);
    if (schema.go_type == "int32") {
      const auto number = value.get<std::int64_t>();
      if (number > 2147483647LL || number < -2147483648LL)
        if (out.error.empty())
          out.error = fmt::format(
              "json: cannot unmarshal number {} into Go struct field {}.{} of type int32", number,
              root, path);
    }
  }

  void quantity(Json& value, const std::string& path) {
    std::string text = value.is_string()   ? value.get<std::string>()
                       : value.is_number() ? kube::dump(value)
                                           : "";
    if (text.empty()) return mismatch(value, path, "resource.Quantity");
    const Result<std::string> canonical = kube::canonical_quantity(text);
    if (canonical)
      value = *canonical;
    else if (out.error.empty())
      out.error =
          "quantities must match the regular expression "
          "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  }

  void visit(const Schema& schema, Json& value, const std::string& path) {
    if (schema.preserve_unknown) return;
    if (schema.type == Schema::Type::Object) return object(schema, value, path);
    if (schema.type == Schema::Type::Array) {
      if (!value.is_array()) return mismatch(value, path, "[]" + schema.items->go_type);
      for (std::size_t i = 0; i < value.size(); ++i)
        visit(*schema.items, value[i], path + "[" + std::to_string(i) + "]");
      return;
    }
    scalar(schema, value, path);
  }
};

}  // namespace

const Schema* Schema::property(std::string_view name) const {
  const auto it = properties.find(name);
  if (it != properties.end()) return it->second.schema;
  return additional;
}

Schema* SchemaArena::make() {
  all_.push_back(std::make_unique<Schema>());
  return all_.back().get();
}

std::string join_path(const std::string& base, std::string_view member) {
  return base.empty() ? std::string(member) : base + "." + std::string(member);
}

const Schema* native_type(std::string_view name) {
  return table().find(name);
}

std::string NativeMergeKeys::merge_key(std::string_view path) const {
  static const Schema* const kMeta = native_type("ObjectMeta");
  const std::vector<std::string> members = split(path, '.');
  const Schema* at = kind_;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (at != nullptr && at->type == Schema::Type::Array) at = at->items;
    if (i == 0 && members[i] == "metadata")
      at = kMeta;
    else
      at = at == nullptr ? nullptr : at->property(members[i]);
  }
  if (at == nullptr || at->type != Schema::Type::Array) return "";
  if (at->list == Schema::ListKind::Set) return "=";
  return at->list == Schema::ListKind::Map ? at->map_keys.front() : at->patch_key;
}

void normalize_native(const Schema& schema, Json& value, NativeDecode& out) {
  static const Schema* const kMeta = native_type("ObjectMeta");
  Walk walk{out, schema.go_type};
  if (!value.is_object()) return walk.mismatch(value, "", schema.go_type);
  // The envelope is common to all kinds; everything else is looked up in the kind's own type.
  Json api_version = value.value("apiVersion", Json());
  Json kind = value.value("kind", Json());
  Json metadata = value.contains("metadata") ? std::move(value["metadata"]) : Json::object();
  value.erase("apiVersion");
  value.erase("kind");
  value.erase("metadata");
  walk.object(schema, value, "");
  if (metadata.is_null()) metadata = Json::object();
  walk.visit(*kMeta, metadata, "metadata");
  value["metadata"] = std::move(metadata);
  if (!api_version.is_null()) value["apiVersion"] = std::move(api_version);
  if (!kind.is_null()) value["kind"] = std::move(kind);
}

}  // namespace sluice::apiserver::server
