#pragma once
// Runs that their Rollout tells to stop: their end travels in that very write
// (controller/analysisrun/ending.h). From its sending to its answer the run has nothing to decide.
#include <functional>
#include <map>
#include <vector>

#include "controller/analysisrun/run.h"
#include "controller/loop/queue.h"
#include "controller/loop/run_inbox.h"
#include "controller/loop/world.h"

namespace sluice::loop {

[[nodiscard]] analysisrun::Options run_options(const Options& options);

class RunEndings {
 public:
  using Record = std::function<void(const controller::EventIntent&)>;
  RunEndings(World& world, const RunInbox& inbox, KeyQueue& queue, const Options& options,
             Clock& clock, Telemetry& telemetry, Record record)
      : world_(world),
        inbox_(inbox),
        queue_(queue),
        options_(options),
        clock_(clock),
        telemetry_(telemetry),
        record_(std::move(record)) {}

  // What to send for this write: itself, unless it stops a run whose end fits in. Called at the
  // last moment, so that no sample taken meanwhile is left out.
  [[nodiscard]] kube::Write before_send(kube::Write write);
  // Its outcome, once the caches show it: a refused end is none, and one of unknown outcome is as
  // the server has it.
  void answered(const kube::Write& write, bool applied);
  void forget(const kube::ObjectKey& run) { ending_.erase(run); }
  [[nodiscard]] bool contains(const kube::ObjectKey& run) const { return ending_.contains(run); }
  void clear() { ending_.clear(); }

 private:
  struct Ending {
    api::AnalysisRunStatus before;  // of the run while it went on
    std::vector<controller::EventIntent> events;
  };

  World& world_;
  const RunInbox& inbox_;
  KeyQueue& queue_;
  const Options& options_;
  Clock& clock_;
  Telemetry& telemetry_;
  Record record_;
  std::map<kube::ObjectKey, Ending> ending_;
};

}  // namespace sluice::loop
