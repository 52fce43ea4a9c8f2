// Live objects as the reference leaves them: nothing is written while nothing changed, and when the
// world moves on the Rollout goes on from where it stood (rollout.md §10, first-release contract
// §10).
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class TakeOver : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(
    Fixtures, TakeOver,
    testing::Values("bluegreen-aborted-before-switch", "bluegreen-idle",
                    "bluegreen-post-promotion-running", "bluegreen-pre-promotion-failed",
                    "bluegreen-pre-promotion-running", "bluegreen-preview-paused",
                    "bluegreen-scale-down-delay", "canary-basic-idle", "canary-basic-paused",
                    "canary-basic-second-pause", "canary-nginx-aborted-by-analysis",
                    "canary-nginx-aborted-by-user", "canary-nginx-background-analysis",
                    "canary-nginx-idle", "canary-nginx-inline-analysis", "canary-nginx-paused",
                    "canary-nginx-promoted-full", "canary-nginx-rolled-back",
                    "invalid-missing-service", "canary-restarting", "canary-progress-deadline",
                    "canary-nginx-set-canary-scale"),
    [](const auto& parameter) {
      std::string out = parameter.param;
      for (char& c : out)
        if (c == '-') c = '_';
      return out;
    });

TEST_P(TakeOver, plans_no_write_at_the_clock) {
  auto c = Cluster::from_fixture(GetParam());
  c.pass();
  EXPECT_THAT(c.sent, IsEmpty()) << c.last_purposes();
  EXPECT_THAT(c.events, IsEmpty());
}

// What the next pass writes: "Purpose name".
std::vector<std::string> writes_of(Cluster& c) {
  const auto before = c.sent.size();
  c.pass();
  std::vector<std::string> out;
  for (auto i = before; i < c.sent.size(); ++i)
    out.push_back(c.sent[i].purpose + " " + c.sent[i].name);
  return out;
}
void retry(Cluster& c) {
  c.edit_rollout(R"({"status":{"abort":false}})");
}

constexpr auto kOld = "web-5bd5f557b7";
constexpr auto kNew = "web-c7cb6565b";

struct Deadline {
  const char* fixture;
  const char* time;  // one second behind the deadline
  const char* set;   // goes to 0
  std::vector<std::string> before;
};
void PrintTo(const Deadline& d, std::ostream* out) {
  *out << d.fixture;
}
class TakeOverDeadline : public testing::TestWithParam<Deadline> {};
INSTANTIATE_TEST_SUITE_P(
    Fixtures, TakeOverDeadline,
    testing::Values(Deadline{"bluegreen-aborted-before-switch", "2026-11-21T15:28:57Z", kNew, {}},
                    Deadline{"bluegreen-idle", "2026-11-21T14:29:17Z", kOld, {}},
                    Deadline{"bluegreen-pre-promotion-failed", "2026-11-21T14:29:34Z", kNew, {}},
                    Deadline{"bluegreen-scale-down-delay", "2026-11-21T15:28:56Z", kOld, {}},
                    Deadline{"canary-nginx-aborted-by-analysis",
                             "2026-11-21T14:28:41Z",
                             kNew,
                             {"SwitchService web-canary"}},
                    Deadline{"canary-nginx-idle", "2026-11-21T14:28:35Z", kOld, {}},
                    Deadline{"canary-nginx-promoted-full", "2026-11-21T15:28:30Z", kOld, {}},
                    Deadline{"canary-nginx-rolled-back", "2026-11-21T14:28:45Z", kNew, {}}),
    [](const auto& parameter) {
      std::string out = parameter.param.fixture;
      for (char& c : out)
        if (c == '-') c = '_';
      return out;
    });

TEST_P(TakeOverDeadline, a_passed_deadline_scales_the_set_to_zero_and_nothing_else) {
  auto c = Cluster::from_fixture(GetParam().fixture);
  c.pass();
  ASSERT_TRUE(c.wake_at || at(GetParam().time) - c.now > Seconds{900});
  EXPECT_LE(c.wake_at.value_or(WallTime{}), at(GetParam().time));
  c.now = at(GetParam().time);
  auto expected = GetParam().before;
  expected.push_back(std::string("ScaleReplicaSet ") + GetParam().set);
  EXPECT_EQ(writes_of(c), expected) << c.last_purposes();
  EXPECT_EQ(c.size(GetParam().set), 0);
}

TEST(TakeOverChange, bluegreen_aborted_before_switch__a_retry_waits_for_a_person_again) {
  auto c = Cluster::from_fixture("bluegreen-aborted-before-switch");
  retry(c);
  EXPECT_THAT(writes_of(c), ElementsAre(std::string("ScaleReplicaSet ") + kNew, "PatchStatus web"))
      << c.last_purposes();
  c.run();
  EXPECT_EQ(c.phase(), "Paused") << c.status().dump(1);
  EXPECT_EQ(c.selected("web-active"), "5bd5f557b7");
  EXPECT_EQ(c.annotation("ReplicaSet", kNew, api::kScaleDownDeadlineAnnotation), "");
}

TEST(TakeOverChange, bluegreen_post_promotion_running__success_promotes_and_delays_the_old_set) {
  auto c = Cluster::from_fixture("bluegreen-post-promotion-running");
  c.set_run("web-c7cb6565b-2-post", "Successful");
  EXPECT_THAT(writes_of(c), ElementsAre("PatchStatus web", std::string("ScaleReplicaSet ") + kOld))
      << c.last_purposes();
  EXPECT_EQ(c.stable_hash(), "c7cb6565b");
  EXPECT_EQ(c.phase(), "Healthy");
  EXPECT_EQ(c.size(kOld), 4);
}

TEST(TakeOverChange, bluegreen_post_promotion_running__failure_returns_production_first) {
  auto c = Cluster::from_fixture("bluegreen-post-promotion-running");
  c.set_run("web-c7cb6565b-2-post", "Failed", "no good");
  EXPECT_THAT(writes_of(c), ElementsAre("SwitchService web-active", "PatchStatus web"))
      << c.last_purposes();
  EXPECT_EQ(c.selected("web-active"), "5bd5f557b7");
  EXPECT_EQ(
      c.message(),
      "RolloutAborted: Rollout aborted update to revision 2: Blue/green post-promotion analysis "
      "phase error/failed: no good");
}

TEST(TakeOverChange, bluegreen_pre_promotion_running__success_switches_production) {
  auto c = Cluster::from_fixture("bluegreen-pre-promotion-running");
  c.set_run("web-c7cb6565b-2-pre", "Successful");
  EXPECT_THAT(writes_of(c), ElementsAre("SwitchService web-active", "PatchStatus web",
                                        std::string("ScaleReplicaSet ") + kOld))
      << c.last_purposes();
  EXPECT_EQ(c.stable_hash(), "c7cb6565b");
}

TEST(TakeOverChange, bluegreen_pre_promotion_running__failure_is_recorded_and_production_stays) {
  auto c = Cluster::from_fixture("bluegreen-pre-promotion-running");
  c.set_run("web-c7cb6565b-2-pre", "Failed", "no good");
  EXPECT_THAT(writes_of(c), ElementsAre("PatchStatus web")) << c.last_purposes();
  EXPECT_EQ(c.selected("web-active"), "5bd5f557b7");
  EXPECT_EQ(c.phase(), "Degraded");
}

TEST(TakeOverChange, bluegreen_preview_paused__promote_switches_once) {
  auto c = Cluster::from_fixture("bluegreen-preview-paused");
  resume(c);
  EXPECT_THAT(writes_of(c), ElementsAre("SwitchService web-active", "PatchStatus web",
                                        std::string("ScaleReplicaSet ") + kOld))
      << c.last_purposes();
  EXPECT_EQ(c.selected("web-active"), "c7cb6565b");
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(TakeOverChange, bluegreen_preview_paused__time_alone_does_not_promote) {
  auto c = Cluster::from_fixture("bluegreen-preview-paused");
  c.now += Seconds{86400};
  EXPECT_THAT(writes_of(c), IsEmpty()) << c.last_purposes();
}

TEST(TakeOverChange, canary_basic_idle__a_new_image_makes_one_set_and_resets_the_steps) {
  auto c = Cluster::from_fixture("canary-basic-idle");
  c.set_image("registry.example/web:3");
  const auto writes = writes_of(c);
  ASSERT_EQ(writes.size(), 4U) << c.last_purposes();
  EXPECT_THAT(writes[0], testing::StartsWith("CreateReplicaSet web-"));
  EXPECT_EQ(writes[1],
            std::string("ScaleReplicaSet ") + kNew);  // maxUnavailable 25 %: one may go at once
  EXPECT_EQ(writes[2], "PatchStatus web");
  EXPECT_EQ(writes[3], "PatchMetadata web");
  EXPECT_EQ(c.size(kNew), 3);
  EXPECT_EQ(c.index(), 0);
  EXPECT_EQ(c.annotation("Rollout", "web", api::kRevisionAnnotation), "3");
}

TEST(TakeOverChange, canary_basic_idle__a_lost_pod_is_reported_and_nothing_is_scaled) {
  auto c = Cluster::from_fixture("canary-basic-idle");
  c.pods(kNew, 3, 3);
  EXPECT_THAT(writes_of(c), ElementsAre("PatchStatus web")) << c.last_purposes();
  EXPECT_EQ(c.phase(), "Progressing");
  EXPECT_EQ(c.reason("Progressing"), "ReplicaSetNotAvailable");
}

TEST(TakeOverChange, canary_basic_idle__an_older_template_comes_back_as_a_new_revision_of_its_set) {
  auto c = Cluster::from_fixture("canary-basic-idle");
  c.rollout()["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/web:1";
  c.touch_spec(c.rollout());
  EXPECT_THAT(writes_of(c), ElementsAre(std::string("ScaleReplicaSet ") + kNew,
                                        std::string("ScaleReplicaSet ") + kOld, "PatchStatus web",
                                        "PatchMetadata web"))
      << c.last_purposes();
  EXPECT_EQ(c.size(kNew), 3);
  EXPECT_EQ(c.size(kOld), 1);
  EXPECT_EQ(c.annotation("ReplicaSet", kOld, api::kRevisionAnnotation), "3");
  EXPECT_EQ(c.annotation("ReplicaSet", kOld, api::kRevisionHistoryAnnotation), "1");
}

TEST(TakeOverChange, canary_basic_paused__promote_moves_one_step_on) {
  auto c = Cluster::from_fixture("canary-basic-paused");
  resume(c);
  EXPECT_THAT(writes_of(c), ElementsAre(std::string("ScaleReplicaSet ") + kNew, "PatchStatus web"))
      << c.last_purposes();
  EXPECT_EQ(c.index(), 2);
  EXPECT_EQ(c.size(kNew), 2);
}

TEST(TakeOverChange, canary_basic_second_pause__the_running_timer_goes_on_where_it_was) {
  auto c = Cluster::from_fixture("canary-basic-second-pause");
  c.pass();
  ASSERT_TRUE(c.wake_at);
  EXPECT_GT(*c.wake_at, at("2026-11-21T14:38:04Z"));
  EXPECT_LT(*c.wake_at, at("2026-11-21T14:38:05Z"));
  c.now = at("2026-11-21T14:38:04Z");
  EXPECT_THAT(writes_of(c), IsEmpty()) << c.last_purposes();
  c.now = at("2026-11-21T14:38:05Z");
  const auto writes = writes_of(c);
  EXPECT_EQ(writes.back(), "PatchStatus web") << c.last_purposes();
  EXPECT_EQ(c.index(), 4);
}

TEST(TakeOverChange,
     canary_nginx_aborted_by_analysis__a_retry_starts_a_new_run_and_the_first_step) {
  auto c = Cluster::from_fixture("canary-nginx-aborted-by-analysis");
  retry(c);
  EXPECT_THAT(writes_of(c), UnorderedElementsAre(std::string("ScaleReplicaSet ") + kNew,
                                                 "CreateAnalysisRun web-c7cb6565b-2.1",
                                                 "SetWeights web-web-canary", "PatchStatus web"))
      << c.last_purposes();
  EXPECT_EQ(c.annotation("ReplicaSet", kNew, api::kScaleDownDeadlineAnnotation), "");
}

TEST(TakeOverChange, canary_nginx_aborted_by_user__a_retry_brings_the_canary_back) {
  auto c = Cluster::from_fixture("canary-nginx-aborted-by-user");
  retry(c);
  EXPECT_THAT(writes_of(c), ElementsAre(std::string("ScaleReplicaSet ") + kNew, "PatchStatus web"))
      << c.last_purposes();
  EXPECT_EQ(c.size(kNew), 1);
  EXPECT_EQ(c.weight(), "0");
  c.run();
  EXPECT_EQ(c.weight(), "25");
  EXPECT_EQ(c.index(), 1);
}

TEST(TakeOverChange, canary_nginx_background_analysis__failure_cuts_traffic_before_it_is_recorded) {
  auto c = Cluster::from_fixture("canary-nginx-background-analysis");
  c.set_run("web-c7cb6565b-2", "Failed", "too slow");
  EXPECT_THAT(writes_of(c), ElementsAre("SetWeights web-web-canary", "SwitchService web-canary",
                                        "PatchStatus web"))
      << c.last_purposes();
  EXPECT_EQ(c.weight(), "0");
  EXPECT_THAT(c.event_reasons, testing::Contains("AnalysisRunFailed"));
  EXPECT_THAT(c.event_reasons, testing::Contains("RolloutAborted"));
}

TEST(TakeOverChange, canary_nginx_inline_analysis__success_goes_on_to_the_next_weight) {
  auto c = Cluster::from_fixture("canary-nginx-inline-analysis");
  c.set_run("web-c7cb6565b-2-1", "Successful");
  EXPECT_THAT(writes_of(c), ElementsAre(std::string("ScaleReplicaSet ") + kNew, "PatchStatus web"))
      << c.last_purposes();
  EXPECT_EQ(c.index(), 2);
  EXPECT_EQ(c.size(kNew), 2);
  EXPECT_EQ(c.weight(), "10");
}

TEST(TakeOverChange, canary_nginx_paused__promote_scales_for_the_next_weight) {
  auto c = Cluster::from_fixture("canary-nginx-paused");
  resume(c);
  EXPECT_THAT(writes_of(c), ElementsAre(std::string("ScaleReplicaSet ") + kNew, "PatchStatus web"))
      << c.last_purposes();
  EXPECT_EQ(c.index(), 2);
  EXPECT_EQ(c.size(kNew), 3);
}

TEST(TakeOverChange, canary_nginx_paused__abort_cuts_first_and_keeps_the_pods_for_a_while) {
  auto c = Cluster::from_fixture("canary-nginx-paused");
  abort_it(c);
  const auto writes = writes_of(c);
  EXPECT_THAT(writes, ElementsAre("SetWeights web-web-canary", "SwitchService web-canary",
                                  std::string("ScaleReplicaSet ") + kNew, "PatchStatus web"))
      << c.last_purposes();
  EXPECT_EQ(c.size(kNew), 1);
  EXPECT_NE(c.annotation("ReplicaSet", kNew, api::kScaleDownDeadlineAnnotation), "");
}

TEST(TakeOverChange, canary_nginx_paused__promote_full_goes_to_the_end) {
  auto c = Cluster::from_fixture("canary-nginx-paused");
  c.edit_rollout(R"({"status":{"promoteFull":true}})");
  EXPECT_THAT(writes_of(c), ElementsAre(std::string("ScaleReplicaSet ") + kNew, "PatchStatus web"))
      << c.last_purposes();
  EXPECT_EQ(c.size(kNew), 4);
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.status()["duration"]["completionStatus"], "FastPromoted");
}

TEST(TakeOverChange, canary_nginx_paused__undo_returns_to_the_stable_set_without_steps) {
  auto c = Cluster::from_fixture("canary-nginx-paused");
  c.rollout()["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/web:1";
  c.touch_spec(c.rollout());
  c.settle();
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.selected("web-canary"), "5bd5f557b7");
  EXPECT_EQ(c.index(), 4);
  EXPECT_EQ(c.annotation("Rollout", "web", api::kRevisionAnnotation), "3");
  EXPECT_NE(c.annotation("ReplicaSet", kNew, api::kScaleDownDeadlineAnnotation), "");
}

TEST(TakeOverChange, canary_nginx_paused__a_lost_stable_pod_changes_counts_only) {
  auto c = Cluster::from_fixture("canary-nginx-paused");
  c.now += Seconds{10};
  c.pods(kOld, 3, 4);
  EXPECT_THAT(writes_of(c), ElementsAre("PatchStatus web")) << c.last_purposes();
  EXPECT_EQ(c.weight(), "25");
  EXPECT_EQ(c.phase(), "Paused");
}

TEST(TakeOverChange, invalid_missing_service__recovers_when_the_services_appear) {
  auto c = Cluster::from_fixture("invalid-missing-service");
  for (const auto* name : {"web-canary", "web-stable"}) {
    auto object = service(name);
    object["metadata"]["namespace"] = c.rollout()["metadata"]["namespace"];
    c.put(object);
  }
  auto stable = ingress("web-stable");
  stable["metadata"]["namespace"] = c.rollout()["metadata"]["namespace"];
  c.put(stable);
  const auto writes = writes_of(c);
  ASSERT_EQ(writes.size(), 3U) << c.last_purposes();
  EXPECT_EQ(writes[1], "PatchStatus web");
  EXPECT_TRUE(c.condition("InvalidSpec").is_null());
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
}

TEST(TakeOverChange, states_with_features_of_later_releases_are_refused_and_left_alone) {
  for (const auto* name :
       {"canary-header-route", "canary-istio-host-paused", "workload-ref-idle"}) {
    auto c = Cluster::from_fixture(name);
    EXPECT_THAT(writes_of(c), ElementsAre("PatchStatus web")) << name;
    const auto patch = json(c.sent.back().body)["status"];
    for (const auto& [key, value] : patch.items())
      EXPECT_TRUE(key == "conditions" || key == "phase" || key == "message" ||
                  key == "observedGeneration")
          << name << key;
    EXPECT_THAT(c.event_reasons, ElementsAre("Unsupported")) << name;
    EXPECT_THAT(writes_of(c), IsEmpty()) << name;
    EXPECT_EQ(c.events.size(), 1U) << name;
  }
}

}  // namespace
}  // namespace sluice::rollout::test
