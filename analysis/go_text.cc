#include "analysis/go_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "kube/json/json.h"

namespace sluice::analysis {

namespace {

std::string shortest(double value, std::chars_format format) {
  char buffer[400];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value, format);
  return {buffer, result.ptr};
}

std::string json_number(double value) {
  if (!std::isfinite(value)) return "null";
  const double magnitude = std::fabs(value);
  if (magnitude == 0 || (magnitude >= 1e-6 && magnitude < 1e21))
    return shortest(value, std::chars_format::fixed);
  std::string text = shortest(value, std::chars_format::scientific);
  // "1e-07" is written "1e-7".
  const std::size_t e = text.find('e');
  if (e + 3 < text.size() && text[e + 2] == '0') text.erase(e + 2, 1);
  return text;
}

void append_string(std::string& out, const std::string& text) {
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\b') {
      out += "\\b";
    } else if (c == '\f') {
      out += "\\f";
    } else if (byte < 0x20 || c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", byte);
    } else if (text.compare(i, 3, "\xe2\x80\xa8") == 0 || text.compare(i, 3, "\xe2\x80\xa9") == 0) {
      out += text[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += c;
    }
  }
  out += '"';
}

void append(std::string& out, const kube::Json& value) {
  if (value.is_object()) {
    out += '{';
    bool first = true;
    for (const auto& [key, member] : value.items()) {
      if (!first) out += ',';
      first = false;
      append_string(out, key);
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
    append_string(out, value.get_ref<const std::string&>());
  } else if (value.is_number_float()) {
    out += json_number(value.get<double>());
  } else {
    out += value.dump();  // null, booleans and integers
  }
}

}  // namespace

std::string format_fixed(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return shortest(value, std::chars_format::fixed);
}

std::string compact_json(const kube::Json& value) {
  std::string out;
  append(out, value);
  return out;
}

}  // namespace sluice::analysis
