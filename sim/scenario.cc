#include "sim/scenario.h"

#include <iterator>

#include <fmt/core.h>

#include "sim/scenario_run.h"

namespace sluice::sim {
namespace {

using Kind = MetricBackend::Kind;

constexpr StageTimes kAtOnce{Millis(0), Millis(1), Millis(1), Millis(10)};

StageTimes pod_times(SeededRng& rng) {
  switch (rng.below(10)) {
    case 0:
    case 1:
    case 2:
      return kAtOnce;
    case 3:
    case 4:
    case 5: {
      StageTimes minutes;
      minutes.ready = Millis(60'000 + rng.below(120'000));
      minutes.terminate = Millis(1'000 + rng.below(30'000));
      return minutes;
    }
    default:
      return {};
  }
}

Millis up_to(SeededRng& rng, std::uint64_t most) {
  return Millis(1 + rng.below(most));
}

// A few answers without data, fewer than the limit allows.
void gaps(Knobs& knobs, SeededRng& rng) {
  static constexpr Kind kMissing[] = {Kind::Empty, Kind::ServerError, Kind::Timeout};
  for (const char* analysis : {"background", "pre", "post"}) {
    MetricBackend::Script script;
    for (std::uint64_t i = 1 + rng.below(3); i > 0; --i)
      script.first.push_back(kMissing[rng.below(std::size(kMissing))]);
    knobs.metrics["app:v2 " + std::string(analysis)] = script;
  }
}

void happenings(Knobs& knobs, SeededRng& rng) {
  using H = Knobs::Happening;
  const auto some_time = [&] { return Micros(Millis(rng.below(240'000))); };
  if (rng.chance(0.2)) knobs.happenings.push_back({H::Kind::BreakWatches, some_time(), {}});
  if (rng.chance(0.2)) knobs.happenings.push_back({H::Kind::ExpireWindows, some_time(), {}});
  if (rng.chance(0.15))
    knobs.happenings.push_back(
        {H::Kind::Partition, some_time(), Millis(3'000 + rng.below(60'000))});
  if (rng.chance(0.2)) {
    knobs.processes = 2;
    const auto kind = rng.chance(0.5) ? H::Kind::Freeze : H::Kind::Partition;
    knobs.happenings.push_back({kind, some_time(), Millis(16'000 + rng.below(40'000))});
  }
  const bool jumps = knobs.workflow == Workflow::CanaryBasic ||
                     knobs.workflow == Workflow::CanaryNginx ||
                     knobs.workflow == Workflow::BlueGreen;
  if (jumps && rng.chance(0.3))
    knobs.happenings.push_back(
        {H::Kind::JumpWall, some_time(), Seconds(rng.chance(0.5) ? 3600 : -3600)});
}

// How fast pods, network, watches and people are.
void everyday(Knobs& knobs, SeededRng& rng) {
  knobs.pods = pod_times(rng);
  knobs.latency = up_to(rng, rng.chance(0.7) ? 3 : 50);
  knobs.metric_latency = up_to(rng, rng.chance(0.7) ? 20 : 3'000);
  if (rng.chance(0.4)) knobs.watch_delay = up_to(rng, 1'500);
  knobs.human_delay = Millis(rng.below(45'000));
}

// One cell of the table in turn, so that a long range of seeds fills it; often a second fault by
// chance.
void faults(Knobs& knobs, SeededRng& rng, const std::vector<WritePoint>& points, std::size_t kinds,
            std::uint64_t turn) {
  const std::uint64_t cells = points.size() * kinds;
  const auto cell = [&](std::uint64_t n) {
    return PlannedFault{points[n / kinds], kCellFaults[n % kinds]};
  };
  if (cells > 0 && !rng.chance(0.1)) knobs.faults.push_back(cell(turn * 7919 % cells));
  if (cells > 0 && rng.chance(0.4)) knobs.faults.push_back(cell(rng.below(cells)));
}

// Workflows in which a person may act at any moment.
bool has_moment(Workflow workflow) {
  switch (workflow) {
    case Workflow::AbortByUser:
    case Workflow::Retry:
    case Workflow::Rollback:
    case Workflow::NewVersion:
    case Workflow::DynamicNewVersion:
    case Workflow::ApprovalRetry:
    case Workflow::BlueGreen:  // a third version
      return true;
    case Workflow::CanaryBasic:
    case Workflow::CanaryNginx:
    case Workflow::AbortByAnalysis:
    case Workflow::BlueGreenAbort:
    case Workflow::GateRetry:
    case Workflow::TwoControllers:
    case Workflow::Strangers:
      break;
  }
  return false;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// They say the opposite of what is true.
void strangers(Knobs& knobs, SeededRng& rng) {
  const bool bad =
      knobs.workflow == Workflow::AbortByAnalysis || knobs.workflow == Workflow::BlueGreenAbort;
  if (rng.chance(0.5)) knobs.strangers_in = "a-" + knobs.strangers_in;  // sorts before ours
  if (knobs.strangers_say.empty() && rng.chance(0.25))
    knobs.strangers_say = bad ? "Successful" : rng.chance(0.5) ? "Failed" : "Error";
  if (rng.chance(0.2))
    knobs.happenings.push_back(
        {Knobs::Happening::Kind::ForgeVerdict, Micros(Millis(rng.below(150'000))), {}});
}

}  // namespace

std::string_view to_string(Workflow workflow) {
  switch (workflow) {
    case Workflow::CanaryBasic:
      return "canary-basic";
    case Workflow::CanaryNginx:
      return "canary-nginx";
    case Workflow::BlueGreen:
      return "blue-green";
    case Workflow::AbortByUser:
      return "abort-by-user";
    case Workflow::AbortByAnalysis:
      return "abort-by-analysis";
    case Workflow::BlueGreenAbort:
      return "blue-green-abort";
    case Workflow::Retry:
      return "retry";
    case Workflow::Rollback:
      return "rollback";
    case Workflow::NewVersion:
      return "new-version";
    case Workflow::DynamicNewVersion:
      return "dynamic-new-version";
    case Workflow::GateRetry:
      return "gate-retry";
    case Workflow::ApprovalRetry:
      return "approval-retry";
    case Workflow::TwoControllers:
      return "two-controllers";
    case Workflow::Strangers:
      return "strangers";
  }
  return "";
}

std::optional<Workflow> parse_workflow(std::string_view text) {
  for (const Workflow workflow : kWorkflows)
    if (to_string(workflow) == text) return workflow;
  return std::nullopt;
}

std::string describe(const Knobs& knobs) {
  std::string out = fmt::format("{} pods={}ms latency={}ms metrics={}ms watch-delay={}ms human={}s",
                                to_string(knobs.workflow),
                                (knobs.pods.schedule + knobs.pods.start + knobs.pods.ready).count(),
                                knobs.latency.count(), knobs.metric_latency.count(),
                                knobs.watch_delay.count(), knobs.human_delay.count() / 1'000'000);
  if (knobs.moment) out += fmt::format(" moment={}ms", knobs.moment->count() / 1000);
  for (const auto& fault : knobs.faults)
    out += fmt::format(" [{} at {}]", to_string(fault.fault), fault.point.text());
  if (knobs.noise.most > 0)
    out += fmt::format(" noise={}x{:.2f}", knobs.noise.most, knobs.noise.chance);
  if (knobs.processes > 1) out += fmt::format(" processes={}", knobs.processes);
  static constexpr std::string_view kNames[] = {"partition",      "freeze",    "break-watches",
                                                "expire-windows", "jump-wall", "forge-verdict"};
  for (const auto& item : knobs.happenings)
    out += fmt::format(" {}@{}s/{}s", kNames[static_cast<std::size_t>(item.kind)],
                       item.after.count() / 1'000'000, item.length.count() / 1'000'000);
  if (!knobs.strangers_say.empty())
    out += " strangers in " + knobs.strangers_in + " say " + knobs.strangers_say;
  for (const auto& [key, script] : knobs.metrics) {
    out += " metric(" + key + "):";
    for (const Kind kind : script.first) out += fmt::format(" {}", to_string(kind));
    out += fmt::format(" then {}", to_string(script.then));
  }
  return out;
}

void Scenarios::make_bad(Knobs& knobs, std::uint64_t mode) {
  static constexpr Kind kModes[kAbortModes] = {Kind::Bad,   Kind::Bad,         Kind::NotANumber,
                                               Kind::Empty, Kind::ServerError, Kind::Timeout};
  const bool once = mode == 1;
  MetricBackend::Script script;
  // Some good answers first, so that there is traffic to cut; missing data needs time to exceed its
  // limit.
  const std::uint64_t most = mode <= 2 && knobs.workflow == Workflow::AbortByAnalysis ? 4 : 2;
  script.first.assign(knobs.seed % most, Kind::Good);
  if (once)
    script.first.push_back(kModes[mode]);
  else
    script.then = kModes[mode];
  // Queries that hang are slower than the steps of the canary: the limit of errors may not be
  // reached in time.
  const bool slow = kModes[mode] == Kind::Timeout && knobs.workflow == Workflow::AbortByAnalysis;
  knobs.may_end_promoted = once || slow;
  knobs.metrics[knobs.workflow == Workflow::BlueGreenAbort ? "app:v2 post" : "app:v2 background"] =
      script;
}

void Scenarios::prepare(Knobs& knobs) {
  switch (knobs.workflow) {
    case Workflow::AbortByAnalysis:
    case Workflow::BlueGreenAbort:
      make_bad(knobs, 0);
      break;
    case Workflow::GateRetry:
      // In the second in which the abort is recorded, so that times in whole seconds say nothing.
      knobs.metrics["app:v2 step"].first = {Kind::Bad};
      knobs.human_delay = Micros(0);
      knobs.strangers_say = "Successful";
      break;
    case Workflow::Strangers:
      knobs.strangers_say = "Failed";
      knobs.happenings.push_back({Knobs::Happening::Kind::ForgeVerdict, Seconds(5), {}});
      break;
    case Workflow::CanaryBasic:
    case Workflow::CanaryNginx:
    case Workflow::BlueGreen:
    case Workflow::AbortByUser:
    case Workflow::Retry:
    case Workflow::Rollback:
    case Workflow::NewVersion:
    case Workflow::DynamicNewVersion:
    case Workflow::ApprovalRetry:
    case Workflow::TwoControllers:
      break;
  }
}

const Outcome& Scenarios::baseline(Workflow workflow) {
  if (const auto it = baselines_.find(workflow); it != baselines_.end()) return it->second;
  Knobs knobs;
  knobs.workflow = workflow;
  prepare(knobs);
  ScenarioRun run(knobs, crds_);
  if (run.play()) run.finish({});
  return baselines_.emplace(workflow, run.outcome()).first->second;
}

Knobs Scenarios::knobs_of(std::uint64_t seed) {
  return seed < kNewSeeds ? first_knobs_of(seed) : new_knobs_of(seed);
}

Knobs Scenarios::first_knobs_of(std::uint64_t seed) {
  SeededRng rng(seed);
  Knobs knobs;
  knobs.seed = seed;
  knobs.workflow = kWorkflows[seed % kFirstWorkflows];
  everyday(knobs, rng);
  if (knobs.workflow == Workflow::AbortByAnalysis || knobs.workflow == Workflow::BlueGreenAbort)
    make_bad(knobs, rng.below(kAbortModes));
  else if (rng.chance(0.3))
    gaps(knobs, rng);
  faults(knobs, rng, baseline(knobs.workflow).points, kFirstCellFaults, seed / kFirstWorkflows);
  if (rng.chance(0.2)) knobs.noise = {0.05, static_cast<int>(1 + rng.below(5))};
  happenings(knobs, rng);
  return knobs;
}

Knobs Scenarios::new_knobs_of(std::uint64_t seed) {
  SeededRng rng(seed);
  Knobs knobs;
  knobs.seed = seed;
  knobs.workflow = kWorkflows[seed % std::size(kWorkflows)];
  everyday(knobs, rng);
  // Seconds are what times in objects are cut to, so much happens within one.
  if (rng.chance(0.4)) knobs.human_delay = Millis(rng.below(2'000));
  const Micros human_delay = knobs.human_delay;
  prepare(knobs);
  if (rng.chance(0.7)) knobs.human_delay = human_delay;
  if (knobs.workflow == Workflow::AbortByAnalysis || knobs.workflow == Workflow::BlueGreenAbort)
    make_bad(knobs, rng.below(kAbortModes));
  else if (rng.chance(0.3))
    gaps(knobs, rng);
  if (has_moment(knobs.workflow) && rng.chance(0.7)) {
    knobs.moment = Millis(rng.below(rng.chance(0.3) ? 5'000 : 130'000));
    knobs.may_end_promoted = knobs.workflow == Workflow::AbortByUser;
  }
  faults(knobs, rng, baseline(knobs.workflow).points, std::size(kCellFaults),
         (seed - kNewSeeds) / std::size(kWorkflows));
  if (rng.chance(0.2)) knobs.noise = {0.05, static_cast<int>(1 + rng.below(5)), rng.chance(0.5)};
  happenings(knobs, rng);
  strangers(knobs, rng);
  return knobs;
}

Outcome Scenarios::run(const Knobs& knobs) {
  const auto state_of = [&](Workflow workflow) {
    if (!knobs.moment) return baseline(workflow).state;
    std::string state = without_empty(baseline(workflow).state);
    if (workflow == Workflow::BlueGreen) replace_all(state, "app:v2", "app:v3");
    return state;
  };
  std::set<std::string> accepted{state_of(knobs.workflow)};
  if (knobs.may_end_promoted)
    accepted.insert(state_of(knobs.workflow == Workflow::BlueGreenAbort ? Workflow::BlueGreen
                                                                        : Workflow::CanaryNginx));
  ScenarioRun run(knobs, crds_);
  if (run.play()) run.finish(accepted);
  return run.outcome();
}

}  // namespace sluice::sim
