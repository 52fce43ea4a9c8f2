#include "api/routers.h"

namespace sluice::api {
namespace {

constexpr RouterRow kRows[] = {
    {.member = "istio",
     .name = "Istio",
     .info_rank = 3,
     .ping_pong_serves = true,
     .serves_too = "istio.destinationRule",
     .ping_pong = true,
     .header_routes = true,
     .mirror_routes = true,
     .experiments = true},
    {.member = "nginx", .name = "Nginx", .info_rank = 4, .max_weight = true},
    {.member = "alb",
     .name = "ALB",
     .info_rank = 1,
     .ping_pong_serves = true,
     .ping_pong = true,
     .header_routes = true,
     .experiments = true},
    {.member = "smi", .name = "SMI", .info_rank = 5, .experiments = true},
    {.member = "ambassador", .name = "Ambassador", .info_rank = 2},
    {.member = "appMesh", .name = "AppMesh", .info_rank = 6},
    {.member = "traefik", .name = "Traefik"},
    {.member = "apisix", .name = "Apisix", .header_routes = true},
    {.member = "plugins",
     .name = "Plugins",
     .needs_services = false,
     .ping_pong = true,
     .header_routes = true,
     .mirror_routes = true,
     .experiments = true,
     .max_weight = true},
};

}  // namespace

std::span<const RouterRow> router_rows() {
  return kRows;
}

}  // namespace sluice::api
