#include "tests/tidy/shape.h"

#include <algorithm>
#include <map>

namespace sluice::tidy {

namespace {

bool word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// The head before a brace: what stands between the last end of something and the brace.
std::string head_before(const std::string& code, std::size_t brace) {
  std::size_t from = brace;
  int round = 0;
  while (from > 0) {
    const char c = code[from - 1];
    if (c == ')') ++round;
    if (c == '(') --round;
    if (round == 0 && (c == ';' || c == '{' || c == '}')) break;
    --from;
  }
  return code.substr(from, brace - from);
}

bool starts_scope(const std::string& head) {
  static const std::vector<std::string> words = {"namespace", "class ", "struct ",
                                                 "enum ",     "union ", "extern"};
  return std::any_of(words.begin(), words.end(), [&](const auto& w) {
    const auto at = head.find(w);
    return at != std::string::npos && (at == 0 || !word(head[at - 1])) &&
           head.find('(') == std::string::npos;
  });
}

// The name in front of the first parenthesis; "" when this is no function.
std::string function_name(const std::string& head) {
  const auto open = head.find('(');
  if (open == std::string::npos || head.find('=') < open) return "";
  auto end = open;
  while (end > 0 && std::isspace(static_cast<unsigned char>(head[end - 1])) != 0) --end;
  auto begin = end;
  while (begin > 0 && (word(head[begin - 1]) || head[begin - 1] == ':' || head[begin - 1] == '~'))
    --begin;
  return head.substr(begin, end - begin);
}

std::size_t closing(const std::string& code, std::size_t brace) {
  int depth = 0;
  for (std::size_t i = brace; i < code.size(); ++i) {
    if (code[i] == '{') ++depth;
    if (code[i] == '}' && --depth == 0) return i;
  }
  return code.size();
}

int line_at(const std::string& code, std::size_t at) {
  return 1 + static_cast<int>(std::count(code.begin(), code.begin() + static_cast<long>(at), '\n'));
}

std::string blank_directives(const std::string& code) {
  std::string out = code;
  bool directive = false;
  for (std::size_t at = 0; at < out.size();) {
    const auto end = std::min(out.find('\n', at), out.size());
    const auto first = out.find_first_not_of(" \t", at);
    directive = directive || (first < end && out[first] == '#');
    const bool goes_on = end > at && out[end - 1] == '\\';
    if (directive) out.replace(at, end - at, end - at, ' ');
    directive = directive && goes_on;
    at = end + 1;
  }
  return out;
}

std::string stem(const std::string& path) {
  return path.substr(0, path.rfind('.'));
}

// Occurrences of each identifier.
std::map<std::string, int> words_of(const std::string& code) {
  std::map<std::string, int> out;
  for (std::size_t i = 0; i < code.size();) {
    if (!word(code[i])) {
      ++i;
      continue;
    }
    const auto begin = i;
    while (i < code.size() && word(code[i])) ++i;
    ++out[code.substr(begin, i - begin)];
  }
  return out;
}

// Functions declared at namespace level of a header, without a body there.
std::vector<std::string> declared_in(const std::string& header) {
  const std::string code = blank_directives(code_of(header));
  std::vector<std::string> out;
  std::size_t from = 0;
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (code[i] == '{') {
      const std::string head = head_before(code, i);
      if (head.find("namespace") == std::string::npos) i = closing(code, i);
      from = i + 1;
    } else if (code[i] == '}') {
      from = i + 1;
    } else if (code[i] == ';') {
      const std::string statement = code.substr(from, i - from);
      from = i + 1;
      const auto has = [&](const char* w) { return statement.find(w) != std::string::npos; };
      if (has("using") || has("operator")) continue;
      const std::string name = function_name(statement);
      if (!name.empty() && name.find(':') == std::string::npos) out.push_back(name);
    }
  }
  return out;
}

}  // namespace

std::vector<Function> functions_of(const std::string& text) {
  const std::string code = blank_directives(code_of(text));
  std::vector<Function> out;
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (code[i] != '{') continue;
    const std::string head = head_before(code, i);
    if (starts_scope(head)) continue;
    const std::string name = function_name(head);
    if (name.empty()) continue;
    const auto end = closing(code, i);
    const auto first = i - head.size() + std::min(head.find_first_not_of(" \n"), head.size());
    const int line = line_at(code, first);
    out.push_back({name, line, line_at(code, std::min(end, code.size())) - line + 1});
    i = end;
  }
  return out;
}

int columns(const std::string& line) {
  return static_cast<int>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::set<std::string> knots(const std::vector<Source>& sources) {
  std::set<std::pair<std::string, std::string>> ties;
  for (const auto& source : sources) {
    for (const auto& line : lines_of(source.text)) {
      if (!line.starts_with("#include \"")) continue;
      const auto included = line.substr(10, line.find('"', 10) - 10);
      if (stem(included) != stem(source.path)) ties.insert({stem(source.path), stem(included)});
    }
  }
  std::set<std::string> out;
  for (const auto& [a, b] : ties)
    if (a < b && ties.contains({b, a})) out.insert(a + " <-> " + b);
  return out;
}

std::set<std::string> dead_declarations(const std::vector<Source>& production) {
  std::map<std::string, std::map<std::string, int>> words;  // by file
  std::map<std::string, int> files_with;
  for (const auto& source : production) {
    words[source.path] = words_of(code_of(source.text));
    for (const auto& [name, count] : words[source.path]) files_with[name] += count;
  }
  std::set<std::string> out;
  for (const auto& source : production) {
    if (!source.path.ends_with(".h")) continue;
    const auto names = declared_in(source.text);
    for (const auto& name : names) {
      const auto declared = std::count(names.begin(), names.end(), name);
      // Each declaration has a definition; whatever is left are calls.
      if (files_with[name] <= 2 * declared) out.insert(source.path + ": " + name);
    }
  }
  return out;
}

}  // namespace sluice::tidy
