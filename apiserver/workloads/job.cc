// The Job controller: pods until enough succeeded, or more failed than backoffLimit allows.
#include <algorithm>

#include "apiserver/workloads/context.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::apiserver {

namespace {

void create_pod(Context& context, const Json& job) {
  const auto key = key_of(job);
  const Json* tmpl = kube::find_path(job, "spec.template");
  if (tmpl == nullptr) return;
  // A Job's own name may be too long for a label or a pod name; Kubernetes cuts the pod's.
  Json labels = {{"controller-uid", uid_of(job)}};
  if (key.name.size() <= 63) labels["job-name"] = key.name;
  Json pod = {{"apiVersion", "v1"}, {"kind", "Pod"}};
  pod["metadata"] = {{"generateName", key.name.substr(0, 52) + "-"},
                     {"namespace", key.namespace_},
                     {"ownerReferences", Json::array({owner_reference(job, "batch/v1", "Job")})}};
  if (const Json* own = kube::find_path(*tmpl, "metadata.labels");
      own != nullptr && own->is_object()) {
    for (const auto& [name, value] : own->items()) labels[name] = value;
  }
  pod["metadata"]["labels"] = labels;
  if (const Json* annotations = kube::find_path(*tmpl, "metadata.annotations"))
    pod["metadata"]["annotations"] = *annotations;
  if (const Json* spec = kube::find(*tmpl, "spec")) pod["spec"] = *spec;
  if (!context.create(kube::kPods, key.namespace_, pod))
    context.mark_in(Seconds(5), {Task::Job, key, ""});
}

bool finished(const Json& job) {
  for (const char* type : {"Complete", "Failed"}) {
    const Json* condition = condition_of(job, type);
    if (condition != nullptr && kube::get_string(*condition, "status") == "True") return true;
  }
  return false;
}

void finish(Context& context, const Json& job, Json status, std::string_view type,
            std::string_view reason, std::string_view message) {
  const std::string now = format_rfc3339(context.clock.wall_now());
  Json condition = {
      {"type", type}, {"status", "True"}, {"lastProbeTime", now}, {"lastTransitionTime", now}};
  if (!reason.empty()) condition["reason"] = reason;
  if (!message.empty()) condition["message"] = message;
  status["conditions"] = Json::array({condition});
  status["active"] = nullptr;
  if (type == "Complete") status["completionTime"] = now;
  context.merge(kube::kJobs, key_of(job), {{"status", status}}, "status");
}

}  // namespace

void step_job(Context& context, const kube::ObjectKey& key) {
  const Object job = context.server.get(kube::kJobs, key);
  if (!job || being_deleted(*job) || finished(*job) || kube::get_bool(*job, "spec.suspend")) return;
  const int completions = static_cast<int>(kube::get_int(*job, "spec.completions", 1));
  const int parallelism = static_cast<int>(kube::get_int(*job, "spec.parallelism", 1));
  const int backoff_limit = static_cast<int>(kube::get_int(*job, "spec.backoffLimit", 6));
  int active = 0, succeeded = 0, failed = 0;
  for (const auto& pod : context.pods_owned_by(key.namespace_, uid_of(*job))) {
    const std::string phase = kube::get_string(*pod, "status.phase");
    if (phase == "Succeeded")
      ++succeeded;
    else if (phase == "Failed")
      ++failed;
    else if (!being_deleted(*pod))
      ++active;
  }
  const WallTime now = context.clock.wall_now();
  const std::string started = kube::get_string(*job, "status.startTime", format_rfc3339(now));
  Json status = {{"startTime", started}};
  if (succeeded > 0) status["succeeded"] = succeeded;
  if (failed > 0) status["failed"] = failed;
  status["active"] = active > 0 ? Json(active) : Json(nullptr);

  if (const std::int64_t deadline = kube::get_int(*job, "spec.activeDeadlineSeconds");
      deadline > 0) {
    const auto start_time = parse_rfc3339(started);
    if (start_time && now >= *start_time + Seconds(deadline)) {
      for (const auto& pod : context.pods_owned_by(key.namespace_, uid_of(*job)))
        if (!pod_finished(*pod)) context.remove(kube::kPods, key_of(*pod), uid_of(*pod));
      finish(context, *job, status, "Failed", "DeadlineExceeded",
             "Job was active longer than specified deadline");
      return;
    }
    if (start_time) context.mark_in(*start_time + Seconds(deadline) - now, {Task::Job, key, ""});
  }
  if (succeeded >= completions) {
    finish(context, *job, status, "Complete", "", "");
    return;
  }
  if (failed > backoff_limit) {
    finish(context, *job, status, "Failed", "BackoffLimitExceeded",
           "Job has reached the specified backoff limit");
    return;
  }
  for (int missing = std::min(parallelism, completions - succeeded) - active; missing > 0;
       --missing) {
    create_pod(context, *job);
    ++active;
  }
  status["active"] = active > 0 ? Json(active) : Json(nullptr);
  if (!same_status(*job, status)) context.merge(kube::kJobs, key, {{"status", status}}, "status");
}

}  // namespace sluice::apiserver
