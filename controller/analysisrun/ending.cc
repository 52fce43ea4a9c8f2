#include "controller/analysisrun/ending.h"

#include <utility>

#include "kube/json/json.h"

namespace sluice::analysisrun {

namespace {

// The plan's only write, when it is the status patch.
const kube::Write* only_status_patch(const controller::Plan& plan) {
  const auto writes = plan.writes();
  const bool alone = writes.size() == 1 && plan.intents.size() == 1 + plan.events().size();
  return alone && writes[0]->purpose == "PatchAnalysisRun" ? writes[0] : nullptr;
}

}  // namespace

std::optional<Ending> end_with(const kube::Write& terminate, Observed observed, WallTime now,
                               const Options& options) {
  if (!observed.run || terminate.verb != kube::Verb::MergePatch) return std::nullopt;
  auto stopped = std::make_shared<api::AnalysisRun>(*observed.run);
  stopped->spec.terminate = true;
  observed.run = std::move(stopped);
  Decision decision = decide(observed, now, options);
  const kube::Write* last = only_status_patch(decision.plan);
  if (!api::is_completed(decision.status.phase) || last == nullptr) return std::nullopt;
  auto body = kube::parse_json(terminate.body);
  const auto patch = kube::parse_json(last->body);
  const kube::Json* status = patch ? kube::find(*patch, "status") : nullptr;
  if (!body || !body->is_object() || status == nullptr) return std::nullopt;
  (*body)["status"] = *status;  // as it stands: its nulls remove members
  Ending out{terminate, decision.status, {}};
  out.write.body = kube::dump(*body);
  for (const auto* event : decision.plan.events()) out.events.push_back(*event);
  return out;
}

}  // namespace sluice::analysisrun
