// Who is woken by whose objects, and which of them are taken for ours.
#include <gtest/gtest.h>

#include <set>

#include "controller/loop/events.h"
#include "controller/loop/world.h"
#include "kube/json/json.h"
#include "kube/json/node.h"

namespace sluice::loop {
namespace {

using kube::Json;

struct TickingClock final : Clock {
  WallTime wall_now() override { return *parse_rfc3339("2027-01-15T08:01:00Z"); }
  MonoTime mono_now() override { return mono; }
  MonoTime mono{Seconds(100)};
};
struct DeafTelemetry final : Telemetry {
  void log(LogLevel, std::string_view, std::vector<LogField>) override {}
  void count(std::string_view, Labels, double) override {}
  void gauge(std::string_view, Labels, double) override {}
  void observe(std::string_view, Labels, double) override {}
  void forget(std::string_view, std::string_view) override {}
};

constexpr const char* kIdLabel = "argo-rollouts.argoproj.io/controller-instance-id";
constexpr const char* kHashLabel = "rollouts-pod-template-hash";

struct OwnershipTest : ::testing::Test {
  explicit OwnershipTest(Options with = {}) : options(std::move(with)) {}

  Json meta(const std::string& ns, const std::string& name, const std::string& id = "") {
    Json out{{"name", name},
             {"namespace", ns},
             {"uid", "uid-" + ns + "-" + name},
             {"resourceVersion", std::to_string(++version)},
             {"generation", 1}};
    if (!id.empty()) out["labels"][kIdLabel] = id;
    return out;
  }
  static Json owner(const std::string& api_version, const std::string& kind,
                    const std::string& name, const std::string& uid) {
    return Json::array({{{"apiVersion", api_version},
                         {"kind", kind},
                         {"name", name},
                         {"uid", uid},
                         {"controller", true}}});
  }
  static Json rollout_owner(const std::string& name = "web",
                            const std::string& uid = "uid-shop-web") {
    return owner("argoproj.io/v1alpha1", "Rollout", name, uid);
  }
  static Json run_owner(const std::string& name, const std::string& uid) {
    return owner("argoproj.io/v1alpha1", "AnalysisRun", name, uid);
  }
  template <class Cache>
  void put(Cache& cache, const Json& object) {
    const auto document = kube::Document::parse(kube::dump(object));
    cache.on_upsert(document->root());
  }
  template <class Cache>
  void remove(Cache& cache, const Json& object) {
    const auto document = kube::Document::parse(kube::dump(object));
    cache.on_delete(document->root());
  }
  Json rollout(const std::string& ns, const std::string& name, const std::string& id = "") {
    Json out{{"metadata", meta(ns, name, id)},
             {"spec",
              {{"selector", {{"matchLabels", {{"app", "web"}}}}},
               {"strategy", {{"blueGreen", {{"activeService", name + "-active"}}}}}}}};
    put(world.rollouts, out);
    return out;
  }
  Json run(const std::string& ns, const std::string& name, const Json& owners,
           const std::string& phase = "Running", const std::string& id = "") {
    Json out{{"metadata", meta(ns, name, id)},
             {"spec", {{"metrics", Json::array()}}},
             {"status", {{"phase", phase}}}};
    out["metadata"]["ownerReferences"] = owners;
    put(world.runs, out);
    return out;
  }
  Json replica_set(const std::string& ns, const std::string& name, const Json& owners) {
    Json out{{"metadata", meta(ns, name)}, {"spec", Json::object()}};
    out["metadata"]["labels"] = {{"app", "web"}, {kHashLabel, "abc"}};
    if (!owners.is_null()) out["metadata"]["ownerReferences"] = owners;
    put(world.replica_sets, out);
    return out;
  }
  Json job(const std::string& ns, const std::string& name, const Json& owners) {
    Json out{{"metadata", meta(ns, name)}, {"spec", Json::object()}};
    out["metadata"]["ownerReferences"] = owners;
    put(world.jobs, out);
    return out;
  }
  Json service(const std::string& name, const std::string& managed_by) {
    Json out{{"metadata", meta("shop", name)},
             {"spec", {{"selector", {{kHashLabel, "abc"}}}}}};
    if (!managed_by.empty())
      out["metadata"]["annotations"]["argo-rollouts.argoproj.io/managed-by-rollouts"] = managed_by;
    put(world.services, out);
    return out;
  }
  // Sorted: who is woken, not whose turn is first.
  std::string marked() {
    std::set<std::string> woken;
    while (auto work = queue.take(clock.mono_now())) {
      woken.insert(std::string(to_string(work->key.kind)) + ":" + work->key.object.text());
      queue.done(work->key, clock.mono_now());
    }
    std::string out;
    for (const auto& one : woken) out += (out.empty() ? "" : " ") + one;
    return out;
  }
  static std::string names(const std::vector<Impostor>& impostors) {
    std::string out;
    for (const auto& one : impostors)
      out += std::string(one.type.kind) + " " + one.key.text() + (one.elsewhere ? "" : " (kind)") +
             "; ";
    return out;
  }

  Options options;
  TickingClock clock;
  SeededRng rng{1};
  DeafTelemetry telemetry;
  KeyQueue queue;
  World world{options, clock, rng, queue, telemetry};
  int version = 0;
};

// ---- F1, F2: what is gathered ----

TEST_F(OwnershipTest, F1_runs_are_gathered_by_uid_and_namespace_and_kind) {
  rollout("shop", "web");
  run("shop", "web-1", rollout_owner());
  run("evil", "web-1", rollout_owner());
  run("evil", "web-2", rollout_owner(), "Successful");
  run("shop", "web-3", owner("apps/v1", "Deployment", "web", "uid-shop-web"), "Successful");
  std::vector<Impostor> impostors;
  const auto observed = world.gather({"shop", "web"}, &impostors);
  ASSERT_EQ(observed.analysis_runs.size(), 1U);
  EXPECT_EQ(observed.analysis_runs[0]->meta.key.text(), "shop/web-1");
  EXPECT_EQ(names(impostors),
            "AnalysisRun shop/web-3 (kind); AnalysisRun evil/web-1; AnalysisRun evil/web-2; ");
}

TEST_F(OwnershipTest, F1_a_status_held_in_memory_is_taken_of_the_same_run_only) {
  rollout("shop", "web");
  run("shop", "web-1", rollout_owner());
  auto other = std::make_shared<api::AnalysisRun>(*world.runs.store.get({"shop", "web-1"}));
  other->meta.uid = "an-earlier-one";
  other->status.phase = api::AnalysisPhase::Failed;
  world.live_runs[{"shop", "web-1"}] = other;
  EXPECT_EQ(world.gather({"shop", "web"}).analysis_runs.at(0)->status.phase,
            api::AnalysisPhase::Running);
}

TEST_F(OwnershipTest, F1_replica_sets_are_gathered_by_uid_and_namespace_and_kind) {
  rollout("shop", "web");
  replica_set("shop", "web-abc", rollout_owner());
  replica_set("evil", "web-abc", rollout_owner());
  replica_set("shop", "web-def", owner("apps/v1", "Deployment", "web", "uid-shop-web"));
  replica_set("evil", "orphan", Json());
  std::vector<Impostor> impostors;
  const auto observed = world.gather({"shop", "web"}, &impostors);
  std::string found;
  for (const auto& set : observed.replica_sets) found += set->meta.key.text() + " ";
  // The second is in the way of a name of ours, and decide() does not take it for ours.
  EXPECT_EQ(found, "shop/web-abc shop/web-def ");
  EXPECT_EQ(names(impostors), "ReplicaSet shop/web-def (kind); ReplicaSet evil/web-abc; ");
}

TEST_F(OwnershipTest, F2_jobs_are_gathered_by_uid_and_namespace_and_kind) {
  run("shop", "r", Json::array());
  job("shop", "uid-shop-r.m.1", run_owner("r", "uid-shop-r"));
  job("evil", "uid-shop-r.m.1", run_owner("r", "uid-shop-r"));
  job("shop", "uid-shop-r.m.2", owner("batch/v1", "CronJob", "r", "uid-shop-r"));
  std::vector<Impostor> impostors;
  const auto observed = world.gather_run({"shop", "r"}, &impostors);
  ASSERT_EQ(observed.jobs.size(), 1U);
  EXPECT_EQ(observed.jobs[0]->meta.key.text(), "shop/uid-shop-r.m.1");
  EXPECT_EQ(names(impostors), "Job shop/uid-shop-r.m.2 (kind); Job evil/uid-shop-r.m.1; ");
}

TEST_F(OwnershipTest, F1_nothing_is_told_where_nothing_is_forged) {
  rollout("shop", "web");
  replica_set("shop", "web-abc", rollout_owner());
  replica_set("shop", "web-old", rollout_owner("web", "uid-of-an-earlier-web"));
  replica_set("shop", "orphan", Json());
  run("shop", "web-1", rollout_owner());
  std::vector<Impostor> impostors;
  static_cast<void>(world.gather({"shop", "web"}, &impostors));
  static_cast<void>(world.gather_run({"shop", "web-1"}, &impostors));
  EXPECT_EQ(names(impostors), "");
}

// ---- F3: who is woken ----

TEST_F(OwnershipTest, F3_what_belongs_to_another_controllers_rollout_wakes_nobody) {
  rollout("shop", "web", "blue");
  marked();
  auto set = replica_set("shop", "web-abc", rollout_owner());
  EXPECT_EQ(marked(), "") << "a ReplicaSet";
  remove(world.replica_sets, set);
  EXPECT_EQ(marked(), "") << "a ReplicaSet that goes";
  replica_set("shop", "orphan", Json());
  EXPECT_EQ(marked(), "") << "an orphan that it may adopt";
  const auto analysis = run("shop", "web-1", rollout_owner(), "Running", "blue");
  EXPECT_EQ(marked(), "") << "a run";
  job("shop", "j", run_owner("web-1", "uid-shop-web-1"));
  EXPECT_EQ(marked(), "") << "a Job of the run";
  remove(world.runs, analysis);
  EXPECT_EQ(marked(), "") << "a run that goes";
  // Without a label of its own the run still is that Rollout's.
  const auto unlabelled = run("shop", "web-2", rollout_owner());
  EXPECT_EQ(marked(), "");
  job("shop", "k", run_owner("web-2", "uid-shop-web-2"));
  EXPECT_EQ(marked(), "");
  remove(world.runs, unlabelled);
  EXPECT_EQ(marked(), "");
  service("web-active", "web");
  EXPECT_EQ(marked(), "") << "its Service";
  world.mark_all(Lane::Normal, "resync");
  EXPECT_EQ(marked(), "") << "a resync";
}

TEST_F(OwnershipTest, F3_ours_is_woken_by_what_is_its) {
  rollout("shop", "web");
  EXPECT_EQ(marked(), "rollout:shop/web");
  const auto set = replica_set("shop", "web-abc", rollout_owner());
  EXPECT_EQ(marked(), "rollout:shop/web");
  remove(world.replica_sets, set);
  EXPECT_EQ(marked(), "rollout:shop/web");
  replica_set("shop", "orphan", Json());
  EXPECT_EQ(marked(), "rollout:shop/web");
  // A run goes with its Rollout, whatever its own label says.
  auto analysis = run("shop", "web-1", rollout_owner(), "Running", "blue");
  EXPECT_EQ(marked(), "analysisrun:shop/web-1 rollout:shop/web");
  job("shop", "j", run_owner("web-1", "uid-shop-web-1"));
  EXPECT_EQ(marked(), "analysisrun:shop/web-1");
  analysis["metadata"]["deletionTimestamp"] = "2027-01-15T08:00:00Z";
  analysis["metadata"]["resourceVersion"] = "900";
  put(world.runs, analysis);
  EXPECT_EQ(marked(), "analysisrun:shop/web-1 rollout:shop/web") << "it gives no verdict now";
  remove(world.runs, analysis);
  EXPECT_EQ(marked(), "rollout:shop/web");
}

TEST_F(OwnershipTest, F1_what_names_our_rollout_without_being_its_does_not_wake_it) {
  rollout("shop", "web");
  marked();
  replica_set("shop", "web-old", rollout_owner("web", "uid-of-an-earlier-web"));
  EXPECT_EQ(marked(), "") << "of an earlier Rollout of the name";
  run("shop", "web-1", owner("example.org/v1", "Rollout", "web", "uid-shop-web"), "Successful");
  EXPECT_EQ(marked(), "") << "of another group's Rollout";
}

TEST_F(OwnershipTest, F3_a_rollout_that_is_given_away_is_dropped_with_its_runs) {
  rollout("shop", "web");
  service("web-active", "web");
  run("shop", "web-1", rollout_owner());
  run("shop", "alone", Json::array());
  world.live_runs[{"shop", "web-1"}] = world.runs.store.get({"shop", "web-1"});
  world.live_runs[{"shop", "alone"}] = world.runs.store.get({"shop", "alone"});
  marked();
  rollout("shop", "web", "blue");
  // Woken once more, each key finds that it is not ours.
  EXPECT_EQ(marked(), "analysisrun:shop/web-1 rollout:shop/web");
  EXPECT_FALSE(world.ours(Key{KeyKind::Rollout, {"shop", "web"}}));
  EXPECT_FALSE(world.ours(Key{KeyKind::AnalysisRun, {"shop", "web-1"}}));
  EXPECT_TRUE(world.ours(Key{KeyKind::AnalysisRun, {"shop", "alone"}}));
  world.mark_all(Lane::Normal, "resync");
  EXPECT_EQ(marked(), "analysisrun:shop/alone");
}

TEST_F(OwnershipTest, F3_a_rollout_that_is_given_to_us_brings_its_runs_along) {
  run("shop", "web-1", rollout_owner(), "Running", "blue");
  Json taken = rollout("shop", "web", "blue");
  marked();
  EXPECT_FALSE(world.ours(Key{KeyKind::AnalysisRun, {"shop", "web-1"}}));
  taken["metadata"]["labels"] = Json::object();
  taken["metadata"]["resourceVersion"] = std::to_string(++version);
  put(world.rollouts, taken);
  EXPECT_EQ(marked(), "analysisrun:shop/web-1 rollout:shop/web");
}

// The order in which the lists come does not matter.
TEST_F(OwnershipTest, F3_a_run_that_was_listed_before_its_rollout_is_looked_at) {
  run("shop", "web-1", rollout_owner(), "Running", "blue");
  run("shop", "web-0", rollout_owner(), "Successful", "blue");
  EXPECT_EQ(marked(), "") << "by its own label";
  Json first{{"metadata", meta("shop", "web")}, {"spec", Json::object()}};
  first["status"]["canary"]["currentBackgroundAnalysisRunStatus"]["name"] = "web-1";
  first["status"]["canary"]["currentStepAnalysisRunStatus"]["name"] = "web-0";
  put(world.rollouts, first);
  EXPECT_EQ(marked(), "analysisrun:shop/web-1 rollout:shop/web");
}

TEST_F(OwnershipTest, F3_a_service_is_its_rollouts_controllers) {
  rollout("shop", "theirs", "blue");
  rollout("shop", "ours");
  marked();
  service("a", "theirs");
  EXPECT_EQ(marked(), "");
  service("b", "ours");
  EXPECT_EQ(marked(), "service:shop/b") << "it is not referred to";
  service("c", "nobody");
  EXPECT_EQ(marked(), "service:shop/c");
  EXPECT_FALSE(world.ours(Key{KeyKind::Service, {"shop", "a"}}));
}

TEST_F(OwnershipTest, F3_an_experiment_is_its_rollouts_controllers) {
  rollout("shop", "theirs", "blue");
  marked();
  Json experiment{{"metadata", meta("shop", "e")}, {"spec", Json::object()}};
  experiment["metadata"]["ownerReferences"] = rollout_owner("theirs", "uid-shop-theirs");
  put(world.experiments, experiment);
  EXPECT_EQ(marked(), "");
  EXPECT_FALSE(world.ours(Key{KeyKind::Experiment, {"shop", "e"}}));
  put(world.experiments, Json{{"metadata", meta("shop", "f")}, {"spec", Json::object()}});
  EXPECT_EQ(marked(), "experiment:shop/f");
}

struct BlueOwnershipTest : OwnershipTest {
  BlueOwnershipTest() : OwnershipTest(blue()) {}
  static Options blue() {
    Options out;
    out.instance_id = "blue";
    return out;
  }
};
TEST_F(BlueOwnershipTest, F3_a_controller_with_an_id_leaves_those_without_alone) {
  rollout("shop", "web");
  replica_set("shop", "web-abc", rollout_owner());
  run("shop", "web-1", rollout_owner());
  run("shop", "web-2", rollout_owner(), "Running", "blue");
  service("web-active", "web");
  EXPECT_EQ(marked(), "");
  rollout("shop", "other", "blue");
  run("shop", "other-1", rollout_owner("other", "uid-shop-other"));
  EXPECT_EQ(marked(), "analysisrun:shop/other-1 rollout:shop/other");
}

struct NamespacedOwnershipTest : OwnershipTest {
  NamespacedOwnershipTest() : OwnershipTest(shop()) {}
  static Options shop() {
    Options out;
    out.namespace_ = "shop";
    return out;
  }
};
TEST_F(NamespacedOwnershipTest, F3_a_namespaced_controller_acts_in_its_namespace_only) {
  rollout("elsewhere", "web");
  replica_set("elsewhere", "web-abc", rollout_owner("web", "uid-elsewhere-web"));
  run("elsewhere", "r", Json::array());
  job("elsewhere", "j", run_owner("r", "uid-elsewhere-r"));
  queue.mark({KeyKind::AnalysisRun, {"elsewhere", "r"}}, Lane::Normal, "", clock.mono_now());
  marked();
  world.mark_all(Lane::Normal, "resync");
  EXPECT_EQ(marked(), "");
  for (const auto kind : {KeyKind::Rollout, KeyKind::AnalysisRun, KeyKind::Service})
    EXPECT_FALSE(world.ours(Key{kind, {"elsewhere", "web"}}));
  rollout("shop", "web");
  EXPECT_EQ(marked(), "rollout:shop/web");
}

// ---- F1: a claim is told soon, and looked for at most once a second ----

TEST_F(OwnershipTest, F1_whoever_is_claimed_from_elsewhere_is_woken_to_tell_of_it) {
  rollout("shop", "web");
  rollout("shop", "other");
  run("shop", "r", Json::array());
  marked();
  EXPECT_EQ(world.look_for_claimed(), MonoTime::max());
  EXPECT_EQ(marked(), "") << "nothing is forged, nothing is looked for";
  run("evil", "web-1", rollout_owner());
  marked();  // evil/web-1 itself is evil's own run
  static_cast<void>(world.look_for_claimed());
  EXPECT_EQ(marked(), "rollout:shop/web");
  replica_set("evil", "web-abc", rollout_owner("anything"));
  job("evil", "j", run_owner("r", "uid-shop-r"));
  marked();
  EXPECT_EQ(world.look_for_claimed(), MonoTime(Seconds(101)));
  EXPECT_EQ(marked(), "") << "not more than once a second";
  clock.mono += Seconds(1);
  EXPECT_EQ(world.look_for_claimed(), MonoTime::max());
  EXPECT_EQ(marked(), "analysisrun:shop/r rollout:shop/web");
  clock.mono += Seconds(1);
  static_cast<void>(world.look_for_claimed());
  EXPECT_EQ(marked(), "");
}

}  // namespace
}  // namespace sluice::loop
