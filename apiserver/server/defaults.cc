// Defaults of the built-in kinds, as a create through the real server shows them.
#include "apiserver/server/strategy.h"
#include "kube/json/json.h"
#include "kube/schema/template_defaults.h"

namespace sluice::apiserver::server {
namespace {

void set_default(Json& object, const char* key, Json value) {
  if (!object.contains(key) || object[key].is_null()) object[key] = std::move(value);
}

bool blank(const Json& object, const char* key) {
  return kube::get_string(object, key).empty();
}

void default_workload(Json& spec, bool replicas) {
  if (replicas) set_default(spec, "replicas", 1);
  if (spec.contains("template")) kube::apply_template_defaults(spec["template"]);
}

void default_rolling_update(Json& strategy, const char* surge) {
  if (blank(strategy, "type")) strategy["type"] = "RollingUpdate";
  if (kube::get_string(strategy, "type") != "RollingUpdate") return;
  Json& rolling = strategy["rollingUpdate"];
  if (!rolling.is_object()) rolling = Json::object();
  set_default(rolling, "maxUnavailable", "25%");
  set_default(rolling, "maxSurge", surge);
}

void default_deployment(Json& spec) {
  default_workload(spec, true);
  default_rolling_update(spec["strategy"], "25%");
  set_default(spec, "revisionHistoryLimit", 10);
  set_default(spec, "progressDeadlineSeconds", 600);
}

void default_stateful_set(Json& spec) {
  default_workload(spec, true);
  if (blank(spec, "podManagementPolicy")) spec["podManagementPolicy"] = "OrderedReady";
  Json& strategy = spec["updateStrategy"];
  if (blank(strategy, "type")) strategy["type"] = "RollingUpdate";
  if (kube::get_string(strategy, "type") == "RollingUpdate") {
    if (!strategy.contains("rollingUpdate")) strategy["rollingUpdate"] = Json::object();
    set_default(strategy["rollingUpdate"], "partition", 0);
  }
  set_default(spec, "revisionHistoryLimit", 10);
}

void default_daemon_set(Json& spec) {
  default_workload(spec, false);
  Json& strategy = spec["updateStrategy"];
  if (blank(strategy, "type")) strategy["type"] = "RollingUpdate";
  if (kube::get_string(strategy, "type") == "RollingUpdate") {
    if (!strategy.contains("rollingUpdate")) strategy["rollingUpdate"] = Json::object();
    set_default(strategy["rollingUpdate"], "maxUnavailable", 1);
    set_default(strategy["rollingUpdate"], "maxSurge", 0);
  }
  set_default(spec, "revisionHistoryLimit", 10);
}

void default_job(Json& spec) {
  default_workload(spec, false);
  if (!spec.contains("completions") && !spec.contains("parallelism")) {
    spec["completions"] = 1;
    spec["parallelism"] = 1;
  }
  set_default(spec, "parallelism", 1);
  set_default(spec, "backoffLimit", 6);
  set_default(spec, "completionMode", "NonIndexed");
  set_default(spec, "suspend", false);
}

void default_service(Json& spec) {
  if (blank(spec, "sessionAffinity")) spec["sessionAffinity"] = "None";
  if (blank(spec, "type")) spec["type"] = "ClusterIP";
  if (!spec.contains("ports") || !spec["ports"].is_array()) return;
  for (Json& port : spec["ports"]) {
    if (blank(port, "protocol")) port["protocol"] = "TCP";
    const Json target = port.value("targetPort", Json());
    if (target.is_null() || target == 0 || target == "") port["targetPort"] = port["port"];
  }
}

void default_endpoint_ports(Json& object) {
  if (!object.contains("subsets")) return;
  for (Json& subset : object["subsets"])
    if (subset.contains("ports"))
      for (Json& port : subset["ports"])
        if (blank(port, "protocol")) port["protocol"] = "TCP";
}

void default_slice(Json& object) {
  if (!object.contains("ports")) return;
  for (Json& port : object["ports"]) {
    set_default(port, "name", "");
    set_default(port, "protocol", "TCP");
  }
}

void default_pod(Json& object) {
  Json template_view = {{"metadata", Json::object()}, {"spec", std::move(object["spec"])}};
  kube::apply_template_defaults(template_view);
  object["spec"] = std::move(template_view["spec"]);
  set_default(object["spec"], "enableServiceLinks", true);
}

void default_autoscaler(Json& spec) {
  set_default(spec, "minReplicas", 1);
}

void default_cron_job(Json& spec) {
  if (blank(spec, "concurrencyPolicy")) spec["concurrencyPolicy"] = "Allow";
  set_default(spec, "suspend", false);
  set_default(spec, "successfulJobsHistoryLimit", 3);
  set_default(spec, "failedJobsHistoryLimit", 1);
  Json& job = spec["jobTemplate"]["spec"];
  if (job.is_object()) default_workload(job, false);
}

void default_binding(Json& object) {
  Json& ref = object["roleRef"];
  if (ref.is_object() && blank(ref, "apiGroup")) ref["apiGroup"] = "rbac.authorization.k8s.io";
  if (!object.contains("subjects")) return;
  for (Json& subject : object["subjects"])
    if (blank(subject, "apiGroup") && kube::get_string(subject, "kind") != "ServiceAccount")
      subject["apiGroup"] = "rbac.authorization.k8s.io";
}

void default_secret(Json& object) {
  if (blank(object, "type")) object["type"] = "Opaque";
}

}  // namespace

void apply_native_defaults(const ResourceDef& def, Json& object) {
  const std::string& kind = def.kind;
  Json none;
  Json& spec = object.contains("spec") && object["spec"].is_object() ? object["spec"] : none;
  const bool has_spec = spec.is_object();
  if (kind == "Pod" && has_spec)
    default_pod(object);
  else if (kind == "ReplicaSet" && has_spec)
    default_workload(spec, true);
  else if (kind == "Deployment" && has_spec)
    default_deployment(spec);
  else if (kind == "StatefulSet" && has_spec)
    default_stateful_set(spec);
  else if (kind == "DaemonSet" && has_spec)
    default_daemon_set(spec);
  else if (kind == "Job" && has_spec)
    default_job(spec);
  else if (kind == "CronJob" && has_spec)
    default_cron_job(spec);
  else if (kind == "Service" && has_spec)
    default_service(spec);
  else if (kind == "HorizontalPodAutoscaler" && has_spec)
    default_autoscaler(spec);
  else if (kind == "Endpoints")
    default_endpoint_ports(object);
  else if (kind == "EndpointSlice")
    default_slice(object);
  else if (kind == "RoleBinding" || kind == "ClusterRoleBinding")
    default_binding(object);
  else if (kind == "Secret")
    default_secret(object);
  else if (kind == "CustomResourceDefinition" && has_spec)
    default_crd(object);
}

}  // namespace sluice::apiserver::server
