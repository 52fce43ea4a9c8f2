// The production loop in a simulated world, without faults: the plain workflows reach their end.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "api/resources.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"
#include "sim/simulation.h"

namespace sluice::sim {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

class World : public ::testing::Test {
 protected:
  World() : sim(options()) {
    const std::filesystem::path root = SLUICE_SOURCE_DIR;
    make_namespace("default");
    make_namespace("argo-rollouts");
    for (const auto& entry : std::filesystem::directory_iterator(root / "crds"))
      if (entry.path().extension() == ".yaml") must(sim.apply(read(entry.path())));
  }
  static Simulation::Options options() {
    Simulation::Options out;
    out.loop.lease_namespace = "argo-rollouts";
    return out;
  }
  void must(const Status& status) { ASSERT_TRUE(status) << status.error().message; }
  void make_namespace(const std::string& name) {
    static_cast<void>(
        sim.apply("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: " + name + "\n"));
  }
  void apply_example(const std::string& folder) {
    const std::filesystem::path root = SLUICE_SOURCE_DIR;
    for (const auto& entry : std::filesystem::directory_iterator(root / "examples" / folder))
      if (entry.path().extension() == ".yaml") must(sim.apply(read(entry.path())));
  }
  Json rollout(const std::string& name) {
    auto object = sim.server.get(api::kRollouts, {"default", name});
    return object ? *object : Json::object();
  }
  std::string phase(const std::string& name) {
    return kube::get_string(rollout(name), "status.phase");
  }
  bool wait_phase(const std::string& name, const std::string& wanted, Seconds most) {
    return sim.run_until(
        [&] {
          return phase(name) == wanted &&
                 kube::get_string(rollout(name), "status.observedGeneration") ==
                     std::to_string(kube::get_int(rollout(name), "metadata.generation"));
        },
        most);
  }
  void set_image(const std::string& name, const std::string& image) {
    kube::Write write;
    write.type = api::kRollouts;
    write.key = {"default", name};
    write.verb = kube::Verb::JsonPatch;
    write.body = kube::dump(Json::array({{{"op", "replace"},
                                          {"path", "/spec/template/spec/containers/0/image"},
                                          {"value", image}}}));
    auto result = sim.server.write(write);
    ASSERT_TRUE(result) << result.error().message;
  }
  void prometheus_answers(double value) {
    sim.set_backend([value](const http::Request&) {
      return http::Response{
          200,
          {},
          R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,")" +
              std::to_string(value) + R"("]}]}})"};
    });
  }
  std::string log_tail() {
    std::string out;
    const auto& lines = sim.telemetry.lines;
    for (std::size_t i = lines.size() > 60 ? lines.size() - 60 : 0; i < lines.size(); ++i)
      out += lines[i] + "\n";
    return out + kube::dump(rollout("web")) + "\n";
  }
  Simulation sim;
};

TEST_F(World, AGoodCanaryIsPromoted) {
  prometheus_answers(1.0);
  apply_example("canary");
  ASSERT_TRUE(wait_phase("web", "Healthy", Seconds(60))) << log_tail();
  set_image("web", "sluice-demo-app:v2");
  ASSERT_TRUE(wait_phase("web", "Healthy", Seconds(300))) << log_tail();
  EXPECT_EQ(sim.telemetry.errors, 0U) << log_tail();
}

TEST_F(World, ABadCanaryIsRolledBack) {
  prometheus_answers(1.0);
  apply_example("canary");
  ASSERT_TRUE(wait_phase("web", "Healthy", Seconds(60))) << log_tail();
  prometheus_answers(0.8);
  set_image("web", "sluice-demo-app:v3");
  ASSERT_TRUE(wait_phase("web", "Degraded", Seconds(300))) << log_tail();
  EXPECT_EQ(kube::get_int(rollout("web"), "status.canary.weights.canary.weight", -1), 0)
      << log_tail();
}

int lines_with(const std::vector<std::string>& lines, const std::string& text) {
  return static_cast<int>(std::count_if(lines.begin(), lines.end(), [&](const auto& line) {
    return line.find(text) != std::string::npos;
  }));
}

// Cut off for minutes, all its lists and watches are in waits of up to half a minute each.
TEST_F(World, AControllerThatCouldNotReachTheServerWorksSoonAfterItCan) {
  prometheus_answers(1.0);
  apply_example("canary");
  ASSERT_TRUE(wait_phase("web", "Healthy", Seconds(60))) << log_tail();
  sim.set_partitioned(0, true);
  sim.run_for(Seconds(180));
  set_image("web", "sluice-demo-app:v2");
  sim.run_for(Seconds(60));
  EXPECT_EQ(lines_with(sim.telemetry.lines, "the API server cannot be reached; trying again"), 1)
      << "once per outage\n"
      << log_tail();
  EXPECT_EQ(lines_with(sim.telemetry.lines, "the API server answers again"), 0);

  sim.set_partitioned(0, false);
  EXPECT_TRUE(sim.run_until(
      [&] { return sim.server.list(kube::kReplicaSets, "default").size() == 2; }, Seconds(4)))
      << log_tail();
  sim.run_for(Seconds(1));
  EXPECT_EQ(lines_with(sim.telemetry.lines, "the API server answers again"), 1) << log_tail();
}

TEST_F(World, AProcessThatStartsWhileTheServerIsAwayLeadsOneLeaseAfterItIsBack) {
  prometheus_answers(1.0);
  apply_example("canary");
  ASSERT_TRUE(wait_phase("web", "Healthy", Seconds(60))) << log_tail();
  sim.crash();
  sim.set_partitioned(0, true);
  sim.run_for(Seconds(180));
  sim.set_partitioned(0, false);
  set_image("web", "sluice-demo-app:v2");
  // The first of ten lists and watches to come out of its wait ends those of all others.
  ASSERT_TRUE(sim.run_until(
      [&] { return lines_with(sim.telemetry.lines, "the API server answers again") == 1; },
      Seconds(15)))
      << log_tail();
  // It has never seen the Lease change, so it must wait out the duration that its holder promised.
  EXPECT_TRUE(sim.run_until(
      [&] { return sim.server.list(kube::kReplicaSets, "default").size() == 2; }, Seconds(16)))
      << log_tail();
}

TEST_F(World, AnExperimentIsRefusedOnceAndLeftUntouched) {
  must(sim.apply(R"(
apiVersion: argoproj.io/v1alpha1
kind: Experiment
metadata: {name: compare}
spec:
  duration: 5m
  templates:
    - {name: a, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}}
)"));
  sim.run_for(Seconds(2000));  // beyond a resync
  const auto experiment = sim.server.get(api::kExperiments, {"default", "compare"});
  ASSERT_TRUE(experiment);
  const Json* conditions = kube::find_path(*experiment, "status.conditions");
  ASSERT_TRUE(conditions != nullptr && conditions->size() == 1);
  EXPECT_EQ(kube::get_string(conditions->front(), "reason"), "Unsupported");
  EXPECT_TRUE(sim.server.list(kube::kReplicaSets, "default").empty());
  int events = 0;
  for (const auto& event : sim.server.list(kube::kEvents, "default"))
    if (kube::get_string(*event, "involvedObject.name") == "compare")
      events += static_cast<int>(kube::get_int(*event, "count"));
  EXPECT_EQ(events, 1);
}

}  // namespace
}  // namespace sluice::sim
