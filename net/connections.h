#pragma once
// The sockets of the transport, owned by us and not by libcurl, so that a connection whose peer has
// gone silent can be cut. libcurl alone never leaves a dead HTTP/2 connection: a timeout ends one
// stream and the next request goes onto the same connection (stack.md §4.4).
#include <curl/curl.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/seams.h"

namespace sluice::net {

class Connections {
 public:
  using Id = std::uint64_t;  // 0 = not known

  explicit Connections(Telemetry& telemetry) : telemetry_(telemetry) {}
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  // The callbacks of CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION.
  curl_socket_t open(const curl_sockaddr& address);
  void close(curl_socket_t fd);

  // The connection with this local end.
  [[nodiscard]] Id find(const char* local_ip, int local_port);
  void heard(Id id, MonoTime now);
  // A request on this connection, which was begun at `started`, timed out. The second one without a
  // byte in between cuts the connection. When nothing at all was heard on it meanwhile, one is
  // enough to suspect it: the next request to that server is then a probe.
  void timed_out(Id id, const std::string& server, MonoTime started);
  // Whether the request that is about to be sent is to be a probe: the only one, and on a
  // connection of its own. An answer to it cuts the suspects, which have missed theirs; so does its
  // silence, because nothing is lost with them.
  [[nodiscard]] bool take_probe(const std::string& server);
  void probe_ended(const std::string& server, bool decided);
  // A stream was silent for longer than it may. Cut, unless another exchange on the connection was
  // heard just now.
  void went_silent(Id id, MonoTime now);

  [[nodiscard]] std::size_t open_count() const { return sockets_.size(); }
  [[nodiscard]] std::uint64_t cut_count() const { return cut_count_; }

 private:
  struct Socket {
    curl_socket_t fd = CURL_SOCKET_BAD;
    std::string local_ip;  // filled in by the first find
    int local_port = 0;
    int timeouts = 0;
    MonoTime last_heard{};
    std::string suspect_of;  // the server, while nothing is heard after a timeout
  };
  void cut(Socket& socket, std::string_view why);

  Telemetry& telemetry_;
  std::map<Id, Socket> sockets_;
  std::set<std::string> probing_;  // servers
  Id next_ = 1;
  std::uint64_t cut_count_ = 0;
};

}  // namespace sluice::net
