// S9: the step index goes forward by exactly one, and only when the step was fulfilled in some
// stored state since it began; back to 0 for a new template, changed steps or an abort; to the end
// for a full promotion, the stable version or the first one. It is never dropped while there are
// steps.
#include <algorithm>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class StepsInOrder final : public Checker {
 public:
  StepsInOrder() : Checker("S9") {}
  void changed(const Seen& seen) override {
    if (seen.rollout.before && seen.rollout.now)
      rollout_changed(seen, *seen.rollout.before, *seen.rollout.now);
    note();
  }

 private:
  void rollout_changed(const Seen& seen, const RolloutFacts& before, const RolloutFacts& now) {
    // Only a person takes the conditions and leaves the marker.
    if (before.controller_pause && !before.pauses.empty() && now.controller_pause &&
        now.pauses.empty() && !seen.actor.controller())
      resumed_ = true;
    if (before.step_index == now.step_index || now.steps.empty()) return;
    if (seen.actor.controller()) moved(seen, before, now);
    resumed_ = false;
    fulfilled_ = false;
    steps_ = now.steps;
  }
  void moved(const Seen& seen, const RolloutFacts& before, const RolloutFacts& now) {
    const auto text = [](const std::optional<int>& index) {
      return index ? std::to_string(*index) : std::string("nothing");
    };
    if (const char* why = objection(before, now))
      report(seen, "the step index goes from " + text(before.step_index) + " to " +
                       text(now.step_index) + why);
  }
  // nullptr when the move is one of those that are allowed.
  const char* objection(const RolloutFacts& before, const RolloutFacts& now) const {
    if (!now.step_index) return " although there are steps";
    const int to = *now.step_index, end = static_cast<int>(now.steps.size());
    const bool other = before.current_hash != now.current_hash || steps_ != now.steps;
    if (to == 0)
      return other || now.abort || !before.step_index ? nullptr : ", and nothing began anew";
    const bool to_end = before.stable_hash.empty() || before.promote_full || now.promote_full ||
                        now.current_hash == before.stable_hash;
    if (to == end && to_end) return nullptr;
    if (to != before.step_index.value_or(-1) + 1 || to > end) return ", which is no way to go";
    if (before.steps[static_cast<std::size_t>(to - 1)].kind == Step::Kind::Pause)
      return resumed_ || before.pause("CanaryPauseStep") != nullptr
                 ? nullptr
                 : ", but nobody ever paused there";
    return fulfilled_ ? nullptr : ", but the step was never fulfilled";
  }
  // After every stored change: does the step of the moment hold?
  void note() {
    if (!view().rollout) return;
    const RolloutFacts& rollout = *view().rollout;
    if (steps_.empty()) steps_ = rollout.steps;
    const int index = rollout.step_index.value_or(-1);
    if (index < 0 || index >= static_cast<int>(rollout.steps.size())) return;
    const Step& step = rollout.steps[static_cast<std::size_t>(index)];
    if (holds(rollout, index, step)) fulfilled_ = true;
  }
  [[nodiscard]] bool holds(const RolloutFacts& rollout, int index, const Step& step) const {
    if (step.kind == Step::Kind::SetWeight) return carries(rollout, step.weight);
    if (step.kind == Step::Kind::Analysis)
      return std::any_of(view().runs.begin(), view().runs.end(), [&](const auto& item) {
        const RunFacts& run = item.second;
        return run.type == "Step" && run.step == std::to_string(index) &&
               run.hash == rollout.current_hash && run.phase == "Successful";
      });
    return step.kind == Step::Kind::Other;
  }
  // The router (if there is one) says this weight, the pods for it are there, and without a router
  // nothing else has pods beyond the rest.
  [[nodiscard]] bool carries(const RolloutFacts& rollout, int weight) const {
    const int pods = (rollout.replicas * weight + rollout.max_weight - 1) / rollout.max_weight;
    const SetFacts* set = view().set_of(rollout.current_hash);
    if (set == nullptr || set->available < pods) return false;
    if (rollout.routed) return view().canary_weight() == weight;
    const SetFacts* stable = view().set_of(rollout.stable_hash);
    return stable == nullptr || stable->wanted <= rollout.replicas - pods;
  }

  std::vector<Step> steps_;  // that the index counted in when it last moved
  bool fulfilled_ = false;   // the current step was, in some stored state since it began
  bool resumed_ = false;
};

}  // namespace

std::unique_ptr<Checker> steps_in_order() {
  return std::make_unique<StepsInOrder>();
}

}  // namespace sluice::sim::check
