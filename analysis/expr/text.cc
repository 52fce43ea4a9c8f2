#include "analysis/expr/text.h"

#include <cmath>

#include "analysis/expr/numbers.h"
#include "analysis/expr/quote.h"
#include "analysis/expr/runtime_error.h"
#include "analysis/expr/time_format.h"

namespace sluice::analysis::expr {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 24;

void check_length(const std::string& out) {
  if (out.size() > kMaxText) raise("memory budget exceeded");
}

void append_text(std::string& out, const Value& value);

void append_list(std::string& out, const List& list) {
  out += '[';
  bool first = true;
  for (const Value& item : list.items) {
    if (!first) out += ' ';
    first = false;
    append_text(out, item);
  }
  out += ']';
}

void append_map(std::string& out, const Map& map) {
  out += "map[";
  bool first = true;
  for (const auto& [key, value] : map.entries) {
    if (!first) out += ' ';
    first = false;
    append_text(out, key);
    out += ':';
    append_text(out, value);
  }
  out += ']';
}

void append_record(std::string& out, const Record& record) {
  out += '{';
  bool first = true;
  for (const auto& [name, value] : record.members) {
    if (!first) out += ' ';
    first = false;
    append_text(out, value);
  }
  out += '}';
}

void append_text(std::string& out, const Value& value) {
  check_length(out);
  switch (value.kind()) {
    case ValueKind::Nil:
      out += "<nil>";
      return;
    case ValueKind::Bool:
      out += value.as_bool() ? "true" : "false";
      return;
    case ValueKind::Int:
    case ValueKind::Int64:
    case ValueKind::Byte:
      out += std::to_string(value.as_integer());
      return;
    case ValueKind::Uint64:
      out += std::to_string(static_cast<std::uint64_t>(value.as_integer()));
      return;
    case ValueKind::Float:
      out += format_float(value.as_double());
      return;
    case ValueKind::String:
    case ValueKind::NamedString:
      out += value.as_string();
      return;
    case ValueKind::List:
      append_list(out, *value.as_list());
      return;
    case ValueKind::Map:
      append_map(out, *value.as_map());
      return;
    case ValueKind::Record:
      append_record(out, *value.as_record());
      return;
    case ValueKind::Time:
      out += time_text(*value.as_time());
      return;
    case ValueKind::Duration:
      out += duration_text(value.as_integer());
      return;
    case ValueKind::Month:
      out += month_name(static_cast<int>(value.as_integer()));
      return;
    case ValueKind::Weekday:
      out += weekday_name(static_cast<int>(value.as_integer()));
      return;
    case ValueKind::Location:
      out += value.as_zone() ? value.as_zone()->name() : "UTC";
      return;
    case ValueKind::Function:
      out += "func";
      return;
  }
}

void append_json(std::string& out, const Value& value, int indent);

void new_line(std::string& out, int indent) {
  out += '\n';
  out.append(static_cast<std::size_t>(indent) * 2, ' ');
}

void append_json_list(std::string& out, const List& list, int indent) {
  if (list.items.empty()) {
    out += "[]";
    return;
  }
  out += '[';
  bool first = true;
  for (const Value& item : list.items) {
    if (!first) out += ',';
    first = false;
    new_line(out, indent + 1);
    append_json(out, item, indent + 1);
  }
  new_line(out, indent);
  out += ']';
}

template <class Entries>
void append_json_object(std::string& out, const Entries& entries, int indent) {
  if (entries.empty()) {
    out += "{}";
    return;
  }
  out += '{';
  bool first = true;
  for (const auto& [key, value] : entries) {
    if (!first) out += ',';
    first = false;
    new_line(out, indent + 1);
    if constexpr (std::is_same_v<std::decay_t<decltype(key)>, Value>) {
      append_json_string(out, to_text(key));
    } else {
      append_json_string(out, key);
    }
    out += ": ";
    append_json(out, value, indent + 1);
  }
  new_line(out, indent);
  out += '}';
}

void append_json(std::string& out, const Value& value, int indent) {
  check_length(out);
  switch (value.kind()) {
    case ValueKind::Nil:
      out += "null";
      return;
    case ValueKind::Float:
      if (!std::isfinite(value.as_double())) {
        raise("json: unsupported value: " + format_float(value.as_double()));
      }
      out += format_json_float(value.as_double());
      return;
    case ValueKind::String:
    case ValueKind::NamedString:
      append_json_string(out, value.as_string());
      return;
    case ValueKind::List:
      append_json_list(out, *value.as_list(), indent);
      return;
    case ValueKind::Map:
      if (value.as_map()->any_keys) raise("json: unsupported type: " + type_name(value));
      append_json_object(out, value.as_map()->entries, indent);
      return;
    case ValueKind::Record:
      append_json_object(out, value.as_record()->members, indent);
      return;
    case ValueKind::Time:
      append_json_string(out, rfc3339_text(*value.as_time()));
      return;
    case ValueKind::Duration:
    case ValueKind::Month:
    case ValueKind::Weekday:
      out += std::to_string(value.as_integer());
      return;
    case ValueKind::Location:
      out += "{}";
      return;
    case ValueKind::Function:
      raise("json: unsupported type: func");
    case ValueKind::Bool:
    case ValueKind::Int:
    case ValueKind::Int64:
    case ValueKind::Uint64:
    case ValueKind::Byte:
      append_text(out, value);
      return;
  }
}

}  // namespace

std::string to_text(const Value& value) {
  std::string out;
  append_text(out, value);
  return out;
}

std::string to_json_text(const Value& value) {
  std::string out;
  append_json(out, value, 0);
  return out;
}

}  // namespace sluice::analysis::expr
