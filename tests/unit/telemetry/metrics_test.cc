#include "telemetry/metrics.h"

#include <gmock/gmock.h>

#include <set>
#include <thread>

namespace sluice::telemetry {
namespace {

using testing::HasSubstr;
using testing::Not;

class ManualClock final : public Clock {
 public:
  WallTime wall_now() override { return WallTime(Micros(0)); }
  MonoTime mono_now() override { return now; }
  MonoTime now{};
};

struct MetricsTest : testing::Test {
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
  EXPECT_THAT(text, Not(HasSubstr("Progressing")));
  EXPECT_THAT(text, HasSubstr("Completed"));
  EXPECT_THAT(text, HasSubstr("Paused"));
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
  EXPECT_EQ(all_metrics().size(), 37U);
}

}  // namespace
}  // namespace sluice::telemetry
