// The desired canary weight (rollout.md §3.11; traffic.md §1.3, §1.4, §5.1, §5.8).
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "controller/rollout/weights.h"
#include "tests/unit/controller/math_given.h"

namespace sluice::rollout {
namespace {

using Case = WeightDecision::Case;
using given::pause;
using given::pods;
using given::set_weight;
using given::updating;
using given::weights;

WeightInput input(const CanaryState& state) {
  WeightInput in;
  in.state = &state;
  in.new_hash = "new";
  in.at_desired = true;
  return in;
}

CanaryState in_flight(const api::CanaryStrategy& strategy, std::int32_t n,
                      std::optional<std::int32_t> index, std::int32_t canary_available) {
  auto state = updating(strategy, n, index);
  state.canary = pods(canary_available, canary_available);
  state.stable = pods(n, n);
  return state;
}

TEST(DesiredWeight, is_zero_and_routes_go_when_fully_promoted) {
  const auto strategy = given::routed({set_weight(20), pause()});
  auto state = in_flight(strategy, 5, 2, 5);
  state.fully_promoted = true;
  const auto got = decide_weight(input(state));
  EXPECT_EQ(got.which, Case::FullyPromoted);
  EXPECT_EQ(got.weight, 0);
  EXPECT_TRUE(got.remove_managed_routes);
  EXPECT_FALSE(got.held);
}

TEST(DesiredWeight, holds_on_an_initial_deployment) {
  const auto strategy = given::routed({set_weight(10)});
  auto state = updating(strategy, 5, 0);
  state.has_stable = false;
  state.canary = pods(5, 2);
  const auto got = decide_weight(input(state));
  EXPECT_TRUE(got.held);
}

TEST(DesiredWeight, is_zero_while_new_pods_are_missing) {
  const auto strategy = given::routed({set_weight(40), pause()});
  auto state = in_flight(strategy, 5, 1, 0);
  auto in = input(state);
  in.recorded = weights(40, 60);
  const auto got = decide_weight(in);
  EXPECT_EQ(got.which, Case::NoCanaryPods);
  EXPECT_EQ(got.weight, 0);
  EXPECT_TRUE(got.weight_before_hash);  // traffic leaves before the hashes move
  EXPECT_TRUE(got.remove_managed_routes);
  EXPECT_TRUE(got.experiment_destinations);
  in.recorded = weights(0, 100);
  EXPECT_FALSE(decide_weight(in).weight_before_hash);
  state.canary.reset();
  EXPECT_EQ(decide_weight(in).which, Case::NoCanaryPods);
}

TEST(DesiredWeight, stays_at_the_previous_step_until_the_pods_are_there) {
  const auto strategy = given::routed({set_weight(10), set_weight(40), pause()});
  struct Row {
    std::int32_t index;
    bool at_desired;
    std::int32_t want;
    Case which;
  };
  for (const auto& row :
       std::vector<Row>{{0, false, 0, Case::NotAtDesired},
                        {0, true, 10, Case::AtStep},
                        {1, false, 10, Case::NotAtDesired},
                        {1, true, 40, Case::AtStep},
                        {2, false, 40, Case::NotAtDesired},  // a pod died during the pause
                        {2, true, 40, Case::AtStep},
                        {3, false, 40, Case::NotAtDesired},
                        {3, true, 100, Case::StepsDone}}) {
    const auto state = in_flight(strategy, 10, row.index, 3);
    auto in = input(state);
    in.at_desired = row.at_desired;
    const auto got = decide_weight(in);
    EXPECT_EQ(got.which, row.which) << row.index;
    EXPECT_EQ(got.weight, row.want) << row.index;
    EXPECT_FALSE(got.remove_managed_routes) << row.index;
  }
}

TEST(DesiredWeight, is_zero_without_steps) {
  const auto strategy = given::routed({});
  const auto state = in_flight(strategy, 5, std::nullopt, 5);
  const auto got = decide_weight(input(state));
  EXPECT_EQ(got.which, Case::NoSteps);
  EXPECT_EQ(got.weight, 0);
  EXPECT_FALSE(got.remove_managed_routes);
}

TEST(DesiredWeight, stays_as_recorded_during_a_full_promotion) {
  const auto strategy = given::routed({set_weight(20), pause()});
  auto state = in_flight(strategy, 5, 1, 1);
  state.promote_full = true;
  auto in = input(state);
  EXPECT_EQ(decide_weight(in).weight, 0);
  in.recorded = weights(20, 80);
  const auto got = decide_weight(in);
  EXPECT_EQ(got.which, Case::PromoteFull);
  EXPECT_EQ(got.weight, 20);
  EXPECT_TRUE(got.remove_managed_routes);
}

TEST(DesiredWeight, follows_the_available_pods_during_a_dynamic_full_promotion) {
  const auto strategy = given::dynamic({set_weight(20), pause()});
  const auto weight = [&](std::int32_t n, std::int32_t available) {
    auto state = in_flight(strategy, n, 1, available);
    state.promote_full = true;
    return decide_weight(input(state)).weight;
  };
  EXPECT_EQ(weight(4, 3), 75);
  EXPECT_EQ(weight(4, 6), 100);
  EXPECT_EQ(weight(10, 20), 100);  // setCanaryScale above the replicas
  EXPECT_EQ(weight(0, 0), 0);      // no division by zero
  EXPECT_EQ(weight(0, 2), 100);    // leftovers of a Rollout scaled to zero
}

TEST(DesiredWeight, goes_to_zero_at_once_on_an_abort_without_dynamic_scaling) {
  const auto strategy = given::routed({set_weight(40), pause()});
  auto state = in_flight(strategy, 5, 1, 2);
  auto in = input(state);
  in.aborted = true;
  in.recorded = weights(40, 60);
  const auto got = decide_weight(in);
  EXPECT_EQ(got.which, Case::Aborted);
  EXPECT_EQ(got.weight, 0);
  EXPECT_TRUE(got.canary_service_to_stable);
  EXPECT_TRUE(got.remove_managed_routes);
  EXPECT_FALSE(got.held);
}

TEST(DesiredWeight, shifts_what_stable_can_carry_when_it_cannot_carry_everything_at_an_abort) {
  const auto strategy = given::routed({set_weight(60), pause()});
  auto state = in_flight(strategy, 5, 1, 3);
  auto in = input(state);
  in.aborted = true;
  in.recorded = weights(60, 40);
  const auto with_stable = [&](std::int32_t available) {
    state.stable = pods(5, available);
    return decide_weight(in);
  };
  EXPECT_EQ(with_stable(4).weight, 20);
  EXPECT_FALSE(with_stable(4).held);
  EXPECT_EQ(with_stable(1).weight, 60);  // never raised above what is recorded
  EXPECT_TRUE(with_stable(0).held);      // nothing can be carried: the canary serves on
  EXPECT_TRUE(with_stable(0).canary_service_to_stable);
  EXPECT_EQ(with_stable(5).weight, 0);
  state.stable.reset();
  EXPECT_TRUE(decide_weight(in).held);
  state.stable = pods(5, 4);
  in.recorded.reset();
  EXPECT_TRUE(decide_weight(in).held);
}

TEST(DesiredWeight, cuts_in_the_pass_that_decides_the_abort) {
  // The same weight whether status.abort is stored already or only decided.
  const auto strategy = given::dynamic({set_weight(10), set_weight(40), set_weight(80)});
  auto state = in_flight(strategy, 10, 2, 8);
  state.stable = pods(6, 6);
  auto in = input(state);
  in.aborted = true;
  in.recorded = weights(80, 20);
  const auto first = decide_weight(in).weight;
  EXPECT_EQ(first, 40);
  state.abort = true;
  EXPECT_EQ(decide_weight(in).weight, first);
}

TEST(DesiredWeight, leaves_the_canary_service_until_a_dynamic_abort_has_reached_zero) {
  const auto strategy = given::dynamic({set_weight(50)});
  auto state = in_flight(strategy, 4, 0, 2);
  state.abort = true;
  state.stable = pods(4, 2);
  auto in = input(state);
  in.aborted = true;
  in.recorded = weights(50, 50);
  EXPECT_EQ(decide_weight(in).weight, 50);
  EXPECT_FALSE(decide_weight(in).canary_service_to_stable);
  state.stable = pods(4, 4);
  state.canary = pods(0, 0);
  EXPECT_EQ(decide_weight(in).weight, 0);
  EXPECT_TRUE(decide_weight(in).canary_service_to_stable);
}

TEST(DesiredWeight, keeps_the_old_canary_during_a_dynamic_rollback_to_stable) {
  const auto strategy = given::dynamic({set_weight(10), pause()});
  auto state = updating(strategy, 10, 2);
  state.fully_promoted = true;
  state.canary = state.stable = pods(10, 1);
  auto in = input(state);
  in.recorded = weights(10, 90, "old-canary");
  auto got = decide_weight(in);
  EXPECT_EQ(got.which, Case::DynamicRollback);
  EXPECT_EQ(got.weight, 10);
  EXPECT_TRUE(got.keep_recorded_hash);
  EXPECT_TRUE(got.remove_managed_routes);
  EXPECT_FALSE(got.canary_service_to_stable);
  state.canary = state.stable = pods(10, 10);
  got = decide_weight(in);
  EXPECT_EQ(got.which, Case::FullyPromoted);
  EXPECT_EQ(got.weight, 0);
  EXPECT_FALSE(got.keep_recorded_hash);
}

TEST(DesiredWeight, is_not_a_dynamic_rollback_when_any_part_of_its_condition_is_missing) {
  const auto dynamic = given::dynamic({set_weight(10)});
  const auto plain = given::routed({set_weight(10)});
  auto state = updating(dynamic, 10, 1);
  state.fully_promoted = true;
  state.canary = state.stable = pods(10, 1);
  auto in = input(state);
  EXPECT_EQ(decide_weight(in).which, Case::FullyPromoted);  // nothing recorded
  in.recorded = weights(10, 90, "new");
  EXPECT_EQ(decide_weight(in).which, Case::FullyPromoted);  // recorded is newRS itself
  in.recorded = weights(10, 90, "old-canary");
  state.strategy = &plain;
  EXPECT_EQ(decide_weight(in).which, Case::FullyPromoted);
}

TEST(StableGuard, stops_when_stable_cannot_carry_the_rest) {
  const auto strategy = given::routed({set_weight(20)});
  auto state = in_flight(strategy, 10, 0, 2);
  auto in = input(state);
  for (const auto& [available, held] :
       std::vector<std::pair<std::int32_t, bool>>{{10, false}, {8, false}, {7, true}}) {
    state.stable = pods(10, available);
    EXPECT_EQ(decide_weight(in).held, held) << available;
  }
}

TEST(StableGuard, accepts_the_progress_threshold) {
  auto strategy = given::routed({set_weight(20)});
  strategy.replica_progress_threshold = api::ReplicaProgressThreshold{"Percent", 80};
  auto state = in_flight(strategy, 10, 0, 2);
  state.stable = pods(10, 7);
  EXPECT_TRUE(stable_can_carry(state, 20));
  state.stable = pods(10, 6);
  EXPECT_FALSE(stable_can_carry(state, 20));
}

TEST(StableGuard, stops_for_a_superseding_version_over_a_small_stable) {
  const auto strategy = given::dynamic({set_weight(90), pause()});
  auto state = updating(strategy, 10, 0);
  state.canary = pods(0, 0);
  state.stable = pods(1, 1);
  auto in = input(state);
  in.recorded = weights(90, 10, "superseded");
  EXPECT_TRUE(decide_weight(in).held);
}

TEST(StableGuard, does_not_overflow) {
  auto strategy = given::routed({set_weight(50'000'000)});
  strategy.traffic_routing->max_traffic_weight = 100'000'000;
  auto state = in_flight(strategy, 50, 0, 25);
  EXPECT_EQ(decide_weight(input(state)).weight, 50'000'000);
  state.stable = pods(50, 24);
  EXPECT_FALSE(stable_can_carry(state, 50'000'000));
}

struct AbortRow {
  const char* point;
  std::int32_t stable, canary, recorded, want;
};

TEST(AbortWeight, follows_the_golden_vectors) {
  const auto strategy =
      given::dynamic({set_weight(10), set_weight(20), set_weight(40), set_weight(80)});
  for (const auto& row : std::vector<AbortRow>{{"abort at 80", 2, 8, 80, 80},
                                               {"stable scaled", 6, 8, 80, 40},
                                               {"canary scaled down", 6, 4, 40, 40},
                                               {"8 of 10", 8, 4, 40, 20},
                                               {"canary 2", 8, 2, 20, 20},
                                               {"9 of 10", 9, 2, 20, 10},
                                               {"canary 1", 9, 1, 10, 10},
                                               {"full", 10, 1, 10, 0},
                                               {"flap afterwards", 8, 0, 0, 0}}) {
    auto state = updating(strategy, 10, 3);
    state.abort = true;
    state.stable = pods(10, row.stable);
    state.canary = pods(row.canary, row.canary);
    EXPECT_EQ(abort_weight(state, weights(row.recorded, 100 - row.recorded)), row.want)
        << row.point;
    auto plain = strategy;
    plain.dynamic_stable_scale = false;
    state.strategy = &plain;
    EXPECT_EQ(abort_weight(state, weights(row.recorded, 100 - row.recorded)), 0) << row.point;
  }
}

TEST(AbortWeight, follows_the_situations_of_the_specification) {
  const auto half = given::dynamic({set_weight(50)});
  const auto none = given::dynamic({pause()});
  struct Row {
    const api::CanaryStrategy* strategy;
    std::int32_t stable, canary, recorded, want;
  };
  for (const auto& row : std::vector<Row>{{&half, 4, 1, 0, 0},
                                          {&half, 3, 4, 100, 50},
                                          {&none, 1, 4, 100, 80},
                                          {&half, 5, 0, 20, 0}}) {
    auto state = updating(*row.strategy, 5, 0);
    state.abort = true;
    state.stable = pods(5, row.stable);
    state.canary = pods(row.canary, row.canary);
    EXPECT_EQ(abort_weight(state, weights(row.recorded, 100 - row.recorded)), row.want);
  }
  auto state = updating(half, 5, 0);
  state.abort = true;
  EXPECT_EQ(abort_weight(state, weights(50, 50)), 0);  // ReplicaSets unknown
  state.stable = pods(5, 2);
  state.canary = pods(4, 4);
  EXPECT_EQ(abort_weight(state, std::nullopt), 60);  // weights unknown: max(50, 60)
  state.replicas = 0;
  EXPECT_EQ(abort_weight(state, weights(50, 50)), 0);
}

TEST(AbortWeight, steps_75_25_0_as_stable_gains_pods) {
  const auto strategy = given::dynamic({set_weight(25), pause(), set_weight(75), pause()});
  auto state = updating(strategy, 4, 3);
  state.abort = true;
  state.canary = pods(3, 3);
  state.stable = pods(1, 1);
  EXPECT_EQ(abort_weight(state, weights(75, 25)), 75);
  state.stable = pods(3, 3);
  EXPECT_EQ(abort_weight(state, weights(75, 25)), 25);
  EXPECT_EQ(routed_scale({&state, weights(25, 75), 0}).canary, 1);
  state.canary = pods(1, 1);
  state.stable = pods(4, 4);
  EXPECT_EQ(abort_weight(state, weights(25, 75)), 0);
}

// A whole dynamic abort in small: weights first, then one pass of sizes with the weights of the
// pass before.
std::vector<std::int32_t> play_abort(const api::CanaryStrategy& strategy, std::int32_t n,
                                     std::int32_t recorded, std::int32_t canary, bool canary_held) {
  auto state = updating(strategy, n, static_cast<std::int32_t>(strategy.steps.size()) - 1);
  state.abort = true;
  state.canary = pods(canary, canary);
  state.stable = pods(n - canary, n - canary);
  std::vector<std::int32_t> out{recorded};
  for (int pass = 0; pass < 200; ++pass) {
    const auto before = weights(out.back(), 100 - out.back());
    auto in = input(state);
    in.aborted = true;
    in.recorded = before;
    const auto decision = decide_weight(in);
    if (!decision.held) out.push_back(decision.weight);
    const auto now = weights(out.back(), 100 - out.back());
    const auto stable = routed_scale({&state, before, 0}).stable;
    const auto wanted = routed_scale({&state, now, 0}).canary;
    state.stable = pods(stable, stable);
    if (!canary_held) state.canary = pods(wanted, wanted);
  }
  return out;
}

RC_GTEST_PROP(AbortWeight, falls_to_zero_and_never_rises_whatever_the_steps, ()) {
  const auto n = *rc::gen::inRange(1, 30);
  auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 101));
  std::vector<api::Step> list;
  for (const int weight : steps) list.push_back(set_weight(weight));
  if (list.empty()) list.push_back(set_weight(50));
  auto strategy = given::dynamic(list);
  const bool held = *rc::gen::arbitrary<bool>();
  if (held) strategy.abort_scale_down_delay_seconds = *rc::gen::element(0, 600);
  const auto recorded = *list.back().set_weight;
  const auto played = play_abort(strategy, n, recorded, weight_to_replicas(recorded, n, 100), held);
  for (std::size_t i = 1; i < played.size(); ++i) RC_ASSERT(played[i] <= played[i - 1]);
  RC_ASSERT(played.back() == 0);
}

RC_GTEST_PROP(AbortWeight, never_rises_while_stable_flaps, ()) {
  const auto strategy =
      given::dynamic({set_weight(10), set_weight(20), set_weight(40), set_weight(80)});
  auto recorded = *rc::gen::inRange(0, 101);
  auto state = updating(strategy, 10, 3);
  state.abort = true;
  for (const int available : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 13))) {
    state.stable = pods(10, available);
    state.canary = pods(8, *rc::gen::inRange(0, 9));
    const auto next = abort_weight(state, weights(recorded, 100 - recorded));
    RC_ASSERT(next <= recorded);
    recorded = next;
  }
}

RC_GTEST_PROP(DesiredWeight, is_inside_its_range_and_stable_can_carry_the_rest, ()) {
  auto strategy = *rc::gen::arbitrary<bool>() ? given::dynamic({}) : given::routed({});
  for (const int weight : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 101))) {
    strategy.steps.push_back(set_weight(weight));
  }
  const auto n = *rc::gen::inRange(0, 20);
  auto state = updating(strategy, n, *rc::gen::inRange(0, 5));
  state.canary = pods(n, *rc::gen::inRange(0, 25));
  state.stable = pods(n, *rc::gen::inRange(0, 25));
  state.promote_full = *rc::gen::arbitrary<bool>();
  state.fully_promoted = *rc::gen::arbitrary<bool>();
  auto in = input(state);
  in.aborted = *rc::gen::arbitrary<bool>();
  in.at_desired = *rc::gen::arbitrary<bool>();
  const auto recorded = *rc::gen::inRange(0, 101);
  in.recorded = weights(recorded, 100 - recorded, "some");
  const auto got = decide_weight(in);
  RC_ASSERT(got.weight >= 0 && got.weight <= 100);
  if (!got.held && got.weight < recorded) {
    RC_ASSERT(state.stable->available >= (100 - got.weight) * n / 100);
  }
}

}  // namespace
}  // namespace sluice::rollout
