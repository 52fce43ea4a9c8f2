// Memory: bytes per cached object, and a whole fleet. Counted on the heap (mallinfo2), so that the
// numbers do not depend on the machine; the fleet also as resident memory.
#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <malloc.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "api/analysis.h"
#include "api/rollout.h"
#include "bench/fixture.h"
#include "controller/loop/loop.h"
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

// What differs between the objects of a real fleet, made from a number.
class Variety {
 public:
  explicit Variety(std::uint64_t seed) : random_(seed) {}
  std::string hex(std::size_t length) {
    std::string out;
    for (std::size_t i = 0; i < length; ++i) out += "0123456789abcdef"[random_() % 16];
    return out;
  }
  std::string uid() {
    return hex(8) + "-" + hex(4) + "-4" + hex(3) + "-a" + hex(3) + "-" + hex(12);
  }
  // Of the same length, somewhere in the same month.
  std::string time() {
    return fmt::format("2026-11-{:02}T{:02}:{:02}:{:02}Z", 1 + random_() % 28, random_() % 24,
                       random_() % 60, random_() % 60);
  }

 private:
  std::mt19937_64 random_;
};

bool looks_like_time(const std::string& text) {
  return text.size() == 20 && text[10] == 'T' && text.back() == 'Z';
}
bool looks_like_hash(const std::string& text) {
  return text.size() >= 8 && text.size() <= 10 &&
         text.find_first_not_of("0123456789abcdef") == text.npos;
}

void vary_strings(kube::Json& value, Variety& own, const std::string& hash) {
  if (value.is_structured()) {
    for (auto& item : value) vary_strings(item, own, hash);
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (looks_like_time(text)) value = own.time();
    if (looks_like_hash(text)) value = hash;
  }
}

// The object of a fixture as another one of a fleet: names, uids, hashes and times are its own.
std::string varied(const kube::Json& object, int number, int owner) {
  Variety own(static_cast<std::uint64_t>(number) + 1'000'000);
  Variety family(static_cast<std::uint64_t>(owner));
  const std::string family_uid = family.uid(), hash = family.hex(10);
  const std::string suffix = "-" + std::to_string(1'000'000 + number);
  kube::Json out = object;
  vary_strings(out, own, hash);
  auto& metadata = out["metadata"];
  metadata["name"] = metadata["name"].get<std::string>() + suffix;
  metadata["namespace"] = "team-" + std::to_string(owner % 200);
  metadata["uid"] = metadata.contains("ownerReferences") ? own.uid() : family_uid;
  metadata["resourceVersion"] = std::to_string(100'000'000 + number);
  if (metadata.contains("ownerReferences")) {
    for (auto& reference : metadata["ownerReferences"]) {
      reference["name"] =
          reference["name"].get<std::string>() + "-" + std::to_string(1'000'000 + owner);
      reference["uid"] = family_uid;
    }
  }
  return kube::dump(out);
}

const std::size_t kViewsMax = loop::Options{}.cached_views_max;

// As a list fills a cache: text, tape, view, store.
template <class T>
void fill(kube::Store<T>& store, const std::string& text, T (*decode)(kube::Node), int count,
          int per_owner) {
  const kube::Json object = *kube::parse_json(text);
  store.rest_unread(kViewsMax, decode);
  for (int i = 0; i < count; ++i) {
    auto document = kube::Document::parse(varied(object, i, i / per_owner));
    store.upsert(decode(document->root()));
  }
}

// `views_max` objects as views; the others at rest.
template <class T>
void cached(benchmark::State& state, const char* fixture, const char* kind,
            T (*decode)(kube::Node), int per_owner = 1) {
  const std::string text = load(fixture).first[kind];
  constexpr int kObjects = 5000;
  for (auto _ : state) {
    kube::Store<T> store;
    const double before = heap_bytes();
    fill(store, text, decode, kObjects, per_owner);
    const double views_before = heap_bytes();
    std::vector<std::shared_ptr<const T>> views;
    store.each([&](const T& object) {
      const auto document = kube::Document::parse(*object.raw);
      views.push_back(std::make_shared<const T>(decode(document->root())));
    });
    const double as_view = (heap_bytes() - views_before) / kObjects;
    const auto kept = static_cast<double>(store.views());
    state.counters["bytes_as_view"] = as_view;
    // What the views that the store keeps take is not the objects' own.
    state.counters["bytes_at_rest"] = (views_before - before - kept * as_view) / (kObjects - kept);
  }
  state.counters["text_bytes"] = static_cast<double>(text.size());
}

// A read of an object at rest: unpacked, parsed, and a view made of it.
template <class T>
void read_at_rest(benchmark::State& state, const char* fixture, const char* kind,
                  T (*decode)(kube::Node)) {
  constexpr int kObjects = 2000;
  const kube::Json object = *kube::parse_json(load(fixture).first[kind]);
  kube::Store<T> store;
  store.rest_unread(0, decode);
  std::vector<kube::ObjectKey> keys;
  for (int i = 0; i < kObjects; ++i) {
    T view = decode(kube::Document::parse(varied(object, i, i))->root());
    keys.push_back(view.meta.key);
    store.upsert(std::move(view));
  }
  std::size_t next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(store.get(keys[next++ % kObjects]));
  state.SetItemsProcessed(state.iterations());
}
void ReadAtRestRollout(benchmark::State& state) {
  read_at_rest<api::Rollout>(state, "canary-nginx-idle", "Rollout", api::decode_rollout);
}
void ReadAtRestReplicaSet(benchmark::State& state) {
  read_at_rest<kube::ReplicaSet>(state, "canary-nginx-idle", "ReplicaSet",
                                 kube::decode_replica_set);
}
void ReadAtRestService(benchmark::State& state) {
  read_at_rest<kube::Service>(state, "canary-nginx-idle", "Service", kube::decode_service);
}
void ReadAtRestAnalysisRun(benchmark::State& state) {
  read_at_rest<api::AnalysisRun>(state, "canary-nginx-aborted-by-analysis", "AnalysisRun",
                                 api::decode_analysis_run);
}
BENCHMARK(ReadAtRestRollout);
BENCHMARK(ReadAtRestReplicaSet);
BENCHMARK(ReadAtRestService);
BENCHMARK(ReadAtRestAnalysisRun);

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
  cached<kube::Object>(state, "canary-nginx-idle", "Ingress", kube::decode_object);
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

// 10,000 Rollouts with 3 ReplicaSets, 2 Services, an Ingress and 5 finished AnalysisRuns each: the
// caches, and the metrics about them.
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
    kube::Store<kube::Object> ingresses;
    kube::Store<api::AnalysisRun> runs;
    fill(rollouts, idle.first["Rollout"], api::decode_rollout, kRollouts, 1);
    fill(sets, idle.first["ReplicaSet"], kube::decode_replica_set, 3 * kRollouts, 3);
    fill(services, idle.first["Service"], kube::decode_service, 2 * kRollouts, 2);
    fill(ingresses, idle.first["Ingress"], kube::decode_object, kRollouts, 1);
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
