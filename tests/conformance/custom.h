#pragma once
// Custom resources: structural schemas, defaulting, validation, subresources.
#include "tests/conformance/api.h"

namespace sluice::conformance {

inline Json widget_schema() {
  return {{"type", "object"},
          {"required", {"size"}},
          {"properties",
           {{"size", {{"type", "integer"}, {"minimum", 1}, {"maximum", 10}}},
            {"replicas", {{"type", "integer"}}},
            {"colour", {{"type", "string"}, {"enum", {"red", "blue"}}, {"default", "red"}}},
            {"name", {{"type", "string"}, {"pattern", "^[a-z]+(-[a-z]+)*$"}, {"maxLength", 8}}},
            {"surge", {{"x-kubernetes-int-or-string", true}}},
            {"maybe", {{"type", "string"}, {"nullable", true}}},
            {"free", {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}}},
            {"labels", {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}}},
            {"parts",
             {{"type", "array"},
              {"x-kubernetes-list-type", "map"},
              {"x-kubernetes-list-map-keys", {"name"}},
              {"items",
               {{"type", "object"},
                {"required", {"name"}},
                {"properties",
                 {{"name", {{"type", "string"}}},
                  {"count", {{"type", "integer"}, {"default", 1}}}}}}}}},
            {"list", {{"type", "array"}, {"items", {{"type", "string"}}}}}}}};
}

TEST_P(Conformance, UnknownFieldsOfCustomResourcesArePruned) {
  const std::string path = install(widget_schema());
  const Answer made = post(path, widget("w", {{"size", 1},
                                              {"strange", 1},
                                              {"free", {{"any", {{"thing", true}}}}},
                                              {"labels", {{"a", "b"}}},
                                              {"parts", {{{"name", "x"}, {"odd", 1}}}}}));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_FALSE(made.has("spec.strange"));
  EXPECT_EQ(made.body["spec"]["free"], Json({{"any", {{"thing", true}}}}));
  EXPECT_EQ(made.body["spec"]["labels"], Json({{"a", "b"}}));
  EXPECT_FALSE(made.body["spec"]["parts"][0].contains("odd"));
}

TEST_P(Conformance, DefaultsAppearOnWriteAlsoInsideLists) {
  const std::string path = install(widget_schema());
  const Answer made = post(path, widget("w", {{"size", 1}, {"parts", {{{"name", "x"}}}}}));
  EXPECT_EQ(made.text("spec.colour"), "red");
  EXPECT_EQ(made.body["spec"]["parts"][0]["count"], 1);
}

TEST_P(Conformance, NullsOfFieldsThatAreNotNullableGo) {
  const std::string path = install(widget_schema());
  const Answer made = post(
      path, widget("w", {{"size", 1}, {"maybe", nullptr}, {"colour", nullptr}, {"name", nullptr}}));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_TRUE(made.body["spec"].contains("maybe"));
  EXPECT_EQ(made.text("spec.colour"), "red");
  EXPECT_FALSE(made.body["spec"].contains("name"));
}

TEST_P(Conformance, IntOrStringTakesBothAndNothingElse) {
  const std::string path = install(widget_schema());
  EXPECT_EQ(post(path, widget("a", {{"size", 1}, {"surge", 1}})).status, 201);
  EXPECT_EQ(post(path, widget("b", {{"size", 1}, {"surge", "25%"}})).status, 201);
  EXPECT_EQ(post(path, widget("c", {{"size", 1}, {"surge", true}})).status, 422);
}

TEST_P(Conformance, ValidationSpeaksTheRealServersWords) {
  const std::string path = install(widget_schema());
  struct Case {
    Json spec;
    std::string field, message;
  };
  const std::vector<Case> cases = {
      {{{"size", "big"}},
       "spec.size",
       "Invalid value: \"string\": spec.size in body must be of type integer: \"string\""},
      {{{"size", 0}},
       "spec.size",
       "Invalid value: 0: spec.size in body should be greater than or equal to 1"},
      {{{"size", 11}},
       "spec.size",
       "Invalid value: 11: spec.size in body should be less than or equal to 10"},
      {Json::object(), "spec.size", "Required value"},
      {{{"size", 1}, {"colour", "green"}},
       "spec.colour",
       "Unsupported value: \"green\": supported values: \"red\", \"blue\""},
      {{{"size", 1}, {"name", "A1"}},
       "spec.name",
       "Invalid value: \"A1\": spec.name in body should match '^[a-z]+(-[a-z]+)*$'"},
      // A 1.20 leaves the index out and prints the duplicate as Go does; the embedded server
      // follows newer ones.
      {{{"size", 1}, {"parts", {{{"count", 1}}}}},
       api_->embedded() ? "spec.parts[0].name" : "spec.parts.name",
       "Required value"},
      {{{"size", 1}, {"parts", {{{"name", "x"}}, {{"name", "x"}}}}},
       "spec.parts[1]",
       api_->embedded() ? "Duplicate value: {\"name\":\"x\"}"
                        : "Duplicate value: map[string]interface {}{\"name\":\"x\"}"},
  };
  for (const Case& c : cases) {
    const Answer refused = post(path, widget("w", c.spec));
    EXPECT_EQ(refused.status, 422) << c.spec;
    EXPECT_EQ(refused.text("reason"), "Invalid");
    ASSERT_TRUE(refused.has("details.causes")) << refused.body;
    const Json& cause = refused.body["details"]["causes"][0];
    EXPECT_EQ(kube::get_string(cause, "field"), c.field);
    EXPECT_EQ(kube::get_string(cause, "message"), c.message);
    EXPECT_EQ(refused.text("details.kind"), "Widget");
    EXPECT_EQ(refused.text("message").rfind("Widget." + group_ + " \"w\" is invalid: ", 0), 0U)
        << refused.text("message");
  }
}

TEST_P(Conformance, StrictValidationNamesUnknownFieldsAndWarnWarns) {
  if (!api_->embedded())
    GTEST_SKIP() << "fieldValidation came after 1.20, which the real server of the tests is";
  const std::string path = install(widget_schema());
  const Answer refused =
      send("POST", path + "?fieldValidation=Strict", widget("w", {{"size", 1}, {"odd", 1}}));
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.text("message").find("strict decoding error: unknown field \"spec.odd\""),
            std::string::npos)
      << refused.text("message");
  const Answer warned =
      send("POST", path + "?fieldValidation=Warn", widget("w", {{"size", 1}, {"odd", 1}}));
  EXPECT_EQ(warned.status, 201);
  const std::string* warning = http::find_header(warned.headers, "Warning");
  ASSERT_NE(warning, nullptr);
  EXPECT_EQ(*warning, "299 - \"unknown field \\\"spec.odd\\\"\"");
  Json web = deployment("web");
  web["spec"]["replica"] = 3;
  EXPECT_EQ(send("POST", deployments() + "?fieldValidation=Strict", web).status, 400);
  EXPECT_EQ(send("POST", deployments(), web).status, 201);
}

TEST_P(Conformance, APutWithoutVersionOfACustomResourceIsInvalid) {
  const std::string path = install(widget_schema());
  (void)post(path, widget("w", {{"size", 1}}));
  const Answer refused = put(path + "/w", widget("w", {{"size", 2}}));
  EXPECT_EQ(refused.status, 422);
  EXPECT_NE(refused.text("message").find(
                "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update"),
            std::string::npos)
      << refused.text("message");
}

TEST_P(Conformance, CustomResourcesWithStatusSubresourceSeparateTheTwo) {
  const std::string path = install(widget_schema());
  Json object = widget("w", {{"size", 1}});
  object["status"] = {{"phase", "early"}};
  EXPECT_FALSE(post(path, object).has("status"));
  const Answer status =
      patch(path + "/w/status", kMerge, {{"spec", {{"size", 5}}}, {"status", {{"phase", "late"}}}});
  EXPECT_EQ(status.text("status.phase"), "late");
  EXPECT_EQ(status.number("spec.size"), 1);
  EXPECT_EQ(status.number("metadata.generation"), 1);
  EXPECT_EQ(patch(path + "/w", kMerge, {{"status", {{"phase", "x"}}}, {"spec", {{"size", 2}}}})
                .text("status.phase"),
            "late");
  EXPECT_EQ(get(path + "/w").number("metadata.generation"), 2);
}

TEST_P(Conformance, TheStatusEndpointOfACustomKindReadsNoUidButTheVersion) {
  const std::string path = install(widget_schema());
  (void)post(path, widget("w", {{"size", 1}}));
  const Json foreign = {{"metadata", {{"uid", "00000000-0000-4000-8000-000000000000"}}},
                        {"status", {{"phase", "late"}}}};
  const Answer written = patch(path + "/w/status", kMerge, foreign);
  EXPECT_EQ(written.status, 200) << written.body;
  EXPECT_EQ(written.text("status.phase"), "late");
  Json stale = foreign;
  stale["metadata"]["resourceVersion"] = "1";
  EXPECT_EQ(patch(path + "/w/status", kMerge, stale).status, 409);
  EXPECT_EQ(patch(path + "/w", kMerge, foreign).status, 422);
}

TEST_P(Conformance, WithoutStatusSubresourceStatusIsAnOrdinaryField) {
  const std::string path = install(widget_schema(), false);
  Json object = widget("w", {{"size", 1}});
  object["status"] = {{"phase", "early"}};
  const Answer made = post(path, object);
  EXPECT_EQ(made.text("status.phase"), "early");
  EXPECT_EQ(get(path + "/w/status").status, 404);
  const Answer changed = patch(path + "/w", kMerge, {{"status", {{"phase", "late"}}}});
  EXPECT_EQ(changed.text("status.phase"), "late");
  EXPECT_EQ(changed.number("metadata.generation"), 2);
}

TEST_P(Conformance, CustomResourcesScale) {
  const std::string path = install(widget_schema());
  (void)post(path, widget("w", {{"size", 1}, {"replicas", 2}}));
  (void)patch(path + "/w/status", kMerge, {{"status", {{"replicas", 2}, {"selector", "app=w"}}}});
  const Answer scale = get(path + "/w/scale");
  EXPECT_EQ(scale.number("spec.replicas"), 2);
  EXPECT_EQ(scale.number("status.replicas"), 2);
  EXPECT_EQ(scale.text("status.selector"), "app=w");
  EXPECT_EQ(patch(path + "/w/scale", kMerge, {{"spec", {{"replicas", 5}}}}).number("spec.replicas"),
            5);
  EXPECT_EQ(get(path + "/w").number("spec.replicas"), 5);
}

TEST_P(Conformance, StrategicPatchesDoNotExistForCustomResources) {
  const std::string path = install(widget_schema());
  (void)post(path, widget("w", {{"size", 1}}));
  EXPECT_EQ(patch(path + "/w", kStrategic, {{"spec", {{"size", 2}}}}).status, 415);
}

TEST_P(Conformance, PrinterColumnsBecomeTableColumns) {
  const std::string path =
      install(widget_schema(), true,
              {{{"name", "Size"}, {"type", "integer"}, {"jsonPath", ".spec.size"}},
               {{"name", "Ready"},
                {"type", "string"},
                {"jsonPath", ".status.conditions[?(@.type==\"Ready\")].status"},
                {"priority", 1}},
               {{"name", "Age"}, {"type", "date"}, {"jsonPath", ".metadata.creationTimestamp"}}});
  (void)post(path, widget("w", {{"size", 3}}));
  (void)patch(
      path + "/w/status", kMerge,
      {{"status",
        {{"conditions",
          {{{"type", "Other"}, {"status", "False"}}, {{"type", "Ready"}, {"status", "True"}}}}}}});
  const Answer table = get(path, "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
  ASSERT_EQ(table.text("kind"), "Table") << table.body;
  const Json& columns = table.body["columnDefinitions"];
  ASSERT_EQ(columns.size(), 4U);
  EXPECT_EQ(columns[1]["name"], "Size");
  EXPECT_EQ(columns[2]["priority"], 1);
  const Json& cells = table.body["rows"][0]["cells"];
  EXPECT_EQ(cells[0], "w");
  EXPECT_EQ(cells[1], 3);
  EXPECT_EQ(cells[2], "True");
}

TEST_P(Conformance, AChangedDefinitionTakesEffectAndDefaultsOnRead) {
  const std::string path = install(widget_schema());
  (void)post(path, widget("w", {{"size", 1}}));
  const std::string version = get(path + "/w").version();
  Json crd = get(crd_path()).body;
  Json& properties =
      crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
  properties["extra"] = {{"type", "string"}, {"default", "fresh"}};
  ASSERT_EQ(put(crd_path(), crd).status, 200);
  for (int i = 0; i < 50 && !get(path + "/w").has("spec.extra"); ++i) api_->settle();
  const Answer read = get(path + "/w");
  EXPECT_EQ(read.text("spec.extra"), "fresh");
  EXPECT_EQ(read.version(), version);
  EXPECT_EQ(get(path).body["items"][0]["spec"]["extra"], "fresh");
}

TEST_P(Conformance, DefinitionsAreEstablishedAndCheckedThemselves) {
  (void)install(widget_schema());
  const Answer crd = get(crd_path());
  bool established = false;
  for (const Json& condition : crd.body["status"]["conditions"])
    established =
        established || (condition["type"] == "Established" && condition["status"] == "True");
  EXPECT_TRUE(established);
  EXPECT_EQ(crd.text("spec.names.singular"), "widget");
  EXPECT_EQ(crd.text("spec.names.listKind"), "WidgetList");
  EXPECT_EQ(crd.body["status"]["storedVersions"], Json({"v1"}));
  Json wrong = crd_;
  wrong["metadata"]["name"] = "gadgets." + group_;
  EXPECT_EQ(post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", wrong).status, 422);
}

TEST_P(Conformance, DeletingADefinitionTakesItsObjects) {
  const std::string path = install(widget_schema());
  (void)post(path, widget("w", {{"size", 1}}));
  EXPECT_EQ(del(crd_path()).status, 200);
  for (int i = 0; i < 50 && get(path).status != 404; ++i) api_->settle();
  EXPECT_EQ(get(path + "/w").status, 404);
}

}  // namespace sluice::conformance
