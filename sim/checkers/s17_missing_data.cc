// S17: what a metric answered decides as documented. For a success condition that compares the
// first element, NaN is a failed measurement, an empty answer, an error and a timeout are errors,
// and none of them ever counts as success. Measurements are the answers in their order: none
// invented, and none left out while the process that asked goes on leading. A version for which a
// process has heard a bad answer is not promoted by it.
#include <map>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

constexpr Seconds kActsWithin{5};  // from a bad answer to the abort

enum class Meaning { Good, Bad, Missing };

Meaning meaning_of(MetricAnswer::Kind kind) {
  switch (kind) {
    case MetricAnswer::Kind::Good:
      return Meaning::Good;
    case MetricAnswer::Kind::Bad:
    case MetricAnswer::Kind::NotANumber:
      return Meaning::Bad;
    case MetricAnswer::Kind::Empty:
    case MetricAnswer::Kind::ServerError:
    case MetricAnswer::Kind::Timeout:
      break;
  }
  return Meaning::Missing;
}

std::string_view phase_of(Meaning meaning) {
  return meaning == Meaning::Good ? "Successful" : meaning == Meaning::Bad ? "Failed" : "Error";
}

class MissingDataDecidesNothing final : public Checker {
 public:
  MissingDataDecidesNothing() : Checker("S17") {}
  void metric(const MetricAnswer& answer) override {
    answers_[answer.hash + " " + answer.analysis].push_back({meaning_of(answer.kind), answer.mono});
  }
  void changed(const Seen& seen) override {
    if (seen.rollout.before && seen.rollout.now) {
      const auto& before = *seen.rollout.before;
      const auto& now = *seen.rollout.now;
      // After a retry, or for another template, everything is asked anew.
      if ((before.abort && !now.abort) || before.template_text != now.template_text)
        heard_from_ = seen.mono;
      promoted(seen, before, now);
    }
    if (!seen.run.now) return;
    const RunFacts& run = *seen.run.now;
    if (!seen.run.before) asked_[run.name] = {answers_to(run).size(), seen.mono};
    if (run.by_job) return;  // S20's business
    measurements(seen, run);
    verdict(seen, run);
  }

 private:
  struct Answer {
    Meaning meaning;
    MonoTime mono;
  };
  struct Asked {
    std::size_t first = 0;  // of the answers to its question
    MonoTime since{};
  };
  [[nodiscard]] const std::vector<Answer>& answers_to(const RunFacts& run) {
    return answers_[run.hash + " " + std::string(analysis_of(run))];
  }
  // Nobody else has led, and nothing kept the leader from its work.
  [[nodiscard]] bool undisturbed_since(MonoTime mono) const {
    return view().leader_since <= mono && view().halted_at <= mono;
  }

  void measurements(const Seen& seen, const RunFacts& run) {
    const auto& answers = answers_to(run);
    const Asked asked = asked_[run.name];
    const std::size_t kept = run.measurement_phases.size(),
                      all = static_cast<std::size_t>(run.successful + run.failed + run.error +
                                                     run.inconclusive);
    counts(seen, run, {answers.begin() + static_cast<std::ptrdiff_t>(asked.first), answers.end()});
    // Old measurements fall off the list; counts stay.
    std::size_t next = asked.first + (all > kept ? all - kept : 0);
    const bool every_one = undisturbed_since(asked.since);
    if (all > kept && !every_one) return;
    for (std::size_t i = 0; i < kept; ++i) {
      const std::string& phase = run.measurement_phases[i];
      if (phase == "Running" || phase == "Pending" || phase.empty()) continue;
      while (!every_one && next < answers.size() && phase_of(answers[next].meaning) != phase)
        ++next;
      if (next >= answers.size() || phase_of(answers[next].meaning) != phase) {
        report(seen,
               "measurement " + std::to_string(i + 1) + " of " + run.name + " is " + phase +
                   "; the answer to it " +
                   (next < answers.size() ? "means " + std::string(phase_of(answers[next].meaning))
                                          : std::string("was never given")));
        return;
      }
      ++next;
    }
  }
  void counts(const Seen& seen, const RunFacts& run, const std::vector<Answer>& answers) {
    int given[3] = {};
    for (const Answer& answer : answers) ++given[static_cast<int>(answer.meaning)];
    compare(seen, run, "successful", run.successful, given[0]);
    compare(seen, run, "failed", run.failed, given[1]);
    compare(seen, run, "erroneous", run.error, given[2]);
  }
  void compare(const Seen& seen, const RunFacts& run, const char* what, int measured, int given) {
    if (measured > given)
      report(seen, std::to_string(measured) + " measurements of " + run.name + " count as " + what +
                       ", but only " + std::to_string(given) + " answers were");
  }
  // Limits as the scenarios declare them. Terminated from outside: whatever has been measured
  // stands.
  void verdict(const Seen& seen, const RunFacts& run) {
    if (!run.over() || (seen.run.before && seen.run.before->over())) return;
    const bool failed = run.failed > run.failure_limit,
               error = run.consecutive_error > run.consecutive_error_limit;
    const std::string wanted = failed ? "Failed" : error ? "Error" : "Successful";
    if (run.phase != wanted)
      report(seen, "AnalysisRun " + run.name + " ends " + run.phase + "; " +
                       std::to_string(run.successful) + " successful, " +
                       std::to_string(run.failed) + " failed and " +
                       std::to_string(run.consecutive_error) + " errors in a row mean " + wanted);
    // A run that counts is over by itself only with all its good answers.
    if (wanted == "Successful" && !run.terminate && run.wanted > 0 && run.successful < run.wanted)
      report(seen, "AnalysisRun " + run.name + " ends Successful with " +
                       std::to_string(run.successful) + " good answers of " +
                       std::to_string(run.wanted));
  }
  void promoted(const Seen& seen, const RolloutFacts& before, const RolloutFacts& now) {
    if (now.stable_hash == before.stable_hash || before.stable_hash.empty() || now.promote_full ||
        before.promote_full || !seen.actor.controller())
      return;
    // A background analysis that is short of its limits when the steps are done lets the version
    // pass, as documented; one that has to end by itself does not.
    for (const auto& [name, run] : view().runs)
      if (run.hash == now.stable_hash && run.bad() && asked_[name].since >= heard_from_)
        report(seen, now.stable_hash + " becomes stable although " + name + " ended " + run.phase);
    for (const char* analysis : {"background", "step", "pre", "post"}) {
      const auto& answers = answers_[now.stable_hash + " " + analysis];
      bool good = false, bad = false;
      for (const Answer& answer : answers) {
        good = good || answer.meaning == Meaning::Good;
        bad = bad || (answer.meaning == Meaning::Bad && answer.mono >= heard_from_ &&
                      answer.mono + kActsWithin < seen.mono && undisturbed_since(answer.mono));
      }
      if (bad)
        report(seen, now.stable_hash + " becomes stable although its " + analysis +
                         " analysis was answered badly");
      const bool asked_for = analysis == std::string_view("pre")    ? now.pre_promotion
                             : analysis == std::string_view("post") ? now.post_promotion
                                                                    : false;
      if (asked_for && !good)
        report(seen, now.stable_hash + " becomes stable although no " + analysis +
                         "-promotion metric ever answered well");
    }
  }

  std::map<std::string, std::vector<Answer>> answers_;  // by "HASH ANALYSIS"
  std::map<std::string, Asked> asked_;                  // by the name of the run
  MonoTime heard_from_{};
};

}  // namespace

std::unique_ptr<Checker> missing_data_decides_nothing() {
  return std::make_unique<MissingDataDecidesNothing>();
}

}  // namespace sluice::sim::check
