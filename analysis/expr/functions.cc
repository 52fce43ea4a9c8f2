#include "analysis/expr/functions.h"

#include <cmath>

#include "analysis/expr/numbers.h"
#include "analysis/expr/quote.h"
#include "analysis/expr/text.h"
#include "analysis/expr/time_methods.h"

namespace sluice::analysis::expr {
namespace {

[[noreturn]] void raise_unsupported(const char* name, const Value& value) {
  raise(std::string(name) + "() not supported on " + type_name(value) + " " + to_text(value));
}

Value as_int(const Value& value) {
  if (value.is_integer()) return Value::int64(value.as_integer());
  if (value.is(ValueKind::Float)) return Value::int64(float_to_integer(value.as_double()));
  if (!value.is(ValueKind::String)) raise_unsupported("asInt", value);
  const ParsedInteger parsed = parse_integer(value.as_string(), 10);
  if (parsed.error == NumberError::None) return Value::int64(parsed.value);
  raise("strconv.ParseInt: parsing " + quote_text(value.as_string()) + ": " +
        std::string(to_string(parsed.error)));
}

Value as_float(const Value& value) {
  if (value.is_number()) return Value::number(value.as_double());
  if (!value.is(ValueKind::String)) raise_unsupported("asFloat", value);
  const ParsedFloat parsed = parse_float(value.as_string());
  if (parsed.error == NumberError::None) return Value::number(parsed.value);
  raise("strconv.ParseFloat: parsing " + quote_text(value.as_string()) + ": " +
        std::string(to_string(parsed.error)));
}

double float_argument(const Value& value) {
  if (!value.is(ValueKind::Float)) raise_conversion(value, "float64");
  return value.as_double();
}

}  // namespace

Value call_function(const Function& function, const Arguments& arguments,
                    const FunctionContext& context) {
  using Id = Function::Id;
  if (function.id == Id::Method) {
    return call_method(function.receiver, function.method, arguments);
  }
  const std::size_t wanted = function.id == Id::Default ? 2 : 1;
  if (arguments.size() != wanted) {
    raise(std::string("reflect: Call with too ") + (arguments.size() < wanted ? "few" : "many") +
          " input arguments");
  }
  const Value& subject = context.honour_arguments ? arguments[0] : context.result;
  switch (function.id) {
    case Id::AsInt:
      return as_int(arguments[0]);
    case Id::AsFloat:
      return as_float(arguments[0]);
    case Id::IsNaN:
      return Value::boolean(std::isnan(float_argument(arguments[0])));
    case Id::IsInf:
      return Value::boolean(std::isinf(float_argument(arguments[0])));
    case Id::IsNil:
      return Value::boolean(subject.is_nil());
    case Id::Default:
      return subject.is_nil() ? arguments[1] : subject;
    case Id::Method:
      break;
  }
  return Value();
}

}  // namespace sluice::analysis::expr
