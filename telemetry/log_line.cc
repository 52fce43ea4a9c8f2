#include "telemetry/log_line.h"

#include <algorithm>

#include "base/strings.h"

namespace sluice::telemetry {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length of the valid UTF-8 sequence at the start of `text`, 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  if (first >= 0xC2 && first <= 0xDF) length = 2;
  if (first >= 0xE0 && first <= 0xEF) length = 3;
  if (first >= 0xF0 && first <= 0xF4) length = 4;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool beyond = first == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || beyond ? 0 : length;
}

void append_escaped(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    if (c == '"' || c == '\\') {
      out += {'\\', text.front()};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || c == 0x7f) {
      out += {'\\', 'u', '0', '0', kHex[c >> 4U], kHex[c & 15U]};
    } else {
      const std::size_t length = sequence_length(text);
      out += length == 0 ? kReplacement : text.substr(0, length);
      text.remove_prefix(std::max<std::size_t>(length, 1));
      continue;
    }
    text.remove_prefix(1);
  }
}

bool plain(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f &&
           c != '"' && c != '=' && c != '\\';
  });
}

// Our own three keys are not to be shadowed by a field.
std::string key_of(std::string_view key) {
  std::string out(key);
  if (out.empty() || out == "time" || out == "level" || out == "msg") out += '_';
  return out;
}

}  // namespace

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return "debug";
    case LogLevel::Info:
      return "info";
    case LogLevel::Warn:
      return "warn";
    case LogLevel::Error:
      return "error";
  }
  return "error";
}

std::string format_millis(WallTime time) {
  const auto millis = std::chrono::floor<Millis>(time);
  const auto part = (millis - std::chrono::floor<Seconds>(millis)).count();
  std::string text = format_rfc3339(truncate_to_seconds(time));
  text.pop_back();  // the Z comes last
  std::string digits = std::to_string(1000 + part);
  digits.front() = '.';
  return text + digits + "Z";
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  append_escaped(out, text);
  out += '"';
  return printable(out);  // C1 and bidi characters, which JSON itself would let pass
}

std::string text_line(WallTime time, LogLevel level, std::string_view message,
                      const std::vector<LogField>& fields) {
  std::string out = "time=" + format_millis(time) + " level=" + std::string(level_name(level)) +
                    " msg=" + json_string(message);
  for (const auto& field : fields) {
    const std::string key = key_of(field.key);
    out += ' ';
    out += plain(key) ? key : json_string(key);
    out += '=';
    out += plain(field.value) ? field.value : json_string(field.value);
  }
  return out;
}

std::string json_line(WallTime time, LogLevel level, std::string_view message,
                      const std::vector<LogField>& fields) {
  std::string out = R"({"time":")" + format_millis(time) + R"(","level":")" +
                    std::string(level_name(level)) + R"(","msg":)" + json_string(message);
  for (const auto& field : fields)
    out += "," + json_string(key_of(field.key)) + ":" + json_string(field.value);
  return out + "}";
}

}  // namespace sluice::telemetry
