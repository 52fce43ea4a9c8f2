#include "traffic/nginx/nginx.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "api/keys.h"
#include "api/resources.h"
#include "api/validate.h"
#include "kube/json/json.h"
#include "kube/json/patch.h"
#include "kube/model/resources.h"
#include "traffic/nginx/canary_object.h"

namespace sluice::traffic::nginx {
namespace {

constexpr std::size_t kNameMax = 253;
constexpr std::string_view kSuffix = "-canary";
constexpr std::string_view kField = "spec.strategy.canary.trafficRouting.nginx";
constexpr std::string_view kDefaultPrefix = "nginx.ingress.kubernetes.io";
constexpr std::string_view kSnippetsLeftOut = "SnippetsLeftOut";  // reason of a Warning

const api::NginxRouting* routing_of(const api::Rollout& rollout) {
  const auto& canary = rollout.spec.canary;
  if (!canary || !canary->traffic_routing || !canary->traffic_routing->nginx) return nullptr;
  return &*canary->traffic_routing->nginx;
}

std::string prefix_of(const api::NginxRouting& routing) {
  return routing.annotation_prefix.empty() ? std::string(kDefaultPrefix)
                                           : routing.annotation_prefix;
}

bool owned_by(const kube::Object& ingress, const api::Rollout& rollout) {
  return kube::controls({api::kRollouts, rollout.meta}, ingress.meta);
}

const kube::Object* lookup(const kube::Objects& objects, const api::Rollout& rollout,
                           const std::string& name) {
  const auto found = objects.find({kube::kIngresses, {rollout.meta.key.namespace_, name}});
  return found == objects.end() ? nullptr : found->second.get();
}

bool routes_to(const kube::Object& ingress, std::string_view service) {
  const auto parsed = kube::parse_json(ingress.raw ? *ingress.raw : "");
  return parsed && has_rule_for(*parsed, service);
}

std::string no_rules_text(std::string_view ingress, std::string_view service) {
  return fmt::format("ingress `{}` has no rules using service {} backend", ingress, service);
}

// A write for one stable Ingress with its event; an empty optional: nothing is to do.
struct Step {
  RouteWrite send;
  LeftOut left_out = {};  // what this write records anew
};

RouteWrite make_write(const kube::ObjectKey& key, kube::Verb verb, const kube::Json& body,
                      RouteEvent event) {
  kube::Write write;
  write.type = kube::kIngresses;
  write.key = key;
  write.verb = verb;
  write.body = kube::dump(body);
  write.purpose = kSetWeights;
  return {std::move(write), std::move(event)};
}

RouteWrite patch(const kube::Object& existing, const kube::Json& body, std::int32_t weight) {
  RouteWrite out = make_write(
      existing.meta.key, kube::Verb::MergePatch, body,
      {"PatchingCanaryIngress",
       fmt::format("Updating Ingress `{}` to desiredWeight '{}'", existing.meta.key.name, weight)});
  out.write.uid = existing.meta.uid;
  out.write.resource_version = existing.meta.resource_version;
  return out;
}

std::string weight_key(const kube::Object& ingress) {
  for (const auto& [key, value] : ingress.meta.annotations) {
    if (key.ends_with("/canary-weight")) return key;
  }
  return "";
}

// A patch of nothing but the weight, nullopt unless that lowers it.
std::optional<kube::Write> lower_weight(const kube::Object& canary, std::int32_t weight) {
  const std::string key = weight_key(canary);
  const auto now = key.empty() ? std::nullopt : parse_int(get_or(canary.meta.annotations, key));
  if (!now || *now <= weight) return std::nullopt;
  kube::Json body = kube::Json::object();
  body["metadata"]["annotations"][key] = std::to_string(weight);
  return patch(canary, body, weight).write;
}

struct Planner {
  const api::Rollout& rollout;
  const api::NginxRouting& routing;
  const Wish& wish;
  const kube::Objects& objects;
  std::string prefix;
  bool allow_snippets = false;

  [[nodiscard]] Annotations annotations(const kube::Object& stable) const {
    const auto& canary = rollout.spec.canary;
    const bool has_total =
        canary && canary->traffic_routing && canary->traffic_routing->max_traffic_weight;
    return wanted_annotations(stable, routing,
                              {prefix, wish.canary_weight,
                               has_total ? std::optional(wish.max_weight) : std::nullopt,
                               allow_snippets});
  }

  [[nodiscard]] Result<std::optional<Step>> create(const std::string& name,
                                                   const Annotations& annotations,
                                                   const kube::Json& spec) const {
    const kube::ObjectKey key{rollout.meta.key.namespace_, name};
    const kube::Json body = new_object(rollout, name, annotations, spec, wish.abort_verdict);
    Step step{make_write(
        key, kube::Verb::Create, body,
        {"CreatingCanaryIngress",
         fmt::format("Creating canary ingress `{}` with weight `{}`", name, wish.canary_weight)})};
    step.left_out = annotations.left_out;
    return step;
  }

  [[nodiscard]] Result<std::optional<Step>> update(const kube::Object& existing,
                                                   const Annotations& annotations,
                                                   const kube::Json& spec) const {
    const auto object = kube::parse_json(existing.raw ? *existing.raw : "");
    if (!object) {
      return fail(ErrorCode::Decode,
                  fmt::format("error constructing canary ingress patch for `{}`: {}",
                              existing.meta.key.name, object.error().message));
    }
    const kube::Json body = change_object(*object, existing.meta.annotations, annotations, spec,
                                          prefix, wish.abort_verdict);
    if (body.empty()) return std::optional<Step>();
    Step step{patch(existing, body, wish.canary_weight)};
    step.send.cut = lower_weight(existing, wish.canary_weight);
    if (get_or(existing.meta.annotations, kLeftOutAnnotations) != left_out_text(annotations))
      step.left_out = annotations.left_out;
    return step;
  }

  [[nodiscard]] Result<std::optional<Step>> one(const std::string& stable_name) const {
    const kube::Object* stable = lookup(objects, rollout, stable_name);
    if (stable == nullptr) {
      return fail(ErrorCode::NotFound,
                  fmt::format("error retrieving stableIngress `{0}` from cache: "
                              "ingress.networking.k8s.io \"{0}\" not found",
                              stable_name));
    }
    const auto object = kube::parse_json(stable->raw ? *stable->raw : "");
    if (!object) {
      return fail(ErrorCode::Decode,
                  fmt::format("error retrieving stableIngress `{}` from cache: {}", stable_name,
                              object.error().message));
    }
    const auto spec = canary_spec(*object, wish.stable_service, wish.canary_service);
    if (!spec) return fail(ErrorCode::Invalid, no_rules_text(stable_name, wish.stable_service));
    const std::string name = canary_ingress_name(rollout.meta.key.name, stable_name);
    const kube::Object* existing = lookup(objects, rollout, name);
    if (existing == nullptr) return create(name, annotations(*stable), *spec);
    if (!owned_by(*existing, rollout)) {
      return fail(ErrorCode::Conflict,
                  fmt::format("canary ingress `{}` controlled by different object", name));
    }
    return update(*existing, annotations(*stable), *spec);
  }
};

// One for all canary Ingresses of the plan.
void warn_of(const LeftOut& left_out, const std::vector<std::string>& names, RoutePlan& out) {
  if (left_out.empty()) return;
  std::vector<std::string> fields;
  for (const auto& [key, what] : left_out)
    fields.push_back(fmt::format("{}.{}[{}]", kField, what.field, key));
  out.notices.push_back(
      {std::string(kSnippetsLeftOut),
       fmt::format("Left out of canary ingress `{}`, because it is the ingress controller's own "
                   "configuration, which others share (the flag --allow-ingress-snippets of the "
                   "controller lets it pass): {}",
                   join(names, "`, `"), join(fields, ", "))});
}

// Two long names that the cut makes equal would fight over one object.
std::optional<Error> name_clash(const std::vector<std::string>& stable_names,
                                std::string_view rollout) {
  std::set<std::string> seen;
  for (const auto& stable : stable_names) {
    const std::string name = canary_ingress_name(rollout, stable);
    if (seen.insert(name).second) continue;
    return Error{ErrorCode::Invalid,
                 fmt::format("canary ingress name `{}` stands for more than one stable ingress "
                             "(`{}` is one of them): "
                             "use shorter or more different ingress names",
                             name, stable),
                 std::nullopt};
  }
  return std::nullopt;
}

// The canary Ingresses of this Rollout, as far as they exist and are ours.
std::vector<const kube::Object*> owned_canaries(const api::Rollout& rollout,
                                                const api::NginxRouting& routing,
                                                const kube::Objects& objects) {
  std::vector<const kube::Object*> out;
  for (const auto& stable : stable_ingress_names(routing)) {
    const auto* canary =
        lookup(objects, rollout, canary_ingress_name(rollout.meta.key.name, stable));
    if (canary != nullptr && owned_by(*canary, rollout)) out.push_back(canary);
  }
  return out;
}

class Nginx final : public Router {
 public:
  Nginx()
      : Router("Nginx", {.without_stable_pod =
                             "ingress-nginx answers 503 to everybody, at any canary weight",
                         .max_weight = std::numeric_limits<std::int32_t>::max()}) {}

  [[nodiscard]] bool configured(const api::TrafficRouting& routing) const override {
    return routing.nginx.has_value();
  }
  [[nodiscard]] std::vector<kube::ObjectRef> objects(const api::Rollout& rollout) const override;
  [[nodiscard]] std::optional<RouteProblem> problem(const api::Rollout& rollout,
                                                    const kube::Objects& objects) const override;
  [[nodiscard]] RouteState state(const api::Rollout& rollout,
                                 const kube::Objects& objects) const override;
  [[nodiscard]] Result<RoutePlan> plan(const api::Rollout& rollout, const Wish& wish,
                                       const kube::Objects& objects,
                                       const Options& options) const override;
  [[nodiscard]] RoutePlan release(const api::Rollout& rollout,
                                  const kube::Objects& objects) const override;
};

std::vector<kube::ObjectRef> Nginx::objects(const api::Rollout& rollout) const {
  std::vector<kube::ObjectRef> out;
  const auto& [ns, name] = rollout.meta.key;
  for (const auto& stable : stable_ingress_names(*routing_of(rollout))) {
    out.push_back({kube::kIngresses, {ns, stable}});
    out.push_back({kube::kIngresses, {ns, canary_ingress_name(name, stable)}});
  }
  return out;
}

std::optional<RouteProblem> Nginx::problem(const api::Rollout& rollout,
                                           const kube::Objects& objects) const {
  const auto& routing = *routing_of(rollout);
  const std::string& stable_service = rollout.spec.canary->stable_service;
  const bool single = !routing.stable_ingress.empty(), several = !routing.stable_ingresses.empty();
  if (single == several) {
    return RouteProblem{fmt::format(
        "{}: Internal error: Either StableIngress or StableIngresses must be configured. {} are "
        "configured.",
        kField, single ? "Both" : "Neither")};
  }
  for (const auto& name : stable_ingress_names(routing)) {
    const kube::Object* ingress = lookup(objects, rollout, name);
    if (ingress == nullptr) {
      return RouteProblem{api::invalid_error(
          fmt::format("{}.{}", kField, single ? "stableIngress" : "StableIngresses"), quote(name),
          fmt::format("ingress.networking.k8s.io \"{}\" not found", name))};
    }
    if (!routes_to(*ingress, stable_service)) {
      return RouteProblem{
          api::invalid_error(
              fmt::format("{}.{}", kField, single ? "stableIngress" : "stableIngresses"),
              quote(name), no_rules_text(name, stable_service)),
          true};
    }
  }
  return std::nullopt;
}

RouteState Nginx::state(const api::Rollout& rollout, const kube::Objects& objects) const {
  RouteState out;
  const auto& routing = *routing_of(rollout);
  const std::string key = prefix_of(routing) + "/canary-weight";
  for (const auto* canary : owned_canaries(rollout, routing, objects)) {
    const auto weight = parse_int(get_or(canary->meta.annotations, key, "0")).value_or(0);
    const auto bounded = static_cast<std::int32_t>(std::clamp<std::int64_t>(weight, 0, 2147483647));
    out.weight = std::max(out.weight.value_or(0), bounded);
    auto verdict = get_or(canary->meta.annotations, api::kAbortVerdictAnnotation);
    if (verdict.empty() || !out.verdict.empty()) continue;
    out.verdict = std::move(verdict);
    out.verdict_on = "Ingress " + canary->meta.key.name;
  }
  return out;
}

Result<RoutePlan> Nginx::plan(const api::Rollout& rollout, const Wish& wish,
                              const kube::Objects& objects, const Options& options) const {
  const auto& routing = *routing_of(rollout);
  const Planner planner{rollout, routing, wish, objects, prefix_of(routing),
                        options.allow_ingress_snippets};
  const auto names = stable_ingress_names(routing);
  if (auto clash = name_clash(names, rollout.meta.key.name)) return fail(std::move(*clash));
  RoutePlan out;
  LeftOut left_out;
  std::vector<std::string> without;
  std::vector<std::string> problems;
  std::optional<Error> first;
  for (const auto& name : names) {
    auto step = planner.one(name);
    if (!step) {
      problems.push_back(step.error().message);
      if (!first) first = step.error();
      continue;
    }
    if (!*step) continue;
    if (!(*step)->left_out.empty()) without.push_back((*step)->send.write.key.name);
    left_out.merge((*step)->left_out);
    out.writes.push_back(std::move((*step)->send));
  }
  warn_of(left_out, without, out);
  if (!first) return out;
  first->message = join(problems, "; ");
  if (problems.size() == names.size()) return fail(std::move(*first));
  out.error = std::move(first);
  return out;
}

RoutePlan Nginx::release(const api::Rollout& rollout, const kube::Objects& objects) const {
  std::set<std::string> wanted;
  if (const auto* routing = routing_of(rollout)) {
    for (const auto& stable : stable_ingress_names(*routing))
      wanted.insert(canary_ingress_name(rollout.meta.key.name, stable));
  }
  RoutePlan out;
  for (const auto& [ref, ingress] : objects) {
    if (ref.type != kube::kIngresses || !ingress || wanted.contains(ref.key.name) ||
        ingress->meta.deleted_at || !owned_by(*ingress, rollout))
      continue;
    const std::string key = weight_key(*ingress);
    if (key.empty() || get_or(ingress->meta.annotations, key) == "0") continue;
    kube::Json body = kube::Json::object();
    body["metadata"]["annotations"][key] = "0";
    out.writes.push_back(patch(*ingress, body, 0));
  }
  return out;
}

}  // namespace

const Router& router() {
  static const Nginx instance;
  return instance;
}

std::vector<std::string> stable_ingress_names(const api::NginxRouting& routing) {
  if (!routing.stable_ingress.empty()) return {routing.stable_ingress};
  std::vector<std::string> out;
  for (const auto& name : routing.stable_ingresses) {
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  return out;
}

std::string canary_ingress_name(std::string_view rollout, std::string_view stable_ingress) {
  std::string name = fmt::format("{}-{}", rollout, stable_ingress);
  if (name.size() + kSuffix.size() > kNameMax) {
    name.resize(kNameMax - kSuffix.size());
    // ".-" is no valid name, and the server would refuse the object.
    if (name.ends_with('.')) name.back() = '-';
  }
  return name.append(kSuffix);
}

}  // namespace sluice::traffic::nginx
