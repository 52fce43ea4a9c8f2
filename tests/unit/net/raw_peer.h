#pragma once
// Peers that misbehave on purpose: a listener whose connections the test reads and answers byte by
// byte.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace sluice::net::test {

class RawConnection {
 public:
  explicit RawConnection(int fd = -1) : fd_(fd) {}
  RawConnection(RawConnection&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  RawConnection& operator=(RawConnection&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~RawConnection() { shut(); }
  [[nodiscard]] bool open() const { return fd_ >= 0; }
  [[nodiscard]] int fd() const { return fd_; }
  void shut() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  // What has arrived; `ended` when the peer has closed.
  std::string drain(bool& ended) {
    std::string out;
    char chunk[4096];
    for (;;) {
      const ssize_t n = ::recv(fd_, chunk, sizeof chunk, MSG_DONTWAIT);
      if (n > 0) {
        out.append(chunk, static_cast<std::size_t>(n));
        continue;
      }
      ended = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
      return out;
    }
  }
  void send(const std::string& text) {
    static_cast<void>(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL));
  }

 private:
  int fd_;
};

class RawListener {
 public:
  RawListener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof local;
    static_cast<void>(::bind(fd_, reinterpret_cast<const sockaddr*>(&local), sizeof local));
    static_cast<void>(::listen(fd_, 16));
    static_cast<void>(::getsockname(fd_, reinterpret_cast<sockaddr*>(&local), &size));
    port_ = ntohs(local.sin_port);
  }
  ~RawListener() { ::close(fd_); }
  RawListener(const RawListener&) = delete;
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] int port() const { return port_; }
  // The next connection if there is one already.
  RawConnection accept() {
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, 0) != 1) return RawConnection();
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    const int on = 1;
    static_cast<void>(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    return RawConnection(fd);
  }

 private:
  int fd_;
  int port_ = 0;
};

inline std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace sluice::net::test
