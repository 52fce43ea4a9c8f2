#include "controller/analysisrun/persist.h"

#include <algorithm>

#include "api/resources.h"
#include "kube/json/json.h"
#include "kube/json/node.h"
#include "kube/json/patch.h"

namespace sluice::analysisrun {

namespace {

using api::AnalysisPhase;
using kube::Json;

constexpr Seconds kPutOff{5};

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

bool can_wait(const api::AnalysisRunStatus& stored, const api::AnalysisRunStatus& status,
              bool exact_start) {
  if (status.phase != AnalysisPhase::Running) return false;
  if (stored.phase != AnalysisPhase::Running && stored.phase != AnalysisPhase::None) return false;
  if (stored.phase == AnalysisPhase::None && exact_start) return false;
  return settled_json(stored) == settled_json(status);
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

Persistence persist(const api::AnalysisRun& run, const api::AnalysisRunStatus& status,
                    bool exact_start, WallTime now) {
  const Json difference = kube::merge_patch_diff(stored_json(run), api::encode(status));
  if (difference.empty()) return {};
  const api::AnalysisRunStatus stored = stored_status(run);
  if (can_wait(stored, status, exact_start)) {
    // Only the time of the next look at a Job differs: never worth a write.
    const auto start = earliest_start(stored, status);
    if (!start) return {};
    if (now < *start + kPutOff) return {std::nullopt, *start + kPutOff};
  }
  kube::Write write;
  write.type = api::kAnalysisRuns;
  write.key = run.meta.key;
  write.verb = kube::Verb::MergePatch;
  write.body = kube::dump(Json{{"status", difference}});
  write.uid = run.meta.uid;
  write.purpose = "PatchAnalysisRun";
  return {std::move(write), std::nullopt};
}

}  // namespace sluice::analysisrun
