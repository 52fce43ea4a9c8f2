// S2: weights lie in [0, M] and sum up to M, and what the status says is what the router does: the
// first status write after a change of the router says the new weight, and at rest they agree.
#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

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
    if (seen.ingress.set()) {
      router_version_ = seen.version;
      router_author_ = seen.actor.identity;
    }
    if (!seen.rollout.now || !rollout.routed) return;
    recorded(seen, rollout);
    // Who has neither written the router nor been told of it cannot record it.
    const bool knows = seen.actor.identity == router_author_ ||
                       seen.actor.knew("ingresses", router_version_);
    const std::string text = disagreement();
    if (knows && !text.empty()) report(seen, text);
  }
  void rest(WallTime wall) override {
    if (const std::string text = disagreement(); !text.empty()) report(text + ", at rest", wall);
  }

 private:
  void recorded(const Seen& seen, const RolloutFacts& rollout) {
    if (!rollout.canary_weight) return;
    const int canary = *rollout.canary_weight, stable = rollout.stable_weight.value_or(0);
    if (canary < 0 || stable < 0 || canary + stable != rollout.max_weight)
      report(seen, "status weights " + std::to_string(canary) + " + " + std::to_string(stable) +
                       " are not " + std::to_string(rollout.max_weight));
  }
  // "" when router and record agree; no record means nobody is sent to the canary.
  [[nodiscard]] std::string disagreement() const {
    const auto routed = view().canary_weight();
    if (!routed || !view().rollout || !view().rollout->routed) return "";
    const int recorded = view().rollout->canary_weight.value_or(0);
    if (recorded == *routed) return "";
    return "status says weight " + std::to_string(recorded) + ", the Ingress says " +
           std::to_string(*routed);
  }

  std::uint64_t router_version_ = 0;  // of the last change by a controller
  std::string router_author_;
};

}  // namespace

std::unique_ptr<Checker> weights_add_up() {
  return std::make_unique<WeightsAddUp>();
}

}  // namespace sluice::sim::check
