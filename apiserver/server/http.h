#pragma once
// From HTTP requests to the server's operations and back.
#include <string>
#include <string_view>

#include "apiserver/api_server.h"
#include "apiserver/server/failure.h"
#include "base/http.h"

namespace sluice::apiserver::server {

// What a path of the API names.
struct Route {
  bool resource_request = false;
  std::string group, version, ns, resource, name, subresource;
};
[[nodiscard]] Route parse_route(const http::Target& target);
// Cuts "http://host:port" off.
[[nodiscard]] std::string_view path_and_query(std::string_view url);
[[nodiscard]] bool is_true(std::string_view text);
[[nodiscard]] http::Response failure_response(const Failure& failure);
[[nodiscard]] Failure not_acceptable();
[[nodiscard]] AuditEntry audit_entry(WallTime time, const Caller& caller, const Route& route,
                                     std::string_view verb);

}  // namespace sluice::apiserver::server
