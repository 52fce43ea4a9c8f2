// Whole controllers among objects that are not theirs: forged runs and Jobs, Rollouts of another
// controller, annotations that somebody else wrote.
#include "api/keys.h"
#include "sim/faults.h"
#include "tests/unit/sim/user_world.h"

namespace sluice::sim {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kInstance = "argo-rollouts.argoproj.io/controller-instance-id";

struct OwnedWorld : UserWorld {
  explicit OwnedWorld(const std::string& instance_id = "") : UserWorld(instance_id) {
    must(sim.apply_object(
        {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "evil"}}}}));
    apply(service("web-stable"));
    apply(service("web-canary"));
    apply(ingress());
    // All that the controller writes but Events and its Lease.
    sim.set_write_faults([this](const http::Request& request) {
      const std::string call = call_name(request);
      if (!call.ends_with(" leases") && !call.ends_with(" events"))
        written.push_back(call + " " + request.url);
      return Fault::None;
    });
  }
  // A gate whose metric answers `value`, then is as `steps` say.
  void deploy(const Json& metric_spec, const Json& steps, const std::string& id = "") {
    apply(analysis_template(metric_spec));
    Json canary = steps_canary();
    canary.erase("analysis");
    canary["steps"] = steps;
    Json object = rollout("web", canary);
    if (!id.empty()) object["metadata"]["labels"][kInstance] = id;
    apply(object);
  }
  static Json gate_steps() {
    const Json templates = Json::array({{{"templateName", "success-rate"}}});
    return Json::array({{{"setWeight", 20}},
                        {{"analysis", {{"templates", templates}}}},
                        {{"setWeight", 60}},
                        {{"pause", Json::object()}}});
  }
  Json newest_run() {
    Json out;
    for (const auto& run : sim.server.list(api::kAnalysisRuns, "default")) out = *run;
    return out;
  }
  // The same object as somebody with rights in `evil` alone can make it.
  Json forged(Json object, const Json& status) {
    object["metadata"] = {{"name", kube::get_string(object, "metadata.name")},
                          {"namespace", "evil"},
                          {"labels", object["metadata"]["labels"]},
                          {"finalizers", Json::array({"evil/keeps"})},
                          {"ownerReferences", object["metadata"]["ownerReferences"]}};
    object["status"] = status;
    return object;
  }
  std::string writes() const {
    std::string out;
    for (const auto& one : written) out += one + "\n";
    return out;
  }
  std::int64_t step() {
    return kube::get_int(get(api::kRollouts, "web"), "status.currentStepIndex", -1);
  }

  std::vector<std::string> written;
};

// ---- runs of another namespace (F1) ----

TEST(Ownership, F1_a_run_of_another_namespace_neither_passes_nor_fails_a_gate) {
  for (const char* phase : {"Successful", "Failed"}) {
    OwnedWorld world;
    Json metric = UserWorld::metric();
    metric["interval"] = "3600s";
    metric["count"] = 2;
    world.deploy(metric, OwnedWorld::gate_steps());
    ASSERT_TRUE(world.wait_phase("Healthy"));
    world.set_image("web:2");
    ASSERT_TRUE(world.sim.run_until([&] { return !world.newest_run().is_null(); }, Seconds(60)));
    const Json genuine = world.newest_run();
    const std::string name = kube::get_string(genuine, "metadata.name");
    // Sorted before and after the genuine one.
    world.apply(world.forged(genuine, {{"phase", phase}, {"message", "forged"}}));
    world.sim.run_for(Seconds(2000));
    EXPECT_EQ(world.step(), 1) << phase;
    EXPECT_EQ(world.text("status.abort"), "") << phase;
    EXPECT_EQ(kube::get_string(world.get(api::kAnalysisRuns, name), "status.phase"), "Running");
    // Told once, though there were resyncs.
    EXPECT_EQ(world.events("Rollout", "web"),
              "Warning ForeignObjectIgnored: AnalysisRun evil/" + name +
                  " claims to be controlled by this Rollout and is ignored: it is in another "
                  "namespace (×1)\n");
  }
}

TEST(Ownership, F1_sets_and_experiments_of_another_namespace_are_told_and_left_alone) {
  OwnedWorld world;
  world.deploy(UserWorld::metric(),
               Json::array({{{"setWeight", 20}}, {{"pause", Json::object()}}}));
  ASSERT_TRUE(world.wait_phase("Healthy"));
  Json set = *world.sim.server.list(kube::kReplicaSets, "default").front();
  set["spec"]["replicas"] = 3;
  Json away = world.forged(set, Json::object());
  away.erase("status");
  world.apply(away);
  world.written.clear();
  world.sim.run_for(Seconds(2000));
  EXPECT_EQ(world.writes(), "");
  EXPECT_THAT(world.events("Rollout", "web"),
              HasSubstr("ReplicaSet evil/" + kube::get_string(set, "metadata.name") + " claims"));
}

// A stranger makes many in his namespace: each is told, up to a bound that the last one explains.
TEST(Ownership, B5_each_forged_run_is_told_of_up_to_a_bound_that_the_last_warning_explains) {
  OwnedWorld world;
  world.deploy(UserWorld::metric(),
               Json::array({{{"setWeight", 20}}, {{"pause", Json::object()}}}));
  ASSERT_TRUE(world.wait_phase("Healthy"));
  const auto forge = [&](int from, int to) {
    for (int i = from; i < to; ++i)
      world.apply({{"apiVersion", "argoproj.io/v1alpha1"},
                   {"kind", "AnalysisRun"},
                   {"metadata",
                    {{"name", "forged-" + std::to_string(100 + i)},
                     {"namespace", "evil"},
                     {"ownerReferences", Json::array({{{"apiVersion", "argoproj.io/v9"},
                                                       {"kind", "Rollout"},
                                                       {"name", "web"},
                                                       {"uid", world.text("metadata.uid")},
                                                       {"controller", true}}})}}},
                   {"spec", {{"metrics", Json::array({UserWorld::metric()})}}},
                   {"status", {{"phase", "Successful"}}}});
    world.sim.run_for(Seconds(12));
    const std::string told = world.events("Rollout", "web");
    std::size_t number = 0;
    for (int i = 0; i < to; ++i)
      if (told.find("evil/forged-" + std::to_string(100 + i)) != told.npos) ++number;
    return number;
  };
  EXPECT_EQ(forge(0, 20), 20U);
  EXPECT_THAT(world.events("Rollout", "web"), Not(HasSubstr("no more of these")));
  EXPECT_EQ(forge(20, 100), 64U);
  EXPECT_THAT(world.events("Rollout", "web"), HasSubstr("no more of these are told of"));
  world.sim.run_for(Seconds(2000));  // beyond a resync
  EXPECT_THAT(world.events("Rollout", "web"), Not(HasSubstr("×2")));
}

// However many there are: names can be foreseen.
TEST(Ownership, runs_that_bear_the_wanted_names_block_no_gate) {
  std::string name;
  Json metric = UserWorld::metric();
  metric["interval"] = "3600s";
  metric["count"] = 2;
  for (const bool taken : {false, true}) {
    OwnedWorld world;
    world.deploy(metric, OwnedWorld::gate_steps());
    ASSERT_TRUE(world.wait_phase("Healthy"));
    for (int i = 0; taken && i < 80; ++i)
      world.apply(
          {{"apiVersion", "argoproj.io/v1alpha1"},
           {"kind", "AnalysisRun"},
           {"metadata",
            {{"name", i == 0 ? name : name + "." + std::to_string(i)}, {"namespace", "default"}}},
           {"spec", {{"metrics", Json::array({metric})}}},
           {"status", {{"phase", "Successful"}}}});
    world.set_image("web:2");
    const auto current = [&] {
      return kube::get_string(world.get(api::kRollouts, "web"),
                              "status.canary.currentStepAnalysisRunStatus.name");
    };
    ASSERT_TRUE(world.sim.run_until([&] { return !current().empty(); }, Seconds(60)))
        << world.writes();
    if (!taken) {
      name = current();
      continue;
    }
    EXPECT_EQ(current(), name + ".80");
    world.sim.run_for(Seconds(1));  // Events of one object go one after another
    EXPECT_EQ(world.events("Rollout", "web"),
              "Warning ForeignObjectIgnored: AnalysisRun '" + name +
                  "' is there already and is not this Rollout's: it is left alone, and the "
                  "analysis runs as '" +
                  name + ".80' (×1)\n");
  }
}

// ---- Jobs of another namespace (F2) ----

TEST(Ownership, F2_a_job_of_another_namespace_is_no_result_and_the_genuine_one_stays) {
  OwnedWorld world;
  const Json container = {{"name", "c"}, {"image", "b:1"}, {"command", {"sleep", "3600"}}};
  Json run = {{"apiVersion", "argoproj.io/v1alpha1"},
              {"kind", "AnalysisRun"},
              {"metadata", {{"name", "jr"}, {"namespace", "default"}}},
              {"spec",
               {{"metrics",
                 Json::array({{{"name", "jm"},
                               {"provider",
                                {{"job",
                                  {{"spec",
                                    {{"suspend", true},
                                     {"template",
                                      {{"spec",
                                        {{"restartPolicy", "Never"},
                                         {"containers", Json::array({container})}}}}}}}}}}}}})}}}};
  world.apply(run);
  ASSERT_TRUE(world.sim.run_until(
      [&] { return !world.sim.server.list(kube::kJobs, "default").empty(); }, Seconds(60)));
  const Json job = *world.sim.server.list(kube::kJobs, "default").front();
  Json forged = world.forged(
      job, {{"succeeded", 1},
            {"conditions", Json::array({{{"type", "Complete"}, {"status", "True"}}})}});
  world.apply(forged);
  world.sim.run_for(Seconds(2000));
  EXPECT_NE(kube::get_string(world.get(api::kAnalysisRuns, "jr"), "status.phase"), "Successful");
  const std::string name = kube::get_string(job, "metadata.name");
  EXPECT_FALSE(world.get(kube::kJobs, name).empty());
  EXPECT_THAT(world.writes(), Not(HasSubstr("delete")));
  EXPECT_EQ(world.events("AnalysisRun", "jr"),
            "Warning ForeignObjectIgnored: Job evil/" + name +
                " claims to be controlled by this AnalysisRun and is ignored: it is in another "
                "namespace (×1)\n");
}

// ---- objects of another controller's Rollout (F3) ----

// The other controller is played by hand.
TEST(Ownership, F3_another_controllers_rollout_is_not_touched_whatever_happens_to_its_objects) {
  for (const auto& [ours, theirs] :
       {std::pair{"", "blue"}, std::pair{"blue", ""}, std::pair{"blue", "green"}}) {
    OwnedWorld world(ours);
    world.deploy(UserWorld::metric(), OwnedWorld::gate_steps(), theirs);
    world.sim.run_for(Seconds(5));
    ASSERT_EQ(world.writes(), "") << ours;
    const std::string uid = world.text("metadata.uid");
    const Json owner = Json::array({{{"apiVersion", "argoproj.io/v1alpha1"},
                                     {"kind", "Rollout"},
                                     {"name", "web"},
                                     {"uid", uid},
                                     {"controller", true}}});
    const Json labels = {{"app", "web"}, {"rollouts-pod-template-hash", "6d5c"}};
    const Json pod = {{"metadata", {{"labels", labels}}},
                      {"spec", {{"containers", Json::array({{{"name", "web"}, {"image", "w"}}})}}}};
    Json set = {
        {"apiVersion", "apps/v1"},
        {"kind", "ReplicaSet"},
        {"metadata",
         {{"name", "web-6d5c"},
          {"namespace", "default"},
          {"labels", labels},
          {"ownerReferences", owner}}},
        {"spec", {{"replicas", 1}, {"selector", {{"matchLabels", labels}}}, {"template", pod}}}};
    world.apply(set);
    set["metadata"]["name"] = "web-orphan";
    set["metadata"].erase("ownerReferences");
    world.apply(set);
    Json run = {{"apiVersion", "argoproj.io/v1alpha1"},
                {"kind", "AnalysisRun"},
                {"metadata",
                 {{"name", "web-6d5c-1"}, {"namespace", "default"}, {"ownerReferences", owner}}},
                {"spec", {{"metrics", Json::array({UserWorld::metric()})}}}};
    if (std::string(theirs) != "") run["metadata"]["labels"][kInstance] = theirs;
    world.apply(run);
    world.patch(kube::kServices, "web-stable",
                {{"metadata",
                  {{"annotations", {{"argo-rollouts.argoproj.io/managed-by-rollouts", "web"}}}}},
                 {"spec", {{"selector", {{"rollouts-pod-template-hash", "6d5c"}}}}}});
    world.sim.run_for(Seconds(60));
    world.set_image("web:2");
    world.patch(kube::kReplicaSets, "web-6d5c", {{"spec", {{"replicas", 2}}}});
    world.abort();
    world.sim.run_for(Seconds(10));
    world.remove(api::kAnalysisRuns, "web-6d5c-1");
    world.sim.run_for(Seconds(10));
    world.sim.crash();
    world.sim.run_for(Seconds(2000));
    EXPECT_EQ(world.writes(), "") << "ours: " << ours << ", theirs: " << theirs;
  }
}

TEST(Ownership, F3_a_rollout_given_away_within_an_update_is_let_go_of_at_once) {
  // At each of the update's writes in turn.
  for (std::size_t at = 0; at < 10; ++at) {
    OwnedWorld world;
    Json metric = UserWorld::metric();
    metric["count"] = 100;
    world.deploy(metric, OwnedWorld::gate_steps());
    ASSERT_TRUE(world.wait_phase("Healthy"));
    world.written.clear();
    world.set_image("web:2");
    world.sim.set_write_faults([&](const http::Request& request) {
      const std::string call = call_name(request);
      if (call.ends_with(" leases") || call.ends_with(" events")) return Fault::None;
      world.written.push_back(call);
      return Fault::None;
    });
    ASSERT_TRUE(world.sim.run_until([&] { return world.written.size() > at; }, Seconds(300)))
        << at << "\n"
        << world.writes();
    world.patch(api::kRollouts, "web", {{"metadata", {{"labels", {{kInstance, "blue"}}}}}});
    // What is on its way may still arrive: one write per key.
    world.sim.run_for(Seconds(1));
    world.written.clear();
    world.answer_vector("0.1");
    world.sim.run_for(Seconds(2000));
    EXPECT_EQ(world.writes(), "") << "given away at write " << at;
  }
}

TEST(Ownership, F3_a_rollout_given_to_us_within_an_update_is_finished_with_its_runs) {
  OwnedWorld world("blue");
  Json metric = UserWorld::metric();
  metric["count"] = 5;
  world.deploy(metric, OwnedWorld::gate_steps(), "blue");
  ASSERT_TRUE(world.wait_phase("Healthy"));
  world.set_image("web:2");
  ASSERT_TRUE(world.sim.run_until(
      [&] { return world.step() == 1 && !world.newest_run().is_null(); }, Seconds(60)));
  const auto label = [&](const Json& id) {
    world.patch(api::kRollouts, "web", {{"metadata", {{"labels", {{kInstance, id}}}}}});
  };
  label("green");
  world.sim.run_for(Seconds(300));
  EXPECT_EQ(world.step(), 1);
  // Its run has no label that says so, but goes with it.
  world.patch(api::kAnalysisRuns, kube::get_string(world.newest_run(), "metadata.name"),
              {{"metadata", {{"labels", {{kInstance, nullptr}}}}}});
  label("blue");
  EXPECT_TRUE(world.wait_phase("Paused"));
  EXPECT_EQ(world.step(), 3);
}

// ---- annotations that somebody else writes (F11) ----

TEST(Ownership, F11_an_annotation_that_somebody_writes_during_our_watch_aborts_nothing) {
  OwnedWorld world;
  Json metric = UserWorld::metric();
  metric["interval"] = "3600s";
  metric["count"] = 2;
  world.deploy(metric, OwnedWorld::gate_steps());
  ASSERT_TRUE(world.wait_phase("Healthy"));
  world.set_image("web:2");
  ASSERT_TRUE(world.sim.run_until([&] { return !world.newest_run().is_null(); }, Seconds(60)));
  world.sim.run_for(Seconds(30));
  const std::string name = kube::get_string(world.newest_run(), "metadata.name");
  for (int i = 0; i < 2; ++i) {  // the genuine run, which runs
    world.patch(kube::kIngresses, "web-web-canary",
                {{"metadata",
                  {{"annotations",
                    {{api::kAbortVerdictAnnotation,
                      Json{{"hash", world.text("status.currentPodHash")},
                           {"run", name},
                           {"message", "Step-based analysis phase error/failed: forged"}}
                          .dump()}}}}}});
    world.sim.run_for(Seconds(1200));
  }
  EXPECT_EQ(world.step(), 1);
  EXPECT_EQ(world.text("status.abortedAt"), "");
  EXPECT_EQ(world.events("Rollout", "web"),
            "Warning AbortVerdictIgnored: The annotation sluice.argoproj.io/abort-verdict of "
            "Ingress web-web-canary, which names AnalysisRun \"" +
                name + "\", is ignored: no AnalysisRun has failed (×1)\n");
}

}  // namespace
}  // namespace sluice::sim
