#pragma once
// Validation (rollout.md §1.7) and refusal of what this release does not implement.
#include <optional>
#include <string>
#include <vector>

#include "api/field_errors.h"
#include "api/rollout.h"

namespace sluice::api {

// The first error as field-error text, e.g. "spec.strategy.stableService: Invalid value: …";
// nullopt when valid. Only what the object itself says (rollout.md §1.7.2); referenced objects are
// checked in controller/rollout.
[[nodiscard]] std::optional<std::string> validate_spec(const Rollout& rollout);

struct Unsupported {
  std::string field;   // "spec.strategy.canary.trafficRouting.istio"
  std::string remedy;  // what the user can do instead
};
// First use of a field, step, router or provider that this release refuses
// (docs/reference/support.md).
[[nodiscard]] std::optional<Unsupported> unsupported(const Rollout& rollout);
[[nodiscard]] std::optional<Unsupported> unsupported(const AnalysisSpec& spec);

}  // namespace sluice::api
