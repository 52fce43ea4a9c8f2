#include "analysis/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace sluice::analysis {

namespace {

using api::AnalysisPhase;

// Between measurements of a metric without interval, and after an error whatever the interval
// (analysis.md §8.2 row 7).
constexpr Micros kRetry = Seconds(10);
// A measurement is due strictly after its time; timers wake at their time.
constexpr Micros kJustAfter = Millis(1);

bool exhausted(const api::Metric& metric, const api::MetricResult& result) {
  const auto count = limits_of(metric).count;
  return count && result.count >= *count;
}

Micros wait_after(const api::Metric& metric, const api::Measurement& last) {
  return last.phase == AnalysisPhase::Error ? kRetry : interval_of(metric).value_or(kRetry);
}

void count_measurement(api::MetricResult& result, AnalysisPhase phase) {
  switch (phase) {
    case AnalysisPhase::Successful:
      ++result.successful;
      ++result.count;
      ++result.consecutive_success;
      result.consecutive_error = 0;
      break;
    case AnalysisPhase::Failed:
      ++result.failed;
      ++result.count;
      result.consecutive_success = 0;
      result.consecutive_error = 0;
      break;
    case AnalysisPhase::Inconclusive:
      ++result.inconclusive;
      ++result.count;
      result.consecutive_success = 0;
      result.consecutive_error = 0;
      break;
    case AnalysisPhase::Error:
      ++result.error;
      ++result.consecutive_error;
      result.consecutive_success = 0;
      break;
    case AnalysisPhase::None:
    case AnalysisPhase::Pending:
    case AnalysisPhase::Running:
      break;
  }
}

// The limits, without regard to whether the metric is finished: the later check replaces the
// earlier one.
MetricVerdict limits_exceeded(const Limits& limits, const api::MetricResult& result) {
  MetricVerdict out{AnalysisPhase::None, ""};
  if (limits.failure >= 0 && result.failed > limits.failure) {
    out = {AnalysisPhase::Failed,
           fmt::format("failed ({}) > failureLimit ({})", result.failed, limits.failure)};
  }
  if (result.inconclusive > limits.inconclusive) {
    out = {AnalysisPhase::Inconclusive, fmt::format("inconclusive ({}) > inconclusiveLimit ({})",
                                                    result.inconclusive, limits.inconclusive)};
  }
  if (result.consecutive_error > limits.consecutive_error) {
    out = {AnalysisPhase::Error, fmt::format("consecutiveErrors ({}) > consecutiveErrorLimit ({})",
                                             result.consecutive_error, limits.consecutive_error)};
  }
  return out;
}

AnalysisPhase unlimited_phase(const api::Metric& metric, const Limits& limits,
                              const api::MetricResult& result, bool terminating) {
  if (limits.consecutive_success > 0 && result.consecutive_success >= limits.consecutive_success)
    return AnalysisPhase::Successful;
  if (exhausted(metric, result)) {
    if (limits.failure >= 0 && limits.consecutive_success > 0) return AnalysisPhase::Inconclusive;
    return limits.failure == -1 ? AnalysisPhase::Failed : AnalysisPhase::Successful;
  }
  return terminating ? AnalysisPhase::Successful : AnalysisPhase::Running;
}

void summarise(api::RunSummary& summary, AnalysisPhase phase) {
  switch (phase) {
    case AnalysisPhase::Successful:
      ++summary.successful;
      break;
    case AnalysisPhase::Failed:
      ++summary.failed;
      break;
    case AnalysisPhase::Inconclusive:
      ++summary.inconclusive;
      break;
    case AnalysisPhase::Error:
      ++summary.error;
      break;
    case AnalysisPhase::None:
    case AnalysisPhase::Pending:
    case AnalysisPhase::Running:
      break;
  }
}

// The worst of the completed metrics that count, and what the run says about it.
struct Outcome {
  bool all_completed = true;
  std::optional<AnalysisPhase> worst;
  std::string message;

  void add(const api::Metric& metric, const api::MetricResult& result, const std::string& reason) {
    if (worst && (result.phase == *worst || api::worst(*worst, result.phase) == *worst)) return;
    worst = result.phase;
    if (reason.empty()) return;
    message = fmt::format("Metric \"{}\" assessed {} due to {}", metric.name,
                          api::to_string(result.phase), reason);
    if (!result.message.empty()) message += fmt::format(": \"Error Message: {}\"", result.message);
  }
};

// What a run says of a metric that came to its end without a streak of successes. None of the
// reference's reasons says so.
std::string streak_missed(const api::Metric& metric, const api::MetricResult& result) {
  const Limits limits = limits_of(metric);
  const bool bad =
      result.phase == AnalysisPhase::Failed || result.phase == AnalysisPhase::Inconclusive;
  if (!bad || limits.consecutive_success <= 0 || !exhausted(metric, result)) return "";
  return fmt::format("consecutiveSuccessLimit ({}) not reached after {} measurements",
                     limits.consecutive_success, result.count);
}

void update_metric(const api::Metric& metric, api::MetricResult& result, bool terminating,
                   std::vector<std::string>& completed) {
  const MetricVerdict verdict = assess_metric(metric, result, terminating);
  if (verdict.phase == result.phase) return;
  result.phase = verdict.phase;
  if (api::is_completed(verdict.phase)) completed.push_back(metric.name);
  if (!result.measurements.empty())
    result.message = printable(result.measurements.back().message);
}

void set_run_phase(api::AnalysisRunStatus& status, AnalysisPhase phase, std::string_view message,
                   WallTime now) {
  if (status.phase == phase) return;
  status.phase = phase;
  status.message = printable(trim(message));  // names of metrics are somebody's text, too
  if (api::is_completed(phase) && !status.completed_at)
    status.completed_at = truncate_to_seconds(now);
}

}  // namespace

const api::MetricResult* find_result(const api::AnalysisRunStatus& status,
                                     std::string_view metric) {
  auto found = std::find_if(status.metric_results.begin(), status.metric_results.end(),
                            [&](const api::MetricResult& result) { return result.name == metric; });
  return found == status.metric_results.end() ? nullptr : &*found;
}

api::MetricResult* find_result(api::AnalysisRunStatus& status, std::string_view metric) {
  return const_cast<api::MetricResult*>(
      find_result(static_cast<const api::AnalysisRunStatus&>(status), metric));
}

api::MetricResult& result_for(const RunView& run, api::AnalysisRunStatus& status,
                              const api::Metric& metric) {
  if (api::MetricResult* known = find_result(status, metric.name)) return *known;
  // Behind the results of all metrics that come before it in the spec.
  auto place = status.metric_results.begin();
  for (const api::Metric& before : run.metrics) {
    if (before.name == metric.name) break;
    for (auto it = place; it != status.metric_results.end(); ++it)
      if (it->name == before.name) place = it + 1;
  }
  api::MetricResult fresh;
  fresh.name = metric.name;
  fresh.phase = AnalysisPhase::Running;
  fresh.dry_run = run.dry_run.count(metric.name) > 0;
  return *status.metric_results.insert(place, std::move(fresh));
}

bool is_terminating(const RunView& run, const api::AnalysisRunStatus& status) {
  if (run.terminate) return true;
  return std::any_of(status.metric_results.begin(), status.metric_results.end(),
                     [](const api::MetricResult& result) {
                       return !result.dry_run && api::is_completed(result.phase) &&
                              result.phase != AnalysisPhase::Successful;
                     });
}

std::int64_t next_number(const api::MetricResult* result) {
  return result == nullptr ? 1 : std::int64_t{result->count} + result->error + 1;
}

const api::Measurement* in_progress(const api::MetricResult* result) {
  if (result == nullptr || result->measurements.empty()) return nullptr;
  const api::Measurement& last = result->measurements.back();
  return last.finished_at ? nullptr : &last;
}

Task due(const api::Metric& metric, const api::AnalysisRunStatus& status, bool terminating,
         WallTime now) {
  const api::MetricResult* result = find_result(status, metric.name);
  if (result != nullptr && api::is_completed(result->phase)) return Task::None;
  if (const api::Measurement* running = in_progress(result)) {
    if (terminating) return Task::Terminate;
    return running->resume_at && *running->resume_at > now ? Task::None : Task::Resume;
  }
  if (terminating) return Task::None;
  if (result == nullptr || result->measurements.empty()) {
    if (metric.initial_delay.empty()) return Task::Measure;
    const auto delay = initial_delay_of(metric);
    return status.started_at && delay && *status.started_at + *delay <= now ? Task::Measure
                                                                            : Task::None;
  }
  if (exhausted(metric, *result)) return Task::None;
  const api::Measurement& last = result->measurements.back();
  return now > *last.finished_at + wait_after(metric, last) ? Task::Measure : Task::None;
}

void record(api::MetricResult& result, api::Measurement measurement) {
  if (api::is_completed(measurement.phase)) count_measurement(result, measurement.phase);
  if (in_progress(&result) != nullptr) {
    result.measurements.back() = std::move(measurement);
  } else {
    result.measurements.push_back(std::move(measurement));
  }
}

MetricVerdict assess_metric(const api::Metric& metric, const api::MetricResult& result,
                            bool terminating) {
  const Limits limits = limits_of(metric);
  MetricVerdict exceeded = limits_exceeded(limits, result);
  if (api::is_completed(result.phase)) {
    return {result.phase,
            exceeded.phase == result.phase ? std::move(exceeded.reason) : std::string()};
  }
  if (result.measurements.empty())
    return {terminating ? AnalysisPhase::Successful : AnalysisPhase::Pending, ""};
  if (!api::is_completed(result.measurements.back().phase)) return {AnalysisPhase::Running, ""};
  if (exceeded.phase != AnalysisPhase::None) return exceeded;
  return {unlimited_phase(metric, limits, result, terminating), ""};
}

std::vector<std::string> assess_run(const RunView& run, api::AnalysisRunStatus& status,
                                    WallTime now) {
  const bool terminating = is_terminating(run, status);
  if (!status.started_at) status.started_at = truncate_to_seconds(now);
  std::vector<std::string> completed;
  Outcome outcome;
  if (run.terminate) outcome.message = "Run Terminated";
  api::RunSummary summary, dry_summary;
  for (const api::Metric& metric : run.metrics) {
    const bool dry = run.dry_run.count(metric.name) > 0;
    api::RunSummary& counts = dry ? dry_summary : summary;
    ++counts.count;
    api::MetricResult* result = find_result(status, metric.name);
    if (result != nullptr) update_metric(metric, *result, terminating, completed);
    if (result == nullptr || !api::is_completed(result->phase)) {
      outcome.all_completed = false;
      continue;
    }
    summarise(counts, result->phase);
    const std::string reason = assess_metric(metric, *result, terminating).reason;
    if (!dry) {
      outcome.add(metric, *result, reason.empty() ? streak_missed(metric, *result) : reason);
    } else {
      if (!outcome.worst) outcome.worst = AnalysisPhase::Successful;
      if (!reason.empty())
        result->message =
            fmt::format("Metric assessed {} due to {}", api::to_string(result->phase), reason);
    }
  }
  status.run_summary = summary;
  status.dry_run_summary = dry_summary;
  if (terminating) {
    set_run_phase(status, outcome.worst.value_or(AnalysisPhase::Successful), outcome.message, now);
  } else if (!outcome.all_completed || !outcome.worst) {
    set_run_phase(status, AnalysisPhase::Running, "", now);
  } else {
    set_run_phase(status, *outcome.worst, outcome.message, now);
  }
  return completed;
}

std::optional<WallTime> next_wake_up(const RunView& run, const api::AnalysisRunStatus& status,
                                     const std::set<std::string>& asked, WallTime now) {
  std::optional<WallTime> out;
  const auto consider = [&](WallTime at) { out = out ? std::min(*out, at) : at; };
  for (const api::Metric& metric : run.metrics) {
    const api::MetricResult* result = find_result(status, metric.name);
    if (asked.count(metric.name) > 0 || (result != nullptr && api::is_completed(result->phase)))
      continue;
    if (const api::Measurement* running = in_progress(result)) {
      if (running->resume_at) consider(*running->resume_at);
    } else if (result == nullptr || result->measurements.empty()) {
      if (const auto delay = initial_delay_of(metric))
        consider(status.started_at.value_or(now) + *delay);
    } else if (!exhausted(metric, *result)) {
      const api::Measurement& last = result->measurements.back();
      consider(*last.finished_at + wait_after(metric, last) + kJustAfter);
    }
  }
  return out;
}

std::optional<WallTime> expires_at(const api::AnalysisSpec& spec,
                                   const api::AnalysisRunStatus& status) {
  if (!api::is_completed(status.phase) || !status.completed_at) return std::nullopt;
  std::optional<std::int32_t> seconds = spec.ttl_after_completion;
  if (status.phase == AnalysisPhase::Successful && spec.ttl_after_success)
    seconds = spec.ttl_after_success;
  if (status.phase == AnalysisPhase::Failed && spec.ttl_after_failure)
    seconds = spec.ttl_after_failure;
  if (!seconds) return std::nullopt;
  // More than `seconds` whole seconds must have passed.
  return *status.completed_at + Seconds(*seconds) + Seconds(1);
}

}  // namespace sluice::analysis
