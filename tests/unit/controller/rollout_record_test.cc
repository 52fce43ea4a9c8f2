// What a promotion does to the version that it replaces comes behind its record: a version that is
// recorded as stable keeps its pods and has no deadline.
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

// Where in the history a write stands whose body has this text; -1: nowhere.
int position(const Cluster& c, std::string_view kind, const std::string& name,
             std::string_view text) {
  for (std::size_t i = 0; i < c.sent.size(); ++i)
    if (c.sent[i].kind == kind && c.sent[i].name == name &&
        c.sent[i].body.find(text) != std::string::npos)
      return static_cast<int>(i);
  return -1;
}

TEST(Record, without_a_router_the_last_old_pods_go_behind_the_promotion) {
  auto c = basic_canary(3, "[]", R"({"maxSurge":1,"maxUnavailable":0})");
  const auto old = c.set_of(c.stable_hash());
  c.sent.clear();
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.phase(), "Healthy");
  const int recorded = position(c, "Rollout", "web", "\"stableRS\":"),
            gone = position(c, "ReplicaSet", old, "\"replicas\":0");
  ASSERT_GE(recorded, 0) << c.history();
  ASSERT_GE(gone, 0) << c.history();
  EXPECT_LT(recorded, gone) << c.history();
}

TEST(Record, the_delay_of_the_old_version_begins_behind_the_promotion) {
  auto c = nginx_canary(4, R"([{"setWeight":50}])");
  const auto old = c.set_of(c.stable_hash());
  c.sent.clear();
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.phase(), "Healthy");
  const int recorded = position(c, "Rollout", "web", "\"stableRS\":"),
            delayed = position(c, "ReplicaSet", old, "\"scale-down-deadline\":\"");
  ASSERT_GE(recorded, 0) << c.history();
  ASSERT_GE(delayed, 0) << c.history();
  EXPECT_LT(recorded, delayed) << c.history();
}

}  // namespace
}  // namespace sluice::rollout::test
