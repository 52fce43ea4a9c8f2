// The manifests of deploy/: rights are what the controller needs and no more (F14), and folders that
// hold copies of each other's files agree (kustomize 2.0 cannot share them).
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "kube/json/json.h"
#include "kube/json/yaml.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using kube::Json;

const fs::path kDeploy = fs::path(SLUICE_SOURCE_DIR) / "deploy";

std::vector<Json> manifests(const fs::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  auto parsed = kube::parse_yaml(text.str());
  EXPECT_TRUE(parsed) << file;
  return parsed.value_or(std::vector<Json>());
}
Json the(const std::string& kind, const std::string& file) {
  for (auto& object : manifests(kDeploy / file))
    if (kube::get_string(object, "kind") == kind) return object;
  ADD_FAILURE() << "no " << kind << " in " << file;
  return Json();
}
bool has(const Json& list, const std::string& word) {
  return std::find(list.begin(), list.end(), Json(word)) != list.end();
}

TEST(F14_Deploy, of_leases_the_controller_may_change_its_own_and_no_other) {
  for (const char* folder : {"", "namespaced/", "apart/"}) {
    const Json role = the("Role", std::string(folder) + "lease-role.yaml");
    EXPECT_EQ(role["metadata"]["namespace"], "argo-rollouts");
    ASSERT_EQ(role["rules"].size(), 2U) << folder;
    for (const auto& rule : role["rules"]) {
      EXPECT_EQ(rule["resources"], Json::array({"leases"}));
      if (rule.contains("resourceNames")) {
        EXPECT_EQ(rule["resourceNames"], Json::array({"argo-rollouts-controller-lock"}));
      } else {
        EXPECT_EQ(rule["verbs"], Json::array({"create"})) << "a create cannot be bound to a name";
      }
    }
  }
}

TEST(F14_Deploy, no_rule_is_wide_and_secrets_are_read_by_name_only_where_they_are_granted) {
  int rules = 0;
  for (const auto& entry : fs::recursive_directory_iterator(kDeploy)) {
    if (entry.path().extension() != ".yaml") continue;
    const bool for_secrets = entry.path().string().find("/secrets/") != std::string::npos;
    for (const auto& object : manifests(entry.path())) {
      if (!object.contains("rules")) continue;
      for (const auto& rule : object["rules"]) {
        ++rules;
        for (const char* member : {"apiGroups", "resources", "verbs"})
          EXPECT_FALSE(has(rule[member], "*")) << entry.path() << rule.dump();
        for (const char* verb : {"escalate", "bind", "impersonate"})
          EXPECT_FALSE(has(rule["verbs"], verb)) << entry.path() << rule.dump();
        if (!has(rule["resources"], "secrets")) continue;
        EXPECT_TRUE(for_secrets) << entry.path();
        EXPECT_EQ(rule["verbs"], Json::array({"get"})) << entry.path();
      }
    }
  }
  EXPECT_GT(rules, 30);
}

TEST(F14_Deploy, one_namespace_needs_what_the_cluster_needs_less_the_cluster) {
  Json wide = the("ClusterRole", "cluster-role.yaml")["rules"];
  for (auto& rule : wide)
    rule["resources"].erase(std::remove(rule["resources"].begin(), rule["resources"].end(),
                                        Json("clusteranalysistemplates")),
                            rule["resources"].end());
  EXPECT_EQ(the("Role", "namespaced/role.yaml")["rules"], wide);
  EXPECT_EQ(the("Role", "apart/role.yaml")["rules"], wide);
}

// A pod of the driven namespace that names the controller's account gets another one, or none.
TEST(F14_Deploy, apart_keeps_account_and_lease_out_of_the_namespace_that_is_driven) {
  for (const char* kind : {"Role", "RoleBinding"})
    EXPECT_EQ(the(kind, "apart/role.yaml")["metadata"]["namespace"], "team-a");
  EXPECT_EQ(the("RoleBinding", "apart/role.yaml")["subjects"][0]["namespace"], "argo-rollouts");
  const Json deployment = the("Deployment", "apart/deployment.yaml");
  EXPECT_EQ(deployment["metadata"]["namespace"], "argo-rollouts");
  EXPECT_EQ(deployment["spec"]["template"]["spec"]["containers"][0]["args"],
            Json::array({"controller", "--namespaced", "--namespace", "team-a", "--logformat",
                         "json"}));
}

TEST(F14_Deploy, deployments_differ_in_their_arguments_only_and_bound_their_memory) {
  Json first;
  for (const char* folder : {"", "namespaced/", "apart/"}) {
    Json deployment = the("Deployment", std::string(folder) + "deployment.yaml");
    Json& container = deployment["spec"]["template"]["spec"]["containers"][0];
    EXPECT_EQ(container["resources"]["limits"]["memory"], "512Mi") << folder;
    EXPECT_EQ(container["securityContext"]["readOnlyRootFilesystem"], true) << folder;
    container.erase("args");
    if (first.is_null()) first = deployment;
    EXPECT_EQ(deployment, first) << folder;
    EXPECT_EQ(the("ServiceAccount", std::string(folder) + "service-account.yaml"),
              the("ServiceAccount", "service-account.yaml"));
  }
}

}  // namespace
}  // namespace sluice
