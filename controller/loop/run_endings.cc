#include "controller/loop/run_endings.h"

#include <memory>
#include <utility>

#include "controller/analysisrun/ending.h"

namespace sluice::loop {

namespace {

bool stops_a_run(const kube::Write& write) {
  return write.type == api::kAnalysisRuns && write.purpose == "TerminateAnalysisRun";
}

std::shared_ptr<const api::AnalysisRun> with_status(const api::AnalysisRun& run,
                                                    api::AnalysisRunStatus status) {
  auto out = std::make_shared<api::AnalysisRun>(run);
  out->status = std::move(status);
  return out;
}

}  // namespace

analysisrun::Options run_options(const Options& options) {
  analysisrun::Options out;
  out.instance_id = options.instance_id;
  out.prometheus_address = options.prometheus_address;
  out.controller_namespace = options.controller_namespace;
  out.metric_timeout_max = options.metric_timeout_max;
  out.zones = options.zones;
  out.jobs = options.jobs;
  return out;
}

kube::Write RunEndings::before_send(kube::Write write) {
  if (!stops_a_run(write)) return write;
  const Key key{KeyKind::AnalysisRun, write.key};
  // A write of the run's own is on its way, and would put an older status over the last one.
  if (queue_.is_busy(key)) return write;
  const auto stored = world_.runs.store.get(write.key);
  if (!stored || stored->meta.uid != write.uid) return write;
  auto& live = world_.live_runs[write.key];
  if (!live || live->meta.uid != stored->meta.uid) live = stored;
  analysisrun::Observed observed;
  observed.run = live;
  observed.ours = world_.goes_with_us(stored->meta);
  inbox_.fill(observed);
  const WallTime now = clock_.wall_now();
  auto ending = analysisrun::end_with(write, observed, now, run_options(options_));
  if (!ending) return write;
  log_samples(telemetry_, *live, ending->status, observed.answers, now);
  ending_[write.key] = {live->status, std::move(ending->events)};
  live = with_status(*live, std::move(ending->status));
  return std::move(ending->write);
}

void RunEndings::answered(const kube::Write& write, bool applied) {
  if (!stops_a_run(write)) return;
  const auto found = ending_.find(write.key);
  if (found == ending_.end()) return;
  const Ending ending = std::move(found->second);
  ending_.erase(found);
  const auto stored = world_.runs.store.get(write.key);
  const bool ended = stored && api::is_completed(stored->status.phase);
  const auto live = world_.live_runs.find(write.key);
  if (live != world_.live_runs.end() && !applied) {
    if (ended) {
      world_.live_runs.erase(live);
    } else {
      // It goes on, with the samples that no write has carried yet.
      live->second = with_status(*live->second, ending.before);
    }
  }
  if (applied || ended)
    for (const auto& event : ending.events) record_(event);
  queue_.mark({KeyKind::AnalysisRun, write.key}, Lane::Normal, "run ended", clock_.mono_now());
}

}  // namespace sluice::loop
