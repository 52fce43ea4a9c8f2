#pragma once
// Validation (rollout.md §1.7) and refusal of what this release does not implement.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
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
// What the routers that a Rollout names can do. The table of this release knows fields, not what a
// router makes of them: it refuses routes by name whoever has no router for them.
struct RouterAbilities {
  std::vector<std::string_view> plugins;  // keys of trafficRouting.plugins that a router reads
  bool header_routes = false, mirror_routes = false;
  std::int32_t max_weight = std::numeric_limits<std::int32_t>::max();
};
// First use of a field, step, router or provider that this release refuses
// (docs/reference/support.md).
[[nodiscard]] std::optional<Unsupported> unsupported(const Rollout& rollout,
                                                     const RouterAbilities& routers = {});
[[nodiscard]] std::optional<Unsupported> unsupported(const AnalysisSpec& spec);

}  // namespace sluice::api
