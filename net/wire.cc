#include "net/wire.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace sluice::net {
namespace {

template <class T, void (*free_it)(T*)>
struct Freed {
  void operator()(T* thing) const { free_it(thing); }
};
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Memory = std::unique_ptr<BIO, FreeBio>;

Memory memory_of(const std::string& text) {
  return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// The leaf, then what leads to its root.
bool use_chain(SSL_CTX* context, const std::string& cert_pem) {
  const Memory memory = memory_of(cert_pem);
  const Certificate leaf(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1) return false;
  while (X509* next = PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, next) == 1) continue;
    X509_free(next);
    return false;
  }
  ERR_clear_error();  // the end of the text is reported as an error
  return true;
}

bool use_key(SSL_CTX* context, const std::string& key_pem) {
  const Memory memory = memory_of(key_pem);
  const Key key(PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr));
  return key && SSL_CTX_use_PrivateKey(context, key.get()) == 1 &&
         SSL_CTX_check_private_key(context) == 1;
}

}  // namespace

Result<std::shared_ptr<TlsIdentity>> TlsIdentity::make(const std::string& cert_pem,
                                                       const std::string& key_pem) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr) return fail(ErrorCode::Internal, "no TLS context");
  std::shared_ptr<TlsIdentity> identity(new TlsIdentity(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // strangers would fill it
  // Idle connections, watches most of all, give their buffers back.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (!use_chain(context, cert_pem)) {
    ERR_clear_error();
    return fail(ErrorCode::Invalid, "the server's certificate is not a PEM certificate");
  }
  if (!use_key(context, key_pem)) {
    ERR_clear_error();
    return fail(ErrorCode::Invalid, "the server's key is not the PEM key of its certificate");
  }
  return identity;
}

TlsIdentity::~TlsIdentity() {
  SSL_CTX_free(context_);
}

Wire::Wire(int fd, const std::shared_ptr<TlsIdentity>& identity)
    : fd_(fd), secure_(identity != nullptr) {
  if (!identity) return;
  ssl_ = SSL_new(identity->context());
  if (ssl_ == nullptr) return;
  SSL_set_fd(ssl_, fd_);
  SSL_set_accept_state(ssl_);
}

Wire::~Wire() {
  close();
}

void Wire::close() {
  if (ssl_ != nullptr) SSL_free(ssl_);
  ssl_ = nullptr;
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void Wire::cut() {
  const linger at_once{1, 0};
  if (fd_ >= 0) ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

Wire::Step Wire::step_of(int result) {
  if (result > 0) return {Outcome::Moved, static_cast<std::size_t>(result)};
  const int error = SSL_get_error(ssl_, result);
  ERR_clear_error();
  if (error == SSL_ERROR_WANT_READ) return {Outcome::WantRead};
  if (error == SSL_ERROR_WANT_WRITE) return {Outcome::WantWrite};
  if (error == SSL_ERROR_ZERO_RETURN) return {Outcome::Ended};
  return {Outcome::Broken};
}

Wire::Step Wire::handshake() {
  if (!secure_) return {Outcome::Moved};
  if (ssl_ == nullptr) return {Outcome::Broken};
  const Step step = step_of(SSL_do_handshake(ssl_));
  return step.outcome == Outcome::Moved ? Step{Outcome::Moved} : step;
}

Wire::Step Wire::read(char* bytes, std::size_t size) {
  if (fd_ < 0) return {Outcome::Broken};
  if (secure_)
    return step_of(SSL_read(ssl_, bytes, static_cast<int>(std::min<std::size_t>(size, 1U << 20U))));
  const ssize_t n = ::recv(fd_, bytes, size, MSG_DONTWAIT);
  if (n > 0) return {Outcome::Moved, static_cast<std::size_t>(n)};
  if (n == 0) return {Outcome::Ended};
  return {errno == EAGAIN || errno == EINTR ? Outcome::WantRead : Outcome::Broken};
}

Wire::Step Wire::write(const char* bytes, std::size_t size) {
  if (fd_ < 0) return {Outcome::Broken};
  if (secure_)
    return step_of(
        SSL_write(ssl_, bytes, static_cast<int>(std::min<std::size_t>(size, 1U << 20U))));
  const ssize_t n = ::send(fd_, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n >= 0) return {Outcome::Moved, static_cast<std::size_t>(n)};
  return {errno == EAGAIN || errno == EINTR ? Outcome::WantWrite : Outcome::Broken};
}

void Wire::end_output() {
  if (ssl_ != nullptr) {
    SSL_shutdown(ssl_);
    ERR_clear_error();
  }
  ::shutdown(fd_, SHUT_WR);
}

}  // namespace sluice::net
