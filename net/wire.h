#pragma once
// One inbound connection's bytes, in the clear or under TLS, without ever waiting. Only the file
// behind it knows OpenSSL.
#include <memory>
#include <string>

#include "base/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace sluice::net {

// Certificate and key of a server, shared by its connections. TLS 1.2 or newer, no renegotiation.
class TlsIdentity {
 public:
  [[nodiscard]] static Result<std::shared_ptr<TlsIdentity>> make(const std::string& cert_pem,
                                                                 const std::string& key_pem);
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;
  [[nodiscard]] ssl_ctx_st* context() const { return context_; }

 private:
  explicit TlsIdentity(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

class Wire {
 public:
  enum class Outcome { Moved, WantRead, WantWrite, Ended, Broken };
  struct Step {
    Outcome outcome;
    std::size_t bytes = 0;  // Moved
  };

  // Owns `fd`, which does not block. Without an identity the bytes are plain.
  Wire(int fd, const std::shared_ptr<TlsIdentity>& identity);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  [[nodiscard]] int fd() const { return fd_; }  // -1 once closed
  // Moved with 0 bytes: done (at once where there is no TLS).
  Step handshake();
  Step read(char* bytes, std::size_t size);
  Step write(const char* bytes, std::size_t size);
  // Tells the peer that nothing more comes; it may go on sending.
  void end_output();
  void close();
  // As close(), but what the peer has not taken is thrown away: else the system keeps it for
  // minutes.
  void cut();

 private:
  Step step_of(int result);
  int fd_;
  bool secure_;
  ssl_st* ssl_ = nullptr;
};

}  // namespace sluice::net
