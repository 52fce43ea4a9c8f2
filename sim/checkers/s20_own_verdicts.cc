// S20: a verdict is that of the Rollout's own objects, in its own namespace: what its status says
// of an AnalysisRun is what the run of that name says there (a bad verdict may run ahead of its
// record, never of its evidence), and what a run says of a Job is what its own Job says.
#include <algorithm>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class OwnVerdicts final : public Checker {
 public:
  OwnVerdicts() : Checker("S20") {}
  void changed(const Seen& seen) override {
    if (!seen.actor.controller()) return;
    if (seen.rollout.now) rollout_changed(seen, *seen.rollout.now);
    if (seen.run.now && seen.run.now->by_job) run_changed(seen, *seen.run.now);
  }

 private:
  void rollout_changed(const Seen& seen, const RolloutFacts& now) {
    for (const auto& [type, record] : now.run_records) {
      if (seen.rollout.before) {
        const auto before = seen.rollout.before->run_records.find(type);
        if (before != seen.rollout.before->run_records.end() && before->second == record) continue;
      }
      if (const std::string why = objection(record); !why.empty())
        report(seen, "the status says that AnalysisRun " + record.name + " is " + record.phase +
                         ", " + why);
    }
  }
  [[nodiscard]] std::string objection(const RunRecord& record) const {
    const auto run = view().runs.find(record.name);
    if (run == view().runs.end()) return "and there is none of that name in its namespace";
    const std::string stored = "and the one in its namespace is " + run->second.phase;
    if (record.phase == "Successful") return run->second.phase == "Successful" ? "" : stored;
    if (record.phase == "Failed" || record.phase == "Error")
      return view().speaks_against(run->second) ? "" : stored + ", with no answer against it";
    return "";
  }
  void run_changed(const Seen& seen, const RunFacts& run) {
    int complete = 0, failed = 0;
    for (const auto& [name, job] : view().jobs) {
      if (job.run_uid != run.uid) continue;
      complete += job.complete;
      failed += job.failed;
    }
    if (run.successful > complete || run.failed > failed)
      report(seen, "AnalysisRun " + run.name + " counts " + std::to_string(run.successful) +
                       " good and " + std::to_string(run.failed) + " bad Jobs; of its own, " +
                       std::to_string(complete) + " are complete and " + std::to_string(failed) +
                       " have failed");
  }
};

}  // namespace

std::unique_ptr<Checker> own_verdicts() {
  return std::make_unique<OwnVerdicts>();
}

}  // namespace sluice::sim::check
