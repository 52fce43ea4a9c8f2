#pragma once
// A router that exists for tests alone, and joins the table of routers from here: it keeps the
// shares in a ConfigMap of its own. A Rollout names it, and the ConfigMap, with
// trafficRouting.plugins["sluice.test/config-map"] = {"name": "weights", "verifies": true}.
//
// Whoever plays its data plane writes what is in force as data.confirmed, or what went wrong as
// data.broken.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/keys.h"
#include "api/resources.h"
#include "kube/json/json.h"
#include "kube/json/patch.h"
#include "kube/model/resources.h"
#include "traffic/routers.h"

namespace sluice::traffic::test {

class ConfigMapRouter final : public Router {
 public:
  static constexpr std::string_view kKey = "sluice.test/config-map";

  explicit ConfigMapRouter(Traits traits = all_traits()) : Router("ConfigMap", traits) {}
  static Traits all_traits() {
    return {.header_routes = true, .mirror_routes = true, .additional = true, .plugin = kKey};
  }

  mutable std::vector<Wish> wishes;  // every one that was planned for

  [[nodiscard]] std::vector<kube::ObjectRef> objects(const api::Rollout& rollout) const override {
    return {ref_of(rollout)};
  }

  [[nodiscard]] std::optional<RouteProblem> problem(const api::Rollout& rollout,
                                                    const kube::Objects&) const override {
    if (!ref_of(rollout).key.name.empty()) return std::nullopt;
    return RouteProblem{"spec.strategy.canary.trafficRouting.plugins[" + std::string(kKey) +
                        "].name: Required value: the ConfigMap with the weights"};
  }

  [[nodiscard]] RouteState state(const api::Rollout& rollout,
                                 const kube::Objects& objects) const override {
    RouteState out;
    const auto found = objects.find(ref_of(rollout));
    if (found == objects.end()) return out;
    const auto& object = *found->second;
    const auto data = data_of(object);
    out.weight = static_cast<std::int32_t>(parse_int(text(data, "canary")).value_or(0));
    out.verdict = get_or(object.meta.annotations, api::kAbortVerdictAnnotation);
    out.verdict_on = "ConfigMap " + object.meta.key.name;
    if (!kube::get_bool(config_of(rollout), "verifies")) return out;
    if (const auto broken = text(data, "broken"); !broken.empty())
      out.verify.error = Error{ErrorCode::Unavailable, broken, std::nullopt};
    else
      out.verify.verified = text(data, "confirmed") == text(data, "canary");
    return out;
  }

  [[nodiscard]] Result<RoutePlan> plan(const api::Rollout& rollout, const Wish& wish,
                                       const kube::Objects& objects,
                                       const Options&) const override {
    wishes.push_back(wish);
    RoutePlan out;
    const auto ref = ref_of(rollout);
    const auto found = objects.find(ref);
    if (found == objects.end()) {
      out.writes.push_back(create(rollout, ref, wish));
      return out;
    }
    const auto before = kube::parse_json(*found->second->raw).value_or(kube::Json::object());
    auto after = before;
    fill(after, wish);
    const auto patch = kube::merge_patch_diff(before, after);
    if (!patch.empty()) out.writes.push_back(change(*found->second, patch, wish.canary_weight));
    return out;
  }

  [[nodiscard]] RoutePlan release(const api::Rollout& rollout,
                                  const kube::Objects& objects) const override {
    RoutePlan out;
    for (const auto& [ref, object] : objects) {
      const bool ours = ref.type == kube::kConfigMaps &&
                        kube::controls({api::kRollouts, rollout.meta}, object->meta);
      if (!ours || ref == ref_of(rollout) || text(data_of(*object), "canary") == "0") continue;
      out.writes.push_back(change(*object, {{"data", {{"canary", "0"}}}}, 0));
    }
    return out;
  }

 private:
  static kube::Json config_of(const api::Rollout& rollout) {
    const auto& canary = rollout.spec.canary;
    if (!canary || !canary->traffic_routing) return kube::Json::object();
    const auto* config = find_or_null(canary->traffic_routing->plugins, kKey);
    return kube::parse_json(config ? *config : "{}").value_or(kube::Json::object());
  }
  static kube::ObjectRef ref_of(const api::Rollout& rollout) {
    return {kube::kConfigMaps,
            {rollout.meta.key.namespace_, kube::get_string(config_of(rollout), "name")}};
  }
  static kube::Json data_of(const kube::Object& object) {
    const auto parsed = kube::parse_json(*object.raw);
    const auto* data = parsed ? kube::find(*parsed, "data") : nullptr;
    return data ? *data : kube::Json::object();
  }
  static std::string text(const kube::Json& data, const char* key) {
    return kube::get_string(data, key);
  }
  static void fill(kube::Json& object, const Wish& wish) {
    auto& data = object["data"];
    data["canary"] = std::to_string(wish.canary_weight);
    data["hash"] = wish.canary_hash;
    std::string beside;
    for (const auto& one : wish.additional)
      beside += one.service_name + "=" + std::to_string(one.weight) + ";";
    data["additional"] = beside;
    if (wish.routes) {
      std::string names;
      for (const auto& route : *wish.routes)
        names +=
            (route.kind == ManagedRoute::Kind::Header ? "header " : "mirror ") + route.name + ";";
      data["routes"] = names;
    }
    const std::string key(api::kAbortVerdictAnnotation);
    if (!wish.abort_verdict.empty())
      object["metadata"]["annotations"][key] = wish.abort_verdict;
    else if (object["metadata"].contains("annotations"))
      object["metadata"]["annotations"].erase(key);
  }
  static RouteWrite create(const api::Rollout& rollout, const kube::ObjectRef& ref,
                           const Wish& wish) {
    kube::Json body{
        {"apiVersion", "v1"},
        {"kind", "ConfigMap"},
        {"metadata",
         {{"name", ref.key.name},
          {"namespace", ref.key.namespace_},
          {"ownerReferences", kube::Json::array({{{"apiVersion", api::kRollouts.api_version()},
                                                  {"kind", api::kRollouts.kind},
                                                  {"name", rollout.meta.key.name},
                                                  {"uid", rollout.meta.uid},
                                                  {"controller", true}}})}}}};
    fill(body, wish);
    return write(ref.key, kube::Verb::Create, body, wish.canary_weight);
  }
  static RouteWrite change(const kube::Object& object, const kube::Json& patch,
                           std::int32_t weight) {
    auto out = write(object.meta.key, kube::Verb::MergePatch, patch, weight);
    out.write.uid = object.meta.uid;
    out.write.resource_version = object.meta.resource_version;
    return out;
  }
  static RouteWrite write(const kube::ObjectKey& key, kube::Verb verb, const kube::Json& body,
                          std::int32_t weight) {
    RouteWrite out;
    out.write.type = kube::kConfigMaps;
    out.write.key = key;
    out.write.verb = verb;
    out.write.body = kube::dump(body);
    out.write.purpose = kSetWeights;
    out.event = {"ConfigMapUpdated",
                 "ConfigMap " + key.name + " set to weight " + std::to_string(weight)};
    return out;
  }
};

}  // namespace sluice::traffic::test
