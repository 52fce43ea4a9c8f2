#pragma once
// Which ReplicaSet a Service selects (rollout.md §3.10, §4.5, traffic.md §2).
#include "controller/rollout/draft.h"

namespace sluice::rollout {

enum class SwitchCheck { None, Availability };

// Points the Service at the ReplicaSet; nothing happens when the name is empty, there is no such
// ReplicaSet, or the selector is right. `annotation`: left on the Service in the same write ("" =
// none; a stale one of ours is removed).
void point_service(Draft& draft, const std::string& service, const kube::ReplicaSet* target,
                   SwitchCheck check, const std::string& verdict = "");
// The same for a hash that need not have a ReplicaSet; also adds a missing managed-by annotation.
void point_service_at_hash(Draft& draft, const std::string& service, const std::string& hash,
                           const std::string& verdict = "");

// Points stable and canary Service at their ReplicaSets (rollout.md §3.10 items 2–5).
void canary_services(Draft& draft);
// The canary Service selects a version that is neither new nor stable, and the router sends users
// there: their weight goes to 0 before the Service goes on to the new version, which may not have
// the pods for it.
[[nodiscard]] bool serves_replaced_canary(const Draft& draft);
// rollout.md §3.11 case 3: an abort takes canaryService to stable, available or not.
void retarget_canary_service(Draft& draft);

// The hash the live Service selects; "" when there is no such Service or no hash.
[[nodiscard]] std::string live_hash(const World& world, const std::string& service);

// The canary went through all steps and is about to be promoted in this very pass (rollout.md
// §3.14): after a crash between the switch of the Services and its record this tells that the
// switch was right.
[[nodiscard]] bool canary_promotion_due(const Draft& draft);

}  // namespace sluice::rollout
