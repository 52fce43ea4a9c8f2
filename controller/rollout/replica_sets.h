#pragma once
// Identity and bookkeeping of ReplicaSets (rollout.md §1.10, §1.16): whose is it, which one is
// newRS, making it, keeping it in step, deleting old ones.
#include "controller/rollout/draft.h"

namespace sluice::rollout {

// The purpose of the write that asks whether the Rollout is what was read (rollout.md §1.10.3).
inline constexpr std::string_view kConfirmRollout = "ConfirmRollout";

// Fills world.sets with what the Rollout owns; adopts orphans, releases what no longer matches
// (rollout.md §1.10.3). False when a ReplicaSet of ours cannot be read: nothing may be decided then.
[[nodiscard]] bool claim_sets(Draft& draft);

// The server has recorded that this generation of the Rollout was decided on.
[[nodiscard]] bool is_observed(const api::Rollout& rollout);

// What the server is to be asked before newRS can be told (rollout.h, dry_run).
[[nodiscard]] std::optional<kube::Write> dry_run_of_new_set(Draft& draft);

// Creates newRS (rollout.md P12). On a name that is taken by something else, status.collisionCount
// is raised instead, and the next pass tries the next name. True when the pass goes on, because the
// server refuses the set for now (World::missing_set).
[[nodiscard]] bool create_new_set(Draft& draft);

// Annotations, revision and minReadySeconds of newRS; then the Rollout's own revision annotation
// (rollout.md §1.10.5, P17).
void sync_revision(Draft& draft);

// Deletes otherRSs beyond revisionHistoryLimit, with their finished runs (rollout.md C5).
void collect_history(Draft& draft);

// The Rollout's annotations that a ReplicaSet gets a copy of (rollout.md §1.9).
[[nodiscard]] StringMap copied_annotations(const StringMap& rollout_annotations);

}  // namespace sluice::rollout
