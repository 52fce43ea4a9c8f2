// Who is told of which change: references to Services, instance ids, runs that are over.
#include <gtest/gtest.h>

#include "controller/loop/world.h"
#include "kube/json/node.h"

namespace sluice::loop {
namespace {

struct WorldClock final : Clock {
  WallTime wall_now() override { return *parse_rfc3339("2027-01-15T08:01:00Z"); }
  MonoTime mono_now() override { return MonoTime(Seconds(100)); }
};
struct WorldTelemetry final : Telemetry {
  void log(LogLevel, std::string_view, std::vector<LogField>) override {}
  void count(std::string_view, Labels, double) override {}
  void gauge(std::string_view, Labels, double) override {}
  void observe(std::string_view, Labels, double) override {}
  void forget(std::string_view, std::string_view) override {}
};

class WorldTest : public ::testing::Test {
 protected:
  void rollout(const std::string& instance_id, const std::string& service, int generation = 1) {
    const auto document = kube::Document::parse(
        R"({"metadata":{"name":"web","namespace":"shop","uid":"u","resourceVersion":")" +
        std::to_string(++version) + R"(","generation":)" + std::to_string(generation) +
        (instance_id.empty()
             ? ""
             : R"(,"labels":{"argo-rollouts.argoproj.io/controller-instance-id":")" + instance_id +
                   R"("})") +
        R"(},"spec":{"strategy":{"blueGreen":{"activeService":")" + service + R"("}}}})");
    world.rollouts.on_upsert(document->root());
  }
  void run(const std::string& phase, const std::string& more_spec = "") {
    const auto document = kube::Document::parse(
        R"({"metadata":{"name":"r","namespace":"shop","uid":"r","resourceVersion":")" +
        std::to_string(++version) + R"("},"spec":{"metrics":[])" + more_spec +
        R"(},"status":{"phase":")" + phase + R"(","completedAt":"2027-01-15T08:00:00Z"}})");
    world.runs.on_upsert(document->root());
  }
  // What is due, in short.
  std::string marked() {
    std::string out;
    while (auto work = queue.take(clock.mono_now())) {
      out += (out.empty() ? "" : " ") + std::string(to_string(work->key.kind)) + ":" +
             work->key.object.name;
      queue.done(work->key, clock.mono_now());
    }
    return out;
  }
  bool referenced(const std::string& service) {
    return world.service_referenced({"shop", service});
  }

  Options options;
  WorldClock clock;
  SeededRng rng{1};
  WorldTelemetry telemetry;
  KeyQueue queue;
  World world{options, clock, rng, queue, telemetry};
  int version = 0;
};

TEST_F(WorldTest, AServiceIsReferencedAsLongAsTheRolloutNamesIt) {
  rollout("", "a", 1);
  EXPECT_TRUE(referenced("a"));
  rollout("", "b", 2);
  EXPECT_FALSE(referenced("a"));
  EXPECT_TRUE(referenced("b"));
  EXPECT_NE(marked().find("service:a"), std::string::npos) << "it gets its selector back";
}

// The label is no part of the spec: the generation stays.
TEST_F(WorldTest, ARolloutThatComesFromAnotherInstanceOrGoesThereTakesItsReferencesAlong) {
  rollout("another", "a");
  EXPECT_FALSE(referenced("a"));
  EXPECT_EQ(marked(), "");
  rollout("", "a");
  EXPECT_TRUE(referenced("a"));
  EXPECT_EQ(marked(), "rollout:web");
  rollout("another", "a");
  EXPECT_FALSE(referenced("a"));
}

TEST_F(WorldTest, ARunThatWasOverWhenFirstSeenIsLookedAtOnlyForWhatItLeavesToDo) {
  run("Successful");
  EXPECT_EQ(marked(), "");
  world.mark_all(Lane::Normal, "resync");
  EXPECT_EQ(marked(), "");
  world.runs.on_delete(
      kube::Document::parse(R"({"metadata":{"name":"r","namespace":"shop","uid":"r"}})")->root());
  marked();
  run("Successful", R"(,"ttlStrategy":{"secondsAfterCompletion":60})");
  EXPECT_EQ(marked(), "analysisrun:r") << "it has to be deleted one day";
}

// A router was taken out of the spec: what it made still takes users, and nobody names it any more
// (traffic.md T-7).
TEST_F(WorldTest, AnObjectThatTheRolloutControlsIsSeenThoughItsSpecNoLongerLeadsToIt) {
  rollout("", "a");
  const auto put = [&](const std::string& name, const std::string& uid) {
    const auto document = kube::Document::parse(
        R"({"metadata":{"name":")" + name + R"(","namespace":"shop","uid":"i-)" + name +
        R"(","resourceVersion":")" + std::to_string(++version) +
        R"(","ownerReferences":[{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout",)"
        R"("name":"web","controller":true,"uid":")" +
        uid + R"("}]}})");
    world.ingresses.on_upsert(document->root());
  };
  put("ours", "u");
  put("theirs", "another");
  const auto objects = world.gather({"shop", "web"}).objects;
  ASSERT_EQ(objects.size(), 1U);
  EXPECT_EQ(objects.begin()->first, (kube::ObjectRef{kube::kIngresses, {"shop", "ours"}}));
}

TEST_F(WorldTest, AResyncLooksAtOurRolloutsAndTheRunsThatAreNotOver) {
  rollout("", "a");
  run("Running");
  marked();
  world.mark_all(Lane::Normal, "resync");
  EXPECT_EQ(marked(), "rollout:web analysisrun:r");
  run("Failed");
  marked();
  rollout("another", "a");
  marked();
  world.mark_all(Lane::Normal, "resync");
  EXPECT_EQ(marked(), "");
}

// A bad verdict is shown before the server has it, and the Rollout is told that it has not.
TEST_F(WorldTest, AVerdictThatTheServerHasNotHeardOfIsMarkedAsSuch_S8) {
  rollout("", "a");
  const auto stored = [&](const std::string& phase) {
    const auto document = kube::Document::parse(
        R"({"metadata":{"name":"r","namespace":"shop","uid":"r","resourceVersion":")" +
        std::to_string(++version) +
        R"(","ownerReferences":[{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout",)"
        R"("name":"web",)"
        R"("uid":"u","controller":true}]},"spec":{"metrics":[]},"status":{"phase":")" +
        phase + R"("}})");
    world.runs.on_upsert(document->root());
  };
  stored("Running");
  EXPECT_TRUE(world.gather({"shop", "web"}, nullptr).unrecorded_ends.empty());
  auto live = std::make_shared<api::AnalysisRun>(*world.runs.store.get({"shop", "r"}));
  live->status.phase = api::AnalysisPhase::Failed;
  world.live_runs[{"shop", "r"}] = live;
  const auto ahead = world.gather({"shop", "web"}, nullptr);
  ASSERT_EQ(ahead.analysis_runs.size(), 1U);
  EXPECT_EQ(ahead.analysis_runs[0]->status.phase, api::AnalysisPhase::Failed);
  EXPECT_EQ(ahead.unrecorded_ends, std::set<std::string>{"r"});
  marked();
  stored("Failed");
  EXPECT_TRUE(world.gather({"shop", "web"}, nullptr).unrecorded_ends.empty());
  EXPECT_NE(marked().find("rollout:web"), std::string::npos) << "it has waited for that";
}

}  // namespace
}  // namespace sluice::loop
