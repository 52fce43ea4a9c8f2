// Actual scaling of a basic canary (rollout.md §3.4, §9.3).
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "controller/rollout/replicas.h"
#include "tests/unit/controller/math_given.h"

namespace sluice::rollout {
namespace {

using given::number;
using given::pods;
using given::text;

struct Row {
  std::int32_t n, weight;
  kube::IntOrString surge, unavailable;
  std::optional<Pods> stable, canary;
  std::int32_t others;
  std::int32_t want_stable, want_canary;
  const char* point;
};

void check(const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    BasicScale in;
    in.replicas = row.n;
    in.weight = row.weight;
    in.bounds = canary_fenceposts(row.n, row.surge, row.unavailable);
    in.canary = row.canary;
    in.stable = row.stable;
    in.others = row.others;
    const auto got = basic_scale(in);
    EXPECT_EQ(got.canary, row.want_canary) << row.point;
    EXPECT_EQ(got.stable, row.want_stable) << row.point;
  }
}

TEST(BasicScale, follows_the_vectors_of_the_specification_upwards) {
  check({
      {10, 100, number(3), number(0), pods(7, 8), pods(6, 3), 0, 7, 6,
       "extra available pods of a shrinking RS"},
      {10, 20, number(2), number(0), pods(10, 10), pods(0, 0), 0, 10, 2, "surge"},
      {10, 20, text("20%"), number(0), pods(10, 10), pods(0, 0), 0, 10, 2, "percent surge"},
      {10, 20, text("20%"), number(0), pods(10, 10), pods(2, 2), 0, 8, 2, "drop extra stable"},
      {10, 30, number(2), number(0), pods(10, 10), pods(0, 0), 0, 10, 2, "not past surge"},
      {10, 20, number(0), number(2), pods(10, 10), pods(0, 0), 0, 8, 0, "make room first"},
      {10, 20, number(0), text("20%"), pods(10, 10), pods(0, 0), 0, 8, 0, "percent unavailable"},
      {10, 30, number(0), number(2), pods(10, 10), pods(0, 0), 0, 8, 0, "not past unavailable"},
      {10, 50, number(2), number(1), pods(10, 10), pods(0, 0), 0, 9, 2, "both at once"},
      {10, 0, number(1), number(1), pods(10, 10), pods(1, 1), 0, 10, 0, "setWeight 0"},
      {10, 100, number(1), number(1), pods(1, 1), pods(10, 10), 0, 0, 10, "setWeight 100"},
      {1, 20, number(1), number(0), pods(1, 1), pods(0, 0), 0, 1, 1, "never 0 canary with surge"},
      {1, 90, number(1), number(0), pods(1, 1), pods(0, 0), 0, 1, 1, "never 0 stable"},
      {1, 49, number(0), number(1), pods(1, 1), pods(0, 0), 0, 1, 0, "no surge, < 50"},
      {1, 51, number(0), number(1), pods(1, 1), pods(0, 0), 0, 0, 0, "frees the slot first"},
      {1, 51, number(0), number(1), pods(0, 0), pods(0, 0), 0, 0, 1, "then fills it"},
      {10, 30, number(1), number(0), pods(1, 1), pods(0, 0), 3, 7, 1, "stable before canary"},
      {10, 30, number(0), number(3), pods(8, 5), pods(4, 4), 0, 7, 3,
       "unready stable may be dropped"},
      {10, 100, number(1), number(0), pods(10, 2), pods(10, 8), 0, 2, 9,
       "both shrink, available kept"},
      {10, 30, number(0), number(1), pods(8, 6), pods(4, 2), 3, 8, 4, "others go first"},
  });
}

TEST(BasicScale, follows_the_vectors_of_the_specification_at_the_edges) {
  check({
      {10, 5, number(0), number(1), pods(10, 10), pods(0, 0), 0, 9, 0, "10/10 at 5"},
      {10, 5, number(0), number(1), pods(9, 9), pods(0, 0), 0, 9, 1, "9/9 at 5"},
      {10, 10, text("0%"), text("0%"), pods(10, 10), pods(0, 0), 0, 9, 0, "both 0 makes U = 1"},
      {4, 100, number(1), number(0), pods(4, 1), pods(0, 0), 0, 4, 1,
       "unavailable stable, no overshoot"},
      {4, 100, number(1), number(0), pods(4, 1), pods(1, 1), 0, 3, 1, "bad stable does not block"},
      {3, 99, number(0), number(2), pods(3, 3), pods(0, 0), 0, 1, 0, "3/3 at 99"},
      {3, 99, number(0), number(2), pods(1, 1), pods(0, 0), 0, 1, 2, "1/1 at 99"},
      {4, 0, number(1), number(0), pods(0, 0), pods(4, 4), 0, 1, 4, "reduce: stable first"},
      {4, 0, number(1), number(0), pods(1, 0), pods(4, 4), 0, 1, 4, "wait for stable"},
      {4, 0, number(1), number(0), pods(1, 1), pods(4, 4), 0, 1, 3, "then swap one"},
      {4, 100, number(4), number(4), pods(4, 4), pods(0, 0), 0, 0, 4,
       "promoteFull ignores the weight"},
      {4, 100, number(3), number(0), pods(4, 4), pods(0, 0), 0, 4, 3,
       "promoteFull honours the bounds"},
      {10, 10, number(0), number(1), std::nullopt, pods(10, 0), 0, 0, 10, "one RS only"},
      {10, 100, number(0), number(1), std::nullopt, pods(9, 9), 0, 0, 10, "initial deploy"},
      {5, 40, number(0), number(1), pods(3, 3), pods(1, 1), 0, 3, 2, "next pass fills"},
      {10, 100, number(3), number(0), pods(9, 9), pods(4, 4), 0, 6, 4, "end of steps"},
      {10, 100, number(3), number(0), pods(7, 7), pods(5, 8), 0, 5, 6,
       "canary pods on their way out do not count"},
  });
}

// A world of two ReplicaSets: one size per pass, stable first; pods of a healthy set are available
// at once.
struct World {
  Pods stable, canary;
  bool stable_healthy = true, canary_healthy = true;
  kube::IntOrString surge = text("25%"), unavailable = text("25%");

  Counts settle(std::int32_t n, std::int32_t weight) {
    for (int pass = 0; pass < 1000; ++pass) {
      BasicScale in{n, weight, 100, canary_fenceposts(n, surge, unavailable), canary, stable, 0};
      const auto want = basic_scale(in);
      if (want.stable != stable.spec) {
        resize(stable, want.stable, stable_healthy);
      } else if (want.canary != canary.spec) {
        resize(canary, want.canary, canary_healthy);
      } else {
        return {canary.spec, stable.spec};
      }
      EXPECT_LE(canary.spec + stable.spec, std::max(before, n + in.bounds.surge));
      before = canary.spec + stable.spec;
    }
    ADD_FAILURE() << "does not settle";
    return {};
  }

  int before = 1000;

  static void resize(Pods& set, std::int32_t size, bool healthy) {
    set = {size, healthy ? size : std::min(set.available, size), size};
  }
};

TEST(BasicScaleSequence, an_update_that_never_gets_ready_follows_the_replicas) {
  World world{pods(4, 4), pods(0, 0), true, false, text("100%"), text("25%")};
  EXPECT_EQ(world.settle(4, 100), (Counts{4, 3}));
  EXPECT_EQ(world.settle(8, 100), (Counts{8, 3}));
  EXPECT_EQ(world.settle(4, 100), (Counts{4, 3}));
}

TEST(BasicScaleSequence, a_crash_looping_canary_without_steps_stays_inside_the_surge) {
  World world{pods(4, 4), pods(0, 0), true, false, number(2), number(0)};
  EXPECT_EQ(world.settle(4, 100), (Counts{2, 4}));
  EXPECT_EQ(world.settle(8, 100), (Counts{6, 4}));
  EXPECT_EQ(world.settle(4, 100), (Counts{2, 4}));
}

TEST(BasicScaleSequence, a_paused_canary_is_resplit_when_scaled) {
  World world{pods(1, 1), pods(0, 0)};
  EXPECT_EQ(world.settle(1, 25), (Counts{1, 1}));
  EXPECT_EQ(world.settle(8, 25), (Counts{2, 6}));
  EXPECT_EQ(world.settle(4, 25), (Counts{1, 3}));
}

TEST(BasicScaleSequence, one_pod_canary_goes_away_at_an_abort_and_comes_back_at_a_retry) {
  World world{pods(1, 1), pods(0, 0)};
  EXPECT_EQ(world.settle(1, 50), (Counts{1, 1}));
  EXPECT_EQ(world.settle(1, 0), (Counts{0, 1}));
  EXPECT_EQ(world.settle(1, 50), (Counts{1, 1}));
}

TEST(BasicScaleSequence, a_bad_initial_version_does_not_block_a_good_one) {
  World world{pods(4, 0), pods(0, 0), false, true, number(1), number(0)};
  EXPECT_EQ(world.settle(4, 100), (Counts{4, 0}));
}

TEST(BasicScaleSequence, a_bad_version_over_a_bad_one_stays_inside_the_surge) {
  World world{pods(4, 0), pods(0, 0), false, false, number(1), number(0)};
  EXPECT_EQ(world.settle(4, 100), (Counts{1, 4}));
}

TEST(BasicScaleSequence, weights_up_and_down_never_lose_availability) {
  World world{pods(3, 3), pods(0, 0), true, true, number(2), number(0)};
  EXPECT_EQ(world.settle(3, 100), (Counts{3, 0}));
  // Back to 0 with stable pods that do not get ready: the canary pods stay.
  world.stable_healthy = false;
  EXPECT_EQ(world.settle(3, 0), (Counts{3, 2}));
  world.stable_healthy = true;
  world.stable.available = world.stable.spec;
  EXPECT_EQ(world.settle(3, 0), (Counts{0, 3}));
}

rc::Gen<BasicScale> any_state() {
  return rc::gen::map(rc::gen::container<std::vector<int>>(9, rc::gen::inRange(0, 40)),
                      [](const std::vector<int>& v) {
                        BasicScale in;
                        in.replicas = v[0];
                        in.weight = v[1] * 100 / 39;
                        in.bounds = canary_fenceposts(v[0], number(v[2] / 8), number(v[3] / 8));
                        in.canary = Pods{v[4], std::min(v[5], v[4] + 2), v[4]};
                        in.stable = Pods{v[6], std::min(v[7], v[6] + 2), v[6]};
                        in.others = v[8] > 30 ? v[8] - 30 : 0;
                        return in;
                      });
}

RC_GTEST_PROP(BasicScale, never_takes_availability_below_the_floor, ()) {
  const auto in = *any_state();
  const auto got = basic_scale(in);
  const auto kept = [](const std::optional<Pods>& set, int size) {
    return std::min(set->available, size);
  };
  const int before = kept(in.canary, in.canary->spec) + kept(in.stable, in.stable->spec);
  const int after = kept(in.canary, got.canary) + kept(in.stable, got.stable);
  RC_ASSERT(after >= std::min(before, in.replicas - in.bounds.unavailable));
}

RC_GTEST_PROP(BasicScale, never_grows_past_the_surge, ()) {
  const auto in = *any_state();
  const auto got = basic_scale(in);
  const int before = in.canary->spec + in.stable->spec + in.others;
  RC_ASSERT(got.canary >= 0 && got.stable >= 0);
  RC_ASSERT(got.canary + got.stable + in.others <= std::max(before, in.replicas + in.bounds.surge));
}

RC_GTEST_PROP(BasicScale, leaves_new_and_stable_alone_while_third_sets_have_pods, ()) {
  auto in = *any_state();
  in.others = *rc::gen::inRange(1, 10);
  const auto got = basic_scale(in);
  RC_ASSERT(got.canary >= in.canary->spec && got.stable >= in.stable->spec);
}

RC_GTEST_PROP(BasicScale, reaches_the_split_when_all_pods_become_available, ()) {
  auto in = *any_state();
  in.others = 0;
  for (int pass = 0; pass < 500; ++pass) {
    const auto got = basic_scale(in);
    in.canary = pods(got.canary, got.canary);
    in.stable = pods(got.stable, got.stable);
  }
  RC_ASSERT((Counts{in.canary->spec, in.stable->spec}) == basic_target(in));
}

}  // namespace
}  // namespace sluice::rollout
