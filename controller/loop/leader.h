#pragma once
// Leader election by Lease (coordination.k8s.io/v1). The standby watches the Lease, so that a
// release is seen at once; where the watch is forbidden it polls. Times of others are never
// compared with our clock: a Lease has expired when it has not changed for its duration on our
// monotonic clock.
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/rng.h"
#include "base/seams.h"
#include "controller/loop/loop.h"
#include "controller/loop/requests.h"
#include "kube/model/objects.h"
#include "kube/watch/reflector.h"

namespace sluice::loop {

class Leader : public kube::ReflectorSink {
 public:
  Leader(const Options& options, Clock& clock, Rng& rng, Requests& requests, Telemetry& telemetry);

  // True while writes may be sent: the Lease is ours, and enough of it is left for a write to end
  // within it.
  [[nodiscard]] bool may_write() const;
  [[nodiscard]] bool leading() const { return leading_; }
  // Does what is due; returns when to be called next.
  MonoTime step();
  // The API server answers again after a silence.
  void server_answers() { reflector_.server_answers(clock_.mono_now()); }
  // Gives the Lease back; released() turns true when that was answered (or was not needed).
  void release();
  [[nodiscard]] bool released() const { return released_; }
  // The server refuses us a right on the Lease.
  [[nodiscard]] bool watch_forbidden() const { return reflector_.forbidden(); }

  void on_upsert(kube::Node object) override;
  void on_delete(kube::Node object) override;
  void on_list_started() override {}
  void on_list_finished() override { known_ = true; }

 private:
  void observe(kube::Lease lease);
  void poll();
  void acquire_or_renew();
  void write(bool create, std::string holder);
  void on_written(const TransportEvent& event, MonoTime sent_at);
  void give_back();
  void on_given_back(const TransportEvent& event);
  void lose(const std::string& why);

  const Options& options_;
  Clock& clock_;
  Rng& rng_;
  Requests& requests_;
  Telemetry& telemetry_;
  kube::Reflector reflector_;
  bool known_ = false;  // we have read the Lease, or know that there is none
  std::optional<kube::Lease> lease_;
  MonoTime lease_seen_at_{};  // when lease_ last changed, on our clock
  bool leading_ = false;
  bool releasing_ = false, released_ = false, read_again_ = false;
  bool in_flight_ = false;
  bool watch_right_logged_ = false;
  MonoTime renewed_at_{};  // when the last renewal that succeeded was sent
  MonoTime next_try_{};
};

}  // namespace sluice::loop
