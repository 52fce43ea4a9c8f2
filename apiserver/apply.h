#pragma once
#include "apiserver/api_server.h"
#include "base/result.h"
#include "kube/json/json_fwd.h"

namespace sluice::apiserver {

// What `kubectl apply` comes to for tests and scenarios: create, or merge patch when the object is
// there. The kind's plural is looked up in the server's discovery. Errors name kind and object.
[[nodiscard]] Status apply_object(ApiServer& server, const kube::Json& object,
                                  const std::string& default_namespace = "default");

}  // namespace sluice::apiserver
