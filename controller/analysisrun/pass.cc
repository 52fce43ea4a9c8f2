#include "controller/analysisrun/pass.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/args.h"
#include "analysis/provider_table.h"
#include "analysis/providers/job.h"
#include "analysis/retention.h"
#include "analysis/stored_text.h"
#include "analysis/validate.h"
#include "base/strings.h"
#include "controller/analysisrun/notices.h"
#include "controller/analysisrun/persist.h"
#include "kube/json/json.h"

namespace sluice::analysisrun {

namespace {

using analysis::is_job;
using analysis::Task;
using api::AnalysisPhase;
using controller::Why;

constexpr std::string_view kAgainSuffix = "/again";  // of the id of a query in its other form
constexpr std::string_view kResolvedQuery = "ResolvedPrometheusQuery";
// Every round ends something, so that few are ever needed.
constexpr int kRoundsMax = 8;
// Of a pass, beyond which no further answer is assessed: some 25 ms, a hundred thousand plain
// conditions.
constexpr std::uint64_t kStepsMax = 1'000'000;

}  // namespace

Pass::Pass(const Observed& observed, const Options& options, WallTime now)
    : observed_(observed),
      run_(*observed.run),
      options_(options),
      now_(now),
      before_(stored_status(*observed.run)),
      status_(observed.run->status) {}

analysis::RunView Pass::view() const {
  return {metrics_, dry_run_, run_.spec.terminate};
}

void Pass::run() {
  if (!prepare()) return;
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    const std::string id = query_id(i);
    if (observed_.in_flight.count(id) > 0 ||
        observed_.in_flight.count(id + std::string(kAgainSuffix)) > 0)
      asked_.insert(metrics_[i].name);
  }
  if (!prepare_secrets()) return;
  if (!waiting_for_secrets_) take_answers();
  work();
  trim();
}

void Pass::end_with_error(std::string message) {
  status_.phase = AnalysisPhase::Error;
  status_.message = analysis::shortened(printable(message));
  if (!status_.started_at) status_.started_at = truncate_to_seconds(now_);
  if (!status_.completed_at) status_.completed_at = truncate_to_seconds(now_);
  events_.push_back(run_notice(run_, status_.phase));
  trace_.push_back({Why::InvalidSpec, status_.message});
}

bool Pass::prepare() {
  const auto invalid = [&](const std::string& why) {
    end_with_error("Analysis spec invalid: " + why);
    return false;
  };
  if (run_.decode_error) return invalid(run_.decode_error->message);
  auto metrics = analysis::resolve_metrics(run_.spec.metrics, run_.spec.args, nullptr);
  if (!metrics) {
    end_with_error("Unable to resolve metric arguments: " + metrics.error().message);
    return false;
  }
  metrics_ = std::move(*metrics);
  measured_ = metrics_;
  if (auto valid = analysis::validate_metrics(metrics_); !valid)
    return invalid(valid.error().message);
  auto dry_run = analysis::match_dry_run(run_.spec.dry_run, metrics_);
  if (!dry_run) return invalid(dry_run.error().message);
  dry_run_ = std::move(*dry_run);
  auto retention = analysis::match_retention(run_.spec.measurement_retention, metrics_);
  if (!retention) return invalid(retention.error().message);
  retention_ = std::move(*retention);
  if (run_.status.phase == AnalysisPhase::None)
    for (auto& event : condition_notices(run_, metrics_)) events_.push_back(std::move(event));
  return true;
}

// Secrets are read only when something is to be measured or an answer to be assessed: a condition
// may hold a Secret, and the error text of an answer may show one.
bool Pass::prepare_secrets() {
  const auto references = secret_references();
  if (references.empty()) return true;
  const bool terminating = analysis::is_terminating(view(), status_);
  bool needed = !observed_.answers.empty();
  for (const api::Metric& metric : metrics_) {
    const bool idle = asked_.count(metric.name) == 0;
    if (idle && analysis::due(metric, status_, terminating, now_) == Task::Measure) needed = true;
  }
  if (!needed) return true;
  secrets_ = read_secrets(references, run_.meta.key.namespace_, observed_.secrets);
  if (!secrets_.absent.empty()) {
    end_with_error("Unable to resolve metric arguments: " + secrets_.absent);
    return false;
  }
  waiting_for_secrets_ = !secrets_.unread.empty();
  if (waiting_for_secrets_ || !secrets_.unreadable.empty()) return true;
  auto measured = analysis::resolve_metrics(run_.spec.metrics, run_.spec.args, &secrets_.values);
  if (!measured) {
    end_with_error("Unable to resolve metric arguments: " + mask(measured.error().message));
    return false;
  }
  measured_ = std::move(*measured);
  return true;
}

std::vector<std::string> Pass::secret_references() const {
  std::vector<std::string> out = analysis::secret_references(run_.spec.args);
  for (const api::Metric& metric : metrics_)
    if (const auto* provider = analysis::provider_of(metric))
      for (auto& one : provider->secrets(metric))
        if (std::find(out.begin(), out.end(), one) == out.end()) out.push_back(std::move(one));
  return out;
}

std::string Pass::mask(std::string text) const {
  return secrets_.values.empty() ? text : analysis::mask_secrets(std::move(text), secrets_.values);
}

std::string Pass::query_id(std::size_t index) const {
  const std::string& name = metrics_[index].name;
  return name + "#" + std::to_string(analysis::next_number(analysis::find_result(status_, name)));
}

// ---- answers ----

void Pass::take_answers() {
  for (const Answer& answer : observed_.answers) {
    for (std::size_t i = 0; i < metrics_.size(); ++i) {
      const std::string id = query_id(i);
      if (answer.id != id && answer.id != id + std::string(kAgainSuffix)) continue;
      if (work_.steps < kStepsMax) {
        take_answer(answer, id, i);
      } else {
        unassessed_.insert(answer.id);
        asked_.insert(metrics_[i].name);
      }
      break;
    }
  }
}

void Pass::take_answer(const Answer& answer, const std::string& id, std::size_t index) {
  const api::Metric& metric = measured_[index];
  const api::MetricResult* result = analysis::find_result(status_, metrics_[index].name);
  if (is_job(metric) || (result != nullptr && api::is_completed(result->phase))) return;
  asked_.erase(metrics_[index].name);
  const analysis::Timing timing{answer.started_at, answer.finished_at};
  if (!secrets_.unreadable.empty()) {
    record(index, analysis::error_measurement(secrets_.unreadable, timing));
    return;
  }
  const analysis::Provider* provider = analysis::provider_of(metric);
  if (provider == nullptr) return;  // nothing was asked
  auto reading = provider->read(metric, answer.request, answer.response, &work_);
  if (auto* again = std::get_if<analysis::Again>(&reading)) {
    if (answer.id == id) {
      queries_.push_back(
          {id + std::string(kAgainSuffix), std::move(again->request), answer.wanted});
      asked_.insert(metrics_[index].name);
      return;
    }
    reading = Result<analysis::Sample>(
        fail(ErrorCode::Unavailable, "asked in two forms, and answered in neither"));
  }
  auto& sample = std::get<Result<analysis::Sample>>(reading);
  if (!sample) sample.error().message += ceiling_text(answer);
  record(index, analysis::measure(metric, sample, provider->query_of(metric), timing,
                                  options_.zones, &work_));
}

void Pass::record(std::size_t index, api::Measurement measurement) {
  const api::Metric& metric = metrics_[index];
  measurement.message = mask(std::move(measurement.message));
  measurement.value = mask(std::move(measurement.value));
  for (auto& [key, value] : measurement.metadata) value = mask(std::move(value));
  analysis::clean_texts(measurement);
  const bool fresh = analysis::find_result(status_, metric.name) == nullptr;
  api::MetricResult& result = analysis::result_for(view(), status_, metric);
  const analysis::Provider* provider = analysis::provider_of(metric);
  if (fresh && provider != nullptr && provider->traits().keeps_query) {
    std::string query = mask(provider->query_of(measured_[index]));
    if (!query.empty())
      result.metadata[std::string(kResolvedQuery)] = analysis::shortened(std::move(query));
  }
  if (api::is_completed(measurement.phase)) {
    trace_.push_back(
        {Why::MeasurementTaken, fmt::format("{}: {} {}", metric.name,
                                            api::to_string(measurement.phase), measurement.value)});
  }
  analysis::record(result, std::move(measurement));
}

void Pass::record_error(std::size_t index, std::string message) {
  analysis::Timing timing{now_, now_};
  if (const auto* running =
          analysis::in_progress(analysis::find_result(status_, metrics_[index].name)))
    timing.started_at = running->started_at.value_or(now_);
  record(index, analysis::error_measurement(std::move(message), timing));
}

// ---- the rounds ----

void Pass::work() {
  for (int round = 0; round < kRoundsMax; ++round) {
    const bool terminating = analysis::is_terminating(view(), status_);
    look_at_running(terminating);
    assess();
    if (api::is_completed(status_.phase)) break;
    // A limit has just tripped: what is still running is stopped at once, not in the next pass.
    if (analysis::is_terminating(view(), status_) != terminating) continue;
    if (waiting_for_secrets_ || !start_due()) break;
  }
  if (!api::is_completed(status_.phase)) return;
  queries_.clear();
  asked_.clear();
  events_.push_back(run_notice(run_, status_.phase));
  if (auto event = verdict_notice(run_, status_)) events_.push_back(std::move(*event));
  trace_.push_back(
      {Why::RunTerminated, fmt::format("{} {}", api::to_string(status_.phase), status_.message)});
}

void Pass::look_at_running(bool terminating) {
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    api::MetricResult* result = analysis::find_result(status_, metrics_[i].name);
    if (result == nullptr || api::is_completed(result->phase) ||
        analysis::in_progress(result) == nullptr)
      continue;
    if (is_job(metrics_[i])) {
      resume_job(i, terminating);
    } else {
      result->measurements
          .pop_back();  // of a query whose answer nobody waits for any more: it is taken again
    }
  }
}

void Pass::assess() {
  for (const std::string& name : analysis::assess_run(view(), status_, now_))
    events_.push_back(metric_notice(run_, *analysis::find_result(status_, name)));
}

bool Pass::start_due() {
  bool recorded = false;
  const bool terminating = analysis::is_terminating(view(), status_);
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    if (asked_.count(metrics_[i].name) > 0) continue;
    if (analysis::due(metrics_[i], status_, terminating, now_) != Task::Measure) continue;
    if (start(i)) recorded = true;
  }
  return recorded;
}

bool Pass::start(std::size_t index) {
  if (!secrets_.unreadable.empty()) {
    record_error(index, secrets_.unreadable);
    return true;
  }
  const std::int64_t number =
      analysis::next_number(analysis::find_result(status_, metrics_[index].name));
  return is_job(metrics_[index]) ? start_job(index, number) : start_query(index, number);
}

Result<http::Request> Pass::build_query(const api::Metric& metric, const StringMap& secrets) const {
  const analysis::Provider* provider = analysis::provider_of(metric);
  if (provider == nullptr)
    return fail(ErrorCode::Unsupported, analysis::unsupported_provider(metric));
  return provider->ask(metric, {options_.prometheus_address, now_, options_.zones, secrets});
}

Result<http::Request> Pass::marked_query(std::size_t index) {
  auto request = build_query(measured_[index], secrets_.values);
  if (!request || secrets_.values.empty()) return request;
  StringMap others = secrets_.values;
  for (auto& [name, value] : others) value += "x";
  if (!altered_) altered_ = analysis::resolve_metrics(run_.spec.metrics, run_.spec.args, &others);
  analysis::mark_secrets(*request, *altered_ ? build_query((**altered_)[index], others)
                                             : Result<http::Request>(fail(altered_->error())));
  return request;
}

std::string Pass::ceiling_text(const Answer& answer) const {
  const bool late = !answer.response && answer.response.error().code == ErrorCode::Timeout;
  if (!late || answer.wanted <= options_.metric_timeout_max) return "";
  return fmt::format(
      " (the metric would wait {}, but --metric-timeout-max of the controller is {})",
      format_go_duration(answer.wanted), format_go_duration(options_.metric_timeout_max));
}

bool Pass::start_query(std::size_t index, std::int64_t number) {
  auto request = marked_query(index);
  if (!request) {
    record_error(index, request.error().message);
    return true;
  }
  const std::string& name = metrics_[index].name;
  const Millis wanted = request->timeout;
  request->timeout = std::min<Millis>(wanted, options_.metric_timeout_max);
  queries_.push_back({query_id(index), std::move(*request), wanted});
  asked_.insert(name);
  trace_.push_back({Why::MeasurementStarted, fmt::format("{} #{}", name, number)});
  return false;
}

std::size_t Pass::retention_of(const std::string& metric) const {
  const auto rule = retention_.find(metric);
  return rule == retention_.end() ? analysis::kDefaultRetention : rule->second;
}

// Where few measurements are kept, one that waits would never be seen.
std::map<std::string, Micros> Pass::sample_patience() const {
  std::map<std::string, Micros> out;
  for (const api::Metric& metric : metrics_) {
    if (retention_of(metric.name) < kSamplesTogetherMax) continue;
    if (const auto wait = analysisrun::sample_patience(metric)) out.emplace(metric.name, *wait);
  }
  return out;
}

void Pass::trim() {
  for (api::MetricResult& result : status_.metric_results) {
    const std::size_t limit = retention_of(result.name);
    if (!analysis::trim_measurements(result, limit)) continue;
    // A Job that this pass creates is one of those that stay.
    const auto fresh = static_cast<std::size_t>(std::count_if(
        result.measurements.begin(), result.measurements.end(), [&](const api::Measurement& one) {
          return creates_.count(get_or(one.metadata, analysis::job::kJobNameMetadata)) > 0;
        }));
    for (const auto& job :
         analysis::job::superfluous(observed_.jobs, result.name, limit - std::min(limit, fresh)))
      deletes_.push_back(analysis::job::build_delete(job->meta.key, job->meta.uid));
  }
  analysis::bound_measurements(status_);
}

void Pass::into(Decision& decision) {
  // What wakes the run by itself is not waited for by the clock.
  std::set<std::string> asked = asked_;
  if (waiting_for_secrets_)
    for (const api::Metric& metric : metrics_) asked.insert(metric.name);
  if (!api::is_completed(status_.phase)) {
    decision.plan.wake_at = analysis::next_wake_up(view(), status_, asked, now_);
  } else {
    decision.plan.wake_at = analysis::expires_at(run_.spec, status_);
  }
  if (waiting_for_secrets_ && !api::is_completed(status_.phase))
    decision.secrets_needed = secrets_.unread;
  decision.job_pods_needed = job_pods_needed_;
  decision.unassessed = std::move(unassessed_);
  decision.work = work_;
  decision.goes_on = !api::is_completed(status_.phase);
  auto& intents = decision.plan.intents;
  for (auto& query : queries_) intents.emplace_back(std::move(query));
  for (auto& event : events_) intents.emplace_back(std::move(event));
  for (auto& [name, write] : creates_) intents.emplace_back(std::move(write));
  for (auto& write : deletes_) {
    if (const auto until = kept_until(observed_, write, now_)) {
      auto& wake = decision.plan.wake_at;
      wake = std::min(wake.value_or(*until), *until);
    } else {
      intents.emplace_back(std::move(write));
    }
  }
  decision.plan.trace = std::move(trace_);
  decision.status_changed = api::encode(run_.status) != api::encode(status_);
  decision.status = std::move(status_);
}

}  // namespace sluice::analysisrun
