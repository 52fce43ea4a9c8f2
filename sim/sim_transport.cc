#include "sim/sim_transport.h"

#include <algorithm>

namespace sluice::sim {

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::None:
      return "none";
    case Fault::CrashBefore:
      return "crash-before";
    case Fault::CrashAfter:
      return "crash-after";
    case Fault::Conflict:
      return "409";
    case Fault::ServerError:
      return "500";
    case Fault::Throttled:
      return "429";
    case Fault::TimeoutApplied:
      return "timeout-applied";
    case Fault::TimeoutNotApplied:
      return "timeout-not-applied";
    case Fault::Forbidden:
      return "403";
    case Fault::Invalid:
      return "422";
    case Fault::ForbiddenFor:
      return "403-for-a-minute";
    case Fault::InvalidFor:
      return "422-for-a-minute";
  }
  return "";
}

bool is_refusal(Fault fault) {
  return fault == Fault::Forbidden || fault == Fault::Invalid || fault == Fault::ForbiddenFor ||
         fault == Fault::InvalidFor;
}

namespace {
// The plural in the path of a list or watch: the last segment before the query.
std::string resource_of(const http::Request& request) {
  std::string path = request.url.substr(0, request.url.find('?'));
  return path.substr(path.rfind('/') + 1);
}
}  // namespace

// Bytes of one watch, passed on in order after the delay of the moment.
struct SimTransport::Watch final : WatchSink, std::enable_shared_from_this<Watch> {
  Watch(SimTransport& transport, RequestToken token_in, std::string resource_in)
      : owner(&transport), token(token_in), resource(std::move(resource_in)) {}
  void on_bytes(std::string_view ndjson) override {
    if (owner == nullptr) return;
    const std::uint64_t version = owner->server_.resource_version();
    std::string sent(ndjson);
    if (owner->rewrite_) sent = owner->rewrite_(std::move(sent));
    schedule([this, version, bytes = std::move(sent)]() mutable {
      owner->told(resource, version);
      TransportEvent event;
      event.token = token;
      event.kind = TransportEvent::Kind::StreamData;
      event.response.body = std::move(bytes);
      owner->deliver(std::move(event));
    });
  }
  void on_end() override {
    if (owner == nullptr) return;
    schedule([this] {
      TransportEvent event;
      event.token = token;
      event.kind = TransportEvent::Kind::StreamEnded;
      owner->watches_.erase(token);
      owner->deliver(std::move(event));
    });
  }
  void schedule(std::function<void()> action) {
    // Never overtake what is already on its way.
    last_due = std::max(last_due,
                        owner->clock_.mono_now() + owner->options_.latency + owner->watch_delay_);
    auto self = shared_from_this();
    owner->at(last_due, token, [self, action = std::move(action)] {
      if (self->owner != nullptr) action();
    });
  }
  SimTransport* owner;
  RequestToken token;
  std::string resource;
  WatchId id = 0;
  MonoTime last_due{};
};

SimTransport::SimTransport(ApiServer& server, Clock& clock, Options options)
    : server_(server), clock_(clock), options_(std::move(options)) {}

SimTransport::~SimTransport() {
  for (auto& [token, watch] : watches_) {
    watch->owner = nullptr;
    server_.close_watch(watch->id);
  }
}

void SimTransport::at(MonoTime when, RequestToken token, std::function<void()> action) {
  queue_.emplace(std::make_pair(when, sequence_++), Pending{token, std::move(action)});
}

void SimTransport::answer(RequestToken token, http::Response response, Millis after) {
  at(clock_.mono_now() + after, token, [this, token, response = std::move(response)]() mutable {
    TransportEvent event;
    event.token = token;
    event.kind = TransportEvent::Kind::Response;
    event.response = std::move(response);
    deliver(std::move(event));
  });
}

void SimTransport::fail_request(RequestToken token, ErrorCode code, std::string message,
                                Millis after) {
  at(clock_.mono_now() + after, token, [this, token, code, message = std::move(message)] {
    TransportEvent event;
    event.token = token;
    event.kind = TransportEvent::Kind::Failed;
    event.error = Error{code, message, std::nullopt};
    deliver(std::move(event));
  });
}

RequestToken SimTransport::submit(http::Request request) {
  const RequestToken token = next_token_++;
  if (crashed_) return token;
  if (!request.url.empty() && request.url.front() != '/') {
    foreign_.insert(token);
    const auto response = backend_ ? backend_(request) : std::nullopt;
    if (response && response->status == 0)
      fail_request(token, ErrorCode::Timeout, "no answer in time", request.timeout);
    else if (response)
      answer(token, *response, options_.metric_latency);
    else
      fail_request(token, ErrorCode::Unavailable, "connection refused: " + request.url,
                   options_.metric_latency);
    return token;
  }
  if (partitioned_) {
    fail_request(token, ErrorCode::Unavailable, "the API server cannot be reached", Millis(20));
    return token;
  }
  if (ApiServer::is_watch(request)) {
    submit_watch(token, std::move(request));
  } else if (request.method == "GET") {
    submit_read(token, std::move(request));
  } else {
    const Fault fault = faults_ ? faults_(request) : Fault::None;
    submit_write(token, std::move(request), fault);
  }
  return token;
}

void SimTransport::told(const std::string& resource, std::uint64_t version) {
  auto& known = told_[resource];
  known = std::max(known, version);
}

void SimTransport::submit_read(RequestToken token, http::Request request) {
  ++reads_;
  at(clock_.mono_now() + options_.latency, token, [this, token, request = std::move(request)] {
    http::Response response = server_.handle(request, caller());
    if (rewrite_) response.body = rewrite_(std::move(response.body));
    const std::uint64_t version = server_.resource_version();
    at(clock_.mono_now() + options_.latency, token,
       [this, token, version, resource = resource_of(request),
        response = std::move(response)]() mutable {
         if (response.status == 200) told(resource, version);
         TransportEvent event;
         event.token = token;
         event.kind = TransportEvent::Kind::Response;
         event.response = std::move(response);
         deliver(std::move(event));
       });
  });
}

http::Response SimTransport::perform(const http::Request& request, const Actor& actor) {
  if (options_.around_write) options_.around_write(&actor);
  http::Response response = server_.handle(request, caller());
  if (options_.around_write) options_.around_write(nullptr);
  return response;
}

void SimTransport::submit_watch(RequestToken token, http::Request request) {
  auto watch = std::make_shared<Watch>(*this, token, resource_of(request));
  watches_[token] = watch;
  at(clock_.mono_now() + options_.latency, token,
     [this, token, watch, request = std::move(request)] {
       TransportEvent opened;
       opened.token = token;
       opened.kind = TransportEvent::Kind::StreamOpened;
       opened.response.status = 200;
       deliver(opened);  // before any byte; taken back below when the server refuses
       auto result = server_.open_watch(request, watch, caller());
       if (result.id == 0) {
         std::erase_if(ready_,
                       [token](const TransportEvent& event) { return event.token == token; });
         watches_.erase(token);
         watch->owner = nullptr;
         answer(token, result.refusal, options_.latency);
       } else {
         watch->id = result.id;
       }
     });
}

void SimTransport::submit_write(RequestToken token, http::Request request, Fault fault) {
  const auto refuse = [&](int status, const char* reason, http::Headers headers = {}) {
    answer(token,
           {status, std::move(headers),
            std::string(R"({"kind":"Status","apiVersion":"v1","status":"Failure","reason":")") +
                reason + R"(","message":"injected fault","code":)" + std::to_string(status) + "}"},
           options_.latency * 2);
  };
  Actor actor;
  actor.kind = Actor::Kind::Controller;
  actor.identity = options_.identity;
  actor.instance_id = options_.instance_id;
  actor.submitted = clock_.mono_now();
  actor.told = told_;
  switch (fault) {
    case Fault::CrashBefore:
      crashed_ = true;
      return;
    case Fault::CrashAfter:
      crashed_ = true;
      static_cast<void>(perform(request, actor));
      return;
    case Fault::Conflict:
      refuse(409, "Conflict");
      return;
    case Fault::ServerError:
      refuse(500, "InternalError");
      return;
    case Fault::Throttled:
      refuse(429, "TooManyRequests", {{"Retry-After", "1"}});
      return;
    case Fault::Forbidden:
    case Fault::ForbiddenFor:
      refuse(403, "Forbidden");
      return;
    case Fault::Invalid:
    case Fault::InvalidFor:
      refuse(422, "Invalid");
      return;
    case Fault::TimeoutNotApplied:
      fail_request(token, ErrorCode::Timeout, "no answer in time", request.timeout);
      return;
    case Fault::TimeoutApplied:
      at(clock_.mono_now() + options_.latency, token,
         [this, request, actor] { static_cast<void>(perform(request, actor)); });
      fail_request(token, ErrorCode::Timeout, "no answer in time", request.timeout);
      return;
    case Fault::None:
      break;
  }
  at(clock_.mono_now() + options_.latency, token,
     [this, token, actor = std::move(actor), request = std::move(request)] {
       answer(token, perform(request, actor), options_.latency);
     });
}

void SimTransport::cancel(RequestToken token) {
  foreign_.erase(token);
  if (auto it = watches_.find(token); it != watches_.end()) {
    it->second->owner = nullptr;
    server_.close_watch(it->second->id);
    watches_.erase(it);
  }
  std::erase_if(queue_, [token](const auto& entry) { return entry.second.token == token; });
  std::erase_if(ready_, [token](const TransportEvent& event) { return event.token == token; });
}

void SimTransport::break_watches() {
  std::vector<RequestToken> tokens;
  for (const auto& [token, watch] : watches_) tokens.push_back(token);
  for (const RequestToken token : tokens) {
    cancel(token);
    fail_request(token, ErrorCode::Unavailable, "connection reset", Millis(0));
  }
}

void SimTransport::set_partitioned(bool partitioned) {
  partitioned_ = partitioned;
  if (partitioned) break_watches();
}

std::size_t SimTransport::foreign_in_flight() const {
  return foreign_.size();
}

MonoTime SimTransport::next_time() const {
  if (!ready_.empty()) return MonoTime::min();
  return queue_.empty() ? MonoTime::max() : queue_.begin()->first.first;
}

void SimTransport::poll(std::vector<TransportEvent>& out, Millis) {
  const MonoTime now = clock_.mono_now();
  while (!queue_.empty() && queue_.begin()->first.first <= now) {
    auto node = queue_.extract(queue_.begin());
    node.mapped().action();
  }
  for (const auto& event : ready_) foreign_.erase(event.token);
  out.insert(out.end(), std::make_move_iterator(ready_.begin()),
             std::make_move_iterator(ready_.end()));
  ready_.clear();
}

}  // namespace sluice::sim
