// What strangers say of a Rollout or through it: messages of runs and servers (F6), annotations that
// would be the ingress controller's code (F7).
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kSnippet = "nginx.ingress.kubernetes.io/server-snippet";

void ask_for_a_snippet(Cluster& c) {
  c.rollout()["spec"]["strategy"]["canary"]["trafficRouting"]["nginx"]
             ["canaryIngressAnnotations"][kSnippet] = "deny all;";
  c.touch_spec(c.rollout());
}
std::vector<std::string> snippet_warnings(const Cluster& c) {
  std::vector<std::string> out;
  for (const auto& event : c.events)
    if (event.find("SnippetsLeftOut") != std::string::npos) out.push_back(event);
  return out;
}
Json& canary_annotations(Cluster& c) {
  return c.get("Ingress", "web-web-canary")["metadata"]["annotations"];
}

TEST(F7_Rollout, a_snippet_is_left_out_of_a_whole_update_with_one_warning) {
  auto c = nginx_canary(4, R"([{"setWeight":25},{"setWeight":50},{"setWeight":75}])");
  ask_for_a_snippet(c);
  c.run();
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.status()["phase"], "Healthy");
  const auto warnings = snippet_warnings(c);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], HasSubstr("--allow-ingress-snippets"));
  EXPECT_THAT(warnings[0], HasSubstr("canaryIngressAnnotations[" + kSnippet + "]"));
  EXPECT_THAT(warnings[0], HasSubstr("`web-web-canary`"));
  EXPECT_FALSE(canary_annotations(c).contains(kSnippet));
  for (const auto& sent : c.sent) EXPECT_THAT(sent.body, Not(HasSubstr("deny all")));
}

TEST(F7_Rollout, the_flag_lets_it_pass_as_the_reference_does) {
  auto c = nginx_canary(4, R"([{"setWeight":25}])");
  c.options.routers.allow_ingress_snippets = true;
  ask_for_a_snippet(c);
  c.run();
  EXPECT_EQ(canary_annotations(c)[kSnippet], "deny all;");
  EXPECT_THAT(snippet_warnings(c), IsEmpty());
}

TEST(F7_Rollout, a_take_over_at_rest_writes_nothing_and_says_nothing) {
  auto c = Cluster::from_fixture("canary-nginx-idle");
  const std::string rollout = kube::get_string(c.rollout(), "metadata.name");
  c.rollout()["spec"]["strategy"]["canary"]["trafficRouting"]["nginx"]
             ["canaryIngressAnnotations"][kSnippet] = "deny all;";
  bool found = false;
  for (auto& [name, object] : c.objects["Ingress"]) {
    if (!name.ends_with("-canary")) continue;
    object["metadata"]["annotations"][kSnippet] = "deny all;";
    found = true;
  }
  ASSERT_TRUE(found);
  c.pass();
  EXPECT_THAT(c.sent, IsEmpty()) << c.last_purposes();
  EXPECT_THAT(c.events, IsEmpty());
}

TEST(F6_Rollout, the_message_of_a_failed_run_is_stored_clean) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])",
                        R"({"analysis":{"templates":[{"templateName":"endless"}]}})");
  c.set_image("web:2");
  c.run();
  const std::string run = "web-" + c.current_hash() + "-2";
  ASSERT_TRUE(c.has("AnalysisRun", run));
  c.set_run(run, "Failed", "metric says \x1b[2J\xC2\x9B" "0m\r\n\u202Eok");
  c.run();
  EXPECT_EQ(c.status()["abort"], true);
  const std::string whole = kube::dump(c.rollout()) + kube::dump(c.get("Ingress", "web-web-canary"));
  EXPECT_THAT(kube::dump(c.status()), HasSubstr("metric says"));
  for (const char* raw : {"\xC2\x9B", "\u202E", "\"\\u001b", " \\u001b", "\\r"})
    EXPECT_THAT(whole, Not(HasSubstr(raw)));
}

// A condition that another controller stored with such a message is no reason to write.
TEST(F6_Rollout, what_is_stored_already_stays_as_it_is) {
  auto c = Cluster::from_fixture("canary-nginx-aborted-by-analysis");
  bool found = false;
  for (auto& condition : c.status()["conditions"]) {
    if (condition["type"] != "Progressing") continue;
    const std::string old = condition["message"].get<std::string>();
    condition["message"] = old + "\x1b[2J\r\n";
    if (c.status().contains("message"))
      c.status()["message"] = c.status()["message"].get<std::string>() + "\x1b[2J\r\n";
    found = true;
  }
  ASSERT_TRUE(found);
  c.pass();
  EXPECT_THAT(c.sent, IsEmpty()) << c.last_purposes() << (c.sent.empty() ? "" : c.sent[0].body);
}

TEST(F6_Rollout, what_is_stored_of_a_run_stays_as_it_is_too) {
  int references = 0;
  for (const char* fixture :
       {"canary-nginx-aborted-by-analysis", "bluegreen-pre-promotion-failed",
        "bluegreen-post-promotion-running", "canary-nginx-inline-analysis"}) {
    auto c = Cluster::from_fixture(fixture);
    for (const char* path : {"/canary/currentStepAnalysisRunStatus",
                             "/canary/currentBackgroundAnalysisRunStatus",
                             "/blueGreen/prePromotionAnalysisRunStatus",
                             "/blueGreen/postPromotionAnalysisRunStatus"}) {
      const Json::json_pointer at(path);
      if (!c.status().contains(at)) continue;
      Json& reference = c.status()[at];
      const std::string run = kube::get_string(reference, "name");
      if (!c.has("AnalysisRun", run)) continue;
      reference["message"] = "said \x1b[2J\r\n";
      c.get("AnalysisRun", run)["status"]["message"] = "said \x1b[2J\r\n";
      ++references;
    }
    c.pass();
    EXPECT_THAT(c.sent, IsEmpty()) << fixture << c.last_purposes();
  }
  EXPECT_GE(references, 3);
}

TEST(F6_Rollout, a_refusal_with_controls_in_it_is_told_once_and_not_for_ever) {
  auto c = nginx_canary(1, R"([{"setWeight":25}])");
  c.rollout()["spec"]["strategy"]["canary"]["stableService"] = "web\x1b[2J";
  c.touch_spec(c.rollout());
  c.pass();
  const auto after_one = c.sent.size();
  for (int i = 0; i < 3; ++i) c.pass();
  EXPECT_EQ(c.sent.size(), after_one);
  EXPECT_THAT(kube::get_string(c.status(), "message"), HasSubstr("web\\u001b[2J"));
  EXPECT_THAT(kube::get_string(c.status(), "message"), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace sluice::rollout::test
