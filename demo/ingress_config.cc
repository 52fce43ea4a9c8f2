#include "demo/ingress_config.h"

#include <algorithm>
#include <cctype>

#include <fmt/core.h>

#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::demo {

using kube::Json;

namespace {

constexpr std::string_view kPrefix = "nginx.ingress.kubernetes.io/";

std::string annotation(const Json& ingress, std::string_view name) {
  const Json* map = kube::find_path(ingress, "metadata.annotations");
  const Json* value =
      map == nullptr ? nullptr : kube::find(*map, std::string(kPrefix) + std::string(name));
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

bool is_nginx(const Json& ingress) {
  const std::string by_field = kube::get_string(ingress, "spec.ingressClassName");
  const Json* by_annotation =
      kube::find_path(ingress, {"metadata", "annotations", "kubernetes.io/ingress.class"});
  const std::string name = !by_field.empty() ? by_field
                           : by_annotation != nullptr && by_annotation->is_string()
                               ? by_annotation->get<std::string>()
                               : "";
  return name.empty() || name == "nginx";
}

std::string port_text(const Json& backend) {
  if (auto name = kube::get_string(backend, "service.port.name"); !name.empty()) return name;
  return std::to_string(kube::get_int(backend, "service.port.number", 80));
}

// nginx variable and upstream names: letters, digits, underscores.
std::string identifier(std::string text) {
  for (char& c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return text;
}

template <class Visit>
void each_path(const Json& ingress, Visit visit) {
  const std::string ns = kube::get_string(ingress, "metadata.namespace", "default");
  const Json* rules = kube::find_path(ingress, "spec.rules");
  if (rules == nullptr || !rules->is_array()) return;
  for (const auto& rule : *rules) {
    const Json* paths = kube::find_path(rule, "http.paths");
    if (paths == nullptr || !paths->is_array()) continue;
    for (const auto& path : *paths) {
      const Json* backend = kube::find(path, "backend");
      if (backend == nullptr) continue;
      visit(kube::get_string(rule, "host"), kube::get_string(path, "path", "/"),
            Backend{ns, kube::get_string(*backend, "service.name"), port_text(*backend)});
    }
  }
}

// Text inside double quotes of a map: user-controlled values must not end the string or start a
// variable.
std::string map_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '$' || c == '\n' || c == '{' || c == '}' || c == ';')
      continue;
    out.push_back(c);
  }
  return out;
}

std::string canary_maps(const Route& route, const std::string& id) {
  const CanaryRule& canary = route.canaries.front();
  const std::string stable = route.backend.upstream(), next = canary.backend.upstream();
  const double percent = canary.weight_total > 0 ? 100.0 * canary.weight / canary.weight_total : 0;
  std::string out = fmt::format("  split_clients \"$request_id\" $by_weight_{} {{\n", id);
  if (percent >= 100)
    out += fmt::format("    * {};\n", next);
  else if (percent <= 0)
    out += fmt::format("    * {};\n", stable);
  else
    out += fmt::format("    {:.2f}% {};\n    * {};\n", percent, next, stable);
  out += "  }\n";
  std::string otherwise = "$by_weight_" + id;
  if (!canary.cookie.empty()) {
    out += fmt::format(
        "  map $cookie_{} $by_cookie_{} {{\n    \"always\" {};\n    \"never\" {};\n    default "
        "{};\n  }}\n",
        identifier(canary.cookie), id, next, stable, otherwise);
    otherwise = "$by_cookie_" + id;
  }
  if (!canary.header.empty()) {
    const std::string variable = "$http_" + to_lower(identifier(canary.header));
    out += fmt::format("  map {} $target_{} {{\n", variable, id);
    // With a value of its own the header has no always/never (ingress-nginx's rule).
    if (canary.header_value.empty())
      out += fmt::format("    \"always\" {};\n    \"never\" {};\n", next, stable);
    else
      out += fmt::format("    \"{}\" {};\n", map_text(canary.header_value), next);
    out += fmt::format("    default {};\n  }}\n", otherwise);
  } else {
    out += fmt::format("  map \"\" $target_{} {{\n    default {};\n  }}\n", id, otherwise);
  }
  return out;
}

}  // namespace

std::string Backend::upstream() const {
  return identifier(namespace_ + "__" + service + "__" + port);
}

std::vector<Route> routes_of(const std::vector<Json>& ingresses) {
  std::vector<Route> routes;
  for (const auto& ingress : ingresses) {
    if (!is_nginx(ingress) || annotation(ingress, "canary") == "true") continue;
    each_path(ingress, [&](const std::string& host, const std::string& path, Backend backend) {
      routes.push_back({host, path, std::move(backend), {}});
    });
  }
  for (const auto& ingress : ingresses) {
    if (!is_nginx(ingress) || annotation(ingress, "canary") != "true") continue;
    CanaryRule rule;
    rule.weight = static_cast<int>(parse_int(annotation(ingress, "canary-weight")).value_or(0));
    rule.weight_total =
        static_cast<int>(parse_int(annotation(ingress, "canary-weight-total")).value_or(100));
    rule.header = annotation(ingress, "canary-by-header");
    rule.header_value = annotation(ingress, "canary-by-header-value");
    rule.cookie = annotation(ingress, "canary-by-cookie");
    each_path(ingress,
              [&](const std::string& host, const std::string& path, const Backend& backend) {
                for (auto& route : routes) {
                  if (route.host != host || route.path != path || !route.canaries.empty()) continue;
                  CanaryRule own = rule;
                  own.backend = backend;
                  route.canaries.push_back(std::move(own));
                }
              });
  }
  std::sort(routes.begin(), routes.end(), [](const Route& a, const Route& b) {
    return std::tie(a.host, a.path) < std::tie(b.host, b.path);
  });
  return routes;
}

std::vector<Endpoint> endpoints_of(const Json& service, const Json& endpoints,
                                   const std::string& port) {
  // An Ingress names a Service port by name or number; an Endpoints object knows ports by name.
  std::string name;
  bool found = false;
  if (const Json* ports = kube::find_path(service, "spec.ports");
      ports != nullptr && ports->is_array()) {
    for (const auto& item : *ports) {
      const std::string item_name = kube::get_string(item, "name");
      if (item_name == port || std::to_string(kube::get_int(item, "port")) == port) {
        name = item_name;
        found = true;
      }
    }
  }
  std::vector<Endpoint> out;
  const Json* subsets = kube::find(endpoints, "subsets");
  if (!found || subsets == nullptr || !subsets->is_array()) return out;
  for (const auto& subset : *subsets) {
    const Json* addresses = kube::find(subset, "addresses");
    const Json* ports = kube::find(subset, "ports");
    if (addresses == nullptr || !addresses->is_array() || ports == nullptr || !ports->is_array())
      continue;
    for (const auto& item : *ports) {
      if (kube::get_string(item, "name") != name) continue;
      for (const auto& address : *addresses)
        out.push_back(
            {fmt::format("{}:{}", kube::get_string(address, "ip"), kube::get_int(item, "port"))});
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string nginx_config(const std::vector<Route>& routes,
                         const std::map<Backend, std::vector<Endpoint>>& endpoints,
                         const NginxPaths& paths) {
  std::string out = fmt::format(
      "daemon off;\nmaster_process on;\nworker_processes 1;\npid {0}/nginx.pid;\nerror_log "
      "{0}/nginx-error.log warn;\n"
      "events {{ worker_connections 1024; }}\nhttp {{\n"
      "  client_body_temp_path {0}/tmp-body;\n  proxy_temp_path {0}/tmp-proxy;\n  "
      "fastcgi_temp_path {0}/tmp-fastcgi;\n"
      "  uwsgi_temp_path {0}/tmp-uwsgi;\n  scgi_temp_path {0}/tmp-scgi;\n"
      "  log_format sluice '$msec $host $status $upstream_addr $request_id';\n"
      "  access_log {0}/access.log sluice;\n  keepalive_timeout 5s;\n  "
      "server_names_hash_bucket_size 128;\n"
      "  proxy_http_version 1.1;\n  proxy_set_header Connection \"\";\n  proxy_set_header Host "
      "$host;\n"
      "  proxy_connect_timeout 1s;\n  proxy_next_upstream error timeout;\n",
      paths.directory);
  for (const auto& [backend, list] : endpoints) {
    if (list.empty()) continue;
    out += fmt::format("  upstream {} {{\n", backend.upstream());
    for (const auto& endpoint : list)
      out += fmt::format("    server {} max_fails=0;\n", endpoint.address);
    out += "  }\n";
  }
  const auto has_endpoints = [&](const Backend& backend) {
    auto it = endpoints.find(backend);
    return it != endpoints.end() && !it->second.empty();
  };
  std::string servers;
  std::string open_host;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const Route& route = routes[i];
    const std::string id = std::to_string(i);
    if (i == 0 || route.host != open_host) {
      if (i > 0) servers += "  }\n";
      servers += fmt::format("  server {{\n    listen {};\n    server_name {};\n", paths.listen,
                             route.host.empty() ? "_" : route.host);
      open_host = route.host;
    }
    if (!has_endpoints(route.backend)) {
      servers += fmt::format("    location {} {{ return 503; }}\n", route.path);
    } else if (!route.canaries.empty() && has_endpoints(route.canaries.front().backend)) {
      out += canary_maps(route, id);
      servers +=
          fmt::format("    location {} {{ proxy_pass http://$target_{}; }}\n", route.path, id);
    } else {
      servers += fmt::format("    location {} {{ proxy_pass http://{}; }}\n", route.path,
                             route.backend.upstream());
    }
  }
  if (!routes.empty())
    servers += "  }\n";
  else
    servers +=
        fmt::format("  server {{ listen {}; location / {{ return 404; }} }}\n", paths.listen);
  return out + servers + "}\n";
}

}  // namespace sluice::demo
