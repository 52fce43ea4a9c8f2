// What the loop reports: labels of API requests, queues, and gauges about objects (clients.md §4).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "controller/loop/queue.h"
#include "controller/loop/queue_metrics.h"
#include "controller/loop/request_metrics.h"
#include "controller/loop/requests.h"
#include "controller/loop/rollout_probe.h"

namespace sluice::loop {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Keeps each use as "name{value,value} number", values in the order given.
class Recorded final : public Telemetry {
 public:
  void log(LogLevel, std::string_view, std::vector<LogField>) override {}
  void count(std::string_view metric, Labels labels, double by) override {
    add(metric, labels, by);
  }
  void gauge(std::string_view metric, Labels labels, double value) override {
    add(metric, labels, value);
  }
  void observe(std::string_view metric, Labels labels, double value) override {
    add(metric, labels, value);
  }
  void forget(std::string_view object_namespace, std::string_view object_name) override {
    uses.push_back("forget " + std::string(object_namespace) + " " + std::string(object_name));
  }
  std::vector<std::string> take() { return std::exchange(uses, {}); }

 private:
  void add(std::string_view metric, Labels labels, double value) {
    std::string text(metric);
    text += '{';
    for (const auto& [name, label] : labels) text += std::string(label) + ",";
    if (text.back() == ',') text.pop_back();
    std::string number = std::to_string(value);
    number.erase(number.find_last_not_of('0') + 1);
    if (number.back() == '.') number.pop_back();
    uses.push_back(text + "} " + number);
  }
  std::vector<std::string> uses;
};

TEST(RequestMetrics, LabelsAreReadOffMethodAndPath) {
  struct Case {
    const char *method, *url, *kind, *ns, *name, *verb;
  };
  for (const auto& c : {
           Case{"GET", "/apis/argoproj.io/v1alpha1/rollouts?limit=500", "rollouts", "", "N/A",
                "List"},
           Case{"GET", "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts?watch=1", "rollouts",
                "shop", "N/A", "Watch"},
           Case{"GET", "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts?watch=false",
                "rollouts", "shop", "N/A", "List"},
           Case{"GET", "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web", "rollouts",
                "shop", "web", "Get"},
           Case{"PATCH", "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status",
                "rollouts", "shop", "web", "Patch"},
           Case{"PUT", "/apis/coordination.k8s.io/v1/namespaces/argo/leases/lock", "leases", "argo",
                "lock", "Update"},
           Case{"DELETE", "/apis/argoproj.io/v1alpha1/namespaces/shop/analysisruns/r",
                "analysisruns", "shop", "r", "Delete"},
           Case{"POST", "/apis/apps/v1/namespaces/shop/replicasets", "replicasets", "shop", "N/A",
                "Create"},
           // Their names never end: one series for all.
           Case{"PATCH", "/apis/apps/v1/namespaces/shop/replicasets/web-abc", "replicasets", "shop",
                "N/A", "Patch"},
           Case{"PATCH", "/api/v1/namespaces/shop/events/web.17", "events", "shop", "N/A", "Patch"},
           Case{"POST", "/api/v1/namespaces/shop/pods/web-1/eviction", "pods", "shop", "N/A",
                "Create"},
           Case{"GET", "/api/v1/namespaces/shop/secrets/token", "secrets", "shop", "N/A", "Get"},
           Case{"PATCH", "/api/v1/namespaces/shop/services/web", "services", "shop", "web",
                "Patch"},
           Case{"GET", "/version", "Unknown", "Unknown", "Unknown", "Unknown"},
           Case{"BREW", "/api/v1/namespaces/shop/services/web", "Unknown", "Unknown", "Unknown",
                "Unknown"},
       }) {
    const RequestLabels got = request_labels(c.method, c.url);
    EXPECT_EQ(got.kind, c.kind) << c.url;
    EXPECT_EQ(got.namespace_, c.ns) << c.url;
    EXPECT_EQ(got.name, c.name) << c.url;
    EXPECT_EQ(got.verb, c.verb) << c.url;
  }
}

class SilentTransport final : public Transport {
 public:
  RequestToken submit(http::Request) override { return ++last; }
  void cancel(RequestToken) override {}
  void poll(std::vector<TransportEvent>&, Millis) override {}
  void wake() override {}
  RequestToken last = 0;
};

TEST(RequestMetrics, EveryAnswerOfTheApiServerIsCountedOnce) {
  SilentTransport transport;
  Recorded telemetry;
  Requests requests(transport, &telemetry);
  const auto send = [&](const char* url) {
    http::Request request;
    request.url = url;
    return requests.submit(request, [](const TransportEvent&) {});
  };
  const auto event = [&](RequestToken token, TransportEvent::Kind kind, int status) {
    TransportEvent out;
    out.token = token;
    out.kind = kind;
    out.response.status = status;
    requests.dispatch(out);
  };
  using Kind = TransportEvent::Kind;
  const std::string name = "controller_clientset_k8s_request_total";
  const auto watch = send("/api/v1/services?watch=1");
  event(watch, Kind::StreamOpened, 200);
  event(watch, Kind::StreamData, 200);
  event(watch, Kind::StreamData, 200);
  event(watch, Kind::Failed, 0);
  EXPECT_THAT(telemetry.take(), ElementsAre(name + "{services,,N/A,Watch,200} 1"));
  event(send("/api/v1/services?watch=1"), Kind::Failed, 0);
  EXPECT_THAT(telemetry.take(), ElementsAre(name + "{services,,N/A,Watch,0} 1"));
  event(send("/api/v1/namespaces/a/services/b"), Kind::Response, 429);
  EXPECT_THAT(telemetry.take(), ElementsAre(name + "{services,a,b,Get,429} 1"));
  event(send("http://prometheus:9090/api/v1/query"), Kind::Response, 200);
  EXPECT_THAT(telemetry.take(), IsEmpty());
}

TEST(QueueMetricsTest, AKeyIsFollowedFromItsTriggerToItsEnd) {
  Recorded telemetry;
  QueueMetrics metrics(telemetry);
  KeyQueue queue;
  queue.report_to(metrics);
  const Key key{KeyKind::AnalysisRun, {"a", "b"}};
  const auto at = [](int seconds) { return MonoTime(Seconds(100 + seconds)); };
  queue.mark(key, Lane::Normal, "one", at(0));
  queue.mark(key, Lane::Urgent, "merged", at(1));
  EXPECT_THAT(telemetry.take(), ElementsAre("workqueue_adds_total{AnalysisRuns} 1"));
  metrics.publish(at(1));
  EXPECT_THAT(telemetry.take(), Contains("workqueue_depth{AnalysisRuns} 1"));

  ASSERT_TRUE(queue.take(at(2)));
  EXPECT_THAT(telemetry.take(), ElementsAre("workqueue_queue_duration_seconds{AnalysisRuns} 2"));
  metrics.publish(at(5));
  EXPECT_THAT(telemetry.take(),
              UnorderedElementsAre("workqueue_depth{AnalysisRuns} 0",
                                   "workqueue_unfinished_work_seconds{AnalysisRuns} 3",
                                   "workqueue_longest_running_processor_seconds{AnalysisRuns} 3"));
  queue.done(key, at(6));
  EXPECT_THAT(telemetry.take(), ElementsAre("workqueue_work_duration_seconds{AnalysisRuns} 4"));
  metrics.publish(at(6));
  EXPECT_THAT(telemetry.take(),
              UnorderedElementsAre("workqueue_unfinished_work_seconds{AnalysisRuns} 0",
                                   "workqueue_longest_running_processor_seconds{AnalysisRuns} 0"));
  metrics.publish(at(7));
  EXPECT_THAT(telemetry.take(), IsEmpty());
}

TEST(QueueMetricsTest, FailuresAreRetriesAndForgottenKeysLeaveNothing) {
  Recorded telemetry;
  QueueMetrics metrics(telemetry);
  KeyQueue queue;
  queue.report_to(metrics);
  SeededRng rng(1);
  const Key key{KeyKind::Rollout, {"a", "b"}};
  const MonoTime now(Seconds(100));
  queue.mark(key, Lane::Normal, "one", now);
  ASSERT_TRUE(queue.take(now));
  telemetry.take();
  queue.failed(key, now, rng);
  EXPECT_THAT(telemetry.take(), ElementsAre("workqueue_work_duration_seconds{Rollouts} 0",
                                            "workqueue_retries_total{Rollouts} 1"));
  queue.mark(key, Lane::Urgent, "again", now);
  queue.forget(key);
  metrics.publish(now);
  EXPECT_THAT(telemetry.take(), Contains("workqueue_depth{Rollouts} 0"));
  queue.mark(key, Lane::Normal, "once more", now);
  ASSERT_TRUE(queue.take(now));
  queue.forget(key);
  metrics.publish(now + Seconds(9));
  EXPECT_THAT(telemetry.take(),
              testing::Not(Contains("workqueue_unfinished_work_seconds{Rollouts} 9")));
}

api::Rollout rollout() {
  api::Rollout out;
  out.meta.key = {"shop", "web"};
  return out;
}

TEST(ObjectMetrics, TheRouterIsTheLastOfTheKnownOnes) {
  struct Case {
    std::vector<std::string> others;
    bool nginx;
    const char* label;
  };
  for (const auto& c : {Case{{}, false, ""}, Case{{}, true, "Nginx"}, Case{{"istio"}, false, "Istio"},
                        Case{{"istio", "alb"}, true, "Nginx"}, Case{{"smi"}, true, "SMI"},
                        Case{{"appMesh", "ambassador"}, false, "AppMesh"},
                        Case{{"traefik", "apisix", "plugins"}, false, ""}}) {
    Recorded telemetry;
    api::Rollout object = rollout();
    object.spec.canary.emplace().traffic_routing.emplace().other_routers = c.others;
    if (c.nginx) object.spec.canary->traffic_routing->nginx.emplace();
    publish(telemetry, object);
    EXPECT_THAT(telemetry.take(),
                Contains("rollout_info{shop,web,canary," + std::string(c.label) + ",Progressing} 1"));
  }
}

TEST(ObjectMetrics, AnUpdateIsMeasuredOnceWhenItsEndIsRecorded) {
  Recorded telemetry;
  api::Rollout running = rollout();
  running.status.duration.emplace().rollout_started_at = WallTime(Seconds(1000));
  api::Rollout ended = running;
  ended.status.duration->finished_at = WallTime(Seconds(1300));
  ended.status.duration->completion_status = "Promoted";
  ended.status.duration->total_manual_pause_seconds = 120;
  publish_durations(telemetry, nullptr, running);
  EXPECT_THAT(telemetry.take(), IsEmpty());
  publish_durations(telemetry, &running, ended);
  EXPECT_THAT(telemetry.take(),
              ElementsAre("rollout_duration_seconds{Promoted} 300",
                          "rollout_progression_duration_seconds{Promoted} 180",
                          "rollout_manual_pause_duration_seconds{Promoted} 120"));
  publish_durations(telemetry, &ended, ended);
  EXPECT_THAT(telemetry.take(), IsEmpty());
}

TEST(ObjectMetrics, AnAnalysisRunShowsEachOfItsMetrics) {
  Recorded telemetry;
  api::AnalysisRun run;
  run.meta.key = {"shop", "r"};
  run.status.phase = api::AnalysisPhase::Running;
  for (const char* name : {"errors", "latency"}) {
    api::Metric metric;
    metric.name = name;
    metric.provider_kind = std::string(name) == "errors" ? "prometheus" : "newRelic";
    run.spec.metrics.push_back(metric);
  }
  run.spec.dry_run.push_back({"latency"});
  api::MetricResult result;
  result.name = "errors";
  result.phase = api::AnalysisPhase::Failed;
  run.status.metric_results.push_back(result);
  publish(telemetry, run);
  EXPECT_THAT(telemetry.take(),
              ElementsAre("analysis_run_info{shop,r,Running} 1",
                          "analysis_run_metric_phase{shop,r,errors,Prometheus,false,Failed} 1",
                          "analysis_run_metric_phase{shop,r,latency,NewRelic,true,} 1"));
  // How long its passes took is of no interest once it is over.
  run.status.phase = api::AnalysisPhase::Failed;
  publish(telemetry, run);
  auto uses = telemetry.take();
  EXPECT_THAT(uses, Contains("forget shop analysis_run/r"));
  EXPECT_THAT(uses, Contains("analysis_run_metric_phase{shop,r,errors,Prometheus,false,Failed} 1"));
  // One that was over before we came: only that it is.
  publish(telemetry, run, true);
  EXPECT_THAT(telemetry.take(),
              ElementsAre("forget shop analysis_run/r", "analysis_run_info{shop,r,Failed} 1"));
}

TEST(ObjectMetrics, ATemplateThatLosesAMetricLosesItsSeries) {
  Recorded telemetry;
  api::AnalysisTemplate item;
  item.meta.key = {"", "success"};
  item.spec.metrics.emplace_back().name = "rate";
  item.spec.metrics.back().provider_kind = "odd";
  publish(telemetry, item);
  EXPECT_THAT(telemetry.take(),
              ElementsAre("forget  analysis_template/success", "analysis_template_info{,success} 1",
                          "analysis_template_metric_info{,success,Unknown Provider,rate} 1"));
}

}  // namespace
}  // namespace sluice::loop
