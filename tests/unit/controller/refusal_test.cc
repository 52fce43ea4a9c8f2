// A refusal is not for ever: the server is asked again, what does not depend on the answer goes on,
// a person is heard, the status says what is the matter, and the deadline runs.
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kHalfThenMore =
    R"([{"setWeight":50},{"pause":{"duration":6}},{"setWeight":75},{"pause":{}}])";
constexpr std::string_view kBackground =
    R"({"analysis":{"templates":[{"templateName":"endless"}]}})";

std::function<bool(const kube::Write&)> all_of(const std::string& purpose) {
  return [purpose](const kube::Write& write) { return write.purpose == purpose; };
}

// Time passes as the controller asks to be woken; pods come up at once.
void wait(Cluster& c, Seconds time) {
  const auto end = c.now + time;
  for (int i = 0; i < 100'000; ++i) {
    c.settle();
    while (c.sync_pods()) c.settle();
    if (!c.wake_at || *c.wake_at >= end) break;
    c.now = std::max(c.now + Millis{20}, *c.wake_at);
  }
  c.now = std::max(c.now, end);
  c.settle();
}

int told(const Cluster& c, const std::string& reason, std::size_t from = 0) {
  return static_cast<int>(
      std::count(c.event_reasons.begin() + static_cast<std::ptrdiff_t>(from),
                 c.event_reasons.end(), reason));
}
std::string obstacle(Cluster& c) {
  return kube::get_string(c.condition("ReconciliationError"), "message");
}
bool generation_is_observed(Cluster& c) {
  return kube::get_string(c.status(), "observedGeneration") ==
         std::to_string(kube::get_int(c.rollout(), "metadata.generation"));
}

// v2 has half of the users, its next weight is refused.
Cluster refused_at_75() {
  auto c = nginx_canary(4, kHalfThenMore);
  c.set_image("web:2");
  wait(c, Seconds{4});
  EXPECT_EQ(c.weight(), "50");
  c.refuses = all_of("SetWeights");
  wait(c, Seconds{9});
  EXPECT_EQ(c.index(), 2);
  return c;
}

// ---- weights
TEST(N1, a_weight_is_asked_for_again_until_it_is_taken_and_the_status_says_why_it_is_not) {
  auto c = refused_at_75();
  EXPECT_EQ(c.phase(), "Progressing");
  EXPECT_THAT(c.message(), HasSubstr(c.refusal));
  EXPECT_THAT(obstacle(c), HasSubstr(c.refusal));
  EXPECT_TRUE(generation_is_observed(c));
  const auto requests = c.refused["SetWeights"];
  const auto writes = c.sent.size();
  wait(c, Seconds{60});
  EXPECT_GT(c.refused["SetWeights"], requests) << "nobody asks any more";
  EXPECT_EQ(c.sent.size(), writes) << c.history(writes);
  EXPECT_EQ(told(c, "TrafficRoutingError"), 1) << "it is told once";
  EXPECT_EQ(c.index(), 2);
  EXPECT_EQ(c.weight(), "50");
  c.refuses = nullptr;
  wait(c, Seconds{13});
  EXPECT_EQ(c.weight(), "75");
  EXPECT_EQ(c.index(), 3);
  EXPECT_EQ(obstacle(c), "");
  EXPECT_EQ(c.message(), "CanaryPauseStep");
}

TEST(N1, the_deadline_runs_while_a_weight_is_refused) {
  for (const bool abort : {false, true}) {
    SCOPED_TRACE(abort);
    auto c = nginx_canary(4, kHalfThenMore);
    c.edit_rollout(std::string(R"({"spec":{"progressDeadlineSeconds":20,"progressDeadlineAbort":)") +
                   (abort ? "true" : "false") + "}}");
    c.run();
    c.set_image("web:2");
    wait(c, Seconds{4});
    c.refuses = [](const kube::Write& write) {
      return write.purpose == "SetWeights" && write.body.find("\"75\"") != std::string::npos;
    };
    wait(c, Seconds{40});
    EXPECT_EQ(c.phase(), "Degraded") << c.status().dump(1);
    EXPECT_THAT(c.message(), HasSubstr("timed out progressing"));
    EXPECT_THAT(c.message(), HasSubstr(c.refusal));
    EXPECT_EQ(c.weight(), abort ? "0" : "50");
    EXPECT_EQ(kube::get_bool(c.status(), "abort"), abort);
    if (abort) continue;
    c.refuses = nullptr;
    wait(c, Seconds{13});
    EXPECT_EQ(c.weight(), "75") << c.status().dump(1);
    EXPECT_EQ(c.phase(), "Paused");
  }
}

TEST(N1, an_abort_does_not_wait_for_the_refusal_of_another_weight) {
  auto c = refused_at_75();
  c.refuses = [](const kube::Write& write) {
    return write.purpose == "SetWeights" && write.body.find("\"75\"") != std::string::npos;
  };
  abort_it(c);
  const auto before = c.sent.size();
  c.settle();
  EXPECT_EQ(c.weight(), "0");
  ASSERT_GT(c.sent.size(), before);
  EXPECT_EQ(c.sent[before].purpose, "SetWeights") << c.history(before);
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_EQ(c.selected("web-canary"), c.stable_hash());
}

TEST(N1, a_cut_that_is_refused_too_is_on_record_and_takes_the_other_way_and_is_made_later) {
  auto c = refused_at_75();
  const auto second = new_set(c);
  abort_it(c);
  c.settle();
  EXPECT_EQ(c.phase(), "Degraded") << c.status().dump(1);
  EXPECT_TRUE(c.status().contains("abortedAt"));
  EXPECT_THAT(c.message(), HasSubstr(c.refusal));
  EXPECT_EQ(c.selected("web-canary"), c.stable_hash()) << "the Service is still ours";
  wait(c, Seconds{120});
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(kube::get_int(c.status(), "canary.weights.canary.weight"), 50);
  EXPECT_EQ(told(c, "TrafficRoutingError"), 1);
  c.refuses = nullptr;
  wait(c, Seconds{13});
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(obstacle(c), "");
  wait(c, Seconds{60});
  EXPECT_EQ(c.size(second), 0);
}

TEST(N1, pods_stay_while_users_are_sent_to_them) {
  auto c = refused_at_75();
  const auto second = new_set(c);
  // Neither the weight nor the selector can be changed.
  c.refuses = [](const kube::Write& write) {
    return write.purpose == "SetWeights" || write.purpose == "SwitchService";
  };
  abort_it(c);
  wait(c, Seconds{300});
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(c.selected("web-canary"), c.current_hash());
  EXPECT_EQ(c.size(second), 3);
  c.refuses = nullptr;
  wait(c, Seconds{60});
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.size(second), 0);
}

TEST(N1, the_last_pod_of_an_aborted_version_does_not_leave_before_its_service) {
  for (const bool dynamic : {false, true}) {
    SCOPED_TRACE(dynamic);
    auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])",
                          dynamic ? R"({"dynamicStableScale":true})" : "{}");
    c.set_image("web:2");
    wait(c, Seconds{4});
    ASSERT_EQ(c.weight(), "50");
    const auto second = new_set(c);
    c.refuses = all_of("SwitchService");
    abort_it(c);
    wait(c, Seconds{300});
    EXPECT_EQ(c.weight(), "0");
    EXPECT_EQ(c.selected("web-canary"), c.current_hash());
    EXPECT_GE(c.size(second), 1) << c.history();
    c.refuses = nullptr;
    wait(c, Seconds{60});
    EXPECT_EQ(c.selected("web-canary"), c.stable_hash());
    EXPECT_EQ(c.size(second), 0);
  }
}

TEST(N1, a_bad_verdict_is_acted_on_and_recorded_though_its_cut_is_refused) {
  auto c = nginx_canary(4, kHalfThenMore, kBackground);
  c.set_image("web:2");
  wait(c, Seconds{4});
  ASSERT_EQ(c.weight(), "50");
  c.refuses = all_of("SetWeights");
  c.set_run("web-" + c.current_hash() + "-2", "Failed", "too many errors");
  c.settle();
  EXPECT_EQ(c.phase(), "Degraded") << c.status().dump(1);
  EXPECT_THAT(c.message(), HasSubstr("too many errors"));
  EXPECT_EQ(c.selected("web-canary"), c.stable_hash());
  c.refuses = nullptr;
  wait(c, Seconds{13});
  EXPECT_EQ(c.weight(), "0");
}

TEST(N1, a_cut_goes_alone_when_the_server_refuses_what_would_go_with_it) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])");
  c.set_image("web:2");
  wait(c, Seconds{4});
  ASSERT_EQ(c.weight(), "50");
  // The person's Ingress has a rule more, which a policy does not let onto the canary's.
  c.edit("Ingress", "web", json(R"({"spec":{"tls":[{"hosts":["web.example"],"secretName":"t"}]}})"));
  c.refuses = [](const kube::Write& write) {
    return write.purpose == "SetWeights" && write.body.find("tls") != std::string::npos;
  };
  c.settle();
  abort_it(c);
  c.settle();
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(kube::get_int(c.status(), "canary.weights.canary.weight"), 0);
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_THAT(c.message(), HasSubstr(c.refusal)) << "the rest of it is still refused";
}

TEST(N1, an_ingress_of_somebody_else_stops_neither_deadline_nor_person) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])");
  c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":20}})");
  c.run();
  c.edit("Ingress", "web-web-canary", json(R"({"metadata":{"ownerReferences":null}})"));
  c.set_image("web:2");
  wait(c, Seconds{40});
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_THAT(c.message(), HasSubstr("controlled by different object"));
  EXPECT_EQ(told(c, "TrafficRoutingError"), 1);
  abort_it(c);
  c.settle();
  EXPECT_THAT(c.message(), HasSubstr("RolloutAborted"));
}

TEST(N1, a_resume_by_a_person_is_remembered_until_the_router_can_be_changed) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}},{"setWeight":75},{"pause":{}}])");
  c.set_image("web:2");
  wait(c, Seconds{4});
  ASSERT_EQ(c.message(), "CanaryPauseStep");
  c.edit("Ingress", "web-web-canary",
         json(R"({"metadata":{"annotations":{"nginx.ingress.kubernetes.io/canary-weight":"10"}}})"));
  c.refuses = all_of("SetWeights");
  c.settle();
  resume(c);
  wait(c, Seconds{30});
  EXPECT_EQ(c.index(), 1) << "the weight that the step before asked for is not there any more";
  c.refuses = nullptr;
  wait(c, Seconds{15});
  EXPECT_EQ(c.index(), 3) << c.status().dump(1);
  EXPECT_EQ(c.weight(), "75");
}

// ---- ReplicaSets
TEST(N1, a_new_version_that_is_refused_says_so_and_goes_on_by_itself) {
  auto c = basic_canary(2, R"([{"setWeight":50},{"pause":{"duration":1}}])");
  const auto old = new_set(c);
  c.set_image("web:2");
  c.refuses = all_of("CreateReplicaSet");
  wait(c, Seconds{60});
  EXPECT_EQ(c.phase(), "Progressing") << c.status().dump(1);
  EXPECT_THAT(c.message(), HasSubstr("Failed to create new replica set"));
  EXPECT_THAT(c.message(), HasSubstr(c.refusal));
  EXPECT_TRUE(generation_is_observed(c));
  EXPECT_EQ(c.reason("Progressing"), "ReplicaSetCreateError");
  EXPECT_EQ(told(c, "ReplicaSetCreateError"), 1);
  EXPECT_EQ(c.size(old), 2) << "nothing is taken away for pods that cannot come";
  EXPECT_NE(c.stable_hash(), c.current_hash());
  c.refuses = nullptr;
  wait(c, Seconds{13});
  EXPECT_EQ(c.objects["ReplicaSet"].size(), 2U);
  wait(c, Seconds{20});
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.stable_hash(), c.current_hash());
  EXPECT_EQ(obstacle(c), "");
}

TEST(N1, a_new_version_that_is_refused_runs_into_its_deadline) {
  for (const bool abort : {false, true}) {
    SCOPED_TRACE(abort);
    auto c = basic_canary(2, R"([{"setWeight":50},{"pause":{"duration":1}}])");
    c.edit_rollout(std::string(R"({"spec":{"progressDeadlineSeconds":10,"progressDeadlineAbort":)") +
                   (abort ? "true" : "false") + "}}");
    c.run();
    c.set_image("web:2");
    c.refuses = all_of("CreateReplicaSet");
    wait(c, Seconds{9});
    EXPECT_EQ(c.phase(), "Progressing");
    wait(c, Seconds{6});
    EXPECT_EQ(c.phase(), "Degraded") << c.status().dump(1);
    EXPECT_THAT(c.message(), HasSubstr("timed out progressing"));
    EXPECT_THAT(c.message(), HasSubstr(c.refusal));
    EXPECT_EQ(kube::get_bool(c.status(), "abort"), abort);
    const auto requests = c.refused["CreateReplicaSet"];
    wait(c, Seconds{40});
    if (abort) {
      EXPECT_EQ(c.refused["CreateReplicaSet"], requests) << "an aborted version is not asked for";
    }
    c.refuses = nullptr;
    if (abort) patch_status(c, R"({"abort":false})");
    wait(c, Seconds{30});
    EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
    EXPECT_EQ(c.stable_hash(), c.current_hash());
  }
}

TEST(N1, a_version_that_replaces_a_running_update_takes_its_users_off_though_it_is_refused) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])", kBackground);
  c.set_image("web:2");
  wait(c, Seconds{4});
  ASSERT_EQ(c.weight(), "50");
  const auto runs = c.objects["AnalysisRun"].size();
  c.set_image("web:3");
  c.refuses = all_of("CreateReplicaSet");
  wait(c, Seconds{5});
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.objects["AnalysisRun"].size(), runs) << "there is nothing to judge";
  abort_it(c);
  wait(c, Seconds{5});
  EXPECT_EQ(c.phase(), "Degraded");
  patch_status(c, R"({"abort":false})");
  c.refuses = nullptr;
  wait(c, Seconds{15});
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(c.selected("web-canary"), c.current_hash());
}

TEST(N1, a_first_version_that_is_refused_is_not_taken_for_stable) {
  Cluster c;
  c.put(rollout(2, json(R"({"canary":{"steps":[{"setWeight":50}]}})")));
  c.refuses = all_of("CreateReplicaSet");
  wait(c, Seconds{30});
  EXPECT_EQ(c.stable_hash(), "");
  EXPECT_EQ(c.phase(), "Progressing");
  EXPECT_EQ(told(c, "RolloutCompleted"), 0);
  c.refuses = nullptr;
  wait(c, Seconds{20});
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
}

TEST(N1, a_preview_that_is_refused_touches_no_service) {
  auto c = blue_green(2);
  const auto old = c.current_hash();
  c.set_image("web:2");
  c.refuses = all_of("CreateReplicaSet");
  wait(c, Seconds{40});
  EXPECT_EQ(c.selected("web-active"), old);
  EXPECT_EQ(c.selected("web-preview"), old);
  EXPECT_EQ(c.phase(), "Progressing");
  EXPECT_THAT(c.message(), HasSubstr(c.refusal));
  c.refuses = nullptr;
  wait(c, Seconds{15});
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
}

// ---- AnalysisRuns
TEST(N1, a_gate_that_cannot_be_made_is_not_passed_says_so_and_is_made_later) {
  auto c = nginx_canary(2, R"([{"setWeight":50},{"analysis":{"templates":[{"templateName":"once"}]}},
                              {"pause":{}}])");
  c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":60}})");
  c.run();
  c.set_image("web:2");
  c.refuses = all_of("CreateAnalysisRun");
  wait(c, Seconds{30});
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.phase(), "Progressing");
  EXPECT_THAT(c.message(), HasSubstr(c.refusal));
  EXPECT_EQ(told(c, "ReconciliationError"), 1);
  wait(c, Seconds{60});
  EXPECT_EQ(c.phase(), "Degraded") << "to wait for a permission is no analysis";
  c.refuses = nullptr;
  wait(c, Seconds{13});
  ASSERT_EQ(c.objects["AnalysisRun"].size(), 1U);
  c.set_run(c.objects["AnalysisRun"].begin()->first, "Successful");
  wait(c, Seconds{5});
  EXPECT_EQ(c.index(), 2);
  EXPECT_EQ(c.phase(), "Paused") << c.status().dump(1);
}

TEST(N1, without_its_background_analysis_no_version_gets_users) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])", kBackground);
  c.set_image("web:2");
  c.refuses = all_of("CreateAnalysisRun");
  wait(c, Seconds{60});
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.index(), 0);
  EXPECT_THAT(c.message(), HasSubstr(c.refusal));
  c.refuses = nullptr;
  wait(c, Seconds{15});
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(c.index(), 1);
}

TEST(N1, a_retry_waits_for_a_run_that_cannot_be_told_to_end) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])", kBackground);
  c.set_image("web:2");
  wait(c, Seconds{4});
  ASSERT_EQ(c.weight(), "50");
  c.refuses = all_of("TerminateAnalysisRun");
  abort_it(c);
  wait(c, Seconds{5});
  EXPECT_EQ(c.phase(), "Degraded");
  patch_status(c, R"({"abort":false})");
  wait(c, Seconds{60});
  EXPECT_EQ(c.objects["AnalysisRun"].size(), 1U) << "two would ask the same";
  EXPECT_EQ(c.weight(), "0") << "nothing judges it";
  EXPECT_THAT(c.message(), HasSubstr(c.refusal));
  c.refuses = nullptr;
  wait(c, Seconds{15});
  EXPECT_EQ(c.objects["AnalysisRun"].size(), 2U);
  EXPECT_EQ(c.weight(), "50");
  EXPECT_EQ(obstacle(c), "");
}

TEST(N1, an_abort_does_not_wait_for_an_analysis_that_is_refused) {
  auto c = nginx_canary(2, R"([{"setWeight":50},{"analysis":{"templates":[{"templateName":"once"}]}}])");
  c.set_image("web:2");
  c.refuses = all_of("CreateAnalysisRun");
  wait(c, Seconds{30});
  ASSERT_EQ(c.weight(), "50");
  abort_it(c);
  c.settle();
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_THAT(c.message(), Not(HasSubstr(c.refusal)));
}

// ---- blue/green
TEST(N1, an_approval_outlives_the_refusal_of_the_switch) {
  auto c = blue_green(2, R"({"autoPromotionEnabled":false})");
  const auto old = c.current_hash();
  c.set_image("web:2");
  wait(c, Seconds{5});
  ASSERT_EQ(c.message(), "BlueGreenPause");
  c.refuses = all_of("SwitchService");
  resume(c);
  wait(c, Seconds{60});
  EXPECT_EQ(c.selected("web-active"), old);
  EXPECT_EQ(c.phase(), "Progressing");
  EXPECT_THAT(c.message(), HasSubstr(c.refusal));
  c.refuses = nullptr;
  wait(c, Seconds{13});
  EXPECT_EQ(c.selected("web-active"), c.current_hash());
}

TEST(N1, an_abort_whose_switch_back_is_refused_keeps_the_pods_that_are_live) {
  auto c = blue_green(2, R"({"postPromotionAnalysis":{"templates":[{"templateName":"once"}]},
                             "abortScaleDownDelaySeconds":5})");
  const auto old = c.current_hash();
  c.set_image("web:2");
  wait(c, Seconds{5});
  ASSERT_EQ(c.selected("web-active"), c.current_hash());
  c.refuses = all_of("SwitchService");
  c.set_run("web-" + c.current_hash() + "-2-post", "Failed", "no");
  wait(c, Seconds{60});
  EXPECT_EQ(c.phase(), "Degraded") << c.status().dump(1);
  EXPECT_EQ(c.size(new_set(c)), 2) << "its users have nowhere else to go";
  c.refuses = nullptr;
  wait(c, Seconds{13});
  EXPECT_EQ(c.selected("web-active"), old);
  wait(c, Seconds{13});
  EXPECT_EQ(c.size(new_set(c)), 0);
}

// ---- anything
TEST(N1, whatever_else_is_refused_an_abort_is_heard_at_once) {
  for (const auto* purpose : {"ScaleReplicaSet", "SyncReplicaSet", "TerminateAnalysisRun",
                              "DeleteReplicaSet", "DeleteAnalysisRun", "SwitchService",
                              "CreateAnalysisRun", "PatchMetadata", "ReleaseReplicaSet"}) {
    SCOPED_TRACE(purpose);
    auto c = nginx_canary(4, R"([{"setWeight":25},{"pause":{}},{"setWeight":75},{"pause":{}}])",
                          kBackground);
    c.edit_rollout(R"({"spec":{"revisionHistoryLimit":0}})");
    const auto first = new_set(c);
    c.set_image("web:2");
    wait(c, Seconds{4});
    ASSERT_EQ(c.weight(), "25");
    c.refuses = all_of(purpose);
    // Something of every kind is to be done: sizes, annotations, history, runs of an old version.
    c.edit_rollout(R"({"spec":{"replicas":3},"metadata":{"annotations":{"team":"a"}}})");
    auto copy = c.get("ReplicaSet", first);
    copy["metadata"] = json(R"({"name":"web-gone","labels":{"app":"web",
        "rollouts-pod-template-hash":"gone"}})");
    copy["metadata"]["ownerReferences"] = c.get("ReplicaSet", first)["metadata"]["ownerReferences"];
    copy["spec"]["replicas"] = 0;
    c.put(copy);
    c.pods("web-gone", 0, 0);
    wait(c, Seconds{30});
    abort_it(c);
    c.settle();
    EXPECT_EQ(c.weight(), "0") << c.status().dump(1);
    EXPECT_EQ(c.phase(), "Degraded");
    EXPECT_TRUE(c.status().contains("abortedAt"));
    c.refuses = nullptr;
    wait(c, Seconds{60});
    EXPECT_EQ(obstacle(c), "");
    EXPECT_EQ(c.size(c.set_of(c.stable_hash())), 3);
  }
}

TEST(N1, a_spec_that_cannot_be_called_invalid_is_no_hot_loop) {
  auto c = basic_canary(2, R"([{"setWeight":50}])");
  c.refuses = all_of("PatchStatus");
  c.edit_rollout(R"({"spec":{"strategy":{"canary":{"steps":[{"setWeight":500}]}}}})");
  wait(c, Seconds{300});
  EXPECT_GT(c.refused["PatchStatus"], 20);
  EXPECT_LT(c.refused["PatchStatus"], 60);
  c.refuses = nullptr;
  wait(c, Seconds{13});
  EXPECT_THAT(c.message(), HasSubstr("InvalidSpec"));
}

TEST(N1, a_status_that_is_refused_is_told_once_and_recorded_later) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])");
  c.set_image("web:2");
  wait(c, Seconds{4});
  ASSERT_EQ(c.weight(), "50");
  c.refuses = all_of("PatchStatus");
  abort_it(c);
  wait(c, Seconds{60});
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(told(c, "ReconciliationError"), 1);
  EXPECT_LE(told(c, "RolloutAborted"), 1) << "told only before anybody knew of the refusal";
  const auto before = told(c, "RolloutAborted");
  EXPECT_LE(c.refused["PatchStatus"], 20);
  c.refuses = nullptr;
  wait(c, Seconds{13});
  EXPECT_EQ(c.phase(), "Degraded");
  EXPECT_EQ(told(c, "RolloutAborted"), before + 1);
}

// The next step's pods would rest on a record that is not there: the decision after it would take
// them back.
TEST(N1, nothing_is_built_on_a_record_that_is_refused) {
  auto c = nginx_canary(4, kHalfThenMore);
  c.set_image("web:2");
  wait(c, Seconds{4});
  ASSERT_EQ(c.weight(), "50");
  const auto writes = c.sent.size();
  c.refuses = all_of("PatchStatus");
  wait(c, Seconds{60});  // the pause is over, and cannot be recorded
  EXPECT_LT(c.sent.size() - writes, 3U) << c.history(writes);
  EXPECT_EQ(c.weight(), "50");
  c.refuses = nullptr;
  wait(c, Seconds{30});
  EXPECT_EQ(c.weight(), "75");
}

TEST(N1, the_first_record_that_is_taken_says_the_weight_of_the_moment) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])");
  c.set_image("web:2");
  wait(c, Seconds{4});
  abort_it(c);
  c.settle();
  ASSERT_EQ(c.weight(), "0");
  bool once = true;
  c.refuses = [&](const kube::Write& write) {
    return write.purpose == "PatchStatus" && std::exchange(once, false);
  };
  patch_status(c, R"({"abort":false})");
  const auto recorded = [&] { return c.count()["PatchStatus"]; };
  const auto before = recorded();
  for (int i = 0; i < 100 && recorded() == before; ++i) {
    c.pass();
    c.now = std::max(c.now + Millis{1}, c.wake_at.value_or(c.now));
  }
  ASSERT_FALSE(once);
  ASSERT_EQ(c.weight(), "50");
  EXPECT_EQ(kube::get_int(c.status(), "canary.weights.canary.weight"), 50) << c.sent.back().body;
}

// Conditions that only tell of a pause are a pass of their own, behind which the cut stood.
TEST(N1, an_abort_does_not_wait_for_a_record_that_is_refused) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])");
  c.set_image("web:2");
  wait(c, Seconds{4});
  ASSERT_EQ(c.weight(), "50");
  c.refuses = all_of("PatchStatus");
  resume(c);
  wait(c, Seconds{5});
  abort_it(c);
  c.settle();
  EXPECT_EQ(c.weight(), "0") << c.history();
}

TEST(N1, a_refusal_that_lasts_costs_a_request_now_and_then_one_event_and_hardly_a_write) {
  for (const auto* purpose : {"SetWeights", "CreateReplicaSet", "CreateAnalysisRun",
                              "ScaleReplicaSet", "PatchStatus", "PatchMetadata"}) {
    SCOPED_TRACE(purpose);
    auto c = nginx_canary(4, kHalfThenMore, kBackground);
    c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":600}})");
    c.run();
    c.refuses = all_of(purpose);
    c.set_image("web:2");
    const auto writes = c.sent.size();
    const auto events = c.events.size();
    wait(c, Seconds{900});  // the simulator's test has the hour
    EXPECT_GT(c.refused[purpose], 75) << "asked again to the last";
    EXPECT_LT(c.refused[purpose], 130);
    EXPECT_LT(c.sent.size() - writes, 20U) << c.history(writes);
    EXPECT_LE(told(c, "ReconciliationError", events) + told(c, "TrafficRoutingError", events) +
                  told(c, "ReplicaSetCreateError", events),
              1);
  }
}

}  // namespace
}  // namespace sluice::rollout::test
