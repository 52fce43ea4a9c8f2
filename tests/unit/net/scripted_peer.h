#pragma once
// An HTTP/1.1 peer whose answers are bytes of the test's choice. It has no thread: it works when
// turned, between two turns of the transport.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "tests/unit/net/raw_peer.h"
#include "tests/unit/net/support.h"

namespace sluice::net::test {

class ScriptedPeer {
 public:
  // Gets a whole request (head and body); what it returns is sent as it is. nullopt: the connection
  // is closed without a word.
  std::function<std::optional<std::string>(const std::string& request)> answer;
  bool close_after = false;           // an answer, as a peer without keep-alive does
  std::vector<std::string> requests;  // in the order of their arrival
  int accepted = 0;

  [[nodiscard]] std::string url() const { return listener_.url(); }
  [[nodiscard]] int port() const { return listener_.port(); }

  void turn() {
    if (RawConnection fresh = listener_.accept(); fresh.open()) {
      ++accepted;
      open_.emplace_back(std::move(fresh), "");
    }
    for (auto& [connection, text] : open_) {
      bool ended = false;
      text += connection.drain(ended);
      while (connection.open() && take(connection, text)) {
      }
      if (ended) connection.shut();
    }
    std::erase_if(open_, [](const auto& entry) { return !entry.first.open(); });
  }
  // One request over `client`, both sides turned until it has ended.
  const TransportEvent* exchange(Client& client, http::Request request) {
    const RequestToken token = client.transport->submit(std::move(request));
    return wait_end(client, token);
  }
  const TransportEvent* wait_end(Client& client, RequestToken token) {
    const TransportEvent* end = nullptr;
    client.until([&] {
      turn();
      for (const auto kind : {TransportEvent::Kind::Response, TransportEvent::Kind::Failed,
                              TransportEvent::Kind::StreamEnded}) {
        if (end == nullptr) end = client.find(token, kind);
      }
      return end != nullptr;
    });
    return end;
  }

 private:
  bool take(RawConnection& connection, std::string& text) {
    const auto head = text.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    std::size_t size = head + 4;
    const std::string lower = to_lower(text.substr(0, head));
    if (const auto at = lower.find("content-length: "); at != std::string::npos)
      size += std::stoul(lower.substr(at + 16));
    if (text.size() < size) return false;
    requests.push_back(text.substr(0, size));
    text.erase(0, size);
    const auto reply = answer(requests.back());
    if (reply) connection.send(*reply);
    if (!reply || close_after) connection.shut();
    return true;
  }
  RawListener listener_;
  std::vector<std::pair<RawConnection, std::string>> open_;
};

}  // namespace sluice::net::test
