// Memory: bytes per cached object, and a whole fleet. Counted on the heap (mallinfo2), so that the
// numbers do not depend on the machine; the fleet also as resident memory.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <unistd.h>

#include <fstream>

#include "api/analysis.h"
#include "api/rollout.h"
#include "bench/fixture.h"
#include "controller/loop/rollout_probe.h"
#include "kube/cache/store.h"
#include "kube/json/json.h"
#include "kube/json/node.h"
#include "kube/model/objects.h"
#include "telemetry/metrics.h"
#include "telemetry/telemetry.h"

namespace sluice::bench {
namespace {

double heap_bytes() {
  const auto info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// The object of a fixture under another name, with the owner that object has got.
template <class T>
T renamed(T object, int number, int owner) {
  const std::string suffix = std::to_string(1'000'000 + number);
  object.meta.key.name += "-" + suffix;
  object.meta.uid.replace(0, suffix.size(), suffix);
  for (auto& reference : object.meta.owners) {
    const std::string owner_suffix = std::to_string(1'000'000 + owner);
    reference.name += "-" + owner_suffix;
    reference.uid.replace(0, owner_suffix.size(), owner_suffix);
  }
  return object;
}

// As a list fills a cache: text, tape, view, store.
template <class T, class Decode>
void fill(kube::Store<T>& store, const std::string& text, const Decode& decode, int count,
          int per_owner) {
  for (int i = 0; i < count; ++i) {
    auto document = kube::Document::parse(text);
    store.upsert(renamed(decode(document->root()), i, i / per_owner));
  }
}

template <class T, class Decode>
void cached(benchmark::State& state, const char* fixture, const char* kind, const Decode& decode,
            int per_owner = 1) {
  const std::string text = load(fixture).first[kind];
  constexpr int kObjects = 2000;
  for (auto _ : state) {
    kube::Store<T> store;
    const double before = heap_bytes();
    fill(store, text, decode, kObjects, per_owner);
    state.counters["bytes_per_object"] = (heap_bytes() - before) / kObjects;
  }
  state.counters["text_bytes"] = static_cast<double>(text.size());
  state.counters["view_bytes"] = sizeof(T);
}

void CachedRollout(benchmark::State& state) {
  cached<api::Rollout>(state, "canary-nginx-idle", "Rollout", api::decode_rollout);
}
void CachedReplicaSet(benchmark::State& state) {
  cached<kube::ReplicaSet>(state, "canary-nginx-idle", "ReplicaSet", kube::decode_replica_set, 3);
}
void CachedService(benchmark::State& state) {
  cached<kube::Service>(state, "canary-nginx-idle", "Service", kube::decode_service);
}
void CachedIngress(benchmark::State& state) {
  cached<kube::Ingress>(state, "canary-nginx-idle", "Ingress", kube::decode_ingress);
}
void CachedAnalysisRun(benchmark::State& state) {
  cached<api::AnalysisRun>(state, "canary-nginx-aborted-by-analysis", "AnalysisRun",
                           api::decode_analysis_run, 5);
}
BENCHMARK(CachedRollout)->Iterations(1);
BENCHMARK(CachedReplicaSet)->Iterations(1);
BENCHMARK(CachedService)->Iterations(1);
BENCHMARK(CachedIngress)->Iterations(1);
BENCHMARK(CachedAnalysisRun)->Iterations(1);

class NoClock final : public Clock {
 public:
  WallTime wall_now() override { return {}; }
  MonoTime mono_now() override { return {}; }
};

class MetricsOnly final : public Telemetry {
 public:
  explicit MetricsOnly(telemetry::Metrics& metrics) : metrics_(metrics) {}
  void log(LogLevel, std::string_view, std::vector<LogField>) override {}
  void count(std::string_view metric, Labels labels, double by) override {
    metrics_.record(telemetry::MetricType::Counter, metric, labels, by);
  }
  void gauge(std::string_view metric, Labels labels, double value) override {
    metrics_.record(telemetry::MetricType::Gauge, metric, labels, value);
  }
  void observe(std::string_view metric, Labels labels, double value) override {
    metrics_.record(telemetry::MetricType::Histogram, metric, labels, value);
  }
  void forget(std::string_view ns, std::string_view name) override { metrics_.forget(ns, name); }

 private:
  telemetry::Metrics& metrics_;
};

// 10,000 Rollouts with 3 ReplicaSets, 2 Services and 5 finished AnalysisRuns each: the caches, and
// the metrics about them.
void Fleet(benchmark::State& state) {
  Fixture idle = load("canary-nginx-idle"), analysed = load("canary-nginx-aborted-by-analysis");
  constexpr int kRollouts = 10'000;
  constexpr double kMega = 1e6;
  for (auto _ : state) {
    malloc_trim(0);
    const double heap = heap_bytes(), resident = resident_bytes();
    kube::Store<api::Rollout> rollouts;
    kube::Store<kube::ReplicaSet> sets;
    kube::Store<kube::Service> services;
    kube::Store<api::AnalysisRun> runs;
    fill(rollouts, idle.first["Rollout"], api::decode_rollout, kRollouts, 1);
    fill(sets, idle.first["ReplicaSet"], kube::decode_replica_set, 3 * kRollouts, 3);
    fill(services, idle.first["Service"], kube::decode_service, 2 * kRollouts, 2);
    fill(runs, analysed.first["AnalysisRun"], api::decode_analysis_run, 5 * kRollouts, 5);
    state.counters["caches_heap_MB"] = (heap_bytes() - heap) / kMega;
    state.counters["caches_resident_MB"] = (resident_bytes() - resident) / kMega;
    const double before_metrics = heap_bytes();
    NoClock clock;
    telemetry::Metrics metrics(clock);
    MetricsOnly telemetry(metrics);
    rollouts.each([&](const api::Rollout& object) {
      loop::publish(telemetry, object);
      telemetry.observe("rollout_reconcile",
                        {{"namespace", object.meta.key.namespace_}, {"name", object.meta.key.name}},
                        0.001);
    });
    runs.each([&](const api::AnalysisRun& object) { loop::publish(telemetry, object, true); });
    state.counters["metrics_heap_MB"] = (heap_bytes() - before_metrics) / kMega;
    state.counters["series"] = static_cast<double>(metrics.series_count());
    state.counters["metrics_bytes_per_series"] =
        (heap_bytes() - before_metrics) / static_cast<double>(metrics.series_count());
    state.counters["scrape_MB"] = static_cast<double>(metrics.text().size()) / kMega;
  }
}
BENCHMARK(Fleet)->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace sluice::bench
