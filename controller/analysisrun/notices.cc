#include "controller/analysisrun/notices.h"

#include <fmt/format.h>

#include "analysis/expr/expr.h"
#include "analysis/stored_text.h"
#include "analysis/verdict.h"
#include "api/resources.h"

namespace sluice::analysisrun {

namespace {

using api::AnalysisPhase;

constexpr std::size_t kMessageMax = 1000;  // the API allows 1,024 bytes
constexpr std::size_t kConditionShownMax = 300;

bool is_alarming(AnalysisPhase phase) {
  return phase == AnalysisPhase::Failed || phase == AnalysisPhase::Error;
}

}  // namespace

controller::EventIntent notice(const api::AnalysisRun& run, bool warning, std::string reason,
                               std::string message) {
  controller::EventIntent out;
  out.regarding_type = api::kAnalysisRuns;
  out.regarding = run.meta.key;
  out.regarding_uid = run.meta.uid;
  out.warning = warning;
  out.reason = std::move(reason);
  out.message = analysis::shortened(std::move(message), kMessageMax);
  return out;
}

controller::EventIntent metric_notice(const api::AnalysisRun& run,
                                      const api::MetricResult& result) {
  const std::string_view phase = api::to_string(result.phase);
  return notice(run, is_alarming(result.phase), fmt::format("Metric{}", phase),
                fmt::format("Metric '{}' Completed. Result: {}", result.name, phase));
}

controller::EventIntent run_notice(const api::AnalysisRun& run, AnalysisPhase phase) {
  const std::string_view text = api::to_string(phase);
  return notice(run, is_alarming(phase), fmt::format("AnalysisRun{}", text),
                fmt::format("Analysis Completed. Result: {}", text));
}

std::vector<controller::EventIntent> condition_notices(const api::AnalysisRun& run,
                                                      const std::vector<api::Metric>& metrics) {
  std::vector<controller::EventIntent> out;
  const auto check = [&](const api::Metric& metric, std::string_view name,
                         const std::string& condition) {
    if (condition.empty()) return;
    analysis::expr::Position where;
    const auto sound = analysis::expr::check_syntax(condition, &where);
    if (sound) return;
    out.push_back(notice(
        run, true, "InvalidCondition",
        fmt::format("Metric '{}': {} \"{}\": {} (line {}, column {})", metric.name, name,
                    analysis::shortened(condition, kConditionShownMax), sound.error().message,
                    where.line, where.column)));
  };
  for (const api::Metric& metric : metrics) {
    check(metric, "successCondition", metric.success_condition);
    check(metric, "failureCondition", metric.failure_condition);
  }
  return out;
}

std::optional<controller::EventIntent> verdict_notice(const api::AnalysisRun& run,
                                                      const api::AnalysisRunStatus& status) {
  const auto sample = analysis::deciding_sample(status);
  if (!sample) return std::nullopt;
  controller::EventIntent out =
      notice(run, true, "AnalysisVerdict",
             fmt::format("AnalysisRun '{}': {}", run.meta.key.name, sample->text()));
  const kube::OwnerReference* owner = run.meta.controller_owner();
  if (owner != nullptr && kube::is_of_kind(*owner, api::kRollouts)) {
    out.regarding_type = api::kRollouts;
    out.regarding = {run.meta.key.namespace_, owner->name};
    out.regarding_uid = owner->uid;
  }
  return out;
}

}  // namespace sluice::analysisrun
