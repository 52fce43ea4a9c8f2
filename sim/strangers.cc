#include "sim/strangers.h"

#include <fmt/core.h>

#include "api/keys.h"
#include "api/resources.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::sim {
namespace {

using kube::Json;

constexpr int kSteps = 6;  // more than a scenario has

Actor stranger() {
  Actor out;
  out.kind = Actor::Kind::Human;
  return out;
}

Json owner(std::string_view api_version, std::string_view kind, const std::string& name,
           const std::string& uid) {
  return Json::array({{{"apiVersion", api_version},
                       {"kind", kind},
                       {"name", name},
                       {"uid", uid},
                       {"controller", true},
                       {"blockOwnerDeletion", true}}});
}

}  // namespace

void Strangers::create(const kube::ResourceType& type, const Json& object) {
  kube::Write write;
  write.type = type;
  write.key = {type.namespaced ? ns_ : "", kube::get_string(object, "metadata.name")};
  write.verb = kube::Verb::Create;
  write.body = kube::dump(object);
  sim_.as(stranger(), [&] { static_cast<void>(sim_.server.write(write)); });
}

void Strangers::act() {
  if (say_.empty() || !view_.rollout) return;
  if (first("namespace"))
    create(kube::kNamespaces,
           {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", ns_}}}});
  // Copies: the view changes under these writes only for our own namespace, but it is read by them.
  const auto sets = view_.sets;
  const auto runs = view_.runs;
  const auto jobs = view_.jobs;
  for (const auto& [name, set] : sets)
    if (set.owner_uid == view_.rollout->uid && set.revision > 1 && first("set " + name))
      claim_set(set);
  for (const auto& [name, run] : runs) {
    claim_run(name, run.type, run.step, run.hash, run.revision);
    if (run.by_job) claim_job({run.uid + ".check.1", run.uid});  // as the scenarios call it
  }
  for (const auto& [name, job] : jobs) claim_job(job);
}

// Names of runs can be told from a ReplicaSet, so his are there before ours.
void Strangers::claim_set(const check::SetFacts& set) {
  const std::string& rollout = view_.rollout->name;
  const Json labels = {{"app", rollout}, {std::string(api::kPodTemplateHashLabel), set.hash}};
  create(
      kube::kReplicaSets,
      {{"apiVersion", "apps/v1"},
       {"kind", "ReplicaSet"},
       {"metadata",
        {{"name", set.name},
         {"namespace", ns_},
         {"labels", labels},
         {"annotations",
          {{std::string(api::kRevisionAnnotation), std::to_string(set.revision + 7)}}},
         {"ownerReferences",
          owner("argoproj.io/v1alpha1", "Rollout", rollout, view_.rollout->uid)}}},
       {"spec",
        {{"replicas", 1},
         {"selector", {{"matchLabels", labels}}},
         {"template",
          {{"metadata", {{"labels", labels}}},
           {"spec", {{"containers", Json::array({{{"name", "app"}, {"image", "evil:v1"}}})}}}}}}}});
  const std::string base = fmt::format("{}-{}-{}", rollout, set.hash, set.revision);
  claim_run(base, "Background", "", set.hash, set.revision);
  claim_run(base + "-pre", "PrePromotion", "", set.hash, set.revision);
  claim_run(base + "-post", "PostPromotion", "", set.hash, set.revision);
  for (int step = 0; step < kSteps; ++step)
    claim_run(fmt::format("{}-{}", base, step), "Step", std::to_string(step), set.hash,
              set.revision);
}

void Strangers::claim_run(const std::string& name, const std::string& type, const std::string& step,
                          const std::string& hash, std::int64_t revision) {
  if (!first("run " + name)) return;
  const std::string now = format_rfc3339(sim_.clock.wall_now());
  Json labels = {{std::string(api::kPodTemplateHashLabel), hash},
                 {std::string(api::kRolloutTypeLabel), type}};
  if (!step.empty()) labels[std::string(api::kStepIndexLabel)] = step;
  if (!view_.rollout->instance_id.empty())
    labels[std::string(api::kInstanceIdLabel)] = view_.rollout->instance_id;
  create(api::kAnalysisRuns,
         {{"apiVersion", "argoproj.io/v1alpha1"},
          {"kind", "AnalysisRun"},
          {"metadata",
           {{"name", name},
            {"namespace", ns_},
            {"labels", labels},
            {"annotations", {{std::string(api::kRevisionAnnotation), std::to_string(revision)}}},
            {"ownerReferences",
             owner("argoproj.io/v1alpha1", "Rollout", view_.rollout->name, view_.rollout->uid)}}},
          {"spec",
           {{"metrics", Json::array({{{"name", "success-rate"},
                                      {"provider",
                                       {{"prometheus",
                                         {{"address", "http://prometheus.monitoring.svc:9090"},
                                          {"query", "analysis:none|hash:none|"}}}}}}})}}},
          {"status",
           {{"phase", say_}, {"message", "forged"}, {"startedAt", now}, {"completedAt", now}}}});
}

void Strangers::claim_job(const check::JobFacts& job) {
  if (!first("job " + job.name)) return;
  const Json pod = {{"spec",
                     {{"restartPolicy", "Never"},
                      {"containers", Json::array({{{"name", "check"}, {"image", "evil:v1"}}})}}}};
  create(
      kube::kJobs,
      {{"apiVersion", "batch/v1"},
       {"kind", "Job"},
       {"metadata",
        {{"name", job.name},
         {"namespace", ns_},
         {"labels", {{"analysisrun.argoproj.io/uid", job.run_uid}}},
         {"ownerReferences", owner("argoproj.io/v1alpha1", "AnalysisRun", "nobody", job.run_uid)}}},
       {"spec", {{"suspend", true}, {"template", pod}}}});
  kube::Write ended;
  ended.type = kube::kJobs;
  ended.key = {ns_, job.name};
  ended.subresource = "status";
  ended.body = kube::dump(
      {{"status",
        {{"conditions", Json::array({{{"type", say_ == "Successful" ? "Complete" : "Failed"},
                                      {"status", "True"}}})}}}});
  sim_.as(stranger(), [&] { static_cast<void>(sim_.server.write(ended)); });
}

bool forge_verdict(Simulation& sim, const check::View& view) {
  if (!view.rollout) return false;
  const auto& rollout = *view.rollout;
  if (rollout.current_hash == rollout.stable_hash || rollout.current_hash.empty()) return false;
  // A run that exists and said something else, or none at all.
  std::string run = rollout.name + "-" + rollout.current_hash + "-99";
  for (const auto& [name, facts] : view.runs)
    if (facts.hash == rollout.current_hash && facts.phase == "Successful") run = name;
  kube::Write write;
  write.body = kube::dump(
      {{"metadata",
        {{"annotations",
          {{std::string(api::kAbortVerdictAnnotation), kube::dump({{"hash", rollout.current_hash},
                                                                   {"run", run},
                                                                   {"metric", "success-rate"},
                                                                   {"message", "forged"}})}}}}}});
  if (rollout.blue_green) {
    write.type = kube::kServices;
    write.key = {view.own_ns, rollout.active_service};
  } else {
    write.type = kube::kIngresses;
    for (const auto& [name, ingress] : view.ingresses)
      if (ingress.owner_uid == rollout.uid && ingress.weight) write.key = {view.own_ns, name};
  }
  if (write.key.name.empty()) return false;
  sim.as(stranger(), [&] { static_cast<void>(sim.server.write(write)); });
  return true;
}

}  // namespace sluice::sim
