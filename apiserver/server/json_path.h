#pragma once
#include <string_view>

#include "kube/json/json_fwd.h"

namespace sluice::apiserver::server {

using kube::Json;

// The first value a printer column's JSONPath selects; nullptr when none. Members (also quoted,
// also with \. ), indexes,
// [*] and filters [?(@.a.b=="v")].
[[nodiscard]] const Json* json_path(const Json& object, std::string_view path);

}  // namespace sluice::apiserver::server
