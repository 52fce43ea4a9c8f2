// Endpoints and EndpointSlices of Services with a selector.
#include <algorithm>

#include "apiserver/workloads/context.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::apiserver {

namespace {

constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";

// The number a Service port sends to on this pod; 0 when the pod has no container port of that
// name.
int target_port(const Json& port, const Json& pod) {
  const Json* target = kube::find(port, "targetPort");
  if (target == nullptr || target->is_null()) return static_cast<int>(kube::get_int(port, "port"));
  if (target->is_number_integer()) {
    const int number = target->get<int>();
    return number != 0 ? number : static_cast<int>(kube::get_int(port, "port"));
  }
  if (!target->is_string()) return 0;
  const Json* containers = kube::find_path(pod, "spec.containers");
  if (containers == nullptr || !containers->is_array()) return 0;
  for (const auto& container : *containers) {
    const Json* ports = kube::find(container, "ports");
    if (ports == nullptr || !ports->is_array()) continue;
    for (const auto& named : *ports)
      if (kube::get_string(named, "name") == target->get<std::string>())
        return static_cast<int>(kube::get_int(named, "containerPort"));
  }
  return 0;
}

Json target_ref(const Json& pod) {
  const auto key = key_of(pod);
  return {{"kind", "Pod"}, {"name", key.name}, {"namespace", key.namespace_}, {"uid", uid_of(pod)}};
}

Json endpoint_ports(const Json& service, const Json& pod) {
  Json ports = Json::array();
  if (const Json* list = kube::find_path(service, "spec.ports");
      list != nullptr && list->is_array()) {
    for (const auto& port : *list) {
      Json out = {{"port", target_port(port, pod)},
                  {"protocol", kube::get_string(port, "protocol", "TCP")}};
      if (auto name = kube::get_string(port, "name"); !name.empty()) out["name"] = name;
      ports.push_back(std::move(out));
    }
  }
  return ports;
}

Json subsets(const Json& service, const std::vector<Object>& pods) {
  // Pods with the same ports share a subset; mixed ports are rare, so the list is searched.
  Json out = Json::array();
  for (const auto& pod : pods) {
    if (being_deleted(*pod)) continue;
    const Json ports = endpoint_ports(service, *pod);
    auto it = std::find_if(out.begin(), out.end(),
                           [&](const Json& subset) { return subset["ports"] == ports; });
    if (it == out.end()) {
      out.push_back({{"ports", ports}});
      it = out.end() - 1;
    }
    Json address = {{"ip", kube::get_string(*pod, "status.podIP")},
                    {"targetRef", target_ref(*pod)}};
    if (auto node = kube::get_string(*pod, "spec.nodeName"); !node.empty())
      address["nodeName"] = node;
    (*it)[pod_ready(*pod) ? "addresses" : "notReadyAddresses"].push_back(std::move(address));
  }
  return out;
}

Json slice_endpoints(const std::vector<Object>& pods) {
  Json out = Json::array();
  for (const auto& pod : pods) {
    const bool terminating = being_deleted(*pod), ready = pod_ready(*pod);
    out.push_back(
        {{"addresses", Json::array({kube::get_string(*pod, "status.podIP")})},
         {"conditions",
          {{"ready", ready && !terminating}, {"serving", ready}, {"terminating", terminating}}},
         {"nodeName", kube::get_string(*pod, "spec.nodeName")},
         {"targetRef", target_ref(*pod)}});
  }
  return out;
}

void write_endpoints(Context& context, const Json& service, const std::vector<Object>& pods) {
  const auto key = key_of(service);
  const Json wanted = subsets(service, pods);
  const Object stored = context.server.get(kube::kEndpoints, key);
  if (!stored) {
    Json body = {{"apiVersion", "v1"},
                 {"kind", "Endpoints"},
                 {"metadata",
                  {{"name", key.name},
                   {"namespace", key.namespace_},
                   {"ownerReferences", Json::array({owner_reference(service, "v1", "Service")})}}}};
    if (!wanted.empty()) body["subsets"] = wanted;
    context.create(kube::kEndpoints, key.namespace_, body);
    return;
  }
  const Json* current = kube::find(*stored, "subsets");
  if (current == nullptr ? wanted.empty() : *current == wanted) return;
  context.merge(kube::kEndpoints, key, {{"subsets", wanted.empty() ? Json(nullptr) : wanted}});
}

void write_slice(Context& context, const Json& service, const std::vector<Object>& pods) {
  const auto key = key_of(service);
  const Json endpoints = slice_endpoints(pods);
  const Json ports = pods.empty() ? Json::array() : endpoint_ports(service, *pods.front());
  Object stored;
  for (const auto& slice : context.server.list(kube::kEndpointSlices, key.namespace_))
    if (get_or(labels_of(*slice), kServiceNameLabel) == key.name) stored = slice;
  if (!stored) {
    if (endpoints.empty()) return;
    context.create(
        kube::kEndpointSlices, key.namespace_,
        {{"apiVersion", "discovery.k8s.io/v1"},
         {"kind", "EndpointSlice"},
         {"addressType", "IPv4"},
         {"metadata",
          {{"generateName", key.name + "-"},
           {"namespace", key.namespace_},
           {"labels",
            {{std::string(kServiceNameLabel), key.name},
             {"endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"}}},
           {"ownerReferences", Json::array({owner_reference(service, "v1", "Service")})}}},
         {"endpoints", endpoints},
         {"ports", ports}});
    return;
  }
  const Json* current = kube::find(*stored, "endpoints");
  const Json* current_ports = kube::find(*stored, "ports");
  if (current != nullptr && *current == endpoints &&
      (endpoints.empty() || (current_ports != nullptr && *current_ports == ports)))
    return;
  context.merge(kube::kEndpointSlices, key_of(*stored),
                {{"endpoints", endpoints}, {"ports", ports}});
}

}  // namespace

void step_service(Context& context, const kube::ObjectKey& key) {
  const Object service = context.server.get(kube::kServices, key);
  if (!service || being_deleted(*service)) return;
  const kube::LabelSelector selector =
      selector_from_map(kube::find_path(*service, "spec.selector"));
  if (selector.empty()) return;
  std::vector<Object> pods;
  for (auto& pod : context.pods_matching(key.namespace_, selector))
    if (!kube::get_string(*pod, "status.podIP").empty() && !pod_finished(*pod))
      pods.push_back(std::move(pod));
  std::sort(pods.begin(), pods.end(),
            [](const Object& a, const Object& b) { return key_of(*a) < key_of(*b); });
  write_endpoints(context, *service, pods);
  write_slice(context, *service, pods);
}

}  // namespace sluice::apiserver
