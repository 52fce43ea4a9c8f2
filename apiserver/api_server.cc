#include "apiserver/api_server.h"

#include "apiserver/server/core.h"
#include "apiserver/server/http.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver {

struct ApiServer::Impl {
  server::Core core;
};

ApiServer::ApiServer(Clock& clock, Rng& rng, Options options)
    : impl_(new Impl{server::Core(clock, rng, std::move(options))}) {}
ApiServer::ApiServer(Clock& clock, Rng& rng) : ApiServer(clock, rng, Options{}) {}
ApiServer::~ApiServer() = default;

http::Response ApiServer::handle(const http::Request& request, const Caller& caller) {
  return impl_->core.handle(request, caller);
}

bool ApiServer::is_watch(const http::Request& request) {
  if (request.method != "GET") return false;
  const http::Target target = http::parse_target(server::path_and_query(request.url));
  const server::Route route = server::parse_route(target);
  const std::string* watch = target.param("watch");
  return route.resource_request && route.name.empty() && watch != nullptr &&
         server::is_true(*watch);
}

ApiServer::WatchOpened ApiServer::open_watch(const http::Request& request,
                                             std::shared_ptr<WatchSink> sink,
                                             const Caller& caller) {
  return impl_->core.open_watch(request, std::move(sink), caller);
}
void ApiServer::close_watch(WatchId id) {
  impl_->core.close_watch(id);
}
MonoTime ApiServer::tick() {
  return impl_->core.tick();
}
void ApiServer::expire_watch_windows() {
  impl_->core.expire_windows();
}

std::shared_ptr<const Json> ApiServer::get(const kube::ResourceType& type,
                                           const kube::ObjectKey& key) const {
  const server::DefPtr def = impl_->core.definition(type.group, type.resource);
  return def ? impl_->core.find(*def, key) : nullptr;
}

std::vector<std::shared_ptr<const Json>> ApiServer::list(const kube::ResourceType& type,
                                                         std::string_view ns) const {
  const server::DefPtr def = impl_->core.definition(type.group, type.resource);
  return def ? impl_->core.list_all(*def, ns) : std::vector<std::shared_ptr<const Json>>{};
}

Result<Json> ApiServer::write(const kube::Write& write) {
  return impl_->core.write(write);
}
void ApiServer::on_change(std::function<void(const Change&)> listener) {
  impl_->core.change_listeners.push_back(std::move(listener));
}
void ApiServer::on_audit(std::function<void(const AuditEntry&)> listener) {
  impl_->core.audit_listeners.push_back(std::move(listener));
}
std::uint64_t ApiServer::resource_version() const {
  return impl_->core.store().version();
}

Result<std::shared_ptr<const ApiServer::CrdBundle>> ApiServer::compile_crds(
    const std::vector<Json>& crds) {
  auto bundle = std::make_shared<CrdBundle>();
  for (const Json& crd : crds) {
    Json object = crd;
    server::default_crd(object);
    const std::vector<server::Cause> causes = server::validate_crd(object);
    const std::string name = kube::get_string(object, "metadata.name");
    if (!causes.empty())
      return fail(ErrorCode::Invalid,
                  server::invalid({"apiextensions.k8s.io", "customresourcedefinitions",
                                   "CustomResourceDefinition"},
                                  name, causes)
                      .message);
    object["metadata"]["generation"] = 1;
    server::DefPtr definition = server::compile_crd(object, 0);
    if (!definition)
      return fail(ErrorCode::Invalid, "CustomResourceDefinition " + name + " serves no version");
    bundle->list.push_back(
        {std::make_shared<const Json>(std::move(object)), std::move(definition)});
  }
  return std::shared_ptr<const CrdBundle>(std::move(bundle));
}

}  // namespace sluice::apiserver
