// Identity of ReplicaSets (rollout.md §1.9, §1.10, §1.12, §1.16): what is written on them, which
// are ours, which go.
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(AuditIdentity, a_new_set_has_all_attributes_of_the_table) {
  Cluster c;
  auto object = rollout(3, json(R"({"canary":{}})"));
  object["metadata"]["annotations"] = json(R"({"team":"shop"})");
  object["spec"]["minReadySeconds"] = 7;
  object["spec"]["template"]["metadata"]["labels"]["tier"] = "front";
  c.put(object);
  c.pass();
  ASSERT_GE(c.sent.size(), 1U);
  const auto body = json(c.sent[0].body);
  const auto hash = kube::get_string(body["metadata"]["labels"], "rollouts-pod-template-hash");
  ASSERT_FALSE(hash.empty());
  EXPECT_EQ(body["metadata"]["name"], "web-" + hash);
  EXPECT_EQ(body["metadata"]["namespace"], "shop");
  EXPECT_EQ(body["metadata"]["labels"],
            (Json{{"app", "web"}, {"tier", "front"}, {"rollouts-pod-template-hash", hash}}));
  EXPECT_EQ(body["metadata"]["annotations"], (Json{{"team", "shop"},
                                                   {"rollout.argoproj.io/revision", "1"},
                                                   {"rollout.argoproj.io/desired-replicas", "3"}}));
  EXPECT_EQ(body["metadata"]["ownerReferences"],
            Json::array({Json{{"apiVersion", "argoproj.io/v1alpha1"},
                              {"kind", "Rollout"},
                              {"name", "web"},
                              {"uid", "uid-Rollout-web"},
                              {"controller", true},
                              {"blockOwnerDeletion", true}}}));
  // The reference creates it empty and sizes it in a later pass; one write does both.
  EXPECT_EQ(body["spec"]["replicas"], 3);
  EXPECT_EQ(body["spec"]["minReadySeconds"], 7);
  EXPECT_EQ(body["spec"]["selector"],
            (Json{{"matchLabels", {{"app", "web"}, {"rollouts-pod-template-hash", hash}}}}));
  auto expected = object["spec"]["template"];
  expected["metadata"]["labels"]["rollouts-pod-template-hash"] = hash;
  EXPECT_EQ(body["spec"]["template"], expected);
  EXPECT_EQ(c.condition("Progressing")["status"], "True");
  EXPECT_THAT(c.events, testing::Contains("NewReplicaSetCreated: Created ReplicaSet web-" + hash +
                                          " (revision 1)"));
}

TEST(AuditIdentity, unknown_fields_of_the_template_reach_the_set) {
  Cluster c;
  auto object = rollout(1, json(R"({"canary":{}})"));
  object["spec"]["template"]["spec"]["fieldOfTomorrow"] = json(R"({"a":[1,2]})");
  object["spec"]["template"]["spec"]["volumes"] = json(
      R"([{"name":"v","projected":{"sources":[{"secret":{"name":"s","items":[{"key":"k","path":"p"}]}}]}}])");
  c.put(object);
  c.pass();
  const auto spec = json(c.sent.at(0).body)["spec"]["template"]["spec"];
  EXPECT_EQ(spec["fieldOfTomorrow"], object["spec"]["template"]["spec"]["fieldOfTomorrow"]);
  EXPECT_EQ(spec["volumes"], object["spec"]["template"]["spec"]["volumes"]);
}

TEST(AuditIdentity, notations_of_one_quantity_make_one_set) {
  std::string name;
  for (const auto& cpu : {Json("1m"), Json("0.001"), Json(0.001)}) {
    Cluster c;
    auto object = rollout(1, json(R"({"canary":{}})"));
    object["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = cpu;
    c.put(object);
    c.pass();
    ASSERT_GE(c.sent.size(), 1U);
    if (name.empty()) name = c.sent[0].name;
    EXPECT_EQ(c.sent[0].name, name) << cpu;
    const auto body = json(c.sent[0].body);
    EXPECT_EQ(body["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"],
              cpu);
  }
}

// Hashes of libraries that nobody can recompute, the Deployment controller's among them, label sets
// that existed before the controller: equality of the templates finds them.
TEST(AuditIdentity, a_set_under_a_hash_of_an_older_scheme_is_kept_with_its_label) {
  auto c = basic_canary(2, R"([{"setWeight":50},{"pause":{}}])");
  const auto ours = c.current_hash();
  const std::string legacy = "6d5c8f7b9d";
  auto set = c.get("ReplicaSet", "web-" + ours);
  set["metadata"]["name"] = "web-" + legacy;
  set["metadata"]["uid"] = "legacy";
  for (auto* labels : {&set["metadata"]["labels"], &set["spec"]["selector"]["matchLabels"],
                       &set["spec"]["template"]["metadata"]["labels"]})
    (*labels)["rollouts-pod-template-hash"] = legacy;
  // What an API server fills in.
  auto& pod = set["spec"]["template"]["spec"];
  pod["restartPolicy"] = "Always";
  pod["dnsPolicy"] = "ClusterFirst";
  pod["schedulerName"] = "default-scheduler";
  pod["terminationGracePeriodSeconds"] = 30;
  pod["securityContext"] = Json::object();
  pod["serviceAccount"] = "shop";
  pod["serviceAccountName"] = "shop";
  pod["containers"][0]["terminationMessagePath"] = "/dev/termination-log";
  pod["containers"][0]["terminationMessagePolicy"] = "File";
  pod["containers"][0]["imagePullPolicy"] = "IfNotPresent";
  pod["containers"][0]["resources"] = Json::object();
  c.rollout()["spec"]["template"]["spec"]["serviceAccountName"] = "shop";
  c.objects["ReplicaSet"].clear();
  c.put(set);
  c.status()["currentPodHash"] = legacy;
  c.status()["stableRS"] = legacy;
  const auto before = c.sent.size();
  c.run();
  EXPECT_EQ(c.objects["ReplicaSet"].size(), 1U) << c.history(before);
  EXPECT_EQ(c.current_hash(), legacy);
  EXPECT_EQ(c.phase(), "Healthy");
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.objects["ReplicaSet"].size(), 2U);
  EXPECT_EQ(c.stable_hash(), legacy);
}

TEST(AuditIdentity, of_two_equal_sets_the_one_that_status_names_is_current) {
  auto c = basic_canary(2, R"([{"setWeight":50},{"pause":{}}])");
  const auto ours = c.current_hash();
  auto set = c.get("ReplicaSet", "web-" + ours);
  set["metadata"]["name"] = "web-older";
  set["metadata"]["uid"] = "older";
  set["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z";
  for (auto* labels : {&set["metadata"]["labels"], &set["spec"]["selector"]["matchLabels"],
                       &set["spec"]["template"]["metadata"]["labels"]})
    (*labels)["rollouts-pod-template-hash"] = "older";
  set["metadata"]["annotations"]["rollout.argoproj.io/revision"] = "0";
  c.put(set);
  c.status()["currentPodHash"] = "older";
  c.status()["stableRS"] = "older";
  c.settle();
  EXPECT_EQ(c.current_hash(), "older");
  EXPECT_EQ(c.stable_hash(), "older");
}

TEST(AuditIdentity, a_name_taken_by_a_set_that_is_not_ours_is_a_collision) {
  Cluster first;
  first.put(rollout(1, json(R"({"canary":{}})")));
  first.pass();
  const auto name = first.sent.at(0).name;
  // Without the hash label the set is invisible, but its name is taken all the same.
  for (const bool labelled : {true, false}) {
    Cluster c;
    c.put(rollout(1, json(R"({"canary":{}})")));
    auto foreign = first.get("ReplicaSet", name);
    foreign["metadata"]["ownerReferences"][0]["uid"] = "somebody-else";
    if (!labelled) foreign["metadata"]["labels"].erase("rollouts-pod-template-hash");
    c.put(foreign);
    auto observed = c.observe();
    if (!labelled) {
      const auto text = std::make_shared<const std::string>(kube::dump(foreign));
      const auto document = kube::Document::parse(*text);
      auto set = std::make_shared<kube::ReplicaSet>(kube::decode_replica_set(document->root()));
      set->raw = text;
      observed.replica_sets.push_back(set);
    }
    const auto plan = decide(observed, c.now);
    ASSERT_FALSE(plan.writes().empty());
    EXPECT_NE(plan.writes()[0]->key.name, name) << labelled;
    const auto* last = plan.writes().back();
    for (const auto* write : plan.writes())
      if (write->purpose == "PatchStatus") last = write;
    EXPECT_THAT(last->body, testing::HasSubstr(R"("collisionCount":1)")) << labelled;
  }
}

TEST(AuditIdentity, an_orphan_is_adopted_only_while_the_rollout_is_what_was_read) {
  auto c = basic_canary(1, "[]");
  c.get("ReplicaSet", new_set(c))["metadata"].erase("ownerReferences");
  const auto plan = decide(c.observe(), c.now);
  const auto writes = plan.writes();
  ASSERT_EQ(writes.size(), 2U);
  // A question to the server that changes nothing, but fails when the Rollout changed or is gone.
  EXPECT_EQ(writes[0]->purpose, "ConfirmRollout");
  EXPECT_TRUE(writes[0]->type == api::kRollouts);
  EXPECT_EQ(writes[0]->verb, kube::Verb::MergePatch);
  EXPECT_EQ(writes[0]->body, "{}");
  EXPECT_EQ(writes[0]->uid, "uid-Rollout-web");
  EXPECT_EQ(writes[0]->resource_version, kube::get_string(c.rollout(), "metadata.resourceVersion"));
  EXPECT_EQ(writes[1]->purpose, "AdoptReplicaSet");
  EXPECT_EQ(writes[1]->resource_version,
            kube::get_string(c.get("ReplicaSet", new_set(c)), "metadata.resourceVersion"));
  c.run();
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(AuditIdentity, several_orphans_are_confirmed_once_and_the_status_follows_behind) {
  auto c = basic_canary(2, "[]");
  const auto first = new_set(c);
  c.set_image("web:2");
  c.run();
  for (const auto& name : {first, new_set(c)})
    c.get("ReplicaSet", name)["metadata"].erase("ownerReferences");
  c.get("ReplicaSet", new_set(c))["status"]["readyReplicas"] = 1;
  c.get("ReplicaSet", new_set(c))["status"]["availableReplicas"] = 1;
  const auto before = c.sent.size();
  c.settle();
  const auto purposes = c.purposes(before);
  ASSERT_GE(purposes.size(), 3U);
  EXPECT_EQ(purposes[0], "ConfirmRollout");
  EXPECT_EQ(c.count(before)["ConfirmRollout"], 1) << c.history(before);
  EXPECT_EQ(c.count(before)["AdoptReplicaSet"], 2) << c.history(before);
}

TEST(AuditIdentity, an_orphan_that_is_being_deleted_or_of_another_namespace_is_left_alone) {
  auto c = basic_canary(1, "[]");
  auto orphan = c.get("ReplicaSet", new_set(c));
  orphan["metadata"].erase("ownerReferences");
  orphan["metadata"]["name"] = "web-gone";
  orphan["metadata"]["uid"] = "gone";
  orphan["metadata"]["labels"]["rollouts-pod-template-hash"] = "gone";
  orphan["metadata"]["deletionTimestamp"] = "2026-11-21T15:00:00Z";
  c.put(orphan);
  orphan["metadata"]["name"] = "web-abroad";
  orphan["metadata"]["namespace"] = "abroad";
  orphan["metadata"].erase("deletionTimestamp");
  c.put(orphan);
  const auto before = c.sent.size();
  c.run();
  EXPECT_THAT(c.purposes(before), IsEmpty()) << c.history(before);
}

TEST(AuditIdentity, history_rises_with_the_revision_only) {
  auto c = basic_canary(1, "[]");
  const auto first = new_set(c);
  for (const auto* image : {"web:2", "web:1", "web:2", "web:1"}) {
    c.set_image(image);
    c.run();
    c.edit_rollout(std::string(R"({"metadata":{"annotations":{"note":")") + image + R"("}}})");
    c.run();
  }
  EXPECT_EQ(c.annotation("ReplicaSet", first, "rollout.argoproj.io/revision"), "5");
  EXPECT_EQ(c.annotation("ReplicaSet", first, "rollout.argoproj.io/revision-history"), "1,3");
  EXPECT_EQ(c.annotation("Rollout", "web", "rollout.argoproj.io/revision"), "5");
  EXPECT_EQ(c.objects["ReplicaSet"].size(), 2U);
}

TEST(AuditHistory, a_candidate_that_cannot_go_is_not_replaced_by_a_younger_one) {
  struct Row {
    const char* point;
    const char* patch;
    bool goes;
  };
  for (const auto& row : std::vector<Row>{
           {"at rest", R"({"metadata":{"labels":{}}})", true},
           {"pods left", R"({"status":{"replicas":1}})", false},
           {"generation not observed", R"({"status":{"observedGeneration":0}})", false},
           {"being deleted", R"({"metadata":{"deletionTimestamp":"2026-11-21T15:00:00Z"}})",
            false}}) {
    SCOPED_TRACE(row.point);
    auto c = basic_canary(1, "[]");
    std::vector<std::string> sets{new_set(c)};
    for (int i = 2; i <= 4; ++i) {
      c.now += Seconds{2};
      c.set_image("web:" + std::to_string(i));
      c.run();
      sets.push_back(new_set(c));
    }
    ASSERT_EQ(c.objects["ReplicaSet"].size(), 4U);
    c.edit("ReplicaSet", sets[0], json(row.patch));
    c.edit_rollout(R"({"spec":{"revisionHistoryLimit":2}})");
    c.settle();
    EXPECT_EQ(c.has("ReplicaSet", sets[0]), !row.goes);
    EXPECT_TRUE(c.has("ReplicaSet", sets[1]));
    EXPECT_TRUE(c.has("ReplicaSet", sets[2]));
  }
}

TEST(AuditHistory, the_default_is_ten_and_current_and_stable_do_not_count) {
  auto c = basic_canary(1, "[]");
  for (int i = 2; i <= 13; ++i) {
    c.now += Seconds{2};
    c.set_image("web:" + std::to_string(i));
    c.run();
  }
  EXPECT_EQ(c.objects["ReplicaSet"].size(), 11U);
}

TEST(AuditHistory, runs_go_with_their_set_but_the_current_one_stays) {
  auto c = nginx_canary(1, R"([{"setWeight":50},{"pause":{}}])",
                        R"({"analysis":{"templates":[{"templateName":"endless"}]},
                            "scaleDownDelaySeconds":0})");
  c.set_image("web:2");
  c.run();
  const auto run = "web-" + c.current_hash() + "-2";
  const auto set = new_set(c);
  ASSERT_TRUE(c.has("AnalysisRun", run));
  c.set_run(run, "Successful");
  c.now += Seconds{2};
  c.set_image("web:3");
  c.run();
  ASSERT_TRUE(c.has("AnalysisRun", run));
  c.edit_rollout(R"({"spec":{"revisionHistoryLimit":0}})");
  c.run();
  EXPECT_FALSE(c.has("ReplicaSet", set));
  EXPECT_FALSE(c.has("AnalysisRun", run));
  EXPECT_TRUE(c.has("AnalysisRun", "web-" + c.current_hash() + "-3"));
}

TEST(AuditCleanUp, a_service_gets_back_what_it_had) {
  struct Row {
    const char* point;
    const char* annotations;
    const char* selector;
    bool referenced, written;
  };
  for (const auto& row : std::vector<Row>{
           {"managed", R"({"argo-rollouts.argoproj.io/managed-by-rollouts":"web","x":"y"})",
            R"({"app":"web","rollouts-pod-template-hash":"abc"})", false, true},
           {"no annotation, but the selector", R"({"x":"y"})",
            R"({"app":"web","rollouts-pod-template-hash":"abc"})", false, true},
           {"still in use", R"({"argo-rollouts.argoproj.io/managed-by-rollouts":"web"})",
            R"({"app":"web","rollouts-pod-template-hash":"abc"})", true, false},
           {"nothing of ours", R"({"x":"y"})", R"({"app":"web"})", false, false}}) {
    SCOPED_TRACE(row.point);
    Cluster c;
    auto object = service("s");
    object["metadata"]["annotations"] = json(row.annotations);
    object["spec"]["selector"] = json(row.selector);
    c.put(object);
    const auto document = kube::Document::parse(kube::dump(c.get("Service", "s")));
    const auto writes = clean_service(kube::decode_service(document->root()), row.referenced);
    ASSERT_EQ(writes.size(), row.written ? 1U : 0U);
    if (!row.written) continue;
    const auto body = json(writes[0].body);
    EXPECT_TRUE(body["spec"]["selector"].contains("rollouts-pod-template-hash"));
    EXPECT_TRUE(body["spec"]["selector"]["rollouts-pod-template-hash"].is_null());
    ASSERT_TRUE(c.apply(writes[0]));
    EXPECT_EQ(c.get("Service", "s")["spec"]["selector"], json(R"({"app":"web"})"));
    EXPECT_EQ(c.get("Service", "s")["metadata"]["annotations"].value("x", ""), "y");
    EXPECT_FALSE(c.get("Service", "s")["metadata"]["annotations"].contains(
        "argo-rollouts.argoproj.io/managed-by-rollouts"));
  }
}

}  // namespace
}  // namespace sluice::rollout::test
