#pragma once
// The production loop in a simulated cluster without faults, as a user meets it: objects are
// applied, looked at and deleted; conditions, messages and Events are what is asked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/resources.h"
#include "kube/model/resources.h"
#include "sim/simulation.h"
#include "tests/unit/sim/scenario_fixture.h"

namespace sluice::sim {

struct UserWorld {
  explicit UserWorld(const std::string& instance_id = "") : UserWorld(options(instance_id)) {}
  explicit UserWorld(const Simulation::Options& options_in) : sim(options_in) {
    for (const char* name : {"default", "argo-rollouts"})
      must(sim.apply_object({{"apiVersion", "v1"},
                             {"kind", "Namespace"},
                             {"metadata", {{"name", name}}}}));
    answer_vector("0.99");
  }
  static Simulation::Options options(const std::string& instance_id) {
    Simulation::Options out;
    out.loop.lease_namespace = "argo-rollouts";
    out.loop.instance_id = instance_id;
    out.crds = checkout_crds();
    return out;
  }
  static void must(const Status& status) { EXPECT_TRUE(status) << status.error().message; }
  void apply(const Json& object) { must(sim.apply_object(object)); }

  // ---- objects ----
  static Json service(const std::string& name, const Json& selector = {{"app", "web"}}) {
    return {{"apiVersion", "v1"},
            {"kind", "Service"},
            {"metadata", {{"name", name}, {"namespace", "default"}}},
            {"spec", {{"selector", selector}, {"ports", Json::array({{{"port", 80}}})}}}};
  }
  static Json ingress(const std::string& backend = "web-stable") {
    const Json path = {{"path", "/"},
                       {"pathType", "Prefix"},
                       {"backend", {{"service", {{"name", backend}, {"port", {{"number", 80}}}}}}}};
    return {{"apiVersion", "networking.k8s.io/v1"},
            {"kind", "Ingress"},
            {"metadata", {{"name", "web"}, {"namespace", "default"}}},
            {"spec",
             {{"ingressClassName", "nginx"},
              {"rules", Json::array({{{"host", "web.example.com"},
                                      {"http", {{"paths", Json::array({path})}}}}})}}}};
  }
  static Json analysis_template(const Json& metric, const Json& args = Json::array()) {
    Json spec = {{"metrics", Json::array({metric})}};
    if (!args.empty()) spec["args"] = args;
    return {{"apiVersion", "argoproj.io/v1alpha1"},
            {"kind", "AnalysisTemplate"},
            {"metadata", {{"name", "success-rate"}, {"namespace", "default"}}},
            {"spec", spec}};
  }
  static Json metric(const std::string& success = "result[0] >= 0.95") {
    return {{"name", "success-rate"},
            {"interval", "10s"},
            {"successCondition", success},
            {"provider",
             {{"prometheus",
               {{"address", "http://prometheus.monitoring.svc:9090"}, {"query", "good / all"}}}}}};
  }
  static Json steps_canary() {
    return {{"stableService", "web-stable"},
            {"canaryService", "web-canary"},
            {"trafficRouting", {{"nginx", {{"stableIngress", "web"}}}}},
            {"analysis", {{"templates", Json::array({{{"templateName", "success-rate"}}})}}},
            {"steps", Json::array({{{"setWeight", 20}}, {{"pause", Json::object()}}})}};
  }
  static Json rollout(const std::string& name = "web", const Json& strategy = steps_canary()) {
    return {{"apiVersion", "argoproj.io/v1alpha1"},
            {"kind", "Rollout"},
            {"metadata", {{"name", name}, {"namespace", "default"}}},
            {"spec",
             {{"replicas", 2},
              {"selector", {{"matchLabels", {{"app", "web"}}}}},
              {"template",
               {{"metadata", {{"labels", {{"app", "web"}}}}},
                {"spec", {{"containers", Json::array({{{"name", "web"}, {"image", "web:1"}}})}}}}},
              {"strategy", {{"canary", strategy}}}}}};
  }

  // ---- acts ----
  void set_image(const std::string& image, const std::string& name = "web") {
    edit(api::kRollouts, name, kube::Verb::JsonPatch,
         Json::array({{{"op", "replace"},
                       {"path", "/spec/template/spec/containers/0/image"},
                       {"value", image}}}));
  }
  void patch(const kube::ResourceType& type, const std::string& name, const Json& body) {
    edit(type, name, kube::Verb::MergePatch, body);
  }
  void abort(const std::string& name = "web") {
    edit(api::kRollouts, name, kube::Verb::MergePatch, {{"status", {{"abort", true}}}}, "status");
  }
  void remove(const kube::ResourceType& type, const std::string& name) {
    edit(type, name, kube::Verb::Delete, Json());
  }
  void answer(const std::string& body, int code = 200) {
    sim.set_backend([body, code](const http::Request&) { return http::Response{code, {}, body}; });
  }
  void answer_vector(const std::string& value) {
    answer(R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,")" +
           value + R"("]}]}})");
  }

  // ---- what a user sees ----
  Json get(const kube::ResourceType& type, const std::string& name) {
    const auto object = sim.server.get(type, {"default", name});
    return object ? *object : Json::object();
  }
  std::string text(const std::string& path, const std::string& name = "web") {
    return kube::get_string(get(api::kRollouts, name), path);
  }
  bool wait_phase(const std::string& wanted, const std::string& name = "web",
                  Seconds most = Seconds(600)) {
    return sim.run_until(
        [&] {
          return text("status.phase", name) == wanted &&
                 text("status.observedGeneration", name) ==
                     std::to_string(kube::get_int(get(api::kRollouts, name), "metadata.generation"));
        },
        most);
  }
  std::string selected(const std::string& service_name) {
    return at(get(kube::kServices, service_name),
              {"spec", "selector", "rollouts-pod-template-hash"});
  }
  std::string owner(const std::string& service_name) {
    return at(get(kube::kServices, service_name),
              {"metadata", "annotations", "argo-rollouts.argoproj.io/managed-by-rollouts"});
  }
  // "Type Reason: message (×count)" of the Events about this object, one per line.
  std::string events(const std::string& kind, const std::string& name, bool warnings_only = true) {
    std::string out;
    for (const auto& event : sim.server.list(kube::kEvents, "default")) {
      const std::string type = kube::get_string(*event, "type");
      if (kube::get_string(*event, "involvedObject.kind") != kind ||
          kube::get_string(*event, "involvedObject.name") != name ||
          (warnings_only && type != "Warning"))
        continue;
      out += type + " " + kube::get_string(*event, "reason") + ": " +
             kube::get_string(*event, "message") + " (×" +
             std::to_string(kube::get_int(*event, "count")) + ")\n";
    }
    return out;
  }

  Simulation sim;

 private:
  static std::string at(const Json& object, std::initializer_list<std::string_view> keys) {
    const Json* value = kube::find_path(object, keys);
    return value != nullptr && value->is_string() ? value->get<std::string>() : "";
  }
  void edit(const kube::ResourceType& type, const std::string& name, kube::Verb verb,
            const Json& body, const std::string& subresource = "") {
    kube::Write write;
    write.subresource = subresource;
    write.type = type;
    write.key = {"default", name};
    write.verb = verb;
    if (verb != kube::Verb::Delete) write.body = kube::dump(body);
    auto result = sim.server.write(write);
    EXPECT_TRUE(result) << result.error().message;
  }
};

}  // namespace sluice::sim
