#pragma once
// The end of a run that its Rollout tells to stop. AnalysisRuns have no status subresource, so what
// the run would write a moment later fits into the write that stops it.
#include <optional>
#include <vector>

#include "controller/analysisrun/run.h"

namespace sluice::analysisrun {

struct Ending {
  kube::Write write;          // the one given, with the run's last status in it
  api::AnalysisRunStatus status;
  std::vector<controller::EventIntent> events;
};

// `terminate`: a merge patch of the run that sets spec.terminate. `observed`: the run as it is now,
// not told yet. nullopt: its end takes more than one status patch (a Job is to be deleted), so the
// run has to end by itself once it is told.
[[nodiscard]] std::optional<Ending> end_with(const kube::Write& terminate, Observed observed,
                                             WallTime now, const Options& options);

}  // namespace sluice::analysisrun
