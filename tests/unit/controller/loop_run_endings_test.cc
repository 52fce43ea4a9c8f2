// What the loop does about runs that are told to stop: the end goes along, a refused end is none.
#include <gtest/gtest.h>

#include "controller/loop/run_endings.h"
#include "kube/json/json.h"

namespace sluice::loop {
namespace {

using api::AnalysisPhase;

struct StillClock final : Clock {
  WallTime wall_now() override { return wall; }
  MonoTime mono_now() override { return MonoTime(Seconds(100)); }
  WallTime wall = *parse_rfc3339("2027-01-15T08:01:00Z");
};
struct NoTransport final : Transport {
  RequestToken submit(http::Request) override { return ++last; }
  void cancel(RequestToken) override {}
  void poll(std::vector<TransportEvent>&, Millis) override {}
  void wake() override {}
  RequestToken last = 0;
};
struct Lines final : Telemetry {
  void log(LogLevel, std::string_view message, std::vector<LogField>) override {
    lines.emplace_back(message);
  }
  void count(std::string_view, Labels, double) override {}
  void gauge(std::string_view, Labels, double) override {}
  void observe(std::string_view, Labels, double) override {}
  void forget(std::string_view, std::string_view) override {}
  std::vector<std::string> lines;
};

const kube::ObjectKey kRun{"shop", "web-abc-2"};
const Key kKey{KeyKind::AnalysisRun, kRun};

constexpr const char* kGood =
    R"("metricResults":[{"name":"m","phase":"Running","count":1,"successful":1,"consecutiveSuccess":1,)"
    R"("measurements":[{"phase":"Successful","value":"[1]","startedAt":"2027-01-15T08:00:30Z",)"
    R"("finishedAt":"2027-01-15T08:00:30Z"}]}])";

class RunEndingsTest : public ::testing::Test {
 protected:
  RunEndingsTest() {
    put("Running", "");
    // In memory the run is one sample ahead of the server.
    auto live = std::make_shared<api::AnalysisRun>(*world.runs.store.get(kRun));
    const auto document =
        kube::Document::parse(R"({"status":{"phase":"Running","startedAt":"2027-01-15T08:00:00Z",)" +
                              std::string(kGood) + "}}");
    live->status = api::decode_analysis_run(document->root()).status;
    world.live_runs[kRun] = live;
    while (auto work = queue.take(clock.mono_now())) queue.done(work->key, clock.mono_now());
  }
  // What the server says the run is.
  void put(const std::string& phase, const std::string& more_status, bool terminate = false) {
    world.overlay(
        api::kAnalysisRuns,
        R"({"apiVersion":"argoproj.io/v1alpha1","kind":"AnalysisRun","metadata":{"name":"web-abc-2",)"
        R"("namespace":"shop","uid":"run-uid","resourceVersion":")" +
            std::to_string(++version) +
            R"(","ownerReferences":[{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","name":"web",)"
            R"("uid":"ro-uid","controller":true}]},"spec":{)" +
            (terminate ? R"("terminate":true,)" : "") +
            R"("metrics":[{"name":"m","interval":"30s","successCondition":"result[0] >= 0.9",)"
            R"("provider":{"prometheus":{"address":"http://prom","query":"q"}}}]},)"
            R"("status":{"phase":")" +
            phase + R"(","startedAt":"2027-01-15T08:00:00Z")" + more_status + "}}");
  }
  static kube::Write terminating() {
    kube::Write out;
    out.type = api::kAnalysisRuns;
    out.key = kRun;
    out.uid = "run-uid";
    out.purpose = "TerminateAnalysisRun";
    out.body = R"({"spec":{"terminate":true}})";
    return out;
  }
  static kube::Json status_in(const kube::Write& write) {
    const auto body = kube::parse_json(write.body);
    const auto* found = kube::find(*body, "status");
    return found ? *found : kube::Json();
  }
  AnalysisPhase live_phase() { return world.live_runs.at(kRun)->status.phase; }
  bool marked() {
    const auto work = queue.take(clock.mono_now());
    if (work) queue.done(work->key, clock.mono_now());
    return work && work->key == kKey;
  }

  Options options;
  StillClock clock;
  SeededRng rng{1};
  NoTransport transport;
  Lines telemetry;
  Requests requests{transport};
  KeyQueue queue;
  World world{options, clock, rng, queue, telemetry};
  RunInbox inbox{options, clock, requests};
  std::vector<std::string> events;
  RunEndings endings{
      world, inbox, queue, options, clock, telemetry,
      [this](const controller::EventIntent& event) { events.push_back(event.reason); }};
  int version = 0;
};

TEST_F(RunEndingsTest, TheEndGoesWithTheWriteAndTheRunHasNothingToDecideUntilItsAnswer) {
  const auto write = endings.before_send(terminating());
  EXPECT_EQ(status_in(write)["phase"], "Successful");
  EXPECT_EQ(status_in(write)["metricResults"][0]["measurements"].size(), 1U);
  EXPECT_TRUE(endings.contains(kRun));
  EXPECT_EQ(live_phase(), AnalysisPhase::Successful);
  EXPECT_EQ(telemetry.lines, std::vector<std::string>{"verdict"});
  EXPECT_TRUE(events.empty());  // nothing has happened yet
  put("Successful", "," + std::string(kGood), true);
  endings.answered(write, true);
  EXPECT_FALSE(endings.contains(kRun));
  EXPECT_EQ(events, (std::vector<std::string>{"MetricSuccessful", "AnalysisRunSuccessful"}));
  EXPECT_TRUE(marked());
}

TEST_F(RunEndingsTest, ARefusedEndIsNoneAndTheSampleThatNoWriteHasCarriedIsStillThere) {
  const auto write = endings.before_send(terminating());
  endings.answered(write, false);
  EXPECT_FALSE(endings.contains(kRun));
  EXPECT_EQ(live_phase(), AnalysisPhase::Running);
  EXPECT_EQ(world.live_runs.at(kRun)->status.metric_results.at(0).successful, 1);
  EXPECT_TRUE(events.empty());
  EXPECT_TRUE(marked());
  // The second attempt says it all again.
  EXPECT_EQ(status_in(endings.before_send(terminating()))["phase"], "Successful");
}

TEST_F(RunEndingsTest, AnEndWithoutAnAnswerIsWhatTheServerHas) {
  const auto write = endings.before_send(terminating());
  put("Successful", "," + std::string(kGood), true);  // read back
  endings.answered(write, false);
  EXPECT_FALSE(world.live_runs.contains(kRun));
  EXPECT_EQ(events.size(), 2U);
}

TEST_F(RunEndingsTest, ARunWithAWriteOfItsOwnOnTheWayEndsByItself) {
  ASSERT_TRUE(queue.claim(kKey));
  const auto write = endings.before_send(terminating());
  EXPECT_EQ(write.body, terminating().body);
  EXPECT_FALSE(endings.contains(kRun));
  EXPECT_EQ(live_phase(), AnalysisPhase::Running);
}

TEST_F(RunEndingsTest, AnotherObjectOfThatNameIsNotEnded) {
  auto write = terminating();
  write.uid = "an-earlier-one";
  EXPECT_EQ(endings.before_send(write).body, write.body);
  EXPECT_FALSE(endings.contains(kRun));
  write.key.name = "unknown";
  EXPECT_EQ(endings.before_send(write).body, write.body);
}

TEST_F(RunEndingsTest, OtherWritesPassUntouched) {
  for (const auto* purpose : {"PatchAnalysisRun", "CreateAnalysisRun", "DeleteAnalysisRun"}) {
    auto write = terminating();
    write.purpose = purpose;
    EXPECT_EQ(endings.before_send(write).body, write.body) << purpose;
    endings.answered(write, true);
  }
  auto service = terminating();
  service.type = kube::kServices;
  EXPECT_EQ(endings.before_send(service).body, service.body);
  EXPECT_FALSE(endings.contains(kRun));
  EXPECT_FALSE(marked());
}

TEST_F(RunEndingsTest, ADeposedLeaderForgetsThem) {
  const auto write = endings.before_send(terminating());
  endings.clear();
  EXPECT_FALSE(endings.contains(kRun));
  endings.answered(write, true);
  EXPECT_TRUE(events.empty());
}

TEST_F(RunEndingsTest, ARunThatEndsOnTheServerHasEndedWhateverIsInMemory) {
  put("Failed", R"(,"completedAt":"2027-01-15T08:00:50Z","message":"somebody ended it")");
  EXPECT_FALSE(world.live_runs.contains(kRun));
}

}  // namespace
}  // namespace sluice::loop
