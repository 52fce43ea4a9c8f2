#include "cli/watch.h"

#include <algorithm>

namespace sluice::cli {
namespace {

constexpr int kFailuresMax = 5;

}  // namespace

Watcher::~Watcher() {
  for (const auto& source : sources_)
    if (const auto token = source.reflector->token()) client_.transport().cancel(*token);
}

void Watcher::add(kube::Reflector::Options options, kube::ReflectorSink& sink) {
  sources_.push_back({std::make_unique<kube::Reflector>(std::move(options), sink, env_.rng), 0});
}

bool Watcher::synced() const {
  return std::all_of(sources_.begin(), sources_.end(),
                     [](const auto& source) { return source.reflector->synced(); });
}

MonoTime Watcher::send_due(MonoTime until) {
  for (auto& source : sources_) {
    auto step = source.reflector->next(env_.clock.mono_now());
    if (step.request) {
      client_.prepare(*step.request);
      source.reflector->submitted(client_.transport().submit(std::move(*step.request)));
    } else if (step.wait_until) {
      until = std::min(until, *step.wait_until);
    }
  }
  return until;
}

Status Watcher::deliver(const TransportEvent& event) {
  for (auto& source : sources_) {
    auto& reflector = *source.reflector;
    if (reflector.token() != event.token) continue;
    const bool stream = event.kind == TransportEvent::Kind::StreamData;
    reflector.on_event(event, env_.clock.mono_now());
    if (stream && !reflector.token()) client_.transport().cancel(event.token);
    if (!reflector.last_error()) {
      source.failures = 0;
    } else if (!reflector.token()) {
      ++source.failures;
      if (!reflector.synced() || source.failures > kFailuresMax)
        return fail(*reflector.last_error());
    }
    break;
  }
  return {};
}

Status Watcher::turn(MonoTime until) {
  const MonoTime back = send_due(until);
  const MonoTime now = env_.clock.mono_now();
  std::vector<TransportEvent> events;
  client_.transport().poll(events, back > now ? std::chrono::ceil<Millis>(back - now) : Millis(0));
  for (const auto& event : events) SLUICE_CHECK_OK(deliver(event));
  return {};
}

}  // namespace sluice::cli
