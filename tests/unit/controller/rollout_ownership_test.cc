// Whose runs count, and what an annotation may say of them (ADR 6).
#include <gmock/gmock.h>

#include "controller/rollout/verdict.h"
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

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

// ---- F11: the verdict that an annotation tells of ----

std::string annotated(Cluster& c, const std::string& run, const std::string& message = "forged",
                      const std::string& hash = "") {
  return Json{{"hash", hash.empty() ? c.current_hash() : hash}, {"run", run}, {"message", message}}
      .dump();
}
void annotate_ingress(Cluster& c, const std::string& text) {
  c.edit("Ingress", "web-web-canary",
         Json{{"metadata", {{"annotations", {{api::kAbortVerdictAnnotation, text}}}}}});
}

// Nothing is aborted, the update is where it was, and it is told why.
void expect_ignored(Cluster& c, const std::string& why) {
  c.run();
  EXPECT_EQ(c.phase(), "Paused") << c.message();
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(c.annotation("Ingress", "web-web-canary", api::kAbortVerdictAnnotation), "");
  EXPECT_THAT(c.events, Contains(AllOf(HasSubstr("AbortVerdictIgnored: "),
                                       HasSubstr("Ingress web-web-canary"), HasSubstr(why))));
}

TEST(F11, a_verdict_of_a_run_that_never_was_aborts_nothing) {
  auto c = being_watched();
  annotate_ingress(c, annotated(c, background_run(c) + ".7"));
  expect_ignored(c, "not judged by an AnalysisRun of that name");
}

TEST(F11, a_verdict_without_a_run_aborts_nothing) {
  auto c = being_watched();
  annotate_ingress(c, annotated(c, ""));
  expect_ignored(c, "not judged by an AnalysisRun of that name");
}

TEST(F11, a_verdict_that_the_run_contradicts_aborts_nothing) {
  auto c = being_watched();
  c.set_run(background_run(c), "Successful");
  c.run();
  annotate_ingress(c, annotated(c, background_run(c)));
  expect_ignored(c, "has not failed");
}

TEST(F11, a_verdict_of_a_run_of_another_version_aborts_nothing) {
  auto c = being_watched();
  c.edit("AnalysisRun", background_run(c),
         json(R"({"metadata":{"labels":{"rollouts-pod-template-hash":"old"}}})"));
  annotate_ingress(c, annotated(c, background_run(c)));
  expect_ignored(c, "another version");
}

TEST(F11, a_verdict_of_a_run_of_an_earlier_attempt_aborts_nothing) {
  auto c = being_watched();
  c.get("AnalysisRun", background_run(c))["metadata"]["annotations"]
       [std::string(api::kAttemptAnnotation)] = "another";
  annotate_ingress(c, annotated(c, background_run(c)));
  expect_ignored(c, "earlier attempt");
}

TEST(F11, a_run_that_is_not_ours_bears_no_verdict_out) {
  auto c = being_watched();
  Json forged = c.get("AnalysisRun", background_run(c));
  forged["metadata"]["name"] = "web-forged";
  forged["metadata"]["uid"] = "forged";
  forged["metadata"]["ownerReferences"][0]["uid"] = "somebody-else";
  forged["status"] = json(R"({"phase":"Failed"})");
  c.put(forged);
  annotate_ingress(c, annotated(c, "web-forged"));
  expect_ignored(c, "not judged by an AnalysisRun of that name");
}

// Who has carried out its plans knows that no cut waits for its record.
TEST(F11, while_its_run_still_runs_a_verdict_is_believed_of_a_predecessor_only) {
  auto c = being_watched();
  annotate_ingress(c, annotated(c, background_run(c)));
  auto observed = c.observe();
  observed.carried_out = true;
  const auto plan = decide(observed, c.now, c.options);
  EXPECT_TRUE(plan.settled);
  for (const auto* write : plan.writes()) EXPECT_NE(write->purpose, "PatchStatus") << write->body;
  ASSERT_FALSE(plan.events().empty());
  EXPECT_THAT(plan.events().front()->message, HasSubstr("no AnalysisRun has failed"));
  EXPECT_TRUE(plan.events().front()->once);
  // To a process that has just taken over it may be what its predecessor died over.
  observed.carried_out = false;
  const auto first = decide(observed, c.now, c.options);
  EXPECT_FALSE(first.settled);
  c.run();
  EXPECT_EQ(c.phase(), "Degraded");
}

TEST(F11, a_plan_says_whether_a_cut_waits_for_its_record) {
  auto c = being_watched();
  EXPECT_TRUE(c.pass().settled);
  c.set_run(background_run(c), "Failed", "too slow");
  EXPECT_FALSE(c.pass().settled);
  EXPECT_TRUE(c.pass().settled) << "aborted, and recorded";
}

TEST(F11, the_verdict_of_a_run_that_is_gone_counts_if_the_status_knows_the_run) {
  auto c = being_watched();
  annotate_ingress(c, annotated(c, background_run(c),
                                "Background analysis phase error/failed: too slow"));
  c.objects["AnalysisRun"].clear();
  c.run();
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_THAT(c.message(), HasSubstr("Background analysis phase error/failed: too slow"));
}

TEST(F11, the_message_is_the_runs_own_where_it_has_failed) {
  auto c = being_watched();
  c.set_run(background_run(c), "Failed", "too slow");
  annotate_ingress(c, annotated(c, background_run(c), "a tale"));
  c.run();
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_THAT(c.message(), HasSubstr("failed: too slow"));
  EXPECT_THAT(c.message(), Not(HasSubstr("a tale")));
}

TEST(F11, a_message_that_no_controller_would_have_written_is_not_repeated) {
  auto c = being_watched();
  annotate_ingress(c, annotated(c, background_run(c), "\x1b[2Jcall 555-1234"));
  c.run();
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_EQ(c.message(),
            "RolloutAborted: Rollout aborted update to revision 2: Background analysis phase "
            "error/failed");
}

TEST(F11, before_the_switch_of_blue_green_there_is_no_cut_and_no_verdict_of_one) {
  auto c = blue_green(2, R"({"prePromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.run();
  const auto run = "web-" + c.current_hash() + "-2-pre";
  ASSERT_TRUE(c.has("AnalysisRun", run));
  c.edit("Service", "web-active",
         Json{{"metadata",
               {{"annotations", {{api::kAbortVerdictAnnotation, annotated(c, run)}}}}}});
  c.run();
  EXPECT_FALSE(c.status().value("abort", false));
  EXPECT_EQ(c.annotation("Service", "web-active", api::kAbortVerdictAnnotation), "");
  EXPECT_THAT(c.events, Contains(HasSubstr("of Service web-active, which names AnalysisRun")));
  c.set_run(run, "Successful");
  c.run();
  EXPECT_NE(c.selected("web-active"), old) << "the update goes on";
}

TEST(F11, of_a_service_that_still_selects_the_new_version_no_cut_is_believed) {
  auto c = blue_green(2, R"({"postPromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
  c.set_image("web:2");
  c.run();
  const auto run = "web-" + c.current_hash() + "-2-post";
  ASSERT_TRUE(c.has("AnalysisRun", run));
  c.edit("Service", "web-active",
         Json{{"metadata",
               {{"annotations", {{api::kAbortVerdictAnnotation, annotated(c, run)}}}}}});
  c.run();
  EXPECT_FALSE(c.status().value("abort", false)) << c.message();
  c.set_run(run, "Successful");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(F11, texts_of_a_verdict_are_bounded_and_clean) {
  EXPECT_FALSE(decode_verdict(R"({"hash":"abc","run":"a b"})"));
  EXPECT_FALSE(decode_verdict(R"({"hash":"ab\u001bc","run":"r"})"));
  EXPECT_FALSE(decode_verdict(Json{{"hash", "abc"}, {"run", std::string(254, 'r')}}.dump()));
  const Json essay{{"hash", "abc"}, {"run", "r"}, {"message", std::string(300'000, 'x')}};
  const auto long_one = decode_verdict(essay.dump());
  ASSERT_TRUE(long_one);
  EXPECT_LE(long_one->message.size(), 1000U);
  const auto wild = decode_verdict(
      "{\"hash\":\"abc\",\"run\":\"r\",\"metric\":\"m\\u0007\","
      "\"message\":\"a\\u001b[2Jb\\r\\nc\\u009bd\\u202ee\\u2066f\\u200fg\\u007fh – ü\"}");
  ASSERT_TRUE(wild);
  EXPECT_EQ(wild->message, "a[2Jbcdefgh – ü");
  EXPECT_EQ(wild->metric, "m");
}

}  // namespace
}  // namespace sluice::rollout::test
