// Writing YAML: the layout of `kubectl -o yaml`.
#include <fmt/core.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/json/yaml.h"
#include "kube/json/yaml_scalar.h"

namespace sluice::kube {

namespace {

bool is_control(char c) {
  const auto b = static_cast<unsigned char>(c);
  return b < 0x20 || b == 0x7F;
}

// Characters that the reader would not see, or that YAML 1.1 takes for line breaks: only an escape
// in double quotes keeps them.
bool needs_escapes(std::string_view text) {
  return std::any_of(text.begin(), text.end(), is_control) || printable(text) != text;
}

// Dates and base-60 numbers are strings for us but not for every reader of YAML 1.1.
bool number_like(std::string_view text) {
  const bool starts = text.front() == '+' || text.front() == '-' || text.front() == '.' ||
                      (text.front() >= '0' && text.front() <= '9');
  return starts &&
         text.find_first_not_of("0123456789abcdefABCDEFxXoOtTzZ:_.+- ") == std::string_view::npos;
}

bool plain_allowed(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@`=<").find(text.front()) != std::string_view::npos) {
    // "-x", "?x" and ":x" are plain; "- x" and a lone mark are not.
    const bool mark = text.front() == '-' || text.front() == '?' || text.front() == ':';
    if (!mark || text.size() == 1 || text[1] == ' ' || text[1] == '-') return false;
  }
  return text.find(": ") == std::string_view::npos && text.find(" #") == std::string_view::npos;
}

std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

// JSON's escapes are YAML's too.
std::string double_quoted(const std::string& text) {
  return printable(dump(Json(text)));
}

std::string inline_text(const std::string& text) {
  if (needs_escapes(text)) return double_quoted(text);
  if (text.empty() || !resolve_plain_scalar(text).is_string() || number_like(text))
    return double_quoted(text);
  return plain_allowed(text) ? text : single_quoted(text);
}

// A literal block keeps text as it is, unless that hides spaces or control characters.
bool literal_allowed(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || text.front() == ' ' || text.front() == '\n')
    return false;
  if (text.find(" \n") != std::string_view::npos || text.back() == ' ') return false;
  return printable(text) == text && text.find('\t') == std::string_view::npos;
}

class Emitter {
 public:
  std::string take() { return std::move(out_); }

  // After "key:" or "-": puts the value on the same line or below it.
  void value(const Json& v, std::size_t indent, bool in_list) {
    if (v.is_object() && !v.empty()) {
      if (in_list) {
        out_ += ' ';
        mapping(v, indent, true);
      } else {
        out_ += '\n';
        mapping(v, indent, false);
      }
    } else if (v.is_array() && !v.empty()) {
      if (in_list) {
        out_ += ' ';
        sequence(v, indent, true);
      } else {
        out_ += '\n';
        sequence(v, indent - kStep, false);  // kubectl puts a list's dashes under its key
      }
    } else {
      out_ += ' ';
      scalar(v, indent);
    }
  }

  void mapping(const Json& object, std::size_t indent, bool first_in_place) {
    for (const auto& [key, member] : object.items()) {
      if (!first_in_place) out_.append(indent, ' ');
      first_in_place = false;
      out_ += inline_text(key);
      out_ += ':';
      value(member, indent + kStep, false);
    }
  }

  void sequence(const Json& list, std::size_t indent, bool first_in_place) {
    for (const auto& element : list) {
      if (!first_in_place) out_.append(indent, ' ');
      first_in_place = false;
      out_ += '-';
      value(element, indent + kStep, true);
    }
  }

  void scalar(const Json& v, std::size_t indent) {
    if (v.is_string() && literal_allowed(v.get_ref<const std::string&>())) {
      literal(v.get_ref<const std::string&>(), indent);
      return;
    }
    out_ += v.is_string() ? inline_text(v.get_ref<const std::string&>()) : dump(v);
    out_ += '\n';
  }

  static constexpr std::size_t kStep = 2;

 private:
  void literal(std::string_view text, std::size_t indent) {
    const bool ends_line = text.back() == '\n';
    const bool keeps_more = ends_line && text.size() > 1 && text[text.size() - 2] == '\n';
    out_ += ends_line ? (keeps_more ? "|+\n" : "|\n") : "|-\n";
    if (ends_line) text.remove_suffix(1);
    while (true) {
      const std::size_t end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      if (!line.empty()) out_.append(indent, ' ');
      out_ += line;
      out_ += '\n';
      if (end == std::string_view::npos) return;
      text.remove_prefix(end + 1);
    }
  }

  std::string out_;
};

}  // namespace

std::string to_yaml(const Json& value) {
  Emitter emitter;
  if (value.is_object() && !value.empty()) {
    emitter.mapping(value, 0, false);
  } else if (value.is_array() && !value.empty()) {
    emitter.sequence(value, 0, false);
  } else {
    emitter.scalar(value, Emitter::kStep);
  }
  return emitter.take();
}

}  // namespace sluice::kube
