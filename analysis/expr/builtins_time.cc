#include <iterator>

#include "analysis/expr/builtins.h"
#include "analysis/expr/time_format.h"

namespace sluice::analysis::expr {
namespace {

Type check_now(const std::string&, const Types& given) {
  const bool zone =
      given.size() == 1 && (given[0].is_unknown() || given[0].is(Type::Kind::Location));
  if (!zone) check_count(given, 0);
  return types::time();
}

Type check_date(const std::string&, const Types& given) {
  if (given.empty()) raise("invalid number of arguments (expected at least 1, got 0)");
  return types::time();
}

Type check_duration(const std::string& name, const Types& given) {
  check_signature({name, {types::string()}, {}, types::duration()}, given);
  return types::duration();
}

Type check_timezone(const std::string& name, const Types& given) {
  check_signature({name, {types::string()}, {}, types::location()}, given);
  return types::location();
}

// Null is UTC, which needs no data.
std::shared_ptr<const Zone> load_zone(const std::string& name, Context& context) {
  if (name.empty() || name == "UTC" || name == "Local") return nullptr;
  const bool suspicious = name.find("..") != std::string::npos || name.front() == '/' ||
                          name.find('\\') != std::string::npos;
  if (suspicious) raise("time: invalid location name");
  context.budget.work(1'000);
  if (context.zones != nullptr && *context.zones) {
    if (const auto bytes = (*context.zones)(name)) {
      if (auto zone = Zone::from_tzif(name, *bytes)) return zone;
    }
  }
  raise("unknown time zone " + name);
}

Value call_now(const Arguments& arguments, Context& context) {
  const Value now = Value::time(context.now);
  if (arguments.empty()) return now;
  if (!arguments[0].is(ValueKind::Location)) raise_conversion(arguments[0], "*time.Location");
  Instant instant = *now.as_time();
  instant.zone = arguments[0].as_zone();
  return Value::time(std::move(instant));
}

Value call_duration(const Arguments& arguments, Context&) {
  return Value::duration(parse_duration(string_argument(arguments[0])));
}

Value call_timezone(const Arguments& arguments, Context& context) {
  return Value::location(load_zone(string_argument(arguments[0]), context));
}

Instant parse_any(const std::string& text, const std::shared_ptr<const Zone>& zone) {
  static constexpr std::string_view kLayouts[] = {
      "2006-01-02",
      "15:04:05",
      "2006-01-02 15:04:05",
      "2006-01-02T15:04:05Z07:00",
      "02 Jan 06 15:04 MST",
      "Monday, 02-Jan-06 15:04:05 MST",
      "Mon, 02 Jan 2006 15:04:05 MST",
  };
  for (const std::string_view layout : kLayouts) {
    try {
      return parse_time(layout, text, zone);
    } catch (const RuntimeError&) {
      // The next one may fit.
    }
  }
  raise("invalid date " + text);
}

Value call_date(const Arguments& arguments, Context& context) {
  std::shared_ptr<const Zone> zone;
  std::size_t at = 0;
  if (arguments[0].is(ValueKind::Location)) {
    zone = arguments[0].as_zone();
    at = 1;
  }
  const std::size_t count = arguments.size() - at;
  if (count == 0 || count > 3) raise("invalid number of arguments for date");
  const std::string& text = string_argument(arguments[at]);
  if (count == 1) return Value::time(parse_any(text, zone));
  const std::string& layout = string_argument(arguments[at + 1]);
  if (count == 3) zone = load_zone(string_argument(arguments[at + 2]), context);
  return Value::time(parse_time(layout, text, zone));
}

constexpr Builtin kTimeBuiltins[] = {
    {"now", check_now, call_now},
    {"duration", check_duration, call_duration},
    {"date", check_date, call_date},
    {"timezone", check_timezone, call_timezone},
};

}  // namespace

BuiltinTable time_builtins() {
  return {std::begin(kTimeBuiltins), std::end(kTimeBuiltins)};
}

}  // namespace sluice::analysis::expr
