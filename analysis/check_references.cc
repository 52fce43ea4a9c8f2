// Checks of the templates that a Rollout refers to (analysis.md §3.2, rollout.md §1.7.3).
#include <fmt/format.h>

#include <algorithm>

#include "analysis/args.h"
#include "analysis/limits.h"
#include "analysis/run_spec.h"
#include "analysis/templates.h"
#include "kube/json/json.h"

namespace sluice::analysis {

namespace {

constexpr std::string_view kDummyValue = "dummy-value";
constexpr std::string_view kDummyStableHash = "dummy-stable-hash";
constexpr std::string_view kDummyNewHash = "dummy-new-hash";

std::string invalid(std::string_view path, std::string_view value, std::string_view detail) {
  return fmt::format("{}: Invalid value: {}: {}", path, quote(value), detail);
}

// The Rollout's args as they will be, as far as that can be known now.
std::vector<api::Argument> preview_args(const std::vector<api::Argument>& args,
                                        const api::Rollout& rollout) {
  std::vector<api::Argument> out;
  for (const api::Argument& arg : args) {
    auto resolved = resolve_rollout_args({arg}, rollout, kDummyStableHash, kDummyNewHash);
    api::Argument literal;
    literal.name = arg.name;
    literal.value = "";
    out.push_back(resolved ? std::move(resolved->front()) : std::move(literal));
  }
  return out;
}

std::string names_of(const std::vector<FoundTemplate>& templates) {
  std::vector<std::string> names;
  for (const FoundTemplate& found : templates) names.push_back(found.object->meta.key.name);
  return "templateNames: [" + join(names, " ") + "]";
}

std::string count_text(const api::Metric& metric) {
  if (!metric.count) return "<nil>";
  return metric.count->is_string ? metric.count->text : std::to_string(metric.count->number);
}

// A step or promotion analysis has to come to an end by itself.
std::string finite_problem(const api::AnalysisTemplate& found,
                           const std::vector<api::Argument>& caller) {
  const std::string& name = found.meta.key.name;
  for (const api::Argument& arg : found.spec.args) {
    if (arg.value && (arg.secret_key_ref || arg.field_path || arg.pod_template_hash))
      return fmt::format("AnalysisTemplate {}: arg '{}' has both Value and ValueFrom fields", name,
                         arg.name);
  }
  std::vector<api::Argument> args = overlay_args(found.spec.args, caller);
  for (api::Argument& arg : args)
    if (!arg.value && !arg.secret_key_ref) arg.value = std::string(kDummyValue);
  auto metrics = resolve_metrics(found.spec.metrics, args, nullptr);
  if (!metrics) return fmt::format("AnalysisTemplate {}: {}", name, metrics.error().message);
  for (const api::Metric& metric : *metrics) {
    if (limits_of(metric).count) continue;
    return fmt::format(
        "AnalysisTemplate {} has metric {} which runs indefinitely. Invalid value for count: {}",
        name, metric.name, count_text(metric));
  }
  return "";
}

std::string background_problem(const api::AnalysisTemplate& found,
                               const std::vector<api::Argument>& caller) {
  for (const api::Argument& arg : found.spec.args) {
    if (arg.value || arg.secret_key_ref || arg.field_path || arg.pod_template_hash) continue;
    if (caller.empty()) return "missing analysis arguments in rollout spec";
    const bool named = std::any_of(caller.begin(), caller.end(),
                                   [&](const auto& c) { return c.name == arg.name; });
    if (!named) return arg.name;
  }
  return "";
}

}  // namespace

std::optional<std::string> check_references(const api::RolloutAnalysis& block,
                                            std::string_view path, bool background,
                                            const TemplateSource& templates,
                                            const api::Rollout& rollout) {
  if (!block.configured()) return std::nullopt;
  auto found = collect_templates(block.templates, templates);
  if (!found) {
    const LookupFailure& failure = found.error();
    return invalid(failure.nested ? "spec.templates" : path, failure.name,
                   failure.validation_text());
  }
  const std::vector<api::Argument> args = preview_args(block.args, rollout);
  if (auto spec = build_run_spec(block, templates, args); !spec)
    return invalid(path, names_of(*found), spec.error().message);
  for (const FoundTemplate& one : *found) {
    const std::string detail = background ? background_problem(*one.object, block.args)
                                          : finite_problem(*one.object, args);
    if (!detail.empty()) return invalid(path, one.object->meta.key.name, detail);
  }
  return std::nullopt;
}

std::optional<std::string> check_references(const api::Rollout& rollout,
                                            const TemplateSource& templates) {
  const auto check = [&](const std::optional<api::RolloutAnalysis>& block, const std::string& path,
                         bool background) -> std::optional<std::string> {
    return block ? check_references(*block, path, background, templates, rollout) : std::nullopt;
  };
  if (const auto& blue_green = rollout.spec.blue_green) {
    const std::string base = "spec.strategy.blueGreen.";
    if (auto text = check(blue_green->pre_promotion_analysis,
                          base + "prePromotionAnalysis.templates", false))
      return text;
    if (auto text = check(blue_green->post_promotion_analysis,
                          base + "postPromotionAnalysis.templates", false))
      return text;
  }
  if (const auto& canary = rollout.spec.canary) {
    for (std::size_t i = 0; i < canary->steps.size(); ++i) {
      const std::string path = fmt::format("spec.strategy.canary.steps[{}].analysis.templates", i);
      if (auto text = check(canary->steps[i].analysis, path, false)) return text;
    }
    if (auto text = check(canary->analysis, "spec.strategy.canary.analysis.templates", true))
      return text;
  }
  return std::nullopt;
}

}  // namespace sluice::analysis
