#include "traffic/routers.h"

#include <algorithm>

#include "traffic/nginx/nginx.h"

namespace sluice::traffic {
namespace {

std::vector<const Router*>& table() {
  static std::vector<const Router*> rows{&nginx::router()};
  return rows;
}

}  // namespace

std::span<const Router* const> routers() {
  return table();
}

std::vector<const Router*> routers_of(const api::Rollout& rollout) {
  std::vector<const Router*> out;
  const auto& canary = rollout.spec.canary;
  if (!canary || !canary->traffic_routing) return out;
  for (const auto* router : routers())
    if (router->configured(*canary->traffic_routing)) out.push_back(router);
  return out;
}

api::RouterAbilities abilities_of(const api::Rollout& rollout) {
  api::RouterAbilities out;
  for (const auto* router : routers_of(rollout)) {
    const auto& traits = router->traits();
    if (!traits.plugin.empty()) out.plugins.push_back(traits.plugin);
    out.header_routes = out.header_routes || traits.header_routes;
    out.mirror_routes = out.mirror_routes || traits.mirror_routes;
    out.max_weight = std::min(out.max_weight, traits.max_weight);
  }
  return out;
}

ExtraRouter::ExtraRouter(const Router& router) : router_(&router) {
  table().push_back(router_);
}

ExtraRouter::~ExtraRouter() {
  std::erase(table(), router_);
}

}  // namespace sluice::traffic
