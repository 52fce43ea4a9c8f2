#pragma once
// Going back to an earlier revision (clients.md §1.4). Pure.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "kube/json/json_fwd.h"
#include "kube/model/meta.h"
#include "kube/model/objects.h"

namespace sluice::cli {

struct UndoTarget {
  const kube::ReplicaSet* set = nullptr;  // one of the list
  std::int64_t revision = 0;
};

// Of the ReplicaSets that `owner_uid` controls: the one of revision `wanted`, or for 0 the one
// before the newest. Errors: NotFound, in the reference's words.
[[nodiscard]] Result<UndoTarget> undo_target(const std::vector<kube::ReplicaSet>& sets,
                                             const std::string& owner_uid,
                                             const std::string& rollout_name, std::int64_t wanted);

// The template as the user wrote it: without the hash label, and without what a controller put in
// (ephemeral metadata, anti-affinity). Errors: Decode.
[[nodiscard]] Result<kube::Json> restored_template(const kube::ReplicaSet& set);
// True when `current` (compact JSON of a pod template) already is what `set` runs.
[[nodiscard]] bool already_there(const kube::ReplicaSet& set, const std::string& current);
// The JSON patch that puts `pod_template` at `pointer`.
[[nodiscard]] std::string undo_patch(const std::string& pointer, const kube::Json& pod_template);

}  // namespace sluice::cli
