// S9: steps go forward one by one, each only when it is fulfilled; back to the start for a new
// template, changed steps or an abort; to the end for a full promotion or the stable version. One
// status write may carry several fulfilled steps.
#include <algorithm>
#include <set>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class StepsInOrder final : public Checker {
 public:
  StepsInOrder() : Checker("S9") {}
  void changed(const Seen& seen) override {
    if (seen.ingress.set()) note_weight();
    if (!seen.rollout.before || !seen.rollout.now) return;
    note_weight();
    const auto& before = *seen.rollout.before;
    const auto& now = *seen.rollout.now;
    // Only a person takes the conditions and leaves the marker.
    if (before.controller_pause && !before.pauses.empty() && now.controller_pause &&
        now.pauses.empty())
      resumed_ = true;
    if (before.step_index == now.step_index || !now.step_index || now.steps.empty()) return;
    const int to = *now.step_index;
    if (seen.actor.controller() && before.step_index &&
        !allowed(seen, before, now, *before.step_index, to))
      report(seen, "the step index goes from " + std::to_string(*before.step_index) + " to " +
                       std::to_string(to) + why_);
    resumed_ = false;
    weights_.clear();
    note_weight();
  }

 private:
  bool allowed(const Seen& seen, const RolloutFacts& before, const RolloutFacts& now, int from,
               int to) {
    why_.clear();
    const int end = static_cast<int>(now.steps.size());
    const bool other = before.current_hash != now.current_hash || before.steps != now.steps;
    // The first version is stable at once.
    const bool free_jump = before.stable_hash.empty() || now.promote_full || before.promote_full ||
                           now.current_hash == before.stable_hash || now.replicas == 0;
    if (to == 0)
      return other || now.abort || before.abort || now.current_hash != before.current_hash;
    if (to == end && (free_jump || other)) return true;
    if (to < from || to > end) {
      why_ = ", which is no way to go";
      return false;
    }
    for (int i = from; i < to; ++i)
      if (!fulfilled(seen, before, now.steps[static_cast<std::size_t>(i)], i)) {
        why_ = ", but step " + std::to_string(i) + " is not fulfilled";
        return false;
      }
    return true;
  }
  bool fulfilled(const Seen& seen, const RolloutFacts& before, const Step& step, int index) {
    switch (step.kind) {
      case Step::Kind::SetWeight: {
        if (view().rollout->routed) return weights_.contains(step.weight);
        const int pods = view().rollout->replicas * step.weight / 100;
        return view().believed_available(before.current_hash, seen.actor) >=
               std::max(step.weight > 0 ? 1 : 0, pods);
      }
      case Step::Kind::Pause:
        return index == before.step_index &&
               (before.pause("CanaryPauseStep") != nullptr || resumed_);
      case Step::Kind::Other:
        return true;
    }
    return true;
  }
  void note_weight() {
    if (const auto weight = view().canary_weight()) weights_.insert(*weight);
  }

  std::set<int> weights_;  // that the router had since the current step began
  bool resumed_ = false;
  std::string why_;
};

}  // namespace

std::unique_ptr<Checker> steps_in_order() {
  return std::make_unique<StepsInOrder>();
}

}  // namespace sluice::sim::check
