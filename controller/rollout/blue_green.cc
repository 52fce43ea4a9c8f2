// The blue/green pass (rollout.md §2.6, §4).
#include "api/keys.h"
#include "controller/rollout/canary.h"
#include "controller/rollout/pauses.h"
#include "controller/rollout/replica_sets.h"
#include "controller/rollout/restart.h"
#include "controller/rollout/runs.h"
#include "controller/rollout/scaling.h"
#include "controller/rollout/services.h"
#include "controller/rollout/status.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::rollout {
namespace {

bool halted(const Draft& draft) {
  if (draft.stored.promote_full && draft.spec().paused &&
      !find_pause(draft.stored, pause::kInconclusiveRun))
    return false;
  return halt_reason(draft.spec(), draft.stored) != Halt::None;
}

// The preview Service follows newRS (rollout.md B3).
void preview_service(Draft& draft) {
  const auto& spec = *draft.spec().blue_green;
  if (halted(draft) || spec.preview_service == spec.active_service) return;
  if (draft.new_is_missing()) return;
  point_service(draft, spec.preview_service, draft.new_rs, SwitchCheck::None);
}

// A new version waits for a person or a timer before it is switched to (rollout.md B7).
void pause_before_switch(Draft& draft) {
  if (draft.aborted() || halted(draft)) return;
  const auto decision =
      blue_green_pause(blue_green_pause_input(draft), draft.now, draft.options.resync_period);
  if (decision.add) draft.changes.add(pause::kBlueGreen);
  if (decision.remove) draft.changes.remove(pause::kBlueGreen);
  draft.wake(decision.wake_at);
  if (decision.add || decision.wake_at)
    draft.why(Why::WaitingForPause, std::string(pause::kBlueGreen));
}

// An abort takes production back to stable whenever stable can serve, however broken newRS is.
void return_to_stable(Draft& draft) {
  const auto& service = draft.spec().blue_green->active_service;
  if (!draft.stable_rs || draft.available(draft.stable_rs) < 1) return;
  if (live_hash(draft.world, service) == draft.stable_hash()) return;
  point_service_at_hash(draft, service, draft.stable_hash(),
                        draft.cut_for_verdict ? draft.verdict_annotation : "");
}

// The active Service goes to newRS once nothing holds it back (rollout.md B8).
void active_service(Draft& draft) {
  const auto& service = draft.spec().blue_green->active_service;
  if (draft.aborted()) {
    return_to_stable(draft);
    return;
  }
  if (draft.new_is_missing()) return;
  const auto in = blue_green_pause_input(draft);
  if (halted(draft) || !in.ready || !is_saturated(draft, draft.new_rs)) {
    draft.why(Why::WaitingForPods, "the new version is not ready to take over");
    return;
  }
  const bool go =
      in.fast_tracked || (blue_green_pause_complete(in, draft.now) && in.pre_promotion_passed);
  point_service_at_hash(draft, service, go ? draft.new_hash() : live_hash(draft.world, service));
}

// The reason of a cut that is recorded and retried by now: it must not be taken for one that was
// never recorded.
void clear_stale_verdict(Draft& draft) {
  const auto found = draft.world.services.find(draft.spec().blue_green->active_service);
  if (draft.aborted() || !draft.running() || found == draft.world.services.end()) return;
  const auto& service = *found->second;
  const std::string key(api::kAbortVerdictAnnotation);
  if (!find_or_null(service.meta.annotations, key) ||
      draft.already_written(kube::kServices, service.meta.key))
    return;
  auto write =
      draft.write_for(kube::kServices, service.meta, kube::Verb::MergePatch, "CleanService");
  write.body = kube::dump(kube::Json{{"metadata", {{"annotations", {{key, nullptr}}}}}});
  if (!draft.write(std::move(write))) return;
  auto changed = std::make_shared<kube::Service>(service);
  changed->meta.annotations.erase(key);
  found->second = std::move(changed);
}

}  // namespace

void blue_green_pass(Draft& draft) {
  preview_service(draft);
  if (!draft.running()) return;
  if (draft.spec_changed) {
    blue_green_status(draft);
    return;
  }
  if (draft.cut_for_verdict) {  // traffic first, then the record; pods follow when both are done
    return_to_stable(draft);
    reconcile_runs(draft);
    if (draft.running()) blue_green_status(draft);
    return;
  }
  restart_pods(draft);
  scale_blue_green(draft);
  collect_history(draft);
  if (!draft.running()) return;
  pause_before_switch(draft);
  active_service(draft);
  clear_stale_verdict(draft);
  reconcile_runs(draft);
  if (draft.running()) blue_green_status(draft);
}

}  // namespace sluice::rollout
