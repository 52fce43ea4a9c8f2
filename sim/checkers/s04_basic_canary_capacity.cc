// S4: a canary without router keeps enough pods available at each scale-down and never too many
// pods in all.
#include <algorithm>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class BasicCanaryCapacity final : public Checker {
 public:
  BasicCanaryCapacity() : Checker("S4") {}
  void changed(const Seen& seen) override {
    if (!seen.actor.controller() || !view().rollout || !seen.replica_set.now) return;
    const RolloutFacts& rollout = *view().rollout;
    if (rollout.blue_green || rollout.routed) return;
    const int before = seen.replica_set.before ? seen.replica_set.before->wanted : 0,
              now = seen.replica_set.now->wanted;
    if (now < before) scaled_down(seen, rollout);
    if (now > before) scaled_up(seen, rollout);
  }

 private:
  void scaled_down(const Seen& seen, const RolloutFacts& rollout) {
    int left = 0;
    for (const auto& [name, set] : view().sets)
      left += std::min(view().believed_available(set.hash, seen.actor), set.wanted);
    // Pods that were not available are not missed.
    if (view().believed_available(seen.replica_set.now->hash, seen.actor) <=
        seen.replica_set.now->wanted)
      return;
    const int needed = rollout.replicas - rollout.max_unavailable;
    if (left < needed)
      report(seen, "scaling " + seen.replica_set.now->name + " down to " +
                       std::to_string(seen.replica_set.now->wanted) + " leaves " +
                       std::to_string(left) + " available pods; " + std::to_string(needed) +
                       " are promised");
  }
  void scaled_up(const Seen& seen, const RolloutFacts& rollout) {
    int wanted = 0;
    for (const auto& [name, set] : view().sets) wanted += set.wanted;
    if (wanted > rollout.replicas + rollout.max_surge)
      report(seen, std::to_string(wanted) + " pods are asked for; replicas + maxSurge is " +
                       std::to_string(rollout.replicas + rollout.max_surge));
  }
};

}  // namespace

std::unique_ptr<Checker> basic_canary_capacity() {
  return std::make_unique<BasicCanaryCapacity>();
}

}  // namespace sluice::sim::check
