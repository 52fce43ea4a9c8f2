#pragma once
// Composition of templates into one run (analysis.md §4). Pure.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/template_source.h"
#include "api/analysis.h"
#include "base/result.h"

namespace sluice::analysis {

struct FoundTemplate {
  std::shared_ptr<const api::AnalysisTemplate> object;
  bool cluster = false;
};

// Why the references could not be followed.
struct LookupFailure {
  enum class Kind { NotFound, Malformed, Cycle };
  Kind kind = Kind::NotFound;
  std::string name;  // of the template that is the matter
  bool cluster = false;
  bool nested = false;  // referred to by another template, not by the Rollout
  std::string detail;   // Malformed: the decode error; Cycle: "a -> b -> a"

  [[nodiscard]] std::string create_text() const;      // as an API server would say it
  [[nodiscard]] std::string validation_text() const;  // as the InvalidSpec condition says it
};

// All templates reached, depth first, each once: the namespaced ones in order, then the cluster
// ones.
[[nodiscard]] tl::expected<std::vector<FoundTemplate>, LookupFailure> collect_templates(
    const std::vector<api::TemplateRef>& refs, const TemplateSource& source);

struct Flattened {
  std::vector<api::Metric> metrics;
  std::vector<api::Argument> args;
  std::vector<api::DryRun> dry_run;
  std::vector<api::MeasurementRetention> measurement_retention;
};
// Errors: Invalid with the text of the clash.
[[nodiscard]] Result<Flattened> flatten(const std::vector<FoundTemplate>& templates);

// The caller's rules before the templates' own. Errors: Invalid when a rule's text occurs twice.
[[nodiscard]] Result<std::vector<api::DryRun>> join_rules(std::vector<api::DryRun> first,
                                                          const std::vector<api::DryRun>& second);
[[nodiscard]] Result<std::vector<api::MeasurementRetention>> join_rules(
    std::vector<api::MeasurementRetention> first,
    const std::vector<api::MeasurementRetention>& second);

}  // namespace sluice::analysis
