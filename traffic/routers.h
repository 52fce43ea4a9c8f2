#pragma once
// All routers, a row each.
#include <span>
#include <vector>

#include "api/rollout.h"
#include "api/validate.h"
#include "traffic/router.h"

namespace sluice::traffic {

// In the order in which those of a Rollout are called (traffic.md W-1).
[[nodiscard]] std::span<const Router* const> routers();
// Those that the Rollout's spec names, in that order.
[[nodiscard]] std::vector<const Router*> routers_of(const api::Rollout& rollout);
// What they can do beyond the fields that api/support.cc calls implemented.
[[nodiscard]] api::RouterAbilities abilities_of(const api::Rollout& rollout);

// A row more, at the end of the table, for as long as this lives: a test brings its own router.
class ExtraRouter {
 public:
  explicit ExtraRouter(const Router& router);
  ExtraRouter(const ExtraRouter&) = delete;
  ExtraRouter& operator=(const ExtraRouter&) = delete;
  ~ExtraRouter();

 private:
  const Router* router_;
};

}  // namespace sluice::traffic
