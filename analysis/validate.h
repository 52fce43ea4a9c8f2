#pragma once
// Validation of the argument-resolved metrics of a run (analysis.md §3.1).
#include <vector>

#include "api/analysis.h"
#include "base/result.h"

namespace sluice::analysis {

// Errors: Invalid, the text of the first problem ("metrics[0]: …", "no metrics specified").
[[nodiscard]] Status validate_metrics(const std::vector<api::Metric>& metrics);

}  // namespace sluice::analysis
