#include "expr_test_support.h"

#include <fmt/format.h>

#include <cmath>

#include "analysis/expr/numbers.h"
#include "analysis/expr/quote.h"
#include "analysis/expr/text.h"
#include "analysis/expr/time_format.h"

namespace sluice::analysis::expr {
namespace {

// A zone file with the two changes of 1996 and the rule for all years after them.
constexpr char kZurich[] =
    "\x54\x5a\x69\x66\x32\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01"
    "\x00\x00\x00\x00\x00\x00\x00\x54\x5a\x69\x66\x32\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00"
    "\x00\x00\x02\x00\x00\x00\x09\x00\x00\x00\x00\x31\x5d\xd9\x10\x00\x00\x00\x00\x32\x72\xb4"
    "\x10\x01\x00\x00\x00\x0e\x10\x00\x00\x00\x00\x1c\x20\x01\x04\x43\x45\x54\x00\x43\x45\x53"
    "\x54\x00\x0a\x43\x45\x54\x2d\x31\x43\x45\x53\x54\x2c\x4d\x33\x2e\x35\x2e\x30\x2c\x4d\x31"
    "\x30\x2e\x35\x2e\x30\x2f\x33\x0a";

Instant instant_of(const char* text) {
  return parse_time("2006-01-02T15:04:05Z07:00", text, nullptr);
}

Value cloud_watch() {
  const Value record = Value::record(
      "types.MetricDataResult",
      {{"Id", Value::string("m1")},
       {"Label", Value()},
       {"StatusCode", Value::named_string("Complete")},
       {"Timestamps",
        Value::list({Value::time(instant_of("2023-11-14T22:13:20Z"))}, ElementKind::Time)},
       {"Values", Value::floats({1, 2})}});
  return Value::list({record}, ElementKind::Record);
}

Value influx() {
  return Value::list({Value::int64(3), Value::uint64(4), Value::number(2.5), Value::string("s"),
                      Value(), Value::boolean(true),
                      Value::time(instant_of("2023-11-14T22:13:20Z"))});
}

Value row(const Value& map) {
  std::vector<std::pair<std::string, Value>> members;
  for (const auto& [key, value] : map.as_map()->entries) {
    members.emplace_back(key.as_string(), value);
  }
  return Value::nrql_row(std::move(members));
}

Value new_relic(const std::string& json) {
  const Value value = parse_json_text(json);
  if (value.as_map() != nullptr) return row(value);
  std::vector<Value> rows;
  for (const Value& item : value.as_list()->items) rows.push_back(row(item));
  return Value::list(std::move(rows), ElementKind::NamedMap);
}

Value floats(std::string text) {
  std::vector<double> values;
  text = text.substr(1, text.size() - 2);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(", ", at), text.size());
    values.push_back(parse_float(text.substr(at, end - at)).value);
    at = end + 2;
  }
  return Value::floats(values);
}

std::string shown_float(double value) {
  if (!std::isfinite(value)) return format_float(value);
  const double magnitude = std::fabs(value);
  if (value != 0 && (magnitude < 1e-4 || magnitude >= 1e16)) return format_float(value);
  const std::string plain = format_json_float(value);
  return plain.find('.') == std::string::npos ? plain + ".0" : plain;
}

std::string shown_list(const List& list) {
  std::string out;
  if (list.element == ElementKind::Byte) {
    for (const Value& item : list.items) {
      out += fmt::format("{}{:02x}", out.empty() ? "" : " ", item.as_integer());
    }
    return "bytes(" + out + ")";
  }
  for (const Value& item : list.items) out += (out.empty() ? "" : ", ") + shown(item);
  return "[" + out + "]";
}

std::string shown_map(const Map& map) {
  std::string out;
  for (const auto& [key, value] : map.entries) {
    out += (out.empty() ? "" : ", ") + shown(key) + ": " + shown(value);
  }
  return "{" + out + "}";
}

}  // namespace

Value result_of(const std::string& notation) {
  if (notation.empty() || notation == "nil" || notation == "nil pointer") return Value();
  if (notation == "cw") return cloud_watch();
  if (notation == "influx") return influx();
  const std::size_t blank = notation.find(' ');
  const std::string kind = notation.substr(0, blank);
  const std::string rest = notation.substr(blank + 1);
  if (kind == "float") return Value::number(parse_float(rest).value);
  if (kind == "int") return Value::integer(parse_integer(rest, 10).value);
  if (kind == "floats") return floats(rest);
  if (kind == "string" || kind == "json") return parse_json_text(rest);
  if (kind == "nrql") return new_relic(rest);
  throw std::invalid_argument("unknown result notation: " + notation);
}

std::string shown(const Value& value) {
  switch (value.kind()) {
    case ValueKind::Nil:
      return "nil";
    case ValueKind::Bool:
      return value.as_bool() ? "true" : "false";
    case ValueKind::Int:
      return std::to_string(value.as_integer());
    case ValueKind::Int64:
      return "int64(" + std::to_string(value.as_integer()) + ")";
    case ValueKind::Uint64:
      return "uint64(" + std::to_string(value.as_integer()) + ")";
    case ValueKind::Byte:
      return "byte(" + std::to_string(value.as_integer()) + ")";
    case ValueKind::Float:
      return shown_float(value.as_double());
    case ValueKind::String:
      return quote_text(value.as_string());
    case ValueKind::NamedString:
      return "StatusCode(" + quote_text(value.as_string()) + ")";
    case ValueKind::List:
      return shown_list(*value.as_list());
    case ValueKind::Map:
      return shown_map(*value.as_map());
    case ValueKind::Record:
      return "record";
    case ValueKind::Time:
      return "time(" + rfc3339_text(*value.as_time()) + ")";
    case ValueKind::Duration:
      return "duration(" + duration_text(value.as_integer()) + ")";
    case ValueKind::Month:
      return "Month(" + to_text(value) + ")";
    case ValueKind::Weekday:
      return "Weekday(" + to_text(value) + ")";
    case ValueKind::Location:
      return "location(" + to_text(value) + ")";
    case ValueKind::Function:
      return "function";
  }
  return "?";
}

EvaluationInput test_input() {
  EvaluationInput input;
  input.now = WallTime(Seconds(1'795'262'400));
  input.load_zone = [](std::string_view name) -> std::optional<std::string> {
    if (name != "Europe/Zurich") return std::nullopt;
    return std::string(kZurich, sizeof kZurich - 1);
  };
  return input;
}

std::string outcome(const std::string& expression, const std::string& result, Options options) {
  const bool range = result == "range";
  const Value value = range ? Value() : result_of(result);
  const auto environment =
      range ? Environment::for_range_query(options) : Environment::for_condition(value, options);
  const auto program = compile(expression, environment);
  if (!program) return "compile: " + program.error().message;
  const auto answer = evaluate(*program, value, test_input());
  return answer ? shown(*answer) : "runtime: " + answer.error().message;
}

}  // namespace sluice::analysis::expr
