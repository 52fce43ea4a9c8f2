#include "controller/loop/events.h"

#include <fmt/core.h>

#include <algorithm>

#include "api/resources.h"
#include "base/hash.h"
#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::loop {

namespace {
constexpr int kTriesMax = 5;
constexpr Millis kFirstRest{500};  // doubled with each try of an Event
constexpr Millis kRestMax{30'000};
constexpr Millis kEventTimeout{10'000};
constexpr Seconds kAggregationWindow{600};
constexpr std::size_t kMessageMax = 1024;  // the API server's limit for an Event's note
constexpr Seconds kDroppedToldEvery{60};
constexpr std::size_t kDroppedNamesMax = 64;
constexpr std::string_view kLastOne =
    "; no more of these are told of for this object, though there may be more";
constexpr std::string_view kEventsDropped = "rollout_controller_events_dropped_total";
constexpr std::string_view kNoRoom = "no_room", kNoAnswer = "no_answer", kRefused = "refused";

kube::Json event_body(const EventQueue::Notice& notice) {
  const auto& about = notice.about;
  const std::string at = format_rfc3339(notice.at);
  return {{"apiVersion", "v1"},
          {"kind", "Event"},
          {"metadata", {{"name", notice.event.name}, {"namespace", notice.event.namespace_}}},
          {"involvedObject",
           {{"apiVersion", about.regarding_type.api_version()},
            {"kind", about.regarding_type.kind},
            {"name", about.regarding.name},
            {"namespace", about.regarding.namespace_},
            {"uid", about.regarding_uid}}},
          {"reason", about.reason},
          {"message", about.message},
          {"type", about.warning ? "Warning" : "Normal"},
          {"source", {{"component", "rollouts-controller"}}},
          {"count", 1},
          {"firstTimestamp", at},
          {"lastTimestamp", at},
          {"reportingComponent", "rollouts-controller"}};
}

http::Request event_request(const EventQueue::Notice& notice) {
  kube::Write write;
  write.type = kube::kEvents;
  write.key = notice.event;
  write.verb = notice.count == 1 ? kube::Verb::Create : kube::Verb::MergePatch;
  write.body =
      kube::dump(notice.count == 1 ? event_body(notice)
                                   : kube::Json{{"count", notice.count},
                                                {"lastTimestamp", format_rfc3339(notice.at)}});
  write.purpose = "Event";
  http::Request request = kube::make_request(write);
  request.timeout = kEventTimeout;
  return request;
}

// Did the server say what becomes of it? Else it is worth another try.
bool is_settled(const TransportEvent& event) {
  return event.kind == TransportEvent::Kind::Response && event.response.status < 500 &&
         event.response.status != 429;
}

// A create whose answer was lost is refused as AlreadyExists the second time: that is success.
bool is_there(const EventQueue::Notice& notice, const http::Response& response) {
  return (response.status >= 200 && response.status < 300) ||
         (notice.count == 1 && response.status == 409);
}
}  // namespace

EventRecorder::Identity EventRecorder::identity_of(const controller::EventIntent& about) {
  return {about.regarding_uid, about.reason, about.message};
}

// Of what is told once. Notes what it is, and that it is the last one for its object.
bool EventRecorder::is_news(EventQueue::Notice& notice) {
  auto& about = notice.about;
  const Told key{about.regarding_uid, about.reason};
  const std::string& ns = about.regarding.namespace_;
  auto* told = told_.find(ns, key);
  if (!told) told = &told_.put(ns, key, {});
  notice.told = fnv1a64(about.message);
  if (told->size() >= kToldMax || !told->insert(notice.told).second) return false;
  if (told->size() == kToldMax) about.message += kLastOne;
  return true;
}

void EventRecorder::announce(const controller::EventIntent& event) {
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
}

void EventRecorder::record(const controller::EventIntent& event) {
  const WallTime now = clock_.wall_now();
  EventQueue::Notice notice;
  notice.about = event;
  notice.at = now;
  if (event.once && !is_news(notice)) return;
  announce(notice.about);
  notice.about.message = printable(notice.about.message).substr(0, kMessageMax);

  const std::string& ns = event.regarding.namespace_;
  const Identity identity = identity_of(notice.about);
  if (Known* known = known_.find(ns, identity); known && now - known->last < kAggregationWindow) {
    count_up(*known, std::move(notice));
    return;
  }
  // The number keeps apart what is recorded at one moment, the other end what two processes record.
  notice.event = {ns.empty() ? "default" : ns,
                  fmt::format("{}.{:x}{:04x}", event.regarding.name,
                              static_cast<std::uint64_t>(now.time_since_epoch().count()) * 1000U +
                                  named_++ % 1000U,
                              rng_.below(0x10000))};
  known_.put(ns, identity, {notice.event, 1, now, false});
  enqueue(std::move(notice));
}

void EventRecorder::count_up(Known& known, EventQueue::Notice notice) {
  known.last = notice.at;
  notice.count = ++known.count;
  notice.event = known.event;
  // Nothing else of the object has happened since: one request tells of both.
  EventQueue::Notice* last = queue_.last(EventQueue::object_of(notice.about));
  if (last && last->event == known.event && last->count > 1) {
    last->count = known.count;
    last->at = known.last;
    return;
  }
  enqueue(std::move(notice));
}

void EventRecorder::enqueue(EventQueue::Notice notice) {
  if (const auto dropped = queue_.push(std::move(notice))) drop(*dropped, kNoRoom);
}

MonoTime EventRecorder::flush() {
  while (const auto* notice = queue_.take(clock_.mono_now())) send(*notice);
  tell_dropped();
  return queue_.next_time();
}

void EventRecorder::send(const EventQueue::Notice& notice) {
  ++sent_;
  requests_.submit(event_request(notice),
                   [this, object = EventQueue::object_of(notice.about)](
                       const TransportEvent& event) { answered(object, event); });
}

void EventRecorder::answered(const EventQueue::Object& object, const TransportEvent& event) {
  EventQueue::Notice* notice = queue_.on_its_way(object);
  if (!notice) return;
  if (is_settled(event)) {
    if (!is_there(*notice, event.response)) {
      drop(*notice, kRefused);
    } else if (Known* known = known_.find(object.namespace_, identity_of(notice->about));
               known && known->event == notice->event) {
      known->there = true;
    }
    queue_.done(object);
    return;
  }
  if (++notice->tries >= kTriesMax) {
    drop(*notice, kNoAnswer);
    queue_.done(object);
    return;
  }
  Millis rest = kFirstRest * (1 << (notice->tries - 1));
  rest += Millis(static_cast<int>(rng_.below(static_cast<std::uint64_t>(rest.count()) / 4)));
  if (event.kind == TransportEvent::Kind::Response)
    if (const auto error = kube::response_error(event.response, "Event"))
      rest = error->retry_after.value_or(rest);
  queue_.again(object, clock_.mono_now() + std::clamp(rest, kFirstRest, kRestMax));
}

// The next one like it is an Event of its own.
void EventRecorder::forget(const EventQueue::Notice& notice) {
  const std::string& ns = notice.about.regarding.namespace_;
  const Identity identity = identity_of(notice.about);
  if (const Known* known = known_.find(ns, identity); known && known->event == notice.event)
    known_.erase(ns, identity);
}

// What is told once is told the next time, unless the server does not want to hear it.
void EventRecorder::drop(const EventQueue::Notice& notice, std::string_view reason) {
  const bool refused = reason == kRefused;
  const std::string& ns = notice.about.regarding.namespace_;
  if (notice.count == 1 || refused) forget(notice);  // else the next one counts this one, too
  if (notice.told != 0 && !refused)
    if (auto* told = told_.find(ns, {notice.about.regarding_uid, notice.about.reason}))
      told->erase(notice.told);
  telemetry_.count(kEventsDropped, {{"reason", reason}});
  const bool named = dropped_.size() < kDroppedNamesMax || dropped_.contains(ns);
  ++dropped_[named ? ns : "(others)"];
}

void EventRecorder::tell_dropped() {
  const MonoTime now = clock_.mono_now();
  if (dropped_.empty() || now < tell_at_) return;
  tell_at_ = now + kDroppedToldEvery;
  std::uint64_t all = 0;
  for (const auto& [name, number] : dropped_) all += number;
  const auto most = std::max_element(dropped_.begin(), dropped_.end(),
                                     [](auto& a, auto& b) { return a.second < b.second; });
  telemetry_.log(LogLevel::Warn,
                 "Events were dropped, because too many of their namespace wait or because the API "
                 "server does not take them; what they tell is in this log",
                 {{"dropped", std::to_string(all)},
                  {"namespaces", std::to_string(dropped_.size())},
                  {"most_in", most->first},
                  {"dropped_there", std::to_string(most->second)}});
  dropped_.clear();
}

void EventRecorder::drop_waiting() {
  queue_.clear();
  known_.erase_if([](const Known& known) { return !known.there; });
  told_.clear();
}

}  // namespace sluice::loop
