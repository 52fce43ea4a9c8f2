#include "cluster/service_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include <fmt/core.h>

#include "base/strings.h"
#include "base/time.h"
#include "net/net.h"

namespace sluice::cluster {

namespace {

constexpr std::size_t kHeadMax = 64U << 10U;
constexpr int kHeadMs = 10'000;  // to a whole head, however slowly its bytes drip
constexpr int kIdleMs = 60'000;
constexpr int kConnectionsMax = 512;  // each is two descriptors

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void refuse(int fd, std::string_view status, std::string_view why) {
  send_all(fd, fmt::format("HTTP/1.1 {}\r\nContent-Type: text/plain\r\nContent-Length: "
                           "{}\r\nConnection: close\r\n\r\n{}",
                           status, why.size(), why));
}

int connect_to(const std::string& address) {
  const auto colon = address.rfind(':');
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port =
      htons(static_cast<std::uint16_t>(parse_int(address.substr(colon + 1)).value_or(0)));
  if (inet_pton(AF_INET, address.substr(0, colon).c_str(), &target.sin_addr) != 1) return -1;
  // Pods of the embedded cluster live on loopback; nothing else is ever dialled.
  if ((ntohl(target.sin_addr.s_addr) >> 24U) != 127U) return -1;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval timeout{10, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    close(fd);
    return -1;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

// Reads up to and including the blank line; what follows is already part of the body.
bool read_head(int fd, std::string& buffer, std::size_t& head_end) {
  char chunk[4096];
  const auto deadline = std::chrono::steady_clock::now() + Millis(kHeadMs);
  while (true) {
    if (const auto at = buffer.find("\r\n\r\n"); at != std::string::npos) {
      head_end = at + 4;
      return true;
    }
    if (buffer.size() > kHeadMax) return false;
    const auto left =
        std::chrono::ceil<Millis>(deadline - std::chrono::steady_clock::now()).count();
    pollfd ready{fd, POLLIN, 0};
    if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) <= 0) return false;
    const ssize_t n = recv(fd, chunk, sizeof chunk, 0);
    if (n <= 0) return false;
    buffer.append(chunk, static_cast<std::size_t>(n));
  }
}

// Copies both ways until either side closes.
void relay(int a, int b) {
  char chunk[16384];
  while (true) {
    pollfd ready[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
    if (poll(ready, 2, kIdleMs) <= 0) return;
    for (int i = 0; i < 2; ++i) {
      if (ready[i].revents == 0) continue;
      const ssize_t n = recv(ready[i].fd, chunk, sizeof chunk, 0);
      if (n <= 0 || !send_all(i == 0 ? b : a, {chunk, static_cast<std::size_t>(n)})) return;
    }
  }
}

}  // namespace

Result<ServiceAddress> parse_service_host(std::string_view host) {
  ServiceAddress out;
  if (const auto colon = host.rfind(':'); colon != std::string_view::npos) {
    const auto port = parse_int(host.substr(colon + 1));
    if (!port || *port < 1 || *port > 65535)
      return fail(ErrorCode::Invalid, fmt::format("'{}' has no valid port", host));
    out.port = static_cast<int>(*port);
    host = host.substr(0, colon);
  }
  for (const std::string_view suffix : {".svc.cluster.local", ".svc"}) {
    if (host.size() <= suffix.size() || host.substr(host.size() - suffix.size()) != suffix)
      continue;
    const auto parts = split(host.substr(0, host.size() - suffix.size()), '.');
    if (parts.size() != 2 || parts[0].empty() || parts[1].empty()) break;
    out.name = parts[0];
    out.namespace_ = parts[1];
    return out;
  }
  return fail(
      ErrorCode::Invalid,
      fmt::format(
          "'{}' is not the name of a Service (NAME.NAMESPACE.svc); this proxy reaches nothing else",
          host));
}

Result<std::unique_ptr<ServiceProxy>> ServiceProxy::start(Resolve resolve) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in self{};
  self.sin_family = AF_INET;
  self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof self;
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&self), sizeof self) != 0 ||
      listen(listener, 128) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&self), &size) != 0) {
    return fail(ErrorCode::Unavailable, "cannot listen for the service proxy");
  }
  return std::unique_ptr<ServiceProxy>(
      new ServiceProxy(listener, ntohs(self.sin_port), std::move(resolve)));
}

ServiceProxy::ServiceProxy(int listener, int port, Resolve resolve)
    : listener_(listener),
      port_(port),
      connections_max_(net::connections_within(kConnectionsMax, net::descriptor_limit() / 2)),
      resolve_(std::move(resolve)) {
  thread_ = std::thread([this] { accept_loop(); });
}

ServiceProxy::~ServiceProxy() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
  std::unique_lock lock(mutex_);
  left_.wait(lock, [this] { return connections_ == 0; });  // serve() refers to this object
}

std::string ServiceProxy::url() const {
  return fmt::format("http://127.0.0.1:{}", port_);
}

void ServiceProxy::accept_loop() {
  while (!stopping_) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) {
      if (stopping_) return;
      usleep(10'000);
      continue;
    }
    if (connections_ >= connections_max_ && !make_room()) {
      refuse(client, "503 Service Unavailable", "too many connections");
      close(client);
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      ++connections_;
    }
    std::thread([this, client] {
      serve(client);
      close(client);
      const std::lock_guard lock(mutex_);
      --connections_;
      left_.notify_all();
    }).detach();
  }
}

// Cuts the one that has been saying what it wants for the longest; false when none is.
bool ServiceProxy::make_room() {
  std::unique_lock lock(mutex_);
  if (undecided_.empty()) return false;
  shutdown(undecided_.front(), SHUT_RDWR);
  return left_.wait_for(lock, Millis(100), [this] { return connections_ < connections_max_; });
}

bool ServiceProxy::hear(int client, std::string& buffer, std::size_t& head_end) {
  {
    const std::lock_guard lock(mutex_);
    undecided_.push_back(client);
  }
  const bool heard = read_head(client, buffer, head_end);
  const std::lock_guard lock(mutex_);
  std::erase(undecided_, client);
  return heard;
}

void ServiceProxy::serve(int client) {
  const timeval timeout{5, 0};
  setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  std::string buffer;
  std::size_t head_end = 0;
  if (!hear(client, buffer, head_end)) return;
  const auto line_end = buffer.find("\r\n");
  const auto words = split(buffer.substr(0, line_end), ' ');
  if (words.size() != 3) return refuse(client, "400 Bad Request", "malformed request line");
  std::string host, path = words[1];
  constexpr std::string_view kScheme = "http://";
  if (words[0] == "CONNECT") {
    host = words[1];
  } else if (path.rfind(kScheme, 0) == 0) {
    const auto slash = path.find('/', kScheme.size());
    host = path.substr(kScheme.size(),
                       slash == std::string::npos ? std::string::npos : slash - kScheme.size());
    path = slash == std::string::npos ? "/" : path.substr(slash);
  } else {
    return refuse(client, "400 Bad Request", "this is a proxy: absolute URLs only");
  }
  const auto service = parse_service_host(host);
  if (!service) return refuse(client, "502 Bad Gateway", service.error().message);
  const auto endpoint = resolve_(*service);
  if (!endpoint) return refuse(client, "503 Service Unavailable", endpoint.error().message);
  const int upstream = connect_to(*endpoint);
  if (upstream < 0) return refuse(client, "502 Bad Gateway", "cannot connect to " + *endpoint);
  bool ok = true;
  if (words[0] == "CONNECT") {
    ok = send_all(client, "HTTP/1.1 200 Connection established\r\n\r\n") &&
         send_all(upstream, std::string_view(buffer).substr(head_end));
  } else {
    // One request per connection: each is balanced anew, as a new connection through kube-proxy
    // would be.
    std::string head = words[0] + " " + path + " HTTP/1.1\r\nConnection: close\r\n";
    for (const auto& line :
         split(std::string_view(buffer).substr(line_end + 2, head_end - line_end - 4), '\n')) {
      const std::string text(trim(line));
      const std::string lower = to_lower(text);
      if (text.empty() || lower.rfind("connection:", 0) == 0 || lower.rfind("proxy-", 0) == 0)
        continue;
      head += text + "\r\n";
    }
    ok = send_all(upstream, head + "\r\n") &&
         send_all(upstream, std::string_view(buffer).substr(head_end));
  }
  if (ok) relay(client, upstream);
  close(upstream);
}

}  // namespace sluice::cluster
