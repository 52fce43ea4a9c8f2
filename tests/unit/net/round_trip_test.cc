// Our transport against our server over loopback, in the clear and over TLS.
#include <gmock/gmock.h>

#include "tests/unit/net/support.h"

namespace sluice::net {
namespace {

using test::Arrived;
using test::Client;
using test::get;
using test::Served;
using test::watch;
using testing::HasSubstr;
using Kind = TransportEvent::Kind;

class RoundTrip : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    served.start(GetParam());
    client.options.kube.server = served.server->url();
    client.options.kube.ca_pem = served.ca.cert_pem;
    client.options.kube.token = "secret";
    client.options.user_agent = "sluice/test";
    client.start();
  }
  // Turns the transport until the server has the request.
  bool arrive(Arrived& arrived) {
    return client.until([&] { return served.mailbox->try_take(arrived); });
  }
  Served served;
  Client client;
};
INSTANTIATE_TEST_SUITE_P(Net, RoundTrip, testing::Values(false, true),
                         [](const auto& which) { return which.param ? "https" : "http"; });

TEST_P(RoundTrip, ARequestArrivesWholeAndSoDoesItsAnswer) {
  http::Request request = get("/api/v1/pods?labelSelector=a%3Db%2C%21c&limit=5");
  request.method = "PATCH";
  request.headers = {{"Content-Type", "application/merge-patch+json"}, {"X-Empty", ""}};
  request.body = R"({"spec":{"a":"\u00fc","big":")" + std::string(300'000, 'x') + "\"}}";
  const auto token = client.transport->submit(request);
  Arrived arrived;
  ASSERT_TRUE(arrive(arrived));
  const auto& got = arrived.inbound.request;
  EXPECT_EQ(got.method, "PATCH");
  EXPECT_EQ(got.url, request.url);
  EXPECT_EQ(got.body, request.body);
  ASSERT_NE(http::find_header(got.headers, "authorization"), nullptr);
  EXPECT_EQ(*http::find_header(got.headers, "authorization"), "Bearer secret");
  EXPECT_EQ(*http::find_header(got.headers, "content-type"), "application/merge-patch+json");
  EXPECT_EQ(*http::find_header(got.headers, "user-agent"), "sluice/test");
  EXPECT_EQ(http::find_header(got.headers, "expect"), nullptr);
  EXPECT_THAT(arrived.inbound.remote, HasSubstr("127.0.0.1"));
  arrived.responder->respond(
      {429, {{"Content-Type", "application/json"}, {"Retry-After", "7"}}, R"({"kind":"Status"})"});
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  ASSERT_EQ(end->kind, Kind::Response) << end->error.message;
  EXPECT_EQ(end->response.status, 429);
  EXPECT_EQ(end->response.body, R"({"kind":"Status"})");
  ASSERT_NE(http::find_header(end->response.headers, "retry-after"), nullptr);
  EXPECT_EQ(*http::find_header(end->response.headers, "retry-after"), "7");
  EXPECT_EQ(*http::find_header(end->response.headers, "content-type"), "application/json");
}

TEST_P(RoundTrip, EveryMethodArrivesAsItWasSent) {
  for (const char* method : {"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"}) {
    http::Request request = get("/x");
    request.method = method;
    const auto token = client.transport->submit(request);
    Arrived arrived;
    ASSERT_TRUE(arrive(arrived)) << method;
    EXPECT_EQ(arrived.inbound.request.method, method);
    EXPECT_EQ(arrived.inbound.request.body, "");
    arrived.responder->respond({200, {}, "done"});
    const auto* end = client.wait_end(token);
    ASSERT_NE(end, nullptr) << method;
    EXPECT_EQ(end->response.status, 200) << end->error.message;
    EXPECT_EQ(end->response.body, std::string(method) == "HEAD" ? "" : "done");
  }
}

TEST_P(RoundTrip, ALargeAnswerArrivesWhole) {
  const auto token = client.transport->submit(get("/list"));
  Arrived arrived;
  ASSERT_TRUE(arrive(arrived));
  const std::string body(12U << 20U, 'z');
  arrived.responder->respond({200, {}, body});
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  EXPECT_TRUE(end->response.body == body);
}

// Each event is written only after the one before it has arrived: a server that waits for more
// bytes before it sends never gets past the first.
TEST_P(RoundTrip, EachEventOfAWatchArrivesBeforeTheNextIsWritten) {
  const auto token = client.transport->submit(watch("/api/v1/pods?watch=1"));
  Arrived arrived;
  ASSERT_TRUE(arrive(arrived));
  arrived.responder->start_stream(200, {{"Content-Type", "application/json"}});
  ASSERT_TRUE(client.until([&] { return client.find(token, Kind::StreamOpened) != nullptr; }));
  EXPECT_EQ(
      *http::find_header(client.find(token, Kind::StreamOpened)->response.headers, "content-type"),
      "application/json");
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string line = R"({"type":"ADDED","n":)" + std::to_string(i) + "}\n";
    ASSERT_TRUE(arrived.responder->write(line));
    expected += line;
    ASSERT_TRUE(client.until([&] { return client.stream_text(token) == expected; })) << i;
  }
  arrived.responder->finish();
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->kind, Kind::StreamEnded);
  EXPECT_FALSE(arrived.responder->write("late"));
}

TEST_P(RoundTrip, ALongInitialListOfAWatchKeepsItsOrder) {
  const auto token = client.transport->submit(watch("/w"));
  Arrived arrived;
  ASSERT_TRUE(arrive(arrived));
  arrived.responder->start_stream(200, {});
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string line = std::to_string(i) + std::string(1000, 'o') + "\n";
    ASSERT_TRUE(arrived.responder->write(line));
    expected += line;
  }
  arrived.responder->finish();
  ASSERT_NE(client.wait_end(token), nullptr);
  EXPECT_TRUE(client.stream_text(token) == expected);
}

TEST_P(RoundTrip, ARefusedWatchIsAResponse) {
  const auto token = client.transport->submit(watch("/w"));
  Arrived arrived;
  ASSERT_TRUE(arrive(arrived));
  arrived.responder->respond({410, {}, "gone"});
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->kind, Kind::Response);
  EXPECT_EQ(end->response.status, 410);
  EXPECT_EQ(end->response.body, "gone");
  EXPECT_EQ(client.find(token, Kind::StreamOpened), nullptr);
}

TEST_P(RoundTrip, WatchesDoNotHoldUpRequests) {
  std::vector<Arrived> watches(12);
  for (auto& arrived : watches) {
    client.transport->submit(watch("/w"));
    ASSERT_TRUE(arrive(arrived));
    arrived.responder->start_stream(200, {});
  }
  std::vector<RequestToken> tokens;
  for (int i = 0; i < 20; ++i) tokens.push_back(client.transport->submit(get("/x")));
  for (int i = 0; i < 20; ++i) {
    Arrived arrived;
    ASSERT_TRUE(arrive(arrived));
    arrived.responder->respond({200, {}, ""});
  }
  for (const auto token : tokens) {
    const auto* end = client.wait_end(token);
    ASSERT_NE(end, nullptr);
    EXPECT_EQ(end->response.status, 200);
  }
  for (auto& arrived : watches) EXPECT_TRUE(arrived.responder->write("still here\n"));
}

// All at once on a fresh transport: none may wait for another one's end, which never comes.
TEST_P(RoundTrip, WatchesOpenedTogetherAllOpen) {
  constexpr int kWatches = 12;
  std::vector<RequestToken> tokens;
  for (int i = 0; i < kWatches; ++i) tokens.push_back(client.transport->submit(watch("/w")));
  std::vector<Arrived> watches(kWatches);
  for (auto& arrived : watches) {
    ASSERT_TRUE(arrive(arrived));
    arrived.responder->start_stream(200, {});
  }
  for (const auto token : tokens) {
    EXPECT_TRUE(client.until([&] { return client.find(token, Kind::StreamOpened) != nullptr; }));
  }
}

TEST_P(RoundTrip, AfterCancelNothingMoreIsDeliveredAndTheServerLearnsOfIt) {
  const auto token = client.transport->submit(watch("/w"));
  Arrived arrived;
  ASSERT_TRUE(arrive(arrived));
  arrived.responder->start_stream(200, {});
  ASSERT_TRUE(client.until([&] { return client.find(token, Kind::StreamOpened) != nullptr; }));
  client.transport->cancel(token);
  const auto before = client.seen.size();
  EXPECT_TRUE(client.until([&] { return !arrived.responder->write("anyone?\n"); }));
  EXPECT_EQ(client.seen.size(), before);
}

TEST_P(RoundTrip, CancelAlsoTakesBackEventsNotYetDelivered) {
  client.options.kube.server = "";
  client.start();  // every request fails at once
  const auto token = client.transport->submit(get("/x"));
  client.transport->cancel(token);
  client.transport->poll(client.seen, Millis(0));
  EXPECT_TRUE(client.seen.empty());
}

TEST_P(RoundTrip, AHandlerThatThrowsIsA500AndTheServerLivesOn) {
  Served broken;
  broken.start(GetParam(), [](InboundRequest inbound, std::shared_ptr<Responder> responder) {
    if (inbound.request.url == "/throw") throw std::runtime_error("oops");
    if (inbound.request.url == "/forget") return;
    responder->respond({200, {}, "fine"});
  });
  client.options.kube.server = broken.server->url();
  client.options.kube.ca_pem = broken.ca.cert_pem;
  client.start();
  for (const char* path : {"/throw", "/forget"}) {
    auto answer = call(*client.transport, get(path));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 500) << path;
  }
  auto answer = call(*client.transport, get("/fine"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "fine");
}

TEST_P(RoundTrip, OnlyTheFirstAnswerCounts) {
  const auto token = client.transport->submit(get("/x"));
  Arrived arrived;
  ASSERT_TRUE(arrive(arrived));
  arrived.responder->respond({200, {}, "first"});
  arrived.responder->respond({500, {}, "second"});
  arrived.responder->start_stream(200, {});
  EXPECT_FALSE(arrived.responder->write("third"));
  EXPECT_EQ(client.wait_end(token)->response.body, "first");
}

TEST_P(RoundTrip, StoppingTheServerEndsStreamsAndOpenRequests) {
  const auto stream = client.transport->submit(watch("/w"));
  Arrived watching, waiting;
  ASSERT_TRUE(arrive(watching));
  watching.responder->start_stream(200, {});
  ASSERT_TRUE(client.until([&] { return client.find(stream, Kind::StreamOpened) != nullptr; }));
  const auto open = client.transport->submit(get("/slow"));
  ASSERT_TRUE(arrive(waiting));
  served.server->stop();
  ASSERT_NE(client.wait_end(stream), nullptr);
  const auto* end = client.wait_end(open);
  ASSERT_NE(end, nullptr);
  EXPECT_TRUE(end->kind == Kind::Failed || end->response.status == 500);
  EXPECT_FALSE(watching.responder->write("x"));
  waiting.responder->respond({200, {}, "too late"});
}

TEST_P(RoundTrip, WakeEndsAWaitingPoll) {
  client.transport->wake();
  client.transport->poll(client.seen,
                         Millis(600'000));  // the test's own timeout would strike otherwise
  EXPECT_TRUE(client.seen.empty());
}

TEST_P(RoundTrip, AbsoluteAddressesGetNoCredentials) {
  Served other;
  other.start(false);
  const auto token = client.transport->submit(get(other.server->url() + "/api/v1/query?query=up"));
  Arrived arrived;
  ASSERT_TRUE(client.until([&] { return other.mailbox->try_take(arrived); }));
  EXPECT_EQ(http::find_header(arrived.inbound.request.headers, "authorization"), nullptr);
  EXPECT_EQ(arrived.inbound.request.url, "/api/v1/query?query=up");
  arrived.responder->respond({200, {}, "{}"});
  EXPECT_NE(client.wait_end(token), nullptr);
}

TEST_P(RoundTrip, RedirectsOfMetricAddressesAreFollowed) {
  Served other;
  other.start(false, [](InboundRequest inbound, std::shared_ptr<Responder> responder) {
    if (inbound.request.url == "/old")
      return responder->respond({302, {{"Location", "/new"}}, "moved"});
    responder->respond({200, {}, inbound.request.url});
  });
  http::Request request = get(other.server->url() + "/old");
  request.redirects_max = 10;
  auto answer = call(*client.transport, request);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "/new");
}

TEST_P(RoundTrip, ImpersonationGoesAlong) {
  client.options.kube.impersonate_user = "boss";
  client.options.kube.impersonate_groups = {"a", "b"};
  client.start();
  client.transport->submit(get("/x"));
  Arrived arrived;
  ASSERT_TRUE(arrive(arrived));
  EXPECT_EQ(*http::find_header(arrived.inbound.request.headers, "impersonate-user"), "boss");
  EXPECT_EQ(*http::find_header(arrived.inbound.request.headers, "impersonate-group"), "a, b");
  arrived.responder->respond({200, {}, ""});
}

TEST(Serve, ATakenPortIsUnavailable) {
  Served served;
  served.start(false);
  ServerOptions options;
  options.port = std::stoi(served.server->url().substr(served.server->url().rfind(':') + 1));
  auto second = serve(options, [](InboundRequest, std::shared_ptr<Responder>) {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::Unavailable);
}

TEST(Serve, HalfACertificateIsInvalid) {
  ServerOptions options;
  options.cert_pem = "x";
  auto server = serve(options, [](InboundRequest, std::shared_ptr<Responder>) {});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, ErrorCode::Invalid);
}

struct Tls : testing::Test {
  void SetUp() override {
    served.start(true, [](InboundRequest, std::shared_ptr<Responder> responder) {
      responder->respond({200, {}, "ok"});
    });
    client.options.kube.server = served.server->url();
    client.options.kube.ca_pem = served.ca.cert_pem;
  }
  Result<http::Response> ask() {
    client.start();
    return call(*client.transport, get("/x"));
  }
  Served served;
  Client client;
};

TEST_F(Tls, AnotherCaIsRefused) {
  client.options.kube.ca_pem = make_ca("other", system_clock()->wall_now())->cert_pem;
  auto answer = ask();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(answer.error().message, HasSubstr("certificate"));
}

TEST_F(Tls, WithoutACaTheSystemsRootsDecide) {
  client.options.kube.ca_pem = "";
  EXPECT_FALSE(ask());
}

TEST_F(Tls, SkippingVerificationIsPossibleWhenAskedFor) {
  client.options.kube.ca_pem = "";
  client.options.kube.insecure_skip_verify = true;
  EXPECT_TRUE(ask());
}

TEST_F(Tls, AMetricAddressMaySkipVerificationToo) {
  client.start();
  http::Request request = get(served.server->url() + "/m");
  EXPECT_FALSE(call(*client.transport, request));
  request.insecure_skip_verify = true;
  EXPECT_TRUE(call(*client.transport, request));
}

TEST_F(Tls, ANameThatTheCertificateDoesNotHaveIsRefused) {
  client.options.kube.tls_server_name = "other.example";
  EXPECT_FALSE(ask());
}

TEST_F(Tls, TheServerNameOfTheKubeconfigIsWhatCounts) {
  client.options.kube.tls_server_name = "api.example";
  auto answer = ask();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "ok");
}

TEST_F(Tls, AnExpiredCertificateIsRefused) {
  const WallTime past = system_clock()->wall_now() - std::chrono::hours(24 * 800);
  const auto leaf = make_leaf(served.ca, "server", {}, {"127.0.0.1"}, past);
  ASSERT_TRUE(leaf);
  ServerOptions options{.cert_pem = leaf->cert_pem, .key_pem = leaf->key_pem};
  auto old = serve(options, [](InboundRequest, std::shared_ptr<Responder> responder) {
    responder->respond({200, {}, ""});
  });
  ASSERT_TRUE(old);
  client.options.kube.server = (*old)->url();
  auto answer = ask();
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("expired"));
}

TEST(Pki, LeavesRefuseWhatIsNoAddress) {
  const WallTime now = system_clock()->wall_now();
  const auto ca = make_ca("ca", now);
  ASSERT_TRUE(ca);
  EXPECT_EQ(make_leaf(*ca, "x", {}, {"not-an-ip"}, now).error().code, ErrorCode::Invalid);
  EXPECT_EQ(make_leaf({"garbage", "garbage"}, "x", {}, {}, now).error().code, ErrorCode::Invalid);
}

}  // namespace
}  // namespace sluice::net
