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

void KindCacheBase::on_unreadable(kube::Node metadata_only, std::string_view why) {
  const kube::Identity identity = kube::decode_identity(metadata_only);
  const bool kept = keep(identity);
  const auto told = [&](const auto& known) {
    const auto it = known.find(identity.key);
    return it != known.end() && it->second.uid == identity.uid &&
           it->second.resource_version == identity.resource_version;
  };
  if (!told(unreadable_) && !told(unreadable_before_))
    news_.push_back({kube::decode_meta(metadata_only), std::string(why), kept});
  unreadable_.insert_or_assign(identity.key, identity);
}

bool KindCacheBase::unreadable(const kube::ObjectKey& key) const {
  return unreadable_.contains(key) || unreadable_before_.contains(key);
}

bool KindCacheBase::any_unreadable(const std::string& ns) const {
  const auto in = [&](const auto& known) {
    const auto it = known.lower_bound(kube::ObjectKey{ns, ""});
    return it != known.end() && it->first.namespace_ == ns;
  };
  return in(unreadable_) || in(unreadable_before_);
}

void KindCacheBase::readable_or_gone(const kube::ObjectKey& key) {
  unreadable_.erase(key);
  unreadable_before_.erase(key);
}

// A list may start over again and again before it is complete.
void KindCacheBase::unreadables_of_a_new_list() {
  for (auto& [key, identity] : unreadable_) unreadable_before_.insert_or_assign(key, identity);
  unreadable_.clear();
}

bool KindCacheBase::missing() const {
  const auto& error = reflector_.last_error();
  return reflector_.forbidden() || (error && error->code == ErrorCode::NotFound);
}

}  // namespace sluice::loop
