// What a rollout costs and what it survives: counts of writes, preconditions, fixpoints, a crash at
// every write.
#include <algorithm>

#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::IsEmpty;

constexpr std::string_view kW5Steps =
    R"([{"setWeight":20},{"pause":{"duration":"60s"}},{"setWeight":50},{"pause":{"duration":"60s"}},{"setWeight":80}])";
constexpr std::string_view kW5More = R"({"analysis":{"templates":[{"templateName":"endless"}]}})";

Cluster w5() {
  return nginx_canary(10, kW5Steps, kW5More);
}

TEST(RolloutWrites, the_reference_canary_w5_costs_at_most_23_object_writes_but_for_its_samples) {
  auto c = w5();
  ASSERT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  const auto old = c.current_hash();
  const auto before = c.sent.size();
  c.set_image("web:2");
  c.live(Seconds{200});
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(c.size(c.set_of(old)), 0);
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.selected("web-stable"), c.current_hash());
  EXPECT_LE(c.sent.size() - before, 23U) << c.history(before);
}

TEST(RolloutWrites, a_new_replica_set_is_created_as_large_as_its_first_step_wants_it) {
  auto canary = nginx_canary(10, kW5Steps);
  EXPECT_EQ(canary.sent.front().purpose, "CreateReplicaSet");  // the first version: all of it
  EXPECT_EQ(kube::get_int(json(canary.sent.front().body), "spec.replicas"), 10);
  auto before = canary.sent.size();
  canary.set_image("web:2");
  canary.pass();
  EXPECT_EQ(canary.purposes(before),
            (std::vector<std::string>{"CreateReplicaSet", "PatchStatus", "PatchMetadata"}));
  EXPECT_EQ(kube::get_int(json(canary.sent[before].body), "spec.replicas"), 2);
  EXPECT_EQ(canary.current_hash(), kube::get_string(json(canary.sent[before].body),
                                                    "metadata.labels.rollouts-pod-template-hash"));
  canary.settle();
  EXPECT_EQ(canary.count(before)["ScaleReplicaSet"], 0);

  auto small = blue_green(4, R"({"previewReplicaCount":1,"autoPromotionEnabled":false})");
  before = small.sent.size();
  small.set_image("web:2");
  small.pass();
  EXPECT_EQ(small.sent[before].purpose, "CreateReplicaSet");
  EXPECT_EQ(kube::get_int(json(small.sent[before].body), "spec.replicas"), 1);

  // No pod before its turn: a basic canary without room to surge makes room first.
  auto tight =
      basic_canary(4, R"([{"setWeight":25},{"pause":{}}])", R"({"maxSurge":0,"maxUnavailable":1})");
  before = tight.sent.size();
  tight.set_image("web:2");
  tight.pass();
  EXPECT_EQ(kube::get_int(json(tight.sent[before].body), "spec.replicas"), 0);

  // Over a running update: the weight of the version before is taken back before there are pods.
  auto over = nginx_canary(10, R"([{"setWeight":50},{"pause":{}}])");
  over.set_image("web:2");
  over.run();
  ASSERT_EQ(over.weight(), "50");
  before = over.sent.size();
  over.set_image("web:3");
  over.pass();
  EXPECT_EQ(over.sent[before].purpose, "CreateReplicaSet");
  EXPECT_EQ(kube::get_int(json(over.sent[before].body), "spec.replicas"), 0);
  over.pass();
  EXPECT_EQ(over.weight(), "0");

  auto paused = nginx_canary(10, kW5Steps);
  paused.edit_rollout(R"({"spec":{"paused":true}})");
  paused.settle();
  before = paused.sent.size();
  paused.set_image("web:2");
  paused.settle();
  EXPECT_EQ(paused.sent[before].purpose, "CreateReplicaSet");
  EXPECT_EQ(kube::get_int(json(paused.sent[before].body), "spec.replicas"), 0);
  EXPECT_EQ(paused.size(paused.set_of(paused.current_hash())), 0);
}

TEST(RolloutWrites, an_analysis_run_is_created_as_running_and_only_when_its_attempt_is_on_record) {
  auto c = nginx_canary(10, kW5Steps, kW5More);
  const auto before = c.sent.size();
  c.set_image("web:2");
  c.pass();
  EXPECT_EQ(c.count(before)["CreateAnalysisRun"], 0);
  ASSERT_EQ(c.count(before)["PatchStatus"], 1);
  ASSERT_TRUE(c.wake_at);
  EXPECT_LE(*c.wake_at, c.now);
  c.pass();
  ASSERT_EQ(c.count(before)["CreateAnalysisRun"], 1) << c.history(before);
  // Nor when the ReplicaSet is there already, because the process died before the record.
  auto died = nginx_canary(10, kW5Steps, kW5More);
  died.set_image("web:2");
  died.crash_at = static_cast<int>(died.sent.size()) + 1;
  died.pass();
  ASSERT_EQ(died.sent.back().purpose, "CreateReplicaSet");
  died.pass();
  EXPECT_EQ(died.sent.back().purpose, "PatchMetadata");
  EXPECT_EQ(died.objects["AnalysisRun"].size(), 0U);
  died.settle();
  EXPECT_EQ(died.objects["AnalysisRun"].size(), 1U);
  const auto& run = c.get("AnalysisRun", "web-" + c.current_hash() + "-2");
  EXPECT_EQ(run["status"].dump(),
            R"({"dryRunSummary":{},"phase":"Running","runSummary":{},"startedAt":")" +
                format_rfc3339(c.now) + R"("})");
}

TEST(RolloutWrites, a_rollout_at_rest_writes_nothing_however_often_it_is_looked_at) {
  auto c = w5();
  const auto before = c.sent.size();
  for (int i = 0; i < 5; ++i) {
    c.now += Seconds{900};
    c.pass();
  }
  EXPECT_EQ(c.sent.size(), before) << c.history(before);
}

bool same_plan(const controller::Plan& a, const controller::Plan& b) {
  const auto x = a.writes(), y = b.writes();
  if (x.size() != y.size() || a.wake_at != b.wake_at || a.events().size() != b.events().size())
    return false;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i]->body != y[i]->body || x[i]->key != y[i]->key || x[i]->purpose != y[i]->purpose)
      return false;
  return true;
}

TEST(RolloutWrites, the_same_world_gives_the_same_plan_in_whatever_order_it_is_listed) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])", kW5More);
  for (int i = 2; i < 5; ++i) {
    c.set_image("web:" + std::to_string(i));
    for (int k = 0; k < 3; ++k) {
      auto observed = c.observe();
      const auto plan = decide(observed, c.now);
      EXPECT_TRUE(same_plan(plan, decide(observed, c.now)));
      std::reverse(observed.replica_sets.begin(), observed.replica_sets.end());
      std::reverse(observed.analysis_runs.begin(), observed.analysis_runs.end());
      EXPECT_TRUE(same_plan(plan, decide(observed, c.now))) << i << " " << k;
      c.pass();
      c.sync_pods();
    }
  }
}

TEST(RolloutWrites, counts_alone_wait_for_company_but_not_for_long) {
  auto c = nginx_canary(10, R"([{"setWeight":50},{"pause":{}}])");
  c.set_image("web:2");
  c.settle();
  const auto set = c.set_of(c.current_hash());
  const auto before = c.sent.size();
  for (int available = 1; available <= 4; ++available) {
    c.now += Millis{100};
    c.pods(set, available);
    c.settle();
  }
  EXPECT_EQ(c.count(before)["PatchStatus"], 0) << c.history(before);
  ASSERT_TRUE(c.wake_at);
  EXPECT_LE(*c.wake_at, c.now + Seconds{3});
  c.now = *c.wake_at;
  c.settle();
  EXPECT_EQ(c.count(before)["PatchStatus"], 1);
  EXPECT_EQ(c.status()["availableReplicas"], 14);
}

TEST(RolloutWrites, only_what_changed_is_sent_and_what_a_client_owns_is_left_out) {
  auto c = nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])");
  c.set_image("web:2");
  c.run();
  c.now += Seconds{10};
  c.status()["somebodys"] = "field";
  c.pods(c.set_of(c.stable_hash()), 3);
  c.pass();
  ASSERT_EQ(c.last.writes().size(), 1U);
  const auto patch = json(c.last.writes()[0]->body)["status"];
  for (const auto* key : {"abort", "promoteFull", "pauseConditions", "currentStepIndex",
                          "controllerPause", "somebodys"})
    EXPECT_FALSE(patch.contains(key)) << key;
  EXPECT_EQ(c.status()["somebodys"], "field");
}

// ---- crashes
// -------------------------------------------------------------------------------------------------------
struct Workflow {
  std::string name;
  std::function<Cluster()> start;
  std::function<void(Cluster&)> play;
};

void PrintTo(const Workflow& workflow, std::ostream* out) {
  *out << workflow.name;
}

std::vector<Workflow> workflows() {
  return {
      {"canary_basic",
       [] {
         return basic_canary(4, R"([{"setWeight":25},{"pause":{"duration":10}},{"setWeight":50}])");
       },
       [](Cluster& c) {
         c.set_image("web:2");
         c.live(Seconds{45});
       }},
      {"canary_nginx",
       [] {
         return nginx_canary(4, R"([{"setWeight":25},{"pause":{"duration":10}},{"setWeight":50},
          {"analysis":{"templates":[{"templateName":"once"}]}}])",
                             kW5More);
       },
       [](Cluster& c) {
         c.set_image("web:2");
         c.live(Seconds{30});
         const auto run = "web-" + c.current_hash() + "-2-3";
         if (c.has("AnalysisRun", run)) c.set_run(run, "Successful");
         c.live(Seconds{70});
       }},
      {"blue_green", [] { return blue_green(3, R"({"autoPromotionEnabled":false})"); },
       [](Cluster& c) {
         c.set_image("web:2");
         c.live(Seconds{10});
         c.edit_rollout(R"({"status":{"pauseConditions":null}})");
         c.live(Seconds{60});
       }},
      {"abort_by_user", [] { return nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])"); },
       [](Cluster& c) {
         c.set_image("web:2");
         c.live(Seconds{10});
         c.edit_rollout(R"({"status":{"abort":true}})");
         c.live(Seconds{60});
       }},
      {"abort_by_analysis",
       [] { return nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])", kW5More); },
       [](Cluster& c) {
         c.set_image("web:2");
         c.live(Seconds{10});
         c.set_run("web-" + c.current_hash() + "-2", "Failed", "too bad");
         c.live(Seconds{60});
       }},
      {"V4_retry_after_a_bad_verdict",
       [] { return nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])", kW5More); },
       [](Cluster& c) {
         c.set_image("web:2");
         c.live(Seconds{6});
         const auto first = "web-" + c.current_hash() + "-2";
         if (c.has("AnalysisRun", first)) c.set_run(first, "Failed", "too bad");
         c.live(Seconds{6});
         patch_status(c, R"({"abort":false})");
         c.live(Seconds{20});
       }},
      {"rollback_inside_the_update",
       [] { return nginx_canary(4, R"([{"setWeight":50},{"pause":{}}])"); },
       [](Cluster& c) {
         c.set_image("web:2");
         c.live(Seconds{10});
         c.set_image("web:1");
         c.live(Seconds{60});
       }},
      {"new_version_over_a_running_update",
       [] { return nginx_canary(4, R"([{"setWeight":50},{"pause":{"duration":5}}])"); },
       [](Cluster& c) {
         c.set_image("web:2");
         c.live(Seconds{4});
         c.set_image("web:3");
         c.live(Seconds{45});
       }},
  };
}

// What must be the same however often the controller died on the way.
Json outcome(Cluster& c) {
  Json out = Json::object();
  for (const auto& [name, set] : c.objects["ReplicaSet"])
    out["sets"][name] =
        Json{{"replicas", kube::get_int(set, "spec.replicas")},
             {"revision", c.annotation("ReplicaSet", name, api::kRevisionAnnotation)}};
  for (const auto& [name, object] : c.objects["Service"]) out["services"][name] = c.selected(name);
  if (c.has("Ingress", "web-web-canary")) out["weight"] = c.weight();
  out["revision"] = c.annotation("Rollout", "web", api::kRevisionAnnotation);
  auto status = c.status();
  status.erase("duration");
  status.erase("abortedAt");
  Json conditions = Json::object();
  for (const auto& item : status["conditions"])
    conditions[kube::get_string(item, "type")] =
        kube::get_string(item, "status") + kube::get_string(item, "reason");
  status["conditions"] = conditions;
  status.erase("pauseConditions");
  out["status"] = status;
  Json runs = Json::array();
  for (const auto& [name, run] : c.objects["AnalysisRun"]) runs.push_back(name);
  out["runs"] = runs;
  return out;
}

class Crash : public testing::TestWithParam<Workflow> {};
INSTANTIATE_TEST_SUITE_P(RolloutWrites, Crash, testing::ValuesIn(workflows()),
                         [](const auto& parameter) { return parameter.param.name; });

// To die behind a write is to die before the next one of the same plan.
TEST_P(Crash, ends_the_same_when_the_controller_dies_before_any_write) {
  const auto& workflow = GetParam();
  const auto start = workflow.start();
  auto undisturbed = start;
  const auto first = static_cast<int>(start.sent.size());
  workflow.play(undisturbed);
  const auto writes = static_cast<int>(undisturbed.sent.size());
  const auto wanted = outcome(undisturbed);
  ASSERT_GT(writes, first + 3);
  for (int at_write = first; at_write < writes; ++at_write) {
    auto c = start;
    c.crash_at = at_write;
    workflow.play(c);
    EXPECT_EQ(c.crash_at, -1);
    EXPECT_EQ(outcome(c), wanted) << "before write " << at_write - first << ": "
                                  << undisturbed.sent[static_cast<std::size_t>(at_write)].purpose
                                  << "\n"
                                  << Json::diff(wanted, outcome(c)).dump(1) << "\n"
                                  << c.history(static_cast<std::size_t>(first));
  }
}

TEST_P(Crash, the_step_index_only_moves_one_on_or_back_to_the_start_or_to_the_end) {
  auto c = GetParam().start();
  const auto first = c.sent.size();
  const auto length =
      static_cast<std::int64_t>(kube::find_path(c.rollout(), "spec.strategy.canary.steps")
                                    ? c.rollout()["spec"]["strategy"]["canary"]["steps"].size()
                                    : 0);
  auto index = length;
  GetParam().play(c);
  for (std::size_t i = first; i < c.sent.size(); ++i) {
    if (c.sent[i].purpose != "PatchStatus") continue;
    const auto body = json(c.sent[i].body);
    if (!body["status"].contains("currentStepIndex") ||
        body["status"]["currentStepIndex"].is_null())
      continue;
    const auto next = body["status"]["currentStepIndex"].get<std::int64_t>();
    const bool to_stable = body["status"].contains("currentPodHash") &&
                           body["status"]["currentPodHash"] == c.stable_hash();
    EXPECT_TRUE(next == index + 1 || next == 0 || to_stable) << index << " → " << next << "\n"
                                                             << c.history(first);
    index = next;
  }
}

}  // namespace
}  // namespace sluice::rollout::test
