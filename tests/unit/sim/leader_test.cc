// Two controllers, one Lease: one writes, a release is seen at once, a silent holder loses it, a
// deposed one stops.
#include <gtest/gtest.h>

#include "controller/loop/leader.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"
#include "sim/captured_telemetry.h"
#include "sim/server_names.h"
#include "sim/sim_transport.h"
#include "sim/virtual_clock.h"

namespace sluice::sim {
namespace {

struct Candidate {
  Candidate(ApiServer& server, VirtualClock& clock, Rng& rng, const std::string& identity,
            loop::Options given = {})
      : options(std::move(given)),
        telemetry(clock),
        transport(server, clock, {}),
        requests(transport) {
    options.identity = identity;
    options.lease_namespace = "argo-rollouts";
    leader = std::make_unique<loop::Leader>(options, clock, rng, requests, telemetry);
  }
  loop::Options options;
  CapturedTelemetry telemetry;
  SimTransport transport;
  loop::Requests requests;
  std::unique_ptr<loop::Leader> leader;
  MonoTime next{};
};

class Election : public ::testing::Test {
 protected:
  Election()
      : clock(WallTime(Seconds(1'795'000'000))),
        rng(7),
        server(clock, rng),
        a(server, clock, rng, "a"),
        b(server, clock, rng, "b") {
    static_cast<void>(apply_object(
        server,
        {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "argo-rollouts"}}}}));
  }
  void turn(Candidate& candidate) {
    std::vector<TransportEvent> events;
    candidate.transport.poll(events, Millis(0));
    for (const auto& event : events) candidate.requests.dispatch(event);
    candidate.next = candidate.leader->step();
  }
  // Both candidates run, unless one is frozen (SIGSTOP).
  void run(Micros time, Candidate* frozen = nullptr) {
    const MonoTime end = clock.mono_now() + time;
    while (clock.mono_now() < end) {
      for (auto* candidate : {&a, &b})
        if (candidate != frozen) turn(*candidate);
      both_wrote = both_wrote || (a.leader->may_write() && b.leader->may_write());
      clock.advance(Millis(10));
      server.tick();
    }
  }
  // Time passes for this one alone, until its next renewal is sent and not yet answered.
  void let_a_renewal_go(Candidate& candidate) {
    const std::size_t at_rest = candidate.requests.in_flight();
    for (int i = 0; i < 1000 && candidate.requests.in_flight() <= at_rest; ++i) {
      clock.advance(Millis(10));
      server.tick();
      candidate.next = candidate.leader->step();
    }
    ASSERT_GT(candidate.requests.in_flight(), at_rest);
  }
  std::string holder() {
    auto lease = server.get(kube::kLeases, {"argo-rollouts", "argo-rollouts-controller-lock"});
    return lease ? kube::get_string(*lease, "spec.holderIdentity") : "";
  }
  VirtualClock clock;
  SeededRng rng;
  ApiServer server;
  Candidate a, b;
  bool both_wrote = false;
};

TEST_F(Election, OneOfTwoLeads) {
  run(Seconds(5));
  EXPECT_NE(a.leader->leading(), b.leader->leading());
  EXPECT_EQ(holder(), a.leader->leading() ? "a" : "b");
  EXPECT_FALSE(both_wrote);
}

TEST_F(Election, AReleaseIsTakenOverInUnderTwoSeconds) {
  run(Seconds(5));
  Candidate& first = a.leader->leading() ? a : b;
  Candidate& second = &first == &a ? b : a;
  first.leader->release();
  const MonoTime start = clock.mono_now();
  while (!second.leader->leading() && clock.mono_now() - start < Seconds(5)) run(Millis(10));
  EXPECT_LT(clock.mono_now() - start, Seconds(2));
  EXPECT_TRUE(first.leader->released());
  EXPECT_FALSE(both_wrote);
}

// Renewals go out every few seconds, so a SIGTERM sometimes meets one on its way: the release must
// carry the version that the renewal makes.
TEST_F(Election, AReleaseThatMeetsARenewalOnItsWayIsTakenOverAsFast) {
  run(Seconds(5));
  Candidate& first = a.leader->leading() ? a : b;
  Candidate& second = &first == &a ? b : a;
  let_a_renewal_go(first);
  first.leader->release();
  EXPECT_FALSE(first.leader->released()) << "the answer is still to come";
  const MonoTime start = clock.mono_now();
  while (!second.leader->leading() && clock.mono_now() - start < Seconds(5)) run(Millis(10));
  EXPECT_LT(clock.mono_now() - start, Seconds(2));
  EXPECT_TRUE(first.leader->released());
  EXPECT_FALSE(both_wrote);
}

TEST_F(Election, AReleaseBehindARenewalWhoseAnswerIsLostReadsTheLeaseAgain) {
  run(Seconds(5));
  Candidate& first = a.leader->leading() ? a : b;
  Candidate& second = &first == &a ? b : a;
  first.transport.set_write_faults([lost = false](const http::Request& request) mutable {
    const bool lose = request.method == "PUT" && !std::exchange(lost, true);
    return lose ? Fault::TimeoutApplied : Fault::None;
  });
  let_a_renewal_go(first);
  first.leader->release();
  const MonoTime start = clock.mono_now();
  while (!second.leader->leading() && clock.mono_now() - start < Seconds(20)) run(Millis(10));
  EXPECT_GE(clock.mono_now() - start, Seconds(5)) << "the fault did not strike";
  EXPECT_LT(clock.mono_now() - start, Seconds(6)) << "the Lease has 15 s";
  EXPECT_TRUE(first.leader->released());
  EXPECT_FALSE(both_wrote);
}

TEST_F(Election, AFrozenLeaderLosesTheLeaseAndMayNotWriteWhenItWakes) {
  run(Seconds(5));
  Candidate& first = a.leader->leading() ? a : b;
  Candidate& second = &first == &a ? b : a;
  run(Seconds(20), &first);
  EXPECT_TRUE(second.leader->may_write());
  EXPECT_FALSE(first.leader->may_write()) << "its own clock tells it, before it hears anything";
  run(Seconds(5));
  EXPECT_FALSE(first.leader->leading());
  EXPECT_TRUE(second.leader->leading());
  EXPECT_FALSE(both_wrote);
}

TEST_F(Election, ALeaderThatCannotReachTheServerStopsWritingBeforeItsLeaseEnds) {
  run(Seconds(5));
  Candidate& first = a.leader->leading() ? a : b;
  Candidate& second = &first == &a ? b : a;
  first.transport.set_partitioned(true);
  run(Seconds(12));
  EXPECT_FALSE(first.leader->may_write());
  EXPECT_FALSE(second.leader->leading()) << "the Lease has 15 s";
  run(Seconds(10));
  EXPECT_TRUE(second.leader->leading());
  EXPECT_FALSE(both_wrote);
}

// With a short deadline too: the answer that is missing is given up in time for another try.
TEST_F(Election, OneRenewalThatIsNeverAnsweredCostsNoLease) {
  loop::Options hasty;
  hasty.lease_duration = Seconds(6);
  hasty.renew_deadline = Seconds(4);
  hasty.retry_period = Seconds(1);
  Candidate alone(server, clock, rng, "alone", hasty);
  const auto pass = [&](Micros time) {
    const MonoTime end = clock.mono_now() + time;
    for (; clock.mono_now() < end; clock.advance(Millis(10)), server.tick()) turn(alone);
  };
  pass(Seconds(5));
  ASSERT_TRUE(alone.leader->leading());
  int lost = 0;
  alone.transport.set_write_faults([&lost](const http::Request& request) {
    const bool lose = request.method == "PUT" && lost == 0;
    lost += lose ? 1 : 0;
    return lose ? Fault::TimeoutNotApplied : Fault::None;
  });
  pass(Seconds(8));
  EXPECT_EQ(lost, 1) << "the fault did not strike";
  EXPECT_TRUE(alone.leader->leading());
  for (const std::string& line : alone.telemetry.lines)
    EXPECT_EQ(line.find("lost the leadership"), std::string::npos) << line;
}

TEST_F(Election, WallClockJumpsDoNotMatter) {
  run(Seconds(5));
  const bool a_leads = a.leader->leading();
  clock.jump_wall(std::chrono::hours(1));
  run(Seconds(10));
  clock.jump_wall(-std::chrono::hours(2));
  run(Seconds(10));
  EXPECT_EQ(a.leader->leading(), a_leads);
  EXPECT_FALSE(both_wrote);
}

}  // namespace
}  // namespace sluice::sim
