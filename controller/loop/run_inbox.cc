#include "controller/loop/run_inbox.h"

#include <algorithm>

#include <fmt/core.h>

#include "controller/analysisrun/secrets.h"
#include "kube/model/resources.h"
#include "kube/request/request.h"

namespace sluice::loop {

void RunInbox::fill(const kube::ObjectKey& run, analysisrun::Observed& observed) const {
  auto it = boxes_.find(run);
  if (it == boxes_.end()) return;
  observed.answers = it->second.answers;
  observed.in_flight = it->second.in_flight;
  observed.secrets = it->second.secrets;
}

void RunInbox::taken(const kube::ObjectKey& run) {
  auto it = boxes_.find(run);
  if (it == boxes_.end()) return;
  it->second.answers.clear();
  // Secrets are read anew for each round of measurements, so that a rotated one is seen.
  if (it->second.secrets_asked.empty()) it->second.secrets.clear();
}

void RunInbox::ask(const kube::ObjectKey& run, controller::QueryIntent query,
                   std::function<void()> answered) {
  boxes_[run].in_flight.insert(query.id);
  Waiting waiting{run, std::move(query), std::move(answered)};
  if (in_flight_ >= options_.queries_in_flight_max) {
    waiting_.push_back(std::move(waiting));
  } else {
    submit(std::move(waiting));
  }
}

void RunInbox::submit(Waiting waiting) {
  ++in_flight_;
  http::Request request = waiting.query.request;
  request.client_name = "metric";
  const WallTime started_at = clock_.wall_now();
  const RequestToken token = requests_.submit(
      std::move(request),
      [this, started_at, waiting = std::move(waiting)](const TransportEvent& event) {
        --in_flight_;
        if (auto it = boxes_.find(waiting.run);
            it != boxes_.end() && it->second.in_flight.erase(waiting.query.id) > 0) {
          analysisrun::Answer answer;
          answer.id = waiting.query.id;
          answer.started_at = started_at;
          answer.finished_at = clock_.wall_now();
          if (event.kind == TransportEvent::Kind::Response) {
            answer.response = event.response;
          } else {
            answer.response = fail(event.error);
          }
          it->second.answers.push_back(std::move(answer));
          waiting.answered();
        }
        if (!waiting_.empty() && in_flight_ < options_.queries_in_flight_max) {
          Waiting next = std::move(waiting_.front());
          waiting_.pop_front();
          submit(std::move(next));
        }
      });
  static_cast<void>(token);
}

void RunInbox::read_secret(const kube::ObjectKey& run, const std::string& name_and_key,
                           std::function<void()> answered) {
  Box& box = boxes_[run];
  if (!box.secrets_asked.insert(name_and_key).second) return;
  const auto slash = name_and_key.find('/');
  const std::string name = name_and_key.substr(0, slash);
  const std::string data_key = slash == std::string::npos ? "" : name_and_key.substr(slash + 1);
  requests_.submit(
      kube::make_get(kube::kSecrets, {run.namespace_, name}),
      [this, run, name, data_key, name_and_key,
       answered = std::move(answered)](const TransportEvent& event) {
        auto it = boxes_.find(run);
        if (it == boxes_.end()) return;
        it->second.secrets_asked.erase(name_and_key);
        Result<std::string> value = fail(event.error);
        if (event.kind == TransportEvent::Kind::Response) {
          if (auto error = kube::response_error(
                  event.response, fmt::format("Secret {}/{}", run.namespace_, name))) {
            value = fail(std::move(*error));
          } else {
            value = analysisrun::secret_value(event.response.body, name, data_key,
                                              options_.secrets_need_label);
          }
        }
        it->second.secrets.insert_or_assign(name_and_key, std::move(value));
        answered();
      });
}

void RunInbox::forget(const kube::ObjectKey& run) {
  boxes_.erase(run);
  std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.run == run; });
}

void RunInbox::clear() {
  boxes_.clear();
  waiting_.clear();
}

void log_samples(Telemetry& telemetry, const api::AnalysisRun& before,
                 const api::AnalysisRunStatus& after,
                 const std::vector<analysisrun::Answer>& answers) {
  WallTime answered_at{};
  for (const auto& answer : answers) answered_at = std::max(answered_at, answer.finished_at);
  const auto millis = [](WallTime t) {
    return std::to_string(std::chrono::duration_cast<Millis>(t.time_since_epoch()).count());
  };
  for (const auto& result : after.metric_results) {
    const api::MetricResult* old = nullptr;
    for (const auto& candidate : before.status.metric_results)
      if (candidate.name == result.name) old = &candidate;
    const int taken_before = old ? old->count + old->error : 0;
    if (result.count + result.error <= taken_before || result.measurements.empty()) continue;
    const api::Measurement* last = nullptr;
    for (const auto& measurement : result.measurements)
      if (api::is_completed(measurement.phase)) last = &measurement;
    if (!last) continue;
    telemetry.log(LogLevel::Info, "measurement",
                  {{"namespace", before.meta.key.namespace_},
                   {"run", before.meta.key.name},
                   {"metric", result.name},
                   {"phase", std::string(api::to_string(last->phase))},
                   {"value", last->value},
                   {"message", last->message},
                   {"answered_at_ms", millis(answered_at)}});
  }
  if (!api::is_completed(before.status.phase) && api::is_completed(after.phase)) {
    telemetry.log(LogLevel::Info, "verdict",
                  {{"namespace", before.meta.key.namespace_},
                   {"run", before.meta.key.name},
                   {"phase", std::string(api::to_string(after.phase))},
                   {"message", after.message},
                   {"answered_at_ms", millis(answered_at)}});
  }
}

}  // namespace sluice::loop
