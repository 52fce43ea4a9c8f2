#include "apiserver/server/registry.h"

#include <map>

#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

// flags: s status, g generation, c create on update, n cluster-scoped, x scale, r needs a
// resourceVersion to be updated
struct Row {
  const char *group, *versions, *resource, *singular, *kind, *short_names, *categories, *flags,
      *extra;
};

constexpr Row kRows[] = {
    {"", "v1", "bindings", "binding", "Binding", "", "", "", "virtual"},
    {"", "v1", "configmaps", "configmap", "ConfigMap", "cm", "", "", ""},
    {"", "v1", "endpoints", "endpoints", "Endpoints", "ep", "", "c", ""},
    {"", "v1", "events", "event", "Event", "ev", "", "c", ""},
    {"", "v1", "limitranges", "limitrange", "LimitRange", "limits", "", "c", ""},
    {"", "v1", "namespaces", "namespace", "Namespace", "ns", "", "sn", "finalize"},
    {"", "v1", "nodes", "node", "Node", "no", "", "sn", ""},
    {"", "v1", "pods", "pod", "Pod", "po", "all", "s",
     "binding,eviction,log,exec,attach,portforward"},
    {"", "v1", "secrets", "secret", "Secret", "", "", "", ""},
    {"", "v1", "serviceaccounts", "serviceaccount", "ServiceAccount", "sa", "", "", ""},
    {"", "v1", "services", "service", "Service", "svc", "all", "sc", ""},
    {"apps", "v1", "controllerrevisions", "controllerrevision", "ControllerRevision", "", "", "",
     ""},
    {"apps", "v1", "daemonsets", "daemonset", "DaemonSet", "ds", "all", "sg", ""},
    {"apps", "v1", "deployments", "deployment", "Deployment", "deploy", "all", "sgx", ""},
    {"apps", "v1", "replicasets", "replicaset", "ReplicaSet", "rs", "all", "sgx", ""},
    {"apps", "v1", "statefulsets", "statefulset", "StatefulSet", "sts", "all", "sgx", ""},
    {"events.k8s.io", "v1", "events", "event", "Event", "ev", "", "c", "bucket=/events"},
    {"authentication.k8s.io", "v1", "selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview",
     "", "", "n", "virtual"},
    {"authorization.k8s.io", "v1", "selfsubjectaccessreviews", "selfsubjectaccessreview",
     "SelfSubjectAccessReview", "", "", "n", "virtual"},
    {"authorization.k8s.io", "v1", "selfsubjectrulesreviews", "selfsubjectrulesreview",
     "SelfSubjectRulesReview", "", "", "n", "virtual"},
    {"autoscaling", "v2,v1", "horizontalpodautoscalers", "horizontalpodautoscaler",
     "HorizontalPodAutoscaler", "hpa", "all", "s", ""},
    {"batch", "v1", "cronjobs", "cronjob", "CronJob", "cj", "all", "sg", ""},
    {"batch", "v1", "jobs", "job", "Job", "", "all", "sg", ""},
    {"networking.k8s.io", "v1", "ingressclasses", "ingressclass", "IngressClass", "", "", "gn", ""},
    {"networking.k8s.io", "v1", "ingresses", "ingress", "Ingress", "ing", "", "sg", ""},
    {"networking.k8s.io", "v1", "networkpolicies", "networkpolicy", "NetworkPolicy", "netpol", "",
     "g", ""},
    {"policy", "v1,v1beta1", "poddisruptionbudgets", "poddisruptionbudget", "PodDisruptionBudget",
     "pdb", "", "sgr", ""},
    {"rbac.authorization.k8s.io", "v1", "clusterrolebindings", "clusterrolebinding",
     "ClusterRoleBinding", "", "", "nc", ""},
    {"rbac.authorization.k8s.io", "v1", "clusterroles", "clusterrole", "ClusterRole", "", "", "nc",
     ""},
    {"rbac.authorization.k8s.io", "v1", "rolebindings", "rolebinding", "RoleBinding", "", "", "c",
     ""},
    {"rbac.authorization.k8s.io", "v1", "roles", "role", "Role", "", "", "c", ""},
    {"apiextensions.k8s.io", "v1", "customresourcedefinitions", "customresourcedefinition",
     "CustomResourceDefinition", "crd,crds", "api-extensions", "sgnr", ""},
    {"coordination.k8s.io", "v1", "leases", "lease", "Lease", "", "", "cr", ""},
    {"discovery.k8s.io", "v1,v1beta1", "endpointslices", "endpointslice", "EndpointSlice", "", "",
     "g", ""},
};

std::vector<std::string> words(const char* text) {
  std::vector<std::string> out;
  for (std::string& word : split(text, ','))
    if (!word.empty()) out.push_back(std::move(word));
  return out;
}

void read_extra(const Row& row, ResourceDef& def) {
  for (std::string& word : words(row.extra)) {
    if (word == "virtual")
      def.virtual_kind = true;
    else if (word.rfind("bucket=", 0) == 0)
      def.bucket = word.substr(7);
    else
      def.extra_subresources.push_back(std::move(word));
  }
}

DefPtr build(const Row& row) {
  auto def = std::make_shared<ResourceDef>();
  const std::string_view flags = row.flags;
  const auto has = [flags](char c) { return flags.find(c) != std::string_view::npos; };
  def->group = row.group;
  def->resource = row.resource;
  def->singular = row.singular;
  def->kind = row.kind;
  def->list_kind = def->kind + "List";
  def->short_names = words(row.short_names);
  def->categories = words(row.categories);
  def->namespaced = !has('n');
  def->generation = has('g');
  def->create_on_update = has('c');
  def->unconditional_update = !has('r');
  def->bucket = def->group + "/" + def->resource;
  read_extra(row, *def);
  for (std::string& name : words(row.versions)) {
    Version version;
    version.name = std::move(name);
    version.schema = native_type(def->kind);
    version.status = has('s');
    if (has('x')) version.scale = ScalePaths{"spec.replicas", "status.replicas", ""};
    def->versions.push_back(std::move(version));
  }
  def->storage_version = def->versions.front().name;
  return def;
}

// ---- conversions ----

void rename(Json& object, const char* from, const char* to) {
  const auto it = object.find(from);
  if (it == object.end()) return;
  object[to] = std::move(*it);
  object.erase(from);
}

constexpr std::pair<const char*, const char*> kEventFields[] = {
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
    {"reportingComponent", "reportingController"}};

// v1 knows only a CPU target; v2 a list of metrics.
void autoscaler_to_v2(Json& object) {
  const auto spec = object.find("spec");
  if (spec == object.end() || !spec->contains("targetCPUUtilizationPercentage")) return;
  const Json target = (*spec)["targetCPUUtilizationPercentage"];
  spec->erase("targetCPUUtilizationPercentage");
  (*spec)["metrics"].push_back(
      {{"type", "Resource"},
       {"resource",
        {{"name", "cpu"}, {"target", {{"type", "Utilization"}, {"averageUtilization", target}}}}}});
}

void autoscaler_to_v1(Json& object) {
  const auto spec = object.find("spec");
  if (spec == object.end() || !spec->contains("metrics")) return;
  for (const Json& metric : (*spec)["metrics"]) {
    const Json* target = kube::find_path(metric, "resource.target.averageUtilization");
    if (kube::get_string(metric, "resource.name") == "cpu" && target != nullptr)
      (*spec)["targetCPUUtilizationPercentage"] = *target;
  }
  spec->erase("metrics");
}

void slice_to_v1(Json& object) {
  const auto endpoints = object.find("endpoints");
  if (endpoints == object.end() || !endpoints->is_array()) return;
  for (Json& endpoint : *endpoints) {
    if (!endpoint.is_object() || !endpoint.contains("topology")) continue;
    Json& topology = endpoint["topology"];
    if (topology.contains("kubernetes.io/hostname") && !endpoint.contains("nodeName"))
      endpoint["nodeName"] = topology["kubernetes.io/hostname"];
    topology.erase("kubernetes.io/hostname");
    if (topology.contains("topology.kubernetes.io/zone"))
      endpoint["zone"] = topology["topology.kubernetes.io/zone"];
    topology.erase("topology.kubernetes.io/zone");
    if (!topology.empty()) endpoint["deprecatedTopology"] = topology;
    endpoint.erase("topology");
  }
}

void slice_to_v1beta1(Json& object) {
  const auto endpoints = object.find("endpoints");
  if (endpoints == object.end() || !endpoints->is_array()) return;
  for (Json& endpoint : *endpoints) {
    if (!endpoint.is_object()) continue;
    rename(endpoint, "deprecatedTopology", "topology");
    if (endpoint.contains("nodeName"))
      endpoint["topology"]["kubernetes.io/hostname"] = endpoint["nodeName"];
    if (endpoint.contains("zone"))
      endpoint["topology"]["topology.kubernetes.io/zone"] = endpoint["zone"];
    endpoint.erase("zone");
  }
}

}  // namespace

const Version* ResourceDef::version(std::string_view name) const {
  for (const Version& v : versions)
    if (v.name == name) return &v;
  return nullptr;
}

std::string ResourceDef::api_version(std::string_view version_name) const {
  return group.empty() ? std::string(version_name) : group + "/" + std::string(version_name);
}

const std::vector<DefPtr>& builtin_definitions() {
  static const std::vector<DefPtr> kDefinitions = [] {
    std::vector<DefPtr> out;
    for (const Row& row : kRows) out.push_back(build(row));
    return out;
  }();
  return kDefinitions;
}

Registry::Registry() = default;

DefPtr Registry::find(std::string_view group, std::string_view resource) const {
  static const std::map<std::string, DefPtr, std::less<>> kBuiltin = [] {
    std::map<std::string, DefPtr, std::less<>> out;
    for (const DefPtr& def : builtin_definitions())
      out.emplace(def->group + "/" + def->resource, def);
    return out;
  }();
  const std::string id = std::string(group) + "/" + std::string(resource);
  if (const auto it = kBuiltin.find(id); it != kBuiltin.end()) return it->second;
  const auto it = custom_.find(id);
  return it == custom_.end() ? nullptr : it->second;
}

void Registry::put(DefPtr def) {
  custom_[def->group + "/" + def->resource] = def;
}
void Registry::erase(std::string_view group, std::string_view resource) {
  custom_.erase(std::string(group) + "/" + std::string(resource));
}

std::vector<DefPtr> Registry::all() const {
  std::vector<DefPtr> out = builtin_definitions();
  for (const auto& [id, def] : custom_) out.push_back(def);
  return out;
}

bool same_on_wire(const ResourceDef& def, std::string_view version) {
  return version == def.storage_version && def.group != "events.k8s.io";
}

void to_storage(const ResourceDef& def, std::string_view version, Json& object) {
  if (def.group == "events.k8s.io") {
    for (const auto& [core, group] : kEventFields) rename(object, group, core);
    object["apiVersion"] = "v1";
    return;
  }
  if (version == def.storage_version) return;
  if (def.resource == "horizontalpodautoscalers") autoscaler_to_v2(object);
  if (def.resource == "endpointslices") slice_to_v1(object);
  object["apiVersion"] = def.api_version(def.storage_version);
}

void from_storage(const ResourceDef& def, std::string_view version, Json& object) {
  if (def.group == "events.k8s.io") {
    for (const auto& [core, group] : kEventFields) rename(object, core, group);
    object["apiVersion"] = "events.k8s.io/v1";
    return;
  }
  if (version == def.storage_version) return;
  if (def.resource == "horizontalpodautoscalers") autoscaler_to_v1(object);
  if (def.resource == "endpointslices") slice_to_v1beta1(object);
  object["apiVersion"] = def.api_version(version);
}

}  // namespace sluice::apiserver::server
