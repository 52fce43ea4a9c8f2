#pragma once
// metadata.managedFields: who owns which field, kept up by every write; server-side apply decides
// by it.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apiserver/server/failure.h"
#include "apiserver/server/schema.h"
#include "kube/json/json_fwd.h"

namespace sluice::apiserver::server {

struct ManagerId {
  std::string manager, operation, api_version, subresource;
  auto operator<=>(const ManagerId&) const = default;
};

// The managedFields of an object, taken apart.
class Managers {
 public:
  [[nodiscard]] static Managers read(const Json& object);
  // Writes managedFields; entries without fields go.
  void write(Json& object) const;

  // After an update or patch by `id`: what changed is its, and nobody else's. `now` stamps the
  // entry if it moved.
  void record_update(const ManagerId& id, const Schema* schema, const Json& before,
                     const Json& after, const std::string& now);
  [[nodiscard]] Json owned(const ManagerId& id) const;
  [[nodiscard]] Json owned_by_others(const ManagerId& id) const;
  void own(const ManagerId& id, Json fields, const std::string& now);
  // Takes fields away from everyone but `id`.
  void disown_others(const ManagerId& id, const Json& fields);

  // One cause per foreign field among `fields`.
  [[nodiscard]] std::vector<Cause> conflicts(const ManagerId& id, const Json& fields) const;
  [[nodiscard]] bool same_fields(const Managers& other) const;

 private:
  struct Entry;
  std::map<ManagerId, std::shared_ptr<const Entry>> entries_;
};

[[nodiscard]] Failure apply_conflict(const std::vector<Cause>& causes);

// Merges an applied configuration into `live` (server-side apply) and updates the managers. Without
// `force`, fields that others own with another value are a conflict.
[[nodiscard]] Outcome<Json> apply_configuration(const Schema* schema, const Json& live,
                                                const Json& applied, Managers& managers,
                                                const ManagerId& id, bool force,
                                                const std::string& now);

}  // namespace sluice::apiserver::server
