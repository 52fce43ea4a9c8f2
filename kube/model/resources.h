#pragma once
#include "kube/model/meta.h"

namespace sluice::kube {

inline constexpr ResourceType kPods{"", "v1", "pods", "Pod", true, true};
inline constexpr ResourceType kServices{"", "v1", "services", "Service", true, true};
inline constexpr ResourceType kEndpoints{"", "v1", "endpoints", "Endpoints", true, false};
inline constexpr ResourceType kSecrets{"", "v1", "secrets", "Secret", true, false};
inline constexpr ResourceType kConfigMaps{"", "v1", "configmaps", "ConfigMap", true, false};
inline constexpr ResourceType kNamespaces{"", "v1", "namespaces", "Namespace", false, true};
inline constexpr ResourceType kEvents{"", "v1", "events", "Event", true, false};
inline constexpr ResourceType kReplicaSets{"apps", "v1", "replicasets", "ReplicaSet", true, true};
inline constexpr ResourceType kDeployments{"apps", "v1", "deployments", "Deployment", true, true};
inline constexpr ResourceType kJobs{"batch", "v1", "jobs", "Job", true, true};
inline constexpr ResourceType kIngresses{"networking.k8s.io", "v1", "ingresses",
                                         "Ingress",           true, true};
inline constexpr ResourceType kEndpointSlices{"discovery.k8s.io", "v1", "endpointslices",
                                              "EndpointSlice",    true, false};
inline constexpr ResourceType kLeases{"coordination.k8s.io", "v1", "leases", "Lease", true, false};
inline constexpr ResourceType kPodDisruptionBudgets{
    "policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true, true};
inline constexpr ResourceType kCustomResourceDefinitions{
    "apiextensions.k8s.io",     "v1",  "customresourcedefinitions",
    "CustomResourceDefinition", false, true};

}  // namespace sluice::kube
