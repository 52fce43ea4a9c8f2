// Measurements that are Jobs (analysis.md §8.7, §12.4).
#include <fmt/format.h>

#include <algorithm>

#include "analysis/providers/job.h"
#include "analysis/providers/sample.h"
#include "controller/analysisrun/pass.h"

namespace sluice::analysisrun {

namespace {

namespace job = analysis::job;
using api::AnalysisPhase;

bool is_finished(const kube::Job& one) {
  return job::interpret(one, {}).phase != AnalysisPhase::Running;
}

// A pod that is on its way out says nothing: its image may be pulled by its successor.
std::vector<std::shared_ptr<const kube::Pod>> pods_of(
    const std::vector<std::shared_ptr<const kube::Pod>>& pods, const std::string& uid) {
  std::vector<std::shared_ptr<const kube::Pod>> out;
  std::copy_if(pods.begin(), pods.end(), std::back_inserter(out), [&](const auto& pod) {
    const auto& owners = pod->meta.owners;
    return !pod->meta.deleted_at &&
           std::any_of(owners.begin(), owners.end(),
                       [&](const auto& owner) { return owner.uid == uid; });
  });
  return out;
}

}  // namespace

std::vector<kube::Write> leftover_jobs(const Observed& observed) {
  std::vector<kube::Write> out;
  for (const auto& one : observed.jobs)
    if (!one->meta.deleted_at && !is_finished(*one))
      out.push_back(job::build_delete(one->meta.key, one->meta.uid));
  return out;
}

std::optional<WallTime> kept_until(const Observed& observed, const kube::Write& deletion,
                                   WallTime now) {
  const auto found = observed.kept_jobs.find(deletion.key.name);
  if (found == observed.kept_jobs.end() || found->second <= now) return std::nullopt;
  return found->second;
}

std::shared_ptr<const kube::Job> Pass::find_job(const std::string& name) const {
  for (const auto& one : observed_.jobs)
    if (one->meta.key.name == name && !one->meta.deleted_at) return one;
  return nullptr;
}

bool Pass::server_knows(const std::string& metric, const std::string& name) const {
  const auto* running = analysis::in_progress(analysis::find_result(before_, metric));
  return running != nullptr && get_or(running->metadata, job::kJobNameMetadata) == name;
}

// The create is idempotent: its name says which measurement it is.
bool Pass::create_job(std::size_t index, std::int64_t number) {
  auto write = job::build_request(run_, measured_[index], number, options_.jobs);
  if (!write) {
    record_error(index, write.error().message);
    return false;
  }
  if (auto refused = observed_.refused_jobs.find(write->key.name);
      refused != observed_.refused_jobs.end()) {
    record_error(index, refused->second.message);
    return false;
  }
  std::string name = write->key.name;
  creates_.insert_or_assign(std::move(name), std::move(*write));
  return true;
}

bool Pass::start_job(std::size_t index, std::int64_t number) {
  const std::string name = job::name_of(run_.meta.uid, metrics_[index].name, number);
  const auto existing = find_job(name);  // of this measurement, started before a restart
  if (!existing && !create_job(index, number)) return true;
  api::Measurement measurement;
  measurement.phase = AnalysisPhase::Running;
  measurement.started_at = truncate_to_seconds(now_);
  if (existing && existing->meta.created_at != WallTime{} && existing->meta.created_at < now_)
    measurement.started_at = truncate_to_seconds(existing->meta.created_at);
  measurement.resume_at = truncate_to_seconds(job::next_look(now_, now_));
  measurement.metadata[std::string(job::kJobNameMetadata)] = name;
  measurement.metadata[std::string(job::kJobNamespaceMetadata)] = run_.meta.key.namespace_;
  record(index, std::move(measurement));
  trace_.push_back({controller::Why::MeasurementStarted,
                    fmt::format("{} #{}: Job {}", metrics_[index].name, number, name)});
  return existing != nullptr;
}

void Pass::resume_job(std::size_t index, bool terminating) {
  const std::string& metric = metrics_[index].name;
  api::MetricResult& result = *analysis::find_result(status_, metric);
  api::Measurement running = *analysis::in_progress(&result);
  const std::string name = get_or(running.metadata, job::kJobNameMetadata);
  if (name.empty()) {
    record_error(index, "job metadata reference missing");
    return;
  }
  if (terminating) {
    stop_job(index, running, name);
    return;
  }
  const bool look = !running.resume_at || *running.resume_at <= now_;
  if (look) {
    const WallTime next = job::next_look(running.started_at.value_or(now_), now_);
    result.measurements.back().resume_at = truncate_to_seconds(next + Millis(999));
  }
  const auto found = find_job(name);
  if (!found) {
    if (server_knows(metric, name)) {
      record_error(index, fmt::format("job.batch {} not found", quote(name)));
    } else if (look && !waiting_for_secrets_ && secrets_.unreadable.empty()) {
      create_job(index, analysis::next_number(
                            &result));  // the first attempt may not have reached the server
    }
    return;
  }
  const job::Finding finding = job::interpret(*found, pods_of(observed_.job_pods, found->meta.uid));
  if (finding.phase == AnalysisPhase::Running) {
    job_pods_needed_ = look && found->active > 0;
    return;
  }
  running.phase = finding.phase;
  running.message = finding.message;
  running.finished_at = truncate_to_seconds(now_);
  running.resume_at.reset();
  if (!finding.failure.empty())
    running.metadata[std::string(job::kJobFailureMetadata)] = finding.failure;
  if (finding.phase == AnalysisPhase::Inconclusive)  // it would wait for its image for ever
    deletes_.push_back(job::build_delete(found->meta.key, found->meta.uid));
  record(index, std::move(running));
}

void Pass::stop_job(std::size_t index, const api::Measurement& running, const std::string& name) {
  const auto found = find_job(name);
  if (creates_.erase(name) == 0) {
    const kube::ObjectKey key{run_.meta.key.namespace_, name};
    deletes_.push_back(job::build_delete(key, found ? found->meta.uid : std::string()));
  }
  api::Measurement stopped = running;
  stopped.phase = AnalysisPhase::Inconclusive;
  stopped.message = "Metric Terminated";
  stopped.finished_at = truncate_to_seconds(now_);
  stopped.resume_at.reset();
  record(index, std::move(stopped));
}

}  // namespace sluice::analysisrun
