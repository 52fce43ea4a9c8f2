#include "apiserver/server/http.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {

Route parse_route(const http::Target& target) {
  Route r;
  std::vector<std::string> s = target.segments;
  while (!s.empty() && s.back().empty()) s.pop_back();
  std::size_t at = 0;
  if (s.size() >= 3 && s[0] == "api") {
    r.version = s[1];
    at = 2;
  } else if (s.size() >= 4 && s[0] == "apis") {
    r.group = s[1];
    r.version = s[2];
    at = 3;
  } else {
    return r;
  }
  const std::size_t left = s.size() - at;
  const auto part = [&](std::size_t i) { return at + i < s.size() ? s[at + i] : std::string(); };
  const bool own = left == 3 && (part(2) == "status" || part(2) == "finalize");
  if (part(0) == "namespaces" && left >= 3 && !own) {
    r.ns = part(1);
    at += 2;
  }
  r.resource_request = true;
  r.resource = part(0);
  r.name = part(1);
  for (std::size_t i = 2; at + i < s.size(); ++i) r.subresource += (i > 2 ? "/" : "") + part(i);
  return r;
}

std::string_view path_and_query(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (url.empty() || url.front() == '/' || scheme == std::string_view::npos) return url;
  const std::size_t slash = url.find('/', scheme + 3);
  return slash == std::string_view::npos ? "/" : url.substr(slash);
}

bool is_true(std::string_view text) {
  return text == "true" || text == "1" || text == "True" || text == "t" || text == "T" ||
         text == "TRUE";
}

http::Response failure_response(const Failure& failure) {
  http::Response out;
  out.status = failure.code;
  http::set_header(out.headers, "Content-Type", "application/json");
  if (failure.retry_after)
    http::set_header(out.headers, "Retry-After", std::to_string(*failure.retry_after));
  out.body = kube::dump(to_status(failure)) + "\n";
  return out;
}

Failure not_acceptable() {
  Failure f;
  f.code = 406;
  f.reason = "NotAcceptable";
  f.message = "only the following media types are accepted: application/json, application/yaml";
  return f;
}

AuditEntry audit_entry(WallTime time, const Caller& caller, const Route& route,
                       std::string_view verb) {
  AuditEntry out;
  out.time = time;
  out.user = caller.user;
  out.user_agent = caller.user_agent;
  out.verb = std::string(verb);
  out.group = route.group;
  out.resource = route.resource;
  out.subresource = route.subresource;
  out.namespace_ = route.ns;
  out.name = route.name;
  return out;
}

}  // namespace sluice::apiserver::server
