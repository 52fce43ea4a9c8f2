// What the server fills in beyond defaults: addresses, selectors of Jobs, first status of pods and
// namespaces.
#include "apiserver/server/strategy.h"
#include "base/hash.h"
#include "base/strings.h"
#include "base/time.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

std::string random_ip(Rng& rng) {
  return fmt::format("10.96.{}.{}", rng.below(254) + 1, rng.below(253) + 2);
}

void allocate_service(Json& object, const Json* old, Rng& rng) {
  Json& spec = object["spec"];
  const std::string type = kube::get_string(spec, "type");
  if (type == "ExternalName") {
    spec.erase("clusterIP");
    spec.erase("clusterIPs");
    return;
  }
  if (old != nullptr && !spec.contains("clusterIP") &&
      kube::get_string(*old, "spec.type") != "ExternalName") {
    const std::string ip = kube::get_string(*old, "spec.clusterIP");
    if (!ip.empty()) spec["clusterIP"] = ip;
  }
  if (!spec.contains("clusterIP")) spec["clusterIP"] = random_ip(rng);
  spec["clusterIPs"] = Json::array({spec["clusterIP"]});
  if (old != nullptr) {
    for (const char* key : {"ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"})
      if (!spec.contains(key) && (*old)["spec"].contains(key)) spec[key] = (*old)["spec"][key];
  }
  if (!spec.contains("ipFamilies")) spec["ipFamilies"] = Json::array({"IPv4"});
  if (!spec.contains("ipFamilyPolicy")) spec["ipFamilyPolicy"] = "SingleStack";
  if (!spec.contains("internalTrafficPolicy")) spec["internalTrafficPolicy"] = "Cluster";
  if (type != "NodePort" && type != "LoadBalancer") return;
  if (!spec.contains("externalTrafficPolicy")) spec["externalTrafficPolicy"] = "Cluster";
  if (type == "LoadBalancer" && !spec.contains("allocateLoadBalancerNodePorts"))
    spec["allocateLoadBalancerNodePorts"] = true;
  if (spec.contains("ports"))
    for (Json& port : spec["ports"])
      if (kube::get_int(port, "nodePort") == 0)
        port["nodePort"] = 30000 + static_cast<int>(rng.below(2768));
}

std::string quality_of_service(const Json& spec) {
  bool any = false, guaranteed = true;
  const Json* containers = kube::find(spec, "containers");
  if (containers == nullptr || !containers->is_array()) return "BestEffort";
  for (const Json& container : *containers) {
    const Json* limits = kube::find_path(container, "resources.limits");
    const Json* requests = kube::find_path(container, "resources.requests");
    const auto filled = [](const Json* m) { return m != nullptr && !m->empty(); };
    any = any || filled(limits) || filled(requests);
    const bool full = filled(limits) && limits->contains("cpu") && limits->contains("memory");
    guaranteed = guaranteed && full && (!filled(requests) || *requests == *limits);
  }
  return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

// Priority and toleration admission, and the status of a new pod.
void allocate_pod(Json& object) {
  Json& spec = object["spec"];
  if (!spec.contains("priority")) spec["priority"] = 0;
  if (!spec.contains("preemptionPolicy")) spec["preemptionPolicy"] = "PreemptLowerPriority";
  Json& tolerations = spec["tolerations"];
  if (!tolerations.is_array()) tolerations = Json::array();
  for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    bool present = false;
    for (const Json& toleration : tolerations)
      present = present || kube::get_string(toleration, "key") == key;
    if (!present)
      tolerations.push_back({{"effect", "NoExecute"},
                             {"key", key},
                             {"operator", "Exists"},
                             {"tolerationSeconds", 300}});
  }
  // Limits stand in for absent requests.
  if (spec.contains("containers"))
    for (Json& container : spec["containers"]) {
      const Json* limits = kube::find_path(container, "resources.limits");
      if (limits == nullptr) continue;
      const Json wanted = *limits;
      for (const auto& [name, value] : wanted.items())
        if (!container["resources"]["requests"].contains(name))
          container["resources"]["requests"][name] = value;
    }
  object["status"] = {{"phase", "Pending"}, {"qosClass", quality_of_service(spec)}};
}

void allocate_job(Json& object, const std::string& uid) {
  Json& spec = object["spec"];
  if (kube::get_bool(spec, "manualSelector") || spec.contains("selector")) return;
  const std::string name = kube::get_string(object, "metadata.name");
  const Json labels = {{"controller-uid", uid},
                       {"job-name", name},
                       {"batch.kubernetes.io/controller-uid", uid},
                       {"batch.kubernetes.io/job-name", name}};
  Json& target = spec["template"]["metadata"]["labels"];
  if (!target.is_object()) target = Json::object();
  for (const auto& [key, value] : labels.items())
    if (!target.contains(key)) target[key] = value;
  spec["selector"] = {{"matchLabels", {{"batch.kubernetes.io/controller-uid", uid}}}};
}

void allocate_namespace(Json& object, const Json* old) {
  if (old != nullptr) return;
  object["spec"]["finalizers"] = Json::array({"kubernetes"});
  object["status"] = {{"phase", "Active"}};
  object["metadata"]["labels"]["kubernetes.io/metadata.name"] = object["metadata"]["name"];
}

void encode_secret(Json& object) {
  const auto plain = object.find("stringData");
  if (plain == object.end() || !plain->is_object()) return;
  for (const auto& [key, value] : plain->items())
    if (value.is_string()) object["data"][key] = base64_encode(value.get_ref<const std::string&>());
  object.erase("stringData");
}

}  // namespace

void allocate(const ResourceDef& def, Json& object, const Json* old, Rng& rng,
              const std::string& now) {
  const std::string& kind = def.kind;
  if (kind == "Service")
    allocate_service(object, old, rng);
  else if (kind == "Pod" && old == nullptr)
    allocate_pod(object);
  else if (kind == "Job" && old == nullptr)
    allocate_job(object, kube::get_string(object, "metadata.uid"));
  else if (kind == "Job" && !object["spec"].contains("selector") &&
           (*old)["spec"].contains("selector"))
    object["spec"]["selector"] = (*old)["spec"]["selector"];
  else if (kind == "Namespace")
    allocate_namespace(object, old);
  else if (kind == "Secret")
    encode_secret(object);
  else if (kind == "CustomResourceDefinition")
    establish_crd(object, now);
}

}  // namespace sluice::apiserver::server
