#include "controller/loop/caches.h"

namespace sluice::loop {

Experiment decode_experiment(kube::Node object) {
  Experiment out;
  out.meta = kube::decode_meta(object);
  out.phase = object["status"]["phase"].string_or();
  for (const auto& condition : kube::decode_conditions(object["status"]["conditions"]))
    if (condition.type == "InvalidSpec") out.refusal = condition.message;
  return out;
}

MonoTime KindCacheBase::step(Requests& requests, Clock& clock) {
  auto next = reflector_.next(clock.mono_now());
  while (next.request) {
    reflector_.submitted(requests.submit(
        std::move(*next.request), [this, &requests, &clock](const TransportEvent& event) {
          reflector_.on_event(event, clock.mono_now());
          // It has given this stream up (410 inside it, a line too long): nobody reads it any more.
          if (event.kind == TransportEvent::Kind::StreamData && !reflector_.token())
            requests.abandon(event.token);
        }));
    next = reflector_.next(clock.mono_now());
  }
  return next.wait_until.value_or(MonoTime::max());
}

bool KindCacheBase::missing() const {
  const auto& error = reflector_.last_error();
  return reflector_.forbidden() || (error && error->code == ErrorCode::NotFound);
}

}  // namespace sluice::loop
