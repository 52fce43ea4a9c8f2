// OpenAPI documents: what kubectl explain, client-side validation and --dry-run=server read.
#include <map>

#include "apiserver/server/openapi.h"
#include "base/strings.h"
#include "tests/unit/apiserver/server_fixture.h"

namespace sluice::apiserver {
namespace {

using testing_support::World;

Json gear_crd() {
  const Json spec = {
      {"type", "object"},
      {"required", {"size"}},
      {"properties",
       {{"size", {{"type", "integer"}, {"description", "How large it is."}}},
        {"surge", {{"anyOf", {{{"type", "integer"}}, {{"type", "string"}}}},
                   {"x-kubernetes-int-or-string", true}}},
        {"maybe", {{"type", "string"}, {"nullable", true}}},
        {"teeth", {{"type", "array"}, {"items", {{"type", "string"}}}}},
        {"free", {{"type", "object"},
                  {"x-kubernetes-preserve-unknown-fields", true},
                  {"properties", {{"known", {{"type", "string"}}}}}}}}}};
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", "gears.tools.example.com"}}},
          {"spec",
           {{"group", "tools.example.com"},
            {"scope", "Namespaced"},
            {"names", {{"plural", "gears"}, {"kind", "Gear"}}},
            {"versions",
             {{{"name", "v1"},
               {"served", true},
               {"storage", true},
               {"schema",
                {{"openAPIV3Schema",
                  {{"type", "object"}, {"properties", {{"spec", spec}}}}}}}}}}}}};
}

struct OpenApiWorld : World {
  OpenApiWorld() {
    EXPECT_EQ(
        call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", gear_crd()).status,
        201);
  }
  http::Response fetch(const std::string& url, const std::string& accept = "application/json") {
    http::Request request;
    request.url = url;
    http::set_header(request.headers, "Accept", accept);
    return server.handle(request);
  }
  Json document(const std::string& url) { return *kube::parse_json(fetch(url).body); }
};

// Every reference of a document leads somewhere.
void expect_references(const Json& node, const std::string& prefix, const Json& definitions) {
  if (node.is_object() && node.contains("$ref") && node["$ref"].is_string()) {
    const std::string target = node["$ref"].get<std::string>();
    ASSERT_EQ(target.rfind(prefix, 0), 0U) << target;
    EXPECT_TRUE(definitions.contains(target.substr(prefix.size()))) << target;
  }
  if (node.is_structured())
    for (const auto& [key, member] : node.items()) expect_references(member, prefix, definitions);
}

constexpr const char* kGear = "com.example.tools.v1.Gear";

TEST(ServerOpenApi, VersionTwoDefinesEveryKindThatIsServed) {
  OpenApiWorld w;
  const Json document = w.document("/openapi/v2");
  EXPECT_EQ(kube::get_string(document, "swagger"), "2.0");
  const Json& definitions = document["definitions"];
  expect_references(definitions, "#/definitions/", definitions);
  std::map<std::string, int> kinds;
  for (const auto& [name, definition] : definitions.items())
    if (definition.contains("x-kubernetes-group-version-kind"))
      for (const Json& gvk : definition["x-kubernetes-group-version-kind"])
        ++kinds[kube::get_string(gvk, "group") + "/" + kube::get_string(gvk, "version") + " " +
                kube::get_string(gvk, "kind")];
  for (const char* want : {"/v1 Pod", "apps/v1 Deployment", "autoscaling/v1 HorizontalPodAutoscaler",
                           "autoscaling/v2 HorizontalPodAutoscaler", "events.k8s.io/v1 Event",
                           "networking.k8s.io/v1 Ingress", "tools.example.com/v1 Gear"})
    EXPECT_EQ(kinds[want], 1) << want;
}

TEST(ServerOpenApi, VersionTwoSaysNothingWhereItCannotSayTheTruth) {
  OpenApiWorld w;
  const Json document = w.document("/openapi/v2");
  const Json& gear = document["definitions"][kGear];
  const Json& spec = gear["properties"]["spec"]["properties"];
  EXPECT_EQ(gear["properties"]["spec"]["required"], Json({"size"}));
  EXPECT_EQ(spec["size"], Json({{"type", "integer"}, {"description", "How large it is."}}));
  EXPECT_EQ(spec["surge"], Json({{"type", "string"}, {"format", "int-or-string"}}));
  EXPECT_EQ(spec["maybe"], Json::object());
  EXPECT_EQ(spec["free"], Json::object());
  EXPECT_EQ(gear["properties"]["metadata"]["$ref"],
            "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
}

// kubectl's client-side apply takes its merge keys from here; without them it would replace lists.
TEST(ServerOpenApi, BuiltInListsSayHowKubectlMergesThem) {
  OpenApiWorld w;
  const Json document = w.document("/openapi/v2");
  const auto of = [&](const char* type, const char* field) {
    const Json& node =
        document["definitions"]["io.k8s.api.core.v1." + std::string(type)]["properties"][field];
    return kube::get_string(node, "x-kubernetes-patch-strategy") + " " +
           kube::get_string(node, "x-kubernetes-patch-merge-key");
  };
  EXPECT_EQ(of("PodSpec", "containers"), "merge name");
  EXPECT_EQ(of("PodSpec", "volumes"), "merge,retainKeys name");
  EXPECT_EQ(of("PodSpec", "tolerations"), " ");
  EXPECT_EQ(of("Container", "env"), "merge name");
  EXPECT_EQ(of("Container", "ports"), "merge containerPort");
  EXPECT_EQ(of("ServiceSpec", "ports"), "merge port");
  EXPECT_EQ(of("DeploymentSpec", "strategy"), "retainKeys ");
  const Json& meta =
      document["definitions"]["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]["properties"];
  EXPECT_EQ(meta["ownerReferences"]["x-kubernetes-patch-merge-key"], "uid");
  EXPECT_EQ(meta["finalizers"]["x-kubernetes-patch-strategy"], "merge");
}

// Field by field as gnostic's OpenAPIv2.proto has it: number, then the bytes of length-delimited
// fields.
std::multimap<unsigned, std::string> protobuf_fields(const std::string& bytes) {
  std::multimap<unsigned, std::string> out;
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (unsigned shift = 0; at < bytes.size(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes[at++]);
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if ((byte & 0x80U) == 0) break;
    }
    return value;
  };
  while (at < bytes.size()) {
    const std::uint64_t tag = varint();
    if ((tag & 7U) != 2) {
      ADD_FAILURE() << "wire type " << (tag & 7U);
      break;
    }
    const std::uint64_t size = varint();
    if (size > bytes.size() - at) {
      ADD_FAILURE() << "a field is longer than its message";
      break;
    }
    out.emplace(static_cast<unsigned>(tag >> 3U), bytes.substr(at, size));
    at += size;
  }
  return out;
}
std::string one_field(const std::string& bytes, unsigned number) {
  const auto fields = protobuf_fields(bytes);
  const auto found = fields.find(number);
  return found == fields.end() ? "" : found->second;
}

TEST(ServerOpenApi, KubectlGetsVersionTwoAsProtobuf) {
  OpenApiWorld w;
  const http::Response answer =
      w.fetch("/openapi/v2?timeout=32s", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf");
  EXPECT_EQ(answer.status, 200);
  // Old kubectls cannot read the media type that they ask for.
  EXPECT_EQ(*http::find_header(answer.headers, "Content-Type"), "application/octet-stream");
  EXPECT_EQ(one_field(answer.body, 1), "2.0");
  std::string gear;
  for (const auto& [number, named] : protobuf_fields(one_field(answer.body, 9)))
    if (number == 1 && one_field(named, 1) == kGear) gear = one_field(named, 2);
  ASSERT_FALSE(gear.empty());
  EXPECT_EQ(one_field(one_field(gear, 22), 1), "object");
  const std::string extension = one_field(gear, 31);
  EXPECT_EQ(one_field(extension, 1), "x-kubernetes-group-version-kind");
  EXPECT_EQ(*kube::parse_json(one_field(one_field(extension, 2), 2)),
            Json::array({{{"group", "tools.example.com"}, {"version", "v1"}, {"kind", "Gear"}}}));
  bool patch = false;
  for (const auto& [number, named] : protobuf_fields(one_field(answer.body, 8)))
    if (one_field(named, 1) == "/apis/tools.example.com/v1/namespaces/{namespace}/gears/{name}")
      for (const auto& [field, parameter] : protobuf_fields(one_field(one_field(named, 2), 8)))
        patch = patch ||
                (field == 8 &&
                 one_field(one_field(one_field(one_field(parameter, 1), 2), 3), 4) == "dryRun");
  EXPECT_TRUE(patch) << "kubectl diff and --dry-run=server look for dryRun in the patch of a kind";
}

TEST(ServerOpenApi, VersionThreeHasOneDocumentPerGroupAndVersion) {
  OpenApiWorld w;
  const Json index = w.document("/openapi/v3")["paths"];
  for (const char* want : {"api/v1", "apis/apps/v1", "apis/tools.example.com/v1"}) {
    ASSERT_TRUE(index.contains(want)) << want;
    const std::string url = kube::get_string(index[want], "serverRelativeURL");
    const Json document = w.document(url);
    EXPECT_EQ(kube::get_string(document, "openapi"), "3.0.0") << want;
    expect_references(document, "#/components/schemas/", document["components"]["schemas"]);
  }
  const Json gears = w.document("/openapi/v3/apis/tools.example.com/v1");
  const Json gvk = {{"group", "tools.example.com"}, {"version", "v1"}, {"kind", "Gear"}};
  const Json& gear = gears["components"]["schemas"][kGear];
  EXPECT_EQ(gear["x-kubernetes-group-version-kind"], Json::array({gvk}));
  EXPECT_EQ(gear["properties"]["spec"]["properties"]["surge"]["anyOf"].size(), 2U);
  const Json& path = gears["paths"]["/apis/tools.example.com/v1/namespaces/{namespace}/gears"];
  EXPECT_EQ(path["get"]["x-kubernetes-group-version-kind"], gvk);
  EXPECT_EQ(w.fetch("/openapi/v3/apis/none.example.com/v1").status, 404);
  EXPECT_EQ(w.fetch("/openapi/v3/apis/tools.example.com/v2").status, 404);
  EXPECT_EQ(w.fetch("/openapi/v4").status, 404);
  EXPECT_EQ(w.call("POST", "/openapi/v2", Json::object()).status, 405);
}

TEST(ServerOpenApi, AChangedDefinitionShowsAtOnce) {
  OpenApiWorld w;
  EXPECT_FALSE(w.fetch("/openapi/v2").body.empty());  // built and kept
  Json crd =
      w.call("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gears.tools.example.com")
          .body;
  crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["fresh"] = {
      {"type", "string"}};
  ASSERT_EQ(
      w.call("PUT", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gears.tools.example.com",
             crd)
          .status,
      200);
  EXPECT_TRUE(w.document("/openapi/v2")["definitions"][kGear]["properties"].contains("fresh"));
  EXPECT_TRUE(w.document("/openapi/v3/apis/tools.example.com/v1")["components"]["schemas"][kGear]
                        ["properties"]
                            .contains("fresh"));
  ASSERT_EQ(w.call("DELETE",
                   "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gears.tools.example.com")
                .status,
            200);
  EXPECT_FALSE(w.document("/openapi/v2")["definitions"].contains(kGear));
  EXPECT_EQ(w.fetch("/openapi/v3/apis/tools.example.com/v1").status, 404);
}

TEST(ServerOpenApi, EventsHaveTheMembersOfTheirVersion) {
  OpenApiWorld w;
  const Json definitions = w.document("/openapi/v2")["definitions"];
  EXPECT_TRUE(definitions["io.k8s.api.core.v1.Event"]["properties"].contains("involvedObject"));
  const Json& event = definitions["io.k8s.api.events.v1.Event"]["properties"];
  EXPECT_TRUE(event.contains("regarding"));
  EXPECT_FALSE(event.contains("involvedObject"));
}

}  // namespace
}  // namespace sluice::apiserver
