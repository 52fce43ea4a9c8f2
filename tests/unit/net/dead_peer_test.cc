// Peers that fall silent, vanish, or never answer: HTTP/1.1.
#include <gmock/gmock.h>

#include "tests/unit/net/raw_peer.h"
#include "tests/unit/net/support.h"

namespace sluice::net {
namespace {

using test::Client;
using test::get;
using test::RawConnection;
using test::RawListener;
using test::watch;
using testing::HasSubstr;
using Kind = TransportEvent::Kind;

struct DeadPeer : testing::Test {
  void SetUp() override {
    client.options.kube.server = peer.url();
    client.start();
  }
  bool accept(RawConnection& connection) {
    return client.until([&] {
      connection = peer.accept();
      return connection.open();
    });
  }
  bool read(RawConnection& connection, const std::string& part) {
    std::string text;
    bool ended = false;
    return client.until([&] {
      text += connection.drain(ended);
      return text.find(part) != std::string::npos;
    });
  }
  bool ended(RawConnection& connection) {
    bool over = false;
    return client.until([&] {
      connection.drain(over);
      return over;
    });
  }
  RawListener peer;
  Client client;
};

TEST_F(DeadPeer, ARequestWithoutAnAnswerIsATimeoutWhenItsTimeIsUp) {
  const auto token = client.transport->submit(get("/x"));
  RawConnection connection;
  ASSERT_TRUE(accept(connection));
  ASSERT_TRUE(read(connection, "\r\n\r\n"));
  client.clock.advance(Millis(29'999));
  client.transport->poll(client.seen, Millis(0));
  EXPECT_TRUE(client.seen.empty());
  client.clock.advance(Millis(1));
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->kind, Kind::Failed);
  EXPECT_EQ(end->error.code, ErrorCode::Timeout);
  EXPECT_THAT(end->error.message, HasSubstr("GET " + peer.url() + "/x: no answer within 30s"));
}

TEST_F(DeadPeer, ATimeoutLeavesTheConnectionAndTheNextRequestSucceeds) {
  const auto first = client.transport->submit(get("/1"));
  RawConnection dead, fresh;
  ASSERT_TRUE(accept(dead));
  ASSERT_TRUE(read(dead, "/1"));
  dead.send(test::ok("one"));
  ASSERT_NE(client.wait_end(first), nullptr);
  const auto second = client.transport->submit(get("/2"));
  ASSERT_TRUE(read(dead, "/2"));
  client.clock.advance(Millis(30'000));
  EXPECT_EQ(client.wait_end(second)->error.code, ErrorCode::Timeout);
  const auto third = client.transport->submit(get("/3"));
  ASSERT_TRUE(accept(fresh));
  ASSERT_TRUE(read(fresh, "/3"));
  fresh.send(test::ok("three"));
  EXPECT_EQ(client.wait_end(third)->response.body, "three");
}

TEST_F(DeadPeer, ASilentWatchEndsWithATimeoutAndItsConnectionIsCut) {
  const auto token = client.transport->submit(watch("/w", Millis(60'000)));
  RawConnection connection;
  ASSERT_TRUE(accept(connection));
  ASSERT_TRUE(read(connection, "/w"));
  connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\n");
  ASSERT_TRUE(client.until([&] { return client.stream_text(token) == "ab\n"; }));
  client.clock.advance(Millis(59'000));
  connection.send("3\r\ncd\n\r\n");
  ASSERT_TRUE(client.until([&] { return client.stream_text(token) == "ab\ncd\n"; }));
  client.clock.advance(Millis(59'000));
  client.transport->poll(client.seen, Millis(0));
  EXPECT_EQ(client.find(token, Kind::Failed), nullptr);  // every byte starts the wait again
  client.clock.advance(Millis(1'000));
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->error.code, ErrorCode::Timeout);
  EXPECT_THAT(end->error.message, HasSubstr("silent for 1m0s"));
  EXPECT_TRUE(ended(connection));
}

TEST_F(DeadPeer, AWatchThatNeverOpensIsATimeout) {
  const auto token = client.transport->submit(watch("/w", Millis(600'000)));
  RawConnection connection;
  ASSERT_TRUE(accept(connection));
  ASSERT_TRUE(read(connection, "/w"));
  client.clock.advance(Millis(30'000));
  EXPECT_EQ(client.wait_end(token)->error.code, ErrorCode::Timeout);
}

TEST_F(DeadPeer, AnOpenWatchWithoutALimitMayBeSilentForHours) {
  const auto token = client.transport->submit(watch("/w"));
  RawConnection connection;
  ASSERT_TRUE(accept(connection));
  ASSERT_TRUE(read(connection, "/w"));
  connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  ASSERT_TRUE(client.until([&] { return client.find(token, Kind::StreamOpened) != nullptr; }));
  client.clock.advance(Millis(36'000'000));
  client.transport->poll(client.seen, Millis(0));
  EXPECT_EQ(client.find(token, Kind::Failed), nullptr);
}

TEST_F(DeadPeer, AWatchCutOffInItsMiddleIsAFailureAndNotAnEnd) {
  const auto token = client.transport->submit(watch("/w"));
  RawConnection connection;
  ASSERT_TRUE(accept(connection));
  ASSERT_TRUE(read(connection, "/w"));
  connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\n");
  ASSERT_TRUE(client.until([&] { return !client.stream_text(token).empty(); }));
  connection.shut();
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->kind, Kind::Failed);
  EXPECT_EQ(end->error.code, ErrorCode::Unavailable);
}

// A write that may have happened must come back as an error: sent twice it could happen twice.
TEST_F(DeadPeer, AWriteIsNotRepeatedWhenItsConnectionDies) {
  const auto first = client.transport->submit(get("/1"));
  RawConnection connection;
  ASSERT_TRUE(accept(connection));
  ASSERT_TRUE(read(connection, "/1"));
  connection.send(test::ok(""));
  ASSERT_NE(client.wait_end(first), nullptr);
  http::Request write = get("/2");
  write.method = "POST";
  write.body = "{\"a\":1}";
  const auto second = client.transport->submit(write);
  ASSERT_TRUE(read(connection, "{\"a\":1}"));
  connection.shut();
  const auto* end = client.wait_end(second);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->kind, Kind::Failed);
  EXPECT_EQ(end->error.code, ErrorCode::Unavailable);
  // curl may have opened another connection before it noticed that it cannot rewind: no request is
  // on it.
  RawConnection again = peer.accept();
  bool over = false;
  EXPECT_EQ(again.open() ? again.drain(over) : "", "");
}

TEST_F(DeadPeer, NobodyListeningIsUnavailable) {
  std::string url;
  {
    const RawListener gone;
    url = gone.url();
  }
  auto answer = call(*client.transport, get(url + "/q?secret=1"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(answer.error().message, HasSubstr(url + "/q"));
  EXPECT_THAT(answer.error().message, testing::Not(HasSubstr("secret")));
}

TEST_F(DeadPeer, AnswersThatAreNoHttpAreUnavailable) {
  const auto token = client.transport->submit(get("/x"));
  RawConnection connection;
  ASSERT_TRUE(accept(connection));
  ASSERT_TRUE(read(connection, "\r\n\r\n"));
  connection.send("SSH-2.0-OpenSSH\r\n\r\n");
  connection.shut();
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->kind, Kind::Failed);
  EXPECT_EQ(end->error.code, ErrorCode::Unavailable);
}

TEST_F(DeadPeer, MalformedAddressesFailWithoutATryAndNameTheCause) {
  for (const char* url : {"ftp://x/", "nonsense", "http://a b/"}) {
    auto answer = call(*client.transport, get(url));
    ASSERT_FALSE(answer) << url;
    EXPECT_THAT(answer.error().message, HasSubstr("bad URL"));
  }
}

TEST_F(DeadPeer, HeadersCannotBeSmuggledIn) {
  http::Request request = get("/x");
  request.headers = {{"X-Good", "1"}, {"X-Bad", "1\r\nX-Evil: 1"}};
  client.transport->submit(request);
  RawConnection connection;
  ASSERT_TRUE(accept(connection));
  std::string text;
  bool over = false;
  ASSERT_TRUE(client.until([&] {
    text += connection.drain(over);
    return text.find("\r\n\r\n") != std::string::npos;
  }));
  EXPECT_THAT(text, HasSubstr("X-Good: 1"));
  EXPECT_THAT(text, testing::Not(HasSubstr("X-Evil")));
}

TEST_F(DeadPeer, AProxyOfTheKubeconfigIsUsedEvenForLoopback) {
  RawListener proxy;
  client.options.kube.proxy_url = proxy.url();
  client.start();
  client.transport->submit(get("/x"));
  RawConnection connection;
  ASSERT_TRUE(client.until([&] {
    connection = proxy.accept();
    return connection.open();
  }));
  EXPECT_TRUE(read(connection, "GET " + peer.url() + "/x HTTP/1.1"));
}

TEST_F(DeadPeer, ProxyVariablesHoldForOtherHostsOnly) {
  RawListener proxy;
  client.files.environment["HTTP_PROXY"] = proxy.url();
  client.start();
  client.transport->submit(get("http://prometheus.monitoring.svc:9090/api/v1/query?query=up"));
  RawConnection through, direct;
  ASSERT_TRUE(client.until([&] {
    through = proxy.accept();
    return through.open();
  }));
  EXPECT_TRUE(
      read(through, "GET http://prometheus.monitoring.svc:9090/api/v1/query?query=up HTTP/1.1"));
  client.transport->submit(get("/x"));
  ASSERT_TRUE(accept(direct));
  EXPECT_TRUE(read(direct, "GET /x HTTP/1.1"));
}

// A client that does not read must cost the server a bounded buffer and no more.
TEST(SlowClient, IsDroppedWhenItFallsTooFarBehind) {
  test::Served served;
  served.start(false);
  const std::string url = served.server->url();
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
  ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  RawConnection connection(fd);
  connection.send("GET /w HTTP/1.1\r\nHost: x\r\n\r\n");
  test::Arrived arrived;
  ASSERT_TRUE(served.mailbox->take(arrived));
  arrived.responder->start_stream(200, {});
  const std::string line(64U << 10U, 'x');
  int written = 0;
  while (written < 2000 && arrived.responder->write(line)) ++written;
  EXPECT_GT(written, 10);
  EXPECT_LT(written, 2000);
  EXPECT_FALSE(arrived.responder->write("x"));
}

}  // namespace
}  // namespace sluice::net
