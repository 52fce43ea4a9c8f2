#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "controller/loop/queue.h"

namespace sluice::loop {
namespace {

MonoTime at(std::int64_t ms) {
  return MonoTime(Millis(ms));
}
Key key(const std::string& name) {
  return {KeyKind::Rollout, {"shop", name}};
}

TEST(KeyQueue, TriggersMergeAndTheFirstReasonIsKept) {
  KeyQueue queue;
  queue.mark(key("a"), Lane::Normal, "first", at(0));
  queue.mark(key("a"), Lane::Normal, "second", at(0));
  auto work = queue.take(at(0));
  ASSERT_TRUE(work);
  EXPECT_EQ(work->reason, "first");
  EXPECT_FALSE(queue.take(at(0)));
}

TEST(KeyQueue, ABusyKeyIsNotGivenOutTwiceAndComesBackWhenItWasMarkedMeanwhile) {
  KeyQueue queue;
  queue.mark(key("a"), Lane::Normal, "x", at(0));
  ASSERT_TRUE(queue.take(at(0)));
  queue.mark(key("a"), Lane::Normal, "meanwhile", at(1));
  EXPECT_FALSE(queue.take(at(1)));
  queue.done(key("a"), at(2));
  auto again = queue.take(at(2));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->reason, "meanwhile");
  queue.done(key("a"), at(3));
  EXPECT_FALSE(queue.take(at(3)));
  EXPECT_EQ(queue.size(), 0U);
}

TEST(KeyQueue, UrgentKeysGoFirstAndAWaitingKeyIsMovedUp) {
  KeyQueue queue;
  queue.mark(key("a"), Lane::Normal, "x", at(0));
  queue.mark(key("b"), Lane::Normal, "x", at(0));
  queue.mark(key("b"), Lane::Urgent, "abort", at(0));
  EXPECT_EQ(queue.take(at(0))->key, key("b"));
  EXPECT_EQ(queue.take(at(0))->key, key("a"));
}

TEST(KeyQueue, NobodyWaitsBehindAllRunsOfAnotherNamespace) {
  KeyQueue queue;
  for (int i = 0; i < 100; ++i)
    queue.mark({KeyKind::AnalysisRun, {"evil", "r" + std::to_string(i)}}, Lane::Urgent, "x", at(0));
  const Key innocent{KeyKind::AnalysisRun, {"shop", "r"}};
  queue.mark(innocent, Lane::Urgent, "x", at(0));
  queue.mark(key("web"), Lane::Urgent, "x", at(0));
  queue.mark(key("timer"), Lane::Normal, "x", at(0));
  std::vector<Key> first;
  for (int i = 0; i < 5; ++i) first.push_back(queue.take(at(0))->key);
  EXPECT_NE(std::find(first.begin(), first.end(), innocent), first.end());
  EXPECT_NE(std::find(first.begin(), first.end(), key("web")), first.end());
  EXPECT_NE(std::find(first.begin(), first.end(), key("timer")), first.end())
      << "periodic work gets every fourth turn";
}

TEST(KeyQueue, RunsOfANamespaceThatComputesTooMuchWait) {
  KeyQueue queue;
  const Key greedy{KeyKind::AnalysisRun, {"evil", "a"}};
  const Key rollout{KeyKind::Rollout, {"evil", "web"}};
  const Key innocent{KeyKind::AnalysisRun, {"shop", "r"}};
  queue.spent(greedy, 24'000'000, at(0));
  for (const Key& one : {greedy, rollout, innocent}) queue.mark(one, Lane::Urgent, "x", at(0));
  EXPECT_EQ(queue.take(at(0))->key, rollout);
  EXPECT_EQ(queue.take(at(0))->key, innocent);
  EXPECT_FALSE(queue.take(at(0)));
  EXPECT_EQ(queue.next_time(), at(1000)) << "four of the twenty-four million are paid back";
  EXPECT_FALSE(queue.take(at(999)));
  queue.mark(greedy, Lane::Urgent, "again", at(999));
  EXPECT_EQ(queue.take(at(1000))->key, greedy);
  queue.done(greedy, at(1000));
  EXPECT_EQ(queue.size(), 2U);
}

TEST(KeyQueue, ARunThatWaitsForItsAllowanceMayBeClaimedOrForgotten) {
  KeyQueue queue;
  const Key run{KeyKind::AnalysisRun, {"evil", "a"}};
  queue.spent(run, 50'000'000, at(0));
  queue.mark(run, Lane::Urgent, "x", at(0));
  EXPECT_FALSE(queue.ready());
  EXPECT_TRUE(queue.claim(run));
  queue.mark(run, Lane::Urgent, "x", at(0));
  queue.done(run, at(0));
  EXPECT_FALSE(queue.take(at(0)));
  queue.forget(run);
  EXPECT_EQ(queue.next_time(), MonoTime::max());
  EXPECT_FALSE(queue.take(at(100'000)));
}

TEST(Allowance, NobodyWaitsLongerThanTenSecondsAndWhoHasPaidBackHasNoAccount) {
  Allowance allowance;
  for (int i = 0; i < 100; ++i) allowance.spend("ns" + std::to_string(i), 1000, at(i * 1000));
  EXPECT_EQ(allowance.size(), 1U);
  EXPECT_LE(allowance.free_at("ns99"), at(0));
  allowance.spend("greedy", 1'000'000'000, at(100'000));
  EXPECT_EQ(allowance.free_at("greedy"), at(110'000));
}

TEST(KeyQueue, WithinANamespaceTheOldestIsFirst) {
  KeyQueue queue;
  for (const char* name : {"c", "a", "b"}) queue.mark(key(name), Lane::Normal, "x", at(0));
  queue.forget(key("a"));
  EXPECT_EQ(queue.take(at(0))->key, key("c"));
  EXPECT_EQ(queue.take(at(0))->key, key("b"));
  EXPECT_FALSE(queue.take(at(0)));
}

TEST(KeyQueue, TheEarliestTimerWins) {
  KeyQueue queue;
  queue.wake_at(key("a"), at(100));
  queue.wake_at(key("a"), at(50));
  queue.wake_at(key("a"), at(80));
  EXPECT_EQ(queue.next_time(), at(50));
  EXPECT_FALSE(queue.take(at(49)));
  ASSERT_TRUE(queue.take(at(50)));
  queue.done(key("a"), at(50));
  EXPECT_EQ(queue.next_time(), MonoTime::max());
}

TEST(KeyQueue, FailuresBackOffAndSuccessForgetsThem) {
  KeyQueue queue;
  SeededRng rng(1);
  MonoTime now = at(0);
  Micros last{0};
  for (int i = 0; i < 12; ++i) {
    queue.mark(key("a"), Lane::Normal, "x", now);
    if (i > 0) {
      EXPECT_FALSE(queue.take(now)) << "a normal trigger must not cut the back-off short";
      now = queue.next_time();
    }
    ASSERT_TRUE(queue.take(now));
    queue.failed(key("a"), now, rng);
    const Micros delay = queue.next_time() - now;
    EXPECT_LE(delay, Millis(12'000));
    EXPECT_TRUE(i == 0 || i >= 8 || delay * 2 > last);
    last = delay;
  }
  EXPECT_GE(last, Millis(8'000));
  ASSERT_TRUE(queue.take(queue.next_time()));
  queue.done(key("a"), now);
  EXPECT_EQ(queue.failures(key("a")), 0);
}

// N1: each refused write waits by itself; the key finds them one by one, and a person waits behind.
TEST(KeyQueue, AKeyThatIsRefusedManyThingsLooksAgainAtOnce_N1) {
  KeyQueue queue;
  SeededRng rng(1);
  MonoTime now = at(0);
  queue.mark(key("a"), Lane::Normal, "x", now);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(queue.take(now)) << i;
    queue.refused(key("a"), now, rng);
    EXPECT_FALSE(queue.take(now)) << "not at the same instant";
    EXPECT_LE(queue.next_time(), now + Millis(96));
    now = queue.next_time();
  }
  ASSERT_TRUE(queue.take(now));
  queue.done(key("a"), now);
  EXPECT_EQ(queue.size(), 0U);
}

TEST(KeyQueue, AnUrgentTriggerIgnoresTheBackOff) {
  KeyQueue queue;
  SeededRng rng(1);
  for (int i = 0; i < 8; ++i) {
    queue.mark(key("a"), Lane::Urgent, "x", at(0));
    ASSERT_TRUE(queue.take(at(0)));
    queue.failed(key("a"), at(0), rng);
  }
  queue.mark(key("a"), Lane::Urgent, "abort", at(1));
  EXPECT_TRUE(queue.take(at(1)));
}

TEST(KeyQueue, AnUrgentTriggerDuringAFailingPassIsNotLost) {
  KeyQueue queue;
  SeededRng rng(1);
  queue.mark(key("a"), Lane::Normal, "x", at(0));
  ASSERT_TRUE(queue.take(at(0)));
  queue.mark(key("a"), Lane::Urgent, "abort", at(1));
  queue.failed(key("a"), at(1), rng);
  EXPECT_TRUE(queue.take(at(1)));
}

TEST(KeyQueue, RetryAfterOfTheServerIsHonoured) {
  KeyQueue queue;
  SeededRng rng(1);
  queue.mark(key("a"), Lane::Normal, "x", at(0));
  ASSERT_TRUE(queue.take(at(0)));
  queue.failed(key("a"), at(0), rng, Millis(7'000));
  EXPECT_EQ(queue.next_time(), at(7'000));
}

// Seed 7000217: the server came back, the first write met a conflict, and the key waited ten
// seconds because of what had failed while the server was away.
TEST(KeyQueue, AServerThatAnswersAgainEndsEveryBackOff) {
  KeyQueue queue;
  SeededRng rng(1);
  MonoTime now = at(0);
  for (int i = 0; i < 9; ++i) {
    queue.mark(key("a"), Lane::Normal, "x", now);
    now = std::max(now, queue.next_time() == MonoTime::max() ? now : queue.next_time());
    ASSERT_TRUE(queue.take(now));
    queue.failed(key("a"), now, rng);
  }
  ASSERT_GE(queue.next_time() - now, Millis(4'000));
  queue.server_answers(now);
  ASSERT_TRUE(queue.take(now)) << "not ready at once";
  queue.failed(key("a"), now, rng);
  EXPECT_LE(queue.next_time() - now, Millis(24)) << "the next back-off does not begin small";
}

TEST(KeyQueue, AServerThatAnswersAgainForgivesAKeyThatIsBusy) {
  KeyQueue queue;
  SeededRng rng(1);
  MonoTime now = at(0);
  for (int i = 0; i < 9; ++i) {
    queue.mark(key("a"), Lane::Urgent, "x", now);
    ASSERT_TRUE(queue.take(now));
    if (i < 8) queue.failed(key("a"), now, rng);
  }
  queue.server_answers(now);
  EXPECT_FALSE(queue.take(now)) << "given out twice";
  queue.failed(key("a"), now, rng);
  EXPECT_LE(queue.next_time() - now, Millis(24));
}

TEST(KeyQueue, AWaitThatTheServerAskedForOutlastsASilence) {
  KeyQueue queue;
  SeededRng rng(1);
  queue.mark(key("a"), Lane::Normal, "x", at(0));
  ASSERT_TRUE(queue.take(at(0)));
  queue.failed(key("a"), at(0), rng, Millis(7'000));
  queue.server_answers(at(6'000));
  EXPECT_FALSE(queue.take(at(6'999)));
  EXPECT_TRUE(queue.take(at(7'000)));
}

TEST(KeyQueue, AServerThatAnswersAgainDoesNotWakeAKeyThatOnlyHasATimer) {
  KeyQueue queue;
  queue.wake_at(key("a"), at(50'000));
  queue.server_answers(at(10));
  EXPECT_EQ(queue.next_time(), at(50'000));
}

TEST(KeyQueue, AForgottenKeyLeavesNothingBehind) {
  KeyQueue queue;
  queue.wake_at(key("a"), at(50));
  queue.mark(key("a"), Lane::Normal, "x", at(0));
  queue.forget(key("a"));
  EXPECT_FALSE(queue.take(at(60)));
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(queue.next_time(), MonoTime::max());
}

TEST(KeyQueue, AKeyMayBeClaimedOutOfTurnUnlessItIsBusy) {
  KeyQueue queue;
  EXPECT_FALSE(queue.is_busy(key("a")));
  EXPECT_TRUE(queue.claim(key("a")));
  EXPECT_TRUE(queue.is_busy(key("a")));
  EXPECT_FALSE(queue.claim(key("a")));
  queue.done(key("a"), at(0));
  EXPECT_FALSE(queue.is_busy(key("a")));
  EXPECT_EQ(queue.size(), 0U);
  // What was due for it before is not done twice, what comes meanwhile is not forgotten.
  for (const Lane lane : {Lane::Urgent, Lane::Normal}) {
    queue.mark(key("a"), lane, "before", at(1));
    EXPECT_TRUE(queue.claim(key("a")));
    EXPECT_FALSE(queue.ready());
    queue.mark(key("a"), lane, "meanwhile", at(1));
    queue.done(key("a"), at(2));
    auto work = queue.take(at(2));
    ASSERT_TRUE(work);
    EXPECT_EQ(work->reason, "meanwhile");
    queue.done(key("a"), at(2));
  }
  EXPECT_EQ(queue.busy(), 0U);
}

}  // namespace
}  // namespace sluice::loop
