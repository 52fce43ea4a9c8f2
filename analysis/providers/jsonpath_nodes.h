#pragma once
// Internal to providers/: the parsed form of a JSONPath template.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/providers/jsonpath.h"

namespace sluice::analysis {

struct JsonPath::Node {
  enum class Kind {
    List,
    Text,
    Field,
    Identifier,
    Slice,
    Filter,
    Int,
    Float,
    Bool,
    Wildcard,
    Recursive,
    Union
  };
  Kind kind = Kind::List;
  std::string text;          // Text, Field, Identifier; Filter: the operator ("exists" when none)
  std::int64_t integer = 0;  // Int; Bool (0, 1)
  double number = 0;         // Float
  // Slice: start, end, step. A bare index i is [i:i+1] with a derived end.
  struct Param {
    std::optional<std::int64_t> value;
    bool derived = false;
  };
  Param params[3];
  std::vector<Node> children;  // List, Union (of Lists); Filter: left List, right List
};

[[nodiscard]] Result<JsonPath::Node> parse_json_path(std::string_view text);
[[nodiscard]] Result<std::vector<kube::Json>> evaluate_json_path(const JsonPath::Node& root,
                                                                 const kube::Json& document,
                                                                 std::size_t max, Work* work);

}  // namespace sluice::analysis
