#pragma once
// What kinds exist: the built-in table (built once) and custom resources (compiled from their CRD).
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/server/failure.h"
#include "apiserver/server/schema.h"
#include "kube/json/json_fwd.h"

namespace sluice::apiserver::server {

struct Column {  // of Table output
  std::string name, type = "string", format, description, json_path;
  int priority = 0;
  bool native = false;  // an absent value shows as 0 or <none>
};

struct ScalePaths {  // dotted, without the leading dot
  std::string spec_replicas, status_replicas, label_selector;
};

struct Version {
  std::string name;
  bool served = true;
  const Schema* schema = nullptr;  // nullptr: nothing is pruned or checked
  bool status = false;             // has the status subresource
  std::optional<ScalePaths> scale;
  std::vector<Column> columns;  // custom kinds only
};

struct ResourceDef {
  std::string group, resource, singular, kind, list_kind;
  std::vector<std::string> short_names, categories;
  bool namespaced = true;
  bool custom = false;
  std::vector<Version> versions;  // by priority
  std::string storage_version;
  std::string bucket;  // storage; two definitions may share one (events)
  std::vector<std::string> extra_subresources;
  bool generation = false;           // native kinds that count it
  bool unconditional_update = true;  // PUT without resourceVersion
  bool create_on_update = false;     // PUT of a missing object creates it
  bool virtual_kind = false;         // answered, never stored (SelfSubjectAccessReview)
  std::uint64_t epoch = 0;           // moves when a custom definition changes
  std::shared_ptr<const void> keep;  // owns the schemas of a custom definition

  [[nodiscard]] Subject subject() const { return {group, resource, kind}; }
  [[nodiscard]] const Version* version(std::string_view name) const;
  [[nodiscard]] const Version& stored() const { return *version(storage_version); }
  [[nodiscard]] std::string api_version(std::string_view version_name) const;
};
using DefPtr = std::shared_ptr<const ResourceDef>;

[[nodiscard]] const std::vector<DefPtr>& builtin_definitions();

// nullptr when the CRD cannot be served (no names, no served version).
[[nodiscard]] DefPtr compile_crd(const Json& crd, std::uint64_t epoch);
// Reasons to refuse a CRD.
[[nodiscard]] std::vector<Cause> validate_crd(const Json& crd);
// Names and conditions of an accepted CRD, as its controllers write them.
void establish_crd(Json& crd, const std::string& now);
// Defaults of the CRD object itself (singular, listKind, conversion).
void default_crd(Json& crd);

class Registry {
 public:
  Registry();
  [[nodiscard]] DefPtr find(std::string_view group, std::string_view resource) const;
  void put(DefPtr def);
  void erase(std::string_view group, std::string_view resource);
  // All definitions, built-in ones first in their own order, then custom ones by name.
  [[nodiscard]] std::vector<DefPtr> all() const;

 private:
  std::map<std::string, DefPtr, std::less<>> custom_;  // "group/resource"
};

// Between the wire version and the one stored (endpoint slices, autoscalers, events).
void to_storage(const ResourceDef& def, std::string_view version, Json& object);
void from_storage(const ResourceDef& def, std::string_view version, Json& object);
[[nodiscard]] bool same_on_wire(const ResourceDef& def, std::string_view version);

}  // namespace sluice::apiserver::server
