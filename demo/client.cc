#include "demo/client.h"

#include <unistd.h>
#include <algorithm>
#include <filesystem>

#include <fmt/core.h>

#include "demo/quiet.h"
#include "kube/json/json.h"
#include "kube/json/yaml.h"
#include "kube/request/request.h"

namespace sluice::demo {

namespace fs = std::filesystem;
using kube::Json;

Result<std::unique_ptr<Client>> Client::connect(const std::string& kubeconfig) {
  std::unique_ptr<Client> client(new Client());
  client->clock_ = net::system_clock();
  client->files_ = net::system_files();
  client->telemetry_ = std::make_unique<QuietTelemetry>();
  net::KubeConfigOverrides overrides;
  overrides.kubeconfig = kubeconfig;
  SLUICE_TRY(auto config, net::load_kubeconfig(*client->files_, overrides));
  net::TransportOptions options;
  options.kube = std::move(config);
  options.user_agent = "sluice-demo";
  SLUICE_TRY(client->transport_, net::make_transport(std::move(options), *client->files_,
                                                     *client->clock_, *client->telemetry_));
  return client;
}

Result<Json> Client::send(const std::string& method, const std::string& path,
                          const std::string& content_type, const std::string& body) {
  http::Request request;
  request.method = method;
  request.url = path;
  request.body = body;
  request.timeout = Millis(10'000);
  request.client_name = "kube";
  if (!content_type.empty()) request.headers = {{"Content-Type", content_type}};
  const std::lock_guard lock(mutex_);
  SLUICE_TRY(auto response, net::call(*transport_, std::move(request)));
  if (auto error = kube::response_error(response, method + " " + path))
    return fail(std::move(*error));
  return kube::parse_json(response.body);
}

Result<Json> Client::get(const std::string& path) {
  return send("GET", path, "", "");
}

Status Client::apply(const Json& object, const std::string& ns) {
  const std::string api_version = kube::get_string(object, "apiVersion"),
                    kind = kube::get_string(object, "kind");
  const std::string name = kube::get_string(object, "metadata.name");
  const std::string base =
      (api_version.find('/') == std::string::npos ? "/api/" : "/apis/") + api_version;
  SLUICE_TRY(auto resources, get(base));
  const Json* list = kube::find(resources, "resources");
  std::string path;
  if (list != nullptr && list->is_array())
    for (const auto& item : *list)
      if (kube::get_string(item, "kind") == kind &&
          kube::get_string(item, "name").find('/') == std::string::npos) {
        path = base +
               (kube::get_bool(item, "namespaced")
                    ? "/namespaces/" + kube::get_string(object, "metadata.namespace", ns)
                    : "") +
               "/" + kube::get_string(item, "name");
      }
  if (path.empty())
    return fail(ErrorCode::NotFound,
                fmt::format("the server does not know {} {}", api_version, kind));
  auto created = send("POST", path, "application/json", kube::dump(object));
  if (!created && created.error().code == ErrorCode::AlreadyExists)
    created = send("PATCH", path + "/" + name, "application/merge-patch+json", kube::dump(object));
  if (!created)
    return fail(created.error().code,
                fmt::format("{} {}: {}", kind, name, created.error().message));
  return {};
}

Status Client::apply_file(const std::string& file, const std::string& ns) {
  SLUICE_TRY(auto text, files_->read(file));
  auto documents = kube::parse_yaml(text);
  if (!documents) return fail(documents.error().code, file + ": " + documents.error().message);
  for (const auto& document : *documents) SLUICE_CHECK_OK(apply(document, ns));
  return {};
}

Status Client::apply_folder(const std::string& folder, const std::string& ns) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".yaml" && entry.path().filename() != "kustomization.yaml")
      files.push_back(entry.path().string());
  if (error || files.empty()) return fail(ErrorCode::NotFound, "no manifests in " + folder);
  std::sort(files.begin(), files.end());
  for (const auto& file : files) SLUICE_CHECK_OK(apply_file(file, ns));
  return {};
}

Status Client::set_image(const std::string& ns, const std::string& rollout,
                         const std::string& container, const std::string& image) {
  const std::string path =
      fmt::format("/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts/{}", ns, rollout);
  SLUICE_TRY(auto object, get(path));
  const Json* containers = kube::find_path(object, "spec.template.spec.containers");
  if (containers == nullptr || !containers->is_array())
    return fail(ErrorCode::Invalid, "the Rollout has no containers");
  Json patch = Json::array();
  for (std::size_t i = 0; i < containers->size(); ++i)
    if (kube::get_string((*containers)[i], "name") == container)
      patch.push_back({{"op", "replace"},
                       {"path", fmt::format("/spec/template/spec/containers/{}/image", i)},
                       {"value", image}});
  if (patch.empty())
    return fail(ErrorCode::NotFound,
                fmt::format("unable to find container named \"{}\"", container));
  auto sent = send("PATCH", path, "application/json-patch+json", kube::dump(patch));
  if (!sent) return fail(sent.error());
  return {};
}

}  // namespace sluice::demo
