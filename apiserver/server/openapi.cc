#include "apiserver/server/openapi.h"

#include <functional>

#include "apiserver/server/http.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

using CrdList = std::vector<std::shared_ptr<const Json>>;

http::Response openapi_document(const char* type, const std::string& body) {
  http::Response out;
  out.status = 200;
  http::set_header(out.headers, "Content-Type", type);
  out.body = body;
  return out;
}

const Json& openapi_crd_of(const CrdList& crds, const ResourceDef& def) {
  static const Json kNone = Json::object();
  for (const auto& crd : crds)
    if (kube::get_string(*crd, "spec.group") == def.group &&
        kube::get_string(*crd, "spec.names.plural") == def.resource)
      return *crd;
  return kNone;
}

// Hands one definition after the other to `use`, so that no whole document lies in memory as a
// tree.
void openapi_each_definition(const Registry& registry, const CrdList& crds,
                             const std::function<void(const std::string&, const Json&)>& use) {
  Json types = Json::object();
  const std::string prefix = "#/definitions/";
  for (const OpenApiKind& kind : openapi_kinds(registry.all(), "", ""))
    use(kind.name,
        openapi_v2_schema(kind.def->custom ? openapi_custom(kind, openapi_crd_of(crds, *kind.def),
                                                            prefix, types)
                                           : openapi_native(kind, prefix, types)));
  for (const auto& [name, schema] : types.items()) use(name, openapi_v2_schema(schema));
}

std::string openapi_v2_protobuf(const Registry& registry, const CrdList& crds) {
  std::string paths, definitions;
  for (const OpenApiKind& kind : openapi_kinds(registry.all(), "", ""))
    paths += openapi_v2_patch_path(kind);
  openapi_each_definition(registry, crds, [&](const std::string& name, const Json& schema) {
    definitions += openapi_v2_definition(name, schema);
  });
  return openapi_v2_head() + openapi_v2_paths(paths) + openapi_v2_definitions(definitions);
}

Json openapi_query(const char* name, Json schema) {
  return {{"name", name}, {"in", "query"}, {"schema", std::move(schema)}};
}

Json openapi_v2_parameters() {
  Json out = Json::array();
  for (const char* name : {"dryRun", "fieldManager", "fieldValidation"})
    out.push_back({{"name", name}, {"in", "query"}, {"type", "string"}});
  return out;
}

Json openapi_operation(const char* action, const OpenApiKind& kind, Json parameters) {
  return {{"x-kubernetes-action", action},
          {"x-kubernetes-group-version-kind", openapi_gvk(kind)},
          {"parameters", std::move(parameters)},
          {"responses", {{"200", {{"description", "OK"}}}}}};
}

std::string openapi_v2_text(const Registry& registry, const CrdList& crds) {
  Json paths = Json::object();
  for (const OpenApiKind& kind : openapi_kinds(registry.all(), "", ""))
    paths[openapi_path(kind) + "/{name}"] = {
        {"patch", openapi_operation("patch", kind, openapi_v2_parameters())}};
  std::string out =
      R"({"swagger":"2.0","info":{"title":"Kubernetes","version":"v1"},"paths":)" +
      kube::dump(paths) + R"(,"definitions":{)";
  bool first = true;
  openapi_each_definition(registry, crds, [&](const std::string& name, const Json& schema) {
    out += (first ? "" : ",") + kube::dump(Json(name)) + ":" + kube::dump(schema);
    first = false;
  });
  return out + "}}\n";
}

// "" when no such group and version is served.
std::string openapi_v3_text(const Registry& registry, const CrdList& crds, const std::string& group,
                            const std::string& version) {
  const std::vector<DefPtr> all = registry.all();
  const std::string prefix = "#/components/schemas/";
  const Json text = {{"type", "string"}};
  Json paths = Json::object(), schemas = Json::object();
  bool found = false;
  for (const OpenApiKind& kind : openapi_kinds(all, group, version)) {
    found = true;
    Json schema = kind.def->custom
                      ? openapi_custom(kind, openapi_crd_of(crds, *kind.def), prefix, schemas)
                      : openapi_native(kind, prefix, schemas);
    schemas[kind.name] = std::move(schema);
    const std::string path = openapi_path(kind);
    paths[path] = {{"get", openapi_operation("list", kind, Json::array())},
                   {"post", openapi_operation("post", kind, Json::array())}};
    paths[path + "/{name}"] = {
        {"get", openapi_operation("get", kind, Json::array())},
        {"patch", openapi_operation("patch", kind,
                                    {openapi_query("dryRun", text),
                                     openapi_query("fieldManager", text),
                                     openapi_query("fieldValidation", text),
                                     openapi_query("force", {{"type", "boolean"}})})}};
  }
  if (!found) return "";
  return kube::dump(Json{{"openapi", "3.0.0"},
                         {"info", {{"title", "Kubernetes"}, {"version", "v1"}}},
                         {"paths", std::move(paths)},
                         {"components", {{"schemas", std::move(schemas)}}}}) +
         "\n";
}

// Which documents there are. The addresses carry no hash, so clients keep nothing on disk that
// could outlive this cluster.
http::Response openapi_v3_index(const Registry& registry) {
  Json paths = Json::object();
  for (const OpenApiKind& kind : openapi_kinds(registry.all(), "", "")) {
    const std::string at = kind.def->group.empty()
                               ? "api/" + kind.version
                               : "apis/" + kind.def->group + "/" + kind.version;
    paths[at] = {{"serverRelativeURL", "/openapi/v3/" + at}};
  }
  return openapi_document("application/json", kube::dump(Json{{"paths", std::move(paths)}}) + "\n");
}

}  // namespace

http::Response OpenApi::answer(const Registry& registry, CrdList crds, const http::Target& target,
                               const http::Request& request) {
  if (crds != built_from_) {
    built_from_ = std::move(crds);
    v2_protobuf_.clear();
    v2_json_.clear();
    v3_.clear();
  }
  std::vector<std::string> s = target.segments;
  while (!s.empty() && s.back().empty()) s.pop_back();
  const std::string* accept = http::find_header(request.headers, "Accept");
  const bool protobuf = accept != nullptr && accept->find("protobuf") != std::string::npos;
  if (s.size() == 2 && s[1] == "v2") {
    // Old kubectls choke on the media type that they ask for (an @ in it) when it comes back.
    if (protobuf) {
      if (v2_protobuf_.empty()) v2_protobuf_ = openapi_v2_protobuf(registry, built_from_);
      return openapi_document("application/octet-stream", v2_protobuf_);
    }
    if (v2_json_.empty()) v2_json_ = openapi_v2_text(registry, built_from_);
    return openapi_document("application/json", v2_json_);
  }
  if (s.size() < 2 || s[1] != "v3") return failure_response(no_such_path());
  if (s.size() == 2) return openapi_v3_index(registry);
  const bool core = s.size() == 4 && s[2] == "api", group = s.size() == 5 && s[2] == "apis";
  if (!core && !group) return failure_response(no_such_path());
  if (protobuf && accept->find("json") == std::string::npos)
    return failure_response(not_acceptable());
  const std::string id = core ? s[3] : s[3] + "/" + s[4];
  auto built = v3_.find(id);
  if (built == v3_.end()) {
    std::string text =
        openapi_v3_text(registry, built_from_, core ? "" : s[3], core ? s[3] : s[4]);
    if (text.empty()) return failure_response(no_such_path());
    built = v3_.emplace(id, std::move(text)).first;
  }
  return openapi_document("application/json", built->second);
}

}  // namespace sluice::apiserver::server
