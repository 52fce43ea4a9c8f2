#include "analysis/expr/time_methods.h"

#include <limits>

#include "analysis/expr/operators.h"
#include "analysis/expr/time_format.h"

namespace sluice::analysis::expr {
namespace {

constexpr std::int64_t kNanos = 1'000'000'000;
using I128 = __int128;

Instant from_total(I128 nanoseconds, std::shared_ptr<const Zone> zone) {
  I128 seconds = nanoseconds / kNanos;
  I128 rest = nanoseconds % kNanos;
  if (rest < 0) {
    rest += kNanos;
    --seconds;
  }
  return Instant{static_cast<std::int64_t>(seconds), static_cast<std::int32_t>(rest),
                 std::move(zone)};
}

I128 total(const Instant& time) {
  return I128{time.seconds} * kNanos + time.nanos;
}

// Seconds from the first of January of year 1, where Truncate and Round count from.
constexpr std::int64_t kYearOne = 62'135'596'800;

Instant floor_to(const Instant& time, std::int64_t step, bool to_nearest) {
  if (step <= 0) return time;
  const I128 since = total(time) + I128{kYearOne} * kNanos;
  I128 rest = since % step;
  if (rest < 0) rest += step;
  I128 moved = total(time) - rest;
  if (to_nearest && rest + rest >= step) moved += step;
  return from_total(moved, time.zone);
}

std::int64_t round_duration(std::int64_t value, std::int64_t step) {
  if (step <= 0) return value;
  const std::int64_t rest = value % step;
  const bool up = std::uint64_t(rest < 0 ? -rest : rest) * 2 >= std::uint64_t(step);
  const std::int64_t whole = value - rest;
  if (!up) return whole;
  return whole + (value < 0 ? -step : step);
}

std::int64_t truncate_duration(std::int64_t value, std::int64_t step) {
  return step <= 0 ? value : value - value % step;
}

std::int64_t absolute(std::int64_t value) {
  if (value == std::numeric_limits<std::int64_t>::min()) {
    return std::numeric_limits<std::int64_t>::max();
  }
  return value < 0 ? -value : value;
}

Instant in_zone(const Instant& time, std::shared_ptr<const Zone> zone) {
  return Instant{time.seconds, time.nanos, std::move(zone)};
}

Value add_date(const Instant& time, const Arguments& arguments) {
  const Civil civil = civil_of(time);
  // Months carry into years before days are counted, as calendars do.
  const std::int64_t days = days_from_civil(civil.year + arguments[0].as_integer() % 100'000,
                                            civil.month + arguments[1].as_integer() % 1'000'000,
                                            civil.day + arguments[2].as_integer() % 10'000'000);
  const std::int64_t local = days * 86'400 + civil.hour * 3'600 + civil.minute * 60 + civil.second;
  const std::int64_t unix = time.zone ? time.zone->to_unix(local) : local;
  return Value::time(Instant{unix, time.nanos, time.zone});
}

using Method = Value (*)(const Value& receiver, const Arguments& arguments);

const Instant& time_of(const Value& value) {
  return *value.as_time();
}
Value number_of(std::int64_t value) {
  return Value::integer(value);
}

struct MethodEntry {
  ValueKind receiver;
  std::string_view name;
  std::string_view params;  // one letter each, see param_type
  char result;
  Method call;
};

Type letter_type(char letter) {
  switch (letter) {
    case 'i':
      return types::integer();
    case 'I':
      return types::int64();
    case 'f':
      return types::number();
    case 's':
      return types::string();
    case 'b':
      return types::boolean();
    case 't':
      return types::time();
    case 'd':
      return types::duration();
    case 'm':
      return types::month();
    case 'w':
      return types::weekday();
    case 'l':
      return types::location();
    default:
      return types::unknown();
  }
}

ValueKind letter_kind(char letter) {
  switch (letter) {
    case 's':
      return ValueKind::String;
    case 't':
      return ValueKind::Time;
    case 'd':
      return ValueKind::Duration;
    case 'l':
      return ValueKind::Location;
    default:
      return ValueKind::Int;
  }
}

#define SLUICE_EXPR_METHOD(expression) \
  [](const Value& v, [[maybe_unused]] const Arguments& a) -> Value { return expression; }

constexpr MethodEntry kMethods[] = {
    {ValueKind::Time, "Year", "", 'i', SLUICE_EXPR_METHOD(number_of(civil_of(time_of(v)).year))},
    {ValueKind::Time, "Month", "", 'm',
     SLUICE_EXPR_METHOD(Value::month(civil_of(time_of(v)).month))},
    {ValueKind::Time, "Day", "", 'i', SLUICE_EXPR_METHOD(number_of(civil_of(time_of(v)).day))},
    {ValueKind::Time, "Weekday", "", 'w',
     SLUICE_EXPR_METHOD(Value::weekday(civil_of(time_of(v)).weekday))},
    {ValueKind::Time, "Hour", "", 'i', SLUICE_EXPR_METHOD(number_of(civil_of(time_of(v)).hour))},
    {ValueKind::Time, "Minute", "", 'i',
     SLUICE_EXPR_METHOD(number_of(civil_of(time_of(v)).minute))},
    {ValueKind::Time, "Second", "", 'i',
     SLUICE_EXPR_METHOD(number_of(civil_of(time_of(v)).second))},
    {ValueKind::Time, "Nanosecond", "", 'i', SLUICE_EXPR_METHOD(number_of(time_of(v).nanos))},
    {ValueKind::Time, "YearDay", "", 'i',
     SLUICE_EXPR_METHOD(number_of(civil_of(time_of(v)).year_day))},
    {ValueKind::Time, "ISOWeek", "", 'i',
     SLUICE_EXPR_METHOD(number_of(iso_week_year(civil_of(time_of(v)))))},
    {ValueKind::Time, "Unix", "", 'I', SLUICE_EXPR_METHOD(Value::int64(time_of(v).seconds))},
    {ValueKind::Time, "UnixMilli", "", 'I',
     SLUICE_EXPR_METHOD(Value::int64(static_cast<std::int64_t>(total(time_of(v)) / 1'000'000)))},
    {ValueKind::Time, "UnixMicro", "", 'I',
     SLUICE_EXPR_METHOD(Value::int64(static_cast<std::int64_t>(total(time_of(v)) / 1'000)))},
    {ValueKind::Time, "UnixNano", "", 'I',
     SLUICE_EXPR_METHOD(Value::int64(static_cast<std::int64_t>(total(time_of(v)))))},
    {ValueKind::Time, "Before", "t", 'b',
     SLUICE_EXPR_METHOD(Value::boolean(ordered(Op::Less, v, a[0])))},
    {ValueKind::Time, "After", "t", 'b',
     SLUICE_EXPR_METHOD(Value::boolean(ordered(Op::Greater, v, a[0])))},
    {ValueKind::Time, "Equal", "t", 'b', SLUICE_EXPR_METHOD(Value::boolean(equal(v, a[0])))},
    {ValueKind::Time, "IsZero", "", 'b',
     SLUICE_EXPR_METHOD(Value::boolean(time_of(v).seconds == -kYearOne && time_of(v).nanos == 0))},
    {ValueKind::Time, "Add", "d", 't',
     SLUICE_EXPR_METHOD(Value::time(add_duration(time_of(v), a[0].as_integer())))},
    {ValueKind::Time, "AddDate", "iii", 't', SLUICE_EXPR_METHOD(add_date(time_of(v), a))},
    {ValueKind::Time, "Sub", "t", 'd',
     SLUICE_EXPR_METHOD(Value::duration(time_difference(time_of(v), time_of(a[0]))))},
    {ValueKind::Time, "Truncate", "d", 't',
     SLUICE_EXPR_METHOD(Value::time(floor_to(time_of(v), a[0].as_integer(), false)))},
    {ValueKind::Time, "Round", "d", 't',
     SLUICE_EXPR_METHOD(Value::time(floor_to(time_of(v), a[0].as_integer(), true)))},
    {ValueKind::Time, "In", "l", 't',
     SLUICE_EXPR_METHOD(Value::time(in_zone(time_of(v), a[0].as_zone())))},
    {ValueKind::Time, "UTC", "", 't',
     SLUICE_EXPR_METHOD(Value::time(in_zone(time_of(v), nullptr)))},
    {ValueKind::Time, "Local", "", 't',
     SLUICE_EXPR_METHOD(Value::time(in_zone(time_of(v), nullptr)))},
    {ValueKind::Time, "Format", "s", 's',
     SLUICE_EXPR_METHOD(Value::string(format_time(time_of(v), a[0].as_string())))},
    {ValueKind::Time, "String", "", 's', SLUICE_EXPR_METHOD(Value::string(time_text(time_of(v))))},
    {ValueKind::Time, "Date", "", 'i', SLUICE_EXPR_METHOD(number_of(civil_of(time_of(v)).year))},
    {ValueKind::Time, "Clock", "", 'i', SLUICE_EXPR_METHOD(number_of(civil_of(time_of(v)).hour))},
    {ValueKind::Duration, "Hours", "", 'f',
     SLUICE_EXPR_METHOD(Value::number(static_cast<double>(v.as_integer()) / 3.6e12))},
    {ValueKind::Duration, "Minutes", "", 'f',
     SLUICE_EXPR_METHOD(Value::number(static_cast<double>(v.as_integer()) / 6e10))},
    {ValueKind::Duration, "Seconds", "", 'f',
     SLUICE_EXPR_METHOD(Value::number(static_cast<double>(v.as_integer()) / 1e9))},
    {ValueKind::Duration, "Milliseconds", "", 'I',
     SLUICE_EXPR_METHOD(Value::int64(v.as_integer() / 1'000'000))},
    {ValueKind::Duration, "Microseconds", "", 'I',
     SLUICE_EXPR_METHOD(Value::int64(v.as_integer() / 1'000))},
    {ValueKind::Duration, "Nanoseconds", "", 'I', SLUICE_EXPR_METHOD(Value::int64(v.as_integer()))},
    {ValueKind::Duration, "String", "", 's',
     SLUICE_EXPR_METHOD(Value::string(duration_text(v.as_integer())))},
    {ValueKind::Duration, "Round", "d", 'd',
     SLUICE_EXPR_METHOD(Value::duration(round_duration(v.as_integer(), a[0].as_integer())))},
    {ValueKind::Duration, "Truncate", "d", 'd',
     SLUICE_EXPR_METHOD(Value::duration(truncate_duration(v.as_integer(), a[0].as_integer())))},
    {ValueKind::Duration, "Abs", "", 'd',
     SLUICE_EXPR_METHOD(Value::duration(absolute(v.as_integer())))},
    {ValueKind::Month, "String", "", 's',
     SLUICE_EXPR_METHOD(Value::string(month_name(static_cast<int>(v.as_integer()))))},
    {ValueKind::Weekday, "String", "", 's',
     SLUICE_EXPR_METHOD(Value::string(weekday_name(static_cast<int>(v.as_integer()))))},
    {ValueKind::Location, "String", "", 's',
     SLUICE_EXPR_METHOD(Value::string(v.as_zone() ? v.as_zone()->name() : "UTC"))},
};
#undef SLUICE_EXPR_METHOD

const MethodEntry* find_entry(ValueKind receiver, std::string_view name) {
  for (const MethodEntry& entry : kMethods) {
    if (entry.receiver == receiver && entry.name == name) return &entry;
  }
  return nullptr;
}

std::optional<ValueKind> receiver_kind(const Type& type) {
  if (type.is(Type::Kind::Time)) return ValueKind::Time;
  if (type.is(Type::Kind::Duration)) return ValueKind::Duration;
  if (type.is(Type::Kind::Month)) return ValueKind::Month;
  if (type.is(Type::Kind::Weekday)) return ValueKind::Weekday;
  if (type.is(Type::Kind::Location)) return ValueKind::Location;
  return std::nullopt;
}

}  // namespace

Instant add_duration(const Instant& time, std::int64_t nanoseconds) {
  return from_total(total(time) + nanoseconds, time.zone);
}

std::int64_t time_difference(const Instant& a, const Instant& b) {
  const I128 difference = total(a) - total(b);
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  if (difference > kMax) return kMax;
  return difference < kMin ? kMin : static_cast<std::int64_t>(difference);
}

std::optional<Signature> find_method(const Type& receiver, std::string_view name) {
  const auto kind = receiver_kind(receiver);
  const MethodEntry* entry = kind ? find_entry(*kind, name) : nullptr;
  if (entry == nullptr) return std::nullopt;
  Signature signature{std::string(name), {}, {}, letter_type(entry->result)};
  for (const char letter : entry->params) signature.params.push_back(letter_type(letter));
  if (name == "Date" || name == "Clock") signature.results = 3;
  return signature;
}

bool has_method(const Value& receiver, std::string_view name) {
  return find_entry(receiver.kind(), name) != nullptr;
}

Value bind_method(const Value& receiver, std::string_view name) {
  return Value::function(std::make_shared<const Function>(
      Function{Function::Id::Method, receiver, std::string(name)}));
}

Value call_method(const Value& receiver, std::string_view name, const Arguments& arguments) {
  const MethodEntry* entry = find_entry(receiver.kind(), name);
  if (entry == nullptr) raise("invalid operation: cannot call nil");
  if (arguments.size() != entry->params.size()) {
    const bool few = arguments.size() < entry->params.size();
    raise(std::string("reflect: Call with too ") + (few ? "few" : "many") + " input arguments");
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const ValueKind wanted = letter_kind(entry->params[i]);
    const bool integers = wanted == ValueKind::Int && arguments[i].is_integer();
    if (arguments[i].is(wanted) || integers) continue;
    if (arguments[i].is_nil()) raise("reflect: Call using zero Value argument");
    raise("reflect: Call using " + type_name(arguments[i]) + " as type " +
          letter_type(entry->params[i]).name);
  }
  return entry->call(receiver, arguments);
}

}  // namespace sluice::analysis::expr
