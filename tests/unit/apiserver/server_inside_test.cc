// The in-process functions, audit, compiled CRDs, kubectl's OpenAPI trap, cost switches.
#include "tests/unit/apiserver/server_fixture.h"

namespace sluice::apiserver {
namespace {

using testing_support::config_map;
using testing_support::World;

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";

kube::Write write(kube::Verb verb, const std::string& name, const Json& body) {
  kube::Write w;
  w.type = kube::kConfigMaps;
  w.key = {"default", name};
  w.verb = verb;
  if (!body.is_null()) w.body = kube::dump(body);
  return w;
}

TEST(ServerInside, WritesFollowTheSameRulesAndAreSeenByListeners) {
  World w;
  std::vector<std::string> seen;
  w.server.on_change([&](const Change& change) {
    seen.push_back(change.resource + " " + change.key.text() + " " +
                   std::to_string(static_cast<int>(change.kind)) +
                   (change.previous ? " had" : " new"));
  });
  ASSERT_TRUE(w.server.write(write(kube::Verb::Create, "a", config_map("a"))).has_value());
  EXPECT_EQ(w.server.write(write(kube::Verb::Create, "a", config_map("a"))).error().code,
            ErrorCode::AlreadyExists);
  ASSERT_TRUE(
      w.server.write(write(kube::Verb::MergePatch, "a", {{"data", {{"k", "1"}}}})).has_value());
  ASSERT_TRUE(
      w.server.write(write(kube::Verb::MergePatch, "a", {{"data", {{"k", "1"}}}})).has_value());
  ASSERT_TRUE(w.server.write(write(kube::Verb::Delete, "a", nullptr)).has_value());
  EXPECT_EQ(w.server.write(write(kube::Verb::Delete, "a", nullptr)).error().code,
            ErrorCode::NotFound);
  EXPECT_EQ(seen,
            (std::vector<std::string>{"configmaps default/a 0 new", "configmaps default/a 1 had",
                                      "configmaps default/a 2 had"}));
}

TEST(ServerInside, PreconditionsOfWritesHold) {
  World w;
  ASSERT_TRUE(w.server.write(write(kube::Verb::Create, "a", config_map("a"))).has_value());
  kube::Write stale = write(kube::Verb::MergePatch, "a", {{"data", {{"k", "1"}}}});
  stale.resource_version = "1";
  EXPECT_EQ(w.server.write(stale).error().code, ErrorCode::Conflict);
  stale.verb = kube::Verb::Delete;
  stale.body.clear();
  EXPECT_EQ(w.server.write(stale).error().code, ErrorCode::Conflict);
  kube::Write other = write(kube::Verb::JsonPatch, "a",
                            {{{"op", "add"}, {"path", "/data"}, {"value", {{"k", "1"}}}}});
  other.uid = "someone-else";
  EXPECT_FALSE(w.server.write(other).has_value());
}

TEST(ServerInside, GetAndListShareTheStoredObject) {
  World w;
  w.call("POST", kMaps, config_map("a"));
  const auto one = w.server.get(kube::kConfigMaps, {"default", "a"});
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(w.server.list(kube::kConfigMaps, "default").at(0), one);
  EXPECT_TRUE(w.server.list(kube::kConfigMaps, "elsewhere").empty());
  EXPECT_EQ(w.server.get(kube::kConfigMaps, {"default", "b"}), nullptr);
}

TEST(ServerInside, EveryRequestLeavesOneAuditLine) {
  World w;
  std::vector<AuditEntry> lines;
  w.server.on_audit([&](const AuditEntry& entry) { lines.push_back(entry); });
  http::Request request;
  request.method = "POST";
  request.url = "/apis/apps/v1/namespaces/default/replicasets";
  request.body = "{}";
  (void)w.server.handle(request, Caller{"alice", "test/1"});
  w.call("POST", kMaps, config_map("a"));
  w.call("PATCH", std::string(kMaps) + "/a", {{"data", nullptr}}, "application/merge-patch+json");
  w.call("GET", kMaps);
  w.call("DELETE", kMaps);
  (void)w.watch(std::string(kMaps) + "?watch=1");
  (void)w.server.write(write(kube::Verb::Create, "silent", config_map("silent")));
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[0].user, "alice");
  EXPECT_EQ(lines[0].group, "apps");
  EXPECT_EQ(lines[0].code, 422);
  EXPECT_FALSE(lines[0].changed);
  EXPECT_EQ(lines[1].verb, "create");
  EXPECT_EQ(lines[1].name, "a");
  EXPECT_TRUE(lines[1].changed);
  EXPECT_EQ(lines[2].verb, "patch");
  EXPECT_FALSE(lines[2].changed);
  EXPECT_EQ(lines[3].verb, "list");
  EXPECT_EQ(lines[4].verb, "deletecollection");
  EXPECT_EQ(lines[5].verb, "watch");
}

TEST(ServerInside, AggregatedDiscoveryMayBeAnsweredPlainly) {
  World w;
  http::Request request;
  request.url = "/apis";
  http::set_header(
      request.headers, "Accept",
      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json");
  const http::Response answer = w.server.handle(request);
  EXPECT_EQ(*http::find_header(answer.headers, "Content-Type"), "application/json");
  EXPECT_EQ(kube::get_string(*kube::parse_json(answer.body), "kind"), "APIGroupList");
}

TEST(ServerInside, NewerKubectlsCreateSomeKindsInProtobuf) {
  World w;
  const auto chunk = [](char number, const std::string& bytes) {
    return std::string(1, static_cast<char>(number << 3 | 2)) + static_cast<char>(bytes.size()) +
           bytes;
  };
  const std::string type = chunk(1, chunk(1, "v1") + chunk(2, "ConfigMap"));
  const std::string object =
      chunk(1, chunk(1, "proto") + chunk(11, chunk(1, "app") + chunk(2, "web"))) +
      chunk(2, chunk(1, "k") + chunk(2, "v"));
  http::Request request;
  request.method = "POST";
  request.url = kMaps;
  request.body = std::string("k8s\0", 4) + type + chunk(2, object);
  http::set_header(request.headers, "Content-Type", "application/vnd.kubernetes.protobuf");
  EXPECT_EQ(w.server.handle(request).status, 201);
  const Json made = w.call("GET", std::string(kMaps) + "/proto").body;
  EXPECT_EQ(kube::get_string(made, "data.k"), "v");
  EXPECT_EQ(kube::get_string(made, "metadata.labels.app"), "web");
  request.body.resize(request.body.size() - 3);
  EXPECT_EQ(w.server.handle(request).status, 415);
}

TEST(ServerInside, OtherProtobufBodiesAreRefusedAndProtobufAcceptFallsBackToJson) {
  World w;
  EXPECT_EQ(w.call("POST", kMaps, config_map("a"), "application/vnd.kubernetes.protobuf").status,
            415);
  http::Request request;
  request.url = kMaps;
  http::set_header(request.headers, "Accept",
                   "application/vnd.kubernetes.protobuf,application/json");
  EXPECT_EQ(w.server.handle(request).status, 200);
  request.headers.clear();
  http::set_header(request.headers, "Accept", "application/vnd.kubernetes.protobuf");
  EXPECT_EQ(w.server.handle(request).status, 406);
}

Json gadget_crd() {
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", "gadgets.example.com"}}},
          {"spec",
           {{"group", "example.com"},
            {"scope", "Namespaced"},
            {"names", {{"plural", "gadgets"}, {"kind", "Gadget"}}},
            {"versions",
             {{{"name", "v1"},
               {"served", true},
               {"storage", true},
               {"schema",
                {{"openAPIV3Schema",
                  {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}}}}}}}}}}};
}

TEST(ServerInside, DefinitionsCanBeCompiledOnceAndShared) {
  const auto bundle = ApiServer::compile_crds({gadget_crd()});
  ASSERT_TRUE(bundle.has_value()) << bundle.error().message;
  for (int i = 0; i < 2; ++i) {
    World w(ApiServer::Options{.crds = *bundle});
    EXPECT_EQ(w.call("POST", "/apis/example.com/v1/namespaces/default/gadgets",
                     {{"apiVersion", "example.com/v1"},
                      {"kind", "Gadget"},
                      {"metadata", {{"name", "g"}}},
                      {"x", 1}})
                  .status,
              201);
    EXPECT_EQ(
        w.call("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.example.com")
            .status,
        200);
  }
  Json broken = gadget_crd();
  broken["spec"].erase("versions");
  EXPECT_EQ(ApiServer::compile_crds({broken}).error().code, ErrorCode::Invalid);
}

TEST(ServerInside, ManagedFieldsCanBeSwitchedOffAndApplyStillOwns) {
  World w(ApiServer::Options{.managed_fields = false});
  EXPECT_FALSE(w.call("POST", kMaps, config_map("a", {{"k", "1"}}))
                   .body["metadata"]
                   .contains("managedFields"));
  const std::string apply = "application/apply-patch+yaml";
  w.call("PATCH", std::string(kMaps) + "/b?fieldManager=me", config_map("b", {{"k", "1"}}), apply);
  EXPECT_EQ(w.call("PATCH", std::string(kMaps) + "/b?fieldManager=you",
                   config_map("b", {{"k", "2"}}), apply)
                .status,
            409);
}

TEST(ServerInside, TheSameSeedMakesTheSameServer) {
  World a, b;
  for (World* w : {&a, &b})
    w->call("POST", kMaps,
            {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"generateName", "x-"}}}});
  EXPECT_EQ(kube::dump(a.call("GET", kMaps).body), kube::dump(b.call("GET", kMaps).body));
}

TEST(ServerInside, OldVersionsOfKindsAreConverted) {
  World w;
  const std::string v1 = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
  const Json hpa = {{"apiVersion", "autoscaling/v1"},
                    {"kind", "HorizontalPodAutoscaler"},
                    {"metadata", {{"name", "h"}}},
                    {"spec",
                     {{"maxReplicas", 5},
                      {"targetCPUUtilizationPercentage", 80},
                      {"scaleTargetRef", {{"kind", "Rollout"}, {"name", "web"}}}}}};
  ASSERT_EQ(w.call("POST", v1, hpa).status, 201);
  EXPECT_EQ(kube::get_int(w.call("GET", v1 + "/h").body, "spec.targetCPUUtilizationPercentage"),
            80);
  const Json v2 =
      w.call("GET", "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/h").body;
  EXPECT_EQ(v2["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 80);
  EXPECT_EQ(kube::get_int(v2, "spec.minReplicas"), 1);
  const std::string slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
  ASSERT_EQ(w.call("POST", slices,
                   {{"apiVersion", "discovery.k8s.io/v1"},
                    {"kind", "EndpointSlice"},
                    {"metadata", {{"name", "s"}}},
                    {"addressType", "IPv4"},
                    {"endpoints", {{{"addresses", {"10.0.0.1"}}, {"nodeName", "n"}}}}})
                .status,
            201);
  const Json beta =
      w.call("GET", "/apis/discovery.k8s.io/v1beta1/namespaces/default/endpointslices/s").body;
  EXPECT_EQ(kube::get_string(beta, "apiVersion"), "discovery.k8s.io/v1beta1");
  EXPECT_EQ(beta["endpoints"][0]["topology"]["kubernetes.io/hostname"], "n");
}

TEST(ServerInside, JobsOrphanTheirPodsUnlessToldOtherwiseAndSelectByUid) {
  World w;
  const std::string jobs = "/apis/batch/v1/namespaces/default/jobs";
  const Json job = {
      {"apiVersion", "batch/v1"},
      {"kind", "Job"},
      {"metadata", {{"name", "j"}}},
      {"spec",
       {{"template",
         {{"spec",
           {{"restartPolicy", "Never"}, {"containers", {{{"name", "c"}, {"image", "x"}}}}}}}}}}};
  const Json made = w.call("POST", jobs, job).body;
  EXPECT_EQ(kube::get_int(made, "spec.completions"), 1);
  EXPECT_EQ(kube::get_int(made, "spec.backoffLimit"), 6);
  EXPECT_EQ(made["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"],
            made["metadata"]["uid"]);
  EXPECT_EQ(made["spec"]["template"]["metadata"]["labels"]["job-name"], "j");
  EXPECT_EQ(w.call("DELETE", jobs + "/j").body["metadata"]["finalizers"], Json({"orphan"}));
}

}  // namespace
}  // namespace sluice::apiserver
