// Whole workflows with all checkers, determinism, the crash in the gap between a cut and its
// record, and costs.
#include <fmt/core.h>

#include "api/keys.h"
#include "sim/coverage.h"
#include "sim/scenario_objects.h"
#include "tests/unit/sim/scenario_fixture.h"

namespace sluice::sim {
namespace {

TEST(Scenario, EveryWorkflowReachesItsEndWithoutViolations) {
  Scenarios scenarios(checkout_crds());
  for (const Workflow workflow : kWorkflows) {
    const Outcome& outcome = scenarios.baseline(workflow);
    EXPECT_TRUE(outcome.violations.empty()) << to_string(workflow) << "\n"
                                            << all_text(outcome.violations);
    EXPECT_GE(outcome.points.size(), 10U) << to_string(workflow);
  }
}

TEST(Scenario, WorkflowsEndAsTheyShould) {
  struct Row {
    Workflow workflow;
    std::string_view state;
  };
  const Row rows[] = {
      {Workflow::CanaryBasic,
       "rollout Healthy wanted=app:v2 stable=app:v2 step=5 abort=false pauses=0"},
      {Workflow::CanaryNginx,
       "rollout Healthy wanted=app:v2 stable=app:v2 step=5 abort=false pauses=0 weight=0"},
      {Workflow::BlueGreen, "rollout Healthy wanted=app:v2 stable=app:v2"},
      {Workflow::AbortByUser,
       "rollout Degraded wanted=app:v2 stable=app:v1 step=0 abort=true pauses=0 weight=0"},
      {Workflow::AbortByAnalysis,
       "rollout Degraded wanted=app:v2 stable=app:v1 step=0 abort=true pauses=0 weight=0"},
      {Workflow::BlueGreenAbort, "rollout Degraded wanted=app:v2 stable=app:v1"},
      {Workflow::Retry, "rollout Healthy wanted=app:v2 stable=app:v2 step=5 abort=false"},
      {Workflow::Rollback, "rollout Healthy wanted=app:v1 stable=app:v1 step=5 abort=false"},
      {Workflow::NewVersion, "rollout Healthy wanted=app:v3 stable=app:v3 step=5 abort=false"},
      {Workflow::DynamicNewVersion,
       "rollout Healthy wanted=app:v3 stable=app:v3 step=5 abort=false pauses=0 weight=0"},
      {Workflow::GateRetry, "rollout Healthy wanted=app:v2 stable=app:v2 step=5 abort=false"},
      {Workflow::ApprovalRetry, "rollout Healthy wanted=app:v2 stable=app:v2"},
      {Workflow::TwoControllers, "rollout Healthy wanted=app:v2 stable=app:v2 step=5 abort=false"},
      {Workflow::Strangers, "rollout Healthy wanted=app:v2 stable=app:v2"},
  };
  Scenarios scenarios(checkout_crds());
  for (const Row& row : rows) {
    const std::string& state = scenarios.baseline(row.workflow).state;
    EXPECT_TRUE(state.starts_with(row.state)) << to_string(row.workflow) << "\n" << state;
  }
}

TEST(Scenario, ASeedReplaysByteForByte) {
  Scenarios scenarios(checkout_crds());
  for (const std::uint64_t seed : {11U, 23U, 80U}) {
    Knobs knobs = scenarios.knobs_of(seed);
    knobs.keep_history = true;
    const Outcome first = scenarios.run(knobs);
    Scenarios fresh(checkout_crds());
    Knobs again = fresh.knobs_of(seed);
    again.keep_history = true;
    const Outcome second = fresh.run(again);
    EXPECT_GT(first.history.size(), 10'000U);
    EXPECT_EQ(first.history, second.history) << "seed " << seed;
    EXPECT_EQ(describe(knobs), describe(again));
  }
}

TEST(Scenario, SeedsTurnEveryKnob) {
  Scenarios scenarios(checkout_crds());
  for (const std::uint64_t first : {std::uint64_t{1}, kNewSeeds}) {
    std::set<Workflow> workflows;
    int at_once = 0, minutes = 0, two = 0, jumps = 0, partitions = 0, missing = 0;
    int moments = 0, strangers = 0, forged = 0, refusals = 0;
    for (std::uint64_t seed = first; seed < first + 300; ++seed) {
      const Knobs knobs = scenarios.knobs_of(seed);
      workflows.insert(knobs.workflow);
      at_once += knobs.pods.ready < Millis(5);
      minutes += knobs.pods.ready > Seconds(59);
      two += knobs.processes == 2;
      missing += !knobs.metrics.empty();
      moments += knobs.moment.has_value();
      strangers += !knobs.strangers_say.empty();
      for (const auto& item : knobs.faults) refusals += is_refusal(item.fault);
      for (const auto& item : knobs.happenings) {
        jumps += item.kind == Knobs::Happening::Kind::JumpWall;
        partitions += item.kind == Knobs::Happening::Kind::Partition;
        forged += item.kind == Knobs::Happening::Kind::ForgeVerdict;
      }
    }
    EXPECT_EQ(workflows.size(), first < kNewSeeds ? kFirstWorkflows : std::size(kWorkflows));
    for (const int count : {at_once, minutes, two, jumps, partitions, missing})
      EXPECT_GT(count, 10);
    for (const int count : {moments, strangers, forged, refusals}) {
      if (first < kNewSeeds) {
        EXPECT_EQ(count, 0) << "an old seed means something new";
      } else {
        EXPECT_GT(count, 10);
      }
    }
  }
}

// Seeds are named in reports and tests: what they draw before the first fault must not move.
TEST(Scenario, SeedsOfTheFirstReleaseKeepTheirMeaning) {
  const std::pair<std::uint64_t, std::string_view> rows[] = {
      {378,
       "canary-basic pods=2ms latency=3ms metrics=18ms watch-delay=0ms human=2s [crash-before at "
       "patch rollouts/status #2] [timeout-not-applied at patch replicasets #2] "
       "jump-wall@37s/-3600s"},
      {7000217,
       "new-version pods=1200ms latency=4ms metrics=15ms watch-delay=0ms human=3s [500 at patch "
       "replicasets #7] break-watches@157s/0s partition@184s/54s"},
      {7003558,
       "canary-nginx pods=1200ms latency=50ms metrics=8ms watch-delay=1337ms human=41s [500 at "
       "patch rollouts/status #7] [timeout-not-applied at patch rollouts/status #8] noise=5x0.05 "
       "jump-wall@152s/-3600s"},
  };
  Scenarios scenarios(checkout_crds());
  for (const auto& [seed, text] : rows)
    EXPECT_TRUE(describe(scenarios.knobs_of(seed)).starts_with(text))
        << describe(scenarios.knobs_of(seed));
}

TEST(Coverage, CountsOnlyCellsOfKnownWritePoints) {
  Coverage coverage;
  coverage.expect(Workflow::CanaryNginx, {{"patch services", 1}, {"patch services", 2}});
  EXPECT_EQ(coverage.share(), 0);
  coverage.ran(Workflow::CanaryNginx, {{"patch services", 1}, Fault::CrashBefore});
  coverage.ran(Workflow::CanaryNginx, {{"patch services", 1}, Fault::CrashBefore});
  coverage.ran(Workflow::CanaryNginx, {{"patch services", 9}, Fault::CrashBefore});
  EXPECT_DOUBLE_EQ(coverage.share(Workflow::CanaryNginx, Fault::CrashBefore), 0.5);
  EXPECT_DOUBLE_EQ(coverage.share(), 1.0 / 20);
  EXPECT_FALSE(coverage.crashes_complete());
  for (const int n : {1, 2})
    for (const Fault fault : {Fault::CrashBefore, Fault::CrashAfter})
      coverage.ran(Workflow::CanaryNginx, {{"patch services", n}, fault});
  EXPECT_TRUE(coverage.crashes_complete());
}

TEST(Coverage, ATableClaimsAHundredPercentOnlyWhenNothingIsLeft) {
  Coverage coverage;
  std::vector<WritePoint> points;
  for (int i = 1; i <= 250; ++i) points.push_back({"patch services", i});
  coverage.expect(Workflow::CanaryNginx, points);
  for (int i = 1; i < 250; ++i)
    coverage.ran(Workflow::CanaryNginx, {{"patch services", i}, Fault::CrashBefore});
  EXPECT_NE(coverage.table().find(" 99%"), std::string::npos) << coverage.table();
  EXPECT_EQ(coverage.table().find("100%"), std::string::npos) << coverage.table();
  EXPECT_NE(coverage.table().find("249 of 2500"), std::string::npos) << coverage.table();
}

TEST(Coverage, SharesMakeUpTheWholeAndEachHasEveryFault) {
  for (const std::size_t of : {1U, 2U, 3U, 4U, 5U, 7U}) {
    std::map<std::pair<std::size_t, std::size_t>, int> cells;
    for (std::size_t number = 0; number < of; ++number) {
      std::set<std::size_t> faults;
      for (std::size_t point = 0; point < 10; ++point)
        for (std::size_t fault = 0; fault < std::size(kCellFaults); ++fault)
          if (Share{number, of}.has(point, fault)) {
            ++cells[{point, fault}];
            faults.insert(fault);
          }
      EXPECT_EQ(faults.size(), std::size(kCellFaults)) << number << "/" << of;
    }
    EXPECT_EQ(cells.size(), 10 * std::size(kCellFaults));
    for (const auto& [cell, count] : cells) EXPECT_EQ(count, 1) << of;
  }
}

TEST(Coverage, AShareIsKOfN) {
  const auto share = Share::parse("2/4");
  ASSERT_TRUE(share);
  EXPECT_EQ(share->number, 1U);
  EXPECT_EQ(share->of, 4U);
  for (const char* wrong : {"", "2", "/", "0/4", "5/4", "-1/4", "a/b", "1/", "/4", "1/2/3", "1 /2"})
    EXPECT_FALSE(Share::parse(wrong)) << wrong;
}

TEST(FaultInjector, NamesWritesByRequestAndOrdinal) {
  FaultInjector injector({{{"patch rollouts/status", 2}, Fault::Conflict}}, {}, 1);
  http::Request status, lease, create;
  status.method = "PATCH";
  status.url = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/web/status";
  lease.method = "PUT";
  lease.url = "/apis/coordination.k8s.io/v1/namespaces/argo-rollouts/leases/lock";
  create.method = "POST";
  create.url = "/api/v1/namespaces/default/services?fieldManager=x";
  EXPECT_EQ(call_name(status), "patch rollouts/status");
  EXPECT_EQ(call_name(lease), "update leases");
  EXPECT_EQ(call_name(create), "create services");
  EXPECT_EQ(injector(status), Fault::None);
  EXPECT_EQ(injector(lease), Fault::None);
  EXPECT_EQ(injector(status), Fault::Conflict);
  EXPECT_EQ(injector(status), Fault::None);
  EXPECT_EQ(injector.points().size(), 3U);
  ASSERT_EQ(injector.struck().size(), 1U);
  EXPECT_EQ(injector.struck()[0].point.text(), "patch rollouts/status #2");
}

TEST(FaultInjector_N1, RefusesTheLikeOfAWriteForAMinute) {
  FaultInjector injector({{{"patch ingresses", 2}, Fault::ForbiddenFor}}, {}, 1);
  http::Request ingress, service;
  ingress.method = service.method = "PATCH";
  ingress.url = "/apis/networking.k8s.io/v1/namespaces/default/ingresses/web";
  service.url = "/api/v1/namespaces/default/services/web";
  const auto at = [](int seconds) { return MonoTime(Seconds(seconds)); };
  EXPECT_EQ(injector(ingress, at(0)), Fault::None);
  EXPECT_FALSE(injector.refused_until());
  EXPECT_EQ(injector(ingress, at(1)), Fault::ForbiddenFor);
  EXPECT_EQ(injector.refused_until(), at(61));
  EXPECT_EQ(injector(service, at(2)), Fault::None);
  EXPECT_FALSE(injector.refused_until());
  EXPECT_EQ(injector(ingress, at(60)), Fault::ForbiddenFor);
  EXPECT_EQ(injector.refused_until(), at(61));
  EXPECT_EQ(injector(ingress, at(61)), Fault::None);
  EXPECT_EQ(injector.struck().size(), 1U) << "one cell of the table";
}

TEST(FaultInjector_N1, ARefusalThatComesOnceIsOverAtOnce) {
  FaultInjector injector({{{"create services", 1}, Fault::Invalid}}, {}, 1);
  http::Request create;
  create.method = "POST";
  create.url = "/api/v1/namespaces/default/services";
  create.body = R"({"metadata":{"name":"web"}})";
  EXPECT_EQ(read_call(create).object.text(), "default/web");
  EXPECT_EQ(injector(create, MonoTime(Seconds(5))), Fault::Invalid);
  EXPECT_EQ(injector.refused_until(), MonoTime(Seconds(5)));
  EXPECT_EQ(injector(create, MonoTime(Seconds(5))), Fault::None);
}

// ---- the gap between the cut of an abort and its record ----

// A write that leaves a verdict; taking one away writes null.
bool leaves_verdict(const http::Request& request, std::string_view call) {
  return call_name(request) == call && request.body.find(std::string(api::kAbortVerdictAnnotation) +
                                                         "\":\"{") != std::string::npos;
}

TEST(Gap, ACrashBetweenTheCutAndItsRecordDoesNotLoseTheVerdict) {
  // The metric is bad once: nobody will ever measure it again.
  Knobs knobs = knobs_for(Workflow::AbortByAnalysis);
  Scenarios::make_bad(knobs, 1);
  Given run(knobs);
  ASSERT_TRUE(run.deploy());
  bool struck = false;
  run.sim.set_write_faults([&](const http::Request& request) {
    if (struck || !leaves_verdict(request, "patch ingresses")) return Fault::None;
    struck = true;
    return Fault::CrashAfter;
  });
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait("the crash", [&] { return struck; }));
  // The traffic is cut, and no record says why but the one on the Ingress itself.
  EXPECT_EQ(run.view().canary_weight(), 0);
  EXPECT_FALSE(run.rollout().abort);
  for (const auto& [name, one] : run.view().runs) EXPECT_FALSE(one.bad()) << name;
  int highest = 0;
  EXPECT_TRUE(run.wait(
      "the abort is finished",
      [&] {
        highest = std::max(highest, run.view().canary_weight().value_or(0));
        return run.rollout().abort && run.rollout().aborted_at && run.rollout().phase == "Degraded";
      },
      Seconds(600)));
  EXPECT_TRUE(run.wait_rest());
  EXPECT_EQ(highest, 0);
  EXPECT_EQ(run.view().canary_weight(), 0);
  EXPECT_EQ(run.image_of(run.rollout().stable_hash), "app:v1");
  EXPECT_TRUE(run.checkers.found.empty()) << all_text(run.checkers.found);
}

TEST(Gap, BlueGreenGoesBackToStableThoughTheRecordWasLost) {
  Knobs knobs = knobs_for(Workflow::BlueGreenAbort);
  Scenarios::make_bad(knobs, 1);
  Given run(knobs);
  ASSERT_TRUE(run.deploy());
  bool struck = false;
  run.sim.set_write_faults([&](const http::Request& request) {
    if (struck || !leaves_verdict(request, "patch services")) return Fault::None;
    struck = true;
    return Fault::CrashAfter;
  });
  run.begin_update("app:v2");
  ASSERT_TRUE(run.wait("the crash", [&] { return struck; }));
  EXPECT_EQ(run.image_of(run.view().services.at("web-active").hash), "app:v1");
  EXPECT_TRUE(run.wait_aborted());
  EXPECT_TRUE(run.wait_rest());
  EXPECT_EQ(run.image_of(run.view().services.at("web-active").hash), "app:v1");
  EXPECT_TRUE(run.checkers.found.empty()) << all_text(run.checkers.found);
}

// ---- defects that the simulation found once ----

TEST(Regression, FaultsThatOnceBrokeAnInvariant) {
  struct Row {
    Workflow workflow;
    PlannedFault fault;
  };
  const Row rows[] = {
      // The post-promotion run was made, its name was not recorded: it was terminated unmeasured,
      // and the version promoted.
      {Workflow::BlueGreenAbort, {{"create analysisruns", 2}, Fault::CrashAfter}},
      {Workflow::BlueGreenAbort, {{"patch rollouts/status", 6}, Fault::CrashBefore}},
      // A good verdict was acted on before it was recorded.
      {Workflow::BlueGreen, {{"patch analysisruns", 2}, Fault::ServerError}},
      // The delay of the old version began before the promotion was recorded, and then anew.
      {Workflow::CanaryNginx, {{"patch rollouts/status", 9}, Fault::CrashBefore}},
      {Workflow::BlueGreen, {{"patch rollouts/status", 7}, Fault::TimeoutNotApplied}},
      // The last old pods went before the promotion was recorded: the stable version had none.
      {Workflow::CanaryBasic, {{"patch rollouts/status", 7}, Fault::CrashBefore}},
      // Everything of a promotion but its record: the weight was written once more, and the
      // scale-down deadline too.
      {Workflow::CanaryNginx, {{"patch rollouts/status", 9}, Fault::Conflict}},
      {Workflow::BlueGreen, {{"patch rollouts/status", 7}, Fault::ServerError}},
      // The new ReplicaSet was made and not recorded: the next process reset the steps and took the
      // first one in the same plan, so that the router moved before the status named the version.
      {Workflow::CanaryNginx, {{"create replicasets", 2}, Fault::CrashAfter}},
      {Workflow::NewVersion, {{"create replicasets", 2}, Fault::CrashAfter}},
      {Workflow::NewVersion, {{"create replicasets", 3}, Fault::CrashAfter}},
      // The canary Service could not be turned away from an aborted version, which lost its pods.
      {Workflow::AbortByUser, {{"patch services", 4}, Fault::InvalidFor}},
      {Workflow::AbortByAnalysis, {{"patch services", 4}, Fault::ForbiddenFor}},
      // The run before could not be told to end, or its verdict was not recorded yet: a retry asked
      // again beside it.
      {Workflow::Retry, {{"patch analysisruns", 1}, Fault::ForbiddenFor}},
      {Workflow::GateRetry, {{"patch analysisruns", 1}, Fault::InvalidFor}},
      {Workflow::GateRetry, {{"patch analysisruns", 1}, Fault::TimeoutNotApplied}},
      // A record was refused, and the next one told of conditions alone and of the weight before.
      {Workflow::Retry, {{"patch rollouts/status", 6}, Fault::InvalidFor}},
      {Workflow::GateRetry, {{"patch rollouts/status", 6}, Fault::Invalid}},
      // What a lost record would have told, and the step after it, were told of in one.
      {Workflow::GateRetry, {{"create analysisruns", 2}, Fault::TimeoutApplied}},
      {Workflow::GateRetry, {{"patch rollouts/status", 8}, Fault::TimeoutNotApplied}},
      // No Job could be made for longer than the gate may fail to get one: it needs a second retry.
      {Workflow::GateRetry, {{"create jobs", 1}, Fault::ForbiddenFor}},
  };
  Scenarios scenarios(checkout_crds());
  for (const Row& row : rows) {
    Knobs knobs = knobs_for(row.workflow);
    Scenarios::prepare(knobs);
    knobs.faults.push_back(row.fault);
    const Outcome outcome = scenarios.run(knobs);
    EXPECT_EQ(outcome.struck.size(), 1U)
        << to_string(row.workflow) << " " << row.fault.point.text();
    EXPECT_TRUE(outcome.violations.empty())
        << to_string(row.workflow) << " " << row.fault.point.text() << "\n"
        << all_text(outcome.violations);
  }
}

// A pause was over and its write lost when the clock was set back an hour: by its record the pause
// goes on, and V5 must not blame the controller for that.
TEST(Regression, APauseWhoseEndIsSetBackGoesOn) {
  Scenarios scenarios(checkout_crds());
  const Outcome outcome = scenarios.run(scenarios.knobs_of(378));
  EXPECT_TRUE(outcome.violations.empty()) << all_text(outcome.violations);
}

// A process that had been cut off led with caches that waited up to half a minute for their next
// try (1576, 2353), or did not know the Lease for as long (2003).
TEST(Regression, AfterAPartitionTheCachesAreReadBeforeAnybodyNotices) {
  Scenarios scenarios(checkout_crds());
  for (const std::uint64_t seed : {1576, 2003, 2353}) {
    const Outcome outcome = scenarios.run(scenarios.knobs_of(seed));
    EXPECT_TRUE(outcome.violations.empty()) << seed << "\n" << all_text(outcome.violations);
  }
}

// The server came back, the first write met a conflict, and the key waited ten seconds for what had
// failed while the server was away.
TEST(Regression, AServerThatAnswersAgainEndsEveryBackOff_Seed7000217) {
  Scenarios scenarios(checkout_crds());
  const Outcome outcome = scenarios.run(scenarios.knobs_of(7000217));
  EXPECT_TRUE(outcome.violations.empty()) << all_text(outcome.violations);
}

// The clock was set back while the record of a pause's end was on its way: S10 charged the decision
// with a clock that nobody could read when it was made.
TEST(Regression, ADecisionIsJudgedByTheClockOfItsMoment_Seed7003558) {
  Scenarios scenarios(checkout_crds());
  const Outcome outcome = scenarios.run(scenarios.knobs_of(7003558));
  EXPECT_TRUE(outcome.violations.empty()) << all_text(outcome.violations);
}

// A person's abort arrived between two writes of a plan, and the second one raised the weight.
TEST(Regression, APlanEndsWhereAnAbortOvertakesIt_Seed20000014) {
  Scenarios scenarios(checkout_crds());
  const Outcome outcome = scenarios.run(scenarios.knobs_of(20000014));
  EXPECT_TRUE(outcome.violations.empty()) << all_text(outcome.violations);
}

// Who may not renew the Lease, who has not heard yet of a rollback, and who has come to the next
// step are not to be blamed for what they do not send again.
TEST(Regression, ARefusalIsNotHeldAgainstWhoCannotKnowBetter_Seeds31000078And32000059) {
  Scenarios scenarios(checkout_crds());
  for (const std::uint64_t seed : {31000078, 32000059, 40002159}) {
    const Outcome outcome = scenarios.run(scenarios.knobs_of(seed));
    EXPECT_TRUE(outcome.violations.empty()) << seed << "\n" << all_text(outcome.violations);
  }
}

// A third version took over while the second had its delay: all old ones wait for the analysis
// behind the switch, and V5 must not blame the controller for that.
TEST(Regression, ADelayBehindASwitchLastsUntilItIsJudged_Seed10000188) {
  Scenarios scenarios(checkout_crds());
  for (const std::uint64_t seed : {10000188, 10000580}) {
    const Outcome outcome = scenarios.run(scenarios.knobs_of(seed));
    EXPECT_TRUE(outcome.violations.empty()) << seed << "\n" << all_text(outcome.violations);
  }
}

// A person retried while the process was cut off: what it took from the aborted version, S12 must
// not charge to one that had not been told.
TEST(Regression, ARetryThatNobodyHasHeardOfIsNoReason_Seed10000771) {
  Scenarios scenarios(checkout_crds());
  const Outcome outcome = scenarios.run(scenarios.knobs_of(10000771));
  EXPECT_TRUE(outcome.violations.empty()) << all_text(outcome.violations);
}

// `kubectl delete rollout --cascade=orphan` and an apply (a Rollout that moves from one tool to
// another): the pods stay, and the new Rollout takes the ReplicaSet back instead of failing at its
// name.
TEST(Regression, ARolloutThatWasRecreatedTakesItsReplicaSetBack) {
  Simulation::Options options;
  options.loop.lease_namespace = "default";
  options.crds = checkout_crds();
  Simulation sim(options);
  const kube::ObjectKey web{"default", "web"};
  const auto rollout = basic_canary_objects().front();
  const auto healthy = [&] {
    const auto object = sim.server.get(api::kRollouts, web);
    return object && kube::get_string(*object, "status.phase") == "Healthy";
  };
  const auto sets = [&] {
    std::map<std::string, std::string> owner_of_uid;
    for (const auto& set : sim.server.list(kube::kReplicaSets, "default")) {
      const auto owners = set->at("metadata").value("ownerReferences", kube::Json::array());
      owner_of_uid[kube::get_string(*set, "metadata.uid")] =
          owners.empty() ? "" : kube::get_string(owners[0], "uid");
    }
    return owner_of_uid;
  };
  ASSERT_TRUE(sim.apply_object(rollout));
  ASSERT_TRUE(sim.run_until(healthy, Seconds(120)));
  const auto before = sets();
  ASSERT_EQ(before.size(), 1U);

  kube::Write remove;
  remove.type = api::kRollouts;
  remove.key = web;
  remove.verb = kube::Verb::Delete;
  remove.body = R"({"propagationPolicy":"Orphan"})";
  EXPECT_TRUE(sim.server.write(remove).has_value());
  ASSERT_TRUE(sim.run_until(
      [&] { return !sim.server.get(api::kRollouts, web) && sets().begin()->second.empty(); },
      Seconds(60)));
  ASSERT_TRUE(sim.apply_object(rollout));
  EXPECT_TRUE(sim.run_until(healthy, Seconds(120)));
  const auto after = sets();
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(after.begin()->first, before.begin()->first) << "another ReplicaSet";
  EXPECT_EQ(after.begin()->second,
            kube::get_string(*sim.server.get(api::kRollouts, web), "metadata.uid"));
}

// ---- costs ----

// samples_test.cc: none of its measurements is missing from the record.
TEST(Cost, TheReferenceCanaryNeedsAtMostTwentyFourWrites) {
  Scenarios scenarios(checkout_crds());
  const Outcome& outcome = scenarios.baseline(Workflow::CanaryNginx);
  std::string table;
  for (const auto& [what, count] : outcome.update_writes_by_kind)
    table += fmt::format("  {:<32}{:>3}\n", what, count);
  std::printf("W5:\n%s  %d writes in all\n", table.c_str(), outcome.update_writes);
  EXPECT_LE(outcome.update_writes, 24) << table;
  EXPECT_GE(outcome.update_writes, 20) << "too good to be true\n" << table;
}

TEST(Cost, NoWorkflowNeedsMoreWritesThanItDid) {
  const std::map<Workflow, int> known = {
      {Workflow::CanaryBasic, 23}, {Workflow::CanaryNginx, 31},     {Workflow::BlueGreen, 22},
      {Workflow::AbortByUser, 21}, {Workflow::AbortByAnalysis, 21}, {Workflow::BlueGreenAbort, 23},
      {Workflow::Retry, 41},       {Workflow::Rollback, 23},        {Workflow::NewVersion, 49}};
  Scenarios scenarios(checkout_crds());
  for (const auto& [workflow, most] : known) {
    EXPECT_LE(scenarios.baseline(workflow).total_writes, most) << to_string(workflow);
    EXPECT_GE(scenarios.baseline(workflow).total_writes, most / 2) << to_string(workflow);
  }
}

TEST(Cost, AnIdleFleetCostsNothing) {
  constexpr int kFleet = 25;
  Simulation::Options options;
  options.loop.lease_namespace = "default";
  options.crds = checkout_crds();
  options.managed_fields = false;
  Simulation sim(options);
  ASSERT_TRUE(sim.apply_object(nginx_canary_objects().front()));  // the analysis template
  std::map<std::string, std::string> phases;
  int writes = 0;
  sim.server.on_change([&](const Change& change) {
    if (change.resource == "rollouts")
      phases[change.key.name] = kube::get_string(*change.object, "status.phase");
  });
  sim.server.on_audit([&](const AuditEntry& entry) {
    writes += entry.user == sim.user() && check::counted_write(entry);
  });
  for (int i = 0; i < kFleet; ++i)
    for (const auto& object : fleet_member("app-" + std::to_string(i)))
      ASSERT_TRUE(sim.apply_object(object));
  ASSERT_TRUE(sim.run_until(
      [&] {
        return phases.size() == kFleet &&
               std::all_of(phases.begin(), phases.end(),
                           [](const auto& item) { return item.second == "Healthy"; });
      },
      Seconds(300)));
  sim.run_for(Seconds(60));
  writes = 0;
  const std::uint64_t reads = sim.reads();
  sim.run_for(Seconds(3600));
  EXPECT_EQ(writes, 0);
  EXPECT_EQ(sim.reads() - reads, 0U);
}

}  // namespace
}  // namespace sluice::sim
