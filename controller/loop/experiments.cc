#include "controller/loop/experiments.h"

#include <fmt/core.h>

#include "api/resources.h"
#include "api/support.h"
#include "kube/json/json.h"

namespace sluice::loop {

controller::Plan refuse_experiment(const Experiment& experiment, WallTime now) {
  controller::Plan plan;
  const auto refused = api::unsupported_kind("Experiment");
  if (!refused || !experiment.phase.empty() || experiment.meta.deleted_at) return plan;
  const std::string message = fmt::format(
      "The Experiment \"{}\" is left untouched, because this release does not implement "
      "Experiments: {}",
      experiment.meta.key.name, refused->remedy);
  if (experiment.refusal == message) return plan;
  const std::string time = format_rfc3339(now);
  kube::Write write;
  write.type = api::kExperiments;
  write.key = experiment.meta.key;
  write.uid = experiment.meta.uid;
  write.resource_version = experiment.meta.resource_version;
  const kube::Json condition{{"type", "InvalidSpec"},       {"status", "True"},
                             {"reason", "Unsupported"},     {"message", message},
                             {"lastUpdateTime", time},      {"lastTransitionTime", time}};
  write.body = kube::dump({{"status", {{"conditions", kube::Json::array({condition})}}}});
  write.purpose = "RefuseExperiment";
  plan.intents.emplace_back(std::move(write));
  plan.intents.emplace_back(controller::EventIntent{api::kExperiments, experiment.meta.key,
                                                    experiment.meta.uid, true, "Unsupported",
                                                    message});
  return plan;
}

}  // namespace sluice::loop
