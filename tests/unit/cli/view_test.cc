// Golden texts: live objects as another controller left them, and one tree with everything in it.
#include <algorithm>

#include "cli/list_view.h"
#include "cli/rollout_view.h"
#include "tests/unit/cli/support.h"

namespace sluice::cli {
namespace {

using test::Json;
using test::parse;
using test::Shell;
using testing::HasSubstr;
using testing::Not;

std::string read_golden(const std::string& name) {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR) + "/tests/unit/cli/golden/" + name + ".txt");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Shell shell_of(const std::string& fixture) {
  Shell shell;
  shell.server->objects = test::fixture(fixture);
  if (!shell.server->objects.empty())
    shell.ns = kube::get_string(shell.server->objects[0], "metadata.namespace");
  return shell;
}

class GetFixture : public testing::TestWithParam<const char*> {};
TEST_P(GetFixture, LooksAsRecorded) {
  Shell shell = shell_of(GetParam());
  EXPECT_EQ(shell.run({"get", "rollout", "web", "--no-color"}), 0) << shell.err;
  const std::string name = std::string("get-") + GetParam();
  if (std::getenv("SLUICE_UPDATE_GOLDEN") != nullptr)
    std::ofstream(std::string(SLUICE_SOURCE_DIR) + "/tests/unit/cli/golden/" + name + ".txt")
        << shell.out;
  EXPECT_EQ(shell.out, read_golden(name));
}
INSTANTIATE_TEST_SUITE_P(TakeOver, GetFixture,
                         testing::Values("canary-nginx-aborted-by-analysis",
                                         "bluegreen-preview-paused", "canary-nginx-inline-analysis",
                                         "invalid-missing-service", "canary-scaled-to-zero",
                                         "canary-basic-second-pause"),
                         [](const auto& row) {
                           std::string name = row.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(List, EachFixtureHasItsRow) {
  struct Row {
    const char *fixture, *want;
  };
  const Row rows[] = {
      {"bluegreen-aborted-before-switch",
       "BlueGreen  Degraded      -     -           4/8    4        4           4"},
      {"bluegreen-idle",
       "BlueGreen  Healthy       -     -           4/8    4        4           4"},
      {"bluegreen-post-promotion-running",
       "BlueGreen  Progressing   -     -           4/8    4        4           4"},
      {"bluegreen-pre-promotion-failed",
       "BlueGreen  Degraded      -     -           4/8    4        4           4"},
      {"bluegreen-pre-promotion-running",
       "BlueGreen  Progressing   -     -           4/8    4        4           4"},
      {"bluegreen-preview-paused",
       "BlueGreen  Paused        -     -           4/8    4        4           4"},
      {"bluegreen-scale-down-delay",
       "BlueGreen  Healthy       -     -           4/8    4        4           4"},
      {"canary-basic-idle",
       "Canary     Healthy       1/1   100         4/4    4        4           4"},
      {"canary-basic-paused",
       "Canary     Paused        1/4   25          4/4    4        1           4"},
      {"canary-basic-second-pause",
       "Canary     Paused        3/4   60          5/5    4        3           5"},
      {"canary-header-route",
       "Canary     Paused        2/3   20          5/5    4        1           5"},
      {"canary-istio-host-paused",
       "Canary     Paused        1/4   25          5/5    4        1           5"},
      {"canary-nginx-aborted-by-analysis",
       "Canary     Degraded      0/4   0           5/5    4        1           5"},
      {"canary-nginx-aborted-by-user",
       "Canary     Degraded      0/4   0           4/4    4        0           4"},
      {"canary-nginx-background-analysis",
       "Canary     Paused        1/4   25          5/5    4        1           5"},
      {"canary-nginx-idle",
       "Canary     Healthy       1/1   100         8/8    4        4           8"},
      {"canary-nginx-inline-analysis",
       "Canary     Progressing   1/3   10          5/5    4        1           5"},
      {"canary-nginx-paused",
       "Canary     Paused        1/4   25          5/5    4        1           5"},
      {"canary-nginx-promoted-full",
       "Canary     Healthy       4/4   100         8/8    4        4           8"},
      {"canary-nginx-rolled-back",
       "Canary     Healthy       4/4   100         5/5    4        4           5"},
      {"canary-nginx-set-canary-scale",
       "Canary     Paused        2/5   10          7/7    4        3           7"},
      {"canary-progress-deadline",
       "Canary     Degraded      0/1   50          3/5    4        2           3"},
      {"canary-restarting",
       "Canary     Healthy       4/4   100         4/4    4        4           4"},
      {"canary-scaled-to-zero",
       "Canary     Paused        1/4   25          0/0    0        0           0"},
      {"invalid-missing-service",
       "Canary     Degraded      -     25          0/0    4        0           0"},
      {"workload-ref-idle",
       "Canary     Healthy       4/4   100         4/4    4        4           4"},
  };
  for (const auto& row : rows) {
    Shell shell = shell_of(row.fixture);
    EXPECT_EQ(shell.run({"list", "rollouts"}), 0);
    EXPECT_EQ(shell.out, std::string("NAME        STRATEGY   STATUS        STEP  SET-WEIGHT  READY "
                                     " DESIRED  UP-TO-DATE  AVAILABLE\nweb         ") +
                             row.want + "\n")
        << row.fixture;
    // status agrees with list.
    const bool degraded = std::string(row.want).find("Degraded") != std::string::npos;
    EXPECT_EQ(shell.run({"status", "web", "--watch=false"}), degraded ? 1 : 0) << row.fixture;
  }
}

TEST(List, NamespacesTimesAndNamesOnRequest) {
  Shell shell = shell_of("canary-basic-idle");
  shell.ns = "elsewhere";
  EXPECT_EQ(shell.run({"list", "rollouts", "-A", "--timestamps", "--name", "web"}), 0);
  EXPECT_THAT(shell.out,
              HasSubstr("TIMESTAMP             NAMESPACE                NAME        STRATEGY"));
  EXPECT_THAT(shell.out,
              HasSubstr("2026-11-21T14:30:00Z  fleet-canary-basic-idle  web         Canary"));
  EXPECT_THAT(shell.server->requests.back().url,
              HasSubstr("/apis/argoproj.io/v1alpha1/rollouts?fieldSelector=metadata.name%3Dweb"));
  EXPECT_EQ(shell.run({"list", "rollouts", "-A", "--name", "other"}), 0);
  EXPECT_EQ(shell.err, "No resources found.\n");
}

// One view with every kind of line.
class Checkout : public testing::Test {
 protected:
  static constexpr const char* kNow = "2026-11-21T14:30:00Z";

  static std::string ago(Seconds age) { return format_rfc3339(test::at(kNow) - age); }
  static Json object(const std::string& kind, const std::string& name, Seconds age,
                     const std::string& owner, const std::string& revision = "") {
    Json out = {{"kind", kind},
                {"metadata",
                 {{"name", name},
                  {"namespace", "shop"},
                  {"uid", "uid-" + name},
                  {"creationTimestamp", ago(age)}}}};
    if (!owner.empty())
      out["metadata"]["ownerReferences"] = Json::array(
          {{{"kind", "x"}, {"name", owner}, {"uid", "uid-" + owner}, {"controller", true}}});
    if (!revision.empty())
      out["metadata"]["annotations"]["rollout.argoproj.io/revision"] = revision;
    return out;
  }
  template <class T>
  static T decode(const Json& json, T (*decoder)(kube::Node)) {
    const auto document = kube::Document::parse(json.dump());
    return decoder(document->root());
  }
  void add_set(const std::string& name, Seconds age, const std::string& owner,
               const std::string& revision, const std::string& hash, int replicas,
               const std::string& image) {
    Json set = object("ReplicaSet", name, age, owner, revision);
    set["metadata"]["labels"]["rollouts-pod-template-hash"] = hash;
    if (replicas == 0)
      set["metadata"]["annotations"]["scale-down-deadline"] = "2026-11-21T14:00:00Z";
    set["spec"] = {
        {"replicas", replicas},
        {"template",
         {{"spec", {{"containers", Json::array({{{"name", "app"}, {"image", image}}})}}}}}};
    set["status"] = {{"replicas", replicas}, {"availableReplicas", replicas}};
    view.sets.push_back(decode(set, decode_set_info));
  }
  void add_pod(const std::string& name, Seconds age, const std::string& owner,
               const std::string& status) {
    Json pod = object("Pod", name, age, owner);
    pod["spec"] = parse(R"({"containers":[{"name":"a"},{"name":"b"}]})");
    pod["status"] = parse(status);
    view.pods.push_back(decode(pod, decode_pod_info));
  }
  void add_run(const std::string& name, Seconds age, const std::string& owner,
               const std::string& revision, const std::string& status) {
    Json run = object("AnalysisRun", name, age, owner, revision);
    run["spec"] = parse(
        R"({"metrics":[{"name":"err","successCondition":"result < 5","provider":{"job":{}}}]})");
    run["status"] = parse(status);
    view.runs.push_back(decode(run, api::decode_analysis_run));
  }

  void SetUp() override {
    Json rollout = object("Rollout", "checkout", Seconds(41 * 86400), "", "7");
    rollout["spec"] = parse(
        R"({"replicas":2,"strategy":{"canary":{"steps":[{"setWeight":20},{"pause":{}},{"setWeight":20},{"pause":{}},{"setWeight":50},{"pause":{}}]}}})");
    rollout["status"] = parse(
        R"({"phase":"Paused","message":"CanaryPauseStep","currentStepIndex":3,"replicas":3,"updatedReplicas":1,"readyReplicas":2,"availableReplicas":3,"stableRS":"5d8b9c6f7d","currentPodHash":"6f9c7d5b44"})");
    view.rollout = test::rollout_of(rollout);
    const std::string running =
        R"({"phase":"Running","containerStatuses":[{"ready":true,"state":{"running":{}}},{"ready":true,"state":{"running":{}}}]})";
    const Seconds d4{240}, d9{9 * 86400};
    add_set("checkout-5d8b9c6f7d", d9, "checkout", "6", "5d8b9c6f7d", 2,
            "registry.example/checkout:1.4.0");
    add_set("checkout-6f9c7d5b44", d4, "checkout", "7", "6f9c7d5b44", 1,
            "registry.example/checkout:1.5.0");
    add_set("checkout-6f9c7d5b44-7-0-base", d4, "checkout-6f9c7d5b44-7-0", "", "x", 0,
            "registry.example/checkout:1.5.0");
    add_pod(
        "checkout-5d8b9c6f7d-kq7lm", d9, "checkout-5d8b9c6f7d",
        R"({"phase":"Pending","containerStatuses":[{"restartCount":3,"state":{"waiting":{"reason":"ImagePullBackOff"}}},{"ready":true,"state":{"running":{}}}]})");
    add_pod("checkout-5d8b9c6f7d-4zt8w", d9, "checkout-5d8b9c6f7d", running);
    add_pod("checkout-6f9c7d5b44-h2kxq", d4, "checkout-6f9c7d5b44", running);
    Json experiment = object("Experiment", "checkout-6f9c7d5b44-7-0", d4, "checkout", "7");
    experiment["status"]["phase"] = "Successful";
    view.experiments.push_back(decode(experiment, decode_experiment_info));
    add_run(
        "checkout-6f9c7d5b44-7-0-cmp", d4, "checkout-6f9c7d5b44-7-0", "",
        R"({"phase":"Successful","metricResults":[{"name":"err","phase":"Successful","successful":5}]})");
    add_run(
        "checkout-6f9c7d5b44-7", Seconds(120), "checkout", "7",
        R"({"phase":"Running","metricResults":[{"name":"err","phase":"Running","successful":2,"failed":1,"measurements":[{"phase":"Successful","startedAt":")" +
            ago(Seconds(120)) +
            R"(","metadata":{"job-name":"8c1d-probe-1"}},{"phase":"Failed","startedAt":")" +
            ago(Seconds(61)) +
            R"(","metadata":{"job-name":"8c1d-probe-2"}}]},{"name":"b","successful":1,"inconclusive":1,"error":2}]})");
  }

  [[nodiscard]] std::string text() const {
    return rollout_text(view, test::at(kNow), Painter(false));
  }
  Objects view;
};

TEST_F(Checkout, LooksLikeThis) {
  EXPECT_EQ(text(), R"(Name:            checkout
Namespace:       shop
Status:          ॥ Paused
Message:         CanaryPauseStep
Strategy:        Canary
  Step:          3/6
  SetWeight:     20
  ActualWeight:  33
Images:          registry.example/checkout:1.4.0 (stable)
                 registry.example/checkout:1.5.0 (canary)
Replicas:
  Desired:       2
  Current:       3
  Updated:       1
  Ready:         2
  Available:     3

NAME                                     KIND         STATUS              AGE  INFO
⟳ checkout                               Rollout      ॥ Paused            41d
├──# revision:7
│  ├──⧉ checkout-6f9c7d5b44              ReplicaSet   ✔ Healthy           4m   canary
│  │  └──□ checkout-6f9c7d5b44-h2kxq     Pod          ✔ Running           4m   ready:2/2
│  ├──Σ checkout-6f9c7d5b44-7-0          Experiment   ✔ Successful        4m
│  │  ├──⧉ checkout-6f9c7d5b44-7-0-base  ReplicaSet   • ScaledDown        4m   delay:passed
│  │  └──α checkout-6f9c7d5b44-7-0-cmp   AnalysisRun  ✔ Successful        4m   ✔ 5
│  └──α checkout-6f9c7d5b44-7            AnalysisRun  ◌ Running           2m   ✔ 3,✖ 1,? 1,⚠ 2
│     ├──⊞ 8c1d-probe-1                  Job          ✔ Successful        2m
│     └──⊞ 8c1d-probe-2                  Job          ✖ Failed            61s
└──# revision:6
   └──⧉ checkout-5d8b9c6f7d              ReplicaSet   ✔ Healthy           9d   stable
      ├──□ checkout-5d8b9c6f7d-4zt8w     Pod          ✔ Running           9d   ready:2/2
      └──□ checkout-5d8b9c6f7d-kq7lm     Pod          ⚠ ImagePullBackOff  9d   ready:1/2,restarts:3

Waits for:       CanaryPauseStep
Next:            step 5 of 6 (setWeight: 50)

AnalysisRun:     checkout-6f9c7d5b44-7
  Phase:         ◌ Running
  Metric:        err (Failed)
    Condition:   successCondition: result < 5
    Query:       Job 8c1d-probe-2
    So far:      1 failed (0 allowed)
)");
}

TEST_F(Checkout, AFailedRunTellsMetricValueConditionAndQuery) {
  view.runs.clear();
  const std::string failed =
      R"({"phase":"Failed","message":"Metric \"err\" assessed Failed","metricResults":[{"name":"err","phase":"Failed","failed":1,"measurements":[{"phase":"Successful","value":"1"},{"phase":"Failed","value":"7","metadata":{"job-name":"probe"}}]},{"name":"dry","phase":"Failed","dryRun":true}]})";
  add_run("old", Seconds(90), "checkout", "7", failed);
  add_run("earlier-revision", Seconds(99), "checkout", "6", failed);
  EXPECT_THAT(text(), HasSubstr("\n\nAnalysisRun:     old\n  Phase:         ✖ Failed\n  Message:   "
                                "    Metric \"err\" assessed Failed\n"
                                "  Metric:        err (Failed)\n    Value:       7\n    Condition: "
                                "  successCondition: result < 5\n    Query:       Job probe\n"));
  EXPECT_THAT(text(), Not(HasSubstr("AnalysisRun:     earlier-revision")));
  EXPECT_THAT(text(), Not(HasSubstr("Metric:        dry")));
  add_run("new", Seconds(10), "checkout", "7",
          R"({"phase":"Running"})");  // a retry: the old verdict no longer matters
  EXPECT_THAT(text(), Not(HasSubstr("AnalysisRun:     old")));
}

TEST_F(Checkout, ARefusalThatTheMessageHidesIsShown) {
  view.rollout.status.conditions.push_back(
      {"InvalidSpec", "True", "Unsupported", "uses spec.x: do y", {}, {}});
  EXPECT_THAT(text(), HasSubstr("\n\nInvalidSpec:     uses spec.x: do y\n"));
  view.rollout.status.message = "InvalidSpec: uses spec.x: do y";
  EXPECT_THAT(text(), Not(HasSubstr("\nInvalidSpec:     ")));
}

TEST_F(Checkout, SetsTellTheirState) {
  SetInfo set = view.sets[0];
  EXPECT_EQ(set_status(set), "Healthy");
  set.set.available_replicas = 1;
  EXPECT_EQ(set_status(set), "Progressing");
  set.set.conditions.push_back({"ReplicaFailure", "True", "", "", {}, {}});
  EXPECT_EQ(set_status(set), "ReplicaFailure");
  set.set.meta.generation = 2;
  EXPECT_EQ(set_status(set), "Progressing");
}

TEST_F(Checkout, WeightsFollowStepsAbortAndRouting) {
  const auto weights = [&] {
    const std::string all = header_text(view, test::at(kNow), Painter(false));
    const auto from = all.find("  SetWeight:"), to = all.find("Images:");
    return all.substr(from, to - from);
  };
  auto& status = view.rollout.status;
  EXPECT_EQ(weights(), "  SetWeight:     20\n  ActualWeight:  33\n");
  status.abort = true;
  EXPECT_EQ(weights(), "  SetWeight:     0\n  ActualWeight:  33\n");
  status.abort = false;
  status.current_step_index = 6;
  EXPECT_EQ(weights(), "  SetWeight:     100\n  ActualWeight:  100\n");
  status.current_step_index = 5;
  view.rollout.spec.canary->traffic_routing.emplace();
  EXPECT_EQ(weights(), "  SetWeight:     50\n  ActualWeight:  50\n");
  status.canary.weights.emplace();
  status.canary.weights->canary.weight = 17;
  EXPECT_EQ(weights(), "  SetWeight:     50\n  ActualWeight:  17\n");
  status.available_replicas = 0;
  EXPECT_EQ(weights(), "  SetWeight:     50\n  ActualWeight:  0\n");
}

TEST_F(Checkout, AnImageOfSeveralSetsHasTheTagsOfAllSorted) {
  for (auto& set : view.sets) set.images = {"same"};
  EXPECT_THAT(text(), HasSubstr("Images:          same (canary, stable)\nReplicas:"));
}

TEST_F(Checkout, PingAndPongFollowTheStableSide) {
  view.rollout.spec.canary->ping_pong = true;
  view.rollout.status.canary.stable_ping_pong = "pong";
  EXPECT_THAT(text(), HasSubstr("4m   canary,ping\n"));
  EXPECT_THAT(text(), HasSubstr("9d   stable,pong\n"));
}

}  // namespace
}  // namespace sluice::cli
