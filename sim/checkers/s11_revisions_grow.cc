// S11: each new template gets a higher revision, a ReplicaSet keeps its template and hash, and a
// version becomes stable only when it carries everything.
#include <algorithm>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class RevisionsGrow final : public Checker {
 public:
  RevisionsGrow() : Checker("S11") {}
  void changed(const Seen& seen) override {
    if (seen.rollout.before && seen.rollout.now)
      rollout_changed(seen, *seen.rollout.before, *seen.rollout.now);
    if (seen.replica_set.now && seen.actor.controller()) set_changed(seen);
  }

 private:
  void rollout_changed(const Seen& seen, const RolloutFacts& before, const RolloutFacts& now) {
    if (now.revision < before.revision)
      report(seen, "the revision falls from " + std::to_string(before.revision) + " to " +
                       std::to_string(now.revision));
    if (now.stable_hash == before.stable_hash || before.stable_hash.empty() ||
        !seen.actor.controller())
      return;
    if (now.stable_hash != now.current_hash)
      report(seen, now.stable_hash + " becomes stable, but " + now.current_hash + " is wanted");
    const int available = view().believed_available(now.stable_hash, seen.actor);
    if (available < now.replicas)
      report(seen, now.stable_hash + " becomes stable with " + std::to_string(available) + " of " +
                       std::to_string(now.replicas) + " pods available");
    if (now.blue_green) blue_green_promotion(seen, before, now);
    const int end = static_cast<int>(now.steps.size());
    if (!now.blue_green && now.step_index.value_or(end) < end)
      report(seen, now.stable_hash + " becomes stable at step " + std::to_string(*now.step_index) +
                       " of " + std::to_string(end));
  }
  void blue_green_promotion(const Seen& seen, const RolloutFacts& before, const RolloutFacts& now) {
    const auto active = view().services.find(now.active_service);
    if (active == view().services.end() || active->second.hash != now.stable_hash)
      report(seen, now.stable_hash + " becomes stable without being active");
    if (!now.post_promotion || now.promote_full || before.promote_full) return;
    for (const auto& [name, run] : view().runs)
      if (run.type == "PostPromotion" && run.hash == now.stable_hash && run.phase == "Successful")
        return;
    report(seen, now.stable_hash + " becomes stable without a successful post-promotion analysis");
  }
  void set_changed(const Seen& seen) {
    const SetFacts& now = *seen.replica_set.now;
    if (seen.replica_set.before) {
      const SetFacts& before = *seen.replica_set.before;
      if (before.uid == now.uid &&
          (before.hash != now.hash || before.template_text != now.template_text))
        report(seen, "ReplicaSet " + now.name + " gets another hash or template");
      if (now.revision < before.revision) report(seen, "the revision of " + now.name + " falls");
      if (now.revision == before.revision) return;
    }
    if (now.revision == 0) return;
    for (const auto& [name, other] : view().sets)
      if (name != now.name && other.owner_uid == now.owner_uid && other.revision >= now.revision)
        report(seen, "ReplicaSet " + now.name + " gets revision " + std::to_string(now.revision) +
                         ", but " + name + " has " + std::to_string(other.revision));
  }
};

}  // namespace

std::unique_ptr<Checker> revisions_grow() {
  return std::make_unique<RevisionsGrow>();
}

}  // namespace sluice::sim::check
