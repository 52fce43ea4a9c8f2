#include <algorithm>
#include <iterator>

#include "analysis/expr/builtins.h"
#include "analysis/expr/operators.h"
#include "analysis/expr/sorting.h"
#include "analysis/expr/text.h"

namespace sluice::analysis::expr {
namespace {

constexpr int kMaxCollectionDepth = 10'000;

// ---- static checks ------------------------------------------------------------------------------

bool is_list_like(const Type& type) {
  return type.is_unknown() || type.is(Type::Kind::Array);
}
bool is_map_like(const Type& type) {
  return type.is_unknown() || type.is(Type::Kind::Map);
}

// What an element of that static type is once it went through a general list.
Type loose_element(const Type& list) {
  if (!list.is(Type::Kind::Array) || list.name == "[]interface {}") return types::any();
  return list.element_type();
}

Type check_end(const std::string& name, const Types& given) {
  check_count(given, 1);
  if (!is_list_like(given[0])) raise("cannot get " + name + " element from " + shown(given[0]));
  return loose_element(given[0]);
}

Type check_get(const std::string&, const Types& given) {
  check_count(given, 2);
  const Type& base = given[0];
  const Type& key = given[1];
  if (base.is_unknown()) return types::unknown();
  if (base.is(Type::Kind::Array)) {
    if (!key.is_integer() && !key.is_unknown()) raise("non-integer slice index " + key.name);
    return base.element_type();
  }
  if (base.is(Type::Kind::Map)) {
    if (!base.any_keys && !key.is(Type::Kind::String) && !key.is_unknown()) {
      raise("cannot use " + key.name + " to get an element from " + base.name);
    }
    return base.element_type();
  }
  raise("type " + base.name + " does not support indexing");
}

Type check_take(const std::string&, const Types& given) {
  check_count(given, 2);
  if (!is_list_like(given[0])) raise("cannot take from " + shown(given[0]));
  if (!given[1].is_unknown() && !given[1].has_integer_shape()) {
    raise("cannot take " + shown(given[1]) + " elements");
  }
  return given[0];
}

Type check_list(const std::string& name, const Types& given) {
  check_count(given, 1);
  if (!is_list_like(given[0])) raise("cannot " + name + " " + shown(given[0]));
  return types::list();
}

Type check_concat(const std::string& name, const Types& given) {
  if (given.empty()) raise("invalid number of arguments (expected at least 1, got 0)");
  for (const Type& type : given) {
    if (!is_list_like(type)) raise("cannot " + name + " " + shown(type));
  }
  return types::list();
}

Type check_sort(const std::string& name, const Types& given) {
  Type ints = types::list();
  ints.name = "[]int";
  Types adapted = given;
  if (!given.empty() && given[0].is(Type::Kind::Array)) adapted[0] = types::unknown();
  check_signature({name, {ints}, {types::string()}, types::list()}, adapted);
  return types::list();
}

Type check_keys(const std::string& name, const Types& given) {
  check_count(given, 1);
  if (!is_map_like(given[0])) raise("cannot get " + name + " from " + shown(given[0]));
  return types::list();
}

Type check_to_pairs(const std::string&, const Types& given) {
  check_count(given, 1);
  if (!is_map_like(given[0])) raise("cannot transform " + shown(given[0]) + " to pairs");
  return types::list();
}

Type check_from_pairs(const std::string&, const Types& given) {
  check_count(given, 1);
  if (!is_list_like(given[0])) raise("cannot transform " + shown(given[0]) + " from pairs");
  return types::any_map();
}

Type check_type(const std::string& name, const Types& given) {
  check_signature({name, {types::any()}, {}, types::string()}, given);
  return types::string();
}

// ---- calls --------------------------------------------------------------------------------------

const std::vector<Value>& need_list(const char* action, const Value& value) {
  const std::vector<Value>* items = list_items(value);
  if (items == nullptr) raise(std::string("cannot ") + action + " " + type_name(value));
  return *items;
}

// Element `index` (negative from the end) of a list or byte of a string; nil when there is none.
Value element_or_nil(const Value& value, std::int64_t index) {
  const bool text = value.is(ValueKind::String);
  if (!text && value.as_list() == nullptr) return Value();
  const std::int64_t length = slice_length(value);
  if (index < 0) index += length;
  if (index < 0 || index >= length) return Value();
  return fetch(value, Value::integer(index));
}

Value call_first(const Arguments& a, Context&) {
  return element_or_nil(a[0], 0);
}
Value call_last(const Arguments& a, Context&) {
  return element_or_nil(a[0], -1);
}

Value call_get(const Arguments& arguments, Context&) {
  const Value& base = arguments[0];
  const Value& key = arguments[1];
  if (base.as_map() != nullptr || base.as_record() != nullptr) {
    if (base.as_record() != nullptr && !contains(key, base)) return Value();
    return fetch(base, key);
  }
  if (base.as_list() == nullptr && !base.is(ValueKind::String)) return Value();
  return element_or_nil(base, to_integer(key));
}

Value call_take(const Arguments& arguments, Context& context) {
  const Value& value = arguments[0];
  const std::vector<Value>& items = need_list("take from", value);
  const std::int64_t count = to_integer(arguments[1]);
  if (count < 0) raise("reflect.Value.Slice: slice index out of bounds");
  const std::int64_t taken = std::min(count, static_cast<std::int64_t>(items.size()));
  context.budget.work(static_cast<std::uint64_t>(taken) / 8);
  return slice(value, 0, taken);
}

Value call_reverse(const Arguments& arguments, Context& context) {
  std::vector<Value> items = need_list("reverse", arguments[0]);
  context.budget.grow(items.size());
  std::reverse(items.begin(), items.end());
  return Value::list(std::move(items));
}

Value call_uniq(const Arguments& arguments, Context& context) {
  std::vector<Value> out;
  for (const Value& item : need_list("uniq", arguments[0])) {
    context.budget.work(1 + out.size() * item.weight());
    const bool seen =
        std::any_of(out.begin(), out.end(), [&](const Value& old) { return equal(old, item); });
    if (!seen) out.push_back(item);
  }
  return Value::list(std::move(out));
}

Value call_concat(const Arguments& arguments, Context& context) {
  std::vector<Value> out;
  for (const Value& argument : arguments) {
    const std::vector<Value>& items = need_list("concat", argument);
    context.budget.grow(items.size());
    out.insert(out.end(), items.begin(), items.end());
  }
  return Value::list(std::move(out));
}

void flatten_into(std::vector<Value>& out, const std::vector<Value>& items, int depth,
                  Context& context) {
  if (depth > kMaxCollectionDepth) raise("recursion depth exceeded");
  for (const Value& item : items) {
    context.budget.work(1);
    if (const std::vector<Value>* inner = list_items(item)) {
      flatten_into(out, *inner, depth + 1, context);
    } else {
      context.budget.grow(1);
      out.push_back(item);
    }
  }
}

Value call_flatten(const Arguments& arguments, Context& context) {
  std::vector<Value> out;
  flatten_into(out, need_list("flatten", arguments[0]), 0, context);
  return Value::list(std::move(out));
}

Value call_sort(const Arguments& arguments, Context& context) {
  std::vector<Value> items = need_list("sort", arguments[0]);
  bool descending = false;
  if (arguments.size() > 1) {
    const std::string& order = string_argument(arguments[1]);
    if (order != "asc" && order != "desc") {
      raise("invalid order " + order + ", expected asc or desc");
    }
    descending = order == "desc";
  }
  context.budget.grow(items.size());
  context.budget.work(arguments[0].weight() * 4);
  sort_values(items, descending);
  return Value::list(std::move(items));
}

const Map& need_map(const std::string& message, const Value& value) {
  const Map* map = value.as_map();
  if (map == nullptr) raise(message);
  return *map;
}

Value call_keys(const Arguments& arguments, Context& context) {
  context.budget.work(arguments[0].weight() / 4);
  std::vector<Value> out;
  const std::string message = "cannot get keys from " + type_name(arguments[0]);
  for (const auto& [key, value] : need_map(message, arguments[0]).entries) out.push_back(key);
  return Value::list(std::move(out));
}

Value call_values(const Arguments& arguments, Context& context) {
  context.budget.work(arguments[0].weight() / 4);
  std::vector<Value> out;
  const std::string message = "cannot get values from " + type_name(arguments[0]);
  for (const auto& [key, value] : need_map(message, arguments[0]).entries) out.push_back(value);
  return Value::list(std::move(out));
}

Value call_to_pairs(const Arguments& arguments, Context& context) {
  context.budget.work(arguments[0].weight() / 4);
  std::vector<Value> out;
  const std::string message = "cannot transform " + type_name(arguments[0]) + " to pairs";
  for (const auto& [key, value] : need_map(message, arguments[0]).entries) {
    out.push_back(Value::list({key, value}));
  }
  return Value::list(std::move(out));
}

Value call_from_pairs(const Arguments& arguments, Context& context) {
  context.budget.work(arguments[0].weight() / 4);
  const std::vector<Value>* pairs = list_items(arguments[0]);
  if (pairs == nullptr) raise("cannot transform " + type_name(arguments[0]) + " from pairs");
  std::vector<std::pair<Value, Value>> out;
  for (const Value& pair : *pairs) {
    const std::vector<Value>* items = list_items(pair);
    if (items == nullptr) raise("invalid pair " + to_text(pair));
    if (items->size() != 2) raise("invalid pair length " + to_text(pair));
    const Value& key = items->front();
    if (key.as_list() != nullptr || key.as_map() != nullptr) {
      raise("runtime error: hash of unhashable type " + type_name(key));
    }
    out.emplace_back(key, items->back());
  }
  std::reverse(out.begin(), out.end());  // the last of equal keys wins
  return Value::any_map(std::move(out));
}

std::string kind_word(const Value& value) {
  switch (value.kind()) {
    case ValueKind::Nil:
      return "nil";
    case ValueKind::Bool:
      return "bool";
    case ValueKind::Int:
    case ValueKind::Int64:
      return "int";
    case ValueKind::Uint64:
    case ValueKind::Byte:
      return "uint";
    case ValueKind::Float:
      return "float";
    case ValueKind::String:
      return "string";
    case ValueKind::List:
      return "array";
    case ValueKind::Map: {
      const std::string& name = value.as_map()->type_name;
      return name.starts_with("map[") ? "map" : name;
    }
    case ValueKind::Function:
      return "func";
    case ValueKind::Location:
      return "time.Location";
    case ValueKind::NamedString:
    case ValueKind::Record:
    case ValueKind::Time:
    case ValueKind::Duration:
    case ValueKind::Month:
    case ValueKind::Weekday:
      return type_name(value);
  }
  return "nil";
}

Value call_type(const Arguments& a, Context&) {
  return Value::string(kind_word(a[0]));
}

constexpr Builtin kCollectionBuiltins[] = {
    {"first", check_end, call_first},
    {"last", check_end, call_last},
    {"get", check_get, call_get},
    {"take", check_take, call_take},
    {"reverse", check_list, call_reverse},
    {"uniq", check_list, call_uniq},
    {"concat", check_concat, call_concat},
    {"flatten", check_list, call_flatten},
    {"sort", check_sort, call_sort},
    {"keys", check_keys, call_keys},
    {"values", check_keys, call_values},
    {"toPairs", check_to_pairs, call_to_pairs},
    {"fromPairs", check_from_pairs, call_from_pairs},
    {"type", check_type, call_type},
};

}  // namespace

BuiltinTable collection_builtins() {
  return {std::begin(kCollectionBuiltins), std::end(kCollectionBuiltins)};
}

void sort_values(std::vector<Value>& items, bool descending) {
  // A merge sort survives an order that NaN makes inconsistent.
  std::stable_sort(items.begin(), items.end(), [&](const Value& a, const Value& b) {
    return descending ? ordered(Op::Less, b, a) : ordered(Op::Less, a, b);
  });
}

void sort_by_key(std::vector<std::pair<Value, Value>>& keyed, bool descending) {
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return descending ? ordered(Op::Less, b.first, a.first) : ordered(Op::Less, a.first, b.first);
  });
}

}  // namespace sluice::analysis::expr
