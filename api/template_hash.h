#pragma once
// Pod template identity (rollout.md §1.10, §1.11, appendices A–C). Pure.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/rollout.h"
#include "base/result.h"
#include "kube/json/json_fwd.h"

namespace sluice::api {

// The JSON text of a pod template as the upstream Go types encode it (Appendix A): declared member
// order, omitempty, canonical quantities, HTML escaping. `creation_timestamp_null` gives the form
// of Kubernetes ≤ 0.33. Members that the types do not have are left out (ADR 12). Errors: Decode.
[[nodiscard]] Result<std::string> canonical_template_json(std::string_view template_json,
                                                          bool creation_timestamp_null);
[[nodiscard]] std::string hash_template_text(std::string_view canonical,
                                             std::optional<std::int32_t> collision_count);

// All hashes under which a ReplicaSet of this template may be known, the preferred one first.
[[nodiscard]] Result<std::vector<std::string>> template_hashes(
    std::string_view template_json, std::optional<std::int32_t> collision_count);

// All historical hashes of the steps, the preferred one first (rollout.md §1.11).
[[nodiscard]] std::vector<std::string> step_hashes(const CanaryStrategy& canary);

// Semantic equality of a live ReplicaSet template and a desired one (rollout.md §1.10.2 item 3):
// hash label, injected ephemeral metadata and anti-affinity left out, defaults applied to
// `desired`, quantities by value.
[[nodiscard]] bool templates_equal(std::string_view live_template_json,
                                   std::string_view desired_template_json,
                                   std::string_view ephemeral_metadata_annotation = "");
// The members of a template that the types do not have, each at its place, as a text to compare; ""
// when there are none. No hash and no comparison above counts them (ADR 12). Injected anti-affinity
// is left out.
[[nodiscard]] std::string unknown_members(std::string_view template_json);

}  // namespace sluice::api
