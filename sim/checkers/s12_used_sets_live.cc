// S12: a ReplicaSet to which a router or a Service of the Rollout sends somebody, which one of its
// Services selects, or which the status calls stable, is neither deleted nor scaled to nothing.
// Two exceptions, which are documented behaviour (rollout.md §3.4, §3.9.2): with maxUnavailable > 0
// and without a router the stable version may lose its last pod just before the last one of its
// successor is available; and the preview Service goes on selecting an aborted version, whose pods
// go after abortScaleDownDelaySeconds all the same. Whoever has not been told yet of a retry is not
// charged with it.
#include <string>
#include <utility>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class UsedSetsLive final : public Checker {
 public:
  UsedSetsLive() : Checker("S12") {}
  void changed(const Seen& seen) override {
    if (seen.rollout.before && seen.rollout.now && seen.rollout.before->abort &&
        !seen.rollout.now->abort)
      retried_ = {seen.rollout.before->current_hash, seen.version};
    if (!seen.actor.controller() || !seen.replica_set.before || !view().rollout) return;
    const SetFacts& before = *seen.replica_set.before;
    const bool gone = !seen.replica_set.now;
    const RolloutFacts& rollout = *view().rollout;
    if (rollout.replicas == 0 || before.hash.empty() || before.owner_uid != rollout.uid) return;
    if (!gone && !(before.wanted > 0 && seen.replica_set.now->wanted == 0)) return;
    const std::string what =
        before.name + " is " + (gone ? "deleted" : "scaled to 0") + " while ";
    const auto shares = view().shares();
    if (const auto it = shares.find(before.hash); it != shares.end() && it->second > 0)
      report(seen, what + "it has a share of " + std::to_string(it->second));
    const bool by_budget = !rollout.routed && !rollout.blue_green && rollout.max_unavailable > 0 &&
                           rollout.current_hash != before.hash;
    if (rollout.stable_hash == before.hash && (gone || !by_budget))
      report(seen, what + "it is the stable version");
    for (const std::string& name : {rollout.stable_service, rollout.canary_service,
                                    rollout.active_service, rollout.preview_service}) {
      const auto service = view().services.find(name);
      if (name.empty() || service == view().services.end() || service->second.hash != before.hash)
        continue;
      const bool retried = retried_.first == before.hash;
      const bool aborted = rollout.current_hash == before.hash &&
                           (rollout.abort ||
                            (retried && !seen.actor.knew("rollouts", retried_.second)));
      if (name == rollout.preview_service && aborted && !gone) continue;
      report(seen, what + "Service " + name + " selects it");
    }
  }

 private:
  std::pair<std::string, std::uint64_t> retried_;  // hash, and the Rollout's version since when
};

}  // namespace

std::unique_ptr<Checker> used_sets_live() {
  return std::make_unique<UsedSetsLive>();
}

}  // namespace sluice::sim::check
