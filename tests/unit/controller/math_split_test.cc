// Fenceposts and the split of a basic canary (rollout.md §3.2, §3.3).
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "controller/rollout/replicas.h"
#include "tests/unit/controller/math_given.h"

namespace sluice::rollout {
namespace {

using given::number;
using given::text;

TEST(Fenceposts, follow_the_table_of_the_specification) {
  struct Row {
    std::int32_t n;
    std::optional<kube::IntOrString> surge, unavailable;
    Fenceposts want;
  };
  const std::vector<Row> rows{
      {10, {}, {}, {3, 2}},
      {1, {}, {}, {1, 0}},
      {4, {}, {}, {1, 1}},
      {10, text("39%"), text("39%"), {4, 3}},
      {10, text("0%"), text("0%"), {0, 1}},
      {3, number(2), number(5), {2, 3}},
      {10, text("25"), text("25"), {3, 2}},  // the sign is optional
      {0, number(0), number(0), {0, 0}},     // nothing can be unavailable of nothing
      {0, {}, {}, {0, 0}},
      {4, text("100%"), {}, {4, 1}},
      {10, text("a third"), number(3), {0, 0}},  // unparsable: both 0, and no rescue to 1
      {10, number(3), text(""), {0, 0}},
      {10, number(-3), number(-1), {0, 1}},
      {2'000'000'000, text("200%"), text("50%"), {2'147'483'647, 1'000'000'000}},
  };
  for (const auto& row : rows) {
    const auto got = canary_fenceposts(row.n, row.surge, row.unavailable);
    EXPECT_EQ(got.surge, row.want.surge) << "N " << row.n;
    EXPECT_EQ(got.unavailable, row.want.unavailable) << "N " << row.n;
  }
}

TEST(Fenceposts, of_blue_green_have_no_surge_and_may_both_be_zero) {
  EXPECT_EQ(blue_green_fenceposts(1, std::nullopt), (Fenceposts{0, 0}));
  EXPECT_EQ(blue_green_fenceposts(10, std::nullopt), (Fenceposts{0, 2}));
  EXPECT_EQ(blue_green_fenceposts(3, number(9)), (Fenceposts{0, 3}));
  EXPECT_EQ(blue_green_fenceposts(3, text("bad")), (Fenceposts{0, 0}));
}

TEST(Fenceposts, are_taken_from_the_strategy_in_use) {
  api::RolloutSpec spec;
  spec.replicas = 10;
  spec.canary.emplace();
  spec.canary->max_surge = number(7);
  EXPECT_EQ(fenceposts(spec), (Fenceposts{7, 2}));
  spec.canary.reset();
  spec.blue_green.emplace();
  EXPECT_EQ(fenceposts(spec), (Fenceposts{0, 2}));
}

struct SplitRow {
  std::int32_t n, surge;
  std::vector<std::int32_t> weights;
  Counts want;
};

TEST(BasicSplit, follows_the_table_of_the_specification) {
  const std::vector<SplitRow> rows{
      {0, 0, {0, 1, 50, 99, 100}, {0, 0}},
      {0, 1, {0, 1, 50, 99, 100}, {0, 0}},
      {1, 0, {0, 1, 49}, {0, 1}},
      {1, 0, {50, 99, 100}, {1, 0}},
      {1, 1, {0}, {0, 1}},
      {1, 1, {1, 49, 50, 99}, {1, 1}},
      {1, 1, {100}, {1, 0}},
      {2, 0, {0}, {0, 2}},
      {2, 0, {1, 50, 99}, {1, 1}},
      {2, 0, {100}, {2, 0}},
      {2, 1, {0}, {0, 2}},
      {2, 1, {1}, {1, 2}},
      {2, 1, {50}, {1, 1}},
      {2, 1, {99}, {2, 1}},
      {2, 1, {100}, {2, 0}},
      {3, 0, {10, 25, 33, 34, 49}, {1, 2}},
      {3, 0, {50}, {2, 1}},
      {3, 1, {10, 25}, {1, 3}},
      {3, 1, {33, 34}, {1, 2}},
      {3, 1, {49, 50}, {2, 2}},
      {10, 0, {1, 14}, {1, 9}},
      {10, 0, {15, 16}, {2, 8}},
      {10, 0, {99}, {9, 1}},
      {10, 1, {0}, {0, 10}},
      {10, 1, {1}, {1, 10}},
      {10, 1, {18, 19}, {2, 9}},
      {10, 1, {20, 23}, {2, 8}},
      {10, 1, {24, 25}, {3, 8}},
      {10, 1, {99}, {10, 1}},
      {10, 1, {100}, {10, 0}},
      {4, 1, {25}, {1, 3}},
      {4, 1, {33}, {2, 3}},
      {4, 1, {50}, {2, 2}},
      {4, 1, {75}, {3, 1}},
      {5, 1, {10}, {1, 5}},
      {5, 1, {20}, {1, 4}},
      {5, 1, {40}, {2, 3}},
      {5, 1, {50}, {3, 3}},
      {3, 1, {20}, {1, 3}},  // the paused default canary of three
  };
  for (const auto& row : rows) {
    for (const auto weight : row.weights) {
      const auto got = basic_split(row.n, weight, 100, row.surge);
      EXPECT_EQ(got.canary, row.want.canary)
          << "N " << row.n << " S " << row.surge << " W " << weight;
      EXPECT_EQ(got.stable, row.want.stable)
          << "N " << row.n << " S " << row.surge << " W " << weight;
    }
  }
}

TEST(BasicSplit, keeps_one_stable_pod_where_no_candidate_survives) {
  const std::vector<std::pair<std::int32_t, std::int32_t>> holes{
      {2, 75}, {5, 90}, {10, 95}, {25, 98}, {50, 99}};
  for (const auto& [n, weight] : holes) {
    EXPECT_EQ(basic_split(n, weight, 100, 0), (Counts{n - 1, 1})) << "N " << n << " W " << weight;
  }
}

// The candidate rules of the specification, spelled out: halves excluded, the hole filled.
Counts split_by_the_rules(std::int64_t n, std::int64_t w, std::int64_t m, int surge) {
  const std::int64_t up = (n * w + m - 1) / m, down = n * w / m;
  const auto tie = [&](std::int64_t total) { return total * w % m * 2 == m; };
  const bool zero_ok = w == m || w == 0 || (n == 1 && surge == 0);
  std::vector<std::pair<std::int64_t, std::int64_t>> candidates;
  if (up < n || zero_ok) candidates.emplace_back(up, n);
  if (!tie(n) && (down != 0 || zero_ok)) candidates.emplace_back(down, n);
  if (surge > 0) candidates.emplace_back(up, n + 1);
  if (surge > 0 && !tie(n + 1) && (down != 0 || zero_ok)) candidates.emplace_back(down, n + 1);
  if (candidates.empty()) return {static_cast<std::int32_t>(n - 1), 1};
  auto best = candidates[0];
  for (const auto& c : candidates) {
    const auto miss = [&](const auto& x) { return std::abs(x.first * m - w * x.second); };
    if (miss(c) * best.second < miss(best) * c.second) best = c;
  }
  return {static_cast<std::int32_t>(best.first),
          static_cast<std::int32_t>(best.second - best.first)};
}

TEST(BasicSplit, agrees_with_the_rules_for_all_small_inputs) {
  for (std::int32_t n = 1; n <= 60; ++n) {
    for (std::int32_t w = 0; w <= 100; ++w) {
      for (const int surge : {0, 1, 3}) {
        EXPECT_EQ(basic_split(n, w, 100, surge), split_by_the_rules(n, w, 100, surge))
            << "N " << n << " W " << w << " S " << surge;
      }
    }
  }
}

TEST(BasicSplit, reads_weights_outside_their_range_as_its_ends) {
  EXPECT_EQ(basic_split(4, 200, 100, 1), (Counts{4, 0}));
  EXPECT_EQ(basic_split(4, -5, 100, 1), (Counts{0, 4}));
  EXPECT_EQ(basic_split(-1, 50, 100, 1), (Counts{0, 0}));
  EXPECT_EQ(basic_split(4, 50, 0, 1), (Counts{2, 2}));  // no maximum: 100
}

TEST(BasicSplit, does_not_overflow_with_a_huge_maximum_weight) {
  EXPECT_EQ(basic_split(2'000'000'000, 50'000'000, 100'000'000, 1),
            (Counts{1'000'000'000, 1'000'000'000}));
}

RC_GTEST_PROP(BasicSplit, never_drops_a_side_and_never_exceeds_one_surge_pod, ()) {
  const auto n = *rc::gen::inRange(1, 300);
  const auto surge = *rc::gen::inRange(0, 4);
  const auto weight = *rc::gen::inRange(0, 101);
  const auto got = basic_split(n, weight, 100, surge);
  const auto total = got.canary + got.stable;
  RC_ASSERT(got.canary >= 0 && got.stable >= 0);
  RC_ASSERT(total == n || (surge > 0 && total == n + 1));
  RC_ASSERT(weight != 0 || got == (Counts{0, n}));
  RC_ASSERT(weight != 100 || got == (Counts{n, 0}));
  if (weight > 0 && weight < 100 && n + std::min(surge, 1) >= 2) {
    RC_ASSERT(got.canary > 0 && got.stable > 0);
  }
}

RC_GTEST_PROP(BasicSplit, grows_with_the_weight_up_to_the_rounding_of_one_pod, ()) {
  const auto n = *rc::gen::inRange(1, 300);
  const auto surge = *rc::gen::inRange(0, 3);
  const auto low = *rc::gen::inRange(0, 101), high = *rc::gen::inRange(low, 101);
  RC_ASSERT(basic_split(n, low, 100, surge).canary <= basic_split(n, high, 100, surge).canary + 1);
}

}  // namespace
}  // namespace sluice::rollout
