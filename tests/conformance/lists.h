#pragma once
// Lists, watches, tables, discovery.
#include "tests/conformance/api.h"

namespace sluice::conformance {

TEST_P(Conformance, ChunksOfAListAreOneSnapshot) {
  for (const char* name : {"a", "b", "c", "d"})
    (void)post(config_maps(), config_map(name, {}, {{"suite", "chunks"}}));
  const std::string query = config_maps() + "?labelSelector=suite%3Dchunks&limit=2";
  const Answer first = get(query);
  ASSERT_EQ(first.status, 200);
  ASSERT_EQ(first.body["items"].size(), 2U);
  const std::string token = first.text("metadata.continue");
  ASSERT_FALSE(token.empty());
  (void)del(config_maps() + "/c");
  (void)post(config_maps(), config_map("bb", {}, {{"suite", "chunks"}}));
  std::string coded;
  for (char c : token)
    coded += c == '='   ? std::string("%3D")
             : c == '+' ? std::string("%2B")
             : c == '/' ? std::string("%2F")
                        : std::string(1, c);
  const Answer second = get(query + "&continue=" + coded);
  ASSERT_EQ(second.status, 200) << second.body;
  EXPECT_EQ(second.version(), first.version());
  ASSERT_EQ(second.body["items"].size(), 2U);
  EXPECT_EQ(second.body["items"][0]["metadata"]["name"], "c");
  EXPECT_EQ(second.body["items"][1]["metadata"]["name"], "d");
  EXPECT_FALSE(second.has("metadata.continue"));
}

TEST_P(Conformance, ListsHonourLabelAndFieldSelectors) {
  (void)post(config_maps(), config_map("a", {}, {{"tier", "web"}, {"v", "1"}}));
  (void)post(config_maps(), config_map("b", {}, {{"tier", "web"}, {"v", "2"}}));
  (void)post(config_maps(), config_map("c", {}, {{"tier", "db"}}));
  const auto names = [&](const std::string& query) {
    std::string out;
    const Answer list = get(config_maps() + query);
    for (const Json& item : list.body["items"])
      if (kube::get_string(item, "metadata.name").size() == 1)
        out += kube::get_string(item, "metadata.name");
    return out;
  };
  EXPECT_EQ(names("?labelSelector=tier%3Dweb"), "ab");
  EXPECT_EQ(names("?labelSelector=tier%20in%20(web,db),v!%3D1"), "bc");
  EXPECT_EQ(names("?labelSelector=!v,tier"), "c");
  EXPECT_EQ(names("?labelSelector=v%20notin%20(1,2),tier"), "c");
  EXPECT_EQ(names("?fieldSelector=metadata.name%3Db"), "b");
  EXPECT_EQ(names("?fieldSelector=metadata.name!%3Db,metadata.namespace%3D" + ns_), "ac");
  EXPECT_EQ(get(config_maps() + "?fieldSelector=data.k%3Dv").status, 400);
}

TEST_P(Conformance, AListNamesItsKindAndVersion) {
  const Answer list = get(deployments() + "?resourceVersion=0");
  EXPECT_EQ(list.text("kind"), "DeploymentList");
  EXPECT_EQ(list.text("apiVersion"), "apps/v1");
  EXPECT_FALSE(list.version().empty());
  EXPECT_TRUE(list.body["items"].is_array());
}

TEST_P(Conformance, AWatchReplaysFromAVersion) {
  const std::string from = get(config_maps()).version();
  (void)post(config_maps(), config_map("w", {{"k", "1"}}));
  (void)patch(config_maps() + "/w", kMerge, {{"data", {{"k", "2"}}}});
  (void)patch(config_maps() + "/w", kMerge, {{"data", {{"k", "2"}}}});
  (void)del(config_maps() + "/w");
  const std::vector<Json> events = api_->watch(
      config_maps() + "?watch=1&timeoutSeconds=2&resourceVersion=" + from, "application/json");
  EXPECT_EQ(summary(events), (std::vector<std::string>{"ADDED w", "MODIFIED w", "DELETED w"}));
  for (std::size_t i = 1; i < events.size(); ++i)
    EXPECT_GT(std::stoull(kube::get_string(events[i], "object.metadata.resourceVersion")),
              std::stoull(kube::get_string(events[i - 1], "object.metadata.resourceVersion")));
}

TEST_P(Conformance, AWatchWithoutVersionStartsWithWhatIsThere) {
  (void)post(config_maps(), config_map("w", {}, {{"only", "this"}}));
  const std::vector<Json> events = api_->watch(
      config_maps() + "?watch=true&timeoutSeconds=1&labelSelector=only%3Dthis", "application/json");
  EXPECT_EQ(summary(events), (std::vector<std::string>{"ADDED w"}));
}

TEST_P(Conformance, ASelectorWatchTurnsLabelChangesIntoAddedAndDeleted) {
  const std::string from = get(config_maps()).version();
  (void)post(config_maps(), config_map("w", {}, {{"app", "y"}}));
  (void)patch(config_maps() + "/w", kMerge, {{"metadata", {{"labels", {{"app", "x"}}}}}});
  (void)patch(config_maps() + "/w", kMerge, {{"data", {{"k", "1"}}}});
  (void)patch(config_maps() + "/w", kMerge, {{"metadata", {{"labels", {{"app", "y"}}}}}});
  const std::vector<Json> events = api_->watch(
      config_maps() + "?watch=1&timeoutSeconds=2&labelSelector=app%3Dx&resourceVersion=" + from,
      "application/json");
  EXPECT_EQ(summary(events), (std::vector<std::string>{"ADDED w", "MODIFIED w", "DELETED w"}));
}

TEST_P(Conformance, AFieldSelectorWatchSeesOneObject) {
  const std::string from = get(config_maps()).version();
  (void)post(config_maps(), config_map("w"));
  (void)post(config_maps(), config_map("v"));
  const std::vector<Json> events = api_->watch(
      config_maps() +
          "?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dw&resourceVersion=" + from,
      "application/json");
  EXPECT_EQ(summary(events), (std::vector<std::string>{"ADDED w"}));
}

TEST_P(Conformance, TablesShowDeploymentsToKubectl) {
  (void)post(deployments(), deployment("web"));
  const std::string accept =
      "application/json;as=Table;v=v1;g=meta.k8s.io,application/"
      "json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
  const Answer table = get(deployments(), accept);
  EXPECT_EQ(table.text("kind"), "Table");
  EXPECT_EQ(table.text("apiVersion"), "meta.k8s.io/v1");
  ASSERT_EQ(table.body["rows"].size(), 1U);
  EXPECT_EQ(table.body["columnDefinitions"][0]["name"], "Name");
  EXPECT_EQ(table.body["rows"][0]["cells"][0], "web");
  EXPECT_EQ(table.body["rows"][0]["object"]["kind"], "PartialObjectMetadata");
  EXPECT_EQ(get(deployments() + "/web", accept).body["rows"][0]["cells"][1], "0/0");
}

TEST_P(Conformance, AWatchCanBeATable) {
  const std::string from = get(deployments()).version();
  (void)post(deployments(), deployment("web"));
  const std::vector<Json> events =
      api_->watch(deployments() + "?watch=1&timeoutSeconds=1&resourceVersion=" + from,
                  "application/json;as=Table;v=v1;g=meta.k8s.io");
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0]["object"]["kind"], "Table");
  EXPECT_EQ(events[0]["object"]["rows"].size(), 1U);
  EXPECT_FALSE(events[0]["object"]["columnDefinitions"].empty());
}

TEST_P(Conformance, MetadataCanBeAskedForAlone) {
  (void)post(config_maps(), config_map("a", {{"k", "v"}}));
  const Answer partial =
      get(config_maps() + "/a", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
  EXPECT_EQ(partial.text("kind"), "PartialObjectMetadata");
  EXPECT_EQ(partial.text("metadata.name"), "a");
  EXPECT_FALSE(partial.has("data"));
}

TEST_P(Conformance, DiscoveryNamesGroupsResourcesAndSubresources) {
  EXPECT_EQ(get("/api").body["versions"], Json({"v1"}));
  bool apps = false;
  const Answer groups = get("/apis"), resources = get("/apis/apps/v1");
  for (const Json& group : groups.body["groups"]) apps = apps || group["name"] == "apps";
  EXPECT_TRUE(apps);
  bool scale = false, short_name = false;
  for (const Json& resource : resources.body["resources"]) {
    scale = scale || (resource["name"] == "deployments/scale" && resource["kind"] == "Scale" &&
                      resource["group"] == "autoscaling");
    short_name = short_name ||
                 (resource["name"] == "deployments" && resource["shortNames"] == Json({"deploy"}));
  }
  EXPECT_TRUE(scale);
  EXPECT_TRUE(short_name);
  EXPECT_EQ(get("/version").text("major"), "1");
  EXPECT_EQ(get("/apis/nothing.example.com").status, 404);
}

TEST_P(Conformance, OpenApiDescribesKindsAndThatPatchesCanBeTried) {
  const Answer document = get("/openapi/v2");
  ASSERT_EQ(document.status, 200);
  const Json deployment = {{"group", "apps"}, {"version", "v1"}, {"kind", "Deployment"}};
  const Json& definition = document.body["definitions"]["io.k8s.api.apps.v1.Deployment"];
  EXPECT_EQ(definition["x-kubernetes-group-version-kind"], Json::array({deployment}));
  for (const char* member : {"apiVersion", "kind", "metadata", "spec", "status"})
    EXPECT_TRUE(definition["properties"].contains(member)) << member;
  const Json& patch =
      document.body["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
  EXPECT_EQ(patch["x-kubernetes-group-version-kind"], deployment);
  bool dry_run = false;
  for (const Json& parameter : patch["parameters"])
    dry_run = dry_run || (parameter["name"] == "dryRun" && parameter["in"] == "query");
  EXPECT_TRUE(dry_run);
}

TEST_P(Conformance, EveryoneMayDoEverything) {
  const Json review = {
      {"apiVersion", "authorization.k8s.io/v1"},
      {"kind", "SelfSubjectAccessReview"},
      {"spec", {{"resourceAttributes", {{"verb", "list"}, {"resource", "pods"}}}}}};
  const Answer answer = post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review);
  EXPECT_EQ(answer.status, 201);
  EXPECT_TRUE(kube::get_bool(answer.body, "status.allowed"));
  const Answer rules = post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
                            {{"apiVersion", "authorization.k8s.io/v1"},
                             {"kind", "SelfSubjectRulesReview"},
                             {"spec", {{"namespace", ns_}}}});
  EXPECT_EQ(rules.status, 201);
  EXPECT_TRUE(kube::find_path(rules.body, "status.resourceRules")->is_array());
  if (!api_->embedded()) return;  // 1.20 does not tell callers who they are
  const Answer who = post("/apis/authentication.k8s.io/v1/selfsubjectreviews",
                          {{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "SelfSubjectReview"}});
  EXPECT_EQ(who.status, 201);
  EXPECT_EQ(who.text("status.userInfo.username"), "system:admin");
}

}  // namespace sluice::conformance
