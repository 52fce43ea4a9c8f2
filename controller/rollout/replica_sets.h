#pragma once
// Identity and bookkeeping of ReplicaSets (rollout.md §1.10, §1.16): whose is it, which one is
// newRS, making it, keeping it in step, deleting old ones.
#include "controller/rollout/draft.h"

namespace sluice::rollout {

// The purpose of the write that asks whether the Rollout is what was read (rollout.md §1.10.3).
inline constexpr std::string_view kConfirmRollout = "ConfirmRollout";

// Fills world.sets with what the Rollout owns; adopts orphans, releases what no longer matches
// (rollout.md §1.10.3). False when a ReplicaSet of ours cannot be read: nothing may be decided
// then.
[[nodiscard]] bool claim_sets(Draft& draft);

// Creates newRS (rollout.md P12). On a name that is taken by something else, status.collisionCount
// is raised instead, and the next pass tries the next name.
void create_new_set(Draft& draft);

// Keeps newRS in step (rollout.md P17, §1.10.5): annotations, revision and minReadySeconds of
// newRS; then the Rollout's own revision annotation.
void sync_revision(Draft& draft);

// Deletes otherRSs (rollout.md C5) beyond revisionHistoryLimit, with their finished runs.
void collect_history(Draft& draft);

// The Rollout's annotations that a ReplicaSet gets a copy of (rollout.md §1.9).
[[nodiscard]] StringMap copied_annotations(const StringMap& rollout_annotations);

}  // namespace sluice::rollout
