// Speed: decoding watch lines, deciding.
#include <benchmark/benchmark.h>

#include "api/rollout.h"
#include "bench/fixture.h"
#include "kube/json/json.h"
#include "kube/json/node.h"
#include "kube/model/objects.h"

namespace sluice::bench {
namespace {

template <class Work>
void over_text(benchmark::State& state, const std::string& text, const Work& work) {
  for (auto _ : state) work(text);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
  state.SetItemsProcessed(state.iterations());
}

// The text alone, into simdjson's tape.
void Parse(benchmark::State& state) {
  over_text(state, load("canary-nginx-paused").first["Rollout"], [](const std::string& text) {
    auto document = kube::Document::parse(text);
    benchmark::DoNotOptimize(document->root());
  });
}
BENCHMARK(Parse);

// The same into a document that can be edited: what it would cost to do so for every watch line.
void ParseDom(benchmark::State& state) {
  over_text(state, load("canary-nginx-paused").first["Rollout"], [](const std::string& text) {
    benchmark::DoNotOptimize(kube::parse_json(text));
  });
}
BENCHMARK(ParseDom);

template <class Decode>
void decode(benchmark::State& state, const char* fixture, const char* kind, const Decode& decode) {
  over_text(state, load(fixture).first[kind], [&](const std::string& text) {
    auto document = kube::Document::parse(text);
    benchmark::DoNotOptimize(decode(document->root()));
  });
}
void DecodeRollout(benchmark::State& state) {
  decode(state, "canary-nginx-paused", "Rollout", api::decode_rollout);
}
void DecodeReplicaSet(benchmark::State& state) {
  decode(state, "canary-nginx-paused", "ReplicaSet", kube::decode_replica_set);
}
void DecodeService(benchmark::State& state) {
  decode(state, "canary-nginx-paused", "Service", kube::decode_service);
}
void DecodePod(benchmark::State& state) {
  decode(state, "canary-nginx-paused", "Pod", kube::decode_pod);
}
void DecodeAnalysisRun(benchmark::State& state) {
  decode(state, "canary-nginx-background-analysis", "AnalysisRun", api::decode_analysis_run);
}
BENCHMARK(DecodeRollout);
BENCHMARK(DecodeReplicaSet);
BENCHMARK(DecodeService);
BENCHMARK(DecodePod);
BENCHMARK(DecodeAnalysisRun);

// One pass over a Rollout with which nothing is to do at that time; `writes` = 0 says so.
void decide(benchmark::State& state, const std::string& name, const char* now) {
  const Fixture fixture = load(name, now);
  for (auto _ : state) benchmark::DoNotOptimize(rollout::decide(fixture.observed, fixture.now));
  state.SetItemsProcessed(state.iterations());
  state.counters["writes"] = static_cast<double>(
      rollout::decide(fixture.observed, fixture.now).writes().size());
}
void DecideIdle(benchmark::State& state) {
  decide(state, "canary-nginx-idle", "2026-11-21T14:28:20Z");
}
void DecidePaused(benchmark::State& state) {
  decide(state, "canary-nginx-paused", "2026-11-21T14:28:20Z");
}
void DecideBlueGreen(benchmark::State& state) {
  decide(state, "bluegreen-idle", "2026-11-21T14:29:00Z");
}
BENCHMARK(DecideIdle);
BENCHMARK(DecidePaused);
BENCHMARK(DecideBlueGreen);

}  // namespace
}  // namespace sluice::bench
