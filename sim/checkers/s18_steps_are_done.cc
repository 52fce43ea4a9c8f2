// S18: a setWeight step of a routed canary ends only after the router has sent exactly that share
// to the version of the update, in some stored state since the step began.
#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class StepsAreDone final : public Checker {
 public:
  StepsAreDone() : Checker("S18") {}
  void changed(const Seen& seen) override {
    if (seen.rollout.before && seen.rollout.now)
      rollout_changed(seen, *seen.rollout.before, *seen.rollout.now);
    note();
  }

 private:
  void rollout_changed(const Seen& seen, const RolloutFacts& before, const RolloutFacts& now) {
    const bool moved =
        before.step_index != now.step_index || before.current_hash != now.current_hash;
    if (!moved) return;
    const int from = before.step_index.value_or(-1);
    const bool by_one = now.step_index == from + 1 && before.current_hash == now.current_hash &&
                        from >= 0 && from < static_cast<int>(before.steps.size());
    const bool to_end = before.promote_full || now.promote_full ||
                        now.current_hash == before.stable_hash || before.stable_hash.empty();
    if (by_one && !to_end && seen.actor.controller() && before.routed && !done_ &&
        before.steps[static_cast<std::size_t>(from)].kind == Step::Kind::SetWeight)
      report(seen, "step " + std::to_string(from) + " (setWeight " +
                       std::to_string(before.steps[static_cast<std::size_t>(from)].weight) +
                       ") counts as done, but " + now.current_hash + " never had that share");
    done_ = false;
  }
  void note() {
    if (!view().rollout || !view().rollout->routed) return;
    const RolloutFacts& rollout = *view().rollout;
    const int index = rollout.step_index.value_or(-1);
    if (index < 0 || index >= static_cast<int>(rollout.steps.size())) return;
    const Step& step = rollout.steps[static_cast<std::size_t>(index)];
    if (step.kind != Step::Kind::SetWeight) return;
    const auto shares = view().shares();
    const auto share = shares.find(rollout.current_hash);
    done_ = done_ || (share == shares.end() ? 0 : share->second) == step.weight;
  }
  bool done_ = false;  // the step of the moment, in some stored state since it began
};

}  // namespace

std::unique_ptr<Checker> steps_are_done() {
  return std::make_unique<StepsAreDone>();
}

}  // namespace sluice::sim::check
