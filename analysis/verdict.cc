#include "analysis/verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/providers/job.h"
#include "analysis/providers/sample.h"

namespace sluice::analysis {

namespace {

bool is_bad(api::AnalysisPhase phase) {
  return api::is_completed(phase) && phase != api::AnalysisPhase::Successful;
}

std::string query_text(const api::MetricResult& result, const api::Measurement& sample) {
  if (const std::string* query = find_or_null(sample.metadata, kQueryMetadata)) return *query;
  if (const std::string* name = find_or_null(sample.metadata, job::kJobNameMetadata))
    return "Job " + *name;
  return get_or(result.metadata, "ResolvedPrometheusQuery");  // runs that the reference measured
}

}  // namespace

std::string DecidingSample::text() const {
  std::string out = fmt::format("metric '{}' is {}", metric, api::to_string(phase));
  auto add = [&, first = true](std::string_view part) mutable {
    if (part.empty()) return;
    out += (first ? ": " : ", ") + std::string(part);
    first = false;
  };
  add(value.empty() ? "" : "value " + value);
  add(condition);
  add(query.empty() ? "" : "query: " + query);
  add(message);
  return out;
}

std::optional<DecidingSample> deciding_sample(const api::MetricResult& result) {
  if (!is_bad(result.phase)) return std::nullopt;
  auto last =
      std::find_if(result.measurements.rbegin(), result.measurements.rend(),
                   [&](const api::Measurement& sample) { return sample.phase == result.phase; });
  DecidingSample out;
  out.metric = result.name;
  out.phase = result.phase;
  if (last == result.measurements.rend()) return out;
  out.value = last->value;
  out.condition = get_or(last->metadata, kConditionMetadata);
  out.query = query_text(result, *last);
  out.message =
      last->message.empty() ? get_or(last->metadata, job::kJobFailureMetadata) : last->message;
  return out;
}

std::optional<DecidingSample> deciding_sample(const api::AnalysisRunStatus& status) {
  if (!is_bad(status.phase)) return std::nullopt;
  for (const api::MetricResult& result : status.metric_results)
    if (!result.dry_run && result.phase == status.phase) return deciding_sample(result);
  return std::nullopt;
}

}  // namespace sluice::analysis
