#include "apiserver/server/discovery.h"

#include <algorithm>
#include <set>

#include "apiserver/server/http.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

http::Response json(const Json& body) {
  http::Response out;
  out.status = 200;
  http::set_header(out.headers, "Content-Type", "application/json");
  out.body = kube::dump(body) + "\n";
  return out;
}

http::Response plain(std::string type, std::string body) {
  http::Response out;
  out.status = 200;
  http::set_header(out.headers, "Content-Type", std::move(type));
  out.body = std::move(body);
  return out;
}

Json verbs(const ResourceDef& def) {
  if (def.virtual_kind) return {"create"};
  return {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
}

void add_resource(const ResourceDef& def, const Version& version, Json& list) {
  Json entry = {{"name", def.resource},
                {"singularName", def.singular},
                {"namespaced", def.namespaced},
                {"kind", def.kind},
                {"verbs", verbs(def)}};
  if (!def.short_names.empty()) entry["shortNames"] = def.short_names;
  if (!def.categories.empty()) entry["categories"] = def.categories;
  list.push_back(std::move(entry));
  const auto sub = [&](const std::string& name, const char* group, const char* group_version,
                       const std::string& kind, Json sub_verbs) {
    Json e = {{"name", def.resource + "/" + name},
              {"singularName", ""},
              {"namespaced", def.namespaced},
              {"kind", kind},
              {"verbs", std::move(sub_verbs)}};
    if (*group != '\0') {
      e["group"] = group;
      e["version"] = group_version;
    }
    list.push_back(std::move(e));
  };
  if (version.status) sub("status", "", "", def.kind, {"get", "patch", "update"});
  if (version.scale) sub("scale", "autoscaling", "v1", "Scale", {"get", "patch", "update"});
  for (const std::string& name : def.extra_subresources) {
    if (name == "eviction") sub(name, "policy", "v1", "Eviction", {"create"});
    if (name == "binding") sub(name, "", "", "Binding", {"create"});
    if (name == "log") sub(name, "", "", def.kind, {"get"});
    if (name == "finalize") sub(name, "", "", def.kind, {"update"});
  }
}

// Group and its versions, in order of first appearance.
std::vector<std::pair<std::string, std::vector<std::string>>> groups(const Registry& registry) {
  std::vector<std::pair<std::string, std::vector<std::string>>> out;
  for (const DefPtr& def : registry.all()) {
    if (def->group.empty()) continue;
    auto it =
        std::find_if(out.begin(), out.end(), [&](const auto& g) { return g.first == def->group; });
    if (it == out.end()) it = out.insert(out.end(), {def->group, {}});
    for (const Version& version : def->versions)
      if (version.served &&
          std::find(it->second.begin(), it->second.end(), version.name) == it->second.end())
        it->second.push_back(version.name);
  }
  return out;
}

Json group_document(const std::string& group, const std::vector<std::string>& versions) {
  Json list = Json::array();
  for (const std::string& version : versions)
    list.push_back({{"groupVersion", group + "/" + version}, {"version", version}});
  Json preferred = list.empty() ? Json::object() : list[0];
  return {
      {"name", group}, {"versions", std::move(list)}, {"preferredVersion", std::move(preferred)}};
}

http::Response group_list(const Registry& registry) {
  Json out = {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", Json::array()}};
  for (const auto& [group, versions] : groups(registry))
    out["groups"].push_back(group_document(group, versions));
  return json(out);
}

http::Response one_group(const Registry& registry, const std::string& name) {
  for (const auto& [group, versions] : groups(registry)) {
    if (group != name) continue;
    Json out = group_document(group, versions);
    out["kind"] = "APIGroup";
    out["apiVersion"] = "v1";
    return json(out);
  }
  return failure_response(no_such_path());
}

http::Response resource_list(const Registry& registry, const std::string& group,
                             const std::string& version) {
  Json list = Json::array();
  for (const DefPtr& def : registry.all()) {
    const Version* served = def->group == group ? def->version(version) : nullptr;
    if (served != nullptr && served->served) add_resource(*def, *served, list);
  }
  if (list.empty()) return failure_response(no_such_path());
  return json({{"kind", "APIResourceList"},
               {"apiVersion", "v1"},
               {"groupVersion", group.empty() ? version : group + "/" + version},
               {"resources", std::move(list)}});
}

http::Response version_document(const std::string& minor) {
  return json({{"major", "1"},
               {"minor", minor},
               {"gitVersion", "v1." + minor + ".0+sluice"},
               {"gitCommit", ""},
               {"gitTreeState", "clean"},
               {"buildDate", "1970-01-01T00:00:00Z"},
               {"goVersion", ""},
               {"compiler", "gcc"},
               {"platform", "linux/amd64"}});
}

}  // namespace

http::Response discovery(const Registry& registry, const std::string& minor,
                         const http::Target& target, const http::Request& request) {
  std::vector<std::string> s = target.segments;
  while (!s.empty() && s.back().empty()) s.pop_back();
  if (s.empty())
    return json({{"paths",
                  {"/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3",
                   "/readyz", "/version"}}});
  if (request.method != "GET" && request.method != "HEAD")
    return failure_response(method_not_allowed());
  if (s[0] == "api" && s.size() == 1)
    return json(
        {{"kind", "APIVersions"},
         {"versions", {"v1"}},
         {"serverAddressByClientCIDRs", {{{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", ""}}}}});
  if (s[0] == "api" && s.size() == 2) return resource_list(registry, "", s[1]);
  if (s[0] == "apis" && s.size() == 1) return group_list(registry);
  if (s[0] == "apis" && s.size() == 2) return one_group(registry, s[1]);
  if (s[0] == "apis" && s.size() == 3) return resource_list(registry, s[1], s[2]);
  if (s[0] == "version") return version_document(minor);
  if (s[0] == "healthz" || s[0] == "livez" || s[0] == "readyz")
    return plain("text/plain; charset=utf-8", "ok");
  return failure_response(no_such_path());
}

}  // namespace sluice::apiserver::server
