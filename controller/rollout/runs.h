#pragma once
// The AnalysisRuns of a Rollout (rollout.md §3.15, §4.6): which ones there are, which are created
// and ended, what their results do to the Rollout.
#include "controller/rollout/draft.h"

namespace sluice::rollout {

enum class RunKind { Step, Background, PrePromotion, PostPromotion };
inline constexpr RunKind kRunKinds[] = {RunKind::Step, RunKind::Background, RunKind::PrePromotion,
                                        RunKind::PostPromotion};
[[nodiscard]] std::string_view label_of(RunKind kind);    // the rollout-type label
[[nodiscard]] std::string_view abort_text(RunKind kind);  // how its failure is worded

// Runs in the list are found again by their names when status does not know them yet (the
// controller may have died between the creation and its record): fills draft.next's run references.
void find_current_runs(Draft& draft);

// A current run has failed and nothing yet says so: the pass becomes that of an abort, before
// anything else is done. Also reads the verdict that a cut without record has left behind.
void adopt_verdict(Draft& draft);

// Creates, ends and listens to the runs of this pass (rollout.md C10, B10).
void reconcile_runs(Draft& draft);

}  // namespace sluice::rollout
