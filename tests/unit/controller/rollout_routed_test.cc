// Canaries behind ingress-nginx, Services and the verdict left by a cut (rollout.md §3.5–§3.11,
// §9.4, §9.5).
#include "controller/rollout/verdict.h"
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kPause50 = R"([{"setWeight":50},{"pause":{}}])";
constexpr std::string_view kEndless = R"({"analysis":{"templates":[{"templateName":"endless"}]}})";

std::string verdict_of(Cluster& c) {
  return c.annotation("Ingress", "web-web-canary", api::kAbortVerdictAnnotation);
}

TEST(RolloutRouted, an_update_moves_service_weight_and_pods_in_this_order) {
  auto c = nginx_canary(4, kPause50);
  c.set_image("web:2");
  c.settle();
  EXPECT_EQ(c.weight(), "0");
  c.sync_pods();
  const auto before = c.sent.size();
  c.pass();
  EXPECT_THAT(c.purposes(before), ElementsAre("SwitchService", "SetWeights", "PatchStatus"));
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(c.size(stable_set(c)), 4);
  EXPECT_EQ(c.size(new_set(c)), 2);
}

// A controller died between the creation of the ReplicaSet and its record; its pods are ready when
// the next one looks.
TEST(RolloutRouted, a_version_that_has_pods_before_it_is_on_record_gets_no_user_until_it_is) {
  auto c = nginx_canary(4, kPause50);
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.weight(), "50");
  const auto replaced = c.current_hash();
  c.set_image("web:3");
  c.crash_at = static_cast<int>(c.sent.size()) + 1;
  c.pass();
  ASSERT_EQ(c.sent.back().purpose, "CreateReplicaSet");
  ASSERT_EQ(c.current_hash(), replaced);
  const auto created = c.sent.back().name;
  c.edit("ReplicaSet", created, {{"spec", {{"replicas", 2}}}});
  c.sync_pods();

  auto before = c.sent.size();
  c.pass();
  EXPECT_THAT(c.purposes(before), ElementsAre("PatchStatus", "PatchMetadata")) << c.history(before);
  EXPECT_NE(c.current_hash(), replaced);
  EXPECT_EQ(c.index(), 0);
  EXPECT_EQ(kube::get_int(c.status(), "canary.weights.canary.weight"), 50)
      << "the record says what the router does";

  before = c.sent.size();
  c.pass();
  const auto purposes = c.purposes(before);
  ASSERT_GE(purposes.size(), 2U) << c.history(before);
  EXPECT_EQ(purposes[0], "SetWeights") << "users leave the replaced canary first";
  EXPECT_EQ(purposes[1], "SwitchService");
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.selected("web-canary"), c.current_hash());
  c.run();
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(c.phase(), "Paused");
}

TEST(RolloutRouted, an_abort_set_before_a_new_version_is_on_record_ends_with_the_old_version_only) {
  auto c = nginx_canary(4, kPause50);
  c.set_image("web:2");
  c.crash_at = static_cast<int>(c.sent.size()) + 1;
  c.pass();
  ASSERT_EQ(c.sent.back().purpose, "CreateReplicaSet");
  c.sync_pods();
  auto before = c.sent.size();
  c.pass();
  ASSERT_THAT(c.purposes(before), ElementsAre("PatchStatus", "PatchMetadata"));
  abort_it(c);
  before = c.sent.size();
  c.run();
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.count(before)["SwitchService"], 0) << c.history(before);
  EXPECT_EQ(c.index(), 0);
}

TEST(RolloutRouted, without_available_canary_pods_no_weight_is_given) {
  auto c = nginx_canary(4, kPause50);
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.weight(), "50");
  c.pods(new_set(c), 0);
  c.pass();
  EXPECT_EQ(c.weight(), "0");
}

TEST(RolloutRouted, the_previous_weight_stays_until_the_next_size_is_reached) {
  auto c = nginx_canary(4, R"([{"setWeight":25},{"pause":{}},{"setWeight":75},{"pause":{}}])");
  c.set_image("web:2");
  c.run();
  c.edit_rollout(R"({"status":{"pauseConditions":null}})");
  c.settle();
  EXPECT_EQ(c.size(new_set(c)), 3);
  EXPECT_EQ(c.weight(), "25");
  c.run();
  EXPECT_EQ(c.weight(), "75");
}

TEST(RolloutRouted, a_weight_that_stable_cannot_carry_is_not_written) {
  auto c = nginx_canary(4, R"([{"setWeight":25},{"pause":{}}])");
  c.set_image("web:2");
  c.settle();
  c.sync_pods();
  c.pods(stable_set(c), 2);
  const auto before = c.sent.size();
  c.settle();
  EXPECT_EQ(c.count(before)["SetWeights"], 0) << c.history(before);
  EXPECT_EQ(c.weight(), "0");
}

TEST(RolloutRouted, a_step_of_weight_zero_is_at_its_size_without_pods) {
  auto c = nginx_canary(4, R"([{"setWeight":0},{"pause":{}}])");
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.size(new_set(c)), 0);
  EXPECT_EQ(c.phase(), "Paused");
}

TEST(RolloutRouted, a_scale_step_sets_pods_apart_from_traffic) {
  auto c = nginx_canary(4, R"([{"setCanaryScale":{"weight":25}},{"setWeight":50},{"pause":{}},
                              {"setCanaryScale":{"replicas":6}},{"pause":{}},{"setCanaryScale":{"matchTrafficWeight":true}},{"pause":{}}])");
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 1);
  EXPECT_EQ(c.weight(), "50");
  c.edit_rollout(R"({"status":{"pauseConditions":null}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 6);
  c.edit_rollout(R"({"status":{"pauseConditions":null}})");
  c.run();
  EXPECT_EQ(c.size(new_set(c)), 2);
}

TEST(RolloutRouted, promotion_swaps_services_then_takes_the_weight_back_then_delays_the_old_set) {
  auto c = nginx_canary(4, kPause50);
  c.set_image("web:2");
  c.run();
  const auto old = stable_set(c);
  c.edit_rollout(R"({"status":{"pauseConditions":null}})");
  c.settle();
  c.sync_pods();
  const auto before = c.sent.size();
  c.settle();
  EXPECT_THAT(c.purposes(before),
              ElementsAre("SwitchService", "SetWeights", "PatchStatus", "ScaleReplicaSet"));
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.selected("web-stable"), c.current_hash());
  EXPECT_EQ(c.size(old), 4);
  c.run_for(Seconds{31});
  EXPECT_EQ(c.size(old), 0);
  EXPECT_EQ(c.phase(), "Healthy");
  EXPECT_EQ(kube::get_string(c.condition("Healthy"), "status"), "True");
}

TEST(RolloutRouted, a_scale_down_delay_of_zero_means_at_once) {
  auto c = nginx_canary(2, kPause50, R"({"scaleDownDelaySeconds":0})");
  c.set_image("web:2");
  c.run();
  const auto old = stable_set(c);
  c.edit_rollout(R"({"status":{"pauseConditions":null}})");
  c.run();
  EXPECT_EQ(c.size(old), 0);
}

TEST(RolloutRouted, the_revision_limit_takes_the_older_delayed_set_down_with_its_annotation) {
  auto c = nginx_canary(1, R"([{"setWeight":50}])",
                        R"({"scaleDownDelaySeconds":3600,"scaleDownDelayRevisionLimit":1})");
  const auto first = new_set(c);
  c.set_image("web:2");
  c.run();
  const auto second = new_set(c);
  c.now += Seconds{5};
  c.set_image("web:3");
  c.run();
  EXPECT_EQ(c.size(first), 0);
  EXPECT_EQ(c.annotation("ReplicaSet", first, api::kScaleDownDeadlineAnnotation), "");
  EXPECT_EQ(c.size(second), 1);
  EXPECT_NE(c.annotation("ReplicaSet", second, api::kScaleDownDeadlineAnnotation), "");
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.annotation("ReplicaSet", second, api::kScaleDownDeadlineAnnotation), "");
}

TEST(RolloutRouted, a_version_between_goes_to_zero_at_once_when_the_next_one_arrives) {
  auto c = nginx_canary(4, kPause50);
  c.set_image("web:2");
  c.run();
  const auto second = new_set(c);
  c.set_image("web:3");
  c.settle();
  EXPECT_EQ(c.weight(), "0");
  c.run();
  EXPECT_EQ(c.size(second), 0);
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(c.selected("web-canary"), c.current_hash());
}

TEST(RolloutRouted,
     an_abort_keeps_canary_pods_until_the_delay_is_over_and_the_service_does_not_flap) {
  auto c = nginx_canary(4, kPause50);
  c.set_image("web:2");
  c.run();
  abort_it(c);
  c.run();
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.selected("web-canary"), c.stable_hash());
  EXPECT_EQ(c.size(new_set(c)), 2);
  const auto before = c.sent.size();
  c.settle();
  EXPECT_EQ(c.sent.size(), before);
  c.run_for(Seconds{31});
  EXPECT_EQ(c.size(new_set(c)), 0);
  EXPECT_EQ(c.count(before)["SwitchService"], 0) << c.history(before);
}

TEST(RolloutRouted, an_abort_delay_of_zero_keeps_the_pods_for_good) {
  auto c = nginx_canary(4, kPause50, R"({"abortScaleDownDelaySeconds":0})");
  c.set_image("web:2");
  c.run();
  abort_it(c);
  c.run_for(Seconds{4000});
  EXPECT_EQ(c.size(new_set(c)), 2);
}

TEST(RolloutRouted, an_abort_delay_beyond_the_resync_holds_too) {
  auto c = nginx_canary(4, kPause50, R"({"abortScaleDownDelaySeconds":7200})");
  c.set_image("web:2");
  c.run();
  abort_it(c);
  c.run_for(Seconds{3000});
  EXPECT_EQ(c.size(new_set(c)), 2);
  c.run_for(Seconds{4300});
  EXPECT_EQ(c.size(new_set(c)), 0);
}

TEST(RolloutRouted, replicas_changed_during_an_abort_hold_do_not_freeze_the_traffic) {
  auto c = nginx_canary(4, kPause50, R"({"abortScaleDownDelaySeconds":600})");
  c.set_image("web:2");
  c.run();
  abort_it(c);
  c.run();
  c.edit_rollout(R"({"spec":{"replicas":6}})");
  c.run();
  EXPECT_EQ(c.annotation("ReplicaSet", new_set(c), api::kDesiredReplicasAnnotation), "6");
  EXPECT_EQ(c.size(new_set(c)), 2);
  EXPECT_EQ(c.size(stable_set(c)), 6);
  EXPECT_EQ(c.status()["HPAReplicas"], 8);
}

TEST(RolloutRouted, an_abort_sends_as_much_to_stable_as_it_can_carry) {
  auto c = nginx_canary(4, kPause50);
  c.set_image("web:2");
  c.run();
  c.pods(stable_set(c), 3);
  abort_it(c);
  c.settle();
  EXPECT_EQ(c.weight(), "25");
  c.sync_pods();
  c.settle();
  EXPECT_EQ(c.weight(), "0");
}

TEST(RolloutRouted, without_steps_the_router_stays_at_zero_and_services_swap_at_promotion) {
  auto c = nginx_canary(3, "");
  c.set_image("web:2");
  const auto before = c.sent.size();
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.count(before)["SetWeights"], 0) << c.history(before);
  EXPECT_EQ(c.selected("web-stable"), c.current_hash());
  EXPECT_FALSE(c.status().contains("currentStepIndex"));
}

TEST(RolloutRouted,
     dynamic_stable_scale_moves_pods_with_the_traffic_and_never_empties_the_stable_service) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}},{"setWeight":100},{"pause":{}}])",
                        R"({"dynamicStableScale":true})");
  c.set_image("web:2");
  c.run();
  EXPECT_EQ(c.size(stable_set(c)), 2);
  EXPECT_EQ(c.weight(), "50");
  c.edit_rollout(R"({"status":{"pauseConditions":null}})");
  c.run();
  EXPECT_EQ(c.weight(), "100");
  EXPECT_EQ(c.size(stable_set(c)), 1);
  EXPECT_EQ(std::count(c.event_reasons.begin(), c.event_reasons.end(), "DynamicStableScaleUnsafe"),
            1)
      << "once, and not while stable is only smaller";
  const auto old = stable_set(c);
  c.edit_rollout(R"({"status":{"pauseConditions":null}})");
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.size(old), 0);
}

TEST(RolloutRouted, an_aborted_dynamic_canary_steps_down_as_stable_comes_back) {
  auto c = nginx_canary(4, R"([{"setWeight":25},{"pause":{}},{"setWeight":75},{"pause":{}}])",
                        R"({"dynamicStableScale":true})");
  c.set_image("web:2");
  c.run();
  c.edit_rollout(R"({"status":{"pauseConditions":null}})");
  c.run();
  ASSERT_EQ(c.weight(), "75");
  abort_it(c);
  c.settle();
  EXPECT_EQ(c.weight(), "75");
  EXPECT_EQ(c.size(stable_set(c)), 3);  // enough for the step down to 25
  c.pods(stable_set(c), 3);
  c.settle();
  EXPECT_EQ(c.weight(), "25");
  EXPECT_EQ(c.size(new_set(c)), 1);
  c.pods(new_set(c), 1);
  c.settle();
  EXPECT_EQ(c.size(stable_set(c)), 4);
  EXPECT_NE(c.selected("web-canary"), c.stable_hash());
  c.pods(stable_set(c), 2);
  c.settle();
  EXPECT_EQ(c.weight(), "25");
  c.run();
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.selected("web-canary"), c.stable_hash());
}

TEST(RolloutRouted,
     a_weight_that_the_server_refuses_is_reported_and_neither_recorded_nor_tried_at_once) {
  auto c = nginx_canary(4, kPause50);
  c.set_image("web:2");
  c.settle();
  c.sync_pods();
  c.refusal = "no right";
  c.refuses = [](const kube::Write& write) { return write.purpose == "SetWeights"; };
  c.pass();
  const auto before = c.sent.size();
  const auto plan = c.pass();
  EXPECT_EQ(c.refused["SetWeights"], 1);
  for (auto i = before; i < c.sent.size(); ++i)
    EXPECT_EQ(c.sent[i].purpose, "PatchStatus") << c.history(before);
  EXPECT_EQ(kube::get_int(c.status(), "canary.weights.canary.weight"), 0);
  EXPECT_THAT(c.events, testing::Contains("TrafficRoutingError: no right"));
  ASSERT_TRUE(plan.wake_at);
  EXPECT_GT(*plan.wake_at, c.now);
}

TEST(RolloutRouted, a_router_taken_out_of_the_spec_leaves_no_share_behind) {
  auto c = nginx_canary(4, kPause50);
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.weight(), "50");
  c.edit_rollout(R"({"spec":{"strategy":{"canary":{"trafficRouting":null}}}})");
  c.run();
  EXPECT_EQ(c.weight(), "0");
  EXPECT_FALSE(c.status()["canary"].contains("weights"));
}

// ---- the verdict (first-release contract rollout.md §8) ----
TEST(RolloutVerdict, the_cut_leaves_its_reason_in_the_same_write) {
  auto c = nginx_canary(4, kPause50, kEndless);
  c.set_image("web:2");
  c.run();
  c.set_run("web-" + c.current_hash() + "-2", "Failed", "too slow");
  c.pass();
  const auto verdict = decode_verdict(verdict_of(c));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->hash, c.current_hash());
  EXPECT_EQ(verdict->run, "web-" + c.current_hash() + "-2");
  EXPECT_EQ(verdict->message, "Background analysis phase error/failed: too slow");
}

TEST(RolloutVerdict,
     a_controller_that_died_behind_the_cut_finishes_the_abort_though_the_run_looks_good_again) {
  auto c = nginx_canary(4, kPause50, kEndless);
  c.set_image("web:2");
  c.run();
  const auto run = "web-" + c.current_hash() + "-2";
  c.set_run(run, "Failed", "too slow");
  c.crash_at = static_cast<int>(c.sent.size()) + 1;
  c.pass();
  ASSERT_EQ(c.weight(), "0");
  ASSERT_FALSE(c.status().contains("abort"));
  c.get("AnalysisRun", run)["status"] =
      json(R"({"phase":"Running"})");  // the verdict was in memory only
  c.run();
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_EQ(c.message(),
            "RolloutAborted: Rollout aborted update to revision 2: Background analysis phase "
            "error/failed: too slow");
  EXPECT_EQ(c.selected("web-canary"), c.stable_hash());
}

TEST(RolloutVerdict, a_retry_clears_it_and_the_weight_may_rise_again) {
  auto c = nginx_canary(4, kPause50, kEndless);
  c.set_image("web:2");
  c.run();
  c.set_run("web-" + c.current_hash() + "-2", "Failed", "too slow");
  c.run();
  ASSERT_EQ(c.phase(), "Degraded");
  c.edit_rollout(R"({"status":{"abort":false}})");
  c.run();
  EXPECT_EQ(verdict_of(c), "");
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_TRUE(c.has("AnalysisRun", "web-" + c.current_hash() + "-2.1"));
}

TEST(RolloutVerdict, a_new_template_clears_it) {
  auto c = nginx_canary(4, kPause50, kEndless);
  c.set_image("web:2");
  c.run();
  c.set_run("web-" + c.current_hash() + "-2", "Failed", "too slow");
  c.run();
  c.set_image("web:3");
  c.run();
  EXPECT_EQ(verdict_of(c), "");
  EXPECT_EQ(c.phase(), "Paused");
}

// A crash between a weight and its record, and a new image meanwhile (reliability.md S2).
TEST(RolloutRouted, a_reset_records_the_weight_that_the_router_has) {
  auto c = nginx_canary(4, R"([{"setWeight":20},{"pause":{}},{"setWeight":50},{"pause":{}}])");
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.weight(), "20");
  c.edit(
      "Ingress", "web-web-canary",
      json(R"({"metadata":{"annotations":{"nginx.ingress.kubernetes.io/canary-weight":"50"}}})"));
  c.set_image("web:3");
  c.pass();
  const auto weights = c.status()["canary"]["weights"];
  EXPECT_EQ(weights["canary"]["weight"], std::stoi(c.weight())) << weights.dump();
  EXPECT_EQ(weights["stable"]["weight"], 100 - std::stoi(c.weight())) << weights.dump();
}

TEST(RolloutVerdict, text_that_is_no_verdict_is_ignored) {
  EXPECT_FALSE(decode_verdict(""));
  EXPECT_FALSE(decode_verdict("{"));
  EXPECT_FALSE(decode_verdict("[]"));
  EXPECT_FALSE(decode_verdict(R"({"run":"x"})"));
  const Verdict verdict{"abc", "run", "metric", "said \"no\""};
  EXPECT_EQ(decode_verdict(encode(verdict)), verdict);
}

// ---- the cases of rollout.md §9.5 ----
TEST(RolloutServices,
     an_unmanaged_service_waits_for_full_availability_and_a_managed_one_for_one_pod) {
  Cluster c;
  c.put(service("web-canary"));
  c.put(service("web-stable"));
  c.put(rollout(
      2,
      json(
          R"({"canary":{"canaryService":"web-canary","stableService":"web-stable","steps":[{"setWeight":100},{"pause":{}}]}})")));
  c.settle();
  const auto first = new_set(c);
  c.pods(first, 1);
  c.settle();
  EXPECT_EQ(c.selected("web-stable"), "");
  c.pods(first, 2);
  c.settle();
  EXPECT_EQ(c.selected("web-stable"), c.current_hash());
  EXPECT_EQ(c.annotation("Service", "web-stable", api::kManagedByAnnotation), "web");
  c.set_image("web:2");
  c.settle();
  const auto before = c.selected("web-canary");
  c.pods(new_set(c), 0);
  c.settle();
  EXPECT_EQ(c.selected("web-canary"), before);
  c.pods(new_set(c), 1);
  c.settle();
  EXPECT_EQ(c.selected("web-canary"), c.current_hash());
  abort_it(c);
  c.run();
  EXPECT_EQ(c.selected("web-canary"), c.stable_hash());
}

TEST(RolloutServices, a_service_that_is_no_longer_referred_to_is_given_back) {
  auto c = nginx_canary(1, kPause50);
  const auto observed = c.observe();
  const auto& subject = *observed.services.at("web-stable");
  EXPECT_THAT(clean_service(subject, true), IsEmpty());
  const auto writes = clean_service(subject, false);
  ASSERT_EQ(writes.size(), 1U);
  EXPECT_EQ(writes[0].purpose, "CleanService");
  c.apply(writes[0]);
  EXPECT_EQ(c.selected("web-stable"), "");
  EXPECT_EQ(c.annotation("Service", "web-stable", api::kManagedByAnnotation), "");
  EXPECT_EQ(c.get("Service", "web-stable")["spec"]["selector"]["app"], "web");
}

TEST(RolloutServices, references_name_everything_that_can_wake_the_rollout) {
  auto c = nginx_canary(1, R"([{"analysis":{"templates":[{"templateName":"once"}]}}])", kEndless);
  const auto refs = references(*c.observe().rollout);
  EXPECT_THAT(refs.services, testing::UnorderedElementsAre("web-canary", "web-stable"));
  EXPECT_THAT(refs.objects, testing::UnorderedElementsAre(
                                kube::ObjectRef{kube::kIngresses, {"shop", "web"}},
                                kube::ObjectRef{kube::kIngresses, {"shop", "web-web-canary"}}));
  EXPECT_THAT(refs.analysis_templates, testing::UnorderedElementsAre("once", "endless"));
}

// ---- the cases of rollout.md §9.9 ----
TEST(RolloutInvalid, an_invalid_edit_in_the_middle_of_an_update_changes_nothing_but_the_status) {
  auto c = nginx_canary(4, kPause50);
  c.set_image("web:2");
  c.run();
  const auto before = c.sent.size();
  c.edit_rollout(R"({"spec":{"strategy":{"canary":{"stableService":"web-canary"}}}})");
  c.run();
  EXPECT_THAT(c.purposes(before), ElementsAre("PatchStatus"));
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_THAT(c.message(),
              testing::StartsWith(
                  "InvalidSpec: The Rollout \"web\" is invalid: spec.strategy.stableService"));
  EXPECT_EQ(kube::get_string(c.status(), "observedGeneration"),
            std::to_string(kube::get_int(c.rollout(), "metadata.generation")));
  EXPECT_EQ(c.weight(), "50");
  ASSERT_TRUE(c.wake_at);
  c.edit_rollout(R"({"spec":{"strategy":{"canary":{"stableService":"missing"}}}})");
  c.run();
  EXPECT_THAT(c.message(), testing::HasSubstr("service \"missing\" not found"));
  c.edit_rollout(R"({"spec":{"strategy":{"canary":{"stableService":"web-stable"}}}})");
  c.run();
  EXPECT_TRUE(c.condition("InvalidSpec").is_null());
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_EQ(c.index(), 1);
}

TEST(RolloutInvalid, a_template_that_appears_later_heals_the_rollout) {
  auto c = nginx_canary(1, R"([{"setWeight":50}])");
  c.edit_rollout(
      R"({"spec":{"strategy":{"canary":{"analysis":{"templates":[{"templateName":"later"}]}}}}})");
  c.run();
  EXPECT_THAT(c.message(), testing::HasSubstr("AnalysisTemplate 'later' not found"));
  c.put(analysis_template("later"));
  c.run();
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(RolloutInvalid, a_service_of_another_rollout_and_one_with_a_foreign_label_are_refused) {
  auto c = nginx_canary(1, kPause50);
  c.edit(
      "Service", "web-canary",
      json(
          R"({"metadata":{"annotations":{"argo-rollouts.argoproj.io/managed-by-rollouts":"other"}}})"));
  c.run();
  EXPECT_THAT(c.message(),
              testing::HasSubstr("Service \"web-canary\" is managed by another Rollout"));
  c.edit(
      "Service", "web-canary",
      json(R"({"metadata":{"annotations":{"argo-rollouts.argoproj.io/managed-by-rollouts":"web"}},
                                           "spec":{"selector":{"tier":"x"}}})"));
  c.run();
  EXPECT_THAT(c.message(),
              testing::HasSubstr("Service \"web-canary\" has unmatch label \"tier\" in rollout"));
}

TEST(RolloutInvalid, time_spent_invalid_does_not_count_against_the_deadline) {
  auto c = basic_canary(4, R"([{"setWeight":50}])");
  c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":60}})");
  c.set_image("web:2");
  c.settle();
  c.sync_pods(false);
  c.settle();
  c.edit_rollout(R"({"spec":{"minReadySeconds":-1}})");
  c.settle();
  c.now += Seconds{3600};
  c.edit_rollout(R"({"spec":{"minReadySeconds":0}})");
  c.settle();
  EXPECT_EQ(c.phase(), "Progressing") << c.status().dump(1);
}

TEST(RolloutInvalid, a_rollout_being_deleted_is_left_alone) {
  auto c = basic_canary(1, "[]");
  c.rollout()["metadata"]["deletionTimestamp"] = "2026-11-21T15:00:00Z";
  c.set_image("web:2");
  EXPECT_THAT(c.pass().intents, IsEmpty());
}

TEST(RolloutInvalid, a_template_with_a_provider_of_a_later_release_is_refused_by_name) {
  auto c = nginx_canary(1, R"([{"setWeight":50}])", kEndless);
  c.get("AnalysisTemplate", "endless")["spec"]["metrics"][0]["provider"] =
      json(R"({"datadog":{"query":"x"}})");
  const auto before = c.sent.size();
  c.set_image("web:2");
  c.run();
  EXPECT_THAT(c.purposes(before), ElementsAre("PatchStatus"));
  EXPECT_THAT(c.message(), testing::HasSubstr("AnalysisTemplate endless"));
  EXPECT_THAT(c.event_reasons.back(), "Unsupported");
}

}  // namespace
}  // namespace sluice::rollout::test
