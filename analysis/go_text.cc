#include "analysis/go_text.h"

#include <charconv>
#include <cmath>

#include "analysis/expr/numbers.h"
#include "analysis/expr/quote.h"
#include "kube/json/json.h"

namespace sluice::analysis {

namespace {

void append(std::string& out, const kube::Json& value) {
  if (value.is_object()) {
    out += '{';
    bool first = true;
    for (const auto& [key, member] : value.items()) {
      if (!first) out += ',';
      first = false;
      expr::append_json_string(out, key);
      out += ':';
      append(out, member);
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ',';
      append(out, value[i]);
    }
    out += ']';
  } else if (value.is_string()) {
    expr::append_json_string(out, value.get_ref<const std::string&>());
  } else if (value.is_number_float()) {
    const double number = value.get<double>();
    out += std::isfinite(number) ? expr::format_json_float(number) : "null";
  } else {
    out += value.dump();  // null, booleans and integers
  }
}

}  // namespace

std::string format_fixed(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[400];
  const auto result =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  return {buffer, result.ptr};
}

std::string compact_json(const kube::Json& value) {
  std::string out;
  append(out, value);
  return out;
}

}  // namespace sluice::analysis
