// What a decoded Rollout says about itself.
#include "api/rollout.h"

#include <algorithm>

#include "kube/json/json.h"

namespace sluice::api {
namespace {

// A member of one of this step's objects; the refused step kinds are only known by their raw text.
std::string name_of(const std::string& raw, std::string_view member) {
  const auto step = kube::parse_json(raw);
  return step ? kube::get_string(*step, std::string(member) + ".name") : std::string();
}

std::string scale_text(const SetCanaryScale& scale) {
  if (scale.weight) return "setCanaryScale{weight: " + std::to_string(*scale.weight) + "}";
  if (scale.match_traffic_weight) return "setCanaryScale{matchTrafficWeight: true}";
  if (scale.replicas) return "setCanaryScale{replicas: " + std::to_string(*scale.replicas) + "}";
  return "invalid";
}

}  // namespace

std::optional<std::int64_t> PauseStep::seconds() const {
  if (!duration) return std::nullopt;
  if (!duration->is_string) return duration->number;
  if (const auto whole = parse_int(duration->text)) return *whole;
  const auto parsed = parse_go_duration(duration->text);
  if (!parsed) return -1;
  return std::chrono::duration_cast<Seconds>(*parsed).count();
}

std::string Step::text() const {
  if (set_weight) return "setWeight: " + std::to_string(*set_weight);
  if (pause) {
    if (!pause->duration) return "pause";
    return "pause: " + (pause->duration->is_string ? pause->duration->text
                                                   : std::to_string(pause->duration->number));
  }
  if (experiment) return "experiment";
  if (analysis) return "analysis";
  if (set_canary_scale) return scale_text(*set_canary_scale);
  if (plugin) return "plugin: " + name_of(raw, "plugin");
  if (set_header_route) return "setHeaderRoute: " + name_of(raw, "setHeaderRoute");
  if (set_mirror_route) return "setMirrorRoute: " + name_of(raw, "setMirrorRoute");
  return "invalid";
}

bool TrafficRouting::has(std::string_view router) const {
  if (router == "nginx") return nginx.has_value();
  return std::find(other_routers.begin(), other_routers.end(), router) != other_routers.end();
}

std::int32_t CanaryStrategy::max_weight() const {
  return traffic_routing ? traffic_routing->max_traffic_weight.value_or(100) : 100;
}

kube::Json stored_status(const Rollout& rollout) {
  kube::Json none = kube::Json::object();
  if (!rollout.raw) return none;
  const auto document = kube::Document::parse(*rollout.raw);
  if (!document) return none;
  const kube::Node status = document->root()["status"];
  if (status.type() != kube::Node::Type::Object) return none;
  auto parsed = kube::parse_json(status.raw());
  return parsed ? std::move(*parsed) : none;
}

}  // namespace sluice::api
