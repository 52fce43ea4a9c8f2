// S7: a Service that a Rollout refers to never loses the hash in its selector, nor the mark of who
// manages it.
#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class SelectorStays final : public Checker {
 public:
  SelectorStays() : Checker("S7") {}
  void changed(const Seen& seen) override {
    if (!seen.service.before || !seen.actor.controller() || !view().rollout) return;
    const RolloutFacts& rollout = *view().rollout;
    const std::string& name = seen.service.before->name;
    if (name != rollout.active_service && name != rollout.preview_service &&
        name != rollout.stable_service && name != rollout.canary_service)
      return;
    if (!seen.service.before->hash.empty() && (!seen.service.now || seen.service.now->hash.empty()))
      report(seen, "Service " + name + " loses its hash selector " + seen.service.before->hash);
    if (!seen.service.before->managed_by.empty() &&
        (!seen.service.now || seen.service.now->managed_by.empty()))
      report(seen, "Service " + name + " loses its managed-by annotation");
  }
};

}  // namespace

std::unique_ptr<Checker> selector_stays() {
  return std::make_unique<SelectorStays>();
}

}  // namespace sluice::sim::check
