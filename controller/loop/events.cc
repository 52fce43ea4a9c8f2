#include "controller/loop/events.h"

#include <fmt/core.h>

#include "api/resources.h"
#include "base/hash.h"
#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::loop {

namespace {
constexpr int kInFlightMax = 4;
constexpr int kTriesMax = 3;
constexpr std::size_t kWaitingMax = 5000;
constexpr std::size_t kKnownMax = 4096;
constexpr Seconds kAggregationWindow{600};
constexpr std::size_t kToldObjectsMax = 1024;
constexpr std::size_t kToldPerObjectMax = 16;
constexpr std::size_t kMessageMax = 1024;  // the API server's limit for an Event's note
}  // namespace

bool EventRecorder::told_before(const controller::EventIntent& event) {
  auto [it, first] = told_.try_emplace(event.regarding_uid);
  if (first) {
    told_order_.push_back(event.regarding_uid);
    if (told_order_.size() > kToldObjectsMax) {
      told_.erase(told_order_.front());
      told_order_.pop_front();
    }
  }
  auto& told = it->second;
  const std::uint64_t what = fnv1a64(event.reason + ": " + event.message);
  if (told.contains(what) || told.size() >= kToldPerObjectMax) return true;
  told.insert(what);
  return false;
}

void EventRecorder::record(const controller::EventIntent& event) {
  if (event.once && told_before(event)) return;
  const WallTime now = clock_.wall_now();
  telemetry_.log(event.warning ? LogLevel::Warn : LogLevel::Info, event.message,
                 {{"event", event.reason},
                  {"kind", std::string(event.regarding_type.kind)},
                  {"namespace", event.regarding.namespace_},
                  {"name", event.regarding.name}});
  if (event.regarding_type == api::kRollouts)
    telemetry_.count("rollout_events_total", {{"name", event.regarding.name},
                                              {"namespace", event.regarding.namespace_},
                                              {"reason", event.reason},
                                              {"type", event.warning ? "Warning" : "Normal"}});
  if (waiting_.size() >= kWaitingMax) return;

  std::string message = printable(event.message).substr(0, kMessageMax);
  const Identity identity{event.regarding_uid, event.reason, message};
  if (auto it = known_.find(identity);
      it != known_.end() && now - it->second.last < kAggregationWindow) {
    ++it->second.count;
    it->second.last = now;
    kube::Write write;
    write.type = kube::kEvents;
    write.key = it->second.key;
    write.verb = kube::Verb::MergePatch;
    write.body =
        kube::dump(kube::Json{{"count", it->second.count}, {"lastTimestamp", format_rfc3339(now)}});
    write.purpose = "Event";
    waiting_.push_back({kube::make_request(write), 0});
    return;
  }
  if (known_.size() >= kKnownMax) known_.clear();

  const std::string ns =
      event.regarding.namespace_.empty() ? "default" : event.regarding.namespace_;
  Known known{{ns, fmt::format("{}.{:x}{:04x}", event.regarding.name,
                               static_cast<std::uint64_t>(now.time_since_epoch().count()) * 1000U,
                               rng_.below(0x10000))},
              1,
              now};
  const kube::Json body = {{"apiVersion", "v1"},
                           {"kind", "Event"},
                           {"metadata", {{"name", known.key.name}, {"namespace", ns}}},
                           {"involvedObject",
                            {{"apiVersion", event.regarding_type.api_version()},
                             {"kind", event.regarding_type.kind},
                             {"name", event.regarding.name},
                             {"namespace", event.regarding.namespace_},
                             {"uid", event.regarding_uid}}},
                           {"reason", event.reason},
                           {"message", message},
                           {"type", event.warning ? "Warning" : "Normal"},
                           {"source", {{"component", "rollouts-controller"}}},
                           {"count", 1},
                           {"firstTimestamp", format_rfc3339(now)},
                           {"lastTimestamp", format_rfc3339(now)},
                           {"reportingComponent", "rollouts-controller"}};
  kube::Write write;
  write.type = kube::kEvents;
  write.key = known.key;
  write.verb = kube::Verb::Create;
  write.body = kube::dump(body);
  write.purpose = "Event";
  waiting_.push_back({kube::make_request(write), 0});
  known_[identity] = std::move(known);
}

void EventRecorder::flush() {
  while (!waiting_.empty() && in_flight_ < kInFlightMax) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    send(std::move(next));
  }
}

void EventRecorder::send(Waiting waiting) {
  ++in_flight_;
  ++sent_;
  http::Request request = waiting.request;
  requests_.submit(std::move(request),
                   [this, waiting = std::move(waiting)](const TransportEvent& event) mutable {
                     --in_flight_;
                     const bool answered = event.kind == TransportEvent::Kind::Response &&
                                           event.response.status < 500 &&
                                           event.response.status != 429;
                     // A create whose answer was lost is refused as AlreadyExists the second time:
                     // that is success.
                     if (!answered && ++waiting.tries < kTriesMax)
                       waiting_.push_back(std::move(waiting));
                   });
}

}  // namespace sluice::loop
