// Sizes with traffic routing, look-ups, "at desired" (rollout.md §3.5–§3.7; traffic.md §1.5, §5.8).
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "controller/rollout/replicas.h"
#include "tests/unit/controller/math_given.h"

namespace sluice::rollout {
namespace {

using given::match_traffic_weight;
using given::pause;
using given::pods;
using given::scale_replicas;
using given::scale_weight;
using given::set_weight;
using given::updating;

Counts sized(const CanaryState& state, std::optional<api::TrafficWeights> weights = std::nullopt,
             std::int32_t floor = 0) {
  return routed_scale({&state, std::move(weights), floor});
}

TEST(WeightToReplicas, rounds_up_without_overflow) {
  EXPECT_EQ(weight_to_replicas(20, 10, 100), 2);
  EXPECT_EQ(weight_to_replicas(25, 10, 100), 3);
  EXPECT_EQ(weight_to_replicas(33, 10, 100), 4);
  EXPECT_EQ(weight_to_replicas(99, 10, 100), 10);
  EXPECT_EQ(weight_to_replicas(0, 10, 100), 0);
  EXPECT_EQ(weight_to_replicas(100'000'000, 23, 100'000'000), 23);
  EXPECT_EQ(weight_to_replicas(10, 3, 100), 1);
  EXPECT_EQ(weight_to_replicas(50, 7, 100), 4);
  EXPECT_EQ(weight_to_replicas(5, 10, 1000), 1);
  EXPECT_EQ(weight_to_replicas(-5, 10, 100), 0);
}

TEST(AvailableShare, rounds_down_and_stays_inside_the_maximum) {
  EXPECT_EQ(available_share(3, 4, 100), 75);
  EXPECT_EQ(available_share(6, 4, 100), 100);
  EXPECT_EQ(available_share(3, 0, 100), 0);
  EXPECT_EQ(available_share(1, 3, 100), 33);
  EXPECT_EQ(available_share(50, 50, 100'000'000), 100'000'000);
}

TEST(RoutedScale, keeps_stable_at_full_size_without_dynamic_scaling) {
  auto strategy = given::routed({set_weight(10)});
  EXPECT_EQ(sized(updating(strategy, 10)), (Counts{1, 10}));
  strategy.traffic_routing->max_traffic_weight = 1000;
  strategy.steps = {set_weight(200)};
  EXPECT_EQ(sized(updating(strategy, 10)), (Counts{2, 10}));
}

TEST(RoutedScale, honours_a_scale_override_above_the_replicas) {
  const auto nine = given::routed({scale_replicas(9)});
  EXPECT_EQ(sized(updating(nine, 1)), (Counts{9, 1}));
  const auto twice = given::routed({scale_weight(200)});
  EXPECT_EQ(sized(updating(twice, 4)), (Counts{8, 4}));
}

TEST(RoutedScale, follows_the_traffic_weight_when_the_step_says_match) {
  auto strategy = given::routed({set_weight(20), match_traffic_weight()});
  strategy.steps[1].set_canary_scale->replicas = 9;
  strategy.steps[1].set_canary_scale->weight = 100;
  EXPECT_EQ(sized(updating(strategy, 10, 1)), (Counts{2, 10}));
}

TEST(RoutedScale, ignores_a_scale_override_during_an_abort_unless_the_delay_is_explicitly_zero) {
  auto strategy = given::routed({scale_replicas(1)});
  auto state = updating(strategy, 1);
  state.abort = true;
  EXPECT_EQ(sized(state), (Counts{0, 1}));
  strategy.abort_scale_down_delay_seconds = 30;
  EXPECT_EQ(sized(state), (Counts{0, 1}));
  strategy.abort_scale_down_delay_seconds = 0;
  EXPECT_EQ(sized(state), (Counts{1, 1}));
}

TEST(RoutedScale, applies_min_pods_capped_at_the_replicas) {
  auto strategy = given::routed({set_weight(5)});
  strategy.min_pods_per_replica_set = 2;
  EXPECT_EQ(sized(updating(strategy, 10)), (Counts{2, 10}));
  auto full = updating(strategy, 1);
  full.promote_full = true;
  EXPECT_EQ(sized(full), (Counts{1, 1}));
  strategy.steps = {set_weight(0)};
  EXPECT_EQ(sized(updating(strategy, 10)), (Counts{0, 10}));  // nothing is not raised
  strategy.steps = {scale_replicas(1)};
  EXPECT_EQ(sized(updating(strategy, 10)),
            (Counts{1, 10}));  // a literal count is not raised either
}

TEST(RoutedScale, sizes_both_sides_by_weight_with_dynamic_stable_scaling) {
  const auto ten = given::dynamic({set_weight(10)});
  EXPECT_EQ(sized(updating(ten, 10), given::weights(10, 90)), (Counts{1, 9}));
  const auto twenty = given::dynamic({set_weight(20)});
  EXPECT_EQ(sized(updating(twenty, 10), given::weights(10, 90)), (Counts{2, 9}));
  EXPECT_EQ(sized(updating(twenty, 10)), (Counts{2, 8}));
  const auto half = given::dynamic({set_weight(50)});
  EXPECT_EQ(sized(updating(half, 7)), (Counts{4, 4}));
}

TEST(RoutedScale, steps_down_by_availability_after_a_dynamic_abort) {
  const auto strategy = given::dynamic({set_weight(20), set_weight(60)});
  struct Row {
    std::optional<Pods> canary, stable;
    Counts want;
  };
  for (const auto& row : std::vector<Row>{{pods(6, 6), pods(4, 4), {6, 8}},
                                          {pods(1, 1), pods(4, 4), {6, 8}},
                                          {pods(2, 2), pods(8, 4), {6, 8}},
                                          {std::nullopt, std::nullopt, {6, 10}}}) {
    auto state = updating(strategy, 10, 1);
    state.abort = true;
    state.canary = row.canary;
    state.stable = row.stable;
    EXPECT_EQ(sized(state, given::weights(60, 40)), row.want);
  }
}

TEST(RoutedScale, keeps_the_canary_as_large_as_its_recorded_weight_during_a_dynamic_abort) {
  const auto strategy = given::dynamic({set_weight(20)});
  auto state = updating(strategy, 10);
  state.abort = true;
  EXPECT_EQ(sized(state, given::weights(20, 80)), (Counts{2, 10}));
  EXPECT_EQ(sized(state, given::weights(10, 90)), (Counts{1, 10}));
}

TEST(RoutedScale, leaves_stable_at_full_size_beside_a_fixed_canary_count_with_dynamic_scaling) {
  const auto strategy = given::dynamic({set_weight(40), scale_replicas(3)});
  EXPECT_EQ(sized(updating(strategy, 10, 1)), (Counts{3, 10}));
}

TEST(RoutedScale, keeps_a_floor_of_stable_pods_where_the_router_needs_one) {
  const auto strategy = given::dynamic({set_weight(100)});
  EXPECT_EQ(sized(updating(strategy, 4), given::weights(100, 0)), (Counts{4, 0}));
  EXPECT_EQ(sized(updating(strategy, 4), given::weights(100, 0), 1), (Counts{4, 1}));
  EXPECT_EQ(sized(updating(strategy, 0), given::weights(100, 0), 1), (Counts{0, 0}));
}

TEST(RoutedScale, walks_the_set_canary_scale_example) {
  const auto strategy =
      given::routed({pause(), scale_weight(25), pause(), set_weight(50), pause(), scale_replicas(3),
                     pause(), match_traffic_weight(), pause()});
  const std::vector<std::pair<std::int32_t, std::int32_t>> at_pauses{{0, 0}, {2, 1}, {4, 1},
                                                                     {6, 3}, {8, 2}, {9, 4}};
  for (const auto& [index, canary] : at_pauses) {
    EXPECT_EQ(sized(updating(strategy, 4, index)), (Counts{canary, 4})) << "index " << index;
  }
}

TEST(RoutedScale, sizes_for_everything_when_promoted_initial_or_promoted_in_full) {
  const auto strategy = given::dynamic({set_weight(10)});
  auto initial = updating(strategy, 5);
  initial.has_stable = false;
  EXPECT_EQ(sized(initial).canary, 5);
  auto promoted = updating(strategy, 5);
  promoted.fully_promoted = true;
  EXPECT_EQ(sized(promoted), (Counts{5, 0}));
  auto full = updating(strategy, 5);
  full.promote_full = true;
  EXPECT_EQ(sized(full, given::weights(10, 90)), (Counts{5, 5}));
}

RC_GTEST_PROP(RoutedScale, never_sizes_stable_below_its_recorded_weight, ()) {
  const auto weight = *rc::gen::inRange(0, 101), recorded = *rc::gen::inRange(0, 101);
  const auto n = *rc::gen::inRange(0, 60);
  const auto strategy = given::dynamic({set_weight(weight)});
  const auto got = sized(updating(strategy, n), given::weights(recorded, 100 - recorded));
  RC_ASSERT(got.stable >= weight_to_replicas(100 - recorded, n, 100));
  RC_ASSERT(got.stable <= n && got.canary <= n);
  RC_ASSERT(got.canary + got.stable >= n);
}

TEST(LookUps, find_the_current_step) {
  const auto strategy = given::canary({set_weight(10), pause()});
  EXPECT_EQ(current_step(strategy, std::nullopt), 0U);
  EXPECT_EQ(current_step(strategy, 1), 1U);
  EXPECT_EQ(current_step(strategy, 2), std::nullopt);
  EXPECT_EQ(current_step(strategy, 99), std::nullopt);
  EXPECT_EQ(current_step(strategy, -1), 0U);
  EXPECT_EQ(current_step(given::canary({}), 0), std::nullopt);
  EXPECT_EQ(current_step_of(strategy, 1), &strategy.steps[1]);
  EXPECT_EQ(current_step_of(strategy, 2), nullptr);
}

TEST(LookUps, find_the_weight_in_force_and_the_one_before_it) {
  const auto strategy = given::canary({pause(), set_weight(10), pause(), set_weight(40), pause()});
  const std::vector<std::pair<std::int32_t, std::int32_t>> here{{0, 0},  {1, 10}, {2, 10},
                                                                {3, 40}, {4, 40}, {5, 100}};
  const std::vector<std::pair<std::int32_t, std::int32_t>> before{{0, 0},  {1, 0},  {2, 10},
                                                                  {3, 10}, {4, 40}, {5, 40}};
  for (const auto& [index, weight] : here)
    EXPECT_EQ(current_set_weight(strategy, index, false), weight) << index;
  for (const auto& [index, weight] : before)
    EXPECT_EQ(previous_set_weight(strategy, index), weight) << index;
  EXPECT_EQ(current_set_weight(strategy, 3, true), 0);
  EXPECT_EQ(current_set_weight(given::canary({}), std::nullopt, false), 100);
  EXPECT_EQ(previous_set_weight(strategy, std::nullopt), 0);
}

TEST(LookUps, find_the_scale_override_only_with_traffic_routing) {
  const std::vector<api::Step> steps{set_weight(10), scale_replicas(4), pause(),
                                     match_traffic_weight(), pause()};
  const auto basic = given::canary(steps);
  const auto routed = given::routed(steps);
  EXPECT_EQ(scale_override(basic, 2, false), nullptr);
  EXPECT_EQ(scale_override(routed, 0, false), nullptr);
  ASSERT_NE(scale_override(routed, 2, false), nullptr);
  EXPECT_EQ(scale_override(routed, 2, false)->replicas, 4);
  EXPECT_EQ(scale_override(routed, 4, false), nullptr);
  EXPECT_EQ(scale_override(routed, 5, false), nullptr);
}

TEST(LookUps, step_down_follows_the_vectors_of_the_specification) {
  struct Row {
    std::optional<std::int32_t> delay;
    std::int32_t stable_available, want;
  };
  for (const auto& row :
       std::vector<Row>{{std::nullopt, 9, 10}, {30, 5, 10}, {30, 9, 0}, {0, 9, 10}}) {
    auto strategy = given::dynamic({set_weight(10), set_weight(50)});
    strategy.abort_scale_down_delay_seconds = row.delay;
    EXPECT_EQ(step_down_weight(strategy, 10, row.stable_available, 5, false), row.want)
        << row.stable_available;
  }
}

TEST(LookUps, step_down_leaves_the_canary_out_where_it_keeps_its_size) {
  // Given explicit 0 the canary stays; counting its pods would stop the abort at the smallest step
  // for ever.
  auto strategy = given::dynamic({set_weight(10), set_weight(50)});
  strategy.abort_scale_down_delay_seconds = 0;
  auto state = updating(strategy, 10);
  state.abort = true;
  state.canary = pods(5, 5);
  state.stable = pods(10, 10);
  EXPECT_EQ(sizing_weight(state), 0);
}

TEST(LookUps, take_what_the_state_of_a_pass_says) {
  api::Rollout rollout;
  rollout.spec.canary = given::dynamic({set_weight(10)});
  rollout.spec.replicas = 7;
  rollout.status.stable_rs = "a";
  rollout.status.current_pod_hash = "a";
  rollout.status.abort = true;
  rollout.status.current_step_index = 1;
  kube::ReplicaSet set;
  set.replicas = 3;
  set.available_replicas = 2;
  set.status_replicas = 4;
  const auto state = canary_state(rollout, &set, nullptr);
  EXPECT_EQ(state.replicas, 7);
  EXPECT_TRUE(state.has_stable && state.fully_promoted && state.abort);
  EXPECT_EQ(state.canary, (Pods{3, 2, 4}));
  EXPECT_EQ(state.stable, std::nullopt);
  EXPECT_EQ(size_target(state), (SizeTarget{std::nullopt, 100}));
}

using Threshold = std::optional<api::ReplicaProgressThreshold>;

TEST(ThresholdMet, needs_exactly_the_desired_pods_without_a_threshold) {
  EXPECT_TRUE(threshold_met({}, pods(10, 10), 10));
  EXPECT_FALSE(threshold_met({}, pods(10, 9), 10));
  EXPECT_FALSE(threshold_met({}, pods(10, 11), 10));
  EXPECT_FALSE(threshold_met({}, std::nullopt, 0));
  EXPECT_TRUE(threshold_met({}, pods(0, 0), 0));
  EXPECT_FALSE(threshold_met(Threshold{{"Percent", -1}}, pods(10, 9), 10));
}

TEST(ThresholdMet, compares_percent_with_the_available_pods) {
  const Threshold ninety{{"Percent", 90}};
  EXPECT_TRUE(threshold_met(ninety, pods(10, 9), 10));
  EXPECT_FALSE(threshold_met(ninety, pods(10, 8), 10));
  EXPECT_TRUE(threshold_met(ninety, pods(3, 0), 0));
  EXPECT_FALSE(threshold_met(ninety, std::nullopt, 0));
  EXPECT_TRUE(threshold_met(Threshold{{"Percent", 33}}, pods(3, 1), 3));
}

TEST(ThresholdMet, lets_a_small_step_satisfy_a_large_number_of_pods) {
  const Threshold three{{"Pods", 3}};
  EXPECT_TRUE(threshold_met(three, pods(1, 1), 1));
  EXPECT_FALSE(threshold_met(three, pods(1, 0), 1));
  EXPECT_TRUE(threshold_met(three, pods(10, 3), 10));
  EXPECT_FALSE(threshold_met(three, pods(10, 2), 10));
}

TEST(AtDesired, asks_stable_for_created_pods_and_others_for_none) {
  AtDesired in{{2, 8}, pods(2, 2), Pods{8, 5, 8}, {}, false, false, 0};
  EXPECT_TRUE(at_desired(in));  // stable need not be available
  in.stable->current = 9;
  EXPECT_FALSE(at_desired(in));  // one is still terminating
  in.stable->current = 8;
  in.others_available = 1;
  EXPECT_FALSE(at_desired(in));
  in.routed = true;
  EXPECT_TRUE(at_desired(in));  // delayed stacks do not count with routing
  in.canary = pods(2, 1);
  EXPECT_FALSE(at_desired(in));
}

TEST(AtDesired, is_never_reached_without_a_stable_set_of_its_own) {
  AtDesired in{{5, 0}, pods(5, 5), std::nullopt, {}, true, false, 0};
  EXPECT_FALSE(at_desired(in));
  in.dynamic_stable = true;
  EXPECT_TRUE(at_desired(in));  // dynamic scaling does not look at stable
}

TEST(AtDesired, holds_for_a_routed_set_weight_zero) {
  const AtDesired in{{0, 5}, pods(0, 0), pods(5, 5), {}, true, false, 0};
  EXPECT_TRUE(at_desired(in));
}

}  // namespace
}  // namespace sluice::rollout
