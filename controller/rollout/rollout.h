#pragma once
// The brain. decide() is a pure function: the same Observed and the same now give the same Plan,
// and applying the plan to the world leads to an Observed for which it plans nothing (until time or
// the world moves on).
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "api/analysis.h"
#include "api/rollout.h"
#include "controller/plan.h"
#include "kube/model/objects.h"
#include "traffic/router.h"

namespace sluice::rollout {

template <class T>
using Ptr = std::shared_ptr<const T>;

struct Options {
  Seconds resync_period{900};
  traffic::Options routers = {};
  // When to ask a router again that cannot say yet whether users go where its objects send them.
  Seconds verify_interval{10};
};

// Names of AnalysisRuns that a create met on the server and that are somebody else's: the highest
// suffix (0: none) by the name without it.
using TakenRuns = std::map<std::string, std::int64_t>;

// One moment of the world, as far as this Rollout is concerned. "Not in the map" means absent in a
// synced cache; the loop does not call decide() before all caches named here are synced, so a read
// error never looks like absence.
struct Observed {
  Ptr<api::Rollout> rollout;
  std::vector<Ptr<kube::ReplicaSet>> replica_sets;      // of the namespace, carrying the hash label
  std::map<std::string, Ptr<kube::Service>> services;   // of the namespace, by name
  // Those of them whose managed-by annotation names a Rollout that is gone or refers to them no
  // more: they are taken over, not refused (traffic.md SVC-23).
  std::set<std::string> abandoned_services;
  kube::Objects objects;  // of the routers (References::objects)
  // Of the Experiment that runs for the current step and takes part in the traffic (traffic.md
  // W-50).
  std::vector<api::WeightDestination> additional;
  std::vector<Ptr<api::AnalysisRun>>
      analysis_runs;  // owned by the Rollout; status may be ahead of the server
  // Names of those that are over, but not yet for the server.
  std::set<std::string> unrecorded_ends;
  TakenRuns taken_runs;
  std::map<std::string, Ptr<api::AnalysisTemplate>> analysis_templates, cluster_analysis_templates;
  std::vector<Ptr<kube::Pod>> pods;  // filled only while a restart is due
  bool pods_known = false;
  // Writes that the server refused (Invalid, Forbidden, a webhook's no). Each is left out of the
  // plan until its time has come; whatever does not depend on it goes on.
  struct Refusal {
    kube::Write write;  // as it was sent
    Error error;
    WallTime retry_at{};
    bool fresh = false;  // no decision has seen it yet
  };
  std::vector<Refusal> refusals;
  // The pod template in the answer to dry_run(); nullopt when that was not asked or not answered.
  std::optional<std::string> served_template;
  // A settled plan of this process has been carried out to its end, and none was cut short since:
  // no cut waits for its record, so what an annotation says of one was written by somebody else.
  bool carried_out = false;
};

// The same thing is asked for once more. A refusal holds nothing else back: not another weight,
// another size or another selector of the same object.
[[nodiscard]] bool same_intent(const kube::Write& a, const kube::Write& b);

[[nodiscard]] controller::Plan decide(const Observed& observed, WallTime now,
                                      const Options& options = {});

// True when decide() needs Observed::pods (a restart is due): the loop then lists the Rollout's
// pods first.
[[nodiscard]] bool needs_pods(const api::Rollout& rollout, WallTime now);

// A creation to be tried without storing anything, before decide() is called: the spec is new, a
// ReplicaSet has all of the template that our types know, and only the server can tell whether the
// rest makes another version (ADR 12). Its answer is Observed::served_template. The same for the
// same template.
[[nodiscard]] std::optional<kube::Write> dry_run(const Observed& observed, WallTime now);

// Names of the objects that this Rollout refers to, for the loop's reverse index: a change of one
// of them wakes it.
struct References {
  std::vector<std::string> services, analysis_templates, cluster_analysis_templates;
  std::vector<kube::ObjectRef> objects;  // of the routers
};
[[nodiscard]] References references(const api::Rollout& rollout);
[[nodiscard]] bool refers_to_service(const api::Rollout& rollout, const std::string& service);

// A Rollout was deleted, or no longer refers to a Service that names it in its managed-by
// annotation or carries the hash selector: the un-patching writes (rollout.md §1.12).
// `still_used_by` is the Rollout that refers to it, if any.
[[nodiscard]] std::vector<kube::Write> clean_service(const kube::Service& service,
                                                     bool still_referenced);

}  // namespace sluice::rollout
