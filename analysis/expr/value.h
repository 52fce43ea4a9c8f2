#pragma once
// The values a condition works on. Cheap to copy (containers are shared and immutable), ordered
// only by the operators of the language, and free of any JSON library: see from_json below for the
// bridge.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"
#include "kube/json/json_fwd.h"

namespace sluice::analysis::expr {

class Zone;
class Value;

enum class ValueKind : std::uint8_t {
  Nil,
  Bool,
  Int,     // the language's own integer
  Int64,   // what asInt() and Unix() yield; same arithmetic, another name
  Uint64,  // time series stores; bits are kept in the same 64-bit integer
  Byte,    // an element of a byte string
  Float,
  String,
  NamedString,  // a string with a type of its own (status codes); compares only with its like
  List,
  Map,
  Record,  // members by exact name (metric data records)
  Time,
  Duration,  // nanoseconds
  Month,
  Weekday,
  Location,
  Function,
};

// The element type of a list as far as it is known; it decides static checks and list equality.
enum class ElementKind : std::uint8_t { Any, Int, Float, String, Byte, Time, Record, NamedMap };

struct Instant {
  std::int64_t seconds = 0;          // since the Unix epoch; year 0 must fit, hence not nanoseconds
  std::int32_t nanos = 0;            // 0 … 999'999'999
  std::shared_ptr<const Zone> zone;  // null = UTC
};

struct List {
  ElementKind element = ElementKind::Any;
  std::vector<Value> items;
  std::uint32_t depth = 1;   // nesting; bounded, because values are destroyed recursively
  std::uint64_t weight = 1;  // how much is inside, counting what is shared every time
};

struct Map {
  // "map[string]interface {}", or the name of a map type of its own ("nrdb.NRDBResult").
  std::string type_name;
  bool any_keys = false;  // groupBy and fromPairs: keys of any comparable kind
  std::vector<std::pair<Value, Value>> entries;  // sorted by key, keys are unique
  std::uint32_t depth = 1;
  std::uint64_t weight = 1;

  [[nodiscard]] const Value* find(const Value& key) const;
  [[nodiscard]] const Value* find(std::string_view key) const;
};

struct Record {
  std::string type_name;  // "types.MetricDataResult"
  std::vector<std::pair<std::string, Value>> members;
};

struct Function;

class Value {
 public:
  Value() = default;
  static Value boolean(bool value);
  static Value integer(std::int64_t value);
  static Value int64(std::int64_t value);
  static Value uint64(std::uint64_t value);
  static Value byte(std::uint8_t value);
  static Value number(double value);
  static Value string(std::string value);
  static Value named_string(std::string value);
  // Nesting or total size beyond the limits of the language throws RuntimeError (internal, see
  // runtime_error.h); provider data stays far below.
  static Value list(std::vector<Value> items, ElementKind element = ElementKind::Any);
  static Value floats(const std::vector<double>& values);
  static Value bytes(std::string_view data);
  // Later duplicates of a key are dropped.
  static Value map(std::vector<std::pair<std::string, Value>> entries);
  static Value any_map(std::vector<std::pair<Value, Value>> entries);
  // A newRelic result row: a map with a type name of its own.
  static Value nrql_row(std::vector<std::pair<std::string, Value>> entries);
  static Value record(std::string type_name, std::vector<std::pair<std::string, Value>> members);
  static Value time(Instant value);
  static Value time(WallTime value);
  static Value duration(std::int64_t nanoseconds);
  static Value month(int value);
  static Value weekday(int value);  // Sunday = 0
  static Value location(std::shared_ptr<const Zone> zone);
  static Value function(std::shared_ptr<const Function> function);

  [[nodiscard]] ValueKind kind() const { return kind_; }
  [[nodiscard]] bool is(ValueKind kind) const { return kind_ == kind; }
  [[nodiscard]] bool is_nil() const { return kind_ == ValueKind::Nil; }
  // int, int64, uint64, byte: what arithmetic calls an integer.
  [[nodiscard]] bool is_integer() const;
  [[nodiscard]] bool is_number() const { return is_integer() || kind_ == ValueKind::Float; }

  // Each accessor is for its own kind and returns a neutral value for any other.
  [[nodiscard]] bool as_bool() const;
  [[nodiscard]] std::int64_t as_integer()
      const;                               // every integer-like kind, months and durations too
  [[nodiscard]] double as_double() const;  // every number
  [[nodiscard]] const std::string& as_string() const;
  [[nodiscard]] const List* as_list() const;
  [[nodiscard]] const Map* as_map() const;
  [[nodiscard]] const Record* as_record() const;
  [[nodiscard]] const Instant* as_time() const;
  [[nodiscard]] std::shared_ptr<const Zone> as_zone() const;
  [[nodiscard]] const Function* as_function() const;

  [[nodiscard]] std::uint32_t depth() const;
  [[nodiscard]] std::uint64_t weight() const;

 private:
  ValueKind kind_ = ValueKind::Nil;
  std::variant<std::monostate, bool, std::int64_t, double, std::shared_ptr<const std::string>,
               std::shared_ptr<const List>, std::shared_ptr<const Map>,
               std::shared_ptr<const Record>, Instant, std::shared_ptr<const Zone>,
               std::shared_ptr<const Function>>
      data_;
};

// A function as a value: one of the functions of the environment, or a method bound to its
// receiver.
struct Function {
  enum class Id : std::uint8_t { AsInt, AsFloat, IsNaN, IsInf, IsNil, Default, Method };
  Id id = Id::Method;
  Value receiver;
  std::string method;
};

// Every JSON number becomes a float, as the providers of the analysis see them.
[[nodiscard]] Value from_json(const kube::Json& json);

// The name messages use for a value's type: "float64", "[]interface {}", "<nil>".
[[nodiscard]] std::string type_name(const Value& value);

}  // namespace sluice::analysis::expr
