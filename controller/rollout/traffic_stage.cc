#include "controller/rollout/traffic_stage.h"

#include <algorithm>

#include "controller/rollout/runs.h"
#include "controller/rollout/services.h"
#include "controller/rollout/status.h"
#include "controller/rollout/verdict.h"
#include "controller/rollout/weights.h"
#include "kube/json/json.h"
#include "kube/json/patch.h"
#include "kube/model/resources.h"
#include "traffic/nginx/nginx.h"
#include "traffic/status.h"

namespace sluice::rollout {
namespace {

using kube::Json;

// The world's Ingress as it will be after the write.
void apply_to_ingresses(World& world, const kube::Write& write) {
  auto& slot = world.ingresses[write.key.name];
  Json object = Json::object();
  if (write.verb == kube::Verb::Create || write.verb == kube::Verb::Update) {
    if (auto body = kube::parse_json(write.body)) object = std::move(*body);
  } else if (slot && slot->raw) {
    auto before = kube::parse_json(*slot->raw);
    const auto patch = kube::parse_json(write.body);
    if (before && patch) {
      object = std::move(*before);
      if (write.verb == kube::Verb::JsonPatch) {
        if (!kube::apply_json_patch(object, *patch)) return;
      } else {
        kube::apply_merge_patch(object, *patch);
      }
    }
  }
  auto text = std::make_shared<const std::string>(kube::dump(object));
  const auto document = kube::Document::parse(*text);
  if (!document) return;
  auto changed = std::make_shared<kube::Ingress>(kube::decode_ingress(document->root()));
  changed->raw = std::move(text);
  changed->meta.resource_version.clear();
  slot = std::move(changed);
}

// Ingresses that this plan wrote for a promotion that is now followed by the switch of the
// Services: the last write says it all, and it stands behind the switch.
void drop_superseded(Draft& draft, const std::vector<kube::Write>& writes) {
  if (!draft.supersede_weights) return;
  for (const auto& write : writes) {
    if (!draft.already_written(write.type, write.key)) continue;
    std::erase_if(draft.items, [&](const Item& item) {
      const auto* earlier = std::get_if<kube::Write>(&item.intent);
      if (earlier && earlier->type == write.type && earlier->key == write.key) return true;
      const auto* event = std::get_if<controller::EventIntent>(&item.intent);
      return event && (event->reason == "PatchingCanaryIngress" ||
                       event->reason == "TrafficWeightUpdated" ||
                       event->reason == traffic::nginx::kSnippetsLeftOut);
    });
    const auto& observed = draft.world.observed->ingresses;
    if (const auto it = observed.find(write.key.name); it != observed.end())
      draft.world.ingresses[it->first] = it->second;
    draft.superseded = true;
  }
}

// The write against what the cluster has, not against what an earlier pass of this plan would have
// made of it.
Result<traffic::RoutePlan> plan_route(const Draft& draft, const traffic::Split& split,
                                      bool from_observed) {
  const auto& routing = *draft.spec().canary->traffic_routing->nginx;
  traffic::nginx::Options options;
  options.allow_snippets = draft.options.allow_ingress_snippets;
  return traffic::nginx::plan(
      draft.rollout(), routing, split,
      from_observed ? draft.world.observed->ingresses : draft.world.ingresses, options);
}

bool send_one(Draft& draft, const kube::Write& write, std::int32_t weight) {
  if (!draft.write(write)) return false;
  draft.why(Why::WeightChanged, write.key.name + " → " + std::to_string(weight));
  apply_to_ingresses(draft.world, write);
  return true;
}

// Whatever else of the object the server refuses: users are taken off a version by a change of
// nothing but the weight.
void cut_alone(Draft& draft, const kube::Write& refused, std::int32_t weight) {
  const auto found = draft.world.ingresses.find(refused.key.name);
  if (!draft.running() || found == draft.world.ingresses.end() || !found->second) return;
  auto write = traffic::nginx::lower_weight(*found->second, weight);
  if (!write) return;
  write->purpose = refused.purpose;
  if (!same_intent(*write, refused)) send_one(draft, *write, weight);
}

// False when something of it was not sent: the others go all the same.
bool send(Draft& draft, const traffic::RoutePlan& planned, std::int32_t weight) {
  bool all = true;
  for (std::size_t i = 0; i < planned.writes.size(); ++i) {
    auto write = planned.writes[i];
    write.purpose = "SetWeights";
    if (send_one(draft, write, weight)) {
      if (i < planned.events.size())
        draft.event(planned.events[i].reason, planned.events[i].message);
      continue;
    }
    all = false;
    cut_alone(draft, write, weight);
    if (!draft.running()) return false;
  }
  for (const auto& warning : planned.warnings) draft.event(warning.reason, warning.message, true);
  return all;
}

bool route_error(Draft& draft, const std::string& text) {
  draft.block("TrafficRoutingError", text);
  draft.why(Why::WeightHeld, text);
  draft.wake(draft.now + Seconds{10});
  return false;
}

// False when the router does not get all that it should.
bool write_route(Draft& draft, const traffic::Split& split) {
  auto planned = plan_route(draft, split, false);
  if (planned && draft.supersede_weights && !planned->writes.empty()) {
    drop_superseded(draft, planned->writes);
    if (draft.superseded) planned = plan_route(draft, split, true);
  }
  if (!planned) return route_error(draft, planned.error().message);
  const bool sent = send(draft, *planned, split.canary_weight);
  if (!planned->error || !draft.running()) return sent;
  return route_error(draft, planned->error->message);
}

void record_weights(Draft& draft, const traffic::Split& split) {
  traffic::WeightsInput in;
  in.weight = split.canary_weight;
  in.max_weight = split.max_weight;
  in.canary_service = split.canary_service;
  in.stable_service = split.stable_service;
  in.canary_hash = split.canary_hash;
  in.stable_hash = split.stable_hash;
  auto& next = draft.next.canary.weights;
  const auto& shown =
      draft.superseded ? draft.world.observed->rollout->status.canary.weights : next;
  const auto weights = traffic::next_weights(next, in);
  if (traffic::weights_changed(next, weights))
    draft.event("TrafficWeightUpdated", traffic::weights_event_text(shown, weights), false, true);
  next = weights;
}

std::string verdict_to_leave(const Draft& draft, std::int32_t weight) {
  const auto& routing = *draft.spec().canary->traffic_routing->nginx;
  const auto present =
      traffic::nginx::abort_verdict(draft.rollout(), routing, draft.world.ingresses);
  if (!draft.aborted()) return "";
  const auto now_at =
      traffic::nginx::current_weight(draft.rollout(), routing, draft.world.ingresses);
  const bool cuts = now_at && *now_at > weight;
  if (draft.cut_for_verdict && cuts) return draft.verdict_annotation;
  const auto verdict = decode_verdict(present);
  return verdict && verdict->hash == draft.new_hash() ? present : std::string();
}

traffic::Split split_for(const Draft& draft, const WeightDecision& decision) {
  const auto& canary = *draft.spec().canary;
  traffic::Split split;
  split.canary_weight = decision.weight;
  split.max_weight = canary.max_weight();
  split.canary_hash = draft.new_hash();
  split.stable_hash = draft.stable_hash();
  split.canary_service = canary.canary_service;
  split.stable_service = canary.stable_service;
  const auto& stored = draft.stored.canary.weights;
  const auto live = live_hash(draft.world, canary.canary_service);
  const bool replaced = decision.weight > 0 && live != split.canary_hash &&
                        live != split.stable_hash && stored &&
                        stored->canary.pod_template_hash == live;
  if ((decision.keep_recorded_hash || replaced) && stored)
    split.canary_hash = stored->canary.pod_template_hash;
  split.abort_verdict = verdict_to_leave(draft, decision.weight);
  return split;
}

// The weight stays, but a verdict that no longer counts must not: it would be taken for one that
// was never recorded.
void clear_stale_verdict(Draft& draft, WeightDecision decision) {
  const auto& routing = *draft.spec().canary->traffic_routing->nginx;
  if (draft.aborted() ||
      traffic::nginx::abort_verdict(draft.rollout(), routing, draft.world.ingresses).empty())
    return;
  const auto weight =
      traffic::nginx::current_weight(draft.rollout(), routing, draft.world.ingresses);
  if (!weight) return;
  decision.weight = *weight;
  write_route(draft, split_for(draft, decision));
}

bool carries_at_least(const Draft& draft, std::int32_t weight) {
  return weight <= traffic::nginx::current_weight(draft.rollout(),
                                                  *draft.spec().canary->traffic_routing->nginx,
                                                  draft.world.ingresses)
                       .value_or(0);
}

}  // namespace

void reconcile_traffic(Draft& draft) {
  if (!draft.running()) return;
  const auto& canary = *draft.spec().canary;
  if (!canary.traffic_routing || !canary.traffic_routing->nginx) {
    draft.next.canary.weights.reset();
    return;
  }
  const auto state = canary_state(draft.rollout(), draft.new_rs, draft.stable_rs);
  WeightInput in;
  in.state = &state;
  in.recorded = draft.stored.canary.weights;
  in.new_hash = draft.new_hash();
  in.aborted = draft.aborted();
  in.at_desired = canary_at_desired(draft, std::nullopt);
  in.serves_replaced_canary = serves_replaced_canary(draft);
  const auto decision = decide_weight(in);
  if (decision.held) {
    draft.why(Why::WeightHeld,
              "stable cannot carry the rest at weight " + std::to_string(decision.weight));
    draft.why(Why::WaitingForStable, "");
    clear_stale_verdict(draft, decision);
    record_observed_weight(draft);  // another process may have moved it and died
    return;
  }
  if (cannot_be_judged(draft) && !carries_at_least(draft, decision.weight)) {
    draft.why(Why::WeightHeld, "nothing judges this version yet");
    record_observed_weight(draft);
    return;
  }
  const auto split = split_for(draft, decision);
  draft.route_blocked = !write_route(draft, split);
  if (!draft.running()) return;
  if (draft.route_blocked) {
    record_observed_weight(draft);
  } else {
    record_weights(draft, split);
  }
  // Also when the weight cannot be changed: whoever is sent to this Service comes to stable then.
  if (decision.canary_service_to_stable) retarget_canary_service(draft);
}

bool carries_weight(const Draft& draft, std::int32_t weight) {
  const auto& canary = *draft.spec().canary;
  if (!canary.traffic_routing || !canary.traffic_routing->nginx) return true;
  const auto live = traffic::nginx::current_weight(
      draft.rollout(), *canary.traffic_routing->nginx, draft.world.ingresses);
  if (!live || *live != weight) return false;
  return weight == 0 || live_hash(draft.world, canary.canary_service) == draft.new_hash();
}

void record_observed_weight(Draft& draft) {
  const auto& canary = draft.spec().canary;
  auto& recorded = draft.next.canary.weights;
  if (!recorded || !canary || !canary->traffic_routing || !canary->traffic_routing->nginx) return;
  const auto weight = traffic::nginx::current_weight(
      draft.rollout(), *canary->traffic_routing->nginx, draft.world.ingresses);
  if (!weight || *weight == recorded->canary.weight) return;
  recorded->canary.weight = *weight;
  recorded->stable.weight = canary->max_weight() - *weight;
}

void quiet_orphan_ingresses(Draft& draft) {
  if (!draft.running()) return;
  const auto& canary = draft.spec().canary;
  const bool configured = canary && canary->traffic_routing && canary->traffic_routing->nginx;
  const auto planned = traffic::nginx::release_orphans(
      draft.rollout(), configured ? &*canary->traffic_routing->nginx : nullptr,
      draft.world.ingresses);
  send(draft, planned, 0);
}

}  // namespace sluice::rollout
