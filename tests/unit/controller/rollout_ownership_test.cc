// Whose runs and ReplicaSets count.
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

constexpr const char* kGatedSteps =
    R"([{"setWeight":50},{"analysis":{"templates":[{"templateName":"once"}]}},)"
    R"({"setWeight":80},{"pause":{}}])";
constexpr const char* kWatched = R"({"analysis":{"templates":[{"templateName":"endless"}]}})";

// In front of the gate: step 1, its run runs.
Cluster at_the_gate() {
  auto c = nginx_canary(4, kGatedSteps);
  c.set_image("web:2");
  c.run();
  return c;
}
std::string gate_run(Cluster& c) {
  return "web-" + c.current_hash() + "-2-1";
}
// Watched by a background run, in the pause at 50 %.
Cluster being_watched() {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])", kWatched);
  c.set_image("web:2");
  c.run();
  return c;
}
std::string background_run(Cluster& c) {
  return "web-" + c.current_hash() + "-2";
}

// ---- F1: runs ----

TEST(F1, a_run_of_another_namespace_passes_no_gate) {
  auto c = at_the_gate();
  ASSERT_EQ(c.index(), 1) << c.history();
  Json forged = c.get("AnalysisRun", gate_run(c));
  forged["metadata"]["namespace"] = "evil";
  forged["metadata"]["uid"] = "forged";
  forged["status"]["phase"] = "Successful";
  c.objects["AnalysisRun"]["0"] = forged;  // first in the list, under the genuine one's name
  c.run();
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(kube::get_string(c.get("AnalysisRun", gate_run(c)), "status.phase"), "Running");
  EXPECT_FALSE(kube::get_bool(c.get("AnalysisRun", gate_run(c)), "spec.terminate"));
}

TEST(F1, a_run_of_another_namespace_aborts_nothing) {
  auto c = being_watched();
  Json forged = c.get("AnalysisRun", background_run(c));
  forged["metadata"]["namespace"] = "evil";
  forged["metadata"]["uid"] = "forged";
  forged["status"] = json(R"({"phase":"Failed","message":"forged"})");
  c.objects["AnalysisRun"]["0"] = forged;
  const auto before = c.sent.size();
  c.run();
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_EQ(c.sent.size(), before) << c.history(before);
}

TEST(F1, a_run_whose_owner_is_of_another_kind_is_none_of_ours) {
  auto c = being_watched();
  c.edit("AnalysisRun", background_run(c),
         json(R"({"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet",
                 "name":"web","uid":")" +
              kube::get_string(c.rollout(), "metadata.uid") + R"(","controller":true}]}})"));
  c.get("AnalysisRun", background_run(c))["status"] = json(R"({"phase":"Failed"})");
  c.pass();
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_NE(c.weight(), "0");
}

// ---- what is being deleted gives no verdict ----

TEST(F1, a_run_that_is_being_deleted_passes_no_gate_and_another_one_is_made) {
  auto c = at_the_gate();
  c.set_run(gate_run(c), "Successful");
  c.get("AnalysisRun", gate_run(c))["metadata"]["deletionTimestamp"] = format_rfc3339(c.now);
  c.get("AnalysisRun", gate_run(c))["metadata"]["finalizers"] = Json::array({"x/held"});
  c.run();
  EXPECT_EQ(c.index(), 1) << c.history();
  ASSERT_TRUE(c.has("AnalysisRun", gate_run(c) + ".1")) << c.history();
  EXPECT_EQ(kube::get_string(c.status(), "canary.currentStepAnalysisRunStatus.name"),
            gate_run(c) + ".1");
  c.set_run(gate_run(c) + ".1", "Successful");
  c.run();
  EXPECT_EQ(c.index(), 3);
}

TEST(F1, a_failed_run_that_is_being_deleted_aborts_nothing_and_another_one_is_made) {
  auto c = being_watched();
  c.set_run(background_run(c), "Failed", "too slow");
  c.get("AnalysisRun", background_run(c))["metadata"]["deletionTimestamp"] = format_rfc3339(c.now);
  c.run();
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_EQ(c.weight(), "50");
  EXPECT_TRUE(c.has("AnalysisRun", background_run(c) + ".1")) << c.history();
}

TEST(F1, a_post_promotion_run_that_is_being_deleted_makes_nothing_stable) {
  auto c = blue_green(2, R"({"postPromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.run();
  const auto run = "web-" + c.current_hash() + "-2-post";
  c.set_run(run, "Successful");
  c.get("AnalysisRun", run)["metadata"]["deletionTimestamp"] = format_rfc3339(c.now);
  c.run();
  EXPECT_EQ(c.stable_hash(), old) << c.history();
  EXPECT_TRUE(c.has("AnalysisRun", run + ".1"));
}

TEST(F1, a_pre_promotion_run_that_is_being_deleted_switches_nothing) {
  auto c = blue_green(2, R"({"prePromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.run();
  const auto run = "web-" + c.current_hash() + "-2-pre";
  c.set_run(run, "Successful");
  c.get("AnalysisRun", run)["metadata"]["deletionTimestamp"] = format_rfc3339(c.now);
  c.run();
  EXPECT_EQ(c.selected("web-active"), old) << c.history();
  EXPECT_TRUE(c.has("AnalysisRun", run + ".1"));
}

// ---- F1: ReplicaSets ----

TEST(F1, a_set_of_another_namespace_is_neither_ours_nor_in_the_way) {
  auto c = basic_canary(2, R"([{"pause":{}}])");
  auto fresh = c;
  fresh.set_image("web:2");
  fresh.run();
  Json foreign = fresh.get("ReplicaSet", new_set(fresh));
  foreign["metadata"]["namespace"] = "evil";
  foreign["metadata"]["uid"] = "foreign";
  c.objects["ReplicaSet"]["0"] = foreign;  // of the name that ours will have
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.current_hash(), fresh.current_hash()) << "no collision";
  EXPECT_TRUE(c.has("ReplicaSet", new_set(c)));
}

TEST(F1, a_set_whose_owner_is_of_another_kind_is_in_the_way_and_not_ours) {
  auto c = basic_canary(2, R"([{"pause":{}}])");
  auto fresh = c;
  fresh.set_image("web:2");
  fresh.run();
  Json foreign = fresh.get("ReplicaSet", new_set(fresh));
  foreign["metadata"]["uid"] = "foreign";
  foreign["metadata"]["ownerReferences"][0]["kind"] = "Deployment";
  foreign["metadata"]["ownerReferences"][0]["apiVersion"] = "apps/v1";
  c.put(foreign);
  c.set_image("web:2");
  c.run();
  EXPECT_NE(c.current_hash(), fresh.current_hash());
  EXPECT_EQ(kube::get_string(c.get("ReplicaSet", new_set(fresh)), "metadata.uid"), "foreign");
}

}  // namespace
}  // namespace sluice::rollout::test
