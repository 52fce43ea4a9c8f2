#pragma once
// Who waits for which answer. Handlers may submit further requests.
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/seams.h"

namespace sluice::loop {

class Requests {
 public:
  using Handler = std::function<void(const TransportEvent&)>;
  explicit Requests(Transport& transport) : transport_(transport) {}

  RequestToken submit(http::Request request, Handler handler) {
    const RequestToken token = transport_.submit(std::move(request));
    handlers_.emplace(token, std::move(handler));
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

 private:
  void deliver(const TransportEvent& event) {
    auto it = handlers_.find(event.token);
    if (it == handlers_.end()) return;
    const bool last = event.kind == TransportEvent::Kind::Response ||
                      event.kind == TransportEvent::Kind::Failed ||
                      event.kind == TransportEvent::Kind::StreamEnded;
    if (!last) {
      it->second(event);
      return;
    }
    Handler handler = std::move(it->second);
    handlers_.erase(it);
    handler(event);
  }

  Transport& transport_;
  std::unordered_map<RequestToken, Handler> handlers_;
  std::vector<RequestToken> abandoned_;
};

}  // namespace sluice::loop
