// The trap of libcurl with HTTP/2: a connection whose peer fell silent is never left. The peer here
// is a few frames of HTTP/2 by hand behind OpenSSL, so that it can fall silent at will while TCP
// stays alive.
#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <csignal>
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
  std::atomic<int> silent{0};        // the connections up to this number read and never answer
  std::atomic<bool> endless{false};  // answers are left open: watches
  enum Farewell { kNone, kAfterAnswer, kUnprocessed, kRefused };
  std::atomic<Farewell> farewell{kNone};  // what becomes of the next request

 private:
  struct Connection {
    test::RawConnection socket;
    SSL* ssl = nullptr;
    int number = 0;
    std::string buffer;
    bool preface = false;
    bool leaving = false;  // GOAWAY was sent: new streams are not looked at
  };

  static std::string number(std::uint32_t value) {
    std::string out;
    for (const int shift : {24, 16, 8, 0})
      out += static_cast<char>(value >> static_cast<unsigned>(shift));
    return out;
  }
  static std::string goaway(std::uint32_t last_stream) {
    return frame(7, 0, 0, number(last_stream) + number(0));
  }
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
    const bool mute = connection.number <= silent;
    if (type == 4 && (flags & 1U) == 0 && !mute) write(connection, frame(4, 1, 0, ""));
    if (type != 1 || connection.leaving) return;
    const Farewell how = farewell.exchange(kNone);
    if (how == kUnprocessed || how == kRefused) {
      constexpr std::uint32_t kRefusedStream = 7;
      write(connection, how == kUnprocessed ? goaway(stream - 2)
                                            : frame(3, 0, stream, number(kRefusedStream)));
      connection.leaving = how == kUnprocessed;
      ++requests;
      return;
    }
    if (!mute) {
      write(connection, frame(1, 4, stream, "\x88"));  // :status 200
      write(connection, frame(0, endless ? 0 : 1, stream, "ok\n"));
    }
    if (how == kAfterAnswer) {
      write(connection, goaway(stream));
      connection.leaving = true;
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
    std::signal(SIGPIPE, SIG_IGN);  // as in main: OpenSSL writes to a peer that has gone
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
  // Not through call(): what happens to other requests meanwhile must be seen as well.
  std::string ask() {
    const auto* end = client.wait_end(client.transport->submit(get("/x")));
    if (end == nullptr) return "no answer";
    return end->kind == Kind::Response ? end->response.body : end->error.message;
  }
  // How a request ends that the peer does not look at: at once, or when its time is up.
  TransportEvent fate_of(http::Request request) {
    const auto token = client.transport->submit(std::move(request));
    const auto ended = [&] {
      return client.find(token, Kind::Response) != nullptr ||
             client.find(token, Kind::Failed) != nullptr;
    };
    for (int turn = 0; turn < 100 && !ended(); ++turn)
      client.transport->poll(client.seen, Millis(10));
    if (!ended()) client.clock.advance(Millis(30'000));
    const auto* end = client.wait_end(token);
    EXPECT_NE(end, nullptr);
    return end == nullptr ? TransportEvent{} : *end;
  }
  Http2Peer peer;
  Client client;
};

TEST_F(Http2, WatchesAndRequestsShareOneConnection) {
  for (int i = 0; i < 5; ++i) open_watch(Millis(0));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(), "ok\n");
  EXPECT_EQ(peer.connections, 1);
}

// One lost request, not two: with two the Lease would be lost as well, because each renewal may
// take half of what is left of it.
TEST_F(Http2, ADeadConnectionCostsOneRequestWhenTheServerAnswersOnAnother) {
  const auto token = open_watch(Millis(300'000));
  peer.silent = 1;
  lose_one();
  EXPECT_EQ(client.find(token, Kind::Failed), nullptr);  // suspected, not condemned
  EXPECT_EQ(ask(), "ok\n");
  EXPECT_EQ(peer.connections, 2);
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->kind, Kind::Failed);
  EXPECT_EQ(end->error.code, ErrorCode::Unavailable);
  EXPECT_EQ(client.telemetry.logged("connection cut"), 1);
  EXPECT_EQ(ask(), "ok\n");
  EXPECT_EQ(peer.connections, 2);
}

TEST_F(Http2, TwoTimeoutsInARowCutEverythingAndTheNextRequestSucceeds) {
  const auto token = open_watch(Millis(300'000));
  peer.silent = 1'000;
  lose_one();
  EXPECT_EQ(client.find(token, Kind::Failed), nullptr);
  lose_one();  // on a connection of its own
  EXPECT_EQ(peer.connections, 2);
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->kind, Kind::Failed);
  EXPECT_EQ(end->error.code, ErrorCode::Unavailable);
  EXPECT_EQ(client.telemetry.logged("connection cut"), 2);
  peer.silent = 0;
  EXPECT_EQ(ask(), "ok\n");
  EXPECT_EQ(peer.connections, 3);
}

// A probe is one connection, however many requests are waiting.
TEST_F(Http2, OnlyOneRequestLeavesASuspectedConnection) {
  open_watch(Millis(300'000));
  peer.silent = 1;
  lose_one();
  const int before = peer.requests;
  std::vector<RequestToken> tokens;
  for (int i = 0; i < 20; ++i) tokens.push_back(client.transport->submit(get("/x")));
  ASSERT_TRUE(client.until([&] { return peer.requests >= before + 20; }));
  for (const auto token : tokens) ASSERT_NE(client.wait_end(token), nullptr);
  EXPECT_EQ(peer.connections, 2);
}

// The server takes its time over one request while it answers others: its connection is alive.
TEST_F(Http2, ASlowRequestAmongAnsweredOnesDoesNotCutTheConnection) {
  EXPECT_EQ(ask(), "ok\n");
  for (int i = 0; i < 3; ++i) {
    peer.silent = 1;
    const int before = peer.requests;
    const auto slow = client.transport->submit(get("/slow"));
    ASSERT_TRUE(client.until([&] { return peer.requests > before; }));
    peer.silent = 0;
    client.clock.advance(Millis(10'000));
    EXPECT_EQ(ask(), "ok\n");
    client.clock.advance(Millis(20'000));
    const auto* end = client.wait_end(slow);
    ASSERT_NE(end, nullptr);
    EXPECT_EQ(end->error.code, ErrorCode::Timeout);
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

// A server that is about to stop says GOAWAY: what is open goes on, what is new goes elsewhere.
TEST_F(Http2, AfterAGoawayNewRequestsGoOntoANewConnection) {
  const auto token = open_watch(Millis(300'000));
  peer.farewell = Http2Peer::kAfterAnswer;
  EXPECT_EQ(ask(), "ok\n");
  EXPECT_EQ(ask(), "ok\n");
  EXPECT_EQ(ask(), "ok\n");
  EXPECT_EQ(peer.connections, 2);
  EXPECT_EQ(client.find(token, Kind::Failed), nullptr);
  EXPECT_EQ(client.find(token, Kind::StreamEnded), nullptr);
}

// The server says that it has not looked at the request: then, and only then, may one be sent
// again, and a write no oftener than a read.
TEST_F(Http2, ARequestThatAGoawayLeftOutEndsAndTheNextOneSucceeds) {
  for (const char* method : {"GET", "PATCH"}) {
    for (const auto how : {Http2Peer::kUnprocessed, Http2Peer::kRefused}) {
      EXPECT_EQ(ask(), "ok\n");
      const int before = peer.requests;
      peer.farewell = how;
      http::Request request = get("/x");
      request.method = method;
      if (request.method == "PATCH") request.body = "{}";
      const TransportEvent end = fate_of(request);
      if (end.kind == Kind::Failed) {
        EXPECT_TRUE(end.error.code == ErrorCode::Unavailable ||
                    end.error.code == ErrorCode::Timeout)
            << end.error.message;
      } else {
        EXPECT_EQ(end.response.body, "ok\n");
      }
      EXPECT_LE(peer.requests, before + 2);
      EXPECT_EQ(ask(), "ok\n");
    }
  }
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
