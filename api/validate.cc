// Spec rules in the order of rollout.md §1.7.2; the first one that is broken is reported.
#include "api/validate.h"

#include <algorithm>
#include <array>

#include "api/pod_validate.h"
#include "api/routers.h"
#include "kube/json/json.h"

namespace sluice::api {

namespace {

using Text = std::optional<std::string>;

constexpr std::string_view kNotNegative = "must be greater than or equal to 0";
constexpr std::string_view kServicesRequired =
    "Canary service and Stable service must to be set to use Traffic Routing";
constexpr std::string_view kStepShape =
    "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or "
    "pause";
constexpr std::string_view kMatchMissing =
    "StringMatch value missed, match value must have one of the following: exact, regex, prefix";
constexpr std::string_view kMatchMany =
    "StringMatch match value must have exactly one of the following: exact, regex, prefix";
constexpr std::string_view kNoSuchRoute =
    "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes";

std::string internal_error(std::string_view path, std::string_view detail) {
  return std::string(path) + ": Internal error: " + std::string(detail);
}
const char* text(bool value) {
  return value ? "true" : "false";
}

Text negative(std::string_view path, std::int64_t value) {
  if (value >= 0) return std::nullopt;
  return invalid_error(path, std::to_string(value), kNotNegative);
}

// "maxSurge: 0%" and "maxSurge: 0" both say zero; whatever cannot be read does not.
bool is_zero(const std::optional<kube::IntOrString>& value) {
  if (!value) return false;
  if (!value->is_string) return value->number == 0;
  std::string_view text = value->text;
  if (text.ends_with('%')) text.remove_suffix(1);
  return parse_int(text) == 0;
}

std::string value_text(const kube::IntOrString& value) {
  return value.is_string ? quote(value.text) : std::to_string(value.number);
}

// ---- what the decoded view does not hold: fields of features that this release refuses ----

const kube::Json& none() {
  static const kube::Json null;
  return null;
}
const kube::Json& at(const kube::Json& value, std::string_view path) {
  const auto* found = kube::find_path(value, path);
  return found == nullptr ? none() : *found;
}
bool present(const kube::Json& value, std::string_view path) {
  return !at(value, path).is_null();
}

kube::Json raw_strategy(const Rollout& rollout) {
  if (!rollout.raw) return {};
  const auto document = kube::Document::parse(*rollout.raw);
  if (!document) return {};
  auto parsed = kube::parse_json(document->root()["spec"]["strategy"].raw());
  return parsed ? std::move(*parsed) : kube::Json();
}

class StrategyRules {
 public:
  explicit StrategyRules(const Rollout& rollout) : rollout_(rollout), spec_(rollout.spec) {}

  [[nodiscard]] Text check() const {
    if (!spec_.canary && !spec_.blue_green)
      return required_error(
          "spec.strategy.strategy",
          "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'");
    if (spec_.canary && spec_.blue_green)
      return invalid_error("spec.strategy.strategy", quote("blueGreen: true canary: true"),
                           "Multiple Strategies can not be listed");
    if (spec_.blue_green) return blue_green(*spec_.blue_green);
    return canary(*spec_.canary);
  }

 private:
  static std::string path(std::string_view below) { return "spec.strategy." + std::string(below); }

  [[nodiscard]] Text blue_green(const BlueGreenStrategy& strategy) const {
    if (strategy.active_service == strategy.preview_service)
      return invalid_error(path("activeService"), quote(strategy.active_service),
                           "This rollout uses the same service for the active and preview "
                           "services, but two different services are required.");
    const auto limit = strategy.scale_down_delay_revision_limit;
    if (limit && *limit > spec_.revision_history_limit.value_or(10))
      return invalid_error(path("scaleDownDelayRevisionLimit"), std::to_string(*limit),
                           "This rollout's revision history limit can not be smaller than the "
                           "rollout's scale down limit");
    return strategy.anti_affinity ? anti_affinity(at(raw(), "blueGreen.antiAffinity"))
                                  : std::nullopt;
  }

  [[nodiscard]] Text canary(const CanaryStrategy& strategy) const {
    if (is_zero(strategy.max_surge) && is_zero(strategy.max_unavailable))
      return invalid_error(path("maxSurge"), value_text(*strategy.max_surge),
                           "MaxSurge and MaxUnavailable both can not be zero");
    if (!strategy.stable_service.empty() && strategy.stable_service == strategy.canary_service)
      return invalid_error(path("stableService"), quote(strategy.stable_service),
                           "This rollout uses the same service for the stable and canary services, "
                           "but two different services are required.");
    if (auto error = ping_pong(strategy)) return error;
    if (auto error = services(strategy)) return error;
    if (auto error = scaling_options(strategy)) return error;
    for (std::size_t i = 0; i < strategy.steps.size(); ++i)
      if (auto error = step(strategy, i)) return error;
    return strategy.anti_affinity ? anti_affinity(at(raw(), "canary.antiAffinity")) : std::nullopt;
  }

  // Read once, and only when a rule asks for something that the decoded view lacks.
  [[nodiscard]] const kube::Json& raw() const {
    if (!raw_) raw_ = raw_strategy(rollout_);
    return *raw_;
  }
  [[nodiscard]] bool in_routing(std::string_view name) const {
    return present(raw(), "canary.trafficRouting." + std::string(name));
  }
  [[nodiscard]] bool router(std::string_view name) const {
    const auto& routing = spec_.canary->traffic_routing;
    return routing && routing->has(name);
  }
  [[nodiscard]] bool any_router(bool RouterRow::* allows) const {
    const auto rows = router_rows();
    return std::any_of(rows.begin(), rows.end(),
                       [&](const RouterRow& row) { return row.*allows && router(row.member); });
  }

  [[nodiscard]] Text ping_pong(const CanaryStrategy& strategy) const {
    if (!strategy.ping_pong) return std::nullopt;
    const auto& pair = at(raw(), "canary.pingPong");
    const auto ping = kube::get_string(pair, "pingService");
    const auto pong = kube::get_string(pair, "pongService");
    constexpr std::string_view kNeeded =
        "Ping service and Pong service must to be set to use Ping-Pong feature";
    if (strategy.traffic_routing && !any_router(&RouterRow::ping_pong))
      return invalid_error(
          path("trafficRouting.alb"), "null",
          "Ping-pong feature works with the ALB, Istio, and plugin-based traffic routers only");
    if (ping.empty()) return invalid_error(path("pingPong.pingService"), quote(ping), kNeeded);
    if (pong.empty()) return invalid_error(path("pingPong.pongService"), quote(pong), kNeeded);
    if (ping == pong)
      return invalid_error(path("pingPong.pingService"), quote(ping),
                           "This rollout uses the same service for the ping and pong services, but "
                           "two different services are required.");
    if (router("alb") && kube::get_string(raw(), "canary.trafficRouting.alb.rootService").empty())
      return invalid_error(path("trafficRouting.alb.rootService"), quote(""),
                           "Root service field is required for the configuration with ALB and "
                           "ping-pong feature enabled");
    return std::nullopt;
  }

  [[nodiscard]] Text services(const CanaryStrategy& strategy) const {
    if (!strategy.traffic_routing) return std::nullopt;
    const auto rows = router_rows();
    const bool needed = std::any_of(rows.begin(), rows.end(), [&](const RouterRow& row) {
      return row.needs_services && router(row.member) &&
             !(row.ping_pong_serves && strategy.ping_pong) &&
             !(!row.serves_too.empty() && in_routing(row.serves_too));
    });
    if (!needed) return std::nullopt;
    if (strategy.stable_service.empty())
      return invalid_error(path("stableService"), quote(""), kServicesRequired);
    if (strategy.canary_service.empty())
      return invalid_error(path("canaryService"), quote(""), kServicesRequired);
    return std::nullopt;
  }

  [[nodiscard]] Text scaling_options(const CanaryStrategy& strategy) const {
    const bool routed = strategy.traffic_routing.has_value();
    const auto delay = strategy.scale_down_delay_seconds;
    if (delay && !routed)
      return invalid_error(path("scaleDownDelaySeconds"), std::to_string(*delay),
                           "Canary scaleDownDelaySeconds can only be used with traffic routing");
    if (strategy.dynamic_stable_scale && !routed)
      return invalid_error(path("dynamicStableScale"), "true",
                           "Canary dynamicStableScale can only be used with traffic routing");
    if (strategy.dynamic_stable_scale && delay)
      return invalid_error(path("dynamicStableScale"), "true",
                           "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds");
    if (routed && strategy.traffic_routing->max_traffic_weight &&
        !any_router(&RouterRow::max_weight))
      return invalid_error(
          path("trafficRouting.maxTrafficWeight"),
          std::to_string(*strategy.traffic_routing->max_traffic_weight),
          "Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins");
    return std::nullopt;
  }

  [[nodiscard]] Text step(const CanaryStrategy& strategy, std::size_t index) const {
    const Step& step = strategy.steps[index];
    const std::string base = path("steps[" + std::to_string(index) + "]");
    if (auto error = step_shape(step, base)) return error;
    if (step.set_weight && (*step.set_weight < 0 || *step.set_weight > strategy.max_weight()))
      return invalid_error(
          base + ".setWeight", std::to_string(*step.set_weight),
          "SetWeight needs to be between 0 and " + std::to_string(strategy.max_weight()));
    if (step.pause) {
      const auto seconds = step.pause->seconds();
      if (seconds && *seconds < 0)
        return invalid_error(base + ".pause.duration", std::to_string(*seconds),
                             "Duration needs to be greater than 0");
    }
    if (step.set_canary_scale && !strategy.traffic_routing)
      return required_error(path("trafficRouting"),
                            "SetCanaryScale requires TrafficRouting to be set");
    if (auto error = header_route(strategy, step, base)) return error;
    if (auto error = mirror_route(strategy, step, base)) return error;
    if (auto error = managed_route(strategy, step, base)) return error;
    if (auto error = experiment_weights(strategy, step, base)) return error;
    return analysis_arguments(step, base);
  }

  [[nodiscard]] static Text step_shape(const Step& step, const std::string& base) {
    const bool pause = step.pause.has_value(), weight = step.set_weight.has_value(),
               analysis = step.analysis.has_value();
    const bool scale = step.set_canary_scale.has_value();
    const auto list = [&](bool value) {
      return std::string("step.Experiment: ") + text(step.experiment == value) +
             " step.Pause: " + text(pause == value) + " step.SetWeight: " + text(weight == value) +
             " step.Analysis: " + text(analysis == value);
    };
    if (int{step.experiment} + int{pause} + int{weight} + int{analysis} > 1)
      return invalid_error(base, quote(list(true)), kStepShape);
    if (step.experiment || pause || weight || analysis || scale || step.set_header_route ||
        step.set_mirror_route || step.plugin)
      return std::nullopt;
    return invalid_error(base,
                         quote(list(false) + " step.SetCanaryScale: true step.SetHeaderRoute: true "
                                             "step.SetMirrorRoutes: true step.Plugin: true"),
                         kStepShape);
  }

  [[nodiscard]] static Text string_match(const kube::Json& match, const std::string& match_path) {
    int kinds = 0;
    for (const char* kind : {"exact", "prefix", "regex"})
      kinds += kube::get_string(match, kind).empty() ? 0 : 1;
    if (kinds == 1) return std::nullopt;
    return invalid_error(match_path, match.is_null() ? "null" : kube::dump(match),
                         kinds == 0 ? kMatchMissing : kMatchMany);
  }

  [[nodiscard]] Text header_route(const CanaryStrategy& strategy, const Step& step,
                                  const std::string& base) const {
    if (!step.set_header_route) return std::nullopt;
    const auto raw = kube::parse_json(step.raw);
    const kube::Json& route = raw ? at(*raw, "setHeaderRoute") : none();
    const std::string here = base + ".setHeaderRoute";
    if (!strategy.traffic_routing || !any_router(&RouterRow::header_routes))
      return invalid_error(
          here, kube::dump(route),
          "SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix");
    const auto& matches = at(route, "match");
    if (!matches.is_array()) return std::nullopt;
    for (std::size_t j = 0; j < matches.size(); ++j) {
      const auto& value = at(matches[j], "headerValue");
      const std::string match_path = here + ".match[" + std::to_string(j) + "]";
      if (!router("alb")) {
        if (auto error = string_match(value, match_path)) return error;
        continue;
      }
      if (value.is_null()) return invalid_error(match_path, "null", kMatchMissing);
      if (kube::get_string(value, "exact").empty() || !kube::get_string(value, "prefix").empty() ||
          !kube::get_string(value, "regex").empty())
        return invalid_error(match_path, kube::dump(value),
                             "SetHeaderRoute match value invalid. ALB supports 'exact' value only");
    }
    return std::nullopt;
  }

  [[nodiscard]] Text mirror_route(const CanaryStrategy& strategy, const Step& step,
                                  const std::string& base) const {
    if (!step.set_mirror_route) return std::nullopt;
    const auto raw = kube::parse_json(step.raw);
    const kube::Json& route = raw ? at(*raw, "setMirrorRoute") : none();
    const std::string here = base + ".setMirrorRoute";
    if (!strategy.traffic_routing || !any_router(&RouterRow::mirror_routes))
      return invalid_error(here, kube::dump(route),
                           "SetMirrorRoute requires TrafficRouting, supports Istio and Plugins");
    const auto& matches = at(route, "match");
    if (!matches.is_array()) return std::nullopt;
    for (std::size_t j = 0; j < matches.size(); ++j) {
      for (const char* part : {"method", "path"}) {
        const auto& value = at(matches[j], part);
        if (value.is_null()) continue;
        if (auto error = string_match(value, here + ".match[" + std::to_string(j) + "]"))
          return error;
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] Text managed_route(const CanaryStrategy& strategy, const Step& step,
                                   const std::string& base) const {
    if ((!step.set_header_route && !step.set_mirror_route) || !strategy.traffic_routing)
      return std::nullopt;
    if (!in_routing("managedRoutes"))
      return required_error(
          path("trafficRouting.managedRoutes"),
          "Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'");
    const auto raw = kube::parse_json(step.raw);
    const char* kind = step.set_header_route ? "setHeaderRoute" : "setMirrorRoute";
    const auto name = raw ? kube::get_string(*raw, std::string(kind) + ".name") : std::string();
    for (const auto& known : strategy.traffic_routing->managed_routes)
      if (known == name) return std::nullopt;
    return invalid_error(base + "." + kind, quote(name), kNoSuchRoute);
  }

  [[nodiscard]] Text experiment_weights(const CanaryStrategy& strategy, const Step& step,
                                        const std::string& base) const {
    if (!step.experiment) return std::nullopt;
    const auto raw = kube::parse_json(step.raw);
    const kube::Json& templates = raw ? at(*raw, "experiment.templates") : none();
    if (!templates.is_array()) return std::nullopt;
    for (std::size_t k = 0; k < templates.size(); ++k) {
      const auto& weight = at(templates[k], "weight");
      if (weight.is_null()) continue;
      const std::string here = base + ".experiment.templates[" + std::to_string(k) + "].weight";
      if (!strategy.traffic_routing)
        return invalid_error(
            here, kube::dump(weight),
            "Experiment template weight cannot be set unless TrafficRouting is enabled");
      if (!any_router(&RouterRow::experiments))
        return invalid_error(here, kube::dump(weight),
                             "Experiment template weight is only available for TrafficRouting with "
                             "SMI, ALB, Istio and Plugins at this time");
    }
    return std::nullopt;
  }

  // A fieldRef into metadata has to be one that the downward API knows.
  [[nodiscard]] static bool extractable(std::string_view field_path) {
    static constexpr std::array<std::string_view, 5> kWhole{"metadata.name", "metadata.namespace",
                                                            "metadata.uid", "metadata.labels",
                                                            "metadata.annotations"};
    for (const auto whole : kWhole)
      if (field_path == whole) return true;
    for (const std::string_view map : {"metadata.labels['", "metadata.annotations['"})
      if (field_path.starts_with(map) && field_path.ends_with("']") &&
          field_path.size() > map.size() + 2)
        return true;
    return false;
  }

  [[nodiscard]] static Text analysis_arguments(const Step& step, const std::string& base) {
    if (!step.analysis) return std::nullopt;
    for (const auto& argument : step.analysis->args) {
      if (!argument.field_path || !argument.field_path->starts_with("metadata") ||
          extractable(*argument.field_path))
        continue;
      kube::Json list = kube::Json::array();
      for (const auto& item : step.analysis->args) list.push_back(encode(item));
      return invalid_error(
          base + ".analyses", kube::dump(list),
          "Analyses arguments must refer to valid object metadata supported by downwardAPI");
    }
    return std::nullopt;
  }

  [[nodiscard]] static Text anti_affinity(const kube::Json& value) {
    if (value.is_null()) return std::nullopt;
    const auto& preferred = at(value, "preferredDuringSchedulingIgnoredDuringExecution");
    const bool required = present(value, "requiredDuringSchedulingIgnoredDuringExecution");
    if (preferred.is_null() != required)
      return invalid_error(
          path("antiAffinity"),
          quote(std::string("antiAffinity.PreferredDuringSchedulingIgnoredDuringExecution: ") +
                text(!preferred.is_null()) +
                " antiAffinity.RequiredDuringSchedulingIgnoredDuringExecution: " + text(required)),
          "AntiAffinity must have exactly one strategy listed");
    const auto weight = kube::get_int(preferred, "weight");
    if (!preferred.is_null() && (weight < 1 || weight > 100))
      return invalid_error(path("antiAffinity.weight"), std::to_string(weight),
                           "AntiAffinity weight must be between 1-100");
    return std::nullopt;
  }

  const Rollout& rollout_;
  const RolloutSpec& spec_;
  mutable std::optional<kube::Json> raw_;
};

Text selector_and_template(const RolloutSpec& spec) {
  const bool referenced = !spec.workload_ref_json.empty();
  if (!spec.has_selector && !referenced)
    return required_error("spec.selector", "Rollout has missing field '.spec.selector'");
  if (spec.has_selector) {
    if (auto problem = spec.selector.problem("spec.selector"); !problem.empty()) return problem;
    if (spec.selector.empty() && !referenced)
      return invalid_error("spec.selector", spec.selector_json,
                           "empty selector is invalid for deployment");
  }
  if (referenced) {
    if (!spec.template_json.empty() && spec.template_json != "{}")
      return internal_error("spec.template",
                            "template must be empty for workload reference rollout");
    return std::nullopt;
  }
  return validate_pod_template(spec);
}

Text numbers(const RolloutSpec& spec) {
  if (auto error = negative("spec.minReadySeconds", spec.min_ready_seconds)) return error;
  if (auto error = negative("spec.revisionHistoryLimit", spec.revision_history_limit.value_or(0)))
    return error;
  const std::int32_t deadline = spec.progress_deadline_seconds.value_or(600);
  if (auto error = negative("spec.progressDeadlineSeconds", deadline)) return error;
  if (deadline <= spec.min_ready_seconds)
    return invalid_error("spec.progressDeadlineSeconds", std::to_string(deadline),
                         "must be greater than minReadySeconds");
  return std::nullopt;
}

}  // namespace

std::optional<std::string> validate_spec(const Rollout& rollout) {
  if (rollout.decode_error) return rollout.decode_error->message;
  const RolloutSpec& spec = rollout.spec;
  if (auto error = negative("spec.replicas", spec.replicas.value_or(0))) return error;
  if (auto error = selector_and_template(spec)) return error;
  if (auto error = numbers(spec)) return error;
  return StrategyRules(rollout).check();
}

}  // namespace sluice::api
