#pragma once
// Numbers and JSON as the reference's values show them (analysis.md §12.1).
#include <string>

#include "kube/json/json_fwd.h"

namespace sluice::analysis {

// "Shortest fixed-point": fewest digits that read back as the same double, never an exponent; NaN,
// +Inf, -Inf.
[[nodiscard]] std::string format_fixed(double value);
// "Compact JSON": no spaces, sorted keys, `<` `>` `&` U+2028/9 escaped, numbers in shortest form
// (an exponent below 1e-6 and from 1e21).
[[nodiscard]] std::string compact_json(const kube::Json& value);

}  // namespace sluice::analysis
