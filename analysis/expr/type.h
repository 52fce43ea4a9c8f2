#pragma once
// What is known about a value before it is computed (expressions.md §6).

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "analysis/expr/value.h"

namespace sluice::analysis::expr {

struct Signature;

struct Type {
  enum class Kind : std::uint8_t {
    Unknown,  // nothing is known; shown as "unknown"
    Any,      // the declared type is "anything"; behaves as Unknown, shown as "interface {}"
    Nil,
    Bool,
    Int,
    Int64,
    Uint64,
    Byte,
    Float,
    String,
    NamedString,
    Array,
    Map,
    Record,
    Time,
    Duration,
    Month,
    Weekday,
    Location,
    Function,
  };
  Kind kind = Kind::Unknown;
  std::string name = "unknown";                // as messages show it
  std::shared_ptr<const Type> element;         // Array, Map
  bool any_keys = false;                       // Map
  std::shared_ptr<const Signature> signature;  // Function
  std::shared_ptr<const Value> sample;         // Record: its members, for static member types

  [[nodiscard]] bool is(Kind k) const { return kind == k; }
  [[nodiscard]] bool is_unknown() const { return kind == Kind::Unknown || kind == Kind::Any; }
  [[nodiscard]] bool is_integer() const {
    return kind == Kind::Int || kind == Kind::Int64 || kind == Kind::Uint64 || kind == Kind::Byte;
  }
  [[nodiscard]] bool is_number() const { return is_integer() || kind == Kind::Float; }
  // Integers and the named types that are integers underneath.
  [[nodiscard]] bool has_integer_shape() const {
    return is_integer() || kind == Kind::Duration || kind == Kind::Month || kind == Kind::Weekday;
  }
  [[nodiscard]] Type element_type() const { return element ? *element : Type{}; }
};

struct Signature {
  std::string name;
  std::vector<Type> params;
  std::vector<Type> optional_params;
  Type result;
  int results = 1;
};

namespace types {
[[nodiscard]] Type unknown();
[[nodiscard]] Type any();
[[nodiscard]] Type nil();
[[nodiscard]] Type boolean();
[[nodiscard]] Type integer();
[[nodiscard]] Type int64();
[[nodiscard]] Type byte();
[[nodiscard]] Type number();
[[nodiscard]] Type string();
[[nodiscard]] Type time();
[[nodiscard]] Type duration();
[[nodiscard]] Type month();
[[nodiscard]] Type weekday();
[[nodiscard]] Type location();
// "[]interface {}" whose elements are known to be of that type.
[[nodiscard]] Type list_of(Type element);
[[nodiscard]] Type list();
[[nodiscard]] Type map();
[[nodiscard]] Type any_map();
[[nodiscard]] Type function(Signature signature);
}  // namespace types

// The static type of a value that exists already.
[[nodiscard]] Type type_of(const Value& value);

[[nodiscard]] bool assignable(const Type& from, const Type& to);
// Whether == compiles (expressions.md §6).
[[nodiscard]] bool comparable(const Type& a, const Type& b);

}  // namespace sluice::analysis::expr
