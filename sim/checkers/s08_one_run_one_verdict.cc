// S8: at most one unfinished AnalysisRun for the same question, and a bad verdict is not asked away
// by a second run.
#include <map>
#include <set>
#include <tuple>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class OneRunOneVerdict final : public Checker {
 public:
  OneRunOneVerdict() : Checker("S8") {}
  void changed(const Seen& seen) override {
    if (seen.rollout.before && seen.rollout.now) {
      const auto& before = *seen.rollout.before;
      const auto& now = *seen.rollout.now;
      // A retry or another template asks anew.
      if ((before.abort && !now.abort) || before.template_text != now.template_text) ask_anew();
    }
    if (!seen.run.now) return;
    const RunFacts& run = *seen.run.now;
    const Question question{run.hash, run.type, run.step};
    if (run.bad() && !earlier_.contains(run.uid)) bad_.emplace(question, run.name);
    if (seen.run.before) return;
    int open = 0;
    for (const auto& [name, other] : view().runs)
      if (Question{other.hash, other.type, other.step} == question && !other.over() &&
          !other.terminate)
        ++open;
    if (open > 1)
      report(seen, std::to_string(open) + " unfinished AnalysisRuns ask the same: " + run.name);
    if (const auto it = bad_.find(question); it != bad_.end() && it->second != run.name)
      report(seen, "AnalysisRun " + run.name + " asks again what " + it->second +
                       " has answered badly, without a retry");
  }

 private:
  using Question = std::tuple<std::string, std::string, std::string>;
  // Also what is yet to be recorded of a run that a person has seen fail is answered by the retry.
  void ask_anew() {
    bad_.clear();
    for (const auto& [name, run] : view().runs) earlier_.insert(run.uid);
  }
  std::map<Question, std::string> bad_;
  std::set<std::string> earlier_;  // runs of attempts that are over, by uid
};

}  // namespace

std::unique_ptr<Checker> one_run_one_verdict() {
  return std::make_unique<OneRunOneVerdict>();
}

}  // namespace sluice::sim::check
