#pragma once
// When and how the status of a run is written (analysis.md §1): a merge patch of what differs from
// the server's copy.
#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "api/analysis.h"
#include "base/time.h"
#include "kube/request/request.h"

namespace sluice::analysisrun {

struct Persistence {
  std::optional<kube::Write> write;
  std::optional<WallTime> look_again;  // a write is put off until then
};

// What may be put off.
struct Patience {
  // startedAt matters (an initialDelay counts from it).
  bool exact_start = false;
  // By metric: how long a good sample may wait for others; a metric that is not named has none that
  // may.
  std::map<std::string, Micros> samples;
  // Nothing waits any more: this process is about to end.
  bool leaving = false;
};

// `run.raw` holds the server's status. Every phase, and every measurement that is not simply good,
// is written at once, with all that has waited. Two things wait:
// - the start of the run and of a measurement, a few seconds, for the first sample: a restarted
//   controller finds them out by itself;
// - good samples that change no phase and end no row of errors, for the next ones. A controller
//   that is killed meanwhile leaves them to be taken again; until then its successor counts fewer
//   successes and no fewer failures than there were, so no verdict comes earlier or worse for it.
[[nodiscard]] Persistence persist(const api::AnalysisRun& run, const api::AnalysisRunStatus& status,
                                  const Patience& patience, WallTime now);

// Samples of a metric that may share a write: two that wait and the one that they wait for.
inline constexpr std::size_t kSamplesTogetherMax = 3;

// How long a good sample of this metric may wait (Patience::samples): two intervals and at most a
// minute. nullopt: not at all, because no other comes within that time, or because it is a Job.
[[nodiscard]] std::optional<Micros> sample_patience(const api::Metric& metric);

// The status as the server has it.
[[nodiscard]] api::AnalysisRunStatus stored_status(const api::AnalysisRun& run);

}  // namespace sluice::analysisrun
