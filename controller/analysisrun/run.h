#pragma once
// The AnalysisRun controller as a pure function (analysis.md §8): it starts measurements (as
// queries or as writes of Jobs), assesses answers, and persists status. The loop keeps `status` in
// memory between passes, ahead of the server.
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analysis/expr/zone.h"
#include "analysis/providers/job.h"
#include "analysis/work.h"
#include "api/analysis.h"
#include "base/http.h"
#include "controller/plan.h"
#include "kube/model/objects.h"

namespace sluice::analysisrun {

// The answer to a QueryIntent of an earlier pass, together with what was asked.
struct Answer {
  std::string id;
  WallTime started_at{}, finished_at{};
  Result<http::Response> response;
  http::Request request;
  Millis wanted{0};
};

struct Options {
  std::string instance_id;
  std::string prometheus_address;    // env PROMETHEUS_ADDRESS: used when a metric names no address
  std::string controller_namespace;  // for Jobs' service accounts and messages
  analysis::expr::ZoneLoader zones = {};  // time zones of conditions; UTC alone when empty
  analysis::job::Policy jobs = {};
  Seconds metric_timeout_max{300};  // a query does not wait longer, whatever its metric says
};

struct Observed {
  std::shared_ptr<const api::AnalysisRun> run;  // status is the in-memory one
  // Where that is known from the Rollout that controls it: whether it is ours to act on, whatever
  // its own instance id says.
  std::optional<bool> ours;
  std::vector<Answer> answers;      // not yet assessed
  std::set<std::string> in_flight;  // ids of queries without an answer
  std::map<std::string, Result<std::string>>
      secrets;  // "name/key" → value, or why it could not be read
  std::vector<std::shared_ptr<const kube::Job>> jobs;  // controlled by the run: kube::controls()
  // Pods that those Jobs control, filled only after a pass that set job_pods_needed; may stay
  // empty.
  std::vector<std::shared_ptr<const kube::Pod>> job_pods;
  // Job name → why the server refused its create (Invalid, Forbidden): an error of its measurement,
  // whose next one asks again; may stay empty: the create is then repeated with the backoff of
  // failed writes.
  std::map<std::string, Error> refused_jobs;
  // Job name → when its deletion, which the server refused, may be asked for again. The record of
  // what the run found does not wait for that.
  std::map<std::string, WallTime> kept_jobs;
};

struct Decision {
  controller::Plan plan;          // queries, Job writes, the status patch, events
  api::AnalysisRunStatus status;  // becomes the in-memory status at once
  bool status_changed = false;    // against the in-memory status
  // There may be more to measure. Otherwise no answer of a query is of any use, and what is in
  // flight is to be cancelled: the run is over, deleted or not ours.
  bool goes_on = false;
  // "name/key" of Secrets that must be read (GET, never listed) before measurements can start or
  // answers be assessed. While this is not empty no answer has been assessed: the same answers must
  // be presented again with the secrets.
  std::vector<std::string> secrets_needed;
  // Ids of answers that were not assessed, because those before them cost all that one pass may
  // spend (ADR 14): they must be presented again. Their metrics wait meanwhile.
  std::set<std::string> unassessed;
  analysis::Work work;  // what assessing the others cost
  // A Job has been running for a while: with its pods (label analysisrun.argoproj.io/uid = the
  // run's uid) in Observed::job_pods, an image that cannot be pulled is noticed.
  bool job_pods_needed = false;
};

[[nodiscard]] Decision decide(const Observed& observed, WallTime now, const Options& options = {});

// A run that is over and leaves nothing to do, now or later, but for what its Jobs may still need.
[[nodiscard]] bool at_rest(const api::AnalysisRun& run);

// What a process that is about to end still has to write of a run: what its last decisions put off.
// `run.status` is the in-memory one, `run.raw` the server's object.
[[nodiscard]] std::optional<kube::Write> unsaved(const api::AnalysisRun& run, WallTime now);

}  // namespace sluice::analysisrun
