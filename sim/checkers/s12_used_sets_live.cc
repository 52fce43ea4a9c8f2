// S12: a ReplicaSet to which a router or a Service of the Rollout sends somebody, or which the
// status calls stable, is neither deleted nor scaled to nothing. Preview and canary Services that
// get no traffic may outlive an aborted version.
#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class UsedSetsLive final : public Checker {
 public:
  UsedSetsLive() : Checker("S12") {}
  void changed(const Seen& seen) override {
    if (!seen.actor.controller() || !seen.replica_set.before || !view().rollout) return;
    const SetFacts& before = *seen.replica_set.before;
    const bool gone = !seen.replica_set.now;
    if (view().rollout->replicas == 0 || before.hash.empty() ||
        before.owner_uid != view().rollout->uid)
      return;
    if (!gone && !(before.wanted > 0 && seen.replica_set.now->wanted == 0)) return;
    const std::string what = std::string(gone ? "deleted" : "scaled to 0") + " while ";
    const auto shares = view().shares();
    if (const auto it = shares.find(before.hash); it != shares.end() && it->second > 0)
      report(seen, before.name + " is " + what + "it has a share of " + std::to_string(it->second));
    if (view().rollout->stable_hash == before.hash && !replaced(seen))
      report(seen, before.name + " is " + what + "it is the stable version");
    for (const std::string& name : {view().rollout->stable_service, view().rollout->canary_service,
                                    view().rollout->active_service}) {
      const auto service = view().services.find(name);
      if (!name.empty() && service != view().services.end() && service->second.hash == before.hash)
        report(seen, before.name + " is " + what + "Service " + name + " selects it");
    }
  }

 private:
  // Without router the last pod of the old version goes when all of the new one are available; the
  // record follows.
  [[nodiscard]] bool replaced(const Seen& seen) const {
    const RolloutFacts& rollout = *view().rollout;
    if (rollout.current_hash == seen.replica_set.before->hash) return false;
    return !rollout.routed && !rollout.blue_green &&
           view().believed_available(rollout.current_hash, seen.actor) >= rollout.replicas;
  }
};

}  // namespace

std::unique_ptr<Checker> used_sets_live() {
  return std::make_unique<UsedSetsLive>();
}

}  // namespace sluice::sim::check
