#include "controller/rollout/traffic_stage.h"

#include <algorithm>

#include "api/keys.h"
#include "controller/rollout/routes.h"
#include "controller/rollout/runs.h"
#include "controller/rollout/services.h"
#include "controller/rollout/status.h"
#include "controller/rollout/verdict.h"
#include "controller/rollout/weights.h"
#include "kube/json/json.h"
#include "kube/json/patch.h"
#include "traffic/routers.h"
#include "traffic/status.h"

namespace sluice::rollout {
namespace {

using kube::Json;

// The world's object as it will be after the write.
void apply_to_objects(World& world, const kube::Write& write) {
  auto& slot = world.objects[{write.type, write.key}];
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
  auto changed = std::make_shared<kube::Object>(kube::decode_object(document->root()));
  changed->raw = std::move(text);
  changed->meta.resource_version.clear();
  slot = std::move(changed);
}

// What this plan has sent to the router's objects is not sent: they are in this plan as they were
// found.
void take_back(Draft& draft, const traffic::Router& router) {
  const auto& observed = draft.world.observed->objects;
  for (const auto& item : draft.items) {
    const auto* write = std::get_if<kube::Write>(&item.intent);
    if (item.router != &router || !write) continue;
    const kube::ObjectRef ref{write->type, write->key};
    if (const auto found = observed.find(ref); found != observed.end()) {
      draft.world.objects[ref] = found->second;
    } else {
      draft.world.objects.erase(ref);
    }
  }
  std::erase_if(draft.items, [&](const Item& item) { return item.router == &router; });
}

void tell(Draft& draft, const traffic::Router& router, const traffic::RouteEvent& event,
          bool warning) {
  draft.event(event.reason, event.message, warning);
  draft.items.back().router = &router;
}

bool send_one(Draft& draft, const traffic::Router& router, const kube::Write& write,
              std::int32_t weight) {
  if (!draft.write(write)) return false;
  draft.items.back().router = &router;
  draft.why(Why::WeightChanged, write.key.name + " → " + std::to_string(weight));
  apply_to_objects(draft.world, write);
  return true;
}

// False when something of it was not sent: the others go all the same.
bool send(Draft& draft, const traffic::Router& router, const traffic::RoutePlan& planned,
          std::int32_t weight) {
  bool all = true;
  for (const auto& item : planned.writes) {
    if (send_one(draft, router, item.write, weight)) {
      tell(draft, router, item.event, false);
      continue;
    }
    all = false;
    // Whatever else of the object the server refuses: users are taken off a version by a change of
    // nothing but the weight.
    if (draft.running() && item.cut && !same_intent(*item.cut, item.write))
      send_one(draft, router, *item.cut, weight);
    if (!draft.running()) return false;
  }
  for (const auto& notice : planned.notices) tell(draft, router, notice, true);
  return all;
}

bool route_error(Draft& draft, const std::string& text) {
  draft.block("TrafficRoutingError", text);
  draft.why(Why::WeightHeld, text);
  draft.wake(draft.now + Seconds{10});
  return false;
}

// Writes of this plan for a promotion that is now followed by the switch of the Services: the last
// write says it all, and it stands behind the switch.
bool superseded(const Draft& draft, const traffic::RoutePlan& planned) {
  return draft.supersede_weights &&
         std::any_of(planned.writes.begin(), planned.writes.end(), [&](const auto& item) {
           return draft.already_written(item.write.type, item.write.key);
         });
}

// False when the router does not get all that it should.
bool write_route(Draft& draft, const traffic::Router& router, const traffic::Wish& wish) {
  const auto plan = [&] {
    return router.plan(draft.rollout(), wish, draft.world.objects, draft.options.routers);
  };
  auto planned = plan();
  if (planned && superseded(draft, *planned)) {
    take_back(draft, router);
    draft.superseded = true;
    planned = plan();
  }
  if (!planned) return route_error(draft, planned.error().message);
  const bool sent = send(draft, router, *planned, wish.canary_weight);
  if (!planned->error || !draft.running()) return sent;
  return route_error(draft, planned->error->message);
}

void record_weights(Draft& draft, const traffic::Wish& wish) {
  traffic::WeightsInput in;
  in.weight = wish.canary_weight;
  in.max_weight = wish.max_weight;
  in.canary_service = wish.canary_service;
  in.stable_service = wish.stable_service;
  in.canary_hash = wish.canary_hash;
  in.stable_hash = wish.stable_hash;
  in.additional = wish.additional;
  auto& next = draft.next.canary.weights;
  const auto& shown =
      draft.superseded ? draft.world.observed->rollout->status.canary.weights : next;
  const auto weights = traffic::next_weights(next, in);
  if (traffic::weights_changed(next, weights))
    draft.event(traffic::kTrafficWeightUpdated, traffic::weights_event_text(shown, weights), false,
                true);
  next = weights;
}

// The weights that an earlier pass of this plan recorded are not set after all.
void forget_told_weights(Draft& draft) {
  std::erase_if(draft.items, [](const Item& item) {
    const auto* event = std::get_if<controller::EventIntent>(&item.intent);
    return event && event->reason == traffic::kTrafficWeightUpdated;
  });
}

std::string verdict_to_leave(const Draft& draft, const traffic::RouteState& now,
                             std::int32_t weight) {
  if (!draft.aborted()) return "";
  const bool cuts = now.weight && *now.weight > weight;
  if (draft.cut_for_verdict && cuts) return draft.verdict_annotation;
  const auto verdict = decode_verdict(now.verdict);
  return verdict && verdict->hash == draft.new_hash() ? now.verdict : std::string();
}

// Managed routes are for a canary that takes part in an update, and has pods for them.
std::vector<traffic::ManagedRoute> wanted_routes(const Draft& draft,
                                                 const WeightDecision& decision) {
  const auto revision = parse_int(get_or(draft.rollout().meta.annotations,
                                         api::kRevisionAnnotation));
  if (decision.remove_managed_routes || draft.available(draft.new_rs) == 0 || revision <= 1)
    return {};
  return managed_routes(*draft.spec().canary, draft.stored.current_step_index.value_or(0));
}

// One that is about to go, or about to come, has no name to send users to.
std::vector<api::WeightDestination> wanted_destinations(const Draft& draft,
                                                        const WeightDecision& decision) {
  const auto& routers = draft.world.routers;
  const bool taken = std::any_of(routers.begin(), routers.end(),
                                 [](const auto* router) { return router->traits().additional; });
  if (!taken || !decision.experiment_destinations) return {};
  auto out = draft.world.observed->additional;
  std::erase_if(out, [](const auto& destination) {
    return destination.service_name.empty() || destination.pod_template_hash.empty();
  });
  return out;
}

// What all routers are to do.
traffic::Wish wish_for(const Draft& draft, const WeightDecision& decision) {
  const auto& canary = *draft.spec().canary;
  traffic::Wish wish;
  wish.canary_weight = decision.weight;
  wish.max_weight = canary.max_weight();
  wish.canary_hash = draft.new_hash();
  wish.stable_hash = draft.stable_hash();
  wish.canary_service = canary.canary_service;
  wish.stable_service = canary.stable_service;
  const auto& stored = draft.stored.canary.weights;
  const auto live = live_hash(draft.world, canary.canary_service);
  const bool replaced = decision.weight > 0 && live != wish.canary_hash &&
                        live != wish.stable_hash && stored &&
                        stored->canary.pod_template_hash == live;
  if ((decision.keep_recorded_hash || replaced) && stored)
    wish.canary_hash = stored->canary.pod_template_hash;
  wish.weight_before_hash = decision.weight_before_hash;
  wish.additional = wanted_destinations(draft, decision);
  wish.routes = wanted_routes(draft, decision);
  return wish;
}

// The same for one router, as far as it goes.
traffic::Wish wish_of(const Draft& draft, const traffic::Router& router,
                      const traffic::RouteState& now, traffic::Wish wish) {
  const auto& traits = router.traits();
  if (!traits.additional) wish.additional.clear();
  if (wish.routes)
    std::erase_if(*wish.routes, [&](const traffic::ManagedRoute& route) {
      return route.kind == traffic::ManagedRoute::Kind::Header ? !traits.header_routes
                                                               : !traits.mirror_routes;
    });
  wish.abort_verdict = verdict_to_leave(draft, now, wish.canary_weight);
  return wish;
}

// False when some router does not get all that it should: the others get it all the same.
bool write_routes(Draft& draft, const traffic::Wish& wish) {
  bool all = true;
  for (const auto* router : draft.world.routers) {
    const auto own = wish_of(draft, *router, state_of(draft, *router), wish);
    all = write_route(draft, *router, own) && all;
    if (!draft.running()) return false;
  }
  if (draft.superseded) forget_told_weights(draft);
  return all;
}

// The weight stays, but a verdict that no longer counts must not: it would be taken for one that
// was never recorded. Nor do managed routes stay that send users to a canary that is none.
void tidy_held_routes(Draft& draft, const WeightDecision& decision) {
  auto wish = wish_for(draft, decision);
  const auto& recorded = draft.stored.canary.weights;
  wish.additional = recorded ? recorded->additional : std::vector<api::WeightDestination>();
  if (!decision.remove_managed_routes) wish.routes.reset();
  for (const auto* router : draft.world.routers) {
    const auto& traits = router->traits();
    const auto now = state_of(draft, *router);
    const bool stale = !draft.aborted() && !now.verdict.empty();
    const bool routes = wish.routes && (traits.header_routes || traits.mirror_routes);
    if (!now.weight || (!stale && !routes)) continue;
    wish.canary_weight = *now.weight;
    write_route(draft, *router, wish_of(draft, *router, now, wish));
    if (!draft.running()) return;
  }
}

traffic::VerifyWhen verify_when(const Draft& draft, std::int32_t weight) {
  const auto& canary = *draft.spec().canary;
  const auto* step = current_step_of(canary, draft.stored.current_step_index);
  traffic::VerifyWhen out;
  out.has_stable = !draft.stored.stable_rs.empty();
  out.fully_promoted = draft.fully_promoted();
  out.at_set_weight_step = step && step->set_weight;
  out.has_current_step = step != nullptr;
  out.weight = weight;
  out.max_weight = canary.max_weight();
  return out;
}

// Do users go where they were sent? While no router can say so, the step does not end; with all of
// them on their way to the canary, nothing is built on it either.
void verify_routes(Draft& draft, std::int32_t weight) {
  const auto when = verify_when(draft, weight);
  auto& recorded = draft.next.canary.weights;
  if (!recorded || !traffic::should_verify(when)) return;
  std::vector<traffic::VerifyAnswer> answers;
  for (const auto* router : draft.world.routers)
    answers.push_back(state_of(draft, *router).verify);
  const auto outcome = traffic::verify_outcome(answers, weight, when.max_weight);
  const bool told = recorded->verified == false;
  recorded->verified = outcome.verified;
  if (!told)
    for (const auto& warning : outcome.warnings) draft.event("WeightVerifyError", warning, true);
  if (outcome.look_again) {
    draft.wake(draft.now + draft.options.verify_interval);
    draft.why(Why::WeightHeld, outcome.hold.value_or("not yet verified"));
  }
  draft.unverified_end = outcome.hold.has_value();
  draft.route_blocked = draft.route_blocked || draft.unverified_end;
}

}  // namespace

void reconcile_traffic(Draft& draft) {
  if (!draft.running()) return;
  if (draft.world.routers.empty()) {
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
    tidy_held_routes(draft, decision);
    record_observed_weight(draft);  // another process may have moved it and died
    return;
  }
  if (cannot_be_judged(draft) && !all_give_at_least(draft, decision.weight)) {
    draft.why(Why::WeightHeld, "nothing judges this version yet");
    record_observed_weight(draft);
    return;
  }
  const auto wish = wish_for(draft, decision);
  draft.route_blocked = !write_routes(draft, wish);
  if (!draft.running()) return;
  if (draft.route_blocked) {
    record_observed_weight(draft);
  } else {
    record_weights(draft, wish);
    verify_routes(draft, wish.canary_weight);
  }
  // Also when the weight cannot be changed: whoever is sent to this Service comes to stable then.
  if (decision.canary_service_to_stable) retarget_canary_service(draft);
}

bool carries_weight(const Draft& draft, std::int32_t weight) {
  if (draft.world.routers.empty()) return true;
  if (!all_give(draft, weight)) return false;
  const auto& service = draft.spec().canary->canary_service;
  return weight == 0 || live_hash(draft.world, service) == draft.new_hash();
}

void record_observed_weight(Draft& draft) {
  auto& recorded = draft.next.canary.weights;
  const auto weight = live_weight(draft);
  if (!recorded || !weight || *weight == recorded->canary.weight) return;
  std::int64_t rest = std::int64_t{draft.spec().canary->max_weight()} - *weight;
  for (const auto& destination : recorded->additional) rest -= destination.weight;
  recorded->canary.weight = *weight;
  recorded->stable.weight = static_cast<std::int32_t>(std::max<std::int64_t>(0, rest));
}

void release_routes(Draft& draft) {
  for (const auto* router : traffic::routers()) {
    if (!draft.running()) return;
    send(draft, *router, router->release(draft.rollout(), draft.world.objects), 0);
  }
}

}  // namespace sluice::rollout
