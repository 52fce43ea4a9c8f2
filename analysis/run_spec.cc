#include "analysis/run_spec.h"

#include <algorithm>

#include "analysis/args.h"
#include "analysis/templates.h"
#include "kube/json/json.h"

namespace sluice::analysis {

namespace {

using kube::Json;

// Leaves out what only says "nothing here": null, {} and [], bottom up. Go writes such members for
// absent structs
// (`authentication: {basicAuth: {}}`), users do not.
Json without_empties(const Json& value) {
  if (value.is_object()) {
    Json out = Json::object();
    for (const auto& [key, member] : value.items()) {
      Json cleaned = without_empties(member);
      if (cleaned.is_null() || (cleaned.is_structured() && cleaned.empty())) continue;
      out[key] = std::move(cleaned);
    }
    return out;
  }
  if (value.is_array()) {
    Json out = Json::array();
    for (const Json& element : value) out.push_back(without_empties(element));
    return out;
  }
  return value;
}

Json identity_of(const Json& spec) {
  Json out = Json::object();
  for (const char* member : {"metrics", "dryRun", "measurementRetention", "args"})
    if (const Json* value = kube::find(spec, member)) out[member] = *value;
  return without_empties(out);
}

template <class Rule>
Result<std::vector<Rule>> parse_rules(const std::string& json, Rule (*decode)(const Json&)) {
  std::vector<Rule> out;
  if (json.empty()) return out;
  SLUICE_TRY(const Json list, kube::parse_json(json));
  if (!list.is_array()) return out;
  for (const Json& element : list) out.push_back(decode(element));
  return out;
}

api::DryRun decode_dry_run(const Json& rule) {
  return {kube::get_string(rule, "metricName")};
}
api::MeasurementRetention decode_retention(const Json& rule) {
  return {kube::get_string(rule, "metricName"),
          static_cast<std::int32_t>(kube::get_int(rule, "limit"))};
}

Result<Json> metrics_json(const std::vector<api::Metric>& metrics) {
  Json out = Json::array();
  for (const api::Metric& metric : metrics) {
    SLUICE_TRY(Json parsed, kube::parse_json(metric.raw));
    out.push_back(std::move(parsed));
  }
  return out;
}

}  // namespace

Result<Json> build_run_spec(const api::RolloutAnalysis& block, const TemplateSource& templates,
                            const std::vector<api::Argument>& args) {
  auto found = collect_templates(block.templates, templates);
  if (!found) {
    const bool missing = found.error().kind == LookupFailure::Kind::NotFound;
    return fail(missing ? ErrorCode::NotFound : ErrorCode::Invalid, found.error().create_text());
  }
  SLUICE_TRY(Flattened flat, flatten(*found));
  flat.args = overlay_args(std::move(flat.args), args);
  SLUICE_CHECK_OK(check_resolved(flat.args));
  SLUICE_TRY(std::vector<api::DryRun> dry_run, parse_rules(block.dry_run_json, decode_dry_run));
  SLUICE_TRY(dry_run, join_rules(std::move(dry_run), flat.dry_run));
  SLUICE_TRY(std::vector<api::MeasurementRetention> retention,
             parse_rules(block.measurement_retention_json, decode_retention));
  SLUICE_TRY(retention, join_rules(std::move(retention), flat.measurement_retention));

  Json spec = Json::object();
  SLUICE_TRY(spec["metrics"], metrics_json(flat.metrics));
  for (const api::Argument& arg : flat.args) spec["args"].push_back(api::encode(arg));
  for (const api::DryRun& rule : dry_run)
    spec["dryRun"].push_back(Json{{"metricName", rule.metric_name}});
  for (const api::MeasurementRetention& rule : retention)
    spec["measurementRetention"].push_back(
        Json{{"metricName", rule.metric_name}, {"limit", rule.limit}});
  return spec;
}

bool semantic_equal(const Json& spec, const Json& other_spec) {
  return identity_of(spec) == identity_of(other_spec);
}

bool semantic_equal(const api::AnalysisRun& existing, const Json& spec) {
  if (!existing.raw) return false;
  auto object = kube::parse_json(*existing.raw);
  if (!object) return false;
  const Json* existing_spec = kube::find(*object, "spec");
  return existing_spec != nullptr && semantic_equal(*existing_spec, spec);
}

TemplateNames reachable_templates(const api::RolloutAnalysis& block,
                                  const TemplateSource& templates) {
  TemplateNames out;
  std::vector<api::TemplateRef> todo = block.templates;
  for (std::size_t i = 0; i < todo.size(); ++i) {
    const api::TemplateRef ref = todo[i];
    const bool cluster = ref.cluster_scope.value_or(false);
    std::vector<std::string>& names = cluster ? out.cluster : out.namespaced;
    if (std::find(names.begin(), names.end(), ref.template_name) != names.end()) continue;
    names.push_back(ref.template_name);
    const TemplateMap& map = cluster ? templates.cluster : templates.namespaced;
    auto found = map.find(ref.template_name);
    if (found == map.end() || !found->second) continue;
    const auto& nested = found->second->spec.templates;
    todo.insert(todo.end(), nested.begin(), nested.end());
  }
  return out;
}

}  // namespace sluice::analysis
