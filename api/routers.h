#pragma once
// The routers that the API knows, whether this release drives them or not (traffic.md §1.1, §1.9):
// what may stand beside each in a Rollout. Which of them are driven is told by api/support.cc, and
// how by traffic/routers.cc.
#include <span>
#include <string_view>

namespace sluice::api {

struct RouterRow {
  std::string_view member;  // of spec.strategy.canary.trafficRouting
  std::string_view name;    // in metrics
  // The label traffic_router of rollout_info names the configured router of the highest rank; 0 is
  // never named there, as in the reference.
  int info_rank = 0;
  // canaryService and stableService must be set, unless pingPong (if it may stand in for them) or
  // this member of trafficRouting does.
  bool needs_services = true, ping_pong_serves = false;
  std::string_view serves_too = "";
  // What the reference accepts beside it.
  bool ping_pong = false, header_routes = false, mirror_routes = false, experiments = false,
       max_weight = false;
};

// In the order in which a Rollout's are called.
[[nodiscard]] std::span<const RouterRow> router_rows();

}  // namespace sluice::api
