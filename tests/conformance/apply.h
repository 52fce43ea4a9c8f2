#pragma once
// Server-side apply and field ownership.
#include "tests/conformance/api.h"
#include "tests/conformance/custom.h"

namespace sluice::conformance {

TEST_P(Conformance, ApplyCreatesAndThenUpdates) {
  const Answer made = apply(config_maps() + "/a", "me", config_map("a", {{"k", "1"}}));
  EXPECT_EQ(made.status, 201) << made.body;
  const Answer again = apply(config_maps() + "/a", "me", config_map("a", {{"k", "1"}}));
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.version(), made.version());
  EXPECT_EQ(apply(config_maps() + "/a", "me", config_map("a", {{"k", "2"}})).text("data.k"), "2");
}

TEST_P(Conformance, ApplyNeedsAManager) {
  EXPECT_EQ(send("PATCH", config_maps() + "/a", config_map("a"), kApply).status, 422);
}

TEST_P(Conformance, AFieldLeftOutByItsOnlyOwnerDisappears) {
  (void)apply(config_maps() + "/a", "me", config_map("a", {{"k", "1"}, {"l", "2"}}));
  const Answer done = apply(config_maps() + "/a", "me", config_map("a", {{"k", "1"}}));
  EXPECT_EQ(done.body["data"], Json({{"k", "1"}}));
}

TEST_P(Conformance, AFieldThatAnotherManagerAlsoAppliedStays) {
  (void)apply(config_maps() + "/a", "me", config_map("a", {{"k", "1"}, {"l", "2"}}));
  EXPECT_EQ(apply(config_maps() + "/a", "you", config_map("a", {{"l", "2"}})).status, 200);
  EXPECT_EQ(apply(config_maps() + "/a", "me", config_map("a", {{"k", "1"}})).body["data"],
            Json({{"k", "1"}, {"l", "2"}}));
}

TEST_P(Conformance, AForeignFieldIsAConflictThatNamesManagerAndField) {
  (void)apply(config_maps() + "/a", "me", config_map("a", {{"k", "1"}}));
  const Answer refused = apply(config_maps() + "/a", "you", config_map("a", {{"k", "2"}}));
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.text("reason"), "Conflict");
  ASSERT_TRUE(refused.has("details.causes"));
  EXPECT_EQ(refused.body["details"]["causes"][0]["reason"], "FieldManagerConflict");
  EXPECT_EQ(refused.body["details"]["causes"][0]["field"], ".data.k");
  EXPECT_EQ(refused.body["details"]["causes"][0]["message"], "conflict with \"me\"");
  EXPECT_EQ(refused.text("message"), "Apply failed with 1 conflict: conflict with \"me\": .data.k");
}

TEST_P(Conformance, ForceTakesTheFieldOver) {
  (void)apply(config_maps() + "/a", "me", config_map("a", {{"k", "1"}, {"l", "1"}}));
  EXPECT_EQ(apply(config_maps() + "/a", "you", config_map("a", {{"k", "2"}}), true).text("data.k"),
            "2");
  const Answer back = apply(config_maps() + "/a", "me", config_map("a", {{"l", "1"}}));
  EXPECT_EQ(back.status, 200);
  EXPECT_EQ(back.body["data"], Json({{"k", "2"}, {"l", "1"}}));
}

TEST_P(Conformance, AnOrdinaryUpdateTakesOwnershipOfWhatItChanges) {
  (void)apply(config_maps() + "/a", "me", config_map("a", {{"k", "1"}}));
  ASSERT_EQ(
      send("PATCH", config_maps() + "/a?fieldManager=editor", {{"data", {{"k", "2"}}}}, kMerge)
          .status,
      200);
  const Answer refused = apply(config_maps() + "/a", "me", config_map("a", {{"k", "3"}}));
  EXPECT_EQ(refused.status, 409);
  EXPECT_NE(refused.text("message").find("conflict with \"editor\""), std::string::npos)
      << refused.text("message");
}

TEST_P(Conformance, ListsWithKeysMergeByKey) {
  Json object = deployment("web");
  ASSERT_EQ(apply(deployments() + "/web", "me", object).status, 201);
  const Json side = {
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata", {{"name", "web"}}},
      {"spec",
       {{"template",
         {{"spec", {{"containers", {{{"name", "side"}, {"image", "example/side:1"}}}}}}}}}}};
  const Answer both = apply(deployments() + "/web", "injector", side);
  ASSERT_EQ(both.status, 200) << both.body;
  EXPECT_EQ(both.body["spec"]["template"]["spec"]["containers"].size(), 2U);
  const Answer env =
      apply(deployments() + "/web", "env",
            {{"apiVersion", "apps/v1"},
             {"kind", "Deployment"},
             {"metadata", {{"name", "web"}}},
             {"spec",
              {{"template",
                {{"spec",
                  {{"containers",
                    {{{"name", "web"}, {"env", {{{"name", "A"}, {"value", "1"}}}}}}}}}}}}}});
  ASSERT_EQ(env.status, 200) << env.body;
  // The injector goes away: its container does, the other stays with what others gave it.
  const Answer without = apply(deployments() + "/web", "injector",
                               {{"apiVersion", "apps/v1"},
                                {"kind", "Deployment"},
                                {"metadata", {{"name", "web"}, {"labels", {{"by", "injector"}}}}}});
  ASSERT_EQ(without.status, 200) << without.body;
  const Json& containers = without.body["spec"]["template"]["spec"]["containers"];
  ASSERT_EQ(containers.size(), 1U);
  EXPECT_EQ(containers[0]["env"][0]["value"], "1");
  EXPECT_EQ(containers[0]["image"], "example/web:1");
}

TEST_P(Conformance, ScalingByAnotherManagerConflictsWithAnAppliedReplicaCount) {
  Json object = deployment("web");
  object["spec"]["replicas"] = 2;
  (void)apply(deployments() + "/web", "me", object);
  ASSERT_EQ(send("PATCH", deployments() + "/web/scale?fieldManager=scaler",
                 {{"spec", {{"replicas", 4}}}}, kMerge)
                .status,
            200);
  object["spec"]["replicas"] = 3;
  if (!api_->embedded()) {
    // A 1.20 does not record owners of writes to the scale subresource yet: no conflict.
    EXPECT_EQ(apply(deployments() + "/web", "me", object).status, 200);
    return;
  }
  EXPECT_EQ(apply(deployments() + "/web", "me", object).status, 409);
  object["spec"].erase("replicas");
  const Answer released = apply(deployments() + "/web", "me", object);
  EXPECT_EQ(released.status, 200);
  EXPECT_EQ(released.number("spec.replicas"), 4);
}

TEST_P(Conformance, CustomResourcesMergeKeyedListsAndReplaceAtomicOnes) {
  const std::string path = install(widget_schema());
  ASSERT_EQ(
      apply(path + "/w", "me",
            widget("w", {{"size", 1}, {"parts", {{{"name", "a"}, {"count", 2}}}}, {"list", {"x"}}}))
          .status,
      201);
  const Answer both =
      apply(path + "/w", "you", widget("w", {{"parts", {{{"name", "b"}, {"count", 3}}}}}));
  if (!api_->embedded()) {
    // A 1.20 cannot build its model of a schema with anyOf (as int-or-string has it) and takes
    // every list as atomic then.
    EXPECT_EQ(both.status, 409) << both.body;
    EXPECT_EQ(both.text("message"),
              "Apply failed with 1 conflict: conflict with \"me\": .spec.parts");
    return;
  }
  ASSERT_EQ(both.status, 200) << both.body;
  EXPECT_EQ(both.body["spec"]["parts"].size(), 2U);
  EXPECT_EQ(apply(path + "/w", "you", widget("w", {{"list", {"y"}}})).status, 409);
  EXPECT_EQ(apply(path + "/w", "you", widget("w", {{"list", {"x"}}})).status, 200);
}

TEST_P(Conformance, ManagedFieldsRecordManagerOperationAndFields) {
  const Answer made = apply(config_maps() + "/a", "me", config_map("a", {{"k", "1"}}));
  const Json& entry = made.body["metadata"]["managedFields"][0];
  EXPECT_EQ(entry["manager"], "me");
  EXPECT_EQ(entry["operation"], "Apply");
  EXPECT_EQ(entry["apiVersion"], "v1");
  EXPECT_EQ(entry["fieldsType"], "FieldsV1");
  EXPECT_EQ(entry["fieldsV1"], Json({{"f:data", {{"f:k", Json::object()}}}}));
  const Answer reset = send("PATCH", config_maps() + "/a",
                            {{"metadata", {{"managedFields", {Json::object()}}}}}, kMerge);
  EXPECT_EQ(reset.status, 200);
  EXPECT_FALSE(get(config_maps() + "/a").has("metadata.managedFields"));
}

TEST_P(Conformance, AppliedConfigurationMayNotCarryManagedFields) {
  Json object = config_map("a");
  object["metadata"]["managedFields"] = {
      {{"manager", "x"}, {"operation", "Apply"}, {"apiVersion", "v1"}}};
  EXPECT_EQ(apply(config_maps() + "/a", "me", object).status, 400);
}

}  // namespace sluice::conformance
