#include "controller/rollout/services.h"

#include "api/keys.h"
#include "controller/rollout/routes.h"
#include "controller/rollout/status.h"
#include "controller/rollout/weights.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"
#include "traffic/services.h"

namespace sluice::rollout {
namespace {

Ptr<kube::Service> find_service(const World& world, const std::string& name) {
  const auto it = world.services.find(name);
  return it == world.services.end() ? nullptr : it->second;
}

bool managed(const kube::Service& service) {
  return find_or_null(service.meta.annotations, api::kManagedByAnnotation) != nullptr;
}

void put_verdict(kube::Write& write, const kube::Service& service, const std::string& verdict) {
  const std::string key(api::kAbortVerdictAnnotation);
  const bool present = find_or_null(service.meta.annotations, key) != nullptr;
  if (verdict.empty() && !present) return;
  auto body = kube::parse_json(write.body);
  if (!body || !body->is_object()) return;
  if (verdict.empty()) {
    (*body)["metadata"]["annotations"][key] = nullptr;
  } else {
    (*body)["metadata"]["annotations"][key] = verdict;
  }
  write.body = kube::dump(*body);
}

void switch_to(Draft& draft, const kube::Service& service, const std::string& hash,
               const std::string& verdict) {
  auto write = traffic::switch_service(service, hash, draft.rollout().meta.key.name);
  if (!write || !draft.running()) return;
  put_verdict(*write, service, verdict);
  if (write->purpose.empty()) write->purpose = "SwitchService";
  const auto old_hash = traffic::selected_hash(service);
  if (!draft.write(std::move(*write))) {
    draft.switch_blocked = true;
    return;
  }
  const auto name = service.meta.key.name;
  if (old_hash != hash)
    draft.event("SwitchService", traffic::switch_event_text(name, old_hash, hash));
  draft.why(Why::ServiceSwitched, name + " → " + hash);
  auto changed = std::make_shared<kube::Service>(service);
  changed->selector[std::string(api::kPodTemplateHashLabel)] = hash;
  auto& annotations = changed->meta.annotations;
  annotations[std::string(api::kManagedByAnnotation)] = draft.rollout().meta.key.name;
  annotations.erase(std::string(api::kAbortVerdictAnnotation));
  if (!verdict.empty()) annotations[std::string(api::kAbortVerdictAnnotation)] = verdict;
  changed->meta.resource_version.clear();
  draft.world.services[name] = std::move(changed);
}

// An abort is on record and its traffic is cut, but the Service still selects canary pods that run
// out their delay. The reference leaves it so; nobody is sent there, and the Service follows before
// the pods go.
bool leave_on_aborted_canary(const Draft& draft) {
  const auto& weights = draft.stored.canary.weights;
  if (!draft.stored.abort || !draft.stored.aborted_at || !draft.new_rs || !weights) return false;
  if (weights->canary.weight != 0 || draft.new_rs->available_replicas == 0 ||
      draft.new_rs->replicas == 0)
    return false;
  const auto& canary = *draft.spec().canary;
  const auto text = deadline_of(*draft.new_rs);
  // With stable sized by its traffic there is no delay unless somebody asks for one: the pods go
  // now.
  if (!text)
    return !canary.dynamic_stable_scale || canary.abort_scale_down_delay_seconds.has_value();
  const auto deadline = parse_rfc3339(*text);
  return deadline && *deadline > draft.now;
}

bool dynamic_rollback(const Draft& draft) {
  const auto& canary = *draft.spec().canary;
  const auto& weights = draft.stored.canary.weights;
  return draft.fully_promoted() && canary.traffic_routing && canary.dynamic_stable_scale &&
         weights && weights->canary.pod_template_hash != draft.new_hash() &&
         draft.available(draft.new_rs) < draft.replicas();
}

}  // namespace

std::string live_hash(const World& world, const std::string& service) {
  const auto found = find_service(world, service);
  return found ? traffic::selected_hash(*found) : std::string();
}

void point_service_at_hash(Draft& draft, const std::string& name, const std::string& hash,
                           const std::string& verdict) {
  if (name.empty() || hash.empty() || !draft.running()) return;
  const auto service = find_service(draft.world, name);
  if (service) switch_to(draft, *service, hash, verdict);
}

void point_service(Draft& draft, const std::string& name, const kube::ReplicaSet* target,
                   SwitchCheck check, const std::string& verdict) {
  if (name.empty() || !target || !draft.running()) return;
  const auto service = find_service(draft.world, name);
  const auto hash = hash_of(*target);
  if (!service || hash.empty()) return;
  const bool switches = traffic::selected_hash(*service) != hash;
  if (switches && check == SwitchCheck::Availability &&
      !may_select(pods_of(*target), managed(*service))) {
    draft.why(Why::WaitingForPods,
              "Service " + name + " waits for pods of " + target->meta.key.name);
    return;
  }
  switch_to(draft, *service, hash, verdict);
}

bool canary_promotion_due(const Draft& draft) {
  if (!draft.spec().canary || draft.fully_promoted() || draft.spec_changed) return false;
  return !canary_promote_reason(draft).empty();
}

bool serves_replaced_canary(const Draft& draft) {
  const auto& canary = *draft.spec().canary;
  if (draft.world.routers.empty() || draft.fully_promoted() || draft.aborted()) return false;
  const auto live = live_hash(draft.world, canary.canary_service);
  if (live.empty() || live == draft.new_hash() || live == draft.stable_hash()) return false;
  return live_weight(draft).value_or(0) > 0;
}

void retarget_canary_service(Draft& draft) {
  if (leave_on_aborted_canary(draft)) return;
  point_service(draft, draft.spec().canary->canary_service, draft.stable_rs, SwitchCheck::None);
}

void canary_services(Draft& draft) {
  const auto& canary = *draft.spec().canary;
  const bool switched_already = draft.new_rs &&
                                live_hash(draft.world, canary.stable_service) == draft.new_hash() &&
                                canary_promotion_due(draft);
  if (!switched_already)
    point_service(draft, canary.stable_service, draft.stable_rs, SwitchCheck::Availability);
  if (draft.aborted() && !draft.routed()) {
    point_service(draft, canary.canary_service, draft.stable_rs, SwitchCheck::Availability);
    return;
  }
  if (dynamic_rollback(draft)) return;
  if (serves_replaced_canary(draft)) {
    draft.why(Why::WaitingForStable, "Service " + canary.canary_service +
                                         " keeps the replaced canary until its weight is 0");
    return;
  }
  if (draft.aborted()) {
    // Once per pass, not first to newRS and then back: the traffic stage has decided.
    const auto& weights = draft.next.canary.weights;
    const bool cut = !canary.dynamic_stable_scale || !weights || weights->canary.weight == 0;
    if (cut) {
      retarget_canary_service(draft);
      return;
    }
    // The users still to be taken back are those of the version before this one.
    if (of_another_version(*weights, draft.new_hash())) return;
  }
  point_service(draft, canary.canary_service, draft.new_rs, SwitchCheck::Availability);
}

}  // namespace sluice::rollout
