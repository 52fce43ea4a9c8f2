// Plain Services (traffic.md §2, §5.2).
#include <gtest/gtest.h>

#include "api/keys.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"
#include "traffic/services.h"

namespace sluice::traffic {
namespace {

kube::Service service(StringMap selector, StringMap annotations = {}) {
  kube::Service out;
  out.meta.key = {"shop", "web-stable"};
  out.meta.uid = "uid-1";
  out.meta.resource_version = "41";
  out.meta.annotations = std::move(annotations);
  out.selector = std::move(selector);
  return out;
}
const StringMap kManaged{{"argo-rollouts.argoproj.io/managed-by-rollouts", "web"}};

TEST(SwitchService, adds_selector_and_annotation_to_an_adopted_service) {
  const auto write = switch_service(service({{"app", "web"}}), "6d5c", "web");
  ASSERT_TRUE(write);
  EXPECT_EQ(write->type, kube::kServices);
  EXPECT_EQ(write->key.text(), "shop/web-stable");
  EXPECT_EQ(write->verb, kube::Verb::StrategicPatch);
  EXPECT_EQ(write->uid, "uid-1");
  EXPECT_EQ(write->resource_version, "41");
  EXPECT_EQ(
      write->body,
      R"({"metadata":{"annotations":{"argo-rollouts.argoproj.io/managed-by-rollouts":"web"}},)"
      R"("spec":{"selector":{"rollouts-pod-template-hash":"6d5c"}}})");
}

TEST(SwitchService, touches_only_the_selector_of_a_managed_service) {
  const auto write = switch_service(
      service({{"app", "web"}, {"rollouts-pod-template-hash", "79fb"}}, kManaged), "6d5c", "web");
  ASSERT_TRUE(write);
  EXPECT_EQ(write->body, R"({"spec":{"selector":{"rollouts-pod-template-hash":"6d5c"}}})");
}

TEST(SwitchService, does_nothing_when_everything_is_right) {
  EXPECT_FALSE(
      switch_service(service({{"rollouts-pod-template-hash", "6d5c"}}, kManaged), "6d5c", "web"));
}

TEST(SwitchService, adds_a_missing_annotation_and_takes_over_from_a_rollout_that_is_gone) {
  const StringMap selector{{"rollouts-pod-template-hash", "6d5c"}};
  const auto missing = switch_service(service(selector), "6d5c", "web");
  ASSERT_TRUE(missing);
  const auto taken =
      switch_service(service(selector, {{"argo-rollouts.argoproj.io/managed-by-rollouts", "gone"}}),
                     "6d5c", "web");
  ASSERT_TRUE(taken);
  EXPECT_NE(taken->body.find("\"argo-rollouts.argoproj.io/managed-by-rollouts\":\"web\""),
            std::string::npos);
}

TEST(SwitchService, has_the_words_of_its_event) {
  EXPECT_EQ(switch_event_text("web-canary", "", "6d5c"),
            "Switched selector for service 'web-canary' from '' to '6d5c'");
}

TEST(SelectedHash, is_empty_without_the_key) {
  EXPECT_EQ(selected_hash(service({{"app", "web"}})), "");
  EXPECT_EQ(selected_hash(service({{"rollouts-pod-template-hash", "x"}})), "x");
}

TEST(ReleaseService, takes_off_what_was_put_on) {
  const auto write =
      release_service(service({{"app", "web"}, {"rollouts-pod-template-hash", "x"}}, kManaged));
  ASSERT_TRUE(write);
  EXPECT_EQ(write->verb, kube::Verb::MergePatch);
  EXPECT_EQ(write->body,
            R"({"metadata":{"annotations":{"argo-rollouts.argoproj.io/managed-by-rollouts":null}},)"
            R"("spec":{"selector":{"rollouts-pod-template-hash":null}}})");
  EXPECT_EQ(write->uid, "uid-1");
}

TEST(ReleaseService, takes_the_hash_off_a_service_that_was_never_annotated) {
  const auto write = release_service(service({{"rollouts-pod-template-hash", "x"}}));
  ASSERT_TRUE(write);
  EXPECT_EQ(write->body, R"({"spec":{"selector":{"rollouts-pod-template-hash":null}}})");
}

TEST(ReleaseService, takes_a_verdict_off_that_the_next_rollout_would_meet) {
  StringMap annotations = kManaged;
  annotations["sluice.argoproj.io/abort-verdict"] = "{}";
  const auto write = release_service(service({{"rollouts-pod-template-hash", "x"}}, annotations));
  ASSERT_TRUE(write);
  EXPECT_EQ(write->body,
            R"({"metadata":{"annotations":{"argo-rollouts.argoproj.io/managed-by-rollouts":null,)"
            R"("sluice.argoproj.io/abort-verdict":null}},)"
            R"("spec":{"selector":{"rollouts-pod-template-hash":null}}})");
}

TEST(ReleaseService, leaves_a_service_without_the_hash_alone) {
  EXPECT_FALSE(release_service(service({{"app", "web"}}, kManaged)));
}

TEST(ServiceProblem, names_what_is_wrong_word_for_word) {
  const std::string path = "spec.strategy.canary.stableService";
  const StringMap labels{{"app", "web"}, {"tier", "front"}};
  const auto fine = service({{"app", "web"}, {"rollouts-pod-template-hash", "any"}}, kManaged);
  EXPECT_EQ(service_problem({path, "web-stable", &fine, true}, "web", labels), std::nullopt);
  const auto empty = service({});
  EXPECT_EQ(service_problem({path, "web-stable", &empty, true}, "web", labels), std::nullopt);
  EXPECT_EQ(service_problem({path, "web-stable", nullptr, true}, "web", labels),
            path + ": Invalid value: \"web-stable\": service \"web-stable\" not found");
  const std::string prefix = path + ": Invalid value: \"web-stable\": Service \"web-stable\" ";
  const auto absent = service({{"zone", "a"}});
  EXPECT_EQ(service_problem({path, "web-stable", &absent, true}, "web", labels),
            prefix + "has unmatch label \"zone\" in rollout");
  const auto different = service({{"app", "other"}});
  EXPECT_EQ(service_problem({path, "web-stable", &different, true}, "web", labels),
            prefix + "has unmatch label \"app\" in rollout");
  const auto foreign =
      service({{"app", "web"}}, {{"argo-rollouts.argoproj.io/managed-by-rollouts", "other"}});
  EXPECT_EQ(service_problem({path, "web-stable", &foreign, true}, "web", labels),
            prefix + "is managed by another Rollout");
  // Its Rollout is gone: taken over with the next switch.
  EXPECT_EQ(service_problem({path, "web-stable", &foreign, false}, "web", labels), std::nullopt);
}

}  // namespace
}  // namespace sluice::traffic
