#include "controller/loop/dry_runs.h"

#include "kube/json/node.h"

namespace sluice::loop {
namespace {

constexpr Millis kTimeout{10'000};
constexpr Seconds kRetry{1};
// A server that refuses, or does not answer, must not hold up an abort: then the ReplicaSet that
// there is counts.
constexpr int kAttemptsMax = 3;

}  // namespace

bool DryRuns::fill(const Key& key, rollout::Observed& observed) {
  const auto write = rollout::dry_run(observed, clock_.wall_now());
  if (!write) {
    runs_.erase(key.object);
    return true;
  }
  auto& run = runs_[key.object];
  if (const auto& wanted = observed.rollout->spec.template_json; run.of != wanted) {
    run = Run{};
    run.of = wanted;
  }
  if (!run.done && !run.asked) ask(key, *write);
  observed.served_template = run.served;
  return run.done;
}

void DryRuns::ask(const Key& key, const kube::Write& write) {
  auto& run = runs_[key.object];
  run.asked = true;
  ++counters_.reads;
  auto request = kube::make_request(write);
  request.timeout = kTimeout;
  requests_.submit(std::move(request), [this, key, of = run.of](const TransportEvent& event) {
    on_answer(key, of, event);
  });
}

void DryRuns::on_answer(const Key& key, const std::string& of, const TransportEvent& event) {
  const auto found = runs_.find(key.object);
  if (found == runs_.end() || found->second.of != of) return;
  auto& run = found->second;
  run.asked = false;
  const auto error =
      event.kind == TransportEvent::Kind::Response
          ? kube::response_error(event.response, "TryReplicaSet " + key.object.text())
          : std::optional(event.error);
  if (!error) {
    const auto document = kube::Document::parse(event.response.body);
    const auto served = document ? document->root()["spec"]["template"] : kube::Node();
    if (!served.absent()) run.served = served.raw();
    run.done = true;
  } else {
    const bool for_good = error->code == ErrorCode::Invalid || error->code == ErrorCode::Forbidden;
    run.done = for_good || ++run.failures >= kAttemptsMax;
    telemetry_.log(LogLevel::Warn, error->message,
                   {{"during", "TryReplicaSet"},
                    {"namespace", key.object.namespace_},
                    {"name", key.object.name}});
  }
  const auto now = clock_.mono_now();
  if (run.done) {
    queue_.mark(key, Lane::Normal, "dry run answered", now);
  } else {
    queue_.wake_at(key, now + kRetry);
  }
}

}  // namespace sluice::loop
