// S1: a controller never gives a version more traffic than its available pods can carry.
#include <algorithm>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class TrafficHasPods final : public Checker {
 public:
  TrafficHasPods() : Checker("S1") {}
  void changed(const Seen& seen) override {
    if (!seen.actor.controller() || !view().rollout || (!seen.service.set() && !seen.ingress.set()))
      return;
    const RolloutFacts& rollout = *view().rollout;
    for (const auto& [hash, share] : view().shares()) {
      const auto before = seen.shares_before.find(hash);
      if (hash.empty() || share <= (before == seen.shares_before.end() ? 0 : before->second))
        continue;
      // The stable version takes everything in an abort, however many pods it has; any other must
      // be sized for its share.
      const int sized = (share * rollout.replicas + rollout.max_weight - 1) / rollout.max_weight;
      const int needed =
          hash == rollout.stable_hash || rollout.stable_hash.empty() ? 1 : std::max(1, sized);
      const int available = view().believed_available(hash, seen.actor);
      if (available >= needed) continue;
      report(seen, "the share of " + hash + " rises to " + std::to_string(share) + " of " +
                       std::to_string(rollout.max_weight) + " while " + std::to_string(available) +
                       " pods are available; it needs " + std::to_string(needed));
    }
  }
};

}  // namespace

std::unique_ptr<Checker> traffic_has_pods() {
  return std::make_unique<TrafficHasPods>();
}

}  // namespace sluice::sim::check
