#include "net/connections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::net {
namespace {

// Bytes this fresh prove that the peer lives and only one stream is stuck.
constexpr Millis kAliveFor{5'000};

void set(int fd, int level, int option, int value) {
  // Best effort: a socket without these options still works.
  static_cast<void>(::setsockopt(fd, level, option, &value, sizeof value));
}

bool local_end(int fd, std::string& ip, int& port) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto* four = reinterpret_cast<const sockaddr_in*>(&address);
    ::inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
    port = ntohs(four->sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto* six = reinterpret_cast<const sockaddr_in6*>(&address);
    ::inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
    port = ntohs(six->sin6_port);
  } else {
    return false;
  }
  ip = text;
  return port != 0;
}

}  // namespace

Connections::~Connections() {
  for (auto& [id, socket] : sockets_) ::close(socket.fd);
}

curl_socket_t Connections::open(const curl_sockaddr& address) {
  const int fd = ::socket(address.family, address.socktype | SOCK_CLOEXEC, address.protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  // These find a lost network or host. A peer that acknowledges and says nothing is found by the
  // rules above.
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
  Socket socket;
  socket.fd = fd;
  sockets_.emplace(next_++, std::move(socket));
  return fd;
}

void Connections::close(curl_socket_t fd) {
  for (auto it = sockets_.begin(); it != sockets_.end(); ++it) {
    if (it->second.fd == fd) {
      sockets_.erase(it);
      break;
    }
  }
  ::close(fd);
}

Connections::Id Connections::find(const char* local_ip, int local_port) {
  if (local_ip == nullptr || local_port <= 0) return 0;
  for (auto& [id, socket] : sockets_) {
    if (socket.local_port == 0 && !local_end(socket.fd, socket.local_ip, socket.local_port))
      continue;
    if (socket.local_port == local_port && socket.local_ip == local_ip) return id;
  }
  return 0;
}

void Connections::heard(Id id, MonoTime now) {
  const auto it = sockets_.find(id);
  if (it == sockets_.end()) return;
  it->second.timeouts = 0;
  it->second.last_heard = now;
  it->second.suspect_of.clear();
}

void Connections::timed_out(Id id, const std::string& server, MonoTime started) {
  const auto it = sockets_.find(id);
  if (it == sockets_.end()) return;
  if (it->second.last_heard <= started) it->second.suspect_of = server;
  if (++it->second.timeouts >= 2) cut(it->second, "two requests in a row timed out on it");
}

bool Connections::take_probe(const std::string& server) {
  const bool suspected = std::any_of(sockets_.begin(), sockets_.end(), [&](const auto& entry) {
    return entry.second.suspect_of == server;
  });
  return suspected && probing_.insert(server).second;
}

void Connections::probe_ended(const std::string& server, bool decided) {
  probing_.erase(server);
  if (!decided) return;
  for (auto& [id, socket] : sockets_) {
    if (socket.suspect_of == server)
      cut(socket, "it was silent for a whole request, and another connection was tried");
  }
}

void Connections::went_silent(Id id, MonoTime now) {
  const auto it = sockets_.find(id);
  if (it == sockets_.end() || it->second.last_heard + kAliveFor > now) return;
  cut(it->second, "a stream on it fell silent");
}

void Connections::cut(Socket& socket, std::string_view why) {
  // Not close(): libcurl still holds the descriptor. It sees the end of the stream and closes it
  // through us.
  ::shutdown(socket.fd, SHUT_RDWR);
  socket.timeouts = 0;
  socket.suspect_of.clear();
  ++cut_count_;
  telemetry_.log(LogLevel::Warn, "connection cut because its peer seems dead",
                 {{"reason", std::string(why)}, {"local_port", std::to_string(socket.local_port)}});
}

}  // namespace sluice::net
