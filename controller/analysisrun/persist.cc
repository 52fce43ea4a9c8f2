#include "controller/analysisrun/persist.h"

#include <algorithm>

#include "analysis/limits.h"
#include "analysis/provider_table.h"
#include "api/resources.h"
#include "kube/json/json.h"
#include "kube/json/node.h"
#include "kube/json/patch.h"

namespace sluice::analysisrun {

namespace {

using api::AnalysisPhase;
using kube::Json;

constexpr Seconds kPutOff{5};
constexpr Seconds kSamplesWaitMax{60};
constexpr int kSamplesWaitIntervals = static_cast<int>(kSamplesTogetherMax) - 1;

// The status of the stored object as we would write it, so that only real differences show. {} when
// there is none.
Json stored_json(const api::AnalysisRun& run) {
  if (!run.raw) return Json::object();
  const auto document = kube::Document::parse(*run.raw);
  if (!document || document->root()["status"].size() == 0) return Json::object();
  return api::encode(api::decode_analysis_run(document->root()).status);
}

// The results without measurements that are still running.
std::vector<api::MetricResult> settled(std::vector<api::MetricResult> results) {
  for (api::MetricResult& result : results)
    std::erase_if(result.measurements,
                  [](const api::Measurement& one) { return !one.finished_at; });
  std::erase_if(results, [](const api::MetricResult& result) {
    return result.measurements.empty() && !api::is_completed(result.phase);
  });
  return results;
}

Json settled_json(const api::AnalysisRunStatus& status) {
  api::AnalysisRunStatus reduced;
  reduced.metric_results = settled(status.metric_results);
  return api::encode(reduced);
}

const api::Measurement* running_measurement(const api::AnalysisRunStatus& status,
                                            const std::string& metric) {
  for (const api::MetricResult& result : status.metric_results)
    if (result.name == metric && !result.measurements.empty() &&
        !result.measurements.back().finished_at)
      return &result.measurements.back();
  return nullptr;
}

bool still_running(const api::AnalysisRunStatus& stored, const api::AnalysisRunStatus& status,
                   bool exact_start) {
  if (status.phase != AnalysisPhase::Running) return false;
  if (stored.phase != AnalysisPhase::Running && stored.phase != AnalysisPhase::None) return false;
  return stored.phase != AnalysisPhase::None || !exact_start;
}

// All of a result but its good samples.
Json without_successes(api::MetricResult result) {
  result.measurements.clear();
  result.count -= result.successful;
  result.successful = result.consecutive_success = 0;
  api::AnalysisRunStatus alone;
  alone.metric_results.push_back(std::move(result));
  return api::encode(alone);
}

// Good samples that the server does not know of.
struct Waiting {
  WallTime due{};     // when the oldest has waited long enough
  WallTime newest{};  // the end of the last
};

// nullopt: more has changed than good samples, or they may not wait.
std::optional<Waiting> waiting_samples(const api::MetricResult* before,
                                       const api::MetricResult& result, const Patience& patience) {
  const auto wait = patience.samples.find(result.name);
  if (wait == patience.samples.end() || result.phase != AnalysisPhase::Running) return std::nullopt;
  api::MetricResult known;
  known.name = result.name;
  known.phase = AnalysisPhase::Running;
  known.dry_run = result.dry_run;
  known.metadata = result.metadata;
  if (before != nullptr) known = *before;
  if (without_successes(known) != without_successes(result)) return std::nullopt;
  const auto size = static_cast<std::int64_t>(result.measurements.size());
  const std::int64_t fresh = std::int64_t{result.successful} - known.successful;
  if (fresh <= 0 || fresh > size) return std::nullopt;
  const auto& oldest = result.measurements[static_cast<std::size_t>(size - fresh)].finished_at;
  const auto& newest = result.measurements.back().finished_at;
  if (!oldest || !newest) return std::nullopt;
  return Waiting{*oldest + wait->second, *newest};
}

// When the samples that differ have to be written; nullopt: now. WallTime::max(): none differs.
std::optional<WallTime> samples_due(const api::AnalysisRunStatus& stored,
                                    const api::AnalysisRunStatus& status,
                                    const Patience& patience) {
  WallTime due = WallTime::max();
  for (const api::MetricResult& result : status.metric_results) {
    const api::MetricResult* before = nullptr;
    for (const api::MetricResult& one : stored.metric_results)
      if (one.name == result.name) before = &one;
    api::AnalysisRunStatus old_alone, new_alone;
    if (before != nullptr) old_alone.metric_results.push_back(*before);
    new_alone.metric_results.push_back(result);
    if (settled_json(old_alone) == settled_json(new_alone)) continue;
    if (stored.phase != AnalysisPhase::Running) return std::nullopt;  // the start goes with it
    const auto waiting = waiting_samples(before, result, patience);
    if (!waiting || waiting->newest >= waiting->due) return std::nullopt;
    // The sample that is due just then goes along.
    due = std::min(due, waiting->due + kPutOff);
  }
  return due;
}

// The earliest start that the server does not know of.
std::optional<WallTime> earliest_start(const api::AnalysisRunStatus& stored,
                                       const api::AnalysisRunStatus& status) {
  std::optional<WallTime> out;
  const auto consider = [&](std::optional<WallTime> at) {
    if (at) out = out ? std::min(*out, *at) : *at;
  };
  if (stored.phase == AnalysisPhase::None) consider(status.started_at);
  for (const api::MetricResult& result : status.metric_results) {
    const api::Measurement* running = running_measurement(status, result.name);
    if (running != nullptr && running_measurement(stored, result.name) == nullptr)
      consider(running->started_at);
  }
  return out;
}

}  // namespace

api::AnalysisRunStatus stored_status(const api::AnalysisRun& run) {
  if (!run.raw) return {};
  const auto document = kube::Document::parse(*run.raw);
  return document ? api::decode_analysis_run(document->root()).status : api::AnalysisRunStatus{};
}

std::optional<Micros> sample_patience(const api::Metric& metric) {
  const auto interval = analysis::interval_of(metric);
  if (!interval || *interval > kSamplesWaitMax || analysis::is_job(metric)) return std::nullopt;
  return std::min<Micros>(*interval * kSamplesWaitIntervals, kSamplesWaitMax);
}

Persistence persist(const api::AnalysisRun& run, const api::AnalysisRunStatus& status,
                    const Patience& patience, WallTime now) {
  const Json difference = kube::merge_patch_diff(stored_json(run), api::encode(status));
  if (difference.empty()) return {};
  const api::AnalysisRunStatus stored = stored_status(run);
  if (still_running(stored, status, patience.exact_start)) {
    auto due = samples_due(stored, status, patience);
    if (due) {
      const auto start = earliest_start(stored, status);
      // Only the time of the next look at a Job differs: never worth a write.
      if (!start && *due == WallTime::max()) return {};
      if (start) due = std::min(*due, *start + kPutOff);
      if (now < *due && !patience.leaving) return {std::nullopt, *due};
    }
  }
  kube::Write write;
  write.type = api::kAnalysisRuns;
  write.key = run.meta.key;
  write.verb = kube::Verb::MergePatch;
  write.body = kube::dump(Json{{"status", difference}});
  write.uid = run.meta.uid;
  // The status is ours alone, but a process that lost its Lease may still have one on the way: it
  // must not land over what the next one wrote.
  write.resource_version = run.meta.resource_version;
  write.purpose = "PatchAnalysisRun";
  return {std::move(write), std::nullopt};
}

}  // namespace sluice::analysisrun
