#pragma once
// The status of a pass: base counts, promotion, step completion, abort, conditions, phase
// (rollout.md §2.6.1, §3.12, §3.14, §4.7).
#include <string>

#include "controller/rollout/draft.h"

namespace sluice::rollout {

// next := what a full pass starts from: counts recomputed, bookkeeping carried, everything else
// gone. Run references and weights are set by their stages and survive this call.
void base_status(Draft& draft);

// "" = not yet.
[[nodiscard]] std::string canary_promote_reason(const Draft& draft);

// The status at the end of the pass (rollout.md C14, B12).
void canary_status(Draft& draft);
void blue_green_status(Draft& draft);
// The status of a scaling-only pass (rollout.md §2.4).
void scaling_status(Draft& draft);

// The pause and abort pre-check (rollout.md §2.3). True when the pass consists of this patch.
[[nodiscard]] bool precheck(Draft& draft);

// The RS behind blueGreen.activeSelector of the live Service; nullptr when there is none.
[[nodiscard]] kube::ReplicaSet* active_set(const Draft& draft);
// All desired pods of the set are available (rollout.md §4.5 "saturated").
[[nodiscard]] bool is_saturated(const Draft& draft, const kube::ReplicaSet* set);
// The run of this status reference; nullptr when it is not known, or being deleted: that passes no
// gate.
[[nodiscard]] const api::AnalysisRun* run_of(const World& world,
                                             const std::optional<api::RunStatusRef>& ref);
// The step list differs from the recorded one (rollout.md §3.13).
[[nodiscard]] bool steps_changed(const Draft& draft);
[[nodiscard]] BlueGreenPauseInput blue_green_pause_input(const Draft& draft);
// The canary's target sizes of rollout.md §3.4 or §3.5 under these weights, and whether they are
// reached (§3.7).
[[nodiscard]] Counts canary_target(const Draft& draft,
                                   const std::optional<api::TrafficWeights>& weights);
[[nodiscard]] bool canary_at_desired(const Draft& draft,
                                     const std::optional<api::TrafficWeights>& weights);

}  // namespace sluice::rollout
