#pragma once
// Objects that a Rollout refers to (rollout.md §1.7.3).
#include <optional>
#include <string>

#include "api/validate.h"
#include "controller/rollout/rollout.h"

namespace sluice::rollout {

// The first problem as field-error text; nullopt when all that is referred to exists and fits.
[[nodiscard]] std::optional<std::string> check_references(const Observed& observed);
// First use of a provider that this release refuses, in a template that the Rollout reaches.
[[nodiscard]] std::optional<api::Unsupported> unsupported_template(const Observed& observed);

}  // namespace sluice::rollout
