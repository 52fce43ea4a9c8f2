#pragma once
// The layers of docs/architecture.md, as data. A folder may include the folders named here (and
// itself); a library belongs to the folders named for it, its door.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/tidy/source.h"

namespace sluice::tidy {

// `file` is the path from the root; `text` its content. Findings say which rule was broken and
// where it is written.
std::vector<Finding> check_file(const std::string& file, const std::string& text);

// The router, or kind of object of a router, that a file of a folder names which must not know one;
// "" when there is none.
std::string router_named_in(const std::string& file, const std::string& text);
// The metric provider that such a file names outside its comments, although it is not its row's; ""
// when there is none.
std::string provider_named_in(const std::string& file, const std::string& text);
// Rows of the table that no include uses: "demo -> api". The table says what is so.
std::set<std::string> unused_edges(const std::vector<Source>& sources);

}  // namespace sluice::tidy
