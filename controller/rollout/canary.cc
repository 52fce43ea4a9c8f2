#include "controller/rollout/canary.h"

#include "controller/rollout/pauses.h"
#include "controller/rollout/replica_sets.h"
#include "controller/rollout/restart.h"
#include "controller/rollout/runs.h"
#include "controller/rollout/scaling.h"
#include "controller/rollout/services.h"
#include "controller/rollout/status.h"
#include "controller/rollout/traffic_stage.h"

namespace sluice::rollout {
namespace {

// On an abort the weight goes first: the Service behind it may still have no pods to offer
// (rollout.md C6–C8). So it does when another version becomes the canary: it would get the weight
// of the one before.
void route(Draft& draft) {
  if ((draft.aborted() && draft.routed()) || serves_replaced_canary(draft)) {
    reconcile_traffic(draft);
    canary_services(draft);
  } else {
    canary_services(draft);
    // A weight goes nowhere but where its Service does.
    if (draft.switch_blocked) {
      draft.route_blocked = draft.routed();
    } else {
      reconcile_traffic(draft);
    }
  }
  release_routes(draft);
}

// A pause step that is not over ends the pass (rollout.md C12).
void pause_step(Draft& draft) {
  const auto* step = current_step_of(*draft.spec().canary, draft.stored.current_step_index);
  if (!step || !step->pause || draft.spec().paused || draft.stored.promote_full ||
      draft.replicas() == 0)
    return;
  if (draft.fully_promoted() || draft.aborted() || draft.stored.stable_rs.empty()) return;
  const auto decision = canary_pause(*step->pause, draft.spec(), draft.stored, draft.now,
                                     draft.options.resync_period);
  if (decision.add) draft.changes.add(pause::kCanaryStep);
  if (decision.remove) draft.changes.remove(pause::kCanaryStep);
  draft.wake(decision.wake_at);
  draft.why(step->pause->seconds() ? Why::WaitingForPause : Why::WaitingForUser, step->text());
}

}  // namespace

void canary_pass(Draft& draft) {
  if (draft.spec_changed) {
    canary_status(draft);
    return;
  }
  if (restart_pods(draft)) {
    draft.next = draft.stored;
    return;
  }
  // Nobody waits behind the deletion of old versions, which a server may refuse one by one.
  const bool cut_first = draft.aborted() && draft.routed();
  if (!cut_first) collect_history(draft);
  route(draft);
  if (cut_first) collect_history(draft);
  reconcile_runs(draft);
  if (!draft.running()) return;
  const bool inconclusive = draft.changes.has_added(pause::kInconclusiveRun) &&
                            !find_pause(draft.stored, pause::kInconclusiveRun);
  // An abort is recorded before pods are touched; with a router the traffic is cut already.
  // Nor while users are where they should not be: their pods stay (traffic.md §0.5).
  const bool scaled =
      !inconclusive && !draft.cut_for_verdict && !draft.route_blocked && scale_canary(draft);
  if (!draft.running()) return;
  if (!inconclusive && !scaled) pause_step(draft);
  canary_status(draft);
}

}  // namespace sluice::rollout
