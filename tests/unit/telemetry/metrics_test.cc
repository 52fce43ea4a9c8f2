#include "telemetry/metrics.h"

#include <gmock/gmock.h>

#include <set>
#include <thread>

namespace sluice::telemetry {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class ManualClock final : public Clock {
 public:
  WallTime wall_now() override { return WallTime(Micros(0)); }
  MonoTime mono_now() override { return now; }
  MonoTime now{};
};

struct MetricsTest : testing::Test {
  void set_metric_phase(const char* phase) {
    EXPECT_TRUE(metrics.record(MetricType::Gauge, "analysis_run_metric_phase",
                               {{"namespace", "a"},
                                {"name", "r"},
                                {"metric", "errors"},
                                {"type", "Prometheus"},
                                {"dry_run", "false"},
                                {"phase", phase}},
                               1));
  }
  static std::string metric_phase(const std::string& phase, bool present) {
    return R"(analysis_run_metric_phase{dry_run="false",metric="errors",name="r",namespace="a",phase=")" +
           phase + R"(",type="Prometheus"} )" + (present ? "1" : "0");
  }
  ManualClock clock;
  Metrics metrics{clock};
};

TEST_F(MetricsTest, CountersAddUpAndCarryTheirHelp) {
  EXPECT_TRUE(metrics.record(
      MetricType::Counter, "rollout_events_total",
      {{"namespace", "shop"}, {"name", "web"}, {"type", "Normal"}, {"reason", "X"}}, 1));
  EXPECT_TRUE(metrics.record(
      MetricType::Counter, "rollout_events_total",
      {{"reason", "X"}, {"type", "Normal"}, {"name", "web"}, {"namespace", "shop"}}, 2));
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# HELP rollout_events_total Events recorded on a Rollout.\n# TYPE "
                              "rollout_events_total counter\n"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(rollout_events_total{name="web",namespace="shop",reason="X",type="Normal"} 3)"));
}

TEST_F(MetricsTest, GaugesTakeTheLastValue) {
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "rollout_info_replicas_desired",
                             {{"namespace", "a"}, {"name", "b"}}, 3));
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "rollout_info_replicas_desired",
                             {{"namespace", "a"}, {"name", "b"}}, 5));
  EXPECT_THAT(metrics.text(),
              HasSubstr("rollout_info_replicas_desired{name=\"b\",namespace=\"a\"} 5\n"));
}

TEST_F(MetricsTest, HistogramsHaveTheBucketsOfTheReference) {
  EXPECT_TRUE(metrics.record(MetricType::Histogram, "rollout_reconcile",
                             {{"namespace", "a"}, {"name", "b"}}, 0.2));
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("rollout_reconcile_count{name=\"b\",namespace=\"a\"} 1"));
  for (const char* bound :
       {"0.01\"} 0", "0.15\"} 0", "0.25\"} 1", "0.5\"} 1", "1\"} 1", "+Inf\"} 1"})
    EXPECT_THAT(text,
                HasSubstr(std::string("rollout_reconcile_bucket{name=\"b\",namespace=\"a\",le=\"") +
                          bound));
}

TEST_F(MetricsTest, InfoGaugesHaveOneSeriesPerObject) {
  for (const char* phase : {"Progressing", "Completed"})
    EXPECT_TRUE(metrics.record(MetricType::Gauge, "rollout_info",
                               {{"namespace", "a"},
                                {"name", "b"},
                                {"strategy", "canary"},
                                {"traffic_router", ""},
                                {"phase", phase}},
                               1));
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "rollout_info",
                             {{"namespace", "a"},
                              {"name", "c"},
                              {"strategy", "canary"},
                              {"traffic_router", ""},
                              {"phase", "Paused"}},
                             1));
  const std::string text = metrics.text();
  EXPECT_THAT(text, Not(ContainsRegex("\nrollout_info[{][^}]*Progressing")));
  EXPECT_THAT(text, ContainsRegex("\nrollout_info[{][^}]*Completed"));
  EXPECT_THAT(text, ContainsRegex("\nrollout_info[{][^}]*Paused"));
}

TEST_F(MetricsTest, WhatDoesNotFitIsRefusedAndChangesNothing) {
  EXPECT_FALSE(metrics.record(MetricType::Gauge, "rollout_reconcile_error",
                              {{"namespace", "a"}, {"name", "b"}}, 1));
  EXPECT_FALSE(
      metrics.record(MetricType::Counter, "rollout_reconcile_error", {{"namespace", "a"}}, 1));
  EXPECT_FALSE(metrics.record(MetricType::Counter, "rollout_reconcile_error",
                              {{"namespace", "a"}, {"nome", "b"}}, 1));
  EXPECT_FALSE(metrics.record(MetricType::Counter, "rollout_reconcile_error",
                              {{"namespace", "a"}, {"namespace", "b"}}, 1));
  EXPECT_FALSE(metrics.record(MetricType::Counter, "rollout_reconcile_error",
                              {{"namespace", "a"}, {"name", "b"}}, -1));
  EXPECT_FALSE(metrics.record(MetricType::Counter, "not a name", {}, 1));
  EXPECT_FALSE(metrics.record(MetricType::Counter, "sluice_x_total", {{"bad-label", "a"}}, 1));
  EXPECT_THAT(metrics.text(), Not(HasSubstr("rollout_reconcile_error")));
}

TEST_F(MetricsTest, NamesBeyondTheTableAreRegisteredByTheirFirstUse) {
  EXPECT_TRUE(metrics.record(MetricType::Counter, "sluice_seen_total", {{"kind", "x"}}, 1));
  EXPECT_TRUE(metrics.record(MetricType::Histogram, "sluice_wait_seconds", {}, 0.3));
  EXPECT_FALSE(metrics.record(MetricType::Counter, "sluice_seen_total", {{"other", "x"}}, 1));
  EXPECT_THAT(metrics.text(), HasSubstr("sluice_seen_total{kind=\"x\"} 1"));
}

TEST_F(MetricsTest, OfAForgottenObjectGaugesVanishAtOnceAndTheRestAfterOneMoreScrape) {
  const Telemetry::Labels web = {{"namespace", "a"}, {"name", "web"}};
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "rollout_info_replicas_desired", web, 3));
  EXPECT_TRUE(metrics.record(MetricType::Counter, "rollout_reconcile_error", web, 1));
  EXPECT_TRUE(metrics.record(MetricType::Histogram, "rollout_reconcile", web, 1));
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "rollout_info_replicas_desired",
                             {{"namespace", "b"}, {"name", "web"}}, 3));
  EXPECT_TRUE(metrics.record(MetricType::Counter, "workqueue_adds_total", {{"name", "web"}}, 1));
  metrics.forget("a", "web");
  std::string text = metrics.text();
  EXPECT_THAT(text, Not(HasSubstr("rollout_info_replicas_desired{name=\"web\",namespace=\"a\"}")));
  EXPECT_THAT(text, HasSubstr("rollout_reconcile_error{name=\"web\",namespace=\"a\"}"));
  EXPECT_THAT(text, HasSubstr("rollout_reconcile_count{name=\"web\",namespace=\"a\"}"));
  clock.now += Seconds(65);
  text = metrics.text();
  EXPECT_THAT(text, Not(HasSubstr("namespace=\"a\"")));
  EXPECT_THAT(text, HasSubstr("rollout_info_replicas_desired{name=\"web\",namespace=\"b\"} 3"));
  EXPECT_THAT(text, HasSubstr("workqueue_adds_total{name=\"web\"} 1"));
}

TEST_F(MetricsTest, AnObjectOfTheSameNameThatComesBackKeepsItsSeries) {
  EXPECT_TRUE(metrics.record(MetricType::Counter, "rollout_reconcile_error",
                             {{"namespace", "a"}, {"name", "b"}}, 1));
  metrics.forget("a", "b");
  EXPECT_TRUE(metrics.record(MetricType::Counter, "rollout_reconcile_error",
                             {{"namespace", "a"}, {"name", "b"}}, 1));
  clock.now += Seconds(100);
  EXPECT_THAT(metrics.text(), HasSubstr("rollout_reconcile_error{name=\"b\",namespace=\"a\"} 2"));
}

TEST_F(MetricsTest, AnObjectOfAnotherKindMayHaveTheSameName) {
  const Telemetry::Labels web = {{"namespace", "a"}, {"name", "web"}};
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "rollout_info_replicas_desired", web, 3));
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "analysis_template_info", web, 1));
  EXPECT_TRUE(metrics.record(MetricType::Counter, "analysis_run_reconcile_error", web, 1));
  for (const char* kind : {"rollouts", "analysisruns", "ingresses"})
    EXPECT_TRUE(metrics.record(MetricType::Counter, "controller_clientset_k8s_request_total",
                               {{"namespace", "a"},
                                {"name", "web"},
                                {"kind", kind},
                                {"verb", "Patch"},
                                {"status_code", "200"}},
                               1));
  metrics.forget("a", "analysis_run/web");
  metrics.forget("a", "ingress/web");
  clock.now += Seconds(65);
  std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("rollout_info_replicas_desired{"));
  EXPECT_THAT(text, HasSubstr("analysis_template_info{"));
  EXPECT_THAT(text, Not(HasSubstr("analysis_run_reconcile_error{")));
  EXPECT_THAT(text, HasSubstr("kind=\"rollouts\""));
  EXPECT_THAT(text, Not(HasSubstr("kind=\"analysisruns\"")));
  EXPECT_THAT(text, Not(HasSubstr("kind=\"ingresses\"")));
  metrics.forget("a", "rollout/web");
  text = metrics.text();
  EXPECT_THAT(text, Not(HasSubstr("rollout_info_replicas_desired{")));
  EXPECT_THAT(text, HasSubstr("analysis_template_info{"));
}

// Neither the length of a name nor what is in it may make it look like another one.
TEST_F(MetricsTest, OnlyTheVeryObjectIsForgotten) {
  for (const char* name : {"web", "web-2", "we", "webs"})
    EXPECT_TRUE(metrics.record(MetricType::Gauge, "rollout_info_replicas_desired",
                               {{"namespace", "a"}, {"name", name}}, 1));
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "rollout_info_replicas_desired",
                             {{"namespace", "aw"}, {"name", "eb"}}, 1));
  metrics.forget("a", "web");
  EXPECT_EQ(metrics.series_count(), 4U);
  EXPECT_THAT(metrics.text(), Not(HasSubstr("name=\"web\",")));
}

// The deprecated 0/1 gauges are read off the info gauges.
TEST_F(MetricsTest, PhasesStandSideBySideAndFollowTheInfoGauge) {
  const auto set = [&](const char* strategy, const char* phase) {
    EXPECT_TRUE(metrics.record(MetricType::Gauge, "rollout_info",
                               {{"namespace", "a"},
                                {"name", "b"},
                                {"strategy", strategy},
                                {"traffic_router", "Nginx"},
                                {"phase", phase}},
                               1));
  };
  const auto line = [](const std::string& strategy, const std::string& phase, int value) {
    return "rollout_phase{name=\"b\",namespace=\"a\",phase=\"" + phase + "\",strategy=\"" +
           strategy + "\"} " + std::to_string(value) + "\n";
  };
  set("canary", "Progressing");
  set("blueGreen", "Paused");
  std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# TYPE rollout_phase gauge\n"));
  for (const char* phase : {"Completed", "Progressing", "Paused", "Timeout", "Error", "Abort"})
    EXPECT_THAT(text, HasSubstr(line("blueGreen", phase, std::string(phase) == "Paused")));
  EXPECT_THAT(text, Not(HasSubstr("canary")));
  set("blueGreen", "InvalidSpec");
  text = metrics.text();
  for (const char* phase : {"Completed", "Progressing", "Paused", "Timeout", "Error", "Abort"})
    EXPECT_THAT(text, HasSubstr(line("blueGreen", phase, 0)));
  EXPECT_THAT(text, HasSubstr("traffic_router=\"Nginx\""));
  metrics.forget("a", "rollout/b");
  EXPECT_THAT(metrics.text(), Not(HasSubstr("rollout_")));
}

TEST_F(MetricsTest, APhaseThatIsNotSetYetIsPending) {
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "analysis_run_info",
                             {{"namespace", "a"}, {"name", "r"}, {"phase", ""}}, 1));
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr(R"(analysis_run_info{name="r",namespace="a",phase=""} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(analysis_run_phase{name="r",namespace="a",phase="Pending"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(analysis_run_phase{name="r",namespace="a",phase="Failed"} 0)"));
}

TEST_F(MetricsTest, MetricsOfARunHaveATypeAndSixPhases) {
  set_metric_phase("");
  set_metric_phase("Running");
  const std::string text = metrics.text();
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(analysis_run_metric_type{metric="errors",name="r",namespace="a",type="Prometheus"} 1)"));
  for (const char* phase :
       {"Pending", "Error", "Failed", "Successful", "Running", "Inconclusive"}) {
    EXPECT_THAT(text, HasSubstr(metric_phase(phase, std::string(phase) == "Running")));
  }
}

// There may be a hundred thousand finished runs: of those only what is true is said, and of their
// metrics nothing after a while.
TEST_F(MetricsTest, WhatIsOverIsSaidInFewWordsAndNotForEver) {
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "analysis_run_info",
                             {{"namespace", "a"}, {"name", "r"}, {"phase", "Failed"}}, 1));
  set_metric_phase("Failed");
  std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr(metric_phase("Failed", true)));
  EXPECT_THAT(text, Not(HasSubstr(metric_phase("Running", false))));
  EXPECT_THAT(text, HasSubstr(R"(analysis_run_phase{name="r",namespace="a",phase="Failed"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr(R"(phase="Successful"} 0)")));
  clock.now += Seconds(899);
  EXPECT_THAT(metrics.text(), HasSubstr(metric_phase("Failed", true)));
  clock.now += Seconds(1);
  text = metrics.text();
  EXPECT_THAT(text, Not(HasSubstr("analysis_run_metric")));
  EXPECT_THAT(text, HasSubstr(R"(analysis_run_info{name="r",namespace="a",phase="Failed"} 1)"));
  EXPECT_EQ(metrics.series_count(), 1U);
}

TEST_F(MetricsTest, WhatIsReadOffAnotherMetricIsNotRecorded) {
  EXPECT_FALSE(metrics.record(
      MetricType::Gauge, "rollout_phase",
      {{"namespace", "a"}, {"name", "b"}, {"strategy", "canary"}, {"phase", "Paused"}}, 1));
  EXPECT_EQ(metrics.series_count(), 0U);
}

// Caches of a standby are as warm as the leader's: sums over both would count everything twice.
TEST_F(MetricsTest, AStandbyIsSilentAboutObjects) {
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "rollout_controller_leader", {}, 0));
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "analysis_run_info",
                             {{"namespace", "a"}, {"name", "r"}, {"phase", ""}}, 1));
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "workqueue_depth", {{"name", "Rollouts"}}, 1));
  std::string text = metrics.text();
  EXPECT_THAT(text, Not(HasSubstr("analysis_run")));
  EXPECT_THAT(text, HasSubstr("workqueue_depth"));
  EXPECT_TRUE(metrics.record(MetricType::Gauge, "rollout_controller_leader", {}, 1));
  text = metrics.text();
  EXPECT_THAT(text, HasSubstr("analysis_run_info"));
  EXPECT_THAT(text, HasSubstr("analysis_run_phase"));
}

// More series than are written in one go: one head, every series once, in order.
TEST_F(MetricsTest, LargeFamiliesAreWrittenWhole) {
  constexpr int kCount = 3500;
  for (int i = 0; i < kCount; ++i)
    EXPECT_TRUE(metrics.record(MetricType::Gauge, "rollout_info_replicas_desired",
                               {{"namespace", "a"}, {"name", std::to_string(10'000 + i)}}, i));
  const std::string text = metrics.text();
  int lines = 0, heads = 0;
  std::size_t at = 0;
  while ((at = text.find("rollout_info_replicas_desired", at)) != std::string::npos) {
    ++(text[at - 1] == '\n' ? lines : heads);
    ++at;
  }
  EXPECT_EQ(lines, kCount);
  EXPECT_EQ(heads, 2);  // HELP and TYPE
  EXPECT_THAT(text, HasSubstr("{name=\"10000\",namespace=\"a\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("{name=\"13499\",namespace=\"a\"} 3499\n"));
}

TEST_F(MetricsTest, TheNumberOfSeriesIsBounded) {
  Metrics small(clock, 2);
  const auto desired = [&](const char* name) {
    return small.record(MetricType::Gauge, "rollout_info_replicas_desired",
                        {{"namespace", "a"}, {"name", name}}, 1);
  };
  EXPECT_TRUE(desired("one"));
  EXPECT_TRUE(desired("two"));
  EXPECT_FALSE(small.full());
  EXPECT_FALSE(desired("three"));
  EXPECT_TRUE(small.full());
  EXPECT_TRUE(desired("two"));
  small.forget("a", "one");
  EXPECT_TRUE(desired("three"));
  EXPECT_EQ(small.series_count(), 2U);
}

// A hundred thousand AnalysisRuns that come and go leave nothing behind.
TEST_F(MetricsTest, ObjectsThatComeAndGoLeaveNothing) {
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "run-" + std::to_string(i);
    const Telemetry::Labels run = {{"namespace", "a"}, {"name", name}};
    EXPECT_TRUE(metrics.record(MetricType::Gauge, "analysis_run_info",
                               {{"namespace", "a"}, {"name", name}, {"phase", "Running"}}, 1));
    EXPECT_TRUE(metrics.record(MetricType::Histogram, "analysis_run_reconcile", run, 0.1));
    metrics.forget("a", "analysis_run/" + name);
    clock.now += Seconds(1);
    ASSERT_LE(metrics.series_count(), 70U);  // those of the last 65 s
  }
  clock.now += Seconds(65);
  EXPECT_THAT(metrics.text(), Not(HasSubstr("analysis_run")));
  EXPECT_EQ(metrics.series_count(), 0U);
}

TEST_F(MetricsTest, LabelValuesAreEscaped) {
  EXPECT_TRUE(
      metrics.record(MetricType::Counter, "workqueue_adds_total", {{"name", "a\"b\\c\nd"}}, 1));
  EXPECT_THAT(metrics.text(), HasSubstr(R"(workqueue_adds_total{name="a\"b\\c\nd"} 1)"));
}

TEST_F(MetricsTest, TheProcessSpeaksForItself) {
  const std::string text = metrics.text();
  for (const char* name : {"process_cpu_seconds_total ", "process_resident_memory_bytes ",
                           "process_virtual_memory_bytes ", "process_start_time_seconds ",
                           "process_open_fds ", "process_max_fds "})
    EXPECT_THAT(text, HasSubstr(std::string("\n") + name));
}

TEST_F(MetricsTest, ThreadsMayScrapeWhileOthersCount) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 200; ++i) {
        const std::string name = std::to_string(i % 7);
        static_cast<void>(metrics.record(MetricType::Counter, "rollout_reconcile_error",
                                         {{"namespace", "a"}, {"name", name}}, 1));
        if (t == 0) metrics.forget("a", name);
        if (t == 1 && i % 20 == 0) static_cast<void>(metrics.text());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(metrics.text(), HasSubstr("rollout_reconcile_error"));
}

TEST(MetricTable, IsWellFormed) {
  std::set<std::string_view> names;
  for (const auto& spec : all_metrics()) {
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
    EXPECT_FALSE(spec.help.empty()) << spec.name;
    EXPECT_EQ(spec.buckets.empty(), spec.type != MetricType::Histogram) << spec.name;
    EXPECT_TRUE(std::is_sorted(spec.buckets.begin(), spec.buckets.end())) << spec.name;
    EXPECT_LE(spec.identity, static_cast<int>(spec.labels.size())) << spec.name;
  }
  EXPECT_EQ(all_metrics().size(), 36U);
}

TEST(MetricTable, WhatIsReadOffAnotherMetricFindsItsLabelsThere) {
  for (const auto& spec : all_metrics()) {
    if (spec.source.empty()) continue;
    const MetricSpec* source = find_metric(spec.source);
    ASSERT_NE(source, nullptr) << spec.name;
    EXPECT_TRUE(source->source.empty()) << spec.name;
    EXPECT_EQ(source->type, MetricType::Gauge) << spec.name;
    for (const auto label : spec.labels)
      EXPECT_EQ(std::count(source->labels.begin(), source->labels.end(), label), 1) << label;
  }
}

// What belongs to an object is found by it, and must not be left behind.
TEST(MetricTable, NamespaceAndNameComeFirst) {
  for (const auto& spec : all_metrics()) {
    const auto& labels = spec.labels;
    if (std::count(labels.begin(), labels.end(), "namespace") == 0) continue;
    ASSERT_GE(labels.size(), 2U) << spec.name;
    EXPECT_EQ(labels[0], "namespace") << spec.name;
    EXPECT_EQ(labels[1], "name") << spec.name;
  }
}

}  // namespace
}  // namespace sluice::telemetry
