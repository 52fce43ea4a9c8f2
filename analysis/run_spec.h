#pragma once
// What a Rollout needs to create AnalysisRuns (analysis.md §3.2, §4, §5.2, §5.3, §6.1). Pure.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/template_source.h"
#include "api/analysis.h"
#include "api/rollout.h"
#include "base/result.h"
#include "kube/json/json_fwd.h"

namespace sluice::analysis {

// Literal values for the args of a Rollout's analysis block (analysis.md §5.3). Every arg comes
// back with a value (none given = ""). `latest_hash` and `stable_hash` are the values of the pod
// template hash label. Errors: Invalid, with the text for the user; the last failing fieldRef is
// the one reported.
[[nodiscard]] Result<std::vector<api::Argument>> resolve_rollout_args(
    const std::vector<api::Argument>& args, const api::Rollout& rollout,
    std::string_view stable_hash, std::string_view latest_hash);

// The `spec` of a new AnalysisRun: {metrics, dryRun, measurementRetention, args} of all templates
// flattened into one, placeholders unexpanded, empty members left out. `args` are literal
// (resolve_rollout_args). Errors: NotFound `analysistemplate.argoproj.io "x" not found`; Invalid
// with the text of the composition error.
[[nodiscard]] Result<kube::Json> build_run_spec(const api::RolloutAnalysis& block,
                                                const TemplateSource& templates,
                                                const std::vector<api::Argument>& args);

// The checks of analysis.md §3.2 on one analysis block; nullopt when it is sound or not configured.
// The text is complete: `<path>: Invalid value: "<value>": <detail>`. `path` is the field of the
// template list, such as "spec.strategy.canary.steps[1].analysis.templates". `background` blocks
// may run without end.
[[nodiscard]] std::optional<std::string> check_references(const api::RolloutAnalysis& block,
                                                          std::string_view path, bool background,
                                                          const TemplateSource& templates,
                                                          const api::Rollout& rollout);
// The same over all blocks of a Rollout, in the order blue/green pre, post, canary steps,
// background.
[[nodiscard]] std::optional<std::string> check_references(const api::Rollout& rollout,
                                                          const TemplateSource& templates);

// True when an existing run was made from the same spec (analysis.md §6.1): {metrics, dryRun,
// measurementRetention, args} are equal, whatever the order of members and however absence is
// written (missing, null, empty).
[[nodiscard]] bool semantic_equal(const kube::Json& spec, const kube::Json& other_spec);
[[nodiscard]] bool semantic_equal(const api::AnalysisRun& existing, const kube::Json& spec);

// Names of all templates that a block refers to directly, and through nesting as far as `templates`
// knows them: for the index "a change of this template wakes that Rollout".
struct TemplateNames {
  std::vector<std::string> namespaced, cluster;
};
[[nodiscard]] TemplateNames reachable_templates(const api::RolloutAnalysis& block,
                                                const TemplateSource& templates);

}  // namespace sluice::analysis
