#pragma once
// When and how the status of a run is written (analysis.md §1): a merge patch of what differs from
// the server's copy.
#include <optional>

#include "api/analysis.h"
#include "base/time.h"
#include "kube/request/request.h"

namespace sluice::analysisrun {

struct Persistence {
  std::optional<kube::Write> write;
  std::optional<WallTime> look_again;  // a write is put off until then
};

// `run.raw` holds the server's status. Every finished measurement and every phase is written at
// once. What a restarted controller finds out by itself, the start of the run and of a measurement,
// waits a few seconds for the first sample, so that both go in one write. `exact_start`: startedAt
// matters (an initialDelay counts from it), so it is not put off.
[[nodiscard]] Persistence persist(const api::AnalysisRun& run, const api::AnalysisRunStatus& status,
                                  bool exact_start, WallTime now);

// The status as the server has it.
[[nodiscard]] api::AnalysisRunStatus stored_status(const api::AnalysisRun& run);

}  // namespace sluice::analysisrun
