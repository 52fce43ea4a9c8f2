// Recorded weights and verification (traffic.md §1.6, §1.7).
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "traffic/status.h"

namespace sluice::traffic {
namespace {

WeightsInput input(std::int32_t weight, std::int32_t max_weight = 100) {
  return {weight, max_weight, "shop-canary", "shop-stable", "6d5c", "79fb", {}};
}

TEST(RecordedWeights, give_stable_what_is_left) {
  auto in = input(25);
  in.additional = {{10, "exp", "5c4d"}};
  const auto got = next_weights(std::nullopt, in);
  EXPECT_EQ(got.canary, (api::WeightDestination{25, "shop-canary", "6d5c"}));
  EXPECT_EQ(got.stable, (api::WeightDestination{65, "shop-stable", "79fb"}));
  EXPECT_EQ(got.additional, in.additional);
  EXPECT_EQ(got.verified, std::nullopt);
  EXPECT_EQ(next_weights(std::nullopt, input(5, 1000)).stable.weight, 995);
}

TEST(RecordedWeights, never_give_stable_a_negative_weight) {
  auto in = input(50);
  in.additional = {{30, "a", "x"}, {30, "b", "y"}};
  EXPECT_EQ(next_weights(std::nullopt, in).stable.weight, 0);
}

RC_GTEST_PROP(RecordedWeights, sum_to_the_maximum_unless_the_parts_exceed_it, ()) {
  const auto max = *rc::gen::element(100, 1000, 100'000'000);
  auto in = input(*rc::gen::inRange(0, max + 1), max);
  std::int64_t extra = 0;
  for (const int weight : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 40))) {
    in.additional.push_back({weight, "s", "h"});
    extra += weight;
  }
  const auto got = next_weights(std::nullopt, in);
  RC_ASSERT(got.canary.weight == in.weight);
  RC_ASSERT(std::int64_t{got.canary.weight} + got.stable.weight + extra ==
            std::max<std::int64_t>(max, in.weight + extra));
}

TEST(RecordedWeights, keep_the_verification_only_while_nothing_changes) {
  auto stored = next_weights(std::nullopt, input(25));
  stored.verified = true;
  EXPECT_EQ(next_weights(stored, input(25)).verified, true);
  EXPECT_FALSE(weights_changed(stored, next_weights(stored, input(25))));
  EXPECT_EQ(next_weights(stored, input(30)).verified, std::nullopt);
  auto other_hash = input(25);
  other_hash.canary_hash = "x";
  EXPECT_EQ(next_weights(stored, other_hash).verified, std::nullopt);
}

TEST(RecordedWeights, announce_changes_in_the_words_of_the_events) {
  const auto none = next_weights(std::nullopt, input(0));
  EXPECT_EQ(weights_event_text(std::nullopt, none), "Traffic weight updated to 0");
  const auto quarter = next_weights(none, input(25));
  EXPECT_EQ(weights_event_text(none, quarter), "Traffic weight updated from 0 to 25");
  auto in = input(25);
  in.additional = {{10, "exp", "5c4d"}, {5, "exp2", "77"}};
  const auto more = next_weights(quarter, in);
  EXPECT_EQ(weights_event_text(quarter, more),
            "Traffic weight updated additional: [{10 exp 5c4d} {5 exp2 77}]");
  EXPECT_EQ(weights_event_text(none, more),
            "Traffic weight updated from 0 to 25, additional: [{10 exp 5c4d} {5 exp2 77}]");
  EXPECT_EQ(weights_event_text(more, quarter), "Traffic weight updated additional: []");
  auto hash = input(0);
  hash.canary_hash = "x";
  EXPECT_EQ(weights_event_text(none, next_weights(none, hash)), "Traffic weight updated ");
}

TEST(ShouldVerify, only_at_a_set_weight_step_or_at_the_end) {
  EXPECT_TRUE(should_verify({true, false, true, true, 10, 100}));
  EXPECT_FALSE(should_verify({true, false, false, true, 100, 100}));
  EXPECT_TRUE(should_verify({true, false, false, false, 100, 100}));
  EXPECT_FALSE(should_verify({true, false, false, false, 60, 100}));
  EXPECT_FALSE(should_verify({false, false, true, true, 10, 100}));
  EXPECT_FALSE(should_verify({true, true, true, true, 10, 100}));
}

VerifyAnswer says(std::optional<bool> verified) {
  return {verified, std::nullopt};
}
VerifyAnswer breaks() {
  return {std::nullopt, Error{ErrorCode::Unavailable, "no answer", std::nullopt}};
}

TEST(Verification, is_the_and_of_the_routers_that_answered) {
  EXPECT_EQ(verify_outcome({}, 20, 100).verified, std::nullopt);
  EXPECT_EQ(verify_outcome({says({}), says({})}, 20, 100).verified, std::nullopt);
  EXPECT_EQ(verify_outcome({says(true), says({})}, 20, 100).verified, true);
  EXPECT_EQ(verify_outcome({says(false), says(true)}, 20, 100).verified, false);
}

TEST(Verification, looks_again_and_holds_the_end_of_the_rollout) {
  const auto middle = verify_outcome({says(false)}, 20, 100);
  EXPECT_TRUE(middle.look_again);
  EXPECT_EQ(middle.hold, std::nullopt);
  const auto end = verify_outcome({says(false)}, 100, 100);
  EXPECT_EQ(end.hold, "end of rollout, desired weight 100 not yet verified");
  const auto fine = verify_outcome({says(true)}, 100, 100);
  EXPECT_FALSE(fine.look_again);
  EXPECT_EQ(fine.hold, std::nullopt);
}

TEST(Verification, does_not_take_an_error_for_a_promise) {
  const auto middle = verify_outcome({breaks(), says(true)}, 20, 100);
  EXPECT_EQ(middle.verified, false);
  EXPECT_EQ(middle.warnings, (std::vector<std::string>{"Failed to verify weight: no answer"}));
  EXPECT_EQ(middle.hold, std::nullopt);
  EXPECT_TRUE(verify_outcome({breaks()}, 100, 100).hold);
}

}  // namespace
}  // namespace sluice::traffic
