#pragma once
// The layers of docs/architecture.md, as data. A folder may include the folders named here (and
// itself); a library belongs to the folders named for it, its door.
#include <map>
#include <set>
#include <string>
#include <vector>

namespace sluice::tidy {

struct Finding {
  std::string file;
  int line = 0;
  std::string message;
};

// `file` is the path from the root; `text` its content. Findings say which rule was broken and
// where it is written.
std::vector<Finding> check_file(const std::string& file, const std::string& text);

// The router, or kind of object of a router, that a file of a folder names which must not know one;
// "" when there is none.
std::string router_named_in(const std::string& file, const std::string& text);

}  // namespace sluice::tidy
