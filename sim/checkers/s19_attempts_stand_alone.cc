// S19: nothing of one attempt counts in another. An attempt begins with a new template, or with the
// end of an abort that was on record. Aborts, analysis steps and gates need a run that was made
// since, and an approval that was given since.
#include <map>
#include <set>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class AttemptsStandAlone final : public Checker {
 public:
  AttemptsStandAlone() : Checker("S19") {}
  void changed(const Seen& seen) override {
    if (seen.rollout.before && seen.rollout.now)
      rollout_changed(seen, *seen.rollout.before, *seen.rollout.now);
    if (seen.run.now && !seen.run.before) attempt_of_[seen.run.now->uid] = attempt_;
    if (seen.service.now && seen.actor.controller()) service_changed(seen);
  }

 private:
  void rollout_changed(const Seen& seen, const RolloutFacts& before, const RolloutFacts& now) {
    const bool retried = before.abort && before.aborted_at && !now.abort;
    if (before.template_text != now.template_text || retried) {
      ++attempt_;
      began_at_ = seen.version;
      approved_ = false;
    }
    if (!seen.actor.controller()) {
      approved_ = approved_ || now.promote_full ||
                  (before.pause("BlueGreenPause") != nullptr && now.pauses.empty());
      return;
    }
    if (!before.stable_hash.empty()) was_stable_.insert(before.stable_hash);
    if (!seen.actor.knew("rollouts", began_at_) || now.promote_full || before.promote_full) return;
    if (now.abort && !before.abort && !anybody([&](const RunFacts& run) {
          return run.hash == now.current_hash && view().speaks_against(run);
        }))
      report(seen, "the controller aborts " + now.current_hash +
                       ", against which no analysis of this attempt has spoken");
    step_changed(seen, before, now);
    if (now.stable_hash != before.stable_hash && now.blue_green && now.post_promotion &&
        !before.stable_hash.empty() && !passed("PostPromotion", now.stable_hash, ""))
      report(seen,
             now.stable_hash + " becomes stable without a post-promotion analysis of this attempt");
  }
  void step_changed(const Seen& seen, const RolloutFacts& before, const RolloutFacts& now) {
    const int from = before.step_index.value_or(-1);
    if (now.step_index != from + 1 || from < 0 || from >= static_cast<int>(before.steps.size()) ||
        before.current_hash != now.current_hash || now.current_hash == before.stable_hash ||
        before.steps[static_cast<std::size_t>(from)].kind != Step::Kind::Analysis)
      return;
    if (!passed("Step", now.current_hash, std::to_string(from)))
      report(seen, "step " + std::to_string(from) +
                       " counts as done without a good analysis of this attempt");
  }
  void service_changed(const Seen& seen) {
    if (!view().rollout || !view().rollout->blue_green) return;
    const RolloutFacts& rollout = *view().rollout;
    const std::string& hash = seen.service.now->hash;
    if (seen.service.now->name != rollout.active_service ||
        (seen.service.before && seen.service.before->hash == hash))
      return;
    const bool exempt = rollout.stable_hash.empty() || hash == rollout.stable_hash ||
                        was_stable_.contains(hash) || rollout.promote_full;
    if (exempt || !seen.actor.knew("rollouts", began_at_)) return;
    if (rollout.pre_promotion && !passed("PrePromotion", hash, ""))
      report(seen, "the active Service goes to " + hash +
                       " without a pre-promotion analysis of this attempt");
    if (!rollout.auto_promotion && !approved_)
      report(seen,
             "the active Service goes to " + hash + ", which nobody has approved in this attempt");
  }
  template <class Predicate>
  [[nodiscard]] bool anybody(Predicate predicate) const {
    for (const auto& [name, run] : view().runs)
      if (const auto it = attempt_of_.find(run.uid);
          it != attempt_of_.end() && it->second == attempt_ && predicate(run))
        return true;
    return false;
  }
  [[nodiscard]] bool passed(std::string_view type, const std::string& hash,
                            const std::string& step) const {
    return anybody([&](const RunFacts& run) {
      return run.type == type && run.hash == hash && run.step == step && run.phase == "Successful";
    });
  }

  int attempt_ = 0;
  std::uint64_t began_at_ = 0;             // version of the Rollout
  std::map<std::string, int> attempt_of_;  // runs, by uid
  bool approved_ = false;
  std::set<std::string> was_stable_;
};

}  // namespace

std::unique_ptr<Checker> attempts_stand_alone() {
  return std::make_unique<AttemptsStandAlone>();
}

}  // namespace sluice::sim::check
