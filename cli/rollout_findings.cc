#include <fmt/format.h>

#include <algorithm>

#include "analysis/limits.h"
#include "analysis/verdict.h"
#include "api/keys.h"
#include "cli/rollout_view.h"
#include "cli/summary.h"

namespace sluice::cli {
namespace {

constexpr std::size_t kValueMax = 400;  // bytes; a web answer may be long

std::string one_line(std::string text) {
  text = printable_line(text);
  if (text.size() <= kValueMax) return text;
  std::size_t end = kValueMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "…";
}

bool is_bad(api::AnalysisPhase phase) {
  return api::is_completed(phase) && phase != api::AnalysisPhase::Successful;
}

// The last sample of a metric that still goes on, where it was not a good one.
std::optional<analysis::DecidingSample> bad_sample(const api::MetricResult& result) {
  if (result.measurements.empty()) return std::nullopt;
  const auto phase = result.measurements.back().phase;
  if (!is_bad(phase)) return std::nullopt;
  api::MetricResult so_far = result;
  so_far.phase = phase;
  return analysis::deciding_sample(so_far);
}

// Ended badly, or is about to: the last sample of a running one is bad.
bool is_worth_telling(const api::AnalysisRun& run) {
  if (api::is_completed(run.status.phase)) return is_bad(run.status.phase);
  const auto& results = run.status.metric_results;
  return std::any_of(results.begin(), results.end(), [](const api::MetricResult& result) {
    return !result.dry_run && bad_sample(result).has_value();
  });
}

// Runs of one purpose: a retry makes a new one, and the old verdict no longer matters.
std::string purpose(const api::AnalysisRun& run) {
  return get_or(run.meta.labels, api::kRolloutTypeLabel) + "/" +
         get_or(run.meta.labels, api::kStepIndexLabel);
}

std::vector<const api::AnalysisRun*> bad_runs(const Objects& objects) {
  const std::int64_t revision = revision_of(objects.rollout.meta);
  std::vector<const api::AnalysisRun*> out;
  for (const auto& run : objects.runs) {
    if (!is_owned_by(run.meta, objects.rollout.meta.uid) || revision_of(run.meta) != revision ||
        !is_worth_telling(run))
      continue;
    const bool superseded =
        std::any_of(objects.runs.begin(), objects.runs.end(), [&](const api::AnalysisRun& other) {
          return is_owned_by(other.meta, objects.rollout.meta.uid) &&
                 revision_of(other.meta) == revision && purpose(other) == purpose(run) &&
                 other.meta.created_at > run.meta.created_at;
        });
    if (!superseded) out.push_back(&run);
  }
  std::sort(out.begin(), out.end(), [](const auto* a, const auto* b) {
    if (a->meta.created_at != b->meta.created_at) return a->meta.created_at < b->meta.created_at;
    return a->meta.key.name < b->meta.key.name;
  });
  return out;
}

// Where the sample does not say what it was held against (a run of another controller), the
// metric's own conditions.
std::string condition_of(const api::AnalysisRun& run, const analysis::DecidingSample& sample) {
  if (!sample.condition.empty()) return sample.condition;
  for (const auto& metric : run.spec.metrics) {
    if (metric.name != sample.metric) continue;
    std::vector<std::string> parts;
    if (!metric.success_condition.empty())
      parts.push_back("successCondition: " + metric.success_condition);
    if (!metric.failure_condition.empty())
      parts.push_back("failureCondition: " + metric.failure_condition);
    return join(parts, ", ");
  }
  return {};
}

std::string sample_text(const api::AnalysisRun& run, const analysis::DecidingSample& sample) {
  std::string out =
      header_line("  Metric:", fmt::format("{} ({})", sample.metric, api::to_string(sample.phase)));
  const auto add = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) out += header_line(key, one_line(value));
  };
  add("    Value:", sample.value);
  add("    Condition:", condition_of(run, sample));
  add("    Query:", sample.query);
  add("    Error:", sample.message);
  return out;
}

// How near to its end a bad metric is.
std::string tally_text(const api::AnalysisRun& run, const api::MetricResult& result) {
  std::vector<std::string> parts;
  const auto add = [&](std::int32_t count, const char* what, std::int64_t limit) {
    if (count > 0)
      parts.push_back(
          fmt::format("{} {} ({})", count, what,
                      limit < 0 ? "any number is allowed" : fmt::format("{} allowed", limit)));
  };
  for (const auto& metric : run.spec.metrics) {
    if (metric.name != result.name) continue;
    const auto limits = analysis::limits_of(metric);
    add(result.failed, "failed", limits.failure);
    add(result.inconclusive, "inconclusive", limits.inconclusive);
    add(result.consecutive_error,
        result.consecutive_error == 1 ? "error in a row" : "errors in a row",
        limits.consecutive_error);
  }
  return parts.empty() ? "" : header_line("    So far:", join(parts, ", "));
}

std::string run_text(const api::AnalysisRun& run, const Painter& paint) {
  const std::string phase(api::to_string(run.status.phase));
  const Icon icon = run_icon(phase);
  std::string out =
      "\n" + header_line("AnalysisRun:", run.meta.key.name) +
      header_line("  Phase:", fmt::format("{} {}", paint(icon.colour, icon.sign), phase));
  if (!run.status.message.empty()) out += header_line("  Message:", one_line(run.status.message));
  for (const auto& result : run.status.metric_results) {
    if (result.dry_run) continue;
    const bool goes_on = !api::is_completed(run.status.phase);
    const auto sample = goes_on ? bad_sample(result) : analysis::deciding_sample(result);
    if (sample) out += sample_text(run, *sample) + (goes_on ? tally_text(run, result) : "");
  }
  return out;
}

// A controller says it in the status; where none has (yet), we can tell as well.
std::string refusal_text(const Objects& objects, WallTime now) {
  const auto& rollout = objects.rollout;
  const std::string shown = summarise(rollout, now).phase.message;
  for (const auto& condition : rollout.status.conditions) {
    if (condition.type != "InvalidSpec") continue;
    if (shown.find(condition.message) != std::string::npos) return {};
    return "\n" + header_line("InvalidSpec:", one_line(condition.message));
  }
  if (rollout.decode_error)
    return "\n" + header_line("InvalidSpec:", one_line(rollout.decode_error->message));
  return {};
}

}  // namespace

std::string findings_text(const Objects& objects, WallTime now, const Painter& paint) {
  std::string out = refusal_text(objects, now);
  for (const auto* run : bad_runs(objects)) out += run_text(*run, paint);
  return out;
}

}  // namespace sluice::cli
