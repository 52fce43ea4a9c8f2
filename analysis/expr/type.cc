#include "analysis/expr/type.h"

namespace sluice::analysis::expr {
namespace types {
namespace {

Type make(Type::Kind kind, const char* name) {
  Type type;
  type.kind = kind;
  type.name = name;
  return type;
}

}  // namespace

Type unknown() {
  return Type{};
}
Type any() {
  return make(Type::Kind::Any, "interface {}");
}
Type nil() {
  return make(Type::Kind::Nil, "unknown");
}
Type boolean() {
  return make(Type::Kind::Bool, "bool");
}
Type integer() {
  return make(Type::Kind::Int, "int");
}
Type int64() {
  return make(Type::Kind::Int64, "int64");
}
Type byte() {
  return make(Type::Kind::Byte, "uint8");
}
Type number() {
  return make(Type::Kind::Float, "float64");
}
Type string() {
  return make(Type::Kind::String, "string");
}
Type time() {
  return make(Type::Kind::Time, "time.Time");
}
Type duration() {
  return make(Type::Kind::Duration, "time.Duration");
}
Type month() {
  return make(Type::Kind::Month, "time.Month");
}
Type weekday() {
  return make(Type::Kind::Weekday, "time.Weekday");
}
Type location() {
  return make(Type::Kind::Location, "*time.Location");
}

Type list_of(Type element) {
  Type type = make(Type::Kind::Array, "[]interface {}");
  type.element = std::make_shared<const Type>(std::move(element));
  return type;
}

Type list() {
  return list_of(any());
}

Type map() {
  Type type = make(Type::Kind::Map, "map[string]interface {}");
  type.element = std::make_shared<const Type>(any());
  return type;
}

Type any_map() {
  Type type = map();
  type.name = "map[interface {}]interface {}";
  type.any_keys = true;
  return type;
}

Type function(Signature signature) {
  Type type = make(Type::Kind::Function, "func");
  type.signature = std::make_shared<const Signature>(std::move(signature));
  return type;
}

}  // namespace types

namespace {

Type named(Type type, std::string name) {
  type.name = std::move(name);
  return type;
}

Type record_type(const Value& value) {
  Type type;
  type.kind = Type::Kind::Record;
  type.name = type_name(value);
  type.sample = std::make_shared<const Value>(value);
  return type;
}

Type list_type(const List& list, std::string name) {
  Type element = types::any();
  switch (list.element) {
    case ElementKind::Any:
      break;
    case ElementKind::Int:
      element = types::integer();
      break;
    case ElementKind::Float:
      element = types::number();
      break;
    case ElementKind::String:
      element = types::string();
      break;
    case ElementKind::Byte:
      element = types::byte();
      break;
    case ElementKind::Time:
      element = types::time();
      break;
    case ElementKind::Record:
      element = list.items.empty() ? types::unknown() : record_type(list.items.front());
      break;
    case ElementKind::NamedMap:
      element = named(types::map(), "nrdb.NRDBResult");
      break;
  }
  return named(types::list_of(std::move(element)), std::move(name));
}

}  // namespace

Type type_of(const Value& value) {
  switch (value.kind()) {
    case ValueKind::Nil:
      return types::nil();
    case ValueKind::Bool:
      return types::boolean();
    case ValueKind::Int:
      return types::integer();
    case ValueKind::Int64:
      return types::int64();
    case ValueKind::Uint64: {
      Type type = types::int64();
      type.kind = Type::Kind::Uint64;
      return named(std::move(type), "uint64");
    }
    case ValueKind::Byte:
      return types::byte();
    case ValueKind::Float:
      return types::number();
    case ValueKind::String:
      return types::string();
    case ValueKind::NamedString: {
      Type type = types::string();
      type.kind = Type::Kind::NamedString;
      return named(std::move(type), type_name(value));
    }
    case ValueKind::List:
      return list_type(*value.as_list(), type_name(value));
    case ValueKind::Map: {
      Type type = value.as_map()->any_keys ? types::any_map() : types::map();
      return named(std::move(type), type_name(value));
    }
    case ValueKind::Record:
      return record_type(value);
    case ValueKind::Time:
      return types::time();
    case ValueKind::Duration:
      return types::duration();
    case ValueKind::Month:
      return types::month();
    case ValueKind::Weekday:
      return types::weekday();
    case ValueKind::Location:
      return types::location();
    case ValueKind::Function:
      return types::unknown();
  }
  return types::unknown();
}

bool assignable(const Type& from, const Type& to) {
  if (to.is(Type::Kind::Any)) return true;
  if (from.is(Type::Kind::Nil)) {
    return to.is(Type::Kind::Map) || to.is(Type::Kind::Array) || to.is(Type::Kind::Location);
  }
  if (from.is(Type::Kind::Unknown) || from.is(Type::Kind::Any) || to.is(Type::Kind::Unknown)) {
    return false;
  }
  if (from.kind != to.kind) return false;
  if (from.name == to.name) return true;
  // A map type of its own is assignable to and from the plain map type it is made of.
  return from.is(Type::Kind::Map) && from.any_keys == to.any_keys;
}

bool comparable(const Type& a, const Type& b) {
  if (a.is_unknown() || b.is_unknown()) return true;
  if (a.is(Type::Kind::Nil) || b.is(Type::Kind::Nil)) return true;
  if (a.is_number() && b.is_number()) return true;
  if (a.is(Type::Kind::Array) && b.is(Type::Kind::Array)) return true;
  return assignable(a, b) || assignable(b, a);
}

}  // namespace sluice::analysis::expr
