#include <gtest/gtest.h>

#include "controller/loop/refusals.h"
#include "kube/model/resources.h"

namespace sluice::loop {
namespace {

const Key kWeb{KeyKind::Rollout, {"shop", "web"}};
const WallTime kWall = *parse_rfc3339("2026-11-21T15:00:00Z");
const Error kQuota{ErrorCode::Forbidden, "exceeded quota", {}};

MonoTime after(Millis time) {
  return MonoTime(Seconds(1000) + time);
}
kube::Write weights(const std::string& body, const std::string& name = "web-web-canary") {
  kube::Write out;
  out.type = kube::kIngresses;
  out.key = {"shop", name};
  out.purpose = "SetWeights";
  out.body = body;
  return out;
}
kube::Write sizes(const std::string& body) {
  kube::Write out;
  out.type = kube::kReplicaSets;
  out.key = {"shop", "web-1"};
  out.purpose = "ScaleReplicaSet";
  out.body = body;
  return out;
}

TEST(N1_Refusals, each_is_asked_again_later_and_later_but_never_much_later_than_ten_seconds) {
  Refusals refusals;
  SeededRng rng(1);
  auto now = after(Millis(0));
  Millis longest{0};
  int requests = 0;
  while (now < after(Seconds(3600))) {
    refusals.note(kWeb, weights("75"), kQuota, now, rng);
    ++requests;
    const auto known = refusals.of(kWeb, now, kWall);
    ASSERT_EQ(known.size(), 1U);
    const auto wait = std::chrono::duration_cast<Millis>(known[0].retry_at - kWall);
    ASSERT_GT(wait, Millis(0));
    longest = std::max(longest, wait);
    now += wait;
  }
  EXPECT_LE(longest, Millis(12'000));
  EXPECT_GE(longest, Millis(8'000));
  EXPECT_LT(requests, 500);
}

TEST(N1_Refusals, what_the_server_takes_is_refused_no_more) {
  Refusals refusals;
  SeededRng rng(1);
  const auto now = after(Millis(0));
  refusals.note(kWeb, weights("75"), kQuota, now, rng);
  refusals.note(kWeb, weights("50"), kQuota, now, rng);
  refusals.note(kWeb, weights("75", "another"), kQuota, now, rng);
  ASSERT_EQ(refusals.of(kWeb, now, kWall).size(), 3U);
  refusals.accepted(kWeb, weights("0"));
  const auto left = refusals.of(kWeb, now, kWall);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].write.key.name, "another");
  EXPECT_TRUE(refusals.of({KeyKind::Rollout, {"other", "web"}}, now, kWall).empty());
  refusals.forget(kWeb);
  EXPECT_TRUE(refusals.of(kWeb, now, kWall).empty());
}

TEST(N1_Refusals, it_is_news_once_for_each_thing_that_the_server_says) {
  Refusals refusals;
  SeededRng rng(1);
  const auto now = after(Millis(0));
  const auto fresh = [&] { return refusals.of(kWeb, now, kWall).at(0).fresh; };
  refusals.note(kWeb, weights("75"), kQuota, now, rng);
  EXPECT_TRUE(fresh());
  EXPECT_FALSE(fresh());
  refusals.note(kWeb, weights("75"), kQuota, now, rng);
  EXPECT_FALSE(fresh());
  refusals.note(kWeb, weights("75"), {ErrorCode::Invalid, "denied by a policy", {}}, now, rng);
  EXPECT_TRUE(fresh());
}

TEST(N1_Refusals, one_that_nobody_asks_for_again_is_forgotten) {
  Refusals refusals;
  SeededRng rng(1);
  refusals.note(kWeb, weights("75"), kQuota, after(Millis(0)), rng);
  EXPECT_EQ(refusals.of(kWeb, after(Seconds(30)), kWall).size(), 1U);
  EXPECT_TRUE(refusals.of(kWeb, after(Seconds(90)), kWall).empty());
}

TEST(N1_Refusals, objects_that_have_gone_leave_nothing_behind) {
  Refusals refusals;
  SeededRng rng(1);
  for (int i = 0; i < 100; ++i)
    refusals.note({KeyKind::AnalysisRun, {"shop", "run-" + std::to_string(i)}}, weights("75"),
                  kQuota, after(Millis(0)), rng);
  EXPECT_EQ(refusals.keys(), 100U);
  refusals.note(kWeb, weights("75"), kQuota, after(Seconds(200)), rng);
  EXPECT_EQ(refusals.keys(), 1U);
}

TEST(N1_Refusals, a_time_that_the_server_names_is_kept) {
  Refusals refusals;
  SeededRng rng(1);
  refusals.note(kWeb, weights("75"), {ErrorCode::Forbidden, "no", Millis(60'000)},
                after(Millis(0)), rng);
  EXPECT_EQ(refusals.of(kWeb, after(Millis(0)), kWall).at(0).retry_at, kWall + Seconds(60));
}

TEST(N1_Refusals, another_weight_another_size_and_another_selector_are_another_wish) {
  using rollout::same_intent;
  EXPECT_TRUE(same_intent(weights("75"), weights("75")));
  EXPECT_FALSE(same_intent(weights("75"), weights("0")));
  EXPECT_FALSE(same_intent(weights("75"), weights("75", "another")));
  const auto five = R"({"spec":{"replicas":5}})", six = R"({"spec":{"replicas":6}})";
  EXPECT_TRUE(same_intent(sizes(five), sizes(five)));
  EXPECT_FALSE(same_intent(sizes(five), sizes(six)));
  // A deadline a second later is the same wish.
  EXPECT_TRUE(same_intent(sizes(R"({"metadata":{"annotations":{"scale-down-deadline":"a"}}})"),
                          sizes(R"({"metadata":{"annotations":{"scale-down-deadline":"b"}}})")));
  EXPECT_FALSE(same_intent(weights("75"), sizes("75")));
}

TEST(N1_Refusals, a_refusal_is_a_no_to_this_write_and_nothing_else) {
  EXPECT_TRUE(is_refusal({ErrorCode::Forbidden, "", {}}));
  EXPECT_TRUE(is_refusal({ErrorCode::Invalid, "", {}}));
  EXPECT_TRUE(is_refusal(
      {ErrorCode::Unavailable, "Internal error occurred: failed calling webhook \"policy\"", {}}));
  for (const auto code : {ErrorCode::Unavailable, ErrorCode::Timeout, ErrorCode::Conflict,
                          ErrorCode::Throttled, ErrorCode::NotFound})
    EXPECT_FALSE(is_refusal({code, "no route to host", {}}));
}

}  // namespace
}  // namespace sluice::loop
