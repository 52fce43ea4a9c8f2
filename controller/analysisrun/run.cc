#include "controller/analysisrun/run.h"

#include <algorithm>
#include <utility>

#include "analysis/engine.h"
#include "api/keys.h"
#include "api/resources.h"
#include "api/validate.h"
#include "controller/analysisrun/notices.h"
#include "controller/analysisrun/pass.h"
#include "controller/analysisrun/persist.h"

namespace sluice::analysisrun {

namespace {

using controller::Why;

bool is_ours(const Observed& observed, const Options& options) {
  const auto label = get_or(observed.run->meta.labels, api::kInstanceIdLabel);
  return observed.ours.value_or(label == options.instance_id);
}

void add_write(Decision& decision, kube::Write write) {
  decision.plan.intents.emplace_back(std::move(write));
}

void consider_wake(Decision& decision, std::optional<WallTime> at) {
  auto& wake = decision.plan.wake_at;
  if (at) wake = wake ? std::min(*wake, *at) : *at;
}

void write_status(Decision& decision, const api::AnalysisRun& run, const Patience& patience,
                  WallTime now) {
  Persistence persistence = persist(run, decision.status, patience, now);
  if (persistence.write) add_write(decision, std::move(*persistence.write));
  consider_wake(decision, persistence.look_again);
}

// A completed run: what an earlier pass could not get written, left-over Jobs, and the end of its
// life.
void settle(Decision& decision, const Observed& observed, WallTime now) {
  const api::AnalysisRun& run = *observed.run;
  for (kube::Write& write : leftover_jobs(observed)) {
    if (const auto until = kept_until(observed, write, now)) {
      consider_wake(decision, until);
    } else {
      add_write(decision, std::move(write));
    }
  }
  write_status(decision, run, {}, now);
  const auto expiry = analysis::expires_at(run.spec, decision.status);
  if (!expiry) return;
  if (now < *expiry) {
    consider_wake(decision, expiry);
    return;
  }
  if (!decision.plan.intents.empty()) return;
  kube::Write write;
  write.type = api::kAnalysisRuns;
  write.key = run.meta.key;
  write.verb = kube::Verb::Delete;
  write.uid = run.meta.uid;
  write.purpose = "DeleteAnalysisRun";
  write.tolerate_done = true;
  add_write(decision, std::move(write));
  decision.plan.trace.push_back({Why::Deleted, "ttlStrategy"});
}

// The object stays as it is. That it was said is kept in memory only, so that it is said once.
void refuse(Decision& decision, const api::AnalysisRun& run, const api::Unsupported& unsupported) {
  const std::string text =
      unsupported.field + " is not implemented by this release: " + unsupported.remedy;
  decision.plan.trace.push_back({Why::Refused, text});
  if (decision.status.message == text) return;
  decision.status.message = text;
  decision.status_changed = true;
  decision.plan.intents.emplace_back(notice(run, true, "Unsupported", text));
}

}  // namespace

bool at_rest(const api::AnalysisRun& run) {
  return api::is_completed(run.status.phase) && !analysis::expires_at(run.spec, run.status);
}

std::optional<kube::Write> unsaved(const api::AnalysisRun& run, WallTime now) {
  Patience patience;
  patience.leaving = true;
  return persist(run, run.status, patience, now).write;
}

Decision decide(const Observed& observed, WallTime now, const Options& options) {
  Decision decision;
  if (!observed.run) return decision;
  const api::AnalysisRun& run = *observed.run;
  decision.status = run.status;
  if (run.meta.deleted_at || !is_ours(observed, options)) {
    decision.plan.trace.push_back(
        {run.meta.deleted_at ? Why::Deleted : Why::NothingToDo, "not ours to act on"});
    return decision;
  }
  if (api::is_completed(run.status.phase)) {
    settle(decision, observed, now);
    return decision;
  }
  if (auto unsupported = api::unsupported(run.spec)) {
    refuse(decision, run, *unsupported);
    return decision;
  }
  Pass pass(observed, options, now);
  pass.run();
  Patience patience;
  patience.samples = pass.sample_patience();
  patience.exact_start =
      std::any_of(run.spec.metrics.begin(), run.spec.metrics.end(),
                  [](const api::Metric& metric) { return !metric.initial_delay.empty(); });
  pass.into(decision);
  write_status(decision, run, patience, now);
  if (decision.plan.trace.empty()) decision.plan.trace.push_back({Why::NothingToDo, ""});
  return decision;
}

}  // namespace sluice::analysisrun
