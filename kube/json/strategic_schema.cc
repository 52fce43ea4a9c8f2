// The merge keys that Kubernetes declares as patchStrategy / patchMergeKey on its built-in types.
#include <algorithm>

#include "kube/json/patch.h"

namespace sluice::kube {

namespace {

struct MergeKey {
  std::string_view path, key;
};

// Below a pod spec. Lists that are not named are atomic (args, command, envFrom, tolerations …).
constexpr MergeKey kContainerKeys[] = {
    {"ports", "containerPort"},
    {"env", "name"},
    {"volumeMounts", "mountPath"},
    {"volumeDevices", "devicePath"},
};
constexpr std::string_view kContainerLists[] = {"containers", "initContainers",
                                                "ephemeralContainers"};
constexpr MergeKey kPodSpecKeys[] = {
    {"containers", "name"},
    {"initContainers", "name"},
    {"ephemeralContainers", "name"},
    {"volumes", "name"},
    {"imagePullSecrets", "name"},
    {"hostAliases", "ip"},
    {"topologySpreadConstraints", "topologyKey"},
    {"schedulingGates", "name"},
    {"resourceClaims", "name"},
};
// Where a pod spec lies: templates of workloads, CronJobs, PodTemplates, Pods.
constexpr std::string_view kPodSpecRoots[] = {"spec.jobTemplate.spec.template.spec.",
                                              "spec.template.spec.", "template.spec.", "spec."};
constexpr MergeKey kOtherKeys[] = {
    {"spec.ports", "port"},  // Service
    {"status.conditions",
     "type"},  // Pod, Node, Service, Job, apps kinds, PodDisruptionBudget, autoscaler …
    {"status.podIPs", "ip"},       // Pod
    {"status.hostIPs", "ip"},      // Pod
    {"status.addresses", "type"},  // Node
    {"spec.podCIDRs", "="},        // Node
    {"secrets", "name"},           // ServiceAccount
    {"imagePullSecrets", "name"},  // ServiceAccount
};
// ObjectMeta, of the object itself and of templates inside it.
constexpr MergeKey kMetaKeys[] = {
    {"metadata.ownerReferences", "uid"},
    {"metadata.finalizers", "="},
};

template <std::size_t N>
std::string_view lookup(const MergeKey (&table)[N], std::string_view path) {
  const auto* it = std::find_if(std::begin(table), std::end(table),
                                [&](const MergeKey& m) { return m.path == path; });
  return it == std::end(table) ? std::string_view() : it->key;
}

std::string_view pod_spec_key(std::string_view rest) {
  if (const auto key = lookup(kPodSpecKeys, rest); !key.empty()) return key;
  for (const auto list : kContainerLists) {
    if (rest.size() > list.size() && rest.substr(0, list.size()) == list &&
        rest[list.size()] == '.')
      return lookup(kContainerKeys, rest.substr(list.size() + 1));
  }
  return {};
}

class BuiltinSchema final : public StrategicSchema {
 public:
  [[nodiscard]] std::string merge_key(std::string_view path) const override {
    for (const auto root : kPodSpecRoots) {
      if (path.substr(0, root.size()) != root) continue;
      if (const auto key = pod_spec_key(path.substr(root.size())); !key.empty())
        return std::string(key);
    }
    if (const auto key = lookup(kOtherKeys, path); !key.empty()) return std::string(key);
    for (const auto& meta : kMetaKeys) {
      if (path == meta.path) return std::string(meta.key);
      const std::size_t head = path.size() - std::min(path.size(), meta.path.size());
      if (head > 0 && path[head - 1] == '.' && path.substr(head) == meta.path)
        return std::string(meta.key);
    }
    return {};
  }
};

}  // namespace

const StrategicSchema& builtin_strategic_schema() {
  static const BuiltinSchema schema;  // stateless
  return schema;
}

}  // namespace sluice::kube
