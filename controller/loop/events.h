#pragma once
// Kubernetes Events, sent beside the work and never in its way: at most a few in flight, repeated
// ones are counted up on the same object, and a server that refuses them costs nothing but the
// Event. Whose turn it is, and what has to go when too many wait, is said by event_queue.h.
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/rng.h"
#include "base/seams.h"
#include "controller/loop/event_queue.h"
#include "controller/loop/fair_memory.h"
#include "controller/loop/requests.h"
#include "controller/plan.h"

namespace sluice::loop {

class EventRecorder {
 public:
  EventRecorder(Clock& clock, Rng& rng, Requests& requests, Telemetry& telemetry)
      : clock_(clock), rng_(rng), requests_(requests), telemetry_(telemetry) {}

  // Of events that are told once (EventIntent::once) so many are told about an object for a reason;
  // the last one says that it is the last.
  static constexpr std::size_t kToldMax = 64;

  void record(const controller::EventIntent& event);
  // Sends what is waiting; called once a turn. Returns when to call again.
  MonoTime flush();
  [[nodiscard]] bool idle() const { return queue_.empty(); }
  // Nothing is on its way, and what waits waits for a time to come.
  [[nodiscard]] bool settled() const { return queue_.settled(); }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  // Nobody may write any more: what waits is dropped.
  void drop_waiting();
  // The API server answers again after a silence: no back-off goes on.
  void server_answers() { queue_.end_rests(); }

 private:
  // Object uid, reason, message.
  using Identity = std::tuple<std::string, std::string, std::string>;
  using Told = std::pair<std::string, std::string>;  // object uid, reason
  struct Known {
    kube::ObjectKey event;
    int count = 1;
    WallTime last{};
    bool there = false;  // the server said so
  };

  [[nodiscard]] static Identity identity_of(const controller::EventIntent& about);
  [[nodiscard]] bool is_news(EventQueue::Notice& notice);
  void announce(const controller::EventIntent& event);
  void count_up(Known& known, EventQueue::Notice notice);
  void enqueue(EventQueue::Notice notice);
  void send(const EventQueue::Notice& notice);
  void answered(const EventQueue::Object& object, const TransportEvent& event);
  void forget(const EventQueue::Notice& notice);
  void drop(const EventQueue::Notice& notice, std::string_view reason);
  void tell_dropped();

  Clock& clock_;
  Rng& rng_;
  Requests& requests_;
  Telemetry& telemetry_;
  EventQueue queue_;
  FairMemory<Identity, Known> known_{4096};
  // Of events that are told once: hashes of what was told. Whoever provokes them may do so without
  // end.
  FairMemory<Told, std::set<std::uint64_t>> told_{1024};
  std::map<std::string, std::uint64_t> dropped_;  // by namespace, since that was told
  MonoTime tell_at_{};
  std::uint64_t sent_ = 0, named_ = 0;
};

}  // namespace sluice::loop
