#include "analysis/expr/operators.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/expr/builtins.h"
#include "analysis/expr/numbers.h"
#include "analysis/expr/runtime_error.h"
#include "analysis/expr/text.h"
#include "analysis/expr/time_methods.h"

namespace sluice::analysis::expr {
namespace {

constexpr std::size_t kMaxString = std::size_t{1} << 24;

std::string_view symbol(Op op) {
  switch (op) {
    case Op::Add:
      return "+";
    case Op::Subtract:
      return "-";
    case Op::Multiply:
      return "*";
    case Op::Divide:
      return "/";
    case Op::Modulo:
      return "%";
    case Op::Power:
      return "**";
    case Op::Less:
      return "<";
    case Op::Greater:
      return ">";
    case Op::LessEqual:
      return "<=";
    case Op::GreaterEqual:
      return ">=";
    case Op::None:
    case Op::Or:
    case Op::And:
    case Op::Equal:
    case Op::NotEqual:
    case Op::In:
    case Op::Matches:
    case Op::Contains:
    case Op::StartsWith:
    case Op::EndsWith:
    case Op::Range:
    case Op::Coalesce:
    case Op::Not:
    case Op::Plus:
    case Op::Minus:
      break;
  }
  return "?";
}

[[noreturn]] void raise_mismatch(Op op, const Value& a, const Value& b) {
  raise("invalid operation: " + type_name(a) + " " + std::string(symbol(op)) + " " + type_name(b));
}

// Unsigned arithmetic wraps without being undefined.
std::int64_t wrap(Op op, std::int64_t a, std::int64_t b) {
  const auto x = static_cast<std::uint64_t>(a);
  const auto y = static_cast<std::uint64_t>(b);
  const std::uint64_t result = op == Op::Add ? x + y : op == Op::Subtract ? x - y : x * y;
  return static_cast<std::int64_t>(result);
}

double real(Op op, double a, double b) {
  return op == Op::Add ? a + b : op == Op::Subtract ? a - b : a * b;
}

Value shift_time(const Instant& time, std::int64_t nanoseconds) {
  return Value::time(add_duration(time, nanoseconds));
}

Value remainder(const Value& a, const Value& b) {
  if (!a.is_integer() || !b.is_integer()) raise_mismatch(Op::Modulo, a, b);
  const std::int64_t divisor = b.as_integer();
  if (divisor == 0) raise("runtime error: integer divide by zero");
  if (divisor == -1) return Value::integer(0);  // the one quotient that overflows
  return Value::integer(a.as_integer() % divisor);
}

// The combinations of + - * that are not number with number; false when there is none.
bool special_arithmetic(Op op, const Value& a, const Value& b, Value& out) {
  const bool duration_a = a.is(ValueKind::Duration);
  const bool duration_b = b.is(ValueKind::Duration);
  if (op == Op::Add && a.is(ValueKind::String) && b.is(ValueKind::String)) {
    if (a.as_string().size() + b.as_string().size() > kMaxString) raise("memory budget exceeded");
    out = Value::string(a.as_string() + b.as_string());
    return true;
  }
  if (duration_a && duration_b) {
    out = Value::duration(wrap(op, a.as_integer(), b.as_integer()));
    return true;
  }
  if (op == Op::Multiply && ((duration_a && b.is_integer()) || (duration_b && a.is_integer()))) {
    out = Value::duration(wrap(op, a.as_integer(), b.as_integer()));
    return true;
  }
  if (op == Op::Multiply && duration_a && b.is(ValueKind::Float)) {
    out = Value::number(static_cast<double>(a.as_integer()) * b.as_double());
    return true;
  }
  if (op == Op::Multiply && duration_b && a.is(ValueKind::Float)) {
    out = Value::number(a.as_double() * static_cast<double>(b.as_integer()));
    return true;
  }
  const Instant* time_a = a.as_time();
  const Instant* time_b = b.as_time();
  if (time_a != nullptr && duration_b && op != Op::Multiply) {
    const std::int64_t by = b.as_integer();
    out = shift_time(*time_a, op == Op::Add ? by : wrap(Op::Subtract, 0, by));
    return true;
  }
  if (duration_a && time_b != nullptr && op == Op::Add) {
    out = shift_time(*time_b, a.as_integer());
    return true;
  }
  if (time_a != nullptr && time_b != nullptr && op == Op::Subtract) {
    out = Value::duration(time_difference(*time_a, *time_b));
    return true;
  }
  return false;
}

template <class T>
bool compare_with(Op op, const T& a, const T& b) {
  if (op == Op::Less) return a < b;
  if (op == Op::Greater) return a > b;
  return op == Op::LessEqual ? a <= b : a >= b;
}

bool equal_numbers(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return a.as_integer() == b.as_integer();
  return a.as_double() == b.as_double();
}

bool same_instant(const Instant& a, const Instant& b) {
  return a.seconds == b.seconds && a.nanos == b.nanos;
}

// Types and values alike, all the way down.
bool identical(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case ValueKind::Nil:
      return true;
    case ValueKind::Bool:
      return a.as_bool() == b.as_bool();
    case ValueKind::Float:
      return a.as_double() == b.as_double();
    case ValueKind::String:
    case ValueKind::NamedString:
      return a.as_string() == b.as_string();
    case ValueKind::Time:
      return same_instant(*a.as_time(), *b.as_time());
    case ValueKind::Location:
      return a.as_zone() == b.as_zone();
    case ValueKind::Function:
      return false;
    case ValueKind::List: {
      const List& x = *a.as_list();
      const List& y = *b.as_list();
      return x.element == y.element &&
             std::equal(x.items.begin(), x.items.end(), y.items.begin(), y.items.end(), identical);
    }
    case ValueKind::Map: {
      const Map& x = *a.as_map();
      const Map& y = *b.as_map();
      const auto same = [](const auto& p, const auto& q) {
        return identical(p.first, q.first) && identical(p.second, q.second);
      };
      return x.type_name == y.type_name && std::equal(x.entries.begin(), x.entries.end(),
                                                      y.entries.begin(), y.entries.end(), same);
    }
    case ValueKind::Record: {
      const Record& x = *a.as_record();
      const Record& y = *b.as_record();
      const auto same = [](const auto& p, const auto& q) {
        return p.first == q.first && identical(p.second, q.second);
      };
      return x.type_name == y.type_name && std::equal(x.members.begin(), x.members.end(),
                                                      y.members.begin(), y.members.end(), same);
    }
    case ValueKind::Int:
    case ValueKind::Int64:
    case ValueKind::Uint64:
    case ValueKind::Byte:
    case ValueKind::Duration:
    case ValueKind::Month:
    case ValueKind::Weekday:
      return a.as_integer() == b.as_integer();
  }
  return false;
}

bool equal_lists(const List& a, const List& b) {
  const bool untyped = a.element == ElementKind::Any || b.element == ElementKind::Any;
  if (!untyped && a.element != b.element) return false;
  return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), equal);
}

[[noreturn]] void raise_key(const Value& key) {
  raise("reflect.Value.MapIndex: value of type " + type_name(key) +
        " is not assignable to type string");
}

const Value* find_key(const Map& map, const Value& key) {
  if (key.is_nil()) return map.any_keys ? map.find(key) : map.find("");
  if (!map.any_keys && !key.is(ValueKind::String)) raise_key(key);
  if (key.as_list() != nullptr || key.as_map() != nullptr) {
    raise("runtime error: hash of unhashable type " + type_name(key));
  }
  return map.find(key);
}

std::size_t checked_index(const Value& key, std::size_t length) {
  std::int64_t index = to_integer(key);
  if (index < 0) index += static_cast<std::int64_t>(length);
  if (index < 0 || static_cast<std::size_t>(index) >= length) {
    raise("index out of range: " + std::to_string(index) + " (array length is " +
          std::to_string(length) + ")");
  }
  return static_cast<std::size_t>(index);
}

}  // namespace

const Value* find_member(const Record& record, const std::string& name) {
  for (const auto& [member, value] : record.members) {
    if (member == name) return &value;
  }
  return nullptr;
}

Value arithmetic(Op op, const Value& a, const Value& b) {
  if (op == Op::Modulo) return remainder(a, b);
  const bool numbers = a.is_number() && b.is_number();
  if (op == Op::Divide || op == Op::Power) {
    if (!numbers) raise_mismatch(op, a, b);
    const double x = a.as_double();
    const double y = b.as_double();
    return Value::number(op == Op::Divide ? x / y : std::pow(x, y));
  }
  if (numbers) {
    if (a.is_integer() && b.is_integer()) {
      return Value::integer(wrap(op, a.as_integer(), b.as_integer()));
    }
    return Value::number(real(op, a.as_double(), b.as_double()));
  }
  Value out;
  if (!special_arithmetic(op, a, b, out)) raise_mismatch(op, a, b);
  return out;
}

bool ordered(Op op, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_integer() && b.is_integer()) return compare_with(op, a.as_integer(), b.as_integer());
    return compare_with(op, a.as_double(), b.as_double());
  }
  if (a.is(ValueKind::String) && b.is(ValueKind::String)) {
    return compare_with(op, a.as_string(), b.as_string());
  }
  if (a.is(ValueKind::Duration) && b.is(ValueKind::Duration)) {
    return compare_with(op, a.as_integer(), b.as_integer());
  }
  if (a.as_time() != nullptr && b.as_time() != nullptr) {
    const auto key = [](const Instant& t) { return std::pair(t.seconds, t.nanos); };
    return compare_with(op, key(*a.as_time()), key(*b.as_time()));
  }
  raise_mismatch(op, a, b);
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.as_list() != nullptr && b.as_list() != nullptr) {
    return equal_lists(*a.as_list(), *b.as_list());
  }
  return identical(a, b);
}

bool contains(const Value& needle, const Value& haystack) {
  if (haystack.is_nil()) return false;
  if (const List* list = haystack.as_list()) {
    return std::any_of(list->items.begin(), list->items.end(),
                       [&](const Value& item) { return equal(item, needle); });
  }
  if (const Map* map = haystack.as_map()) return find_key(*map, needle) != nullptr;
  if (const Record* record = haystack.as_record()) {
    if (!needle.is(ValueKind::String)) {
      raise("cannot use " + type_name(needle) + " as field name of " + type_name(haystack));
    }
    return find_member(*record, needle.as_string()) != nullptr;
  }
  raise("operator \"in\" not defined on " + type_name(haystack));
}

Value negate(const Value& value) {
  if (value.is(ValueKind::Float)) return Value::number(-value.as_double());
  if (!value.is_integer()) raise("invalid operation: - " + type_name(value));
  const std::int64_t negative = wrap(Op::Subtract, 0, value.as_integer());
  if (value.is(ValueKind::Int64)) return Value::int64(negative);
  return Value::integer(negative);
}

Value fetch(const Value& from, const Value& key) {
  if (key.is(ValueKind::String)) {
    if (has_method(from, key.as_string())) return bind_method(from, key.as_string());
  }
  if (const List* list = from.as_list()) return list->items[checked_index(key, list->items.size())];
  if (from.is(ValueKind::String) || from.is(ValueKind::NamedString)) {
    const std::string& text = from.as_string();
    return Value::byte(static_cast<std::uint8_t>(text[checked_index(key, text.size())]));
  }
  if (const Map* map = from.as_map()) {
    const Value* found = find_key(*map, key);
    return found == nullptr ? Value() : *found;
  }
  if (const Record* record = from.as_record()) {
    if (const Value* found = find_member(*record, key.as_string())) return *found;
  }
  raise("cannot fetch " + to_text(key) + " from " + type_name(from));
}

std::int64_t slice_length(const Value& value) {
  if (const List* list = value.as_list()) return static_cast<std::int64_t>(list->items.size());
  if (const Map* map = value.as_map()) return static_cast<std::int64_t>(map->entries.size());
  if (value.is(ValueKind::String) || value.is(ValueKind::NamedString)) {
    return static_cast<std::int64_t>(value.as_string().size());
  }
  raise("invalid argument for len (type " + type_name(value) + ")");
}

Value slice(const Value& value, std::int64_t from, std::int64_t to) {
  const bool text = value.is(ValueKind::String) || value.is(ValueKind::NamedString);
  if (!text && value.as_list() == nullptr) raise("cannot slice " + to_text(value));
  const std::int64_t length = slice_length(value);
  const auto clamp = [&](std::int64_t at) {
    if (at < 0) at = at < -length ? 0 : at + length;
    return std::min(at, length);
  };
  to = clamp(to);
  from = std::min(clamp(from), to);
  if (text) {
    return Value::string(value.as_string().substr(static_cast<std::size_t>(from),
                                                  static_cast<std::size_t>(to - from)));
  }
  const List& list = *value.as_list();
  return Value::list(std::vector<Value>(list.items.begin() + from, list.items.begin() + to),
                     list.element);
}

std::int64_t to_integer(const Value& value) {
  if (value.is(ValueKind::Float)) return float_to_integer(value.as_double());
  if (value.is(ValueKind::String)) {
    const ParsedInteger parsed = parse_integer(value.as_string(), 10);
    if (parsed.error != NumberError::None) {
      raise("invalid operation: int(" + value.as_string() + ")");
    }
    return parsed.value;
  }
  const bool named =
      value.is(ValueKind::Duration) || value.is(ValueKind::Month) || value.is(ValueKind::Weekday);
  if (!named && !value.is_integer()) raise("invalid operation: int(" + type_name(value) + ")");
  return value.as_integer();
}

double to_float(const Value& value) {
  if (value.is_number()) return value.as_double();
  if (!value.is(ValueKind::String)) raise("invalid operation: float(" + type_name(value) + ")");
  const ParsedFloat parsed = parse_float(value.as_string());
  if (parsed.error != NumberError::None) {
    raise("invalid operation: float(" + value.as_string() + ")");
  }
  return parsed.value;
}

}  // namespace sluice::analysis::expr
