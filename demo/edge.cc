#include "demo/edge.h"

#include <unistd.h>
#include <csignal>
#include <filesystem>
#include <fstream>

#include <fmt/core.h>

#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::demo {

namespace {

namespace fs = std::filesystem;
using kube::Json;

// Renamed into place, so that a reader never sees half a file.
bool write_file(const std::string& path, const std::string& text) {
  const std::string part = path + ".part";
  {
    std::ofstream out(part, std::ios::trunc);
    out << text;
    if (!out) return false;
  }
  std::error_code error;
  fs::rename(part, path, error);
  return !error;
}

std::vector<Json> copies(const std::vector<std::shared_ptr<const Json>>& list) {
  std::vector<Json> out;
  for (const auto& item : list) out.push_back(*item);
  return out;
}

// Prometheus label names: letters, digits, underscores.
std::string label_name(std::string name) {
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

int first_port(const Json& pod) {
  const Json* containers = kube::find_path(pod, "spec.containers");
  if (containers == nullptr || !containers->is_array() || containers->empty()) return 0;
  const Json* ports = kube::find(containers->front(), "ports");
  if (ports == nullptr || !ports->is_array() || ports->empty()) return 0;
  return static_cast<int>(kube::get_int(ports->front(), "containerPort"));
}

}  // namespace

Edge::Edge(cluster::Host& host, std::string directory, std::string nginx_address,
           std::string prometheus_address, std::string controller_metrics)
    : host_(host),
      directory_(std::move(directory)),
      nginx_address_(std::move(nginx_address)),
      prometheus_address_(std::move(prometheus_address)),
      controller_metrics_(std::move(controller_metrics)) {}

Edge::~Edge() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

Status Edge::start() {
  SLUICE_CHECK_OK(start_nginx());
  SLUICE_CHECK_OK(start_prometheus());
  thread_ = std::thread([this] { follow(); });
  return {};
}

Status Edge::start_nginx() {
  const std::string program = find_program("nginx");
  if (program.empty())
    return fail(ErrorCode::Unavailable, "nginx is not installed: run script/bootstrap demo");
  config_ = nginx_config({}, {}, {directory_, listen()});
  if (!write_file(directory_ + "/nginx.conf", config_))
    return fail(ErrorCode::Unavailable, "cannot write the nginx configuration");
  SLUICE_TRY(nginx_, Child::start({program, "-p", directory_, "-c", directory_ + "/nginx.conf",
                                   "-e", directory_ + "/nginx-error.log"},
                                  directory_ + "/nginx.log", {}, SIGTERM));  // it has workers
  return {};
}

Status Edge::start_prometheus() {
  const std::string program = find_program("prometheus");
  if (program.empty())
    return fail(ErrorCode::Unavailable, "prometheus is not installed: run script/bootstrap demo");
  const std::string config = fmt::format(
      "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n"
      "- job_name: pods\n  file_sd_configs:\n  - files: ['{0}/targets.json']\n    "
      "refresh_interval: 1s\n"
      "- job_name: sluice\n  static_configs:\n  - targets: ['{1}']\n",
      directory_, controller_metrics_);
  if (!write_file(directory_ + "/prometheus.yml", config) ||
      !write_file(directory_ + "/targets.json", "[]")) {
    return fail(ErrorCode::Unavailable, "cannot write the Prometheus configuration");
  }
  SLUICE_TRY(prometheus_, Child::start({program, "--config.file=" + directory_ + "/prometheus.yml",
                                        "--storage.tsdb.path=" + directory_ + "/prometheus",
                                        "--web.listen-address=" + prometheus_address_ + ":9090",
                                        "--log.level=warn"},
                                       directory_ + "/prometheus.log"));
  // Prometheus is part of the cluster's surroundings, as nginx is: a Service without a selector
  // leads to it.
  host_.with_server([&](apiserver::ApiServer& server) {
    const auto create = [&](const kube::ResourceType& type, const Json& body) {
      kube::Write write;
      write.type = type;
      write.key = {"monitoring", "prometheus"};
      write.verb = kube::Verb::Create;
      write.body = kube::dump(body);
      static_cast<void>(server.write(write));
    };
    const Json meta = {{"name", "prometheus"}, {"namespace", "monitoring"}};
    create(kube::kServices,
           {{"apiVersion", "v1"},
            {"kind", "Service"},
            {"metadata", meta},
            {"spec", {{"ports", Json::array({{{"name", "http"}, {"port", 9090}}})}}}});
    create(kube::kEndpoints,
           {{"apiVersion", "v1"},
            {"kind", "Endpoints"},
            {"metadata", meta},
            {"subsets",
             Json::array({{{"addresses", Json::array({{{"ip", prometheus_address_}}})},
                           {"ports", Json::array({{{"name", "http"}, {"port", 9090}}})}}})}});
  });
  return {};
}

PodOrigin Edge::origin(const std::string& address) const {
  const std::lock_guard lock(mutex_);
  auto it = origins_.find(address);
  return it == origins_.end() ? PodOrigin{} : it->second;
}

void Edge::follow() {
  while (!stopping_) {
    std::uint64_t version = 0;
    host_.with_server([&](apiserver::ApiServer& server) { version = server.resource_version(); });
    if (version != seen_version_) {
      seen_version_ = version;
      update_targets();
      update_nginx();
    }
    usleep(20'000);
  }
}

void Edge::update_targets() {
  Json targets = Json::array();
  host_.with_server([&](apiserver::ApiServer& server) {
    for (const auto& pod : server.list(kube::kPods)) {
      const std::string ip = kube::get_string(*pod, "status.podIP");
      const int port = first_port(*pod);
      if (ip.empty() || port == 0) continue;
      Json labels = {{"namespace", kube::get_string(*pod, "metadata.namespace")},
                     {"pod", kube::get_string(*pod, "metadata.name")}};
      std::string hash;
      if (const Json* own = kube::find_path(*pod, "metadata.labels");
          own != nullptr && own->is_object())
        for (const auto& [name, value] : own->items()) {
          labels[label_name(name)] = value;
          if (name == "rollouts-pod-template-hash" && value.is_string())
            hash = value.get<std::string>();
        }
      const std::string address = fmt::format("{}:{}", ip, port);
      {
        const std::lock_guard lock(mutex_);
        origins_[address] = {kube::get_string(*pod, "metadata.namespace"),
                             kube::get_string(*pod, "metadata.name"), hash};
      }
      if (kube::get_string(*pod, "status.phase") == "Running")
        targets.push_back({{"targets", Json::array({address})}, {"labels", labels}});
    }
  });
  const std::string text = kube::dump(targets);
  if (text == targets_) return;
  targets_ = text;
  write_file(directory_ + "/targets.json", text);
}

void Edge::update_nginx() {
  std::vector<Json> ingresses;
  std::map<Backend, std::vector<Endpoint>> endpoints;
  std::vector<Route> routes;
  host_.with_server([&](apiserver::ApiServer& server) {
    routes = routes_of(copies(server.list(kube::kIngresses)));
    const auto add = [&](const Backend& backend) {
      const auto service = server.get(kube::kServices, {backend.namespace_, backend.service});
      const auto list = server.get(kube::kEndpoints, {backend.namespace_, backend.service});
      endpoints[backend] =
          service && list ? endpoints_of(*service, *list, backend.port) : std::vector<Endpoint>{};
    };
    for (const auto& route : routes) {
      add(route.backend);
      for (const auto& canary : route.canaries) add(canary.backend);
    }
  });
  const std::string config = nginx_config(routes, endpoints, {directory_, listen()});
  if (config == config_) return;
  config_ = config;
  if (write_file(directory_ + "/nginx.conf", config)) nginx_.signal(SIGHUP);
}

}  // namespace sluice::demo
