#include "api/support.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "kube/json/json.h"

namespace sluice::api {
namespace {

constexpr auto kRollout = SupportScope::Rollout;
constexpr auto kAnalysis = SupportScope::Analysis;

constexpr std::string_view kRouter =
    "use trafficRouting.nginx, or leave the router out and let the number of pods decide";
constexpr std::string_view kMetadata = "put labels and annotations into the pod template";
constexpr std::string_view kService = "ask the service through the web provider, or from a Job";

constexpr SupportEntry kTable[] = {
    {kRollout, "spec.replicas", ""},
    {kRollout, "spec.selector.*", ""},
    {kRollout, "spec.template.*", ""},
    {kRollout, "spec.workloadRef",
     "put the pod template and the selector into the Rollout itself and scale the referenced "
     "workload down by hand"},
    {kRollout, "spec.minReadySeconds", ""},
    {kRollout, "spec.strategy.blueGreen.activeService", ""},
    {kRollout, "spec.strategy.blueGreen.previewService", ""},
    {kRollout, "spec.strategy.blueGreen.previewReplicaCount", ""},
    {kRollout, "spec.strategy.blueGreen.autoPromotionEnabled", ""},
    {kRollout, "spec.strategy.blueGreen.autoPromotionSeconds", ""},
    {kRollout, "spec.strategy.blueGreen.maxUnavailable", ""},
    {kRollout, "spec.strategy.blueGreen.scaleDownDelaySeconds", ""},
    {kRollout, "spec.strategy.blueGreen.scaleDownDelayRevisionLimit", ""},
    {kRollout, "spec.strategy.blueGreen.abortScaleDownDelaySeconds", ""},
    {kRollout, "spec.strategy.blueGreen.prePromotionAnalysis.templates[].templateName", ""},
    {kRollout, "spec.strategy.blueGreen.prePromotionAnalysis.templates[].clusterScope", ""},
    {kRollout, "spec.strategy.blueGreen.prePromotionAnalysis.args[].name", ""},
    {kRollout, "spec.strategy.blueGreen.prePromotionAnalysis.args[].value", ""},
    {kRollout, "spec.strategy.blueGreen.prePromotionAnalysis.args[].valueFrom.podTemplateHashValue",
     ""},
    {kRollout, "spec.strategy.blueGreen.prePromotionAnalysis.args[].valueFrom.fieldRef.fieldPath",
     ""},
    {kRollout, "spec.strategy.blueGreen.prePromotionAnalysis.dryRun[].metricName", ""},
    {kRollout, "spec.strategy.blueGreen.prePromotionAnalysis.measurementRetention[].metricName",
     ""},
    {kRollout, "spec.strategy.blueGreen.prePromotionAnalysis.measurementRetention[].limit", ""},
    {kRollout, "spec.strategy.blueGreen.prePromotionAnalysis.analysisRunMetadata.labels", ""},
    {kRollout, "spec.strategy.blueGreen.prePromotionAnalysis.analysisRunMetadata.annotations", ""},
    {kRollout, "spec.strategy.blueGreen.postPromotionAnalysis.templates[].templateName", ""},
    {kRollout, "spec.strategy.blueGreen.postPromotionAnalysis.templates[].clusterScope", ""},
    {kRollout, "spec.strategy.blueGreen.postPromotionAnalysis.args[].name", ""},
    {kRollout, "spec.strategy.blueGreen.postPromotionAnalysis.args[].value", ""},
    {kRollout,
     "spec.strategy.blueGreen.postPromotionAnalysis.args[].valueFrom.podTemplateHashValue", ""},
    {kRollout, "spec.strategy.blueGreen.postPromotionAnalysis.args[].valueFrom.fieldRef.fieldPath",
     ""},
    {kRollout, "spec.strategy.blueGreen.postPromotionAnalysis.dryRun[].metricName", ""},
    {kRollout, "spec.strategy.blueGreen.postPromotionAnalysis.measurementRetention[].metricName",
     ""},
    {kRollout, "spec.strategy.blueGreen.postPromotionAnalysis.measurementRetention[].limit", ""},
    {kRollout, "spec.strategy.blueGreen.postPromotionAnalysis.analysisRunMetadata.labels", ""},
    {kRollout, "spec.strategy.blueGreen.postPromotionAnalysis.analysisRunMetadata.annotations", ""},
    {kRollout, "spec.strategy.blueGreen.antiAffinity",
     "write the podAntiAffinity into the pod template"},
    {kRollout, "spec.strategy.blueGreen.activeMetadata", kMetadata},
    {kRollout, "spec.strategy.blueGreen.previewMetadata", kMetadata},
    {kRollout, "spec.strategy.canary.canaryService", ""},
    {kRollout, "spec.strategy.canary.stableService", ""},
    {kRollout, "spec.strategy.canary.steps[].setWeight", ""},
    {kRollout, "spec.strategy.canary.steps[].pause.duration", ""},
    {kRollout, "spec.strategy.canary.steps[].experiment",
     "use an analysis step, or run the comparison outside of the Rollout"},
    {kRollout, "spec.strategy.canary.steps[].analysis.templates[].templateName", ""},
    {kRollout, "spec.strategy.canary.steps[].analysis.templates[].clusterScope", ""},
    {kRollout, "spec.strategy.canary.steps[].analysis.args[].name", ""},
    {kRollout, "spec.strategy.canary.steps[].analysis.args[].value", ""},
    {kRollout, "spec.strategy.canary.steps[].analysis.args[].valueFrom.podTemplateHashValue", ""},
    {kRollout, "spec.strategy.canary.steps[].analysis.args[].valueFrom.fieldRef.fieldPath", ""},
    {kRollout, "spec.strategy.canary.steps[].analysis.dryRun[].metricName", ""},
    {kRollout, "spec.strategy.canary.steps[].analysis.measurementRetention[].metricName", ""},
    {kRollout, "spec.strategy.canary.steps[].analysis.measurementRetention[].limit", ""},
    {kRollout, "spec.strategy.canary.steps[].analysis.analysisRunMetadata.labels", ""},
    {kRollout, "spec.strategy.canary.steps[].analysis.analysisRunMetadata.annotations", ""},
    {kRollout, "spec.strategy.canary.steps[].setCanaryScale.weight", ""},
    {kRollout, "spec.strategy.canary.steps[].setCanaryScale.replicas", ""},
    {kRollout, "spec.strategy.canary.steps[].setCanaryScale.matchTrafficWeight", ""},
    {kRollout, "spec.strategy.canary.steps[].setHeaderRoute",
     "remove the step; with nginx, canaryIngressAnnotations can route by header"},
    {kRollout, "spec.strategy.canary.steps[].setMirrorRoute", "remove the step"},
    {kRollout, "spec.strategy.canary.steps[].plugin",
     "use an analysis step with a job metric to run code of your own"},
    {kRollout, "spec.strategy.canary.trafficRouting.istio", kRouter},
    {kRollout, "spec.strategy.canary.trafficRouting.nginx.annotationPrefix", ""},
    {kRollout, "spec.strategy.canary.trafficRouting.nginx.stableIngress", ""},
    {kRollout, "spec.strategy.canary.trafficRouting.nginx.stableIngresses[]", ""},
    {kRollout, "spec.strategy.canary.trafficRouting.nginx.additionalIngressAnnotations", ""},
    {kRollout, "spec.strategy.canary.trafficRouting.nginx.canaryIngressAnnotations", ""},
    {kRollout, "spec.strategy.canary.trafficRouting.alb", kRouter},
    {kRollout, "spec.strategy.canary.trafficRouting.smi", kRouter},
    {kRollout, "spec.strategy.canary.trafficRouting.ambassador", kRouter},
    {kRollout, "spec.strategy.canary.trafficRouting.appMesh", kRouter},
    {kRollout, "spec.strategy.canary.trafficRouting.traefik", kRouter},
    {kRollout, "spec.strategy.canary.trafficRouting.apisix", kRouter},
    {kRollout, "spec.strategy.canary.trafficRouting.plugins", kRouter},
    {kRollout, "spec.strategy.canary.trafficRouting.managedRoutes[]",
     "remove it together with the steps that use it"},
    {kRollout, "spec.strategy.canary.trafficRouting.maxTrafficWeight", ""},
    {kRollout, "spec.strategy.canary.maxSurge", ""},
    {kRollout, "spec.strategy.canary.maxUnavailable", ""},
    {kRollout, "spec.strategy.canary.analysis.templates[].templateName", ""},
    {kRollout, "spec.strategy.canary.analysis.templates[].clusterScope", ""},
    {kRollout, "spec.strategy.canary.analysis.args[].name", ""},
    {kRollout, "spec.strategy.canary.analysis.args[].value", ""},
    {kRollout, "spec.strategy.canary.analysis.args[].valueFrom.podTemplateHashValue", ""},
    {kRollout, "spec.strategy.canary.analysis.args[].valueFrom.fieldRef.fieldPath", ""},
    {kRollout, "spec.strategy.canary.analysis.dryRun[].metricName", ""},
    {kRollout, "spec.strategy.canary.analysis.measurementRetention[].metricName", ""},
    {kRollout, "spec.strategy.canary.analysis.measurementRetention[].limit", ""},
    {kRollout, "spec.strategy.canary.analysis.analysisRunMetadata.labels", ""},
    {kRollout, "spec.strategy.canary.analysis.analysisRunMetadata.annotations", ""},
    {kRollout, "spec.strategy.canary.analysis.startingStep", ""},
    {kRollout, "spec.strategy.canary.antiAffinity",
     "write the podAntiAffinity into the pod template"},
    {kRollout, "spec.strategy.canary.canaryMetadata", kMetadata},
    {kRollout, "spec.strategy.canary.stableMetadata", kMetadata},
    {kRollout, "spec.strategy.canary.scaleDownDelaySeconds", ""},
    {kRollout, "spec.strategy.canary.scaleDownDelayRevisionLimit", ""},
    {kRollout, "spec.strategy.canary.abortScaleDownDelaySeconds", ""},
    {kRollout, "spec.strategy.canary.dynamicStableScale", ""},
    {kRollout, "spec.strategy.canary.pingPong", "use stableService and canaryService"},
    {kRollout, "spec.strategy.canary.minPodsPerReplicaSet", ""},
    {kRollout, "spec.strategy.canary.replicaProgressThreshold.type", ""},
    {kRollout, "spec.strategy.canary.replicaProgressThreshold.value", ""},
    {kRollout, "spec.revisionHistoryLimit", ""},
    {kRollout, "spec.paused", ""},
    {kRollout, "spec.progressDeadlineSeconds", ""},
    {kRollout, "spec.progressDeadlineAbort", ""},
    {kRollout, "spec.restartAt", ""},
    {kRollout, "spec.rollbackWindow",
     "remove it; a rollback then goes through the steps, or promote it in full"},
    {kRollout, "spec.analysis.successfulRunHistoryLimit", ""},
    {kRollout, "spec.analysis.unsuccessfulRunHistoryLimit", ""},
    {kAnalysis, "spec.metrics[].name", ""},
    {kAnalysis, "spec.metrics[].interval", ""},
    {kAnalysis, "spec.metrics[].initialDelay", ""},
    {kAnalysis, "spec.metrics[].count", ""},
    {kAnalysis, "spec.metrics[].successCondition", ""},
    {kAnalysis, "spec.metrics[].failureCondition", ""},
    {kAnalysis, "spec.metrics[].failureLimit", ""},
    {kAnalysis, "spec.metrics[].inconclusiveLimit", ""},
    {kAnalysis, "spec.metrics[].consecutiveErrorLimit", ""},
    {kAnalysis, "spec.metrics[].consecutiveSuccessLimit", ""},
    {kAnalysis, "spec.metrics[].provider.prometheus.address", ""},
    {kAnalysis, "spec.metrics[].provider.prometheus.query", ""},
    {kAnalysis, "spec.metrics[].provider.prometheus.rangeQuery.start", ""},
    {kAnalysis, "spec.metrics[].provider.prometheus.rangeQuery.end", ""},
    {kAnalysis, "spec.metrics[].provider.prometheus.rangeQuery.step", ""},
    {kAnalysis, "spec.metrics[].provider.prometheus.timeout", ""},
    {kAnalysis, "spec.metrics[].provider.prometheus.insecure", ""},
    {kAnalysis, "spec.metrics[].provider.prometheus.headers[].key", ""},
    {kAnalysis, "spec.metrics[].provider.prometheus.headers[].value", ""},
    {kAnalysis, "spec.metrics[].provider.prometheus.authentication.basicAuth.username", ""},
    {kAnalysis, "spec.metrics[].provider.prometheus.authentication.basicAuth.password", ""},
    {kAnalysis, "spec.metrics[].provider.prometheus.authentication.oauth2",
     "send an Authorization header whose value comes from a Secret argument"},
    {kAnalysis, "spec.metrics[].provider.prometheus.authentication.sigv4",
     "go through a proxy that signs the requests"},
    {kAnalysis, "spec.metrics[].provider.web.url", ""},
    {kAnalysis, "spec.metrics[].provider.web.method", ""},
    {kAnalysis, "spec.metrics[].provider.web.headers[].key", ""},
    {kAnalysis, "spec.metrics[].provider.web.headers[].value", ""},
    {kAnalysis, "spec.metrics[].provider.web.body", ""},
    {kAnalysis, "spec.metrics[].provider.web.jsonBody", ""},
    {kAnalysis, "spec.metrics[].provider.web.timeoutSeconds", ""},
    {kAnalysis, "spec.metrics[].provider.web.jsonPath", ""},
    {kAnalysis, "spec.metrics[].provider.web.insecure", ""},
    {kAnalysis, "spec.metrics[].provider.web.authentication.basicAuth.username", ""},
    {kAnalysis, "spec.metrics[].provider.web.authentication.basicAuth.password", ""},
    {kAnalysis, "spec.metrics[].provider.web.authentication.oauth2",
     "send an Authorization header whose value comes from a Secret argument"},
    {kAnalysis, "spec.metrics[].provider.web.authentication.sigv4",
     "go through a proxy that signs the requests"},
    {kAnalysis, "spec.metrics[].provider.job.metadata.labels", ""},
    {kAnalysis, "spec.metrics[].provider.job.metadata.annotations", ""},
    {kAnalysis, "spec.metrics[].provider.job.spec.*", ""},
    {kAnalysis, "spec.metrics[].provider.kayenta", kService},
    {kAnalysis, "spec.metrics[].provider.datadog", kService},
    {kAnalysis, "spec.metrics[].provider.newRelic", kService},
    {kAnalysis, "spec.metrics[].provider.wavefront", kService},
    {kAnalysis, "spec.metrics[].provider.cloudWatch", kService},
    {kAnalysis, "spec.metrics[].provider.graphite", kService},
    {kAnalysis, "spec.metrics[].provider.influxdb", kService},
    {kAnalysis, "spec.metrics[].provider.skywalking", kService},
    {kAnalysis, "spec.metrics[].provider.plugin", "use the web provider or a Job"},
    {kAnalysis, "spec.args[].name", ""},
    {kAnalysis, "spec.args[].value", ""},
    {kAnalysis, "spec.args[].valueFrom.secretKeyRef.name", ""},
    {kAnalysis, "spec.args[].valueFrom.secretKeyRef.key", ""},
    {kAnalysis, "spec.args[].valueFrom.fieldRef.fieldPath", ""},
    {kAnalysis, "spec.dryRun[].metricName", ""},
    {kAnalysis, "spec.measurementRetention[].metricName", ""},
    {kAnalysis, "spec.measurementRetention[].limit", ""},
    {kAnalysis, "spec.templates[].templateName", ""},
    {kAnalysis, "spec.templates[].clusterScope", ""},
    {kAnalysis, "spec.terminate", ""},
    {kAnalysis, "spec.ttlStrategy.secondsAfterCompletion", ""},
    {kAnalysis, "spec.ttlStrategy.secondsAfterSuccess", ""},
    {kAnalysis, "spec.ttlStrategy.secondsAfterFailure", ""},
};

constexpr std::string_view kExperimentRemedy =
    "delete the Experiment, or use AnalysisRuns against versions that you run yourself";

// "spec.strategy.canary.steps[3].plugin" → "spec.strategy.canary.steps[].plugin"
std::string schema_path(std::string_view field) {
  std::string out;
  bool inside = false;
  for (const char c : field) {
    if (c == ']') inside = false;
    if (!inside) out += c;
    if (c == '[') inside = true;
  }
  return out;
}

Unsupported refuse(SupportScope scope, std::string field) {
  const auto* entry = find_support(scope, schema_path(field));
  std::string remedy(entry != nullptr ? entry->remedy : std::string_view());
  return {std::move(field), std::move(remedy)};
}

bool covers(std::string_view entry, std::string_view path, bool subtree) {
  if (path == entry) return true;
  return subtree && path.starts_with(entry) &&
         (path[entry.size()] == '.' || path[entry.size()] == '[');
}

std::optional<Unsupported> first_of(
    SupportScope scope, std::string_view base,
    std::initializer_list<std::pair<bool, std::string_view>> fields) {
  for (const auto& [used, name] : fields)
    if (used) return refuse(scope, std::string(base) + std::string(name));
  return std::nullopt;
}

std::optional<Unsupported> check_routing(const TrafficRouting& routing,
                                         const RouterAbilities& routers) {
  const std::string base = "spec.strategy.canary.trafficRouting.";
  const bool plugins_read =
      std::all_of(routing.plugins.begin(), routing.plugins.end(), [&](const auto& plugin) {
        return std::find(routers.plugins.begin(), routers.plugins.end(), plugin.first) !=
               routers.plugins.end();
      });
  for (const auto& router : routing.other_routers)
    if (router != "plugins" || routing.plugins.empty() || !plugins_read)
      return refuse(kRollout, base + router);
  if (!routing.managed_routes.empty() && !routers.header_routes && !routers.mirror_routes)
    return refuse(kRollout, base + "managedRoutes[0]");
  if (routing.max_traffic_weight.value_or(0) > routers.max_weight)
    return Unsupported{base + "maxTrafficWeight",
                       "a router of this Rollout can be told no weight above " +
                           std::to_string(routers.max_weight) + ": use that, or remove the field"};
  return std::nullopt;
}

std::optional<Unsupported> check_canary(const CanaryStrategy& canary,
                                        const RouterAbilities& routers) {
  const std::string base = "spec.strategy.canary.";
  for (std::size_t i = 0; i < canary.steps.size(); ++i) {
    const Step& step = canary.steps[i];
    if (auto found = first_of(kRollout, base + "steps[" + std::to_string(i) + "].",
                              {{step.experiment, "experiment"},
                               {step.set_header_route && !routers.header_routes, "setHeaderRoute"},
                               {step.set_mirror_route && !routers.mirror_routes, "setMirrorRoute"},
                               {step.plugin, "plugin"}}))
      return found;
  }
  if (canary.traffic_routing)
    if (auto found = check_routing(*canary.traffic_routing, routers)) return found;
  return first_of(kRollout, base,
                  {{canary.ping_pong, "pingPong"},
                   {canary.anti_affinity, "antiAffinity"},
                   {canary.canary_metadata, "canaryMetadata"},
                   {canary.stable_metadata, "stableMetadata"}});
}

// Runs written by the reference carry empty blocks of every way to log in.
bool has_content(const kube::Json& provider, std::string_view block) {
  const auto* found = kube::find_path(provider, {"authentication", block});
  if (found == nullptr || !found->is_object()) return false;
  return std::any_of(found->begin(), found->end(), [](const kube::Json& value) {
    return !value.is_null() &&
           !(value.is_string() && value.get_ref<const std::string&>().empty()) &&
           !(value.is_array() && value.empty());
  });
}

std::optional<Unsupported> check_login(const Metric& metric, const std::string& provider_path) {
  if (metric.provider_json.find("authentication") == std::string::npos) return std::nullopt;
  const auto provider = kube::parse_json(metric.provider_json);
  if (!provider) return std::nullopt;
  for (const std::string_view block : {"oauth2", "sigv4"})
    if (has_content(*provider, block))
      return refuse(kAnalysis, provider_path + ".authentication." + std::string(block));
  return std::nullopt;
}

std::string status_text(const SupportEntry& entry) {
  return entry.refused() ? "refused | " + std::string(entry.remedy) : "implemented |";
}

void append_rows(std::string& out, SupportScope scope) {
  out += "| Field | Status | Instead |\n|---|---|---|\n";
  for (const auto& entry : kTable)
    if (entry.scope == scope)
      out += "| `" + std::string(entry.path) + "` | " + status_text(entry) + " |\n";
}

}  // namespace

std::span<const SupportEntry> support_table() {
  return kTable;
}

const SupportEntry* find_support(SupportScope scope, std::string_view path) {
  const SupportEntry* best = nullptr;
  for (const auto& entry : kTable) {
    if (entry.scope != scope) continue;
    const bool wildcard = entry.path.ends_with(".*");
    const auto prefix = wildcard ? entry.path.substr(0, entry.path.size() - 2) : entry.path;
    if (!covers(prefix, path, wildcard || entry.refused())) continue;
    if (best == nullptr || entry.path.size() > best->path.size()) best = &entry;
  }
  return best;
}

std::optional<Unsupported> unsupported(const Rollout& rollout, const RouterAbilities& routers) {
  const RolloutSpec& spec = rollout.spec;
  if (!spec.workload_ref_json.empty()) return refuse(kRollout, "spec.workloadRef");
  if (spec.rollback_window_revisions != 0) return refuse(kRollout, "spec.rollbackWindow");
  if (spec.canary)
    if (auto found = check_canary(*spec.canary, routers)) return found;
  if (!spec.blue_green) return std::nullopt;
  return first_of(kRollout, "spec.strategy.blueGreen.",
                  {{spec.blue_green->anti_affinity, "antiAffinity"},
                   {spec.blue_green->active_metadata, "activeMetadata"},
                   {spec.blue_green->preview_metadata, "previewMetadata"}});
}

std::optional<Unsupported> unsupported(const AnalysisSpec& spec) {
  for (std::size_t i = 0; i < spec.metrics.size(); ++i) {
    const Metric& metric = spec.metrics[i];
    const std::string provider =
        "spec.metrics[" + std::to_string(i) + "].provider." + metric.provider_kind;
    const auto* entry = find_support(kAnalysis, "spec.metrics[].provider." + metric.provider_kind);
    if (entry != nullptr && entry->refused()) return refuse(kAnalysis, provider);
    if (auto found = check_login(metric, provider)) return found;
  }
  return std::nullopt;
}

std::optional<Unsupported> unsupported_kind(std::string_view kind) {
  if (kind != "Experiment") return std::nullopt;
  return Unsupported{"kind", std::string(kExperimentRemedy)};
}

std::string support_markdown() {
  std::string out =
      "# What this release implements\n\n"
      "An object that uses a refused field, step, router, provider or kind is left wholly "
      "untouched: one condition and one\n"
      "Warning event name the field and what to do instead. `.*` and a refused path stand for "
      "everything below. This file is\n"
      "written from `api/support.cc`; after a change there run the tests of `api` with "
      "`SLUICE_UPDATE_DOCS=1`.\n\n"
      "## Kinds\n\n"
      "| Kind | Status | Instead |\n|---|---|---|\n"
      "| `Rollout` | implemented | |\n"
      "| `AnalysisTemplate` | implemented | |\n"
      "| `ClusterAnalysisTemplate` | implemented | |\n"
      "| `AnalysisRun` | implemented | |\n";
  out += "| `Experiment` | refused | " + std::string(kExperimentRemedy) + " |\n";
  out += "\n## Rollout\n\n";
  append_rows(out, kRollout);
  out += "\n## AnalysisTemplate, ClusterAnalysisTemplate, AnalysisRun\n\n";
  append_rows(out, kAnalysis);
  return out;
}

}  // namespace sluice::api
