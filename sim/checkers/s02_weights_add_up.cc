// S2: weights lie in [0, M] and sum up to M, and what the status says is what the router does.
#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

// A record that was lost with a process lags behind until the router is looked at again; when a
// person changes the template in that very moment, the steps are reset first.
constexpr int kLag = 2;

class WeightsAddUp final : public Checker {
 public:
  WeightsAddUp() : Checker("S2") {}
  void changed(const Seen& seen) override {
    if (!seen.actor.controller() || !view().rollout) return;
    const RolloutFacts& rollout = *view().rollout;
    if (seen.ingress.now && seen.ingress.now->weight) {
      const int weight = *seen.ingress.now->weight;
      if (weight < 0 || weight > rollout.max_weight)
        report(seen, "canary weight " + std::to_string(weight) + " is out of range");
    }
    if (!seen.rollout.now || !rollout.canary_weight) return;
    const int canary = *rollout.canary_weight, stable = rollout.stable_weight.value_or(0);
    if (canary + stable != rollout.max_weight)
      report(seen, "status weights " + std::to_string(canary) + " + " + std::to_string(stable) +
                       " are not " + std::to_string(rollout.max_weight));
    const auto routed = view().canary_weight();
    if (!routed || !rollout.routed) return;
    if (*routed == canary) {
      differs_ = 0;
    } else if (++differs_ > kLag) {
      report(seen, "status says weight " + std::to_string(canary) + ", the Ingress says " +
                       std::to_string(*routed) + ", and not only for a moment");
    }
  }

 private:
  int differs_ = 0;  // status writes in a row that disagree
};

}  // namespace

std::unique_ptr<Checker> weights_add_up() {
  return std::make_unique<WeightsAddUp>();
}

}  // namespace sluice::sim::check
