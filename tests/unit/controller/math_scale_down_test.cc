// Old and aborted ReplicaSets (rollout.md §3.8, §3.9.1, §3.9.2, §4.2–§4.5).
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "controller/rollout/replicas.h"
#include "tests/unit/controller/math_given.h"

namespace sluice::rollout {
namespace {

using given::at;
using given::pods;
using Text = std::optional<std::string>;

std::string stamp(std::int64_t seconds) {
  return format_rfc3339(at(seconds));
}

TEST(DelayHelper, follows_the_table_of_the_specification) {
  struct Row {
    const char* point;
    Text deadline;
    std::int32_t size, keep, holders;
    DelayPolicy policy;
    std::int32_t want_size, want_holders;
    std::optional<WallTime> want_deadline, want_wake;
  };
  const DelayPolicy thirty{30, kUnlimitedRevisions, Seconds{900}}, one{30, 1, Seconds{900}};
  const DelayPolicy zero{0, kUnlimitedRevisions, Seconds{900}},
      day{86400, kUnlimitedRevisions, Seconds{900}};
  const std::vector<Row> rows{
      {"no deadline yet", {}, 4, 4, 0, thirty, 4, 1, at(30), at(30)},
      {"a delay beyond the resync still wakes when it is added",
       {},
       4,
       4,
       0,
       day,
       4,
       1,
       at(86400),
       at(86400)},
      {"no deadline, limit used up", {}, 4, 4, 1, one, 0, 1, {}, {}},
      {"no deadline, delay 0 scales down at once", {}, 4, 4, 0, zero, 0, 0, {}, {}},
      {"no deadline, no pods", {}, 0, 7, 0, thirty, 0, 0, {}, {}},
      {"deadline over the limit", stamp(10), 4, 4, 1, one, 0, 2, {}, {}},
      {"deadline unparsable", "soon", 4, 4, 0, thirty, 0, 1, {}, {}},
      {"deadline ahead keeps the size given", stamp(10), 4, 7, 0, thirty, 7, 1, {}, at(10)},
      {"deadline beyond the resync needs no timer", stamp(900), 4, 4, 0, thirty, 4, 1, {}, {}},
      {"deadline passed", stamp(-1), 4, 4, 0, thirty, 0, 1, {}, {}},
      {"deadline is now", stamp(0), 4, 4, 0, thirty, 0, 1, {}, {}},
      {"an existing deadline is honoured with delay 0", stamp(10), 4, 4, 0, zero, 4, 1, {}, at(10)},
  };
  for (const auto& row : rows) {
    std::int32_t holders = row.holders;
    const auto got = delay_scale_down(row.deadline, row.size, row.keep, holders, row.policy, at(0));
    EXPECT_EQ(got.size, row.want_size) << row.point;
    EXPECT_EQ(holders, row.want_holders) << row.point;
    EXPECT_EQ(got.add_deadline, row.want_deadline) << row.point;
    EXPECT_EQ(got.wake_at, row.want_wake) << row.point;
  }
}

TEST(DelayHelper, writes_deadlines_in_whole_seconds) {
  std::int32_t holders = 0;
  const auto got = delay_scale_down({}, 1, 1, holders, {}, at(0) + Micros{999'999});
  EXPECT_EQ(got.add_deadline, at(30));
}

TEST(DelayPolicy, defaults_depend_on_the_strategy) {
  api::RolloutSpec spec;
  spec.canary = given::canary({});
  EXPECT_EQ(delay_policy(spec, Seconds{900}).delay_seconds, 0);
  spec.canary = given::routed({});
  EXPECT_EQ(delay_policy(spec, Seconds{900}).delay_seconds, 30);
  spec.canary->scale_down_delay_seconds = 0;
  spec.canary->scale_down_delay_revision_limit = 2;
  EXPECT_EQ(delay_policy(spec, Seconds{900}).delay_seconds, 0);
  EXPECT_EQ(delay_policy(spec, Seconds{900}).revision_limit, 2);
  spec.canary.reset();
  spec.blue_green.emplace();
  EXPECT_EQ(delay_policy(spec, Seconds{900}).delay_seconds, 30);
  EXPECT_EQ(delay_policy(spec, Seconds{900}).revision_limit, kUnlimitedRevisions);
}

TEST(WakeBeforeResync, leaves_late_instants_to_the_resync) {
  EXPECT_EQ(wake_before_resync(at(5), at(0), Seconds{900}), at(5));
  EXPECT_EQ(wake_before_resync(at(3600), at(0), Seconds{900}), std::nullopt);
  EXPECT_EQ(wake_before_resync(at(0), at(0), Seconds{900}), std::nullopt);
}

OtherSet other(std::int64_t revision, Pods p, Text deadline = {}, bool referenced = false) {
  return {p, revision, referenced, std::move(deadline)};
}

std::vector<std::int32_t> sizes_after(const OthersPlan& plan, const std::vector<OtherSet>& sets) {
  std::vector<std::int32_t> out;
  for (const auto& set : sets) out.push_back(set.pods.spec);
  for (const auto& decision : plan.decisions) out[decision.index] = decision.size;
  return out;
}
using Sizes = std::vector<std::int32_t>;

TEST(CanaryOthers, spends_only_the_budget_in_a_basic_canary) {
  // N 4, U 0, newRS is stable and has 5 unavailable pods, two others 5/5: the budget is 6.
  const std::vector<OtherSet> sets{other(1, pods(5, 5)), other(2, pods(5, 5))};
  const auto plan = scale_canary_others({4, 0, 10, false, false, true, {}}, sets, at(0));
  EXPECT_EQ(sizes_after(plan, sets), (Sizes{4, 0}));
  EXPECT_TRUE(plan.scaled);
}

TEST(CanaryOthers, cleans_up_unhealthy_pods_without_calling_it_scaling) {
  const std::vector<OtherSet> sets{other(2, pods(1, 0)), other(1, pods(3, 2))};
  const auto plan = scale_canary_others({4, 0, 4, false, false, false, {}}, sets, at(0));
  EXPECT_EQ(sizes_after(plan, sets), (Sizes{0, 2}));
  EXPECT_FALSE(plan.scaled);
}

TEST(CanaryOthers, never_grows_a_set_whose_pods_are_on_their_way_out) {
  const std::vector<OtherSet> sets{other(1, pods(2, 5))};
  const auto plan = scale_canary_others({4, 0, 4, false, false, false, {}}, sets, at(0));
  EXPECT_TRUE(plan.decisions.empty());
}

TEST(CanaryOthers, does_nothing_without_pods) {
  const std::vector<OtherSet> sets{other(1, pods(0, 0)), other(2, pods(0, 0))};
  EXPECT_TRUE(scale_canary_others({4, 0, 8, true, false, true, {}}, sets, at(0)).decisions.empty());
  EXPECT_TRUE(scale_canary_others({4, 0, 8, true, false, true, {}}, {}, at(0)).decisions.empty());
}

TEST(CanaryOthers, gives_an_old_stable_its_delay_after_promotion) {
  const std::vector<OtherSet> sets{other(1, pods(4, 4))};
  const auto plan = scale_canary_others({4, 0, 8, true, false, true, {}}, sets, at(0));
  ASSERT_EQ(plan.decisions.size(), 1U);
  EXPECT_EQ(plan.decisions[0].size, 4);
  EXPECT_EQ(plan.decisions[0].add_deadline, at(30));
  EXPECT_EQ(plan.wake_at, at(30));
  EXPECT_FALSE(plan.scaled);
}

TEST(CanaryOthers, scales_an_intermediate_revision_to_zero_at_once_unless_referenced) {
  const std::vector<OtherSet> sets{other(2, pods(3, 3)), other(3, pods(2, 2), {}, true)};
  const auto plan = scale_canary_others({4, 0, 9, true, false, false, {}}, sets, at(0));
  EXPECT_EQ(sizes_after(plan, sets), (Sizes{0, 2}));
}

TEST(CanaryOthers, keeps_a_deadline_given_earlier_during_the_next_update) {
  const std::vector<OtherSet> sets{other(1, pods(3, 3), stamp(12))};
  const auto waiting = scale_canary_others({4, 0, 9, true, false, false, {}}, sets, at(0));
  EXPECT_TRUE(waiting.decisions.empty());
  EXPECT_EQ(waiting.wake_at, at(12));
  const auto over = scale_canary_others({4, 0, 9, true, false, false, {}}, sets, at(12));
  EXPECT_EQ(sizes_after(over, sets), (Sizes{0}));
}

TEST(CanaryOthers, drops_old_sets_at_once_with_dynamic_stable_scaling) {
  const std::vector<OtherSet> sets{other(1, pods(3, 3)), other(2, pods(1, 1), stamp(100))};
  const auto plan = scale_canary_others({4, 0, 8, true, true, true, {}}, sets, at(0));
  EXPECT_EQ(sizes_after(plan, sets), (Sizes{0, 0}));
}

TEST(CanaryOthers, keeps_only_as_many_delayed_revisions_as_the_limit_says) {
  const std::vector<OtherSet> sets{other(1, pods(1, 1), stamp(20)), other(2, pods(1, 1))};
  const DelayPolicy one{30, 1, Seconds{900}};
  const auto plan = scale_canary_others({1, 0, 3, true, false, true, one}, sets, at(0));
  EXPECT_EQ(sizes_after(plan, sets), (Sizes{0, 1}));  // the newer one holds the deadline
}

RC_GTEST_PROP(CanaryOthers, never_takes_a_basic_canary_below_its_floor, ()) {
  const auto n = *rc::gen::inRange(0, 20), u = *rc::gen::inRange(0, 5),
             rest = *rc::gen::inRange(0, 20);
  const auto specs = *rc::gen::container<std::vector<int>>(4, rc::gen::inRange(0, 8));
  const auto available = *rc::gen::container<std::vector<int>>(4, rc::gen::inRange(0, 8));
  std::vector<OtherSet> sets;
  int total = rest;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const int a = std::min(available[i], specs[i]);
    sets.push_back(other(static_cast<std::int64_t>(i), pods(specs[i], a)));
    total += a;
  }
  const auto plan = scale_canary_others({n, u, total, false, false, false, {}}, sets, at(0));
  int left = rest;
  const auto sizes = sizes_after(plan, sets);
  for (std::size_t i = 0; i < sets.size(); ++i) left += std::min(sets[i].pods.available, sizes[i]);
  RC_ASSERT(left >= std::min(total, n - u));
}

TEST(BlueGreenOthers, keep_as_many_stacks_as_the_revision_limit) {
  const DelayPolicy two{86400, 2, Seconds{900}};
  std::vector<OtherSet> sets{other(1, pods(1, 1), stamp(100)), other(2, pods(1, 1), stamp(200)),
                             other(3, pods(1, 1))};
  const auto plan = scale_blue_green_others(1, two, sets, at(0));
  EXPECT_EQ(sizes_after(plan, sets), (Sizes{0, 1, 1}));
  EXPECT_TRUE(plan.scaled);
  sets = {other(1, pods(0, 0)), other(2, pods(1, 1), stamp(200)), other(3, pods(1, 1), stamp(300))};
  const DelayPolicy one{86400, 1, Seconds{900}};
  EXPECT_EQ(sizes_after(scale_blue_green_others(1, one, sets, at(0)), sets), (Sizes{0, 0, 1}));
}

TEST(BlueGreenOthers, follow_the_replicas_while_they_wait) {
  const std::vector<OtherSet> sets{other(1, pods(2, 2), stamp(100)),
                                   other(2, pods(2, 2), stamp(100), true)};
  EXPECT_EQ(sizes_after(scale_blue_green_others(5, {}, sets, at(0)), sets), (Sizes{5, 2}));
}

TEST(AbortHold, is_in_force_as_the_table_says) {
  struct Row {
    bool basic, dynamic;
    std::optional<std::int32_t> delay;
    bool want;
  };
  for (const auto& row : std::vector<Row>{{false, false, {}, true},
                                          {false, false, 0, false},
                                          {false, false, 5, true},
                                          {false, true, {}, false},
                                          {false, true, 0, false},
                                          {false, true, 5, true},
                                          {true, false, {}, false},
                                          {true, false, 5, false}}) {
    AbortHoldInput in;
    in.aborted = in.stable_exists = true;
    in.basic_canary = row.basic;
    in.dynamic_stable = row.dynamic;
    in.configured_delay = row.delay;
    EXPECT_EQ(abort_hold_in_force(in), row.want);
    in.aborted = false;
    EXPECT_FALSE(abort_hold_in_force(in));
    in.aborted = true;
    in.stable_exists = false;
    EXPECT_FALSE(abort_hold_in_force(in));
  }
}

AbortHoldInput held(std::optional<std::int32_t> delay, std::int32_t stable_available,
                    Text deadline) {
  AbortHoldInput in;
  in.aborted = in.stable_exists = true;
  in.configured_delay = delay;
  in.replicas = 4;
  in.stable_available = stable_available;
  in.deadline = std::move(deadline);
  return in;
}

TEST(AbortHold, stamps_a_deadline_only_once_stable_serves_everything) {
  using Kind = AbortHold::Kind;
  EXPECT_EQ(abort_hold(held({}, 3, {}), at(0)).kind, Kind::Hold);
  const auto stamped = abort_hold(held({}, 4, {}), at(0));
  EXPECT_EQ(stamped.kind, Kind::Stamp);
  EXPECT_EQ(stamped.deadline, at(30));
  EXPECT_EQ(abort_hold(held(1, 5, {}), at(0)).deadline, at(1));
}

TEST(AbortHold, ends_at_its_deadline) {
  using Kind = AbortHold::Kind;
  const auto waiting = abort_hold(held(30, 0, stamp(10)), at(0));
  EXPECT_EQ(waiting.kind, Kind::Hold);
  EXPECT_EQ(waiting.wake_at, at(10));
  EXPECT_EQ(abort_hold(held(30, 0, stamp(10)), at(10)).kind, Kind::ScaleToZero);
  EXPECT_EQ(abort_hold(held(30, 0, "soon"), at(0)).kind, Kind::UseTarget);
  // A deadline beyond the resync period holds as well.
  const auto far = abort_hold(held(7200, 0, stamp(7200)), at(0));
  EXPECT_EQ(far.kind, Kind::Hold);
  EXPECT_EQ(far.wake_at, std::nullopt);
}

TEST(AbortHold, never_scales_down_with_an_explicit_zero) {
  using Kind = AbortHold::Kind;
  auto in = held(0, 4, {});
  EXPECT_EQ(abort_hold(in, at(0)).kind, Kind::Hold);
  in.scale_override = true;
  EXPECT_EQ(abort_hold(in, at(0)).kind, Kind::UseTarget);
  in.scale_override = false;
  in.basic_canary = true;
  EXPECT_EQ(abort_hold(in, at(0)).kind, Kind::UseTarget);
}

TEST(AbortHold, drains_by_weight_with_dynamic_stable_scaling_and_no_delay) {
  auto in = held({}, 4, {});
  in.dynamic_stable = true;
  EXPECT_EQ(abort_hold(in, at(0)).kind, AbortHold::Kind::UseTarget);
  in.configured_delay = 30;
  EXPECT_EQ(abort_hold(in, at(0)).kind, AbortHold::Kind::Stamp);
}

TEST(PreviewSize, follows_the_table_of_the_specification) {
  PreviewSize in;
  in.replicas = 5;
  EXPECT_EQ(preview_size(in), 5);  // no previewReplicaCount
  in.preview_replicas = 1;
  EXPECT_EQ(preview_size(in), 5);  // active unknown
  in.active_known = in.active_is_new = true;
  EXPECT_EQ(preview_size(in), 5);
  in.active_is_new = false;
  EXPECT_EQ(preview_size(in), 1);  // brand new update
  in.check_point = true;
  EXPECT_EQ(preview_size(in), 1);  // of an earlier revision: no leak
  in.new_hash_recorded = true;
  EXPECT_EQ(preview_size(in), 5);
  in.paused = true;
  EXPECT_EQ(preview_size(in), 1);
  in.promote_full = true;
  EXPECT_EQ(preview_size(in), 5);
  in = {2, 3, true, false, false, true, true, false};
  EXPECT_EQ(preview_size(in), 3);  // may exceed the replicas
}

TEST(BlueGreen, knows_ready_and_saturated) {
  EXPECT_TRUE(preview_ready(pods(1, 1), 1));
  EXPECT_FALSE(preview_ready(pods(2, 1), 1));
  EXPECT_FALSE(preview_ready(std::nullopt, 0));
  EXPECT_TRUE(saturated(pods(2, 2), "2", 2));
  EXPECT_FALSE(saturated(pods(2, 1), "2", 2));
  EXPECT_FALSE(saturated(pods(2, 2), "1", 2));
  EXPECT_FALSE(saturated(pods(2, 2), "", 2));
  EXPECT_FALSE(saturated(std::nullopt, "2", 2));
}

TEST(ServiceAdoption, waits_for_a_fully_available_set) {
  EXPECT_FALSE(may_select(pods(0, 0), false));
  EXPECT_FALSE(may_select(pods(2, 0), false));
  EXPECT_FALSE(may_select(pods(2, 1), false));
  EXPECT_TRUE(may_select(pods(2, 2), false));
  EXPECT_TRUE(may_select(pods(2, 1), true));
  EXPECT_FALSE(may_select(pods(2, 0), true));
}

}  // namespace
}  // namespace sluice::rollout
