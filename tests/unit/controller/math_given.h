#pragma once
// Builders shared by the arithmetic tests of this folder.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/rollout.h"
#include "controller/rollout/replicas.h"

namespace sluice::rollout::given {

inline api::Step set_weight(std::int32_t weight) {
  api::Step step;
  step.set_weight = weight;
  return step;
}
inline api::Step pause() {
  api::Step step;
  step.pause.emplace();
  return step;
}
inline api::Step pause(std::int64_t seconds) {
  api::Step step = pause();
  step.pause->duration = kube::IntOrString{false, seconds, ""};
  return step;
}
inline api::Step analysis() {
  api::Step step;
  step.analysis.emplace();
  return step;
}
inline api::Step scale_replicas(std::int32_t replicas) {
  api::Step step;
  step.set_canary_scale.emplace();
  step.set_canary_scale->replicas = replicas;
  return step;
}
inline api::Step scale_weight(std::int32_t weight) {
  api::Step step;
  step.set_canary_scale.emplace();
  step.set_canary_scale->weight = weight;
  return step;
}
inline api::Step match_traffic_weight() {
  api::Step step;
  step.set_canary_scale.emplace();
  step.set_canary_scale->match_traffic_weight = true;
  return step;
}

inline api::CanaryStrategy canary(std::vector<api::Step> steps) {
  api::CanaryStrategy out;
  out.has_steps_member = !steps.empty();
  out.steps = std::move(steps);
  return out;
}
inline api::CanaryStrategy routed(std::vector<api::Step> steps) {
  api::CanaryStrategy out = canary(std::move(steps));
  out.traffic_routing.emplace();
  return out;
}
inline api::CanaryStrategy dynamic(std::vector<api::Step> steps) {
  api::CanaryStrategy out = routed(std::move(steps));
  out.dynamic_stable_scale = true;
  return out;
}

inline kube::IntOrString number(std::int64_t value) {
  return {false, value, ""};
}
inline kube::IntOrString text(std::string value) {
  return {true, 0, std::move(value)};
}

inline Pods pods(std::int32_t spec, std::int32_t available) {
  return {spec, available, spec};
}

// An update in flight: stable exists, newRS differs.
inline CanaryState updating(const api::CanaryStrategy& strategy, std::int32_t replicas,
                            std::optional<std::int32_t> index = 0) {
  CanaryState out;
  out.strategy = &strategy;
  out.replicas = replicas;
  out.step_index = index;
  out.has_stable = true;
  return out;
}

inline api::TrafficWeights weights(std::int32_t canary_weight, std::int32_t stable_weight,
                                   std::string canary_hash = "new") {
  api::TrafficWeights out;
  out.canary = {canary_weight, "", std::move(canary_hash)};
  out.stable = {stable_weight, "", "old"};
  return out;
}

inline WallTime at(std::int64_t seconds) {
  return WallTime{} + Seconds{1'795'271'283} + Seconds{seconds};
}

}  // namespace sluice::rollout::given
