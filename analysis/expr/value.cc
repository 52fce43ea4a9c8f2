#include "analysis/expr/value.h"

#include <algorithm>

#include "analysis/expr/runtime_error.h"
#include "analysis/expr/zone.h"
#include "kube/json/json.h"

namespace sluice::analysis::expr {
namespace {

// Far above any sensible document and far below what recursive destruction can take.
constexpr std::uint32_t kMaxDepth = 2000;
constexpr std::uint64_t kMaxWeight = std::uint64_t{1} << 26;

template <class C>
void measure(C& container, const Value& child) {
  container.depth = std::max(container.depth, child.depth() + 1);
  container.weight += child.weight();
}

void check_size(std::uint32_t depth, std::uint64_t weight) {
  if (depth > kMaxDepth) raise("recursion depth exceeded");
  if (weight > kMaxWeight) raise("memory budget exceeded");
}

// An arbitrary total order over map keys: by kind, then by value.
int compare_keys(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return a.kind() < b.kind() ? -1 : 1;
  if (a.is(ValueKind::String) || a.is(ValueKind::NamedString)) {
    return a.as_string().compare(b.as_string());
  }
  if (a.is(ValueKind::Float)) {
    if (a.as_double() < b.as_double()) return -1;
    return a.as_double() > b.as_double() ? 1 : 0;
  }
  if (a.is(ValueKind::Time)) {
    const Instant& x = *a.as_time();
    const Instant& y = *b.as_time();
    if (x.seconds != y.seconds) return x.seconds < y.seconds ? -1 : 1;
    return x.nanos < y.nanos ? -1 : (x.nanos > y.nanos ? 1 : 0);
  }
  const std::int64_t x = a.is(ValueKind::Bool) ? (a.as_bool() ? 1 : 0) : a.as_integer();
  const std::int64_t y = b.is(ValueKind::Bool) ? (b.as_bool() ? 1 : 0) : b.as_integer();
  return x < y ? -1 : (x > y ? 1 : 0);
}

std::shared_ptr<const Map> make_map(std::string type_name, bool any_keys,
                                    std::vector<std::pair<Value, Value>> entries) {
  auto map = std::make_shared<Map>();
  map->type_name = std::move(type_name);
  map->any_keys = any_keys;
  const auto less = [](const auto& a, const auto& b) { return compare_keys(a.first, b.first) < 0; };
  std::stable_sort(entries.begin(), entries.end(), less);
  const auto same = [](const auto& a, const auto& b) {
    return compare_keys(a.first, b.first) == 0;
  };
  entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
  for (const auto& [key, value] : entries) measure(*map, value);
  check_size(map->depth, map->weight);
  map->entries = std::move(entries);
  return map;
}

std::vector<std::pair<Value, Value>> with_value_keys(
    std::vector<std::pair<std::string, Value>> entries) {
  std::vector<std::pair<Value, Value>> out;
  out.reserve(entries.size());
  for (auto& [key, value] : entries) {
    out.emplace_back(Value::string(std::move(key)), std::move(value));
  }
  return out;
}

}  // namespace

const Value* Map::find(const Value& key) const {
  const auto less = [](const auto& entry, const Value& wanted) {
    return compare_keys(entry.first, wanted) < 0;
  };
  const auto at = std::lower_bound(entries.begin(), entries.end(), key, less);
  if (at == entries.end() || compare_keys(at->first, key) != 0) return nullptr;
  return &at->second;
}

const Value* Map::find(std::string_view key) const {
  return find(Value::string(std::string(key)));
}

Value Value::boolean(bool value) {
  Value v;
  v.kind_ = ValueKind::Bool;
  v.data_ = value;
  return v;
}

#define SLUICE_EXPR_INTEGER(name, kind_name, type) \
  Value Value::name(type value) {                  \
    Value v;                                       \
    v.kind_ = ValueKind::kind_name;                \
    v.data_ = static_cast<std::int64_t>(value);    \
    return v;                                      \
  }
SLUICE_EXPR_INTEGER(integer, Int, std::int64_t)
SLUICE_EXPR_INTEGER(int64, Int64, std::int64_t)
SLUICE_EXPR_INTEGER(uint64, Uint64, std::uint64_t)
SLUICE_EXPR_INTEGER(byte, Byte, std::uint8_t)
SLUICE_EXPR_INTEGER(duration, Duration, std::int64_t)
SLUICE_EXPR_INTEGER(month, Month, int)
SLUICE_EXPR_INTEGER(weekday, Weekday, int)
#undef SLUICE_EXPR_INTEGER

Value Value::number(double value) {
  Value v;
  v.kind_ = ValueKind::Float;
  v.data_ = value;
  return v;
}

Value Value::string(std::string value) {
  Value v;
  v.kind_ = ValueKind::String;
  v.data_ = std::make_shared<const std::string>(std::move(value));
  return v;
}

Value Value::named_string(std::string value) {
  Value v = string(std::move(value));
  v.kind_ = ValueKind::NamedString;
  return v;
}

Value Value::list(std::vector<Value> items, ElementKind element) {
  auto list = std::make_shared<List>();
  list->element = element;
  for (const Value& item : items) measure(*list, item);
  check_size(list->depth, list->weight);
  list->items = std::move(items);
  Value v;
  v.kind_ = ValueKind::List;
  v.data_ = std::shared_ptr<const List>(std::move(list));
  return v;
}

Value Value::floats(const std::vector<double>& values) {
  std::vector<Value> items;
  items.reserve(values.size());
  for (const double value : values) items.push_back(number(value));
  return list(std::move(items), ElementKind::Float);
}

Value Value::bytes(std::string_view data) {
  std::vector<Value> items;
  items.reserve(data.size());
  for (const char c : data) items.push_back(byte(static_cast<std::uint8_t>(c)));
  return list(std::move(items), ElementKind::Byte);
}

Value Value::map(std::vector<std::pair<std::string, Value>> entries) {
  Value v;
  v.kind_ = ValueKind::Map;
  v.data_ = make_map("map[string]interface {}", false, with_value_keys(std::move(entries)));
  return v;
}

Value Value::any_map(std::vector<std::pair<Value, Value>> entries) {
  Value v;
  v.kind_ = ValueKind::Map;
  v.data_ = make_map("map[interface {}]interface {}", true, std::move(entries));
  return v;
}

Value Value::nrql_row(std::vector<std::pair<std::string, Value>> entries) {
  Value v;
  v.kind_ = ValueKind::Map;
  v.data_ = make_map("nrdb.NRDBResult", false, with_value_keys(std::move(entries)));
  return v;
}

Value Value::record(std::string type_name, std::vector<std::pair<std::string, Value>> members) {
  Value v;
  v.kind_ = ValueKind::Record;
  v.data_ = std::make_shared<const Record>(Record{std::move(type_name), std::move(members)});
  return v;
}

Value Value::time(Instant value) {
  Value v;
  v.kind_ = ValueKind::Time;
  v.data_ = std::move(value);
  return v;
}

Value Value::time(WallTime value) {
  const std::int64_t micros = value.time_since_epoch().count();
  const std::int64_t seconds = std::chrono::floor<Seconds>(value).time_since_epoch().count();
  return time(
      Instant{seconds, static_cast<std::int32_t>((micros - seconds * 1'000'000) * 1000), nullptr});
}

Value Value::location(std::shared_ptr<const Zone> zone) {
  Value v;
  v.kind_ = ValueKind::Location;
  v.data_ = std::move(zone);
  return v;
}

Value Value::function(std::shared_ptr<const Function> function) {
  Value v;
  v.kind_ = ValueKind::Function;
  v.data_ = std::move(function);
  return v;
}

bool Value::is_integer() const {
  return kind_ == ValueKind::Int || kind_ == ValueKind::Int64 || kind_ == ValueKind::Uint64 ||
         kind_ == ValueKind::Byte;
}

bool Value::as_bool() const {
  const bool* value = std::get_if<bool>(&data_);
  return value != nullptr && *value;
}

std::int64_t Value::as_integer() const {
  const std::int64_t* value = std::get_if<std::int64_t>(&data_);
  return value == nullptr ? 0 : *value;
}

double Value::as_double() const {
  if (const double* value = std::get_if<double>(&data_)) return *value;
  if (kind_ == ValueKind::Uint64) {
    return static_cast<double>(static_cast<std::uint64_t>(as_integer()));
  }
  return static_cast<double>(as_integer());
}

const std::string& Value::as_string() const {
  static const std::string kEmpty;
  const auto* value = std::get_if<std::shared_ptr<const std::string>>(&data_);
  return value == nullptr ? kEmpty : **value;
}

const List* Value::as_list() const {
  const auto* value = std::get_if<std::shared_ptr<const List>>(&data_);
  return value == nullptr ? nullptr : value->get();
}

const Map* Value::as_map() const {
  const auto* value = std::get_if<std::shared_ptr<const Map>>(&data_);
  return value == nullptr ? nullptr : value->get();
}

const Record* Value::as_record() const {
  const auto* value = std::get_if<std::shared_ptr<const Record>>(&data_);
  return value == nullptr ? nullptr : value->get();
}

const Instant* Value::as_time() const {
  return std::get_if<Instant>(&data_);
}

std::shared_ptr<const Zone> Value::as_zone() const {
  const auto* value = std::get_if<std::shared_ptr<const Zone>>(&data_);
  return value == nullptr ? nullptr : *value;
}

const Function* Value::as_function() const {
  const auto* value = std::get_if<std::shared_ptr<const Function>>(&data_);
  return value == nullptr ? nullptr : value->get();
}

std::uint32_t Value::depth() const {
  if (const List* list = as_list()) return list->depth;
  if (const Map* map = as_map()) return map->depth;
  return 0;
}

std::uint64_t Value::weight() const {
  if (const List* list = as_list()) return list->weight;
  if (const Map* map = as_map()) return map->weight;
  return 1 + as_string().size() / 64;
}

namespace {

Value from_json_at(const kube::Json& json, std::uint32_t depth) {
  if (depth > kMaxDepth) return Value();
  if (json.is_boolean()) return Value::boolean(json.get<bool>());
  if (json.is_number()) return Value::number(json.get<double>());
  if (json.is_string()) return Value::string(json.get<std::string>());
  if (json.is_array()) {
    std::vector<Value> items;
    items.reserve(json.size());
    for (const auto& item : json) items.push_back(from_json_at(item, depth + 1));
    return Value::list(std::move(items));
  }
  if (json.is_object()) {
    std::vector<std::pair<std::string, Value>> entries;
    entries.reserve(json.size());
    for (const auto& [key, item] : json.items()) {
      entries.emplace_back(key, from_json_at(item, depth + 1));
    }
    return Value::map(std::move(entries));
  }
  return Value();
}

const char* element_name(ElementKind kind) {
  switch (kind) {
    case ElementKind::Any:
      return "interface {}";
    case ElementKind::Int:
      return "int";
    case ElementKind::Float:
      return "float64";
    case ElementKind::String:
      return "string";
    case ElementKind::Byte:
      return "uint8";
    case ElementKind::Time:
      return "time.Time";
    case ElementKind::Record:
      return "types.MetricDataResult";
    case ElementKind::NamedMap:
      return "nrdb.NRDBResult";
  }
  return "interface {}";
}

}  // namespace

Value from_json(const kube::Json& json) {
  // The parser bounds depth and size; a document that still breaks our limits counts as no data.
  try {
    return from_json_at(json, 0);
  } catch (const RuntimeError&) {
    return Value();
  }
}

std::string type_name(const Value& value) {
  switch (value.kind()) {
    case ValueKind::Nil:
      return "<nil>";
    case ValueKind::Bool:
      return "bool";
    case ValueKind::Int:
      return "int";
    case ValueKind::Int64:
      return "int64";
    case ValueKind::Uint64:
      return "uint64";
    case ValueKind::Byte:
      return "uint8";
    case ValueKind::Float:
      return "float64";
    case ValueKind::String:
      return "string";
    case ValueKind::NamedString:
      return "types.StatusCode";
    case ValueKind::List:
      return std::string("[]") + element_name(value.as_list()->element);
    case ValueKind::Map:
      return value.as_map()->type_name;
    case ValueKind::Record:
      return value.as_record()->type_name;
    case ValueKind::Time:
      return "time.Time";
    case ValueKind::Duration:
      return "time.Duration";
    case ValueKind::Month:
      return "time.Month";
    case ValueKind::Weekday:
      return "time.Weekday";
    case ValueKind::Location:
      return "*time.Location";
    case ValueKind::Function:
      return "func";
  }
  return "<nil>";
}

}  // namespace sluice::analysis::expr
