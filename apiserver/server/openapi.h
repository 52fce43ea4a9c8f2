#pragma once
// The OpenAPI documents of what is served: /openapi/v2 (kubectl up to 1.26 and every older client:
// explain, client-side validation, --dry-run=server) and /openapi/v3 (kubectl from 1.27 on). Built
// when asked for, kept until a CustomResourceDefinition changes.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apiserver/server/registry.h"
#include "base/http.h"
#include "kube/json/json_fwd.h"

namespace sluice::apiserver::server {

class OpenApi {
 public:
  // `crds`: every CustomResourceDefinition stored. The path begins with /openapi.
  [[nodiscard]] http::Response answer(const Registry& registry,
                                      std::vector<std::shared_ptr<const Json>> crds,
                                      const http::Target& target, const http::Request& request);

 private:
  std::vector<std::shared_ptr<const Json>> built_from_;
  std::string v2_protobuf_, v2_json_;
  std::map<std::string, std::string> v3_;  // by "v1", "GROUP/VERSION"
};

// ---- openapi_schema.cc: what both documents are made of ----

// One kind in one version, with its definition: an OpenAPI schema with references of the form
// "PREFIX" + name.
struct OpenApiKind {
  const ResourceDef* def = nullptr;
  std::string version, name;  // of the definition: io.k8s.api.apps.v1.Deployment
};
// Kinds served in a group and version ("" and "": all), in the registry's order. Kinds that are
// answered but never stored are left out.
[[nodiscard]] std::vector<OpenApiKind> openapi_kinds(const std::vector<DefPtr>& definitions,
                                                     std::string_view group,
                                                     std::string_view version);
// The schema of a built-in kind; adds the types it refers to, directly or not, to `types`.
[[nodiscard]] Json openapi_native(const OpenApiKind& kind, const std::string& prefix, Json& types);
// The schema of a custom kind as its CRD has it, with apiVersion, kind and metadata described.
[[nodiscard]] Json openapi_custom(const OpenApiKind& kind, const Json& crd,
                                  const std::string& prefix, Json& types);
// "/apis/GROUP/VERSION/namespaces/{namespace}/PLURAL"
[[nodiscard]] std::string openapi_path(const OpenApiKind& kind);
[[nodiscard]] Json openapi_gvk(const OpenApiKind& kind);

// ---- openapi_v2.cc ----
// A schema without what OpenAPI v2 cannot say: alternatives, nullable, int-or-string. Where nothing
// remains the schema says nothing, so that a client refuses nothing.
[[nodiscard]] Json openapi_v2_schema(const Json& schema);
// Parts of a serialised openapi.v2.Document; concatenated they are the document.
[[nodiscard]] std::string openapi_v2_head();
[[nodiscard]] std::string openapi_v2_patch_path(const OpenApiKind& kind);
[[nodiscard]] std::string openapi_v2_definition(const std::string& name, const Json& schema);
// Wraps what the two functions above made.
[[nodiscard]] std::string openapi_v2_paths(const std::string& paths);
[[nodiscard]] std::string openapi_v2_definitions(const std::string& definitions);

}  // namespace sluice::apiserver::server
