// S6: the active Service selects exactly one version, and never one that was not fully available
// and, if asked for, analysed with success; the ways back (stable, an earlier active version) and a
// person's full promotion are exempt.
#include <set>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class ActiveServiceIsProven final : public Checker {
 public:
  ActiveServiceIsProven() : Checker("S6") {}
  void changed(const Seen& seen) override {
    if (!seen.service.now || !view().rollout || !view().rollout->blue_green) return;
    const RolloutFacts& rollout = *view().rollout;
    if (seen.service.now->name != rollout.active_service) return;
    const std::string& hash = seen.service.now->hash;
    const std::string before = seen.service.before ? seen.service.before->hash : "";
    if (hash == before || !seen.actor.controller()) return;
    if (hash.empty()) {
      report(seen, "the active Service selects no version any more");
      return;
    }
    if (view().set_of(hash) == nullptr)
      report(seen, "the active Service selects " + hash + ", which does not exist");
    const bool back = hash == rollout.stable_hash;
    const int needed = back ? 1 : rollout.replicas,
              available = view().believed_available(hash, seen.actor);
    if (available < needed)
      report(seen, "the active Service goes to " + hash + " with " + std::to_string(available) +
                       " of " + std::to_string(needed) + " pods available");
    const bool exempt =
        back || rollout.stable_hash.empty() || rollout.promote_full || was_active_.contains(hash);
    if (rollout.pre_promotion && !exempt && !analysed(hash))
      report(seen,
             "the active Service goes to " + hash + " without a successful pre-promotion analysis");
    was_active_.insert(hash);
  }

 private:
  [[nodiscard]] bool analysed(const std::string& hash) const {
    for (const auto& [name, run] : view().runs)
      if (run.type == "PrePromotion" && run.hash == hash && run.phase == "Successful") return true;
    return false;
  }
  std::set<std::string> was_active_;
};

}  // namespace

std::unique_ptr<Checker> active_service_is_proven() {
  return std::make_unique<ActiveServiceIsProven>();
}

}  // namespace sluice::sim::check
