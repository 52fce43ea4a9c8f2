#include "apiserver/apply.h"

#include <fmt/core.h>

#include "kube/json/json.h"
#include "kube/request/request.h"

namespace sluice::apiserver {

namespace {

struct Served {
  std::string resource;
  bool namespaced = true;
};

Result<Served> discover(ApiServer& server, const std::string& api_version,
                        const std::string& kind) {
  http::Request request;
  request.url = (api_version.find('/') == std::string::npos ? "/api/" : "/apis/") + api_version;
  const http::Response response = server.handle(request);
  SLUICE_TRY(auto list, kube::parse_json(response.body));
  if (const kube::Json* resources = kube::find(list, "resources");
      resources != nullptr && resources->is_array()) {
    for (const auto& resource : *resources) {
      const std::string name = kube::get_string(resource, "name");
      if (kube::get_string(resource, "kind") == kind && name.find('/') == std::string::npos) {
        return Served{name, kube::get_bool(resource, "namespaced")};
      }
    }
  }
  return fail(ErrorCode::NotFound,
              fmt::format("the server does not know {} {}", api_version, kind));
}

}  // namespace

Status apply_object(ApiServer& server, const kube::Json& object,
                    const std::string& default_namespace) {
  const std::string api_version = kube::get_string(object, "apiVersion"),
                    kind = kube::get_string(object, "kind");
  const std::string name = kube::get_string(object, "metadata.name");
  SLUICE_TRY(const Served served, discover(server, api_version, kind));
  const std::string ns = kube::get_string(object, "metadata.namespace", default_namespace);
  std::string path =
      (api_version.find('/') == std::string::npos ? "/api/" : "/apis/") + api_version;
  if (served.namespaced) path += "/namespaces/" + ns;
  path += "/" + served.resource;

  http::Request request;
  request.url = path + "/" + name;
  const bool exists = server.handle(request).status == 200;
  request.method = exists ? "PATCH" : "POST";
  request.url = exists ? path + "/" + name : path;
  request.headers = {
      {"Content-Type", exists ? "application/merge-patch+json" : "application/json"}};
  request.body = kube::dump(object);
  const http::Response response = server.handle(request);
  if (auto error = kube::response_error(response, fmt::format("{} {}", kind, name)))
    return fail(std::move(*error));
  return {};
}

}  // namespace sluice::apiserver
