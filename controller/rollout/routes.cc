#include "controller/rollout/routes.h"

#include <algorithm>
#include <map>

#include "kube/json/json.h"

namespace sluice::rollout {
namespace {

template <class Holds>
bool each_gives(const Draft& draft, Holds holds) {
  const auto& routers = draft.world.routers;
  return std::all_of(routers.begin(), routers.end(), [&](const traffic::Router* router) {
    return holds(state_of(draft, *router).weight);
  });
}

}  // namespace

traffic::RouteState state_of(const Draft& draft, const traffic::Router& router) {
  return router.state(draft.rollout(), draft.world.objects);
}

std::optional<std::int32_t> live_weight(const Draft& draft) {
  std::optional<std::int32_t> out;
  for (const auto* router : draft.world.routers)
    out = std::max(out, state_of(draft, *router).weight);
  return out;
}

bool all_give(const Draft& draft, std::int32_t weight) {
  return each_gives(draft, [&](std::optional<std::int32_t> now) { return now == weight; });
}

bool all_give_at_least(const Draft& draft, std::int32_t weight) {
  return each_gives(draft,
                    [&](std::optional<std::int32_t> now) { return now.value_or(0) >= weight; });
}

LeftVerdict verdict_on_routes(const Draft& draft) {
  for (const auto* router : draft.world.routers) {
    auto state = state_of(draft, *router);
    if (!state.verdict.empty()) return {std::move(state.verdict), std::move(state.verdict_on)};
  }
  return {};
}

std::string_view without_stable_pod(const Draft& draft) {
  for (const auto* router : draft.world.routers)
    if (const auto text = router->traits().without_stable_pod; !text.empty()) return text;
  return "";
}

std::vector<traffic::ManagedRoute> managed_routes(const api::CanaryStrategy& canary,
                                                  std::int32_t step_index) {
  using Kind = traffic::ManagedRoute::Kind;
  std::map<std::string, traffic::ManagedRoute> in_force;
  const auto steps = static_cast<std::int32_t>(canary.steps.size());
  for (std::int32_t i = 0; i < std::min(steps, step_index + 1); ++i) {
    const auto& step = canary.steps[static_cast<std::size_t>(i)];
    if (!step.set_header_route && !step.set_mirror_route) continue;
    const auto raw = kube::parse_json(step.raw);
    for (const auto& [member, kind] :
         {std::pair{"setHeaderRoute", Kind::Header}, std::pair{"setMirrorRoute", Kind::Mirror}}) {
      const auto* route = raw ? kube::find(*raw, member) : nullptr;
      if (!route || !route->is_object()) continue;
      const auto name = kube::get_string(*route, "name");
      const auto* match = kube::find(*route, "match");
      if (match && match->is_array() && !match->empty()) {
        in_force[name] = {kind, name, kube::dump(*route)};
      } else {
        in_force.erase(name);
      }
    }
  }
  std::vector<traffic::ManagedRoute> out;
  if (!canary.traffic_routing) return out;
  for (const auto& name : canary.traffic_routing->managed_routes)
    if (const auto found = in_force.find(name); found != in_force.end())
      out.push_back(found->second);
  return out;
}

}  // namespace sluice::rollout
