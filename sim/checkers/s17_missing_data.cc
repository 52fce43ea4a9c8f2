// S17: what a metric answered decides as documented. For a success condition that compares the
// first element, NaN is a failed measurement, an empty answer, an error and a timeout are errors,
// and none of them ever counts as success.
#include <map>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class MissingDataDecidesNothing final : public Checker {
 public:
  MissingDataDecidesNothing() : Checker("S17") {}
  void metric(const MetricAnswer& answer) override {
    auto& tally = answers_[answer.hash];
    switch (answer.kind) {
      case MetricAnswer::Kind::Good:
        ++tally.good;
        break;
      case MetricAnswer::Kind::Bad:
      case MetricAnswer::Kind::NotANumber:
        ++tally.bad;
        break;
      case MetricAnswer::Kind::Empty:
      case MetricAnswer::Kind::ServerError:
      case MetricAnswer::Kind::Timeout:
        ++tally.missing;
        break;
    }
  }
  void changed(const Seen& seen) override {
    if (seen.rollout.before && seen.rollout.now)
      promoted(seen, *seen.rollout.before, *seen.rollout.now);
    if (!seen.run.now) return;
    Tally measured;
    for (const auto& [name, run] : view().runs) {
      if (run.hash != seen.run.now->hash) continue;
      measured.good += run.successful;
      measured.bad += run.failed;
      measured.missing += run.error;
    }
    const Tally& given = answers_[seen.run.now->hash];
    compare(seen, "successful", measured.good, given.good);
    compare(seen, "failed", measured.bad, given.bad);
    compare(seen, "erroneous", measured.missing, given.missing);
    verdict(seen);
  }

 private:
  struct Tally {
    int good = 0, bad = 0, missing = 0;
  };
  void compare(const Seen& seen, const char* what, int measured, int given) {
    if (measured > given)
      report(seen, std::to_string(measured) + " measurements count as " + what + ", but only " +
                       std::to_string(given) + " answers were");
  }
  // Limits as the scenarios declare them.
  void verdict(const Seen& seen) {
    const RunFacts& run = *seen.run.now;
    if (!run.over() || (seen.run.before && seen.run.before->over())) return;
    const bool failed = run.failed > run.failure_limit,
               error = run.consecutive_error > run.consecutive_error_limit;
    const std::string wanted = failed ? "Failed" : error ? "Error" : "Successful";
    // Terminated from outside: whatever has been measured stands.
    if (run.phase != wanted)
      report(seen, "AnalysisRun " + run.name + " ends " + run.phase + "; " +
                       std::to_string(run.successful) + " successful, " +
                       std::to_string(run.failed) + " failed and " +
                       std::to_string(run.consecutive_error) + " errors in a row mean " + wanted);
  }
  void promoted(const Seen& seen, const RolloutFacts& before, const RolloutFacts& now) {
    if (now.stable_hash == before.stable_hash || before.stable_hash.empty() || now.promote_full ||
        before.promote_full)
      return;
    // A background analysis that is short of its limits when the steps are done lets the version
    // pass, as documented; one that has to end by itself does not.
    for (const auto& [name, run] : view().runs)
      if (run.hash == now.stable_hash && run.bad())
        report(seen, now.stable_hash + " becomes stable although " + name + " ended " + run.phase);
    const Tally& given = answers_[now.stable_hash];
    if (now.post_promotion && given.good == 0 && given.bad + given.missing > 0)
      report(seen, now.stable_hash + " becomes stable although no metric ever answered well");
  }
  std::map<std::string, Tally> answers_;  // by hash
};

}  // namespace

std::unique_ptr<Checker> missing_data_decides_nothing() {
  return std::make_unique<MissingDataDecidesNothing>();
}

}  // namespace sluice::sim::check
