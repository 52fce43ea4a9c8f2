#pragma once
// JSON as a Go program with typed structs would write it: members in the order of declaration, zero
// values left out where the type says so, quantities canonical, HTML escaped (rollout.md appendix
// A).
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/json/json_fwd.h"
#include "kube/json/node.h"

namespace sluice::kube {

enum class MemberKind {
  String,
  Int,
  Bool,
  Time,
  Quantity,
  QuantityValue,
  IntOrString,
  Any,
  StringList,
  IntList,
  StringMap,
  QuantityMap,
  StructList,
  StructMap,
  Struct,
};

struct TypedStruct;

struct TypedMember {
  std::string name;
  MemberKind kind = MemberKind::String;
  bool always = false;                // "!"
  bool by_value = false;              // "^"
  bool null_when_unset = false;       // "~"
  bool pointer = false;               // "*"
  const TypedStruct* type = nullptr;  // StructList, StructMap, Struct
};

struct TypedStruct {
  std::string name;
  std::vector<TypedMember> members;

  // nullptr for a name that the type does not have. Names are case-sensitive, as the decoder's of
  // the reference are.
  [[nodiscard]] const TypedMember* find(std::string_view member) const;
};

class TypedSchema {
 public:
  // The types of the pod template: pod_template_types.inc, read once.
  [[nodiscard]] static const TypedSchema& pods();
  // A description in the notation of pod_template_types.inc; what it names and does not describe
  // is looked up in `below`, which must outlive it.
  explicit TypedSchema(std::string_view description, const TypedSchema* below = nullptr);
  TypedSchema(const TypedSchema&) = delete;  // members point to types
  TypedSchema& operator=(const TypedSchema&) = delete;

  [[nodiscard]] const TypedStruct& type(std::string_view name) const;
  // nullptr for a type that is not described.
  [[nodiscard]] const TypedStruct* find(std::string_view name) const;

 private:
  std::deque<TypedStruct> types_;
  const TypedSchema* below_ = nullptr;
};

struct TypedJsonOptions {
  bool creation_timestamp_null = false;
};

// Members that the type does not have are left out (ADR 12). Errors: Decode, naming the member
// whose value has another type.
[[nodiscard]] Result<std::string> typed_json(Node value, const TypedStruct& type,
                                             TypedJsonOptions options);

// Go's text of a JSON string, HTML-sensitive characters escaped.
void append_go_string(std::string& out, std::string_view text);

// Equal for a program that decodes both into the Go types and compares by meaning: missing and
// empty lists and maps are the same, quantities compare by value, members that the types do not
// have do not count. Values of a wrong type compare as JSON.
[[nodiscard]] bool semantically_equal(const Json& a, const Json& b, const TypedStruct& type);

}  // namespace sluice::kube
