#pragma once
// The shape of the code: how long functions are, how wide lines, who is tied to whom, and what is
// declared for nobody.
#include <set>
#include <string>
#include <vector>

#include "tests/tidy/source.h"

namespace sluice::tidy {

struct Function {
  std::string name;
  int line = 0;   // of its head
  int lines = 0;  // from its head to its closing brace
};
// Functions defined in this text, members and those in anonymous namespaces too; lambdas belong to
// the function around them.
[[nodiscard]] std::vector<Function> functions_of(const std::string& text);

// Columns, not bytes: a line of box drawing is as wide as it looks.
[[nodiscard]] int columns(const std::string& line);

// Two parts (a header and the source of its name) that include each other: "a <-> b".
[[nodiscard]] std::set<std::string> knots(const std::vector<Source>& sources);

// Functions at namespace level of headers that no production code calls: "header: name".
[[nodiscard]] std::set<std::string> dead_declarations(const std::vector<Source>& production);

}  // namespace sluice::tidy
