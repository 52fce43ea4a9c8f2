#pragma once
// Who waits for which answer. Handlers may submit further requests.
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/seams.h"
#include "controller/loop/request_metrics.h"

namespace sluice::loop {

class Requests {
 public:
  using Handler = std::function<void(const TransportEvent&)>;
  explicit Requests(Transport& transport, Telemetry* telemetry = nullptr)
      : transport_(transport), telemetry_(telemetry) {}

  RequestToken submit(http::Request request, Handler handler) {
    Waiting waiting{std::move(handler), request.method, request.url, request.client_name == "kube"};
    const RequestToken token = transport_.submit(std::move(request));
    handlers_.emplace(token, std::move(waiting));
    return token;
  }
  void cancel(RequestToken token) {
    if (handlers_.erase(token) > 0) transport_.cancel(token);
  }
  // The same, from inside the token's own handler: carried out when the handler has returned.
  void abandon(RequestToken token) { abandoned_.push_back(token); }
  void dispatch(const TransportEvent& event) {
    deliver(event);
    for (const RequestToken token : std::exchange(abandoned_, {})) cancel(token);
  }
  [[nodiscard]] std::size_t in_flight() const { return handlers_.size(); }
  // Has the API server answered anything, a refusal too, since the last call?
  [[nodiscard]] bool take_answered() { return std::exchange(answered_, false); }

 private:
  struct Waiting {
    Handler handler;
    std::string method, url;  // until it is counted
    bool to_api_server = false;
  };
  // Once: by its status, or 0 when there was no answer.
  void count(Waiting& waiting, const TransportEvent& event) {
    if (waiting.url.empty()) return;
    if (telemetry_ != nullptr) {
      const bool answered = event.kind != TransportEvent::Kind::Failed;
      count_request(*telemetry_, waiting.method, waiting.url, answered ? event.response.status : 0);
    }
    waiting.url = std::string();
  }
  static bool says_something(const TransportEvent& event) {
    if (event.kind == TransportEvent::Kind::Response) return event.response.status < 500;
    return event.kind != TransportEvent::Kind::Failed &&
           event.kind != TransportEvent::Kind::StreamEnded;
  }
  void deliver(const TransportEvent& event) {
    auto it = handlers_.find(event.token);
    if (it == handlers_.end()) return;
    count(it->second, event);
    answered_ = answered_ || (it->second.to_api_server && says_something(event));
    const bool last = event.kind == TransportEvent::Kind::Response ||
                      event.kind == TransportEvent::Kind::Failed ||
                      event.kind == TransportEvent::Kind::StreamEnded;
    if (!last) {
      it->second.handler(event);
      return;
    }
    Handler handler = std::move(it->second.handler);
    handlers_.erase(it);
    handler(event);
  }

  Transport& transport_;
  Telemetry* telemetry_;
  std::unordered_map<RequestToken, Waiting> handlers_;
  std::vector<RequestToken> abandoned_;
  bool answered_ = false;
};

}  // namespace sluice::loop
