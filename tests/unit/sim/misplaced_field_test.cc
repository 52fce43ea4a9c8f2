// The production loop and members that the types of a pod template do not have (ADR 12). The
// embedded server drops such a member of a Secret's item, as the real one does, and keeps one in
// the sources of a projected volume, whose types it does not know.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "api/resources.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"
#include "sim/simulation.h"

namespace sluice::sim {
namespace {

class MisplacedFieldInTheLoop : public ::testing::Test {
 protected:
  MisplacedFieldInTheLoop() : sim({}) {
    const std::filesystem::path root = SLUICE_SOURCE_DIR;
    for (const char* name : {"default", "argo-rollouts"})
      static_cast<void>(sim.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: " +
                                  std::string(name) + "}\n"));
    for (const auto& entry : std::filesystem::directory_iterator(root / "crds")) {
      if (entry.path().extension() != ".yaml") continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      EXPECT_TRUE(sim.apply(text.str()));
    }
    sim.server.on_audit([this](const AuditEntry& entry) {
      if (entry.user == sim.user() && entry.resource == "replicasets" && entry.verb == "create") {
        ++creations;
        if (!entry.changed) ++tried;
      }
    });
  }
  // `secret_item` and `projected_item` are further members, JSON without braces.
  void apply(int replicas, const std::string& secret_item, const std::string& projected_item) {
    const auto item = [](const std::string& more) {
      return R"({"key":"k","path":"p")" + (more.empty() ? "" : "," + more) + "}";
    };
    const auto applied = sim.apply(
        R"({"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","metadata":{"name":"web","namespace":"default"},
      "spec":{"replicas":)" +
        std::to_string(replicas) +
        R"(,"selector":{"matchLabels":{"app":"web"}},"strategy":{"canary":{}},
      "template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:1"}],
      "volumes":[{"name":"a","secret":{"secretName":"s","items":[)" +
        item(secret_item) +
        R"(]}},{"name":"b","projected":{"sources":[{"secret":{"name":"s","items":[)" +
        item(projected_item) + "]}}]}}]}}}}");
    ASSERT_TRUE(applied) << applied.error().message;
  }
  std::shared_ptr<const Json> rollout() {
    return sim.server.get(api::kRollouts, {"default", "web"});
  }
  std::size_t sets() { return sim.server.list(kube::kReplicaSets, "default").size(); }
  bool rests() {
    return sim.run_until(
        [&] {
          const auto object = rollout();
          return kube::get_string(*object, "status.phase") == "Healthy" &&
                 kube::get_string(*object, "status.observedGeneration") ==
                     std::to_string(kube::get_int(*object, "metadata.generation"));
        },
        Seconds(120));
  }
  Simulation sim;
  int creations = 0, tried = 0;
};

TEST_F(MisplacedFieldInTheLoop, ThatTheServerDropsIsNoVersion) {
  apply(2, "", "");
  ASSERT_TRUE(rests());
  apply(2, R"("optional":true)", "");
  ASSERT_TRUE(kube::dump(*rollout()).find("optional") != std::string::npos) << "the CRD keeps it";
  ASSERT_TRUE(rests());
  EXPECT_EQ(sets(), 1U);
  EXPECT_EQ(tried, 1) << "the server was asked once";
  EXPECT_EQ(creations, 2);
  sim.run_for(Seconds(2000));  // beyond a resync
  sim.crash();
  sim.run_for(Seconds(60));
  EXPECT_EQ(creations, 2) << "at rest nothing is asked";
}

TEST_F(MisplacedFieldInTheLoop, ThatTheServerKeepsIsAVersion) {
  apply(2, "", "");
  ASSERT_TRUE(rests());
  for (const auto& [item, versions, asked] :
       {std::tuple(R"("optional":true)", 2U, 1), std::tuple(R"("optional":false)", 3U, 2)}) {
    apply(2, "", item);
    sim.run_for(Seconds(1));
    ASSERT_TRUE(rests());
    EXPECT_EQ(sets(), versions) << item;
    EXPECT_EQ(tried, asked) << item;
  }
  const auto current = kube::get_string(*rollout(), "status.stableRS");
  const auto set = sim.server.get(kube::kReplicaSets, {"default", "web-" + current});
  ASSERT_TRUE(set);
  EXPECT_NE(kube::dump(*set).find(R"("optional":false)"), std::string::npos);
}

// A webhook without side effects only in its promises, a quota, a server in trouble.
TEST_F(MisplacedFieldInTheLoop, HoldsNothingUpWhenTheServerDoesNotAnswer) {
  for (const auto fault : {Fault::Conflict, Fault::ServerError, Fault::TimeoutNotApplied}) {
    SCOPED_TRACE(static_cast<int>(fault));
    int asked = 0;
    apply(2, "", "");
    ASSERT_TRUE(rests());
    const auto before = sets();
    sim.set_write_faults([&](const http::Request& request) {
      if (request.url.find("dryRun") == std::string::npos) return Fault::None;
      ++asked;
      return fault;
    });
    apply(3, "", R"("optional":)" + std::to_string(static_cast<int>(fault)));
    ASSERT_TRUE(rests());
    EXPECT_EQ(kube::get_int(*rollout(), "status.availableReplicas"), 3);
    EXPECT_EQ(sets(), before);
    EXPECT_GE(asked, 1);
    EXPECT_LE(asked, 3);
    sim.set_write_faults({});
  }
}

// Once it has an answer it acts on it, however often it was refused before.
TEST_F(MisplacedFieldInTheLoop, IsAskedAgainAfterATransientFault) {
  apply(2, "", "");
  ASSERT_TRUE(rests());
  int asked = 0;
  sim.set_write_faults([&](const http::Request& request) {
    if (request.url.find("dryRun") == std::string::npos) return Fault::None;
    return ++asked == 1 ? Fault::ServerError : Fault::None;
  });
  apply(2, "", R"("optional":true)");
  sim.run_for(Seconds(3));
  ASSERT_TRUE(rests());
  EXPECT_EQ(sets(), 2U);
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace sluice::sim
