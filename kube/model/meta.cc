#include "kube/model/meta.h"

#include <algorithm>

#include "kube/model/time_field.h"

namespace sluice::kube {

namespace {

bool numeric(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view without_leading_zeros(std::string_view text) {
  while (text.size() > 1 && text.front() == '0') text.remove_prefix(1);
  return text;
}

}  // namespace

std::optional<WallTime> time_of(Node node) {
  const auto text = node.as_string();
  if (!text) return std::nullopt;
  const auto time = parse_rfc3339(*text);
  return time ? std::optional<WallTime>(*time) : std::nullopt;
}

const OwnerReference* Meta::controller_owner() const {
  const auto it = std::find_if(owners.begin(), owners.end(),
                               [](const OwnerReference& o) { return o.controller; });
  return it == owners.end() ? nullptr : &*it;
}

bool is_of_kind(const OwnerReference& reference, const ResourceType& type) {
  const std::string_view version = reference.api_version;
  const auto slash = version.find('/');
  const auto group = slash == version.npos ? std::string_view() : version.substr(0, slash);
  return reference.kind == type.kind && group == type.group;
}

bool controls(const Owner& owner, const Meta& object) {
  if (owner.uid.empty() || object.key.namespace_ != owner.namespace_) return false;
  const auto* reference = object.controller_owner();
  return reference && reference->uid == owner.uid && is_of_kind(*reference, owner.type);
}

std::optional<std::strong_ordering> compare_resource_versions(std::string_view a,
                                                              std::string_view b) {
  if (a == b && !a.empty()) return std::strong_ordering::equal;
  if (!numeric(a) || !numeric(b)) return std::nullopt;
  a = without_leading_zeros(a);
  b = without_leading_zeros(b);
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a.compare(b) <=> 0;
}

}  // namespace sluice::kube
