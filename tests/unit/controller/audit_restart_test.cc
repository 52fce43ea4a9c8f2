// Restarts (rollout.md §1.15): the table of how many pods go at once, and the rules around it.
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::IsEmpty;

std::string audited_set(Cluster& c) {
  return c.set_of(c.current_hash());
}

// "old", "young" or "equal" to restartAt, available unless said otherwise.
struct GivenPod {
  std::string age;
  bool ready = true;
  bool deleted = false;
  bool foreign_labels = false, foreign_owner = false;
};

Json audit_pod(const std::string& name, const std::string& set, const GivenPod& given,
               WallTime restart_at) {
  auto created = restart_at;
  if (given.age == "old") created = restart_at - Seconds{60};
  if (given.age == "young") created = restart_at + Seconds{1};
  Json out{{"apiVersion", "v1"}, {"kind", "Pod"}};
  out["metadata"] =
      Json{{"name", name},
           {"labels", {{"app", given.foreign_labels ? "other" : "web"}}},
           {"creationTimestamp", format_rfc3339(created)},
           {"ownerReferences",
            Json::array({Json{{"apiVersion", "apps/v1"},
                              {"kind", "ReplicaSet"},
                              {"name", set},
                              {"uid", given.foreign_owner ? "x" : "uid-ReplicaSet-" + set},
                              {"controller", true}}})}};
  if (given.deleted) out["metadata"]["deletionTimestamp"] = format_rfc3339(restart_at);
  out["status"]["conditions"] =
      Json::array({Json{{"type", "Ready"},
                        {"status", given.ready ? "True" : "False"},
                        {"lastTransitionTime", format_rfc3339(created)}}});
  return out;
}

void ask_for_restart(Cluster& c, WallTime when) {
  c.edit_rollout(R"({"spec":{"restartAt":")" + format_rfc3339(when) + R"("}})");
}
std::string restarted_at(Cluster& c) {
  return kube::get_string(c.status(), "restartedAt");
}

struct RestartRow {
  const char* point;
  int replicas;
  const char* strategy;
  std::vector<GivenPod> pods;
  int evicted;
  bool done;  // restartedAt is set as soon as the evicted pods are gone; else again in 30 s
};

TEST(AuditRestart, as_many_pods_go_at_once_as_the_table_says) {
  const GivenPod old{"old"}, young{"young"}, equal{"equal"};
  const GivenPod old_bad{"old", false}, young_bad{"young", false};
  const GivenPod going{"old", true, true};
  const GivenPod labels{"old", true, false, true}, owner{"old", true, false, false, true};
  const std::vector<RestartRow> rows{
      {"two may be missing", 3, R"({"maxUnavailable":2})", {old, old, young}, 2, true},
      {"an unavailable pod uses up the budget",
       3,
       R"({"maxUnavailable":2})",
       {old, old, young_bad},
       1,
       false},
      {"none may be missing: one all the same",
       3,
       R"({"maxUnavailable":0})",
       {old, old, young},
       1,
       false},
      {"all may be missing", 3, R"({"maxUnavailable":"100%"})", {old, old, young}, 2, true},
      {"one replica", 1, "{}", {old}, 1, true},
      {"a pod as old as the restart is not old", 1, "{}", {equal}, 0, true},
      {"pods of other labels", 1, "{}", {labels, young}, 0, true},
      {"pods of other owners", 1, "{}", {owner, young}, 0, true},
      {"no pods at all", 2, "{}", {}, 0, true},
      {"a pod on its way out counts, but is not evicted again",
       3,
       R"({"maxUnavailable":1})",
       {going, young, young},
       0,
       false},
      {"nobody is available, nobody is evicted",
       2,
       R"({"maxUnavailable":1})",
       {old_bad, old_bad},
       0,
       false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.point);
    auto c = basic_canary(row.replicas, "[]", row.strategy);
    const auto restart_at = c.now + Seconds{100};
    ask_for_restart(c, restart_at);
    c.run();
    c.now = restart_at + Seconds{5};
    int number = 0;
    for (const auto& pod : row.pods)
      c.put(audit_pod("p" + std::to_string(number++), audited_set(c), pod, restart_at));
    const auto before = c.sent.size();
    c.pass();
    EXPECT_EQ(c.count(before)["EvictPod"], row.evicted) << c.history(before);
    if (row.evicted > 0) {
      EXPECT_EQ(c.count(before).size(), 1U) << "a canary writes nothing else in this pass";
    }
    if (!row.done) {
      EXPECT_EQ(c.wake_at, c.now + Seconds{30});
      EXPECT_EQ(restarted_at(c), "");
      EXPECT_EQ(c.message(), row.evicted > 0 ? "" : "rollout is restarting");
      continue;
    }
    c.settle();
    EXPECT_EQ(c.count(before)["EvictPod"], row.evicted) << c.history(before);
    EXPECT_EQ(restarted_at(c), format_rfc3339(restart_at));
    EXPECT_EQ(c.phase(), "Healthy") << c.message();
  }
}

TEST(AuditRestart, stable_and_canary_share_one_budget) {
  auto c = basic_canary(1, R"([{"setWeight":50},{"pause":{}}])");
  const auto stable = audited_set(c);
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.size(stable) + c.size(audited_set(c)), 2);
  const auto restart_at = c.now + Seconds{10};
  ask_for_restart(c, restart_at);
  c.now = restart_at + Seconds{5};
  c.put(audit_pod("a", stable, {"old"}, restart_at));
  c.put(audit_pod("b", audited_set(c), {"old"}, restart_at));
  const auto before = c.sent.size();
  c.pass();
  ASSERT_EQ(c.count(before)["EvictPod"], 1) << c.history(before);
  EXPECT_EQ(c.sent.back().name, "a") << "stable first";
  EXPECT_EQ(c.wake_at, c.now + Seconds{30});
}

TEST(AuditRestart, blue_green_goes_on_with_its_pass) {
  auto c = blue_green(2, R"({"maxUnavailable":"50%"})");
  const auto restart_at = c.now + Seconds{10};
  ask_for_restart(c, restart_at);
  c.settle();
  EXPECT_EQ(c.wake_at, restart_at + Micros{1});
  EXPECT_EQ(c.phase(), "Healthy") << "a restart that lies ahead is no work yet";
  c.now = restart_at + Seconds{5};
  c.put(audit_pod("a", audited_set(c), {"old"}, restart_at));
  c.put(audit_pod("b", audited_set(c), {"young"}, restart_at));
  const auto before = c.sent.size();
  c.pass();
  EXPECT_EQ(c.count(before)["EvictPod"], 1);
  EXPECT_EQ(restarted_at(c), format_rfc3339(restart_at)) << c.history(before);
}

TEST(AuditRestart, a_new_version_does_not_cancel_a_pending_restart) {
  auto c = basic_canary(2, R"([{"setWeight":50},{"pause":{}}])", R"({"maxUnavailable":1})");
  const auto stable = audited_set(c);
  const auto restart_at = c.now + Seconds{10};
  ask_for_restart(c, restart_at);
  c.set_image("web:2");
  c.run();
  c.now = restart_at + Seconds{5};
  c.put(audit_pod("a", stable, {"old"}, restart_at));
  c.put(audit_pod("b", audited_set(c), {"young"}, restart_at));
  c.put(audit_pod("d", audited_set(c), {"young"}, restart_at));
  const auto before = c.sent.size();
  c.pass();
  EXPECT_EQ(c.count(before)["EvictPod"], 1) << c.history(before);
}

TEST(AuditRestart, also_happens_while_paused_and_while_aborted) {
  for (const bool abort : {false, true}) {
    auto c = basic_canary(2, R"([{"setWeight":50},{"pause":{}}])", R"({"maxUnavailable":1})");
    const auto stable = audited_set(c);
    c.set_image("web:2");
    c.run();
    if (abort) c.edit_rollout(R"({"status":{"abort":true}})");
    c.run();
    const auto restart_at = c.now + Seconds{10};
    ask_for_restart(c, restart_at);
    c.settle();
    c.now = restart_at + Seconds{5};
    c.put(audit_pod("a", stable, {"old"}, restart_at));
    c.put(audit_pod("b", stable, {"young"}, restart_at));
    const auto before = c.sent.size();
    c.pass();
    EXPECT_EQ(c.count(before)["EvictPod"], 1) << abort << c.history(before);
    c.settle();
    EXPECT_EQ(restarted_at(c), format_rfc3339(restart_at)) << abort;
    EXPECT_EQ(c.phase(), abort ? "Degraded" : "Paused");
  }
}

TEST(AuditRestart, a_restart_behind_the_resync_arms_no_timer) {
  auto c = basic_canary(1, "[]");
  ask_for_restart(c, c.now + Seconds{7200});
  c.settle();
  EXPECT_FALSE(c.wake_at);
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(AuditRestart, of_a_promoted_rollout_never_ends_in_an_abort) {
  auto c = basic_canary(2, "[]");
  c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":30,"progressDeadlineAbort":true}})");
  c.run();
  c.now += Seconds{86400};
  const auto set = audited_set(c);
  const auto restart_at = c.now;
  ask_for_restart(c, restart_at);
  c.now += Seconds{1};
  c.put(audit_pod("a", set, {"old"}, restart_at));
  c.put(audit_pod("b", set, {"old"}, restart_at));
  c.pass();
  for (int second = 0; second < 120; second += 10) {  // a pod that takes two minutes to come back
    c.now += Seconds{10};
    c.pods(set, 1, 2);
    c.settle();
    EXPECT_FALSE(c.status().contains("abort")) << second;
  }
  c.objects["Pod"].clear();
  c.run();
  EXPECT_EQ(c.phase(), "Healthy") << c.message();
}

}  // namespace
}  // namespace sluice::rollout::test
