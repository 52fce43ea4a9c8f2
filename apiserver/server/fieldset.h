#pragma once
// Sets of field paths in the form of managedFields.fieldsV1, and the operations that field
// ownership needs. A node {} is a member without children; "." marks a member that has children.
#include <string>
#include <vector>

#include "apiserver/server/schema.h"
#include "kube/json/json_fwd.h"

namespace sluice::apiserver::server::fieldset {

[[nodiscard]] Json unite(const Json& a, const Json& b);
[[nodiscard]] Json subtract(const Json& a, const Json& b);
[[nodiscard]] Json intersect(const Json& a, const Json& b);

// The fields that an applied configuration names. `schema` may be nullptr: structure is deduced
// (lists atomic).
[[nodiscard]] Json of_applied(const Schema* schema, const Json& object);

struct Difference {
  explicit Difference();
  std::shared_ptr<Json> changed;  // added or modified
  std::shared_ptr<Json> removed;
};
[[nodiscard]] Difference compare(const Schema* schema, const Json& before, const Json& after);

// live with the configuration merged in: maps and keyed lists merge, the rest is replaced.
void merge(const Schema* schema, Json& live, const Json& applied);
// Takes out what is in `gone`; a list item or map stays while `kept` names something beneath it.
void remove(const Schema* schema, Json& object, const Json& gone, const Json& kept);

// ".spec.template.spec.containers[name=\"web\"].image" for each member.
[[nodiscard]] std::vector<std::string> paths(const Json& set);

}  // namespace sluice::apiserver::server::fieldset
