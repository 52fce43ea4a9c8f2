#pragma once
// Kubernetes Events, sent beside the work and never in its way: at most a few in flight, repeated
// ones are counted up on the same object, and a server that refuses them costs nothing but the
// Event.
#include <deque>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "base/rng.h"
#include "base/seams.h"
#include "controller/loop/requests.h"
#include "controller/plan.h"

namespace sluice::loop {

class EventRecorder {
 public:
  EventRecorder(Clock& clock, Rng& rng, Requests& requests, Telemetry& telemetry)
      : clock_(clock), rng_(rng), requests_(requests), telemetry_(telemetry) {}

  void record(const controller::EventIntent& event);
  // Sends what is waiting; called once a turn.
  void flush();
  [[nodiscard]] bool idle() const { return waiting_.empty() && in_flight_ == 0; }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  // Nobody may write any more: what waits is dropped.
  void drop_waiting() {
    waiting_.clear();
    told_.clear();
    told_order_.clear();
  }

 private:
  [[nodiscard]] bool told_before(const controller::EventIntent& event);

  using Identity =
      std::tuple<std::string, std::string, std::string>;  // object uid, reason, message
  struct Known {
    kube::ObjectKey key;
    int count = 1;
    WallTime last{};
  };
  struct Waiting {
    http::Request request;
    int tries = 0;
  };
  void send(Waiting waiting);

  Clock& clock_;
  Rng& rng_;
  Requests& requests_;
  Telemetry& telemetry_;
  std::map<Identity, Known> known_;
  // Of events that are told once: the object's uid → hashes of what was told. Whoever provokes them
  // may do so without end, so both are bounded.
  std::map<std::string, std::set<std::uint64_t>> told_;
  std::deque<std::string> told_order_;
  std::deque<Waiting> waiting_;
  int in_flight_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace sluice::loop
