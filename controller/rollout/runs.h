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

// What tells the attempt under way from every other one with the same template and revision: ""
// when status does not say. It is written on each run that is made for the attempt, so that no
// clock has to be asked whose a run is.
[[nodiscard]] std::string attempt_mark(const api::RolloutStatus& status);
// When the attempt that begins now, after one that began at `before`, is said to have begun: later
// than every other one, though times are whole seconds and clocks are set back. An attempt whose
// record was lost is found again by the runs that were made for it.
[[nodiscard]] WallTime attempt_start(const World& world, const api::RolloutStatus& next,
                                     std::optional<WallTime> before, WallTime now);
// The server refuses the background analysis of the version under way: nothing would judge it.
[[nodiscard]] bool cannot_be_judged(const Draft& draft);
// A retry begins: verdicts and approvals of the attempt that was aborted are its own.
void forget_earlier_attempt(Draft& draft);

// Runs in the list are found again by their names when status does not know them yet (the
// controller may have died between the creation and its record): fills draft.next's run references.
void find_current_runs(Draft& draft);

// A current run has failed and nothing yet says so: the pass becomes that of an abort, before
// anything else is done. Also reads the verdict that a cut without record has left behind.
void adopt_verdict(Draft& draft);

// Creates, ends and listens to the runs of this pass (rollout.md C10, B10).
void reconcile_runs(Draft& draft);

}  // namespace sluice::rollout
