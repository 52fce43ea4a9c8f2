#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strings.h"
#include "base/time.h"

namespace sluice::kube {

// The identity of an API resource; constants are in kube/model/resources.h and api/resources.h.
struct ResourceType {
  std::string_view group;     // "" for core
  std::string_view version;   // preferred version
  std::string_view resource;  // plural: "replicasets"
  std::string_view kind;      // "ReplicaSet"
  bool namespaced = true;
  bool status_subresource = false;

  [[nodiscard]] std::string api_version() const {
    return group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
  }
  bool operator==(const ResourceType& o) const {
    return group == o.group && resource == o.resource;
  }
};

struct ObjectKey {
  std::string namespace_;  // "" for cluster-scoped kinds
  std::string name;
  auto operator<=>(const ObjectKey&) const = default;
  [[nodiscard]] std::string text() const {
    return namespace_.empty() ? name : namespace_ + "/" + name;
  }
};

struct OwnerReference {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
  bool controller = false;
  bool block_owner_deletion = false;
  bool operator==(const OwnerReference&) const = default;
};

struct Meta {
  ObjectKey key;
  std::string uid;
  std::string resource_version;
  std::int64_t generation = 0;
  StringMap labels;
  StringMap annotations;
  std::vector<OwnerReference> owners;
  std::vector<std::string> finalizers;
  WallTime created_at{};
  std::optional<WallTime> deleted_at;

  [[nodiscard]] const OwnerReference* controller_owner() const;
};

// Compact JSON of a whole object without managedFields. Shared, never edited.
using RawJson = std::shared_ptr<const std::string>;

// resourceVersions of one kind compare as decimal strings by (length, text); see KEP-5504. Falls
// back to "unordered" (nullopt) when one is not numeric.
[[nodiscard]] std::optional<std::strong_ordering> compare_resource_versions(std::string_view a,
                                                                            std::string_view b);

}  // namespace sluice::kube
