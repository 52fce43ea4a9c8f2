// Nothing of one attempt counts in another: neither a verdict nor an approval. Times are no help,
// since an attempt may end and another begin within a second, and clocks differ.
#include "controller/rollout/verdict.h"
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

constexpr std::string_view kGateBehind50 =
    R"([{"setWeight":50},{"analysis":{"templates":[{"templateName":"once"}]}},{"pause":{}}])";

void retry_at_once(Cluster& c) {
  patch_status(c, R"({"abort":false})");
}
// Decisions and pods, while the clock stands still.
void without_time(Cluster& c) {
  for (int i = 0; i < 8; ++i) {
    c.settle();
    c.sync_pods();
  }
}
std::string run_name(Cluster& c, const std::string& end, int revision = 2) {
  return "web-" + c.current_hash() + "-" + std::to_string(revision) + end;
}
// The names of all runs that exist.
std::vector<std::string> run_names(Cluster& c) {
  std::vector<std::string> out;
  for (const auto& [name, run] : c.objects["AnalysisRun"]) out.push_back(name);
  return out;
}

// As a controller that knows nothing of ours leaves a run behind: without our annotations.
void as_the_reference_leaves_it(Cluster& c, const std::string& name) {
  auto& annotations = c.get("AnalysisRun", name)["metadata"]["annotations"];
  for (auto it = annotations.begin(); it != annotations.end();)
    it = it.key().starts_with("sluice") ? annotations.erase(it) : std::next(it);
  c.edit("AnalysisRun", name, json(R"({"metadata":{"labels":{"touched":"yes"}}})"));
}

Cluster failed_at_the_gate() {
  auto c = nginx_canary(2, kGateBehind50);
  c.set_image("web:2");
  without_time(c);
  EXPECT_TRUE(c.has("AnalysisRun", run_name(c, "-1"))) << c.status().dump(1);
  c.set_run(run_name(c, "-1"), "Failed", "v1 where v2 was wanted");
  without_time(c);
  EXPECT_EQ(c.phase(), "Degraded") << c.status().dump(1);
  return c;
}

// What an earlier Rollout of this name, deleted with its children left behind, or a stranger made.
TEST(ForeignRuns, of_the_wanted_name_block_no_gate) {
  std::string name;
  {
    auto c = nginx_canary(2, kGateBehind50);
    c.set_image("web:2");
    without_time(c);
    name = run_name(c, "-1");
    ASSERT_TRUE(c.has("AnalysisRun", name));
  }
  auto c = nginx_canary(2, kGateBehind50);
  const auto stranger = [&](const std::string& taken) {
    c.put(json(R"({"apiVersion":"argoproj.io/v1alpha1","kind":"AnalysisRun","metadata":{"name":")" +
               taken + R"("},"spec":{"metrics":[]},"status":{"phase":"Failed"}})"));
  };
  stranger(name);
  stranger(name + ".1");
  // Nothing is told of a run that cannot be made.
  c.refuses = [&](const kube::Write& write) { return write.key.name == name + ".2"; };
  c.set_image("web:2");
  for (int i = 0; i < 30; ++i) {
    without_time(c);
    c.now += Seconds{1};
  }
  EXPECT_THAT(c.event_reasons, testing::Not(testing::Contains("ForeignObjectIgnored")));
  c.refuses = nullptr;
  c.run_for(Seconds{30});
  EXPECT_EQ(std::count(c.event_reasons.begin(), c.event_reasons.end(), "ForeignObjectIgnored"), 1);
  EXPECT_TRUE(c.has("AnalysisRun", name + ".2")) << c.history();
  EXPECT_THAT(c.events, testing::Contains(testing::AllOf(
                            testing::HasSubstr("ForeignObjectIgnored: AnalysisRun '" + name + "'"),
                            testing::HasSubstr("runs as '" + name + ".2'"))));
  c.set_run(name + ".2", "Successful");
  without_time(c);
  EXPECT_EQ(c.index(), 2) << c.message();
}

TEST(V4, a_retry_in_the_second_of_the_verdict_asks_again) {
  auto c = failed_at_the_gate();
  retry_at_once(c);
  without_time(c);
  EXPECT_TRUE(c.has("AnalysisRun", run_name(c, "-1.1"))) << c.history();
  EXPECT_FALSE(kube::get_bool(c.status(), "abort")) << c.message();
  EXPECT_EQ(c.index(), 1);
  c.set_run(run_name(c, "-1.1"), "Successful");
  without_time(c);
  EXPECT_EQ(c.index(), 2);
}

TEST(V4, a_third_attempt_in_the_same_second_asks_again_too) {
  auto c = failed_at_the_gate();
  retry_at_once(c);
  without_time(c);
  ASSERT_TRUE(c.has("AnalysisRun", run_name(c, "-1.1"))) << c.history();
  c.set_run(run_name(c, "-1.1"), "Failed", "still v1");
  without_time(c);
  EXPECT_EQ(c.phase(), "Degraded");
  retry_at_once(c);
  without_time(c);
  EXPECT_TRUE(c.has("AnalysisRun", run_name(c, "-1.2"))) << c.history();
  EXPECT_FALSE(kube::get_bool(c.status(), "abort")) << c.message();
}

TEST(V4, a_retry_asks_again_when_the_verdict_before_is_recorded) {
  auto c = nginx_canary(2, kGateBehind50);
  c.set_image("web:2");
  without_time(c);
  // The verdict is acted on, and its record is late.
  c.unrecorded_ends = {run_name(c, "-1")};
  c.set_run(run_name(c, "-1"), "Failed", "v1 where v2 was wanted");
  without_time(c);
  ASSERT_EQ(c.phase(), "Degraded") << c.status().dump(1);
  retry_at_once(c);
  without_time(c);
  EXPECT_EQ(run_names(c).size(), 1U) << "for the server two would ask the same";
  EXPECT_EQ(c.index(), 1);
  c.unrecorded_ends.clear();
  without_time(c);
  EXPECT_TRUE(c.has("AnalysisRun", run_name(c, "-1.1"))) << c.history();
}

TEST(V4, a_clock_that_was_set_back_makes_no_verdict_young_again) {
  auto c = failed_at_the_gate();
  c.now -= Seconds{3600};
  retry_at_once(c);
  without_time(c);
  EXPECT_TRUE(c.has("AnalysisRun", run_name(c, "-1.1"))) << c.history();
  EXPECT_FALSE(kube::get_bool(c.status(), "abort")) << c.message();
}

TEST(V4, a_run_that_a_server_with_a_fast_clock_stamped_is_no_younger) {
  auto c = nginx_canary(2, kGateBehind50);
  c.set_image("web:2");
  without_time(c);
  const auto name = run_name(c, "-1");
  c.edit("AnalysisRun", name,
         Json{{"metadata", {{"creationTimestamp", format_rfc3339(c.now + Seconds{90})}}}});
  c.set_run(name, "Failed", "no");
  c.get("AnalysisRun", name)["status"].erase("completedAt");
  without_time(c);
  ASSERT_EQ(c.phase(), "Degraded");
  c.now += Seconds{30};
  retry_at_once(c);
  without_time(c);
  EXPECT_TRUE(c.has("AnalysisRun", run_name(c, "-1.1"))) << c.history();
  EXPECT_FALSE(kube::get_bool(c.status(), "abort")) << c.message();
}

TEST(V4, a_background_run_of_the_attempt_before_is_not_the_one_of_this) {
  auto c = nginx_canary(
      2, R"([{"setWeight":50},{"setWeight":60},{"pause":{}}])",
      R"({"analysis":{"startingStep":1,"templates":[{"templateName":"endless"}]}})");
  c.set_image("web:2");
  without_time(c);
  ASSERT_TRUE(c.has("AnalysisRun", run_name(c, ""))) << c.history();
  c.set_run(run_name(c, ""), "Failed", "too many errors");
  without_time(c);
  ASSERT_EQ(c.phase(), "Degraded");
  retry_at_once(c);
  without_time(c);
  EXPECT_TRUE(c.has("AnalysisRun", run_name(c, ".1"))) << c.history();
  EXPECT_FALSE(kube::get_bool(c.status(), "abort")) << c.message();
}

TEST(V4, a_gate_before_the_switch_is_asked_again_once_its_pods_are_back) {
  auto c = blue_green(2, R"({"prePromotionAnalysis":{"templates":[{"templateName":"once"}]},
                             "abortScaleDownDelaySeconds":1})");
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.run();
  ASSERT_TRUE(c.has("AnalysisRun", run_name(c, "-pre"))) << c.history();
  c.set_run(run_name(c, "-pre"), "Failed", "no");
  c.run();
  c.run_for(Seconds{5});
  ASSERT_EQ(c.phase(), "Degraded");
  ASSERT_EQ(c.size(new_set(c)), 0);
  retry_at_once(c);
  c.settle();
  EXPECT_FALSE(c.has("AnalysisRun", run_name(c, "-pre.1"))) << "there is no pod to be asked yet";
  c.sync_pods();
  c.settle();
  EXPECT_TRUE(c.has("AnalysisRun", run_name(c, "-pre.1"))) << c.history();
  EXPECT_FALSE(kube::get_bool(c.status(), "abort")) << c.message();
  EXPECT_EQ(c.selected("web-active"), old);
  c.set_run(run_name(c, "-pre.1"), "Successful");
  c.run();
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
}

TEST(V4, a_verdict_behind_the_switch_does_not_meet_the_next_switch) {
  for (const bool pods_gone : {false, true}) {
    SCOPED_TRACE(pods_gone);
    auto c = blue_green(2, R"({"postPromotionAnalysis":{"templates":[{"templateName":"once"}]}})");
    const auto old = c.current_hash();
    c.set_image("web:2");
    c.run();
    ASSERT_EQ(c.selected("web-active"), c.current_hash());
    ASSERT_TRUE(c.has("AnalysisRun", run_name(c, "-post"))) << c.history();
    c.set_run(run_name(c, "-post"), "Failed", "no");
    c.run();
    ASSERT_EQ(c.phase(), "Degraded");
    ASSERT_EQ(c.selected("web-active"), old);
    if (pods_gone) c.run_for(Seconds{40});
    retry_at_once(c);
    without_time(c);
    EXPECT_FALSE(kube::get_bool(c.status(), "abort")) << c.message();
    EXPECT_EQ(c.selected("web-active"), c.current_hash()) << c.history();
    ASSERT_TRUE(c.has("AnalysisRun", run_name(c, "-post.1"))) << c.history();
    EXPECT_NE(c.stable_hash(), c.current_hash());
    c.set_run(run_name(c, "-post.1"), "Successful");
    c.run();
    EXPECT_EQ(c.stable_hash(), c.current_hash());
  }
}

TEST(V4, a_good_verdict_of_a_step_list_that_was_edited_passes_no_step_of_the_new_one) {
  auto c = nginx_canary(2, kGateBehind50);
  c.set_image("web:2");
  without_time(c);
  c.set_run(run_name(c, "-1"), "Successful");
  without_time(c);
  ASSERT_EQ(c.index(), 2);
  c.edit_rollout(R"({"spec":{"strategy":{"canary":{"steps":[{"setWeight":40},
      {"analysis":{"templates":[{"templateName":"once"}]}},{"pause":{}}]}}}})");
  without_time(c);
  EXPECT_EQ(c.index(), 1) << c.status().dump(1);
  EXPECT_TRUE(c.has("AnalysisRun", run_name(c, "-1.1"))) << c.history();
}

TEST(V4, a_verdict_left_by_the_cut_of_an_earlier_attempt_is_history) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])",
                        R"({"analysis":{"templates":[{"templateName":"endless"}]}})");
  c.set_image("web:2");
  c.run();
  c.set_run(run_name(c, ""), "Failed", "too many errors");
  c.pass();
  const auto left = c.annotation("Ingress", "web-web-canary", api::kAbortVerdictAnnotation);
  ASSERT_NE(left, "");
  c.run();
  c.now += Seconds{20};
  retry_at_once(c);
  c.run();
  ASSERT_FALSE(kube::get_bool(c.status(), "abort"));
  // The write that clears it was refused, or somebody's GitOps tool brought it back.
  c.edit("Ingress", "web-web-canary",
         Json{{"metadata", {{"annotations", {{std::string(api::kAbortVerdictAnnotation), left}}}}}});
  c.run();
  EXPECT_FALSE(kube::get_bool(c.status(), "abort")) << c.message();
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(c.annotation("Ingress", "web-web-canary", api::kAbortVerdictAnnotation), "");
}

// ---- what the reference leaves behind
TEST(V4, a_finished_run_that_the_reference_left_counts_for_no_attempt_of_ours) {
  auto c = failed_at_the_gate();
  const auto name = run_name(c, "-1");
  as_the_reference_leaves_it(c, name);
  c.edit("AnalysisRun", name,
         Json{{"metadata", {{"creationTimestamp", format_rfc3339(c.now + Seconds{90})}}}});
  c.get("AnalysisRun", name)["status"].erase("completedAt");
  c.now += Seconds{30};
  retry_at_once(c);
  without_time(c);
  EXPECT_TRUE(c.has("AnalysisRun", run_name(c, "-1.1"))) << c.history();
  EXPECT_FALSE(kube::get_bool(c.status(), "abort")) << c.message();
}

TEST(V4, a_live_run_that_the_reference_left_is_gone_on_with_whether_recorded_or_not) {
  for (const bool recorded : {true, false}) {
    SCOPED_TRACE(recorded);
    auto c = nginx_canary(2, kGateBehind50);
    c.set_image("web:2");
    c.run();
    const auto name = run_name(c, "-1");
    ASSERT_TRUE(c.has("AnalysisRun", name));
    as_the_reference_leaves_it(c, name);
    if (!recorded)
      c.edit_rollout(R"({"status":{"canary":{"currentStepAnalysisRunStatus":null}}})");
    c.run();
    EXPECT_EQ(run_names(c), std::vector<std::string>{name}) << c.history();
    EXPECT_FALSE(kube::get_bool(c.get("AnalysisRun", name), "spec.terminate"));
    c.set_run(name, "Failed", "no");
    c.run();
    EXPECT_EQ(c.phase(), "Degraded");
  }
}

TEST(V4, without_a_duration_on_record_the_names_of_the_runs_still_tell_attempts_apart) {
  auto c = failed_at_the_gate();
  patch_status(c, R"({"duration":null})");  // a CRD that prunes it
  retry_at_once(c);
  for (int i = 0; i < 12; ++i) {
    c.pass();
    patch_status(c, R"({"duration":null})");
    c.sync_pods();
  }
  EXPECT_TRUE(c.has("AnalysisRun", run_name(c, "-1.1"))) << c.history();
  EXPECT_FALSE(kube::get_bool(c.status(), "abort")) << c.message();
}

// ---- approvals
constexpr std::string_view kSmallPreview =
    R"({"autoPromotionEnabled":false,"previewReplicaCount":1,"abortScaleDownDelaySeconds":2)";

// Approved by a person, and aborted while the new version still grows to its full size.
Cluster aborted_between_approval_and_switch(const std::string& more = "") {
  auto c = blue_green(4, std::string(kSmallPreview) + more + "}");
  c.set_image("web:2");
  c.run();
  if (!more.empty()) {
    c.set_run(run_name(c, "-pre"), "Successful");
    c.run();
  }
  EXPECT_EQ(c.message(), "BlueGreenPause") << c.status().dump(1);
  resume(c);
  c.settle();
  EXPECT_TRUE(kube::get_bool(c.status(), "blueGreen.scaleUpPreviewCheckPoint"));
  EXPECT_EQ(c.size(new_set(c)), 4);
  abort_it(c);
  c.settle();
  EXPECT_EQ(c.phase(), "Degraded");
  return c;
}

TEST(V1, an_abort_forgets_that_the_preview_was_approved) {
  for (const bool pods_gone : {true, false}) {
    SCOPED_TRACE(pods_gone);
    auto c = aborted_between_approval_and_switch();
    const auto old = c.stable_hash();
    EXPECT_FALSE(kube::get_bool(c.status(), "blueGreen.scaleUpPreviewCheckPoint"));
    if (pods_gone) c.run_for(Seconds{6});
    retry_at_once(c);
    c.run_for(Seconds{30});
    EXPECT_EQ(c.message(), "BlueGreenPause") << c.status().dump(1);
    EXPECT_EQ(c.selected("web-active"), old);
    EXPECT_EQ(c.size(new_set(c)), 1);
    resume(c);
    c.run();
    EXPECT_EQ(c.selected("web-active"), c.current_hash());
  }
}

TEST(V1, a_check_point_that_the_reference_kept_over_an_abort_approves_nothing) {
  auto c = aborted_between_approval_and_switch();
  const auto old = c.stable_hash();
  c.run_for(Seconds{6});
  patch_status(c, R"({"blueGreen":{"scaleUpPreviewCheckPoint":true}})");
  retry_at_once(c);
  c.run_for(Seconds{30});
  EXPECT_EQ(c.message(), "BlueGreenPause") << c.status().dump(1);
  EXPECT_EQ(c.selected("web-active"), old);
}

TEST(V1, a_retry_runs_the_gate_again_to_its_end_and_asks_the_person_again) {
  auto c = aborted_between_approval_and_switch(
      R"(,"prePromotionAnalysis":{"templates":[{"templateName":"once"}]})");
  const auto old = c.stable_hash();
  retry_at_once(c);
  c.run_for(Seconds{30});
  const auto again = run_name(c, "-pre.1");
  ASSERT_TRUE(c.has("AnalysisRun", again)) << c.history();
  EXPECT_FALSE(kube::get_bool(c.get("AnalysisRun", again), "spec.terminate"));
  EXPECT_EQ(c.selected("web-active"), old);
  c.set_run(again, "Successful");
  c.run();
  EXPECT_EQ(c.message(), "BlueGreenPause") << c.status().dump(1);
  EXPECT_EQ(c.selected("web-active"), old);
}

// The deadline that an abort wrote says that the pods may go. It does not say that this version was
// live a moment ago, which is what lets a person go back to it without a gate.
TEST(V1, the_deadline_of_an_abort_is_no_fast_way_back_for_its_retry) {
  auto c = blue_green(2, R"({"autoPromotionEnabled":false})");
  c.set_image("web:2");
  c.run();
  resume(c);
  c.run();
  ASSERT_EQ(c.selected("web-active"), c.current_hash());
  const auto live = c.current_hash();
  c.run_for(Seconds{40});  // the old pods are gone
  c.set_image("web:1");
  c.run();
  ASSERT_EQ(c.message(), "BlueGreenPause") << c.status().dump(1);
  abort_it(c);
  c.run();
  ASSERT_NE(c.annotation("ReplicaSet", new_set(c), api::kScaleDownDeadlineAnnotation), "");
  retry_at_once(c);
  c.run();
  EXPECT_EQ(c.message(), "BlueGreenPause") << c.status().dump(1);
  EXPECT_EQ(c.selected("web-active"), live);
}

}  // namespace
}  // namespace sluice::rollout::test
