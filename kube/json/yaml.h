#pragma once
// YAML to JSON as kubectl does it (YAML 1.1 subset of sigs.k8s.io/yaml): plain scalars are
// resolved, quoted ones are strings, duplicate keys are refused, merge keys `<<` and anchors
// expand.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/json/json_fwd.h"

namespace sluice::kube {

// All documents of a file; empty documents are left out. Also takes JSON. Errors: Decode with line
// and column.
[[nodiscard]] Result<std::vector<Json>> parse_yaml(std::string_view text);
// Block style, two spaces, sorted keys; strings that would resolve to another type are quoted.
[[nodiscard]] std::string to_yaml(const Json& value);

}  // namespace sluice::kube
