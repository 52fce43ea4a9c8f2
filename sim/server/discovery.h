#pragma once
// Everything outside resources but OpenAPI (openapi.h): discovery documents, /version, health.
#include <string>

#include "base/http.h"
#include "sim/server/registry.h"

namespace sluice::sim::server {

[[nodiscard]] http::Response discovery(const Registry& registry, const std::string& minor,
                                       const http::Target& target, const http::Request& request);

}  // namespace sluice::sim::server
