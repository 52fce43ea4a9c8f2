// The trap of libcurl with HTTP/2: a connection whose peer fell silent is never left. The peer here
// is a few frames of HTTP/2 by hand behind OpenSSL, so that it can fall silent at will while TCP
// stays alive.
#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <set>
#include <thread>

#include "tests/unit/net/raw_peer.h"
#include "tests/unit/net/support.h"

namespace sluice::net {
namespace {

using test::Client;
using test::get;
using test::watch;
using Kind = TransportEvent::Kind;

int choose_h2(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
              unsigned int in_size, void*) {
  static const unsigned char kOurs[] = {2, 'h', '2'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kOurs, sizeof kOurs, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

class Http2Peer {
 public:
  Http2Peer() : context_(SSL_CTX_new(TLS_server_method())) {
    const WallTime now = system_clock()->wall_now();
    ca = *make_ca("ca", now);
    const KeyPair leaf = *make_leaf(ca, "h2", {}, {"127.0.0.1"}, now);
    BIO* cert_bio = BIO_new_mem_buf(leaf.cert_pem.data(), -1);
    BIO* key_bio = BIO_new_mem_buf(leaf.key_pem.data(), -1);
    X509* cert = PEM_read_bio_X509(cert_bio, nullptr, nullptr, nullptr);
    EVP_PKEY* key = PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(context_, cert);
    SSL_CTX_use_PrivateKey(context_, key);
    SSL_CTX_set_alpn_select_cb(context_, choose_h2, nullptr);
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(cert_bio);
    BIO_free(key_bio);
    thread_ = std::thread([this] { run(); });
  }
  ~Http2Peer() {
    stop_ = true;
    thread_.join();
    SSL_CTX_free(context_);
  }
  [[nodiscard]] std::string url() const {
    return "https://127.0.0.1:" + std::to_string(listener_.port());
  }

  KeyPair ca;
  std::atomic<int> connections{0};   // accepted so far
  std::atomic<int> requests{0};      // HEADERS frames so far
  std::atomic<int> silent{0};        // the connection of this number reads and never answers
  std::atomic<bool> endless{false};  // answers are left open: watches

 private:
  struct Connection {
    test::RawConnection socket;
    SSL* ssl = nullptr;
    int number = 0;
    std::string buffer;
    bool preface = false;
  };

  static std::string frame(int type, int flags, std::uint32_t stream, const std::string& payload) {
    std::string out;
    for (const int shift : {16, 8, 0})
      out += static_cast<char>(payload.size() >> static_cast<unsigned>(shift));
    out += static_cast<char>(type);
    out += static_cast<char>(flags);
    for (const int shift : {24, 16, 8, 0})
      out += static_cast<char>(stream >> static_cast<unsigned>(shift));
    return out + payload;
  }

  void run() {
    while (!stop_) {
      std::vector<pollfd> waiting{{listener_.fd(), POLLIN, 0}};
      for (const auto& connection : open_) waiting.push_back({connection->socket.fd(), POLLIN, 0});
      if (::poll(waiting.data(), waiting.size(), 20) <= 0) continue;
      if ((waiting[0].revents & POLLIN) != 0) accept();
      for (std::size_t i = 1; i < waiting.size(); ++i) {
        if (waiting[i].revents != 0) receive(*open_[i - 1]);
      }
      std::erase_if(open_, [](const auto& connection) { return !connection->socket.open(); });
    }
    for (auto& connection : open_) SSL_free(connection->ssl);
  }

  void accept() {
    auto connection = std::make_unique<Connection>();
    connection->socket = listener_.accept();
    connection->ssl = SSL_new(context_);
    SSL_set_fd(connection->ssl, connection->socket.fd());
    if (SSL_accept(connection->ssl) != 1) {
      SSL_free(connection->ssl);
      return;
    }
    connection->number = ++connections;
    write(*connection, frame(4, 0, 0, ""));
    open_.push_back(std::move(connection));
  }

  static void write(Connection& connection, const std::string& bytes) {
    SSL_write(connection.ssl, bytes.data(), static_cast<int>(bytes.size()));
  }

  void receive(Connection& connection) {
    char chunk[16384];
    do {
      const int n = SSL_read(connection.ssl, chunk, sizeof chunk);
      if (n <= 0) {
        SSL_free(connection.ssl);
        connection.ssl = nullptr;
        connection.socket.shut();
        return;
      }
      connection.buffer.append(chunk, static_cast<std::size_t>(n));
    } while (SSL_pending(connection.ssl) > 0);
    constexpr std::size_t kPreface = 24, kHeader = 9;
    if (!connection.preface && connection.buffer.size() >= kPreface) {
      connection.buffer.erase(0, kPreface);
      connection.preface = true;
    }
    while (connection.preface && connection.buffer.size() >= kHeader) {
      const auto byte = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(connection.buffer[i]));
      };
      const std::size_t size = (byte(0) << 16U) | (byte(1) << 8U) | byte(2);
      if (connection.buffer.size() < kHeader + size) return;
      const std::uint32_t stream =
          ((byte(5) & 0x7fU) << 24U) | (byte(6) << 16U) | (byte(7) << 8U) | byte(8);
      const std::uint32_t type = byte(3), flags = byte(4);
      connection.buffer.erase(0, kHeader + size);
      answer(connection, type, flags, stream);
    }
  }

  void answer(Connection& connection, std::uint32_t type, std::uint32_t flags,
              std::uint32_t stream) {
    const bool mute = silent == connection.number;
    if (type == 4 && (flags & 1U) == 0 && !mute) write(connection, frame(4, 1, 0, ""));
    if (type != 1) return;
    if (!mute) {
      write(connection, frame(1, 4, stream, "\x88"));  // :status 200
      write(connection, frame(0, endless ? 0 : 1, stream, "ok\n"));
    }
    ++requests;
  }

  test::RawListener listener_;
  SSL_CTX* context_;
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<Connection>> open_;
  std::thread thread_;
};

struct Http2 : testing::Test {
  void SetUp() override {
    client.options.kube.server = peer.url();
    client.options.kube.ca_pem = peer.ca.cert_pem;
    client.start();
  }
  RequestToken open_watch(Millis silence) {
    peer.endless = true;
    const auto token = client.transport->submit(watch("/w", silence));
    EXPECT_TRUE(client.until([&] { return client.stream_text(token) == "ok\n"; }));
    peer.endless = false;
    return token;
  }
  // A request that the silent peer has received and whose time then runs out.
  void lose_one() {
    const int before = peer.requests;
    const auto token = client.transport->submit(get("/lost"));
    ASSERT_TRUE(client.until([&] { return peer.requests > before; }));
    client.clock.advance(Millis(30'000));
    const auto* end = client.wait_end(token);
    ASSERT_NE(end, nullptr);
    EXPECT_EQ(end->error.code, ErrorCode::Timeout);
  }
  std::string ask() {
    auto answer = call(*client.transport, get("/x"));
    return answer ? answer->body : answer.error().message;
  }
  Http2Peer peer;
  Client client;
};

TEST_F(Http2, WatchesAndRequestsShareOneConnection) {
  for (int i = 0; i < 5; ++i) open_watch(Millis(0));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(), "ok\n");
  EXPECT_EQ(peer.connections, 1);
}

TEST_F(Http2, TwoTimeoutsInARowCutTheConnectionAndTheNextRequestSucceeds) {
  const auto token = open_watch(Millis(300'000));
  peer.silent = 1;
  lose_one();
  EXPECT_EQ(client.find(token, Kind::Failed), nullptr);
  lose_one();
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->kind, Kind::Failed);
  EXPECT_EQ(end->error.code, ErrorCode::Unavailable);
  EXPECT_EQ(ask(), "ok\n");
  EXPECT_EQ(peer.connections, 2);
  EXPECT_EQ(client.telemetry.logged("connection cut"), 1);
}

TEST_F(Http2, TimeoutsWithAnswersInBetweenDoNotCutTheConnection) {
  EXPECT_EQ(ask(), "ok\n");
  for (int i = 0; i < 3; ++i) {
    peer.silent = 1;
    lose_one();
    peer.silent = 0;
    EXPECT_EQ(ask(), "ok\n");
  }
  EXPECT_EQ(peer.connections, 1);
  EXPECT_EQ(client.telemetry.logged("connection cut"), 0);
}

TEST_F(Http2, ASilentWatchCutsTheConnection) {
  const auto token = open_watch(Millis(60'000));
  peer.silent = 1;
  client.clock.advance(Millis(60'000));
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->error.code, ErrorCode::Timeout);
  EXPECT_EQ(ask(), "ok\n");
  EXPECT_EQ(peer.connections, 2);
}

TEST_F(Http2, ASilentWatchOnALivelyConnectionEndsAlone) {
  const auto token = open_watch(Millis(60'000));
  client.clock.advance(Millis(58'000));
  EXPECT_EQ(ask(), "ok\n");
  client.clock.advance(Millis(2'000));
  EXPECT_EQ(client.wait_end(token)->error.code, ErrorCode::Timeout);
  EXPECT_EQ(ask(), "ok\n");
  EXPECT_EQ(peer.connections, 1);
}

TEST_F(Http2, TheSwitchForHttp1IsObeyed) {
  client.options.http1 = true;
  client.start();
  // The peer speaks nothing else, so that the request cannot succeed.
  auto answer = call(*client.transport, get("/x"));
  EXPECT_FALSE(answer);
  EXPECT_EQ(peer.requests, 0);
}

}  // namespace
}  // namespace sluice::net
