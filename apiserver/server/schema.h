#pragma once
// One description of types for two sources: the built-in kinds (a compact table, native_types.cc)
// and CRDs (structural OpenAPI schemas). Pruning, defaulting, validation, strict decoding and field
// ownership all read it.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/server/failure.h"
#include "kube/json/json_fwd.h"
#include "kube/json/patch.h"

namespace sluice::apiserver::server {

struct Schema;

// How a Go struct field behaves when it holds its zero value.
enum class Presence {
  Pointer,   // kept as sent
  OmitZero,  // dropped when zero or empty
  Always,    // written even when absent
};

struct Field {
  const Schema* schema = nullptr;
  Presence presence = Presence::Pointer;
};

struct Schema {
  enum class Type { Any, Object, Array, String, Integer, Number, Boolean };
  enum class ListKind { Atomic, Set, Map };
  Type type = Type::Any;
  std::string go_type;  // native: "int32", "time", "quantity", "DeploymentSpec"…
  bool nullable = false, preserve_unknown = false, int_or_string = false, embedded = false;
  std::map<std::string, Field, std::less<>> properties;
  const Schema* additional = nullptr;  // values of a map
  const Schema* items = nullptr;
  ListKind list = ListKind::Atomic;
  std::vector<std::string> map_keys;
  std::string patch_key;  // of a list that strategic merge joins by key though apply takes it whole
  bool atomic_map = false;
  std::vector<std::string> required;
  std::shared_ptr<const Json> default_value;
  // Value validations.
  std::vector<std::shared_ptr<const Json>> enumeration;
  std::optional<double> minimum, maximum, multiple_of;
  bool exclusive_minimum = false, exclusive_maximum = false, unique_items = false;
  std::optional<std::int64_t> min_length, max_length, min_items, max_items, min_properties,
      max_properties;
  std::string pattern, format;
  std::vector<const Schema*> all_of, any_of, one_of;
  const Schema* negated = nullptr;

  [[nodiscard]] const Schema* property(std::string_view name) const;
  [[nodiscard]] bool is_map() const { return type == Type::Object && additional != nullptr; }
};

// Owns schemas; pointers stay valid as long as the arena.
class SchemaArena {
 public:
  Schema* make();

 private:
  std::vector<std::unique_ptr<Schema>> all_;
};

// ---- built-in kinds ----
// nullptr when the table has no such type.
[[nodiscard]] const Schema* native_type(std::string_view name);

struct NativeDecode {
  std::string error;                 // "json: cannot unmarshal …", "" when well typed
  std::vector<std::string> unknown;  // dotted paths that no field matches (already dropped)
};
// Brings a document into the form that a Go round trip would give it: unknown members and nulls
// dropped, zero values dropped or written as each field's Presence says, quantities canonical.
// Types are checked.
void normalize_native(const Schema& schema, Json& value, NativeDecode& out);

// The merge keys of a kind's lists, for strategic merge patches: those by which apply merges them,
// unless the type says otherwise.
class NativeMergeKeys final : public kube::StrategicSchema {
 public:
  explicit NativeMergeKeys(const Schema* kind) : kind_(kind) {}
  [[nodiscard]] std::string merge_key(std::string_view path) const override;

 private:
  const Schema* kind_;  // nullptr: only metadata is known
};

// ---- CRDs ----
// Compiles spec.versions[].schema.openAPIV3Schema; nullptr-safe for an absent schema (everything is
// preserved).
[[nodiscard]] const Schema* compile_schema(const Json& openapi, SchemaArena& arena);
// Drops what the schema does not know; reports dotted paths of what was dropped.
void prune(const Schema& schema, Json& value, std::vector<std::string>* dropped);
// Nulls of non-nullable members go; absent members with a default appear.
void apply_defaults(const Schema& schema, Json& value);
// Appends causes in the words of the real server.
void validate(const Schema& schema, const Json& value, const std::string& path,
              std::vector<Cause>& out);

// A path's fields for messages: "spec.steps[0].setWeight".
[[nodiscard]] std::string join_path(const std::string& base, std::string_view member);

}  // namespace sluice::apiserver::server
