// The workload controllers around the server.
#include "apiserver/workloads.h"
#include "tests/unit/apiserver/server_fixture.h"

namespace sluice::apiserver {
namespace {

using testing_support::World;

constexpr const char* kDeploymentPath = "/apis/apps/v1/namespaces/default/deployments";
constexpr const char* kReplicaSetPath = "/apis/apps/v1/namespaces/default/replicasets";
constexpr const char* kMergeType = "application/merge-patch+json";

struct WorkloadWorld : World {
  Workloads workloads{server, clock, rng};
  void run(Seconds time) {
    for (Millis passed{0}; passed < time; passed += Millis(100)) {
      clock.advance(Millis(100));
      (void)workloads.step();
    }
  }
  void create(const std::string& path, const Json& object) {
    const Reply made = call("POST", path, object);
    EXPECT_EQ(made.status, 201) << made.body;
    run(Seconds(20));
  }
  void set_image(const std::string& image) {
    EXPECT_EQ(
        call("PATCH", std::string(kDeploymentPath) + "/web",
             {{"spec",
               {{"template", {{"spec", {{"containers", {{{"name", "c"}, {"image", image}}}}}}}}}}},
             kMergeType)
            .status,
        200);
    run(Seconds(20));
  }
  // "web:1 2": image and revision of each ReplicaSet, by revision.
  std::vector<std::string> revisions() {
    std::map<std::string, std::string> found;
    const Json list = call("GET", kReplicaSetPath).body;
    for (const Json& rs : list["items"]) {
      const Json* revision =
          kube::find_path(rs, {"metadata", "annotations", "deployment.kubernetes.io/revision"});
      const std::string text = revision == nullptr ? "none" : revision->get<std::string>();
      found[text] =
          kube::get_string(rs["spec"]["template"]["spec"]["containers"][0], "image") + " " + text;
    }
    std::vector<std::string> out;
    for (const auto& [text, line] : found) out.push_back(line);
    return out;
  }
};

Json pod_template() {
  return {{"metadata", {{"labels", {{"app", "web"}}}}},
          {"spec", {{"containers", {{{"name", "c"}, {"image", "web:1"}}}}}}};
}

Json web_deployment() {
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", "web"}}},
          {"spec",
           {{"replicas", 2},
            {"selector", {{"matchLabels", {{"app", "web"}}}}},
            {"template", pod_template()}}}};
}

TEST(ServerWorkloads, NothingIsWrittenWhenNothingChanges) {
  WorkloadWorld w;
  w.create(kDeploymentPath, web_deployment());
  w.create("/apis/policy/v1/namespaces/default/poddisruptionbudgets",
           {{"apiVersion", "policy/v1"},
            {"kind", "PodDisruptionBudget"},
            {"metadata", {{"name", "web"}}},
            {"spec",
             {{"minAvailable", 1}, {"selector", {{"matchLabels", {{"app", "web"}}}}}}}});
  Json job_pod = pod_template();
  job_pod["metadata"]["labels"] = {{"app", "job"}};
  job_pod["spec"]["restartPolicy"] = "Never";
  w.create("/apis/batch/v1/namespaces/default/jobs",
           {{"apiVersion", "batch/v1"},
            {"kind", "Job"},
            {"metadata", {{"name", "runs"}}},
            {"spec", {{"template", job_pod}}}});
  const Json deployment = w.call("GET", std::string(kDeploymentPath) + "/web").body;
  EXPECT_EQ(kube::get_int(deployment, "status.availableReplicas"), 2);
  const Json budget =
      w.call("GET", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/web").body;
  EXPECT_EQ(kube::get_int(budget, "status.disruptionsAllowed"), 1);
  EXPECT_EQ(kube::get_int(w.call("GET", "/apis/batch/v1/namespaces/default/jobs/runs").body,
                          "status.active"),
            1);
  const std::uint64_t version = w.server.resource_version();
  w.run(Seconds(60));
  // Something else happens to the objects: the controllers look again and have nothing to say.
  for (const char* path : {"/apis/apps/v1/namespaces/default/deployments/web",
                           "/apis/policy/v1/namespaces/default/poddisruptionbudgets/web",
                           "/apis/batch/v1/namespaces/default/jobs/runs"})
    EXPECT_EQ(w.call("PATCH", path, {{"metadata", {{"labels", {{"seen", "yes"}}}}}}, kMergeType)
                  .status,
              200);
  w.run(Seconds(60));
  EXPECT_EQ(w.server.resource_version(), version + 3);
}

TEST(ServerWorkloads, ADeploymentNumbersItsRevisions) {
  WorkloadWorld w;
  w.create(kDeploymentPath, web_deployment());
  EXPECT_EQ(w.revisions(), (std::vector<std::string>{"web:1 1"}));
  w.set_image("web:2");
  EXPECT_EQ(w.revisions(), (std::vector<std::string>{"web:1 1", "web:2 2"}));
  w.set_image("web:1");  // what `kubectl rollout undo` does
  EXPECT_EQ(w.revisions(), (std::vector<std::string>{"web:2 2", "web:1 3"}));
  const Json web = w.call("GET", std::string(kDeploymentPath) + "/web").body;
  EXPECT_EQ(web["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
}

}  // namespace
}  // namespace sluice::apiserver
