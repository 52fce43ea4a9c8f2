#include <benchmark/benchmark.h>
#include <malloc.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "api/rollout.h"
#include "controller/rollout/rollout.h"
#include "kube/json/json.h"
#include "kube/json/node.h"
#include "kube/model/objects.h"

namespace sluice {
namespace {

struct Fixture {
  kube::Json items = kube::Json::array();
  std::string rollout, pod;
  rollout::Observed observed;
  WallTime now{};
};

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// The objects of a take-over fixture, whatever the layout of its lists.
void collect(const kube::Json& value, kube::Json& out) {
  if (value.is_object() && value.contains("kind") && value.contains("metadata")) {
    if (value.contains("items"))
      collect(value["items"], out);
    else
      out.push_back(value);
  } else if (value.is_object() || value.is_array()) {
    for (const auto& item : value) collect(item, out);
  }
}

Fixture load(const std::string& name) {
  Fixture out;
  const auto document = kube::parse_json(
      read(std::string(SLUICE_SOURCE_DIR) + "/tests/fixtures/takeover/" + name + ".json"));
  if (document) collect(*document, out.items);
  for (const auto& item : out.items) {
    const std::string text = kube::dump(item), kind = kube::get_string(item, "kind"),
                      key = kube::get_string(item, "metadata.name");
    const auto parsed = kube::Document::parse(text);
    if (!parsed) continue;
    const kube::Node node = parsed->root();
    if (kind == "Rollout") {
      out.rollout = text;
      out.observed.rollout = std::make_shared<api::Rollout>(api::decode_rollout(node));
    } else if (kind == "Pod") {
      out.pod = text;
    } else if (kind == "ReplicaSet") {
      out.observed.replica_sets.push_back(
          std::make_shared<kube::ReplicaSet>(kube::decode_replica_set(node)));
    } else if (kind == "Service") {
      out.observed.services[key] = std::make_shared<kube::Service>(kube::decode_service(node));
    } else if (kind == "Ingress") {
      out.observed.ingresses[key] = std::make_shared<kube::Ingress>(kube::decode_ingress(node));
    } else if (kind == "AnalysisRun") {
      out.observed.analysis_runs.push_back(
          std::make_shared<api::AnalysisRun>(api::decode_analysis_run(node)));
    } else if (kind == "AnalysisTemplate") {
      out.observed.analysis_templates[key] =
          std::make_shared<api::AnalysisTemplate>(api::decode_analysis_template(node));
    }
  }
  out.now = *parse_rfc3339("2026-11-21T15:00:00Z");
  return out;
}

void count_bytes(benchmark::State& state, const std::string& text) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void DecodePod(benchmark::State& state) {
  const std::string pod = load("canary-nginx-paused").pod;
  for (auto _ : state) {
    auto document = kube::Document::parse(pod);
    benchmark::DoNotOptimize(kube::decode_pod(document->root()));
  }
  count_bytes(state, pod);
}
BENCHMARK(DecodePod);

void DecodePodDom(benchmark::State& state) {
  const std::string pod = load("canary-nginx-paused").pod;
  for (auto _ : state) benchmark::DoNotOptimize(kube::parse_json(pod));
  count_bytes(state, pod);
}
BENCHMARK(DecodePodDom);

void DecodeRollout(benchmark::State& state) {
  const std::string text = load("canary-nginx-paused").rollout;
  for (auto _ : state) {
    auto document = kube::Document::parse(text);
    benchmark::DoNotOptimize(api::decode_rollout(document->root()));
  }
  count_bytes(state, text);
}
BENCHMARK(DecodeRollout);

void decide(benchmark::State& state, const std::string& name) {
  const Fixture fixture = load(name);
  for (auto _ : state) benchmark::DoNotOptimize(rollout::decide(fixture.observed, fixture.now));
  state.SetItemsProcessed(state.iterations());
}
void DecideIdle(benchmark::State& state) {
  decide(state, "canary-nginx-idle");
}
void DecideCanary(benchmark::State& state) {
  decide(state, "canary-nginx-paused");
}
BENCHMARK(DecideIdle);
BENCHMARK(DecideCanary);

void CachedRollout(benchmark::State& state) {
  const std::string text = load("canary-nginx-idle").rollout;
  constexpr int kObjects = 2000;
  for (auto _ : state) {
    const auto before = mallinfo2().uordblks;
    std::vector<std::shared_ptr<const api::Rollout>> cache;
    cache.reserve(kObjects);
    for (int i = 0; i < kObjects; ++i) {
      auto document = kube::Document::parse(text);
      cache.push_back(std::make_shared<api::Rollout>(api::decode_rollout(document->root())));
    }
    state.counters["bytes_per_object"] =
        static_cast<double>(mallinfo2().uordblks - before) / kObjects;
    state.counters["text_bytes"] = static_cast<double>(text.size());
  }
}
BENCHMARK(CachedRollout)->Iterations(3);

}  // namespace
}  // namespace sluice
