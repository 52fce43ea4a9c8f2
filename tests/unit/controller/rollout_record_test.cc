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

// Where every record that was made tells of a step more, nobody who watches misses one: also when
// one was lost and all that it told of, and what came of it, is there.
TEST(Record, one_record_tells_of_one_step) {
  auto c = nginx_canary(
      2, R"([{"setWeight":50},{"analysis":{"templates":[{"templateName":"once"}]}},{"pause":{}}])");
  c.set_image("web:2");
  const auto step_of = [](const Sent& sent) {
    const auto body = json(sent.body);
    return sent.purpose == "PatchStatus" ? kube::get_int(body, "status.currentStepIndex", -1) : -1;
  };
  const auto gate = [&] { return "web-" + c.current_hash() + "-2-1"; };
  for (int i = 0; i < 20 && !c.has("AnalysisRun", gate()); ++i) {
    c.pass();
    c.sync_pods();
  }
  ASSERT_TRUE(c.has("AnalysisRun", gate())) << c.history();
  patch_status(c, R"({"currentStepIndex":0})");  // as if its record had been lost
  c.set_run(gate(), "Successful");
  const auto from = c.sent.size();
  c.run();
  EXPECT_EQ(c.index(), 2);
  std::vector<std::int64_t> steps;
  for (std::size_t i = from; i < c.sent.size(); ++i)
    if (const auto step = step_of(c.sent[i]); step >= 0) steps.push_back(step);
  EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 2})) << c.history(from);
}

}  // namespace
}  // namespace sluice::rollout::test
