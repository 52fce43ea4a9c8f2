#pragma once
// The JSONPath dialect of Kubernetes, for web metrics (analysis.md §12.3).
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/work.h"
#include "base/result.h"
#include "kube/json/json_fwd.h"

namespace sluice::analysis {

class JsonPath {
 public:
  // Errors: Invalid ("unclosed action", "unterminated filter", …).
  [[nodiscard]] static Result<JsonPath> parse(std::string_view text);

  // Values in the order the template names them, over all its actions. Members of objects come in
  // key order. Errors: Invalid ("x is not found", "array index out of bounds: index 3, length 2",
  // …; what looks at too many values or nests ranges too deeply). At most `max` values are copied:
  // what is found may hold each other. `work` gets what was spent, also by what failed.
  [[nodiscard]] Result<std::vector<kube::Json>> find(const kube::Json& document,
                                                     std::size_t max = static_cast<std::size_t>(-1),
                                                     Work* work = nullptr) const;

  struct Node;  // jsonpath_nodes.h

 private:
  std::shared_ptr<const Node> root_;
};

}  // namespace sluice::analysis
