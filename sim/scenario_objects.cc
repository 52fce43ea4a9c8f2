#include "sim/scenario_objects.h"

#include "api/keys.h"
#include "kube/json/json.h"

namespace sluice::sim {
namespace {

using kube::Json;

Json rollout(const std::string& name, int replicas, Json strategy) {
  return {{"apiVersion", "argoproj.io/v1alpha1"},
          {"kind", "Rollout"},
          {"metadata", {{"name", name}, {"namespace", "default"}}},
          {"spec",
           {{"replicas", replicas},
            {"revisionHistoryLimit", 3},
            {"selector", {{"matchLabels", {{"app", name}}}}},
            {"template",
             {{"metadata", {{"labels", {{"app", name}}}}},
              {"spec",
               {{"containers",
                 Json::array({{{"name", "app"},
                               {"image", "app:v1"},
                               {"ports", Json::array({{{"containerPort", 8080}}})}}})}}}}},
            {"strategy", std::move(strategy)}}}};
}

Json service(const std::string& name, const std::string& app) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", name}, {"namespace", "default"}}},
          {"spec",
           {{"selector", {{"app", app}}},
            {"ports", Json::array({{{"port", 80}, {"targetPort", 8080}}})}}}};
}

Json ingress(const std::string& name, const std::string& to) {
  return {
      {"apiVersion", "networking.k8s.io/v1"},
      {"kind", "Ingress"},
      {"metadata", {{"name", name}, {"namespace", "default"}}},
      {"spec",
       {{"ingressClassName", "nginx"},
        {"rules",
         Json::array(
             {{{"host", name + ".example.com"},
               {"http",
                {{"paths",
                  Json::array(
                      {{{"path", "/"},
                        {"pathType", "Prefix"},
                        {"backend",
                         {{"service", {{"name", to}, {"port", {{"number", 80}}}}}}}}})}}}}})}}}};
}

// The query is made to be read by MetricBackend.
Json analysis_template(const std::string& name, const std::string& analysis, const char* interval,
                       int count) {
  Json metric = {{"name", "success-rate"},
                 {"interval", interval},
                 {"successCondition", "result[0] >= 0.95"},
                 {"provider",
                  {{"prometheus",
                    {{"address", "http://prometheus.monitoring.svc:9090"},
                     {"query", "analysis:" + analysis + "|hash:{{args.hash}}|"}}}}}};
  if (count > 0) metric["count"] = count;
  return {{"apiVersion", "argoproj.io/v1alpha1"},
          {"kind", "AnalysisTemplate"},
          {"metadata", {{"name", name}, {"namespace", "default"}}},
          {"spec",
           {{"args", Json::array({{{"name", "hash"}}})},
            {"metrics", Json::array({std::move(metric)})}}}};
}

Json job_template(const std::string& name) {
  const Json pod = {
      {"spec",
       {{"restartPolicy", "Never"},
        {"containers",
         Json::array({{{"name", "check"}, {"image", "check:v1"}, {"command", {"sleep", "3"}}}})}}}};
  return {{"apiVersion", "argoproj.io/v1alpha1"},
          {"kind", "AnalysisTemplate"},
          {"metadata", {{"name", name}, {"namespace", "default"}}},
          {"spec",
           {{"metrics",
             Json::array({{{"name", "check"},
                           {"provider",
                            {{"job", {{"spec", {{"backoffLimit", 0}, {"template", pod}}}}}}}}})}}}};
}

Json analysis_of(const std::string& name) {
  return {{"templates", Json::array({{{"templateName", name}}})},
          {"args",
           Json::array({{{"name", "hash"}, {"valueFrom", {{"podTemplateHashValue", "Latest"}}}}})}};
}

Json weight(int percent) {
  return {{"setWeight", percent}};
}
Json pause(const char* duration) {
  return {{"pause", {{"duration", duration}}}};
}

}  // namespace

std::vector<Json> basic_canary_objects() {
  Json canary = {
      {"maxSurge", 1},
      {"maxUnavailable", 0},
      {"steps",
       Json::array(
           {weight(20), pause("30s"), weight(40), {{"pause", Json::object()}}, weight(60)})}};
  return {rollout("web", 5, {{"canary", std::move(canary)}})};
}

std::vector<Json> fleet_member(const std::string& name) {
  Json canary = {
      {"stableService", name + "-stable"},
      {"canaryService", name + "-canary"},
      {"trafficRouting", {{"nginx", {{"stableIngress", name}}}}},
      {"analysis", analysis_of("success-rate")},
      {"steps", Json::array({weight(20), pause("60s"), weight(50), pause("60s"), weight(80)})}};
  return {service(name + "-stable", name), service(name + "-canary", name),
          ingress(name, name + "-stable"), rollout(name, 10, {{"canary", std::move(canary)}})};
}

std::vector<Json> nginx_canary_objects() {
  std::vector<Json> out{analysis_template("success-rate", "background", "30s", 0)};
  for (auto& object : fleet_member("web")) out.push_back(std::move(object));
  return out;
}

std::vector<Json> dynamic_canary_objects() {
  auto out = nginx_canary_objects();
  out.back()["spec"]["strategy"]["canary"]["dynamicStableScale"] = true;
  return out;
}

std::vector<Json> gated_canary_objects() {
  Json canary = {
      {"stableService", "web-stable"},
      {"canaryService", "web-canary"},
      {"trafficRouting", {{"nginx", {{"stableIngress", "web"}}}}},
      {"steps",
       Json::array({weight(20),
                    {{"analysis", analysis_of("gate")}},
                    weight(50),
                    {{"analysis", {{"templates", Json::array({{{"templateName", "check"}}})}}}},
                    weight(80)})}};
  return {analysis_template("gate", "step", "5s", 2),
          job_template("check"),
          service("web-stable", "web"),
          service("web-canary", "web"),
          ingress("web", "web-stable"),
          rollout("web", 5, {{"canary", std::move(canary)}})};
}

std::vector<Json> small_canary_objects(const std::string& name, const std::string& instance_id) {
  auto out = fleet_member(name);
  Json& own = out.back();
  own["spec"]["replicas"] = 2;
  own["spec"]["strategy"]["canary"]["steps"] = Json::array({weight(50), pause("20s")});
  if (!instance_id.empty())
    own["metadata"]["labels"] = {{std::string(api::kInstanceIdLabel), instance_id}};
  return out;
}

std::vector<Json> approved_objects() {
  auto out = blue_green_objects();
  Json& strategy = out.back()["spec"]["strategy"]["blueGreen"];
  strategy.erase("autoPromotionSeconds");
  strategy["autoPromotionEnabled"] = false;
  strategy["previewReplicaCount"] = 1;
  return out;
}

std::vector<Json> blue_green_objects() {
  Json strategy = {{"activeService", "web-active"},
                   {"previewService", "web-preview"},
                   {"autoPromotionSeconds", 20},
                   {"prePromotionAnalysis", analysis_of("pre")},
                   {"postPromotionAnalysis", analysis_of("post")}};
  return {analysis_template("pre", "pre", "5s", 2), analysis_template("post", "post", "5s", 2),
          service("web-active", "web"), service("web-preview", "web"),
          rollout("web", 3, {{"blueGreen", std::move(strategy)}})};
}

}  // namespace sluice::sim
