// Graceful deletion, binding, eviction, namespaces' last step.
#include "tests/unit/apiserver/server_fixture.h"

namespace sluice::apiserver {
namespace {

using testing_support::pod;
using testing_support::World;

constexpr const char* kPods = "/api/v1/namespaces/default/pods";
constexpr const char* kMerge = "application/merge-patch+json";
const std::string kWeb = std::string(kPods) + "/web";

TEST(ServerPods, StartPendingWithAdmissionDefaults) {
  World w;
  const Json made = w.call("POST", kPods, pod("web")).body;
  EXPECT_EQ(kube::get_string(made, "status.phase"), "Pending");
  EXPECT_EQ(kube::get_string(made, "status.qosClass"), "BestEffort");
  EXPECT_EQ(made["spec"]["tolerations"].size(), 2U);
  EXPECT_EQ(made["spec"]["priority"], 0);
  EXPECT_TRUE(kube::get_bool(made, "spec.enableServiceLinks"));
  EXPECT_FALSE(made["metadata"].contains("generation"));
}

TEST(ServerPods, AScheduledPodIsGivenItsGracePeriodAndGoesWithZero) {
  World w;
  w.call("POST", kPods, pod("web", "node-1"));
  const auto marked = w.call("DELETE", kWeb);
  EXPECT_EQ(marked.status, 200);
  EXPECT_EQ(kube::get_int(marked.body, "metadata.deletionGracePeriodSeconds"), 30);
  EXPECT_EQ(*parse_rfc3339(kube::get_string(marked.body, "metadata.deletionTimestamp")),
            truncate_to_seconds(w.clock.wall_now()) + Seconds(30));
  // Asking again without hurry changes nothing; a shorter period does.
  const std::uint64_t version = w.server.resource_version();
  EXPECT_EQ(w.call("DELETE", kWeb).status, 200);
  EXPECT_EQ(w.server.resource_version(), version);
  EXPECT_EQ(kube::get_int(w.call("DELETE", kWeb, {{"gracePeriodSeconds", 5}}).body,
                          "metadata.deletionGracePeriodSeconds"),
            5);
  const auto gone = w.call("DELETE", kWeb, {{"gracePeriodSeconds", 0}});
  EXPECT_EQ(kube::get_string(gone.body, "status"), "Success");
  EXPECT_EQ(w.call("GET", kWeb).status, 404);
}

TEST(ServerPods, UnscheduledAndFinishedPodsGoAtOnce) {
  World w;
  w.call("POST", kPods, pod("web"));
  EXPECT_EQ(kube::get_string(w.call("DELETE", kWeb).body, "status"), "Success");
  w.call("POST", kPods, pod("web", "node-1"));
  w.call("PATCH", kWeb + "/status", {{"status", {{"phase", "Succeeded"}}}}, kMerge);
  EXPECT_EQ(kube::get_string(w.call("DELETE", kWeb).body, "status"), "Success");
}

TEST(ServerPods, FinalizersHoldAPodAfterItsGracePeriod) {
  World w;
  Json held = pod("web", "node-1");
  held["metadata"]["finalizers"] = {"example.com/hold"};
  w.call("POST", kPods, held);
  w.call("DELETE", kWeb, {{"gracePeriodSeconds", 0}});
  EXPECT_EQ(w.call("GET", kWeb).status, 200);
  w.call("PATCH", kWeb, {{"metadata", {{"finalizers", nullptr}}}}, kMerge);
  EXPECT_EQ(w.call("GET", kWeb).status, 404);
}

TEST(ServerPods, RemovingTheLastFinalizerWithinTheGracePeriodKeepsThePod) {
  World w;
  Json held = pod("web", "node-1");
  held["metadata"]["finalizers"] = {"example.com/hold"};
  w.call("POST", kPods, held);
  w.call("DELETE", kWeb);
  w.call("PATCH", kWeb, {{"metadata", {{"finalizers", nullptr}}}}, kMerge);
  EXPECT_EQ(w.call("GET", kWeb).status, 200);
}

TEST(ServerPods, OnlyImagesOfAPodMayChange) {
  World w;
  w.call("POST", kPods, pod("web"));
  const Json image = {{"spec", {{"containers", {{{"name", "c"}, {"image", "example/web:2"}}}}}}};
  EXPECT_EQ(w.call("PATCH", kWeb, image, "application/strategic-merge-patch+json").status, 200);
  EXPECT_EQ(w.call("PATCH", kWeb, {{"spec", {{"hostname", "x"}}}}, kMerge).status, 422);
}

TEST(ServerPods, BindingSchedulesOnce) {
  World w;
  w.call("POST", kPods, pod("web"));
  const Json binding = {{"apiVersion", "v1"},
                        {"kind", "Binding"},
                        {"metadata", {{"name", "web"}}},
                        {"target", {{"kind", "Node"}, {"name", "node-1"}}}};
  EXPECT_EQ(w.call("POST", kWeb + "/binding", binding).status, 201);
  EXPECT_EQ(kube::get_string(w.call("GET", kWeb).body, "spec.nodeName"), "node-1");
  EXPECT_EQ(w.call("POST", kWeb + "/binding", binding).status, 409);
  EXPECT_EQ(w.call("POST", "/api/v1/namespaces/default/bindings", binding).status, 409);
}

TEST(ServerPods, EvictionAsksTheBudget) {
  World w;
  w.call("POST", kPods, pod("web", "node-1"));
  w.call("PATCH", kWeb + "/status", {{"status", {{"phase", "Running"}}}}, kMerge);
  const std::string budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
  w.call("POST", budgets,
         {{"apiVersion", "policy/v1"},
          {"kind", "PodDisruptionBudget"},
          {"metadata", {{"name", "b"}}},
          {"spec", {{"minAvailable", 1}, {"selector", {{"matchLabels", {{"app", "web"}}}}}}}});
  const Json eviction = {{"apiVersion", "policy/v1"},
                         {"kind", "Eviction"},
                         {"metadata", {{"name", "web"}, {"namespace", "default"}}}};
  const auto unknown = w.call("POST", kWeb + "/eviction", eviction);
  EXPECT_EQ(unknown.status, 429);
  EXPECT_EQ(kube::get_int(unknown.body, "details.retryAfterSeconds"), 10);
  w.call("PATCH", budgets + "/b/status",
         {{"status",
           {{"observedGeneration", 1},
            {"disruptionsAllowed", 0},
            {"desiredHealthy", 1},
            {"currentHealthy", 1}}}},
         kMerge);
  const auto refused = w.call("POST", kWeb + "/eviction", eviction);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(kube::get_string(refused.body, "reason"), "TooManyRequests");
  EXPECT_EQ(refused.body["details"]["causes"][0]["reason"], "DisruptionBudget");
  w.call("PATCH", budgets + "/b/status", {{"status", {{"disruptionsAllowed", 1}}}}, kMerge);
  EXPECT_EQ(w.call("POST", kWeb + "/eviction", eviction).status, 201);
  EXPECT_TRUE(w.call("GET", kWeb).body["metadata"].contains("deletionTimestamp"));
  const Json budget = w.call("GET", budgets + "/b").body;
  EXPECT_EQ(kube::get_int(budget, "status.disruptionsAllowed"), 0);
  EXPECT_TRUE(budget["status"]["disruptedPods"].contains("web"));
}

// What needs a kubelet says why not and what to do instead.
TEST(ServerPods, LogsPortsAndCommandsAreRefusedWithARemedy) {
  World w;
  w.call("POST", kPods, pod("web"));
  const auto refused = [&](const std::string& method, const std::string& path, int status,
                           const char* wanted) {
    const auto answer = w.call(method, path);
    EXPECT_EQ(answer.status, status) << path;
    EXPECT_EQ(kube::get_string(answer.body, "kind"), "Status");
    const std::string message = kube::get_string(answer.body, "message");
    EXPECT_NE(message.find(wanted), std::string::npos) << message;
  };
  refused("GET", kWeb + "/log", 400, "has no output");
  refused("GET", kWeb + "/log?previous=true", 400, "--previous");
  refused("POST", kWeb + "/exec?command=ls", 501, "no containers");
  refused("POST", kWeb + "/attach", 501, "no containers");
  refused("POST", kWeb + "/portforward", 501, "nothing listens in this pod");
  w.call("PATCH", kWeb + "/status", {{"status", {{"podIP", "127.11.0.7"}}}}, kMerge);
  refused("POST", kWeb + "/portforward", 501, "its own address, 127.11.0.7");
  for (const char* name : {"log", "exec", "portforward"})
    refused("GET", std::string(kPods) + "/none/" + name, 404, "\"none\" not found");
}

TEST(ServerNamespaces, GoWhenTheirFinalizersAreEmptied) {
  World w;
  w.call("POST", "/api/v1/namespaces",
         {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "shop"}}}});
  EXPECT_EQ(kube::get_string(w.call("GET", "/api/v1/namespaces/shop").body, "status.phase"),
            "Active");
  const Json marked = w.call("DELETE", "/api/v1/namespaces/shop").body;
  EXPECT_EQ(kube::get_string(marked, "status.phase"), "Terminating");
  EXPECT_EQ(w.call("DELETE", "/api/v1/namespaces/shop").status, 409);
  Json last = marked;
  last["spec"]["finalizers"] = Json::array();
  EXPECT_EQ(w.call("PUT", "/api/v1/namespaces/shop/finalize", last).status, 200);
  EXPECT_EQ(w.call("GET", "/api/v1/namespaces/shop").status, 404);
}

}  // namespace
}  // namespace sluice::apiserver
