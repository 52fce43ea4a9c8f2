#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "analysis/expr/builtins.h"
#include "analysis/expr/operators.h"

namespace sluice::analysis::expr {
namespace {

constexpr int kMaxNumberDepth = 10'000;

// ---- static checks ------------------------------------------------------------------------------

bool is_numeric_shape(const Type& type) {
  return type.is_number() || type.has_integer_shape() || type.is_unknown();
}

[[noreturn]] void raise_type(const std::string& name, const Type& type) {
  raise("invalid argument for " + name + " (type " + shown(type) + ")");
}

Type check_abs(const std::string& name, const std::vector<Type>& arguments) {
  check_count(arguments, 1);
  if (!is_numeric_shape(arguments[0])) raise_type(name, arguments[0]);
  return arguments[0];
}

Type check_rounding(const std::string& name, const std::vector<Type>& arguments) {
  check_abs(name, arguments);
  return types::number();
}

void check_convertible(const std::string& name, const std::vector<Type>& arguments) {
  check_count(arguments, 1);
  const Type& type = arguments[0];
  const bool text = type.is(Type::Kind::String) || type.is(Type::Kind::NamedString);
  if (!text && !is_numeric_shape(type)) raise_type(name, type);
}

Type check_int(const std::string& name, const std::vector<Type>& arguments) {
  check_convertible(name, arguments);
  return types::integer();
}

Type check_float(const std::string& name, const std::vector<Type>& arguments) {
  check_convertible(name, arguments);
  return types::number();
}

Type check_aggregate(const std::string& name, const std::vector<Type>& arguments) {
  if (arguments.empty()) raise("not enough arguments to call " + name);
  for (const Type& type : arguments) {
    if (type.is_unknown() || type.is(Type::Kind::Array)) return types::any();
    if (!is_numeric_shape(type)) raise_type(name, type);
  }
  return arguments[0];
}

Type check_bits(const std::string& name, const std::vector<Type>& arguments) {
  check_signature({name, {types::integer(), types::integer()}, {}, types::integer()}, arguments);
  return types::integer();
}

Type check_bitnot(const std::string& name, const std::vector<Type>& arguments) {
  check_signature({name, {types::integer()}, {}, types::integer()}, arguments);
  return types::integer();
}

// ---- calls --------------------------------------------------------------------------------------

[[noreturn]] void raise_value(const char* name, const Value& value) {
  raise(std::string("invalid argument for ") + name + " (type " + type_name(value) + ")");
}

Value call_abs(const Arguments& arguments, Context&) {
  const Value& value = arguments[0];
  if (value.is(ValueKind::Float)) return Value::number(std::fabs(value.as_double()));
  if (!value.is_integer()) raise_value("abs", value);
  return value.as_integer() < 0 ? negate(value) : value;
}

template <double (*Round)(double)>
Value call_rounding(const char* name, const Value& value) {
  if (!value.is_number()) raise_value(name, value);
  return Value::number(Round(value.as_double()));
}

double round_half_away(double x) {
  return std::round(x);
}
double round_up(double x) {
  return std::ceil(x);
}
double round_down(double x) {
  return std::floor(x);
}

Value call_ceil(const Arguments& a, Context&) {
  return call_rounding<round_up>("ceil", a[0]);
}
Value call_floor(const Arguments& a, Context&) {
  return call_rounding<round_down>("floor", a[0]);
}
Value call_round(const Arguments& a, Context&) {
  return call_rounding<round_half_away>("round", a[0]);
}

Value call_int(const Arguments& a, Context&) {
  return Value::integer(to_integer(a[0]));
}
Value call_float(const Arguments& a, Context&) {
  return Value::number(to_float(a[0]));
}

// All numbers in the arguments, lists opened up at any depth.
void collect(const char* name, const Value& value, int depth, Context& context,
             std::vector<Value>& out) {
  if (depth > kMaxNumberDepth) raise("recursion depth exceeded");
  context.budget.work(1);
  if (value.is_number()) {
    out.push_back(value);
    return;
  }
  const std::vector<Value>* items = list_items(value);
  if (items == nullptr) raise_value(name, value);
  for (const Value& item : *items) collect(name, item, depth + 1, context, out);
}

std::vector<Value> numbers_in(const char* name, const Arguments& arguments, Context& context) {
  std::vector<Value> out;
  for (const Value& argument : arguments) collect(name, argument, 0, context, out);
  return out;
}

// The running value gives way only when the comparison holds, so an early NaN stays.
Value extreme(const char* name, Op wins, const Arguments& arguments, Context& context) {
  const bool lone = arguments.size() == 1;
  if (lone && !arguments[0].is_number() && list_items(arguments[0]) == nullptr) {
    return arguments[0];
  }
  Value best;
  for (Value& candidate : numbers_in(name, arguments, context)) {
    if (best.is_nil() || ordered(wins, candidate, best)) best = std::move(candidate);
  }
  return best;
}

Value call_max(const Arguments& a, Context& c) {
  return extreme("max", Op::Greater, a, c);
}
Value call_min(const Arguments& a, Context& c) {
  return extreme("min", Op::Less, a, c);
}

Value call_mean(const Arguments& arguments, Context& context) {
  const std::vector<Value> numbers = numbers_in("mean", arguments, context);
  if (numbers.empty()) return Value::number(0);
  double sum = 0;
  for (const Value& number : numbers) sum += number.as_double();
  return Value::number(sum / static_cast<double>(numbers.size()));
}

Value call_median(const Arguments& arguments, Context& context) {
  std::vector<double> numbers;
  for (const Value& number : numbers_in("median", arguments, context)) {
    numbers.push_back(number.as_double());
  }
  if (numbers.empty()) return Value::number(0);
  // NaN first, so that the order is total.
  std::sort(numbers.begin(), numbers.end(),
            [](double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; });
  const std::size_t half = numbers.size() / 2;
  if (numbers.size() % 2 == 1) return Value::number(numbers[half]);
  return Value::number((numbers[half - 1] + numbers[half]) / 2);
}

std::int64_t bits(const char* name, const Value& value) {
  if (value.is_integer()) return value.as_integer();
  raise("cannot use " + type_name(value) + " as argument (type int) to call " + name);
}

enum class Bits { And, Or, Xor, Nand };

template <Bits Operation>
Value call_bits(const char* name, const Arguments& arguments) {
  const std::int64_t a = bits(name, arguments[0]);
  const std::int64_t b = bits(name, arguments[1]);
  switch (Operation) {
    case Bits::And:
      return Value::integer(a & b);
    case Bits::Or:
      return Value::integer(a | b);
    case Bits::Xor:
      return Value::integer(a ^ b);
    case Bits::Nand:
      return Value::integer(a & ~b);
  }
  return Value();
}

Value call_bitand(const Arguments& a, Context&) {
  return call_bits<Bits::And>("bitand", a);
}
Value call_bitor(const Arguments& a, Context&) {
  return call_bits<Bits::Or>("bitor", a);
}
Value call_bitxor(const Arguments& a, Context&) {
  return call_bits<Bits::Xor>("bitxor", a);
}
Value call_bitnand(const Arguments& a, Context&) {
  return call_bits<Bits::Nand>("bitnand", a);
}
Value call_bitnot(const Arguments& a, Context&) {
  return Value::integer(~bits("bitnot", a[0]));
}

std::int64_t shift_count(const char* name, const Value& value) {
  const std::int64_t count = bits(name, value);
  if (count < 0) {
    raise("invalid operation: negative shift count " + std::to_string(count) + " (type int)");
  }
  return count;
}

Value call_bitshl(const Arguments& arguments, Context&) {
  const std::int64_t value = bits("bitshl", arguments[0]);
  const std::int64_t count = shift_count("bitshl", arguments[1]);
  if (count > 63) return Value::integer(0);
  return Value::integer(static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << count));
}

Value call_bitshr(const Arguments& arguments, Context&) {
  const std::int64_t value = bits("bitshr", arguments[0]);
  const std::int64_t count = shift_count("bitshr", arguments[1]);
  return Value::integer(value >> std::min<std::int64_t>(count, 63));
}

Value call_bitushr(const Arguments& arguments, Context&) {
  const std::int64_t value = bits("bitushr", arguments[0]);
  const std::int64_t count = shift_count("bitushr", arguments[1]);
  if (count > 63) return Value::integer(0);
  return Value::integer(static_cast<std::int64_t>(static_cast<std::uint64_t>(value) >> count));
}

constexpr Builtin kNumberBuiltins[] = {
    {"abs", check_abs, call_abs},          {"ceil", check_rounding, call_ceil},
    {"floor", check_rounding, call_floor}, {"round", check_rounding, call_round},
    {"int", check_int, call_int},          {"float", check_float, call_float},
    {"max", check_aggregate, call_max},    {"min", check_aggregate, call_min},
    {"mean", check_aggregate, call_mean},  {"median", check_aggregate, call_median},
    {"bitand", check_bits, call_bitand},   {"bitor", check_bits, call_bitor},
    {"bitxor", check_bits, call_bitxor},   {"bitnand", check_bits, call_bitnand},
    {"bitnot", check_bitnot, call_bitnot}, {"bitshl", check_bits, call_bitshl},
    {"bitshr", check_bits, call_bitshr},   {"bitushr", check_bits, call_bitushr},
};

}  // namespace

BuiltinTable number_builtins() {
  return {std::begin(kNumberBuiltins), std::end(kNumberBuiltins)};
}

}  // namespace sluice::analysis::expr
