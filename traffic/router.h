#pragma once
// Traffic routers are pure functions from (current objects, wanted split) to writes. One folder per router.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/rollout.h"
#include "base/result.h"
#include "kube/model/objects.h"
#include "kube/request/request.h"

namespace sluice::traffic {

// The wanted distribution. Weights are in 0..max_weight and canary + stable + additional == max_weight.
struct Split {
  std::int32_t canary_weight = 0;
  std::int32_t max_weight = 100;
  std::string canary_hash, stable_hash;
  std::string canary_service, stable_service;
  // Set when this split is the cut of an abort: the router leaves it on the object it writes, in the same write
  // (api::kAbortVerdictAnnotation), and removes it when it is empty again.
  std::string abort_verdict;
};

struct RoutePlan {
  std::vector<kube::Write> writes;     // empty when the objects already say so
  std::optional<bool> verified;        // unset: this router cannot verify
};

// The Service's selector switched to `hash`, managed-by annotation added when missing; nullopt when nothing is to do.
[[nodiscard]] std::optional<kube::Write> switch_service(const kube::Service& service, std::string_view hash,
                                                        std::string_view rollout_name);
// The un-patch of traffic.md §2.5.
[[nodiscard]] std::optional<kube::Write> release_service(const kube::Service& service);
[[nodiscard]] std::string selected_hash(const kube::Service& service);   // "" when none

}  // namespace sluice::traffic
