// Secrets of arguments (analysis.md §5.6).
#include <gtest/gtest.h>

#include "analysisrun_given.h"
#include "controller/analysisrun/secrets.h"

namespace sluice::analysisrun {
namespace {

using api::AnalysisPhase;
using testing::status_answer;
using testing::vector_answer;
using testing::World;
using Lines = std::vector<std::string>;

const std::string kSpec =
    R"("metrics":[{"name":"m","interval":"10s","successCondition":"result[0] >= 0.9","provider":{"prometheus":)"
    R"({"address":"http://prom","query":"up{key=\"{{args.token}}\"}","headers":[{"key":"Authorization","value":"Bearer {{args.token}}"}]}}}],)"
    R"("args":[{"name":"token","valueFrom":{"secretKeyRef":{"name":"prom","key":"token"}}}])";

void give(World& world) {
  world.secrets.insert_or_assign("prom/token", Result<std::string>("hunter2"));
}

TEST(Secrets, are_asked_for_before_the_first_query) {
  World world(kSpec);
  world.step(0);
  EXPECT_EQ(world.last.secrets_needed, Lines{"prom/token"});
  EXPECT_TRUE(world.in_flight.empty());
  EXPECT_EQ(world.status().phase, AnalysisPhase::Running);
  give(world);
  world.step(0.1);
  EXPECT_TRUE(world.last.secrets_needed.empty());
  ASSERT_EQ(world.in_flight.size(), 1U);
  EXPECT_EQ(*http::find_header(world.requests["m#1"].headers, "Authorization"), "Bearer hunter2");
}

TEST(Secrets, are_not_asked_for_when_nothing_is_due) {
  World world(kSpec);
  give(world);
  world.step(0);
  world.answer(vector_answer("1"), 0, 0.5);
  world.step(0.5);
  world.secrets.clear();
  world.step(5);
  EXPECT_TRUE(world.last.secrets_needed.empty());
  EXPECT_TRUE(world.last.plan.intents.empty());
}

TEST(Secrets, are_needed_to_assess_an_answer_which_waits_for_them) {
  World world(kSpec);
  give(world);
  world.step(0);
  world.secrets.clear();
  world.answer(
      status_answer(400, R"({"status":"error","errorType":"bad_data","error":"near hunter2"})"), 0,
      0.5);
  world.step(0.5);
  EXPECT_EQ(world.last.secrets_needed, Lines{"prom/token"});
  EXPECT_EQ(world.answers.size(), 1U);
  EXPECT_TRUE(world.status().metric_results.empty());
  give(world);
  world.step(0.6);
  ASSERT_EQ(world.status().metric_results.size(), 1U);
  EXPECT_EQ(world.result(0).measurements[0].message, "bad_data: near *****");
}

TEST(Secrets, never_show_in_what_is_stored_or_said) {
  World world(kSpec);
  give(world);
  world.step(0);
  world.answer(vector_answer("0.1"), 0, 0.5);
  world.step(0.5);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Failed);
  EXPECT_EQ(world.result(0).metadata.at("ResolvedPrometheusQuery"), "up{key=\"*****\"}");
  EXPECT_EQ(world.stored().dump().find("hunter2"), std::string::npos);
  for (const auto& event : world.events())
    EXPECT_EQ(event.find("hunter2"), std::string::npos) << event;
  for (const auto& reason : world.last.plan.trace)
    EXPECT_EQ(reason.detail.find("hunter2"), std::string::npos);
}

TEST(Secrets, that_do_not_exist_end_the_run) {
  World world(kSpec);
  world.secrets.insert_or_assign(
      "prom/token", Result<std::string>(
                        fail(ErrorCode::NotFound, "key 'token' does not exist in secret 'prom'")));
  world.step(0);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Error);
  EXPECT_EQ(world.status().message,
            "Unable to resolve metric arguments: key 'token' does not exist in secret 'prom'");
  World other(kSpec);
  other.secrets.insert_or_assign(
      "prom/token", Result<std::string>(fail(ErrorCode::NotFound, "Secret shop/prom: 404")));
  other.step(0);
  EXPECT_EQ(other.status().message,
            "Unable to resolve metric arguments: secrets \"prom\" not found");
}

TEST(Secrets, that_may_not_be_read_are_measurement_errors_naming_right_and_role) {
  World world(kSpec);
  world.secrets.insert_or_assign("prom/token",
                                 Result<std::string>(fail(ErrorCode::Forbidden, "forbidden")));
  world.step(0);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Running);
  EXPECT_EQ(world.result(0).measurements[0].phase, AnalysisPhase::Error);
  EXPECT_EQ(world.result(0).measurements[0].message,
            "cannot read Secret shop/prom: the controller lacks the right to get secrets; for "
            "this namespace alone it is granted by: kubectl -n shop apply -f "
            "deploy/secrets/one-namespace/role.yaml");
  World down(kSpec);
  down.secrets.insert_or_assign("prom/token",
                                Result<std::string>(fail(ErrorCode::Timeout, "no answer")));
  down.step(0);
  EXPECT_EQ(down.result(0).measurements[0].message, "cannot read Secret shop/prom: no answer");
}

TEST(Secrets, of_a_terminated_run_are_not_read) {
  World world(kSpec + R"(,"terminate":true)");
  world.step(0);
  EXPECT_TRUE(world.last.secrets_needed.empty());
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
}

// ---- F9: only Secrets that were marked for it ----

const std::string kLabelled =
    R"({"metadata":{"labels":{"argo-rollouts.argoproj.io/analysis-argument":"true"}},"data":{"token":"aHVudGVyMg=="}})";

TEST(F9_Secrets, need_the_label_only_with_the_flag) {
  const std::string plain = R"({"data":{"token":"aHVudGVyMg=="}})";
  EXPECT_EQ(secret_value(plain, "prom", "token", false).value_or("?"), "hunter2");
  EXPECT_EQ(secret_value(kLabelled, "prom", "token", false).value_or("?"), "hunter2");
  EXPECT_EQ(secret_value(kLabelled, "prom", "token", true).value_or("?"), "hunter2");
  for (const std::string& body :
       {plain,
        std::string(
            R"({"metadata":{"labels":{"argo-rollouts.argoproj.io/analysis-argument":"false"}},"data":{"token":"aA=="}})"),
        std::string(
            R"({"metadata":{"annotations":{"argo-rollouts.argoproj.io/analysis-argument":"true"}},"data":{"token":"aA=="}})")}) {
    for (const char* key : {"token", "absent"}) {  // nor is told which keys there are
      const auto refused = secret_value(body, "prom", key, true);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().message,
                "it does not carry the label argo-rollouts.argoproj.io/analysis-argument=true, which "
                "the controller's flag --secrets-need-label asks for");
    }
  }
}

TEST(F9_Secrets, a_missing_key_and_an_unreadable_answer_are_as_before) {
  const auto missing = secret_value(kLabelled, "prom", "password", true);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  EXPECT_EQ(missing.error().message, "key 'password' does not exist in secret 'prom'");
  EXPECT_FALSE(secret_value("no json", "prom", "token", true));
}

TEST(F9_Secrets, an_unlabelled_one_is_an_error_of_the_measurement_that_names_secret_label_and_flag) {
  World world(kSpec);
  world.secrets.insert_or_assign("prom/token", secret_value("{}", "prom", "token", true));
  world.step(0);
  ASSERT_EQ(world.result(0).measurements.size(), 1U);
  EXPECT_EQ(world.result(0).measurements[0].message,
            "cannot read Secret shop/prom: it does not carry the label "
            "argo-rollouts.argoproj.io/analysis-argument=true, which the controller's flag "
            "--secrets-need-label asks for");
  EXPECT_TRUE(world.in_flight.empty()) << "a query went out without its Secret";
  // Once it is labelled the next measurement goes on.
  world.secrets.insert_or_assign("prom/token", secret_value(kLabelled, "prom", "token", true));
  world.step(20);
  EXPECT_EQ(world.in_flight.size(), 1U);
}

}  // namespace
}  // namespace sluice::analysisrun
