#pragma once
// Everything outside resources but OpenAPI (openapi.h): discovery documents, /version, health.
#include <string>

#include "apiserver/server/registry.h"
#include "base/http.h"

namespace sluice::apiserver::server {

[[nodiscard]] http::Response discovery(const Registry& registry, const std::string& minor,
                                       const http::Target& target, const http::Request& request);

}  // namespace sluice::apiserver::server
