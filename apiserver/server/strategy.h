#pragma once
// What differs between kinds in a write: defaults, what a create or an update may set, validation.
#include <string>
#include <vector>

#include "apiserver/server/failure.h"
#include "apiserver/server/registry.h"
#include "base/rng.h"
#include "kube/json/json_fwd.h"

namespace sluice::apiserver::server {

// Defaults of the built-in kinds, before validation.
void apply_native_defaults(const ResourceDef& def, Json& object);
// Values the server allocates: cluster IPs, Job selectors, pod status and admission defaults. `old`
// is nullptr on create.
void allocate(const ResourceDef& def, Json& object, const Json* old, Rng& rng,
              const std::string& now);
// Appends causes; `old` is nullptr on create.
void validate_native(const ResourceDef& def, const Json& object, const Json* old,
                     std::vector<Cause>& out);
// Names, labels, annotations, owner references, finalizers of any kind.
void validate_meta(const ResourceDef& def, const Json& object, const Json* old,
                   std::vector<Cause>& out);
// "" when well formed, else the real server's explanation.
[[nodiscard]] std::string name_problem(const ResourceDef& def, std::string_view name);

}  // namespace sluice::apiserver::server
