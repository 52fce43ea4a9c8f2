#pragma once
// Create, read, update, patch, delete.
#include <set>

#include "tests/conformance/api.h"

namespace sluice::conformance {

TEST_P(Conformance, CreateFillsUidVersionTimestampAndNamespace) {
  const Answer made = post(config_maps(), config_map("a", {{"k", "v"}}));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.text("metadata.uid").size(), 36U);
  EXPECT_EQ(made.text("metadata.namespace"), ns_);
  EXPECT_EQ(made.text("metadata.creationTimestamp").size(), 20U);
  EXPECT_FALSE(made.version().empty());
  EXPECT_EQ(made.text("kind"), "ConfigMap");
  EXPECT_FALSE(made.has("metadata.generation"));
}

TEST_P(Conformance, GenerateNameAddsFiveSafeCharacters) {
  Json object = config_map("x");
  object["metadata"] = {{"generateName", "web-"}};
  const Answer made = post(config_maps(), object);
  ASSERT_EQ(made.status, 201);
  const std::string name = made.text("metadata.name");
  ASSERT_EQ(name.size(), 9U);
  EXPECT_EQ(name.find_first_not_of("bcdfghjklmnpqrstvwxz2456789", 4), std::string::npos) << name;
}

TEST_P(Conformance, ASecondCreateOfTheSameNameIsAlreadyExists) {
  (void)post(config_maps(), config_map("a"));
  const Answer again = post(config_maps(), config_map("a"));
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.text("reason"), "AlreadyExists");
  EXPECT_EQ(again.text("message"), "configmaps \"a\" already exists");
  EXPECT_EQ(again.text("details.name"), "a");
  EXPECT_EQ(again.text("details.kind"), "configmaps");
}

TEST_P(Conformance, AMissingObjectIsNotFoundWithDetails) {
  const Answer missing = get(deployments() + "/nobody");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.text("kind"), "Status");
  EXPECT_EQ(missing.text("status"), "Failure");
  EXPECT_EQ(missing.text("reason"), "NotFound");
  EXPECT_EQ(missing.number("code"), 404);
  EXPECT_EQ(missing.text("message"), "deployments.apps \"nobody\" not found");
  EXPECT_EQ(missing.text("details.group"), "apps");
  EXPECT_EQ(missing.text("details.kind"), "deployments");
}

TEST_P(Conformance, AnUnknownResourceIsNotFound) {
  const Answer missing = get("/apis/apps/v1/namespaces/" + ns_ + "/gizmos");
  EXPECT_EQ(missing.status, 404);
}

TEST_P(Conformance, CreationInAMissingNamespaceIsNotFound) {
  const Answer refused = post("/api/v1/namespaces/not-there-at-all/configmaps", config_map("a"));
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(refused.text("message"), "namespaces \"not-there-at-all\" not found");
}

TEST_P(Conformance, ATerminatingNamespaceRefusesCreationAndSaysWhy) {
  Json held = config_map("held");
  held["metadata"]["finalizers"] = {"example.com/hold"};
  ASSERT_EQ(post(config_maps(), held).status, 201);
  const Answer deleting = del("/api/v1/namespaces/" + ns_);
  EXPECT_EQ(deleting.status, 200);
  EXPECT_EQ(deleting.text("status.phase"), "Terminating");
  const Answer refused = post(config_maps(), config_map("late"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.text("reason"), "Forbidden");
  ASSERT_TRUE(refused.has("details.causes"));
  EXPECT_EQ(refused.body["details"]["causes"][0]["reason"], "NamespaceTerminating");
  EXPECT_EQ(
      patch(config_maps() + "/held", kMerge, {{"metadata", {{"finalizers", nullptr}}}}).status,
      200);
}

TEST_P(Conformance, NamesThatAreNoSubdomainAreInvalid) {
  for (const char* name : {"Upper", "under_score", "-dash", "dot..dot"}) {
    const Answer refused = post(config_maps(), config_map(name));
    EXPECT_EQ(refused.status, 422) << name;
    EXPECT_EQ(refused.text("reason"), "Invalid");
    EXPECT_EQ(refused.body["details"]["causes"][0]["field"], "metadata.name");
    EXPECT_EQ(refused.body["details"]["causes"][0]["reason"], "FieldValueInvalid");
  }
}

TEST_P(Conformance, LabelValuesAreChecked) {
  const Answer refused = post(config_maps(), config_map("a", {}, {{"app", "no spaces"}}));
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.body["details"]["causes"][0]["field"], "metadata.labels");
}

TEST_P(Conformance, ABodyOfAnotherKindOrNamespaceIsABadRequest) {
  Json wrong_version = config_map("a");
  wrong_version["apiVersion"] = "apps/v1";
  EXPECT_EQ(post(config_maps(), wrong_version).status, 400);
  Json elsewhere = config_map("a");
  elsewhere["metadata"]["namespace"] = "default";
  const Answer refused = post(config_maps(), elsewhere);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.text("reason"), "BadRequest");
}

TEST_P(Conformance, APutWithAnOldVersionIsAConflict) {
  const Answer made = post(config_maps(), config_map("a", {{"k", "1"}}));
  ASSERT_EQ(patch(config_maps() + "/a", kMerge, {{"data", {{"k", "2"}}}}).status, 200);
  Json stale = made.body;
  stale["data"]["k"] = "3";
  const Answer refused = put(config_maps() + "/a", stale);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.text("reason"), "Conflict");
  EXPECT_EQ(refused.text("message"),
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; "
            "please apply your changes to the latest version and try again");
}

TEST_P(Conformance, APutWithoutVersionOverwritesABuiltInKind) {
  (void)post(config_maps(), config_map("a", {{"k", "1"}}));
  const Answer done = put(config_maps() + "/a", config_map("a", {{"k", "2"}}));
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(done.text("data.k"), "2");
}

TEST_P(Conformance, APutOfAMissingObjectIsNotFound) {
  EXPECT_EQ(put(config_maps() + "/a", config_map("a")).status, 404);
}

constexpr const char* kForeignUid = "00000000-0000-4000-8000-000000000000";

TEST_P(Conformance, AnotherUidIsAConflictInAPutAndInvalidInAPatch) {
  const Answer made = post(config_maps(), config_map("a"));
  Json other = config_map("a", {{"k", "1"}});
  other["metadata"]["uid"] = kForeignUid;
  EXPECT_EQ(put(config_maps() + "/a", other).status, 409);
  const Json uid = {{"metadata", {{"uid", kForeignUid}}}, {"data", {{"k", "1"}}}};
  for (const char* type : {kMerge, kStrategic}) {
    const Answer refused = patch(config_maps() + "/a", type, uid);
    EXPECT_EQ(refused.status, 422) << type;
    EXPECT_EQ(refused.text("reason"), "Invalid");
    EXPECT_EQ(refused.body["details"]["causes"][0]["field"], "metadata.uid");
    EXPECT_EQ(refused.text("message"),
              std::string("ConfigMap \"a\" is invalid: metadata.uid: Invalid value: \"") +
                  kForeignUid + "\": field is immutable");
  }
  EXPECT_EQ(patch(config_maps() + "/a", kJsonPatch,
                  {{{"op", "replace"}, {"path", "/metadata/uid"}, {"value", kForeignUid}}})
                .status,
            422);
  EXPECT_EQ(apply(config_maps() + "/a", "me", other).status, 422);
  // The version is looked at first.
  Json stale = uid;
  stale["metadata"]["resourceVersion"] = "1";
  EXPECT_EQ(patch(config_maps() + "/a", kMerge, stale).status, 409);
  EXPECT_EQ(get(config_maps() + "/a").version(), made.version());
  EXPECT_EQ(patch(config_maps() + "/a", kMerge, {{"metadata", {{"uid", ""}}}}).status, 200);
}

TEST_P(Conformance, ANameThatIsNotTheUrlsIsABadRequest) {
  (void)post(config_maps(), config_map("a"));
  EXPECT_EQ(put(config_maps() + "/a", config_map("b")).status, 400);
}

TEST_P(Conformance, AWriteWithoutDifferenceKeepsTheVersion) {
  const Answer made = post(config_maps(), config_map("a", {{"k", "1"}}));
  EXPECT_EQ(put(config_maps() + "/a", made.body).version(), made.version());
  EXPECT_EQ(patch(config_maps() + "/a", kMerge, {{"data", {{"k", "1"}}}}).version(),
            made.version());
  EXPECT_NE(patch(config_maps() + "/a", kMerge, {{"data", {{"k", "2"}}}}).version(),
            made.version());
}

TEST_P(Conformance, ZeroValuesThatGoDropsAreNoDifference) {
  const Answer made = post(deployments(), deployment("web"));
  const Answer same = patch(deployments() + "/web", kMerge,
                            {{"spec", {{"paused", false}, {"minReadySeconds", 0}}}});
  // Not the version: where a Deployment controller runs beside the test, it writes too.
  EXPECT_EQ(same.number("metadata.generation"), made.number("metadata.generation"));
  EXPECT_FALSE(same.has("spec.paused"));
}

TEST_P(Conformance, AVersionInAMergePatchIsAPrecondition) {
  const Answer made = post(config_maps(), config_map("a"));
  const Json with_version = {{"metadata", {{"resourceVersion", made.version()}}},
                             {"data", {{"k", "1"}}}};
  EXPECT_EQ(patch(config_maps() + "/a", kMerge, with_version).status, 200);
  EXPECT_EQ(patch(config_maps() + "/a", kMerge,
                  {{"metadata", {{"resourceVersion", made.version()}}}, {"data", {{"k", "2"}}}})
                .status,
            409);
}

TEST_P(Conformance, AFailedJsonPatchTestIsUnprocessable) {
  (void)post(config_maps(), config_map("a", {{"k", "1"}}));
  const Json operations = {{{"op", "test"}, {"path", "/data/k"}, {"value", "2"}},
                           {{"op", "replace"}, {"path", "/data/k"}, {"value", "3"}}};
  EXPECT_EQ(patch(config_maps() + "/a", kJsonPatch, operations).status, 422);
  EXPECT_EQ(get(config_maps() + "/a").text("data.k"), "1");
  const Json good = {{{"op", "test"}, {"path", "/data/k"}, {"value", "1"}},
                     {{"op", "replace"}, {"path", "/data/k"}, {"value", "3"}}};
  EXPECT_EQ(patch(config_maps() + "/a", kJsonPatch, good).text("data.k"), "3");
}

TEST_P(Conformance, AMergePatchRemovesWithNull) {
  (void)post(config_maps(), config_map("a", {{"k", "1"}, {"l", "2"}}));
  const Answer done = patch(config_maps() + "/a", kMerge, {{"data", {{"k", nullptr}}}});
  EXPECT_EQ(done.body["data"], Json({{"l", "2"}}));
}

TEST_P(Conformance, AStrategicPatchMergesContainersByName) {
  (void)post(deployments(), deployment("web"));
  const Json change = {{"spec",
                        {{"template",
                          {{"spec",
                            {{"containers",
                              {{{"name", "web"}, {"image", "example/web:2"}},
                               {{"name", "side"}, {"image", "example/side:1"}}}}}}}}}}};
  const Answer done = patch(deployments() + "/web", kStrategic, change);
  ASSERT_EQ(done.status, 200) << done.body;
  const Json& containers = done.body["spec"]["template"]["spec"]["containers"];
  ASSERT_EQ(containers.size(), 2U);
  const Json& web = containers[0]["name"] == "web" ? containers[0] : containers[1];
  EXPECT_EQ(web["image"], "example/web:2");
  EXPECT_EQ(web["ports"][0]["containerPort"], 8080);
  const Json removal = {
      {"spec",
       {{"template", {{"spec", {{"containers", {{{"name", "side"}, {"$patch", "delete"}}}}}}}}}}};
  EXPECT_EQ(patch(deployments() + "/web", kStrategic, removal)
                .body["spec"]["template"]["spec"]["containers"]
                .size(),
            1U);
}

TEST_P(Conformance, AnUnknownPatchTypeIsUnsupportedMediaType) {
  (void)post(config_maps(), config_map("a"));
  EXPECT_EQ(patch(config_maps() + "/a", "application/json", {{"data", {{"k", "1"}}}}).status, 415);
}

TEST_P(Conformance, MalformedJsonIsABadRequest) {
  http::Request request;
  request.method = "POST";
  request.url = config_maps();
  request.body = "{\"apiVersion\":";
  http::set_header(request.headers, "Content-Type", "application/json");
  EXPECT_EQ(api_->call(std::move(request)).status, 400);
}

TEST_P(Conformance, AFieldOfTheWrongTypeIsABadRequestThatNamesIt) {
  Json object = deployment("web");
  object["spec"]["replicas"] = "three";
  const Answer refused = post(deployments(), object);
  EXPECT_EQ(refused.status, 400);
  // The real server names the Go type's field.
  EXPECT_NE(refused.text("message").find(api_->embedded() ? "spec.replicas"
                                                          : "v1.DeploymentSpec.Replicas"),
            std::string::npos)
      << refused.text("message");
}

TEST_P(Conformance, DryRunAnswersLikeAWriteAndWritesNothing) {
  const Answer made = send("POST", config_maps() + "?dryRun=All", config_map("a", {{"k", "1"}}));
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(get(config_maps() + "/a").status, 404);
  (void)post(config_maps(), config_map("a", {{"k", "1"}}));
  EXPECT_EQ(send("PATCH", config_maps() + "/a?dryRun=All", {{"data", {{"k", "2"}}}}, kMerge)
                .text("data.k"),
            "2");
  EXPECT_EQ(send("DELETE", config_maps() + "/a?dryRun=All").status, 200);
  EXPECT_EQ(get(config_maps() + "/a").text("data.k"), "1");
}

TEST_P(Conformance, GenerationMovesWithSpecOnly) {
  const Answer made = post(deployments(), deployment("web"));
  EXPECT_EQ(made.number("metadata.generation"), 1);
  EXPECT_EQ(patch(deployments() + "/web", kMerge, {{"metadata", {{"labels", {{"a", "b"}}}}}})
                .number("metadata.generation"),
            1);
  EXPECT_EQ(patch(deployments() + "/web/status", kMerge, {{"status", {{"observedGeneration", 1}}}})
                .number("metadata.generation"),
            1);
  EXPECT_EQ(patch(deployments() + "/web", kMerge, {{"spec", {{"minReadySeconds", 5}}}})
                .number("metadata.generation"),
            2);
}

TEST_P(Conformance, TheMainEndpointIgnoresStatusAndTheStatusEndpointEverythingElse) {
  Json object = deployment("web");
  object["status"] = {{"readyReplicas", 7}};
  EXPECT_FALSE(post(deployments(), object).has("status.readyReplicas"));
  EXPECT_FALSE(patch(deployments() + "/web", kMerge, {{"status", {{"readyReplicas", 7}}}})
                   .has("status.readyReplicas"));
  const Answer status =
      patch(deployments() + "/web/status", kMerge,
            {{"spec", {{"minReadySeconds", 9}}}, {"status", {{"observedGeneration", 4}}}});
  EXPECT_EQ(status.status, 200) << status.body;
  EXPECT_EQ(status.number("status.observedGeneration"), 4);
  EXPECT_FALSE(status.has("spec.minReadySeconds"));
}

TEST_P(Conformance, DeploymentsGetTheirDefaults) {
  const Answer made = post(deployments(), deployment("web"));
  EXPECT_EQ(made.body["spec"]["strategy"],
            Json({{"type", "RollingUpdate"},
                  {"rollingUpdate", {{"maxSurge", "25%"}, {"maxUnavailable", "25%"}}}}));
  EXPECT_EQ(made.number("spec.revisionHistoryLimit"), 10);
  EXPECT_EQ(made.number("spec.progressDeadlineSeconds"), 600);
  const Json& pod = made.body["spec"]["template"]["spec"];
  EXPECT_EQ(pod["restartPolicy"], "Always");
  EXPECT_EQ(pod["terminationGracePeriodSeconds"], 30);
  EXPECT_EQ(pod["schedulerName"], "default-scheduler");
  EXPECT_EQ(pod["containers"][0]["imagePullPolicy"], "IfNotPresent");
  EXPECT_EQ(pod["containers"][0]["ports"][0]["protocol"], "TCP");
  EXPECT_EQ(pod["containers"][0]["resources"], Json::object());
}

TEST_P(Conformance, ServicesGetAClusterIpThatStays) {
  const Json service = {{"apiVersion", "v1"},
                        {"kind", "Service"},
                        {"metadata", {{"name", "web"}}},
                        {"spec", {{"selector", {{"app", "web"}}}, {"ports", {{{"port", 80}}}}}}};
  const Answer made = post(services(), service);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.text("spec.type"), "ClusterIP");
  EXPECT_EQ(made.text("spec.sessionAffinity"), "None");
  EXPECT_EQ(made.body["spec"]["ports"],
            Json({{{"port", 80}, {"protocol", "TCP"}, {"targetPort", 80}}}));
  const std::string ip = made.text("spec.clusterIP");
  EXPECT_FALSE(ip.empty());
  EXPECT_EQ(patch(services() + "/web", kMerge, {{"spec", {{"selector", {{"v", "2"}}}}}})
                .text("spec.clusterIP"),
            ip);
  EXPECT_EQ(patch(services() + "/web", kMerge,
                  {{"spec", {{"clusterIP", "10.96.99.98"}, {"clusterIPs", {"10.96.99.98"}}}}})
                .status,
            422);
}

TEST_P(Conformance, SelectorsOfWorkloadsAreImmutableAndMustMatchTheTemplate) {
  Json object = deployment("web");
  object["spec"]["selector"]["matchLabels"]["app"] = "other";
  EXPECT_EQ(post(deployments(), object).status, 422);
  (void)post(deployments(), deployment("web"));
  const Json change = {{"spec",
                        {{"selector", {{"matchLabels", {{"x", "y"}}}}},
                         {"template", {{"metadata", {{"labels", {{"x", "y"}}}}}}}}}};
  const Answer refused = patch(deployments() + "/web", kMerge, change);
  EXPECT_EQ(refused.status, 422);
  EXPECT_NE(refused.text("message").find("field is immutable"), std::string::npos);
}

TEST_P(Conformance, ScaleReadsAndWritesReplicas) {
  (void)post(deployments(), deployment("web"));
  const Answer scale = get(deployments() + "/web/scale");
  EXPECT_EQ(scale.text("kind"), "Scale");
  EXPECT_EQ(scale.text("apiVersion"), "autoscaling/v1");
  EXPECT_EQ(scale.text("status.selector"), "app=web");
  const Answer done = patch(deployments() + "/web/scale", kMerge, {{"spec", {{"replicas", 3}}}});
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(done.number("spec.replicas"), 3);
  EXPECT_EQ(get(deployments() + "/web").number("spec.replicas"), 3);
  Json stale = scale.body;
  stale["spec"]["replicas"] = 9;
  EXPECT_EQ(put(deployments() + "/web/scale", stale).status, 409);
}

TEST_P(Conformance, DeletingAnswersSuccessOrTheMarkedObject) {
  (void)post(config_maps(), config_map("a"));
  const Answer gone = del(config_maps() + "/a");
  EXPECT_EQ(gone.status, 200);
  EXPECT_EQ(gone.text("kind"), "Status");
  EXPECT_EQ(gone.text("status"), "Success");
  EXPECT_EQ(gone.text("details.name"), "a");
  Json held = config_map("b");
  held["metadata"]["finalizers"] = {"example.com/hold"};
  (void)post(config_maps(), held);
  const Answer marked = del(config_maps() + "/b");
  EXPECT_EQ(marked.text("kind"), "ConfigMap");
  EXPECT_TRUE(marked.has("metadata.deletionTimestamp"));
  EXPECT_EQ(get(config_maps() + "/b").status, 200);
  EXPECT_EQ(patch(config_maps() + "/b", kMerge, {{"metadata", {{"finalizers", nullptr}}}}).status,
            200);
  EXPECT_EQ(get(config_maps() + "/b").status, 404);
}

TEST_P(Conformance, ADeletedObjectTakesNoNewFinalizer) {
  Json held = config_map("b");
  held["metadata"]["finalizers"] = {"example.com/hold"};
  (void)post(config_maps(), held);
  (void)del(config_maps() + "/b");
  EXPECT_EQ(patch(config_maps() + "/b", kMerge,
                  {{"metadata", {{"finalizers", {"example.com/hold", "example.com/more"}}}}})
                .status,
            422);
  (void)patch(config_maps() + "/b", kMerge, {{"metadata", {{"finalizers", nullptr}}}});
}

TEST_P(Conformance, DeletePreconditionsHold) {
  const Answer made = post(config_maps(), config_map("a"));
  const Json wrong_uid = {{"preconditions", {{"uid", "00000000-0000-4000-8000-000000000000"}}}};
  EXPECT_EQ(del(config_maps() + "/a", wrong_uid).status, 409);
  EXPECT_EQ(del(config_maps() + "/a", {{"preconditions", {{"resourceVersion", "1"}}}}).status, 409);
  EXPECT_EQ(
      del(config_maps() + "/a", {{"preconditions", {{"uid", made.text("metadata.uid")}}}}).status,
      200);
}

TEST_P(Conformance, ForegroundAndOrphanLeaveTheirFinalizer) {
  if (!api_->embedded()) GTEST_SKIP() << "the real garbage collector removes them at once";
  (void)post(deployments(), deployment("a"));
  EXPECT_EQ(del(deployments() + "/a", {{"propagationPolicy", "Foreground"}})
                .body["metadata"]["finalizers"],
            Json({"foregroundDeletion"}));
  (void)post(deployments(), deployment("b"));
  EXPECT_EQ(
      del(deployments() + "/b", {{"propagationPolicy", "Orphan"}}).body["metadata"]["finalizers"],
      Json({"orphan"}));
  (void)post(deployments(), deployment("c"));
  EXPECT_EQ(del(deployments() + "/c", {{"propagationPolicy", "Background"}}).text("status"),
            "Success");
  EXPECT_EQ(del(deployments() + "/c", {{"propagationPolicy", "Sideways"}}).status, 422);
}

TEST_P(Conformance, DeleteCollectionTakesWhatTheSelectorSelects) {
  (void)post(config_maps(), config_map("a", {}, {{"app", "x"}}));
  (void)post(config_maps(), config_map("b", {}, {{"app", "y"}}));
  EXPECT_EQ(del(config_maps() + "?labelSelector=app%3Dx").status, 200);
  EXPECT_EQ(get(config_maps() + "/a").status, 404);
  EXPECT_EQ(get(config_maps() + "/b").status, 200);
}

TEST_P(Conformance, EventsAreOneStorageUnderTwoGroups) {
  const Json event = {{"apiVersion", "v1"},
                      {"kind", "Event"},
                      {"metadata", {{"name", "e"}}},
                      {"reason", "Why"},
                      {"message", "because"},
                      {"type", "Normal"},
                      {"involvedObject", {{"kind", "Pod"}, {"name", "p"}, {"namespace", ns_}}}};
  ASSERT_EQ(post(in_ns("v1", "events"), event).status, 201);
  const Answer other = get(in_ns("events.k8s.io/v1", "events") + "/e");
  EXPECT_EQ(other.text("note"), "because");
  EXPECT_EQ(other.text("regarding.name"), "p");
  const Answer found = get(in_ns("v1", "events") +
                           "?fieldSelector=involvedObject.name%3Dp,involvedObject.kind%3DPod");
  EXPECT_EQ(found.body["items"].size(), 1U);
  EXPECT_EQ(
      get(in_ns("v1", "events") + "?fieldSelector=involvedObject.name%3Dq").body["items"].size(),
      0U);
}

TEST_P(Conformance, SecretsTurnStringDataIntoData) {
  const Json secret = {{"apiVersion", "v1"},
                       {"kind", "Secret"},
                       {"metadata", {{"name", "s"}}},
                       {"stringData", {{"token", "abc"}}}};
  const Answer made = post(in_ns("v1", "secrets"), secret);
  EXPECT_EQ(made.text("data.token"), "YWJj");
  EXPECT_FALSE(made.has("stringData"));
  EXPECT_EQ(made.text("type"), "Opaque");
}

TEST_P(Conformance, LeasesCanBeCreatedByPutAndNeedAVersionToBeUpdated) {
  const std::string leases = in_ns("coordination.k8s.io/v1", "leases");
  const Json lease = {
      {"apiVersion", "coordination.k8s.io/v1"},
      {"kind", "Lease"},
      {"metadata", {{"name", "l"}}},
      {"spec", {{"holderIdentity", "me"}, {"renewTime", "2026-11-21T14:28:03.123456Z"}}}};
  EXPECT_EQ(put(leases + "/l", lease).status, 201);
  EXPECT_EQ(get(leases + "/l").text("spec.renewTime"), "2026-11-21T14:28:03.123456Z");
  EXPECT_EQ(put(leases + "/l", lease).status, 422);
}

}  // namespace sluice::conformance
