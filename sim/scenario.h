#pragma once
// One life of one Rollout under faults: a workflow, the knobs that a seed turns, and what came of
// it.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/checkers/checker.h"
#include "sim/faults.h"
#include "sim/metric_backend.h"
#include "sim/simulation.h"

namespace sluice::sim {

enum class Workflow {
  CanaryBasic,  // no traffic routing, an indefinite pause that a person ends
  CanaryNginx,  // the workload W5
  BlueGreen,    // pre- and post-promotion analysis
  AbortByUser,
  AbortByAnalysis,
  BlueGreenAbort,     // the post-promotion analysis fails: back to the stable version
  Retry,              // abort by a person, then a retry
  Rollback,           // back to the first version inside the update
  NewVersion,         // a third version over the running update
  DynamicNewVersion,  // the same with dynamicStableScale
  GateRetry,          // a step's analysis fails, a person retries at once, all is good; then a Job
  ApprovalRetry,      // blue/green by hand: approved, aborted before the switch, retried, approved
  TwoControllers,     // beside controllers with other instance ids, with Rollouts of their own
  Strangers,          // another namespace claims our runs and ReplicaSets, and a verdict is forged
};
inline constexpr Workflow kWorkflows[] = {Workflow::CanaryBasic,     Workflow::CanaryNginx,
                                          Workflow::BlueGreen,       Workflow::AbortByUser,
                                          Workflow::AbortByAnalysis, Workflow::BlueGreenAbort,
                                          Workflow::Retry,           Workflow::Rollback,
                                          Workflow::NewVersion,      Workflow::DynamicNewVersion,
                                          Workflow::GateRetry,       Workflow::ApprovalRetry,
                                          Workflow::TwoControllers,  Workflow::Strangers};
// What seeds below this mean does not change any more: they know the first nine workflows and six
// faults per write. The others know all that there is.
inline constexpr std::uint64_t kNewSeeds = 10'000'000;
inline constexpr std::size_t kFirstWorkflows = 9;
[[nodiscard]] std::string_view to_string(Workflow workflow);
[[nodiscard]] std::optional<Workflow> parse_workflow(std::string_view text);

struct Knobs {
  std::uint64_t seed = 1;
  Workflow workflow = Workflow::CanaryNginx;
  StageTimes pods;
  Millis latency{1}, metric_latency{5}, watch_delay{0};
  Micros human_delay{Seconds(10)};  // a person acts this long after the moment arose
  // A person acts this long after the update began, whatever has come of it by then. Not set: when
  // the workflow's step is reached, and human_delay has passed.
  std::optional<Micros> moment;
  std::map<std::string, MetricBackend::Script> metrics;
  bool may_end_promoted = false;  // an abort whose only evidence may die with a process
  std::vector<PlannedFault> faults;
  FaultInjector::Noise noise;
  int processes = 1;
  // Things that happen to the world this long after the update began.
  struct Happening {
    enum class Kind { Partition, Freeze, BreakWatches, ExpireWindows, JumpWall, ForgeVerdict };
    Kind kind = Kind::BreakWatches;
    Micros after{};
    Micros length{};  // Partition, Freeze; JumpWall: how far (it waits for a pause)
  };
  std::vector<Happening> happenings;
  // Somebody without rights in our namespace makes runs, Jobs and ReplicaSets in his own that name
  // our owners by uid, and says of all of them that they ended like this ("": nobody does).
  std::string strangers_say;
  std::string strangers_in = "evil";
  bool keep_history = false;
};
// One line: what a seed came to.
[[nodiscard]] std::string describe(const Knobs& knobs);

struct Outcome {
  std::vector<check::Violation> violations;
  std::string state;               // normalised end state
  std::string history;             // every stored change; with keep_history
  std::vector<WritePoint> points;  // write points in order
  std::vector<PlannedFault> struck;
  std::map<std::string, int>
      writes;  // successful, "verb resource[/subresource]" → count; no Leases, no Events
  int total_writes = 0, update_writes = 0;  // update_writes: since the first deployment was at rest
  std::map<std::string, int> update_writes_by_kind;
  int crashes = 0;
  Micros lasted{};
  std::vector<std::string> log_tail;
};

class Scenarios {
 public:
  using Crds = std::shared_ptr<const ApiServer::CrdBundle>;
  explicit Scenarios(Crds crds) : crds_(std::move(crds)) {}

  // A run without faults and with everyday times; computed once.
  [[nodiscard]] const Outcome& baseline(Workflow workflow);
  // Everything a seed decides.
  [[nodiscard]] Knobs knobs_of(std::uint64_t seed);
  [[nodiscard]] Outcome run(const Knobs& knobs);
  [[nodiscard]] const Crds& crds() const { return crds_; }
  // What belongs to the workflow of these knobs: answers, strangers, when people act.
  static void prepare(Knobs& knobs);
  // The metric script that makes an analysis abort; `mode` < kAbortModes.
  static constexpr std::uint64_t kAbortModes = 6;
  static void make_bad(Knobs& knobs, std::uint64_t mode);

 private:
  [[nodiscard]] Knobs first_knobs_of(std::uint64_t seed);
  [[nodiscard]] Knobs new_knobs_of(std::uint64_t seed);

  Crds crds_;
  std::map<Workflow, Outcome> baselines_;
};

}  // namespace sluice::sim
