// A run whose queries never end, and those beside it: the production loop in virtual time.
#include "tests/unit/sim/user_world.h"

namespace sluice::sim {
namespace {

// Hosts that begin with "hangs" never answer; what the others are asked is kept with its time.
class F4_Loop : public ::testing::Test {
 protected:
  F4_Loop() : world(std::make_unique<UserWorld>()) {
    for (const char* name : {"evil", "shop"})
      world->apply({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}});
    world->sim.set_backend([this](const http::Request& request) {
      const std::string host = request.url.substr(7, request.url.find('/', 7) - 7);
      asked[host].push_back(world->sim.clock.mono_now());
      http::Response response{200, {}, R"("fine")"};
      if (host.starts_with("hangs")) response.status = 0;
      return std::optional(response);
    });
    world->sim.run_for(Seconds(5));
  }
  static Json run(const std::string& namespace_, const std::string& name, int metrics,
                  const std::string& host, const Json& more = Json::object()) {
    Json list = Json::array();
    for (int i = 0; i < metrics; ++i)
      list.push_back({{"name", "m" + std::to_string(i)},
                      {"interval", "10s"},
                      {"consecutiveErrorLimit", 1000},
                      {"provider",
                       {{"web",
                         {{"url", "http://" + host + "/" + name + "/" + std::to_string(i)},
                          {"timeoutSeconds", 86400}}}}}});
    Json spec = {{"metrics", list}};
    for (const auto& [key, value] : more.items()) spec[key] = value;
    return {{"apiVersion", "argoproj.io/v1alpha1"},
            {"kind", "AnalysisRun"},
            {"metadata", {{"name", name}, {"namespace", namespace_}}},
            {"spec", spec}};
  }
  void write(const kube::ObjectKey& key, kube::Verb verb, const Json& body = Json()) {
    kube::Write write;
    write.type = api::kAnalysisRuns;
    write.key = key;
    write.verb = verb;
    if (verb != kube::Verb::Delete) write.body = kube::dump(body);
    const auto result = world->sim.server.write(write);
    ASSERT_TRUE(result) << result.error().message;
  }
  std::size_t under_way() { return world->sim.transport().foreign_in_flight(); }
  std::string phase(const kube::ObjectKey& key) {
    const auto object = world->sim.server.get(api::kAnalysisRuns, key);
    return object ? kube::get_string(*object, "status.phase") : "";
  }
  void pass(Micros time) { world->sim.run_for(time); }

  std::map<std::string, std::vector<MonoTime>> asked;
  std::unique_ptr<UserWorld> world;
};

TEST_F(F4_Loop, one_run_with_256_metrics_that_never_answer_delays_no_other_namespace) {
  world->apply(run("evil", "tarpit", 256, "hangs"));
  pass(Seconds(3));
  const std::size_t hoarded = under_way();
  EXPECT_EQ(hoarded, 15U);
  const MonoTime start = world->sim.clock.mono_now();
  world->apply(run("shop", "innocent", 1, "works"));
  pass(Seconds(601));
  const auto& times = asked["works"];
  ASSERT_EQ(times.size(), 61U);
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_GE(times[i], start + Seconds(10) * i) << i;
    EXPECT_LE(times[i], start + Seconds(10) * i + Seconds(1)) << i;
  }
}

TEST_F(F4_Loop, nor_do_twenty_of_them_in_as_many_namespaces) {
  for (int i = 0; i < 20; ++i) {
    const std::string name = "evil" + std::to_string(i);
    world->apply({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}});
    world->apply(run(name, "tarpit", 100, "hangs"));
  }
  pass(Seconds(3));
  const MonoTime start = world->sim.clock.mono_now();
  world->apply(run("shop", "innocent", 3, "works"));
  pass(Seconds(31));
  ASSERT_EQ(asked["works"].size(), 12U);
  for (std::size_t i = 0; i < 12; ++i)
    EXPECT_LE(asked["works"][i], start + Seconds(10) * (i / 3) + Seconds(1)) << i;
}

TEST_F(F4_Loop, a_run_that_is_deleted_gives_its_slots_back) {
  world->apply(run("evil", "tarpit", 256, "hangs"));
  pass(Seconds(3));
  EXPECT_GT(under_way(), 0U);
  write({"evil", "tarpit"}, kube::Verb::Delete);
  pass(Seconds(1));
  EXPECT_EQ(under_way(), 0U);
  world->apply(run("evil", "better", 5, "works"));
  pass(Seconds(1));
  EXPECT_EQ(asked["works"].size(), 5U);
}

// Its end may be kept back by somebody's finalizer.
TEST_F(F4_Loop, so_does_one_that_is_about_to_be_deleted) {
  Json kept = run("evil", "tarpit", 20, "hangs");
  kept["metadata"]["finalizers"] = Json::array({"example.com/keep"});
  world->apply(kept);
  pass(Seconds(3));
  write({"evil", "tarpit"}, kube::Verb::Delete);
  pass(Seconds(1));
  EXPECT_TRUE(world->sim.server.get(api::kAnalysisRuns, {"evil", "tarpit"}));
  EXPECT_EQ(under_way(), 0U);
}

TEST_F(F4_Loop, so_does_one_that_becomes_another_controllers) {
  world->apply(run("evil", "tarpit", 20, "hangs"));
  pass(Seconds(3));
  EXPECT_EQ(under_way(), 15U);
  write({"evil", "tarpit"}, kube::Verb::MergePatch,
        {{"metadata", {{"labels", {{"argo-rollouts.argoproj.io/controller-instance-id", "x"}}}}}});
  pass(Seconds(1));
  EXPECT_EQ(under_way(), 0U);
}

// Made anew under its name, within one round of the loop or not: the first one's answers are not
// the second one's.
TEST_F(F4_Loop, a_run_that_is_made_anew_starts_anew) {
  world->apply(run("evil", "again", 5, "hangs"));
  pass(Seconds(3));
  write({"evil", "again"}, kube::Verb::Delete);
  world->apply(run("evil", "again", 3, "works"));
  pass(Seconds(1));
  EXPECT_EQ(asked["works"].size(), 3U);
  EXPECT_EQ(under_way(), 0U);
}

TEST_F(F4_Loop, so_does_one_that_is_terminated) {
  world->apply(run("evil", "tarpit", 256, "hangs"));
  pass(Seconds(3));
  write({"evil", "tarpit"}, kube::Verb::MergePatch, {{"spec", {{"terminate", true}}}});
  pass(Seconds(1));
  EXPECT_EQ(phase({"evil", "tarpit"}), "Successful");
  EXPECT_EQ(under_way(), 0U);
}

TEST_F(F4_Loop, so_does_one_that_another_metric_ends) {
  Json mixed = run("evil", "mixed", 10, "hangs");
  mixed["spec"]["metrics"].push_back(
      {{"name", "bad"},
       {"failureCondition", "true"},
       {"provider", {{"web", {{"url", "http://works/bad"}}}}}});
  world->apply(mixed);
  pass(Seconds(2));
  EXPECT_EQ(phase({"evil", "mixed"}), "Failed");
  EXPECT_EQ(under_way(), 0U);
}

TEST_F(F4_Loop, a_run_whose_spec_changes_asks_anew_and_the_old_queries_end) {
  world->apply(run("evil", "mended", 12, "hangs"));
  pass(Seconds(3));
  EXPECT_EQ(under_way(), 12U);
  write({"evil", "mended"}, kube::Verb::MergePatch,
        {{"spec", run("evil", "mended", 12, "works")["spec"]}});
  pass(Seconds(1));
  EXPECT_EQ(asked["works"].size(), 12U);
  EXPECT_EQ(under_way(), 0U);
}

TEST_F(F4_Loop, a_controller_that_loses_the_lead_lets_its_queries_go) {
  world->apply(run("evil", "tarpit", 12, "hangs"));
  pass(Seconds(3));
  EXPECT_EQ(under_way(), 12U);
  world->sim.set_partitioned(0, true);
  ASSERT_TRUE(world->sim.run_until([&] { return !world->sim.loop().leading(); }, Seconds(60)));
  pass(Millis(1));
  EXPECT_EQ(under_way(), 0U);
}

// The ceiling: whatever the metric says, a measurement ends within five minutes.
TEST_F(F4_Loop, no_query_hangs_longer_than_the_ceiling) {
  world->apply(run("evil", "tarpit", 1, "hangs"));
  pass(Seconds(299));
  EXPECT_EQ(asked["hangs"].size(), 1U);
  pass(Seconds(13));
  EXPECT_EQ(asked["hangs"].size(), 2U);
  const auto object = world->sim.server.get(api::kAnalysisRuns, {"evil", "tarpit"});
  EXPECT_THAT(kube::dump(*object), ::testing::HasSubstr("--metric-timeout-max"));
}

// Those of the tarpit that never get a slot say so.
TEST_F(F4_Loop, what_waits_too_long_for_a_slot_is_an_error_of_its_own_run_that_says_so) {
  world->apply(run("evil", "tarpit", 20, "hangs"));
  pass(Seconds(302));
  const auto object = world->sim.server.get(api::kAnalysisRuns, {"evil", "tarpit"});
  EXPECT_THAT(kube::dump(*object), ::testing::HasSubstr("no slot became free within 5m0s"));
}

}  // namespace
}  // namespace sluice::sim
