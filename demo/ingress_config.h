#pragma once
// An nginx configuration made from Ingresses, Services and Endpoints the way ingress-nginx honours
// the canary annotations: header before cookie before weight. Pure: text from objects.
#include <map>
#include <string>
#include <vector>

#include "kube/json/json_fwd.h"

namespace sluice::demo {

struct Endpoint {
  std::string address;  // "127.10.0.1:8080"
  auto operator<=>(const Endpoint&) const = default;
};

// One backend of one Ingress rule.
struct Backend {
  std::string namespace_, service, port;  // port: name or number as text
  auto operator<=>(const Backend&) const = default;
  [[nodiscard]] std::string upstream() const;  // a name that nginx accepts
};

struct CanaryRule {
  Backend backend;
  int weight = 0, weight_total = 100;
  std::string header, header_value, cookie;
};

struct Route {
  std::string host, path = "/";
  Backend backend;
  std::vector<CanaryRule> canaries;  // ingress-nginx honours one; more are refused by it
};

// Routes of all Ingresses of class "nginx" (or of no class), canary Ingresses folded into the
// routes they belong to.
[[nodiscard]] std::vector<Route> routes_of(const std::vector<kube::Json>& ingresses);
// Ready endpoints of a Service port, from the Service and its Endpoints object.
[[nodiscard]] std::vector<Endpoint> endpoints_of(const kube::Json& service,
                                                 const kube::Json& endpoints,
                                                 const std::string& port);

struct NginxPaths {
  std::string directory;  // prefix: pid, temp files, logs
  std::string listen;     // "127.10.255.1:8081"
};
[[nodiscard]] std::string nginx_config(const std::vector<Route>& routes,
                                       const std::map<Backend, std::vector<Endpoint>>& endpoints,
                                       const NginxPaths& paths);

}  // namespace sluice::demo
