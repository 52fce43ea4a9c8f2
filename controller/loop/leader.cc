#include "controller/loop/leader.h"

#include <algorithm>
#include <utility>

#include "kube/json/json.h"
#include "kube/model/resources.h"
#include "kube/request/request.h"

namespace sluice::loop {

namespace {
kube::Reflector::Options watch_options(const Options& options) {
  kube::Reflector::Options out;
  out.type = kube::kLeases;
  out.namespace_ = options.lease_namespace;
  out.field_selector = "metadata.name=" + options.lease_name;
  return out;
}
// Half of the deadline, as client-go: when one renewal is never answered, another still gets its
// chance. A write must also have ended, one way or the other, before a successor may act.
Millis lease_timeout(const Options& options) {
  return std::min(Millis(5'000), Millis(options.renew_deadline) / 2);
}
}  // namespace

Leader::Leader(const Options& options, Clock& clock, Rng& rng, Requests& requests,
               Telemetry& telemetry)
    : options_(options),
      clock_(clock),
      rng_(rng),
      requests_(requests),
      telemetry_(telemetry),
      reflector_(watch_options(options), *this, rng) {
  if (!options_.leader_elect) {
    leading_ = true;
    known_ = true;
  }
}

bool Leader::may_write() const {
  if (!options_.leader_elect) return !releasing_;
  return leading_ && !releasing_ && clock_.mono_now() < renewed_at_ + options_.renew_deadline;
}

void Leader::on_upsert(kube::Node object) {
  kube::Lease lease = kube::decode_lease(object);
  if (lease.meta.key.name == options_.lease_name) observe(std::move(lease));
}

void Leader::on_delete(kube::Node object) {
  if (kube::decode_meta(object).key.name != options_.lease_name) return;
  lease_.reset();
  next_try_ = clock_.mono_now();
}

void Leader::observe(kube::Lease lease) {
  known_ = true;
  if (lease_ && lease_->meta.uid == lease.meta.uid) {
    if (lease_->meta.resource_version == lease.meta.resource_version) return;
    auto order =
        kube::compare_resource_versions(lease.meta.resource_version, lease_->meta.resource_version);
    if (order && *order == std::strong_ordering::less) return;
  }
  const bool free = lease.holder.empty();
  lease_ = std::move(lease);
  lease_seen_at_ = clock_.mono_now();
  if (leading_ && lease_->holder != options_.identity)
    lose("the Lease is held by '" + lease_->holder + "'");
  if (free) next_try_ = clock_.mono_now();
}

void Leader::lose(const std::string& why) {
  if (!leading_) return;
  leading_ = false;
  telemetry_.log(LogLevel::Warn, "lost the leadership",
                 {{"why", why}, {"identity", options_.identity}});
}

MonoTime Leader::step() {
  const MonoTime now = clock_.mono_now();
  if (!options_.leader_elect) {
    if (releasing_) released_ = true;
    return MonoTime::max();
  }
  MonoTime next = MonoTime::max();
  if (reflector_.forbidden() && !watch_right_logged_) {
    watch_right_logged_ = true;
    telemetry_.log(
        LogLevel::Warn,
        "no right to list and watch Leases: the Lease is polled, and a hand-over takes longer",
        {{"resource", "leases"}, {"namespace", options_.lease_namespace}});
  }
  if (!reflector_.forbidden()) {
    auto watch = reflector_.next(now);
    while (watch.request) {
      reflector_.submitted(
          requests_.submit(std::move(*watch.request), [this](const TransportEvent& event) {
            reflector_.on_event(event, clock_.mono_now());
            if (event.kind == TransportEvent::Kind::StreamData && !reflector_.token())
              requests_.abandon(event.token);
          }));
      watch = reflector_.next(now);
    }
    if (watch.wait_until) next = *watch.wait_until;
  } else if (!in_flight_ && now >= next_try_ && !leading_) {
    poll();
  }
  if (leading_ && now >= renewed_at_ + options_.renew_deadline)
    lose("the Lease could not be renewed in time");
  if (known_ && !releasing_ && !in_flight_ && now >= next_try_) acquire_or_renew();
  if (in_flight_) return leading_ ? std::min(next, renewed_at_ + options_.renew_deadline) : next;
  return std::min(next, std::max(next_try_, now + Millis(1)));
}

void Leader::poll() {
  in_flight_ = true;
  auto request = kube::make_get(kube::kLeases, {options_.lease_namespace, options_.lease_name});
  request.timeout = lease_timeout(options_);
  requests_.submit(std::move(request), [this](const TransportEvent& event) {
    in_flight_ = false;
    next_try_ = clock_.mono_now() + options_.retry_period;
    if (releasing_ &&
        (event.kind != TransportEvent::Kind::Response || event.response.status != 200)) {
      released_ = true;
      return;
    }
    if (event.kind != TransportEvent::Kind::Response) return;
    if (event.response.status == 200) {
      if (auto document = kube::Document::parse(event.response.body))
        observe(kube::decode_lease(document->root()));
    } else if (event.response.status == 404) {
      lease_.reset();
      known_ = true;
    } else {
      const std::string remedy = event.response.status == 403
                                     ? ": name it in resourceNames of the Role argo-rollouts-lease"
                                     : "";
      telemetry_.log(
          LogLevel::Error,
          "cannot read the Lease, so this controller does not lead and drives nothing" + remedy,
          {{"namespace", options_.lease_namespace},
           {"name", options_.lease_name},
           {"status", std::to_string(event.response.status)}});
      return;
    }
    if (releasing_) {
      give_back();
      return;
    }
    const MonoTime now = clock_.mono_now();
    const bool expired = !lease_ || lease_->holder.empty() || lease_->holder == options_.identity ||
                         now >= lease_seen_at_ + Seconds(lease_->duration_seconds);
    if (expired) acquire_or_renew();
  });
}

void Leader::acquire_or_renew() {
  const MonoTime now = clock_.mono_now();
  if (!lease_) {
    write(true, options_.identity);
    return;
  }
  if (leading_ || lease_->holder == options_.identity || lease_->holder.empty()) {
    write(false, options_.identity);
    return;
  }
  // A holder that stays silent for the duration it promised has lost it.
  const MonoTime expires = lease_seen_at_ + Seconds(lease_->duration_seconds);
  if (now >= expires) {
    write(false, options_.identity);
  } else {
    next_try_ = std::min(expires, now + options_.retry_period);
  }
}

void Leader::write(bool create, std::string holder) {
  const WallTime wall = clock_.wall_now();
  const bool same_holder = lease_ && lease_->holder == options_.identity;
  const bool releasing = holder.empty();
  kube::Json spec = {
      {"holderIdentity", holder},
      {"leaseDurationSeconds", releasing ? 1 : options_.lease_duration.count()},
      {"renewTime", format_rfc3339_micro(wall)},
      {"acquireTime",
       format_rfc3339_micro(same_holder && lease_->acquire_time ? *lease_->acquire_time : wall)},
      {"leaseTransitions", lease_ ? lease_->transitions + (same_holder || releasing ? 0 : 1) : 0}};
  kube::Json body = {
      {"apiVersion", "coordination.k8s.io/v1"},
      {"kind", "Lease"},
      {"metadata", {{"name", options_.lease_name}, {"namespace", options_.lease_namespace}}},
      {"spec", std::move(spec)}};
  kube::Write write;
  write.type = kube::kLeases;
  write.key = {options_.lease_namespace, options_.lease_name};
  write.verb = create ? kube::Verb::Create : kube::Verb::Update;
  if (!create) body["metadata"]["resourceVersion"] = lease_->meta.resource_version;
  write.body = kube::dump(body);
  write.purpose = releasing ? "ReleaseLease" : "RenewLease";
  auto request = kube::make_request(write);
  request.timeout = lease_timeout(options_);
  in_flight_ = true;
  const MonoTime sent_at = clock_.mono_now();
  requests_.submit(std::move(request), [this, sent_at, releasing](const TransportEvent& event) {
    if (releasing) {
      on_given_back(event);
    } else {
      on_written(event, sent_at);
    }
  });
}

void Leader::on_written(const TransportEvent& event, MonoTime sent_at) {
  in_flight_ = false;
  const MonoTime now = clock_.mono_now();
  const bool ok = event.kind == TransportEvent::Kind::Response && event.response.status < 300;
  if (releasing_) {
    // Sent before the release was asked for; if it came through, the Lease has a new version.
    if (ok) {
      if (auto document = kube::Document::parse(event.response.body))
        lease_ = kube::decode_lease(document->root());
    }
    give_back();
    return;
  }
  if (!ok) {
    // Somebody was faster, or the server is in trouble: look again. A renewal is tried sooner than
    // an acquisition.
    const Millis period = std::chrono::duration_cast<Millis>(options_.retry_period);
    next_try_ =
        now + (leading_ ? period / 4 : period) + Millis(static_cast<std::int64_t>(rng_.below(200)));
    if (event.kind == TransportEvent::Kind::Response && event.response.status == 409 &&
        !reflector_.forbidden())
      return;
    if (event.kind == TransportEvent::Kind::Response && event.response.status != 409) {
      telemetry_.log(LogLevel::Error, "cannot write the Lease",
                     {{"status", std::to_string(event.response.status)},
                      {"namespace", options_.lease_namespace},
                      {"remedy", event.response.status == 404
                                     ? "create the namespace, or name another one in POD_NAMESPACE"
                                     : "see deploy/ for the rights on Leases"}});
    }
    return;
  }
  if (auto document = kube::Document::parse(event.response.body)) {
    lease_ = kube::decode_lease(document->root());
    lease_seen_at_ = now;
  }
  renewed_at_ = sent_at;
  next_try_ = now + options_.retry_period;
  if (!leading_) {
    leading_ = true;
    telemetry_.log(LogLevel::Info, "acquired the leadership", {{"identity", options_.identity}});
  }
}

void Leader::release() {
  if (releasing_) return;
  releasing_ = true;
  leading_ = false;
  if (!options_.leader_elect) {
    released_ = true;
  } else if (!in_flight_) {
    give_back();
  }  // else the answer on its way says which version there is to give back, and whether it is ours
}

void Leader::give_back() {
  if (lease_ && lease_->holder == options_.identity) {
    write(false, "");
  } else {
    released_ = true;
  }
}

void Leader::on_given_back(const TransportEvent& event) {
  in_flight_ = false;
  const bool conflict =
      event.kind == TransportEvent::Kind::Response && event.response.status == 409;
  // A renewal whose answer was lost may have come through: the second try knows its version.
  if (conflict && !std::exchange(read_again_, true)) {
    poll();
  } else {
    released_ = true;
  }
}

}  // namespace sluice::loop
