// Comparison by meaning (rollout.md §1.10.2 item 3).
#include "base/time.h"
#include "kube/json/json.h"
#include "kube/model/quantity.h"
#include "kube/schema/typed_json.h"

namespace sluice::kube {
namespace {

const Json& child(const Json& object, const std::string& name) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto it = object.find(name);
  return it == object.end() ? none : *it;
}

bool empty_collection(const Json& value) {
  return value.is_null() || ((value.is_array() || value.is_object()) && value.empty());
}

std::string quantity_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() ? value.dump() : std::string("0");
}

// The value that an unset member of this kind has in the Go struct.
bool is_zero(const Json& value) {
  return value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty()) ||
         (value.is_number_integer() && value.get<std::int64_t>() == 0) ||
         (value.is_boolean() && !value.get<bool>());
}

bool is_unset_port(const Json& value) {
  return value.is_null() || (value.is_number_integer() && value.get<std::int64_t>() == 0);
}

bool same_instant(const Json& a, const Json& b) {
  if (!a.is_string() || !b.is_string()) return a == b;
  const auto first = parse_rfc3339(a.get<std::string>());
  const auto second = parse_rfc3339(b.get<std::string>());
  return first && second ? *first == *second : a == b;
}

bool lists_equal(const Json& a, const Json& b, const TypedMember& member) {
  if (empty_collection(a) && empty_collection(b)) return true;
  if (!a.is_array() || !b.is_array() || a.size() != b.size()) return false;
  if (member.kind != MemberKind::StructList) return a == b;
  const auto& type = *member.type;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!semantically_equal(a[i], b[i], type)) return false;
  return true;
}

bool values_equal(const Json& a, const Json& b, const TypedMember& member) {
  if (member.kind == MemberKind::QuantityMap)
    return quantities_equal(quantity_text(a), quantity_text(b));
  if (member.kind == MemberKind::StructMap) return semantically_equal(a, b, *member.type);
  return a == b;
}

bool maps_equal(const Json& a, const Json& b, const TypedMember& member) {
  if (empty_collection(a) && empty_collection(b)) return true;
  if (!a.is_object() || !b.is_object() || a.size() != b.size()) return false;
  for (const auto& [key, value] : a.items())
    if (!b.contains(key) || !values_equal(value, child(b, key), member)) return false;
  return true;
}

bool members_equal(const Json& a, const Json& b, const TypedMember& member) {
  switch (member.kind) {
    case MemberKind::StringList:
    case MemberKind::IntList:
    case MemberKind::StructList:
      return lists_equal(a, b, member);
    case MemberKind::StringMap:
    case MemberKind::QuantityMap:
    case MemberKind::StructMap:
      return maps_equal(a, b, member);
    case MemberKind::Struct:
      if (!member.by_value && a.is_null() != b.is_null()) return false;
      return semantically_equal(a, b, *member.type);
    case MemberKind::Quantity:
      if (a.is_null() || b.is_null()) return a.is_null() && b.is_null();
      return quantities_equal(quantity_text(a), quantity_text(b));
    case MemberKind::QuantityValue:
      return quantities_equal(quantity_text(a), quantity_text(b));
    case MemberKind::String:
    case MemberKind::Int:
    case MemberKind::Bool:
      if (!member.pointer && is_zero(a) && is_zero(b)) return true;
      return a == b;
    case MemberKind::IntOrString:  // unset is the number 0
      return a == b || (!member.pointer && is_unset_port(a) && is_unset_port(b));
    case MemberKind::Time:
      return same_instant(a, b);
    case MemberKind::Any:
      return a == b;
  }
  return false;
}

}  // namespace

bool semantically_equal(const Json& a, const Json& b, const TypedStruct& type) {
  for (const auto& member : type.members)
    if (!members_equal(child(a, member.name), child(b, member.name), member)) return false;
  return true;
}

}  // namespace sluice::kube
