#pragma once
// AnalysisTemplate, ClusterAnalysisTemplate, AnalysisRun (analysis.md §2). Times have second
// precision.
#include <optional>
#include <string>
#include <vector>

#include "kube/json/json_fwd.h"
#include "kube/json/node.h"
#include "kube/model/meta.h"
#include "kube/model/quantity.h"

namespace sluice::api {

enum class AnalysisPhase { None, Pending, Running, Successful, Failed, Error, Inconclusive };
[[nodiscard]] std::string_view to_string(AnalysisPhase phase);            // None = ""
[[nodiscard]] AnalysisPhase parse_analysis_phase(std::string_view text);  // unknown = None
[[nodiscard]] bool is_completed(AnalysisPhase phase);
// The worse of two by the order Successful < Running < Pending < Inconclusive < Error < Failed.
[[nodiscard]] AnalysisPhase worst(AnalysisPhase a, AnalysisPhase b);

struct SecretKeyRef {
  std::string name, key;
  bool operator==(const SecretKeyRef&) const = default;
};

// An argument of a template, a run, or a Rollout's analysis (the union of the three shapes).
struct Argument {
  std::string name;
  std::optional<std::string> value;
  std::optional<SecretKeyRef> secret_key_ref;
  std::optional<std::string> field_path;  // valueFrom.fieldRef.fieldPath
  std::optional<std::string>
      pod_template_hash;  // valueFrom.podTemplateHashValue: "Stable" | "Latest"
  bool operator==(const Argument&) const = default;
};

struct TemplateRef {
  std::string template_name;
  std::optional<bool> cluster_scope;
  bool operator==(const TemplateRef&) const = default;
};

struct DryRun {
  std::string metric_name;
};
struct MeasurementRetention {
  std::string metric_name;
  std::int32_t limit = 0;
};

struct Metric {
  std::string name;
  std::string interval, initial_delay;  // Go durations, "" = none; may hold {{args.x}}
  std::optional<kube::IntOrString> count, failure_limit, inconclusive_limit,
      consecutive_error_limit, consecutive_success_limit;
  std::string success_condition, failure_condition;
  std::string provider_kind;  // "prometheus", "web", "job", …; "" when none, "+" when several
  std::string provider_json;  // compact JSON of the one member's value
  std::string raw;            // compact JSON of the whole metric, for substitution
};

struct AnalysisSpec {
  std::vector<Metric> metrics;
  std::vector<Argument> args;
  std::vector<DryRun> dry_run;
  std::vector<MeasurementRetention> measurement_retention;
  std::vector<TemplateRef> templates;  // templates only
  bool terminate = false;              // runs only
  std::optional<std::int32_t> ttl_after_completion, ttl_after_success, ttl_after_failure;
};

struct AnalysisTemplate {  // and ClusterAnalysisTemplate (namespace_ empty)
  kube::Meta meta;
  kube::RawJson raw;
  std::optional<Error> decode_error;
  AnalysisSpec spec;
};

struct Measurement {
  AnalysisPhase phase = AnalysisPhase::None;
  std::string message, value;
  std::optional<WallTime> started_at, finished_at, resume_at;
  StringMap metadata;
};

struct MetricResult {
  std::string name;
  AnalysisPhase phase = AnalysisPhase::None;
  std::string message;
  std::vector<Measurement> measurements;
  std::int32_t count = 0, successful = 0, failed = 0, inconclusive = 0, error = 0;
  std::int32_t consecutive_error = 0, consecutive_success = 0;
  bool dry_run = false;
  StringMap metadata;
};

struct RunSummary {
  std::int32_t count = 0, successful = 0, failed = 0, inconclusive = 0, error = 0;
};

struct AnalysisRunStatus {
  AnalysisPhase phase = AnalysisPhase::None;
  std::string message;
  std::optional<WallTime> started_at, completed_at;
  std::vector<MetricResult> metric_results;
  RunSummary run_summary;
  std::optional<RunSummary> dry_run_summary;
};

struct AnalysisRun {
  kube::Meta meta;
  kube::RawJson raw;
  std::optional<Error> decode_error;
  AnalysisSpec spec;
  AnalysisRunStatus status;
};

// Never fail: what is malformed is left out, and decode_error names the field.
[[nodiscard]] AnalysisTemplate decode_analysis_template(kube::Node object);
[[nodiscard]] AnalysisRun decode_analysis_run(kube::Node object);
[[nodiscard]] Metric decode_metric(kube::Node node);
[[nodiscard]] std::vector<Argument> decode_arguments(kube::Node list);
[[nodiscard]] std::vector<TemplateRef> decode_template_refs(kube::Node list);
// The `status` member, with zero members omitted as analysis.md §2.5 says.
[[nodiscard]] kube::Json encode(const AnalysisRunStatus& status);
[[nodiscard]] kube::Json encode(const Argument& argument);

}  // namespace sluice::api
