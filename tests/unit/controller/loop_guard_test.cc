#include "controller/loop/loop_guard.h"

#include <gtest/gtest.h>

namespace sluice::loop {
namespace {

const Key kWritten{KeyKind::Rollout, {"shop", "web"}};

TEST(LoopGuard, SlowsDownWhatIsWrittenAgainAndAgain) {
  LoopGuard guard;
  MonoTime now{};
  for (int i = 0; i < LoopGuard::kPassesMax; ++i, now += Millis(100))
    EXPECT_FALSE(guard.wrote(kWritten, now)) << i;
  EXPECT_TRUE(guard.wrote(kWritten, now));
  EXPECT_FALSE(guard.wrote({KeyKind::Rollout, {"shop", "other"}}, now));
  now += LoopGuard::kWindow + Millis(1);
  EXPECT_FALSE(guard.wrote(kWritten, now)) << "a window later it may write again";
}

TEST(LoopGuard, ForgetsKeysThatCameAndWent) {
  LoopGuard guard;
  MonoTime now{};
  for (int i = 0; i < 10'000; ++i, now += Seconds(1))
    EXPECT_FALSE(guard.wrote({KeyKind::AnalysisRun, {"shop", "run-" + std::to_string(i)}}, now));
  EXPECT_LE(guard.size(), 25U);
  guard.forget({KeyKind::AnalysisRun, {"shop", "run-9999"}});
  EXPECT_LE(guard.size(), 24U);
}

}  // namespace
}  // namespace sluice::loop
