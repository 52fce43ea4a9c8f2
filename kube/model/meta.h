#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
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
  std::strong_ordering operator<=>(const ResourceType& o) const {
    return std::tie(group, resource) <=> std::tie(o.group, o.resource);
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

// One object of the cluster: what it is, and what it is called.
struct ObjectRef {
  ResourceType type;
  ObjectKey key;
  auto operator<=>(const ObjectRef&) const = default;
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

  // What the object itself says, and anybody may write. Whether it is somebody's: controls().
  [[nodiscard]] const OwnerReference* controller_owner() const;
};

// An object as the owner of others. A uid alone is no proof: whoever may write objects somewhere
// may write any uid into their owner references. Hence always all three.
struct Owner {
  Owner(const ResourceType& type_in, std::string_view namespace_in, std::string_view uid_in)
      : type(type_in), namespace_(namespace_in), uid(uid_in) {}
  Owner(const ResourceType& type_in, const Meta& meta)
      : Owner(type_in, meta.key.namespace_, meta.uid) {}
  ResourceType type;
  std::string namespace_;
  std::string uid;
};
// Does the reference name an object of this kind, in whatever version?
[[nodiscard]] bool is_of_kind(const OwnerReference& reference, const ResourceType& type);
// The one question whether an object is this owner's: it is of the same namespace, and its
// controlling owner has this uid and this kind.
[[nodiscard]] bool controls(const Owner& owner, const Meta& object);

// Compact JSON of a whole object without managedFields. Shared, never edited.
using RawJson = std::shared_ptr<const std::string>;

// resourceVersions of one kind compare as decimal strings by (length, text); see KEP-5504. Falls
// back to "unordered" (nullopt) when one is not numeric.
[[nodiscard]] std::optional<std::strong_ordering> compare_resource_versions(std::string_view a,
                                                                            std::string_view b);

}  // namespace sluice::kube
