#include "analysis/providers/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "api/resources.h"
#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::analysis::job {

namespace {

using kube::Json;

constexpr std::size_t kNameMax = 63;  // the Job's name becomes a label value of its pods

// A copy of the object member, {} when absent.
Json object_at(const Json& parent, std::string_view dotted) {
  const Json* found = kube::find_path(parent, dotted);
  return found != nullptr && found->is_object() ? *found : Json::object();
}

Json owner_reference(const api::AnalysisRun& run) {
  return {{"apiVersion", api::kAnalysisRuns.api_version()},
          {"kind", std::string(api::kAnalysisRuns.kind)},
          {"name", run.meta.key.name},
          {"uid", run.meta.uid},
          {"controller", true},
          {"blockOwnerDeletion", true}};
}

bool cannot_pull(std::string_view reason) {
  return reason == "ErrImagePull" || reason == "ImagePullBackOff" || reason == "InvalidImageName";
}

// The ServiceAccount that the API server would give the pods; `serviceAccount` is the field's old
// name, which it still reads.
std::string account_of(const Json& spec) {
  for (const char* path : {"template.spec.serviceAccountName", "template.spec.serviceAccount"})
    if (std::string name = kube::get_string(spec, path); !name.empty()) return name;
  return "default";
}

Status check_account(const api::AnalysisRun& run, const api::Metric& metric, const Json& spec,
                     const Policy& policy) {
  const std::string account = account_of(spec);
  const std::string& ns = run.meta.key.namespace_;
  const auto refuse = [&](std::string_view why) -> Status {
    return fail(ErrorCode::Forbidden,
                fmt::format("metric '{}': provider.job.spec.template.spec.serviceAccountName: "
                            "ServiceAccount \"{}\" {}",
                            metric.name, account, why));
  };
  if (policy.own_account == kube::ObjectKey{ns, account})
    return refuse(
        "is the controller's own, whose rights no Job gets: name another one, or run the "
        "controller in a namespace of its own");
  if (policy.accounts.empty() || policy.accounts.contains(account) ||
      policy.accounts.contains(ns + "/" + account))
    return {};
  return refuse("is none of those that the controller's flag --job-service-accounts allows");
}

std::string condition_text(const kube::Condition& condition) {
  if (condition.reason.empty() || condition.message.empty())
    return condition.reason + condition.message;
  return condition.reason + ": " + condition.message;
}

}  // namespace

std::string name_of(std::string_view run_uid, std::string_view metric, std::int64_t number) {
  const std::string prefix = std::string(run_uid) + ".";
  const std::string suffix = "." + std::to_string(number);
  const std::size_t fixed = prefix.size() + suffix.size();
  const std::size_t room = fixed < kNameMax ? kNameMax - fixed : 0;
  return prefix + std::string(metric.substr(0, room)) + suffix;
}

Result<kube::Write> build_request(const api::AnalysisRun& run, const api::Metric& metric,
                                  std::int64_t number, const Policy& policy) {
  SLUICE_TRY(const Json config, kube::parse_json(metric.provider_json));
  const Json* given = kube::find(config, "spec");
  if (given == nullptr || !given->is_object())
    return fail(ErrorCode::Invalid,
                fmt::format("metric '{}': provider.job.spec is missing", metric.name));
  SLUICE_CHECK_OK(check_account(run, metric, *given, policy));

  Json object = Json::object();
  object["apiVersion"] = kube::kJobs.api_version();
  object["kind"] = std::string(kube::kJobs.kind);
  Json& meta = object["metadata"];
  meta["name"] = name_of(run.meta.uid, metric.name, number);
  meta["namespace"] = run.meta.key.namespace_;
  meta["labels"] = object_at(config, "metadata.labels");
  meta["labels"][std::string(kRunUidLabel)] = run.meta.uid;
  meta["annotations"] = object_at(config, "metadata.annotations");
  meta["annotations"][std::string(kRunNameAnnotation)] = run.meta.key.name;
  meta["annotations"][std::string(kRunNamespaceAnnotation)] = run.meta.key.namespace_;
  meta["annotations"][std::string(kMetricNameAnnotation)] = metric.name;
  meta["ownerReferences"] = Json::array({owner_reference(run)});
  object["spec"] = *given;
  Json pod_meta = object_at(*given, "template.metadata");
  pod_meta["labels"] = object_at(pod_meta, "labels");
  pod_meta["labels"][std::string(kRunUidLabel)] = run.meta.uid;
  object["spec"]["template"] = object_at(*given, "template");
  object["spec"]["template"]["metadata"] = std::move(pod_meta);
  if (!policy.automount_token) {
    Json& pod = object["spec"]["template"]["spec"];
    if (pod.is_null() || (pod.is_object() && !pod.contains("automountServiceAccountToken")))
      pod["automountServiceAccountToken"] = false;
  }

  kube::Write out;
  out.type = kube::kJobs;
  out.key = {run.meta.key.namespace_, meta["name"].get<std::string>()};
  out.verb = kube::Verb::Create;
  out.body = kube::dump(object);
  out.purpose = "CreateAnalysisJob";
  out.tolerate_done = true;
  return out;
}

kube::Write build_delete(const kube::ObjectKey& key, std::string_view uid) {
  kube::Write out;
  out.type = kube::kJobs;
  out.key = key;
  out.verb = kube::Verb::Delete;
  out.body = kube::dump(
      Json{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", "Foreground"}});
  out.uid = uid;
  out.purpose = "DeleteAnalysisJob";
  out.tolerate_done = true;
  return out;
}

Finding interpret(const kube::Job& job, const std::vector<std::shared_ptr<const kube::Pod>>& pods) {
  Finding out;
  for (const kube::Condition& condition : job.conditions) {
    if (condition.status != "True") continue;
    if (condition.type == "Complete") out = {api::AnalysisPhase::Successful, "", ""};
    if (condition.type == "Failed")
      out = {api::AnalysisPhase::Failed, "", condition_text(condition)};
  }
  if (out.phase != api::AnalysisPhase::Running) return out;
  for (const auto& pod : pods) {
    if (!cannot_pull(pod->waiting_reason)) continue;
    out.phase = api::AnalysisPhase::Inconclusive;
    out.message =
        fmt::format("Pod {}, container {} has terminal error ({}): {}", pod->meta.key.name,
                    pod->waiting_container, pod->waiting_reason, trim(pod->waiting_message));
    break;
  }
  return out;
}

WallTime next_look(WallTime started_at, WallTime now) {
  const double elapsed = std::max(0.0, std::chrono::duration<double>(now - started_at).count());
  const auto wait =
      std::chrono::duration_cast<Micros>(std::chrono::duration<double>(std::sqrt(2 * elapsed)));
  return now + std::max(wait, Micros(Seconds(1)));
}

std::vector<std::shared_ptr<const kube::Job>> superfluous(
    const std::vector<std::shared_ptr<const kube::Job>>& jobs, std::string_view metric,
    std::size_t limit) {
  std::vector<std::shared_ptr<const kube::Job>> out;
  for (const auto& job : jobs)
    if (get_or(job->meta.annotations, kMetricNameAnnotation) == metric && !job->meta.deleted_at)
      out.push_back(job);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return std::tie(a->meta.created_at, a->meta.key) < std::tie(b->meta.created_at, b->meta.key);
  });
  out.resize(out.size() > limit ? out.size() - limit : 0);
  return out;
}

namespace {

class Row final : public Provider {
 public:
  Row() : Provider("job", "Job", {.job = true}) {}

  Result<http::Request> ask(const api::Metric&, const AskContext&) const override {
    return fail(ErrorCode::Internal, "a Job is created, not asked");
  }
  Reading read(const api::Metric&, const http::Request&, const Result<http::Response>&,
               Work*) const override {
    return Result<Sample>(fail(ErrorCode::Internal, "a Job is looked at, not read"));
  }
  std::string query_of(const api::Metric&) const override { return ""; }
};

}  // namespace

const Provider& provider() {
  static const Row row;
  return row;
}

}  // namespace sluice::analysis::job
