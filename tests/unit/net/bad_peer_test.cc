// Peers that break the rules: answers cut short, floods, hand-shakes that hang, proxies that
// refuse, names that never resolve.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <netdb.h>
#include <sys/resource.h>

#include "tests/unit/net/names.h"
#include "tests/unit/net/scripted_peer.h"

// libcurl finds this one before libc's.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** out) {
  using sluice::net::test::hanging_lookup;
  if (name != nullptr && std::string_view(name) == "hangs.example") {
    hanging_lookup().wait();
    return EAI_AGAIN;
  }
  if (name != nullptr && std::string_view(name) == "unknown.example") return EAI_NONAME;
  using Real = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  const std::string address = sluice::net::test::address_of(name == nullptr ? "" : name);
  return real(address.empty() ? name : address.c_str(), service, hints, out);
}

namespace sluice::net {
namespace {

using test::Client;
using test::get;
using test::hanging_lookup;
using test::RawConnection;
using test::RawListener;
using test::ScriptedPeer;
using test::watch;
using testing::HasSubstr;
using Kind = TransportEvent::Kind;

struct BadPeer : testing::Test {
  void SetUp() override {
    client.options.kube.server = peer.url();
    client.start();
  }
  void reply(std::string text, bool close) {
    peer.close_after = close;
    peer.answer = [text = std::move(text)](const std::string&) { return text; };
  }
  ScriptedPeer peer;
  Client client;
};

TEST_F(BadPeer, AnswersCutShortAreFailuresAndNeverHalfAnswers) {
  for (const char* text : {
           "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\"",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"a\"",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n{}",
           "HTTP/1.1 200 OK\r\nContent-Le",
           "HTTP/1.1 200 OK\r\nX-A: 1\r\n",
           "HTTP/1.1 103 Early Hints\r\n\r\n",
           "HTTP/1.1 ",
       }) {
    for (const bool kube : {true, false}) {
      reply(text, true);
      const auto* end = peer.exchange(client, get(kube ? "/x" : peer.url() + "/x"));
      ASSERT_NE(end, nullptr) << text;
      EXPECT_EQ(end->kind, Kind::Failed) << text;
      EXPECT_EQ(end->error.code, ErrorCode::Unavailable) << text;
    }
  }
}

TEST_F(BadPeer, AConnectionClosedWithoutAWordIsUnavailable) {
  peer.answer = [](const std::string&) { return std::nullopt; };
  const auto* end = peer.exchange(client, get("/x"));
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->kind, Kind::Failed);
  EXPECT_EQ(end->error.code, ErrorCode::Unavailable);
  EXPECT_LE(peer.requests.size(), 2U);  // no endless repetition
}

TEST_F(BadPeer, InterimAnswersAreNotTheAnswer) {
  reply("HTTP/1.1 103 Early Hints\r\nX-Interim: 1\r\n\r\n" + test::ok("final"), false);
  const auto* end = peer.exchange(client, get("/x"));
  ASSERT_NE(end, nullptr);
  ASSERT_EQ(end->kind, Kind::Response) << end->error.message;
  EXPECT_EQ(end->response.status, 200);
  EXPECT_EQ(end->response.body, "final");
  EXPECT_EQ(http::find_header(end->response.headers, "x-interim"), nullptr);
}

TEST_F(BadPeer, AFloodOfHeadersIsRefused) {
  std::string text = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 300; ++i)
    text += "X-" + std::to_string(i) + ": " + std::string(8000, 'h') + "\r\n";
  reply(text + "Content-Length: 0\r\n\r\n", true);
  const auto* end = peer.exchange(client, get(peer.url() + "/x"));
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->kind, Kind::Failed);
  EXPECT_EQ(end->error.code, ErrorCode::Unavailable);
}

TEST_F(BadPeer, AFloodOfInterimAnswersIsRefused) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "HTTP/1.1 103 Early\r\n\r\n";
  reply(text, false);
  const auto* end = peer.exchange(client, get(peer.url() + "/x"));
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->kind, Kind::Failed);
  EXPECT_THAT(end->error.message, HasSubstr("too large"));
}

// One line of a watch may be as large as an object may be; it is delivered piece by piece.
TEST_F(BadPeer, AHugeLineOfAWatchArrivesWhole) {
  constexpr std::size_t kSize = 6U << 20U;
  char size[16];
  std::snprintf(size, sizeof size, "%zx", kSize + 1);
  RawListener listener;
  client.options.kube.server = listener.url();
  client.start();
  const auto token = client.transport->submit(watch("/w", Millis(60'000)));
  RawConnection connection;
  ASSERT_TRUE(client.until([&] {
    if (!connection.open()) connection = listener.accept();
    return connection.open();
  }));
  std::string rest = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(size) +
                     "\r\n" + std::string(kSize, 'x') + "\n\r\n0\r\n\r\n";
  ASSERT_TRUE(client.until([&] {
    const ssize_t n =
        ::send(connection.fd(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) rest.erase(0, static_cast<std::size_t>(n));
    return client.find(token, Kind::StreamEnded) != nullptr;
  }));
  EXPECT_EQ(client.stream_text(token).size(), kSize + 1);
}

TEST_F(BadPeer, ARefusalOfAWatchThatNeverEndsIsATimeout) {
  reply("HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n..\r\n", false);
  const auto token = client.transport->submit(watch("/w", Millis(600'000)));
  ASSERT_TRUE(client.until([&] {
    peer.turn();
    return !peer.requests.empty();
  }));
  for (int i = 0; i < 20; ++i) client.transport->poll(client.seen, Millis(1));
  client.clock.advance(Millis(30'000));
  const auto* end = peer.wait_end(client, token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->error.code, ErrorCode::Timeout);
  EXPECT_EQ(client.find(token, Kind::StreamOpened), nullptr);
}

TEST_F(BadPeer, A429IsAnAnswerWithItsDelayAlsoForAWatch) {
  reply("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}", false);
  for (const bool stream : {false, true}) {
    const auto* end = peer.exchange(client, stream ? watch("/w") : get("/x"));
    ASSERT_NE(end, nullptr);
    ASSERT_EQ(end->kind, Kind::Response);
    EXPECT_EQ(end->response.status, 429);
    EXPECT_EQ(*http::find_header(end->response.headers, "retry-after"), "7");
  }
  EXPECT_EQ(peer.requests.size(), 2U);  // waiting is the caller's business
}

// The hand-shake: a peer that accepts and says nothing, one that closes, one that speaks no TLS.
TEST(BadTls, AHandShakeThatHangsIsATimeout) {
  RawListener listener;
  Client client;
  client.options.kube.server = "https://127.0.0.1:" + std::to_string(listener.port());
  client.start();
  const auto token = client.transport->submit(get("/x"));
  RawConnection connection;
  ASSERT_TRUE(client.until([&] {
    if (!connection.open()) connection = listener.accept();
    return connection.open();
  }));
  client.clock.advance(Millis(30'000));
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->error.code, ErrorCode::Timeout);
}

TEST(BadTls, AHandShakeThatFailsIsUnavailableAndSaysWhere) {
  for (const char* text : {"", "HTTP/1.1 400 Bad Request\r\n\r\n"}) {
    RawListener listener;
    Client client;
    client.options.kube.server = "https://127.0.0.1:" + std::to_string(listener.port());
    client.start();
    const auto token = client.transport->submit(get("/x"));
    RawConnection connection;
    ASSERT_TRUE(client.until([&] {
      if (!connection.open()) connection = listener.accept();
      return connection.open();
    }));
    connection.send(text);
    connection.shut();
    const auto* end = client.wait_end(token);
    ASSERT_NE(end, nullptr);
    EXPECT_EQ(end->kind, Kind::Failed);
    EXPECT_EQ(end->error.code, ErrorCode::Unavailable);
    EXPECT_THAT(end->error.message, HasSubstr(client.options.kube.server + "/x"));
  }
}

// A tunnel through a proxy: refused, and never answered.
struct BadProxy : testing::Test {
  void SetUp() override {
    client.options.kube.server = "https://api.example:6443";
    client.options.kube.proxy_url = proxy.url();
    client.options.kube.token = "secret";
    client.start();
  }
  ScriptedPeer proxy;
  Client client;
};

TEST_F(BadProxy, ARefusedTunnelIsUnavailableAndNoAnswerOfTheServer) {
  for (const char* status : {"407 Proxy Authentication Required", "403 Forbidden", "502 Bad"}) {
    proxy.requests.clear();
    proxy.answer = [&](const std::string&) {
      return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 4\r\n\r\nnope";
    };
    const auto* end = proxy.exchange(client, get("/x"));
    ASSERT_NE(end, nullptr);
    ASSERT_EQ(end->kind, Kind::Failed) << status;
    EXPECT_EQ(end->error.code, ErrorCode::Unavailable);
    EXPECT_THAT(end->error.message, HasSubstr(std::string(status).substr(0, 3)));
    ASSERT_FALSE(proxy.requests.empty());
    EXPECT_THAT(proxy.requests[0], HasSubstr("CONNECT api.example:6443 HTTP/1.1"));
    EXPECT_THAT(proxy.requests[0], testing::Not(HasSubstr("secret")));
  }
}

TEST_F(BadProxy, ATunnelThatIsNeverOpenedIsATimeout) {
  proxy.answer = [](const std::string&) { return ""; };
  const auto token = client.transport->submit(get("/x"));
  ASSERT_TRUE(client.until([&] {
    proxy.turn();
    return !proxy.requests.empty();
  }));
  client.clock.advance(Millis(30'000));
  const auto* end = proxy.wait_end(client, token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->error.code, ErrorCode::Timeout);
}

TEST(Names, OneThatDoesNotExistIsUnavailable) {
  Client client;
  client.start();
  const auto answer = call(*client.transport, get("http://unknown.example/x"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(answer.error().message, HasSubstr("unknown.example"));
}

// The loop has one thread: waiting for a name server would hold up every Rollout, and the Lease.
TEST(Names, ALookupThatHangsHoldsUpNobody) {
  ScriptedPeer peer;
  peer.answer = [](const std::string&) { return test::ok("here"); };
  Client client;
  client.start();
  const auto token = client.transport->submit(get("http://hangs.example/x"));
  ASSERT_TRUE(client.until([] { return hanging_lookup().count() == 1; }));
  const auto* other = peer.exchange(client, get(peer.url() + "/x"));
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(other->response.body, "here");
  client.clock.advance(Millis(30'000));
  const auto* end = client.wait_end(token);
  EXPECT_EQ(hanging_lookup().count(), 1);  // still hanging: nobody has waited for it
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->error.code, ErrorCode::Timeout);
  client.transport.reset();
  EXPECT_EQ(hanging_lookup().count(), 1);
  hanging_lookup().release();
}

TEST(Descriptors, RunningOutIsAFailureThatPasses) {
  ScriptedPeer peer;
  peer.answer = [](const std::string&) { return test::ok("here"); };
  Client client;
  client.start();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::dup(0);
  ::close(next);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto token = client.transport->submit(get(peer.url() + "/x"));
  const auto* end = client.wait_end(token);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->kind, Kind::Failed);
  EXPECT_EQ(end->error.code, ErrorCode::Unavailable);
  const auto* again = peer.exchange(client, get(peer.url() + "/x"));
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->response.body, "here");
}

}  // namespace
}  // namespace sluice::net
