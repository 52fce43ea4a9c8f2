// A step is done when what it asks for is so: what the live router says, not what pods there are.
// Above all when a third version arrives over a running update whose stable version was made small.
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

constexpr std::string_view kQuarters =
    R"([{"setWeight":25},{"pause":{}},{"setWeight":75},{"pause":{}}])";
constexpr std::string_view kDynamic = R"({"dynamicStableScale":true})";

// v1 is stable with 1 pod, v2 has 3 pods and 75 % of the users.
Cluster at_three_quarters(std::string_view more = kDynamic) {
  auto c = nginx_canary(4, kQuarters, more);
  c.set_image("web:2");
  c.run();
  resume(c);
  c.run();
  EXPECT_EQ(c.weight(), "75");
  EXPECT_EQ(c.index(), 3);
  return c;
}

// Decisions with pods coming up one by one; `look` is asked after each write.
void step_by_step(Cluster& c, const std::function<void()>& look,
                  const std::function<bool(const std::string&)>& may_be_ready) {
  for (int i = 0; i < 60; ++i) {
    const auto plan = c.pass();
    look();
    bool moved = false;
    for (auto& [name, set] : c.objects["ReplicaSet"]) {
      const auto want = kube::get_int(set, "spec.replicas");
      const auto available = kube::get_int(set, "status.availableReplicas");
      if (available < want && may_be_ready(name)) {
        c.pods(name, static_cast<int>(available) + 1, static_cast<int>(want));
        moved = true;
      } else if (available > want || kube::get_int(set, "status.replicas") != want) {
        c.pods(name, static_cast<int>(std::min(available, want)), static_cast<int>(want));
        moved = true;
      }
    }
    c.now += Seconds{1};
    if (!moved && plan.writes().empty()) return;
  }
}

TEST(R12, a_third_version_gets_its_weight_and_the_one_in_between_loses_all_users) {
  auto c = at_three_quarters();
  const auto second = new_set(c);
  c.set_image("web:3");
  c.run();
  EXPECT_EQ(c.weight(), "25") << c.status().dump(1);
  EXPECT_EQ(c.selected("web-canary"), c.current_hash());
  EXPECT_EQ(c.size(second), 0);
  EXPECT_EQ(c.size(new_set(c)), 1);
  EXPECT_EQ(c.size(stable_set(c)), 3);
  EXPECT_EQ(c.index(), 1);
  EXPECT_EQ(c.message(), "CanaryPauseStep");
}

TEST(R12, on_the_way_there_no_version_has_users_for_whom_it_has_no_pods) {
  auto c = at_three_quarters();
  const auto stable = c.stable_hash();
  c.set_image("web:3");
  step_by_step(
      c,
      [&] {
        const auto weight = *parse_int(c.weight());
        const auto available = [&](const std::string& hash) {
          return kube::get_int(c.get("ReplicaSet", c.set_of(hash)), "status.availableReplicas");
        };
        const auto behind = c.selected("web-canary");
        EXPECT_LE(weight, 100 * available(behind) / 4) << behind << "\n" << c.history();
        EXPECT_LE(100 - weight, 100 * available(stable) / 4) << c.history();
      },
      [](const std::string&) { return true; });
  EXPECT_EQ(c.weight(), "25");
  EXPECT_EQ(c.selected("web-canary"), c.current_hash());
}

TEST(R12, a_third_version_that_never_starts_takes_the_users_off_the_second_all_the_same) {
  auto c = at_three_quarters();
  const auto second = c.current_hash();
  c.set_image("web:3");
  c.settle();
  const auto broken = new_set(c);
  step_by_step(
      c, [&] { EXPECT_EQ(c.selected("web-canary"), second); },
      [&](const std::string& name) { return name != broken; });
  EXPECT_EQ(c.weight(), "0") << c.status().dump(1);
  EXPECT_EQ(c.index(), 0);
  EXPECT_EQ(c.phase(), "Progressing");
}

TEST(R12, an_abort_meanwhile_never_sends_anybody_to_the_version_that_is_aborted) {
  for (int after = 0; after < 8; ++after) {
    SCOPED_TRACE(after);
    auto c = at_three_quarters();
    const auto second = c.current_hash();
    c.set_image("web:3");
    c.settle();
    const auto third = new_set(c);
    const auto aborted = c.current_hash();
    int round = 0;
    bool had_users = false;
    step_by_step(
        c,
        [&] {
          if (round++ == after) {
            abort_it(c);
            had_users = c.selected("web-canary") == aborted;
          }
          if (round > after && !had_users) {
            EXPECT_NE(c.selected("web-canary"), aborted) << c.history();
          }
        },
        [&](const std::string& name) { return name != third || had_users || after % 2 == 0; });
    if (round <= after) break;  // it was over before
    c.run();
    EXPECT_EQ(c.weight(), "0") << c.status().dump(1);
    EXPECT_EQ(c.phase(), "Degraded");
    EXPECT_EQ(c.size(stable_set(c)), 4);
    c.run_for(Seconds{60});
    EXPECT_EQ(c.size(third), 0);
    EXPECT_EQ(c.size(c.set_of(second)), 0) << c.status().dump(1);
  }
}

TEST(R12, a_weight_that_stable_cannot_carry_completes_no_step) {
  auto c = nginx_canary(4, R"([{"setWeight":25},{"pause":{}}])", kDynamic);
  c.set_image("web:2");
  c.settle();
  c.sync_pods();
  c.pods(stable_set(c), 2);
  c.settle();
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.index(), 0) << "nobody was sent to the new version";
  EXPECT_NE(c.phase(), "Paused");
  c.sync_pods();
  c.settle();
  EXPECT_EQ(c.weight(), "25");
  EXPECT_EQ(c.index(), 1);
}

TEST(R12, a_step_that_sets_size_and_weight_waits_for_both) {
  auto c = nginx_canary(4, R"([{"setCanaryScale":{"replicas":2},"setWeight":25},{"pause":{}}])",
                        kDynamic);
  c.set_image("web:2");
  c.settle();
  c.sync_pods();
  c.pods(stable_set(c), 2);
  c.settle();
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.index(), 0);
  c.sync_pods();
  c.settle();
  EXPECT_EQ(c.weight(), "25");
  EXPECT_EQ(c.index(), 1);
}

// The router's object says something else than the status, and cannot be changed at present.
TEST(R12, what_the_router_says_counts_and_not_what_the_status_says) {
  auto c = nginx_canary(4, kQuarters);
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.weight(), "25");
  c.edit("Ingress", "web-web-canary",
         json(R"({"metadata":{"annotations":{"nginx.ingress.kubernetes.io/canary-weight":"10"}}})"));
  patch_status(c, R"({"currentStepIndex":0,"pauseConditions":null,"controllerPause":null})");
  c.pods(stable_set(c), 0, 4);  // a hold: stable can carry nothing
  c.settle();
  EXPECT_EQ(c.weight(), "10");
  EXPECT_EQ(c.index(), 0);
}

TEST(R12f, back_at_stable_is_healthy_only_when_the_users_are_back_too) {
  auto c = at_three_quarters();
  c.set_image("web:1");
  int healthy_at = -1;
  step_by_step(
      c,
      [&] {
        const auto weight = static_cast<int>(*parse_int(c.weight()));
        if (weight > 0) {
          EXPECT_EQ(c.phase(), "Progressing") << "weight " << weight;
        }
        if (c.phase() == "Healthy" && healthy_at < 0) healthy_at = weight;
      },
      [](const std::string&) { return true; });
  EXPECT_EQ(c.weight(), "0");
  EXPECT_EQ(c.phase(), "Healthy") << c.status().dump(1);
  EXPECT_EQ(healthy_at, 0);
}

}  // namespace
}  // namespace sluice::rollout::test
