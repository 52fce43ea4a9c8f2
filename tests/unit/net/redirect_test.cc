// How many redirects are followed, and what of a request goes along.
#include "net/redirect.h"

#include <gmock/gmock.h>

#include "tests/unit/net/scripted_peer.h"

namespace sluice::net {
namespace {

using test::Client;
using test::get;
using test::ScriptedPeer;
using testing::HasSubstr;
using testing::Not;
using Kind = TransportEvent::Kind;

TEST(Redirect, MethodAndBodyFollowTheStatus) {
  struct Case {
    int status;
    const char *method, *becomes;
    bool body;
  };
  for (const auto& c : {Case{301, "POST", "GET", false}, Case{302, "PUT", "GET", false},
                        Case{303, "POST", "GET", false}, Case{302, "GET", "GET", true},
                        Case{302, "HEAD", "HEAD", true}, Case{307, "POST", "POST", true},
                        Case{308, "PUT", "PUT", true}}) {
    http::Request request = get("http://a.example/x");
    request.method = c.method;
    request.body = "payload";
    request.headers = {{"Content-Type", "text/plain"}, {"X-Kept", "1"}};
    ASSERT_TRUE(redirect(request, c.status, "http://a.example/y?z=1"));
    EXPECT_EQ(request.url, "http://a.example/y?z=1");
    EXPECT_EQ(request.method, c.becomes) << c.status;
    EXPECT_EQ(request.body, c.body ? "payload" : "") << c.status;
    EXPECT_EQ(http::find_header(request.headers, "content-type") != nullptr, c.body) << c.status;
    EXPECT_NE(http::find_header(request.headers, "X-Kept"), nullptr);
  }
}

TEST(Redirect, CredentialsStayWithTheirHost) {
  struct Case {
    const char *from, *to;
    bool credentials, host;
  };
  for (const auto& c : {
           Case{"http://a.example/", "http://a.example:8080/", true, true},
           Case{"http://a.example/", "https://A.example/", true, true},
           Case{"http://a.example/", "http://b.a.example/", true, false},
           Case{"http://b.a.example/", "http://a.example/", false, false},
           Case{"http://a.example/", "http://aa.example/", false, false},
           Case{"http://a.example/", "http://other.example/", false, false},
           Case{"https://a.example/", "http://a.example/", false, true},
       }) {
    http::Request request = get(c.from);
    request.headers = {{"authorization", "Bearer x"}, {"Cookie", "s=1"}, {"Host", "virtual"}};
    ASSERT_TRUE(redirect(request, 302, c.to));
    EXPECT_EQ(http::find_header(request.headers, "Authorization") != nullptr, c.credentials)
        << c.from << " to " << c.to;
    EXPECT_EQ(http::find_header(request.headers, "Cookie") != nullptr, c.credentials) << c.to;
    EXPECT_EQ(http::find_header(request.headers, "Host") != nullptr, c.host) << c.to;
  }
}

TEST(Redirect, OnlyPlainWebAddressesAreTargets) {
  for (const char* target : {"ftp://a.example/", "file:///etc/passwd", "http://a%2eexample/"}) {
    http::Request request = get("http://a.example/x");
    const auto status = redirect(request, 302, target);
    ASSERT_FALSE(status) << target;
    EXPECT_EQ(status.error().code, ErrorCode::Invalid);
    EXPECT_EQ(request.url, "http://a.example/x");
  }
}

// A peer that sends every request on to the next number.
struct Redirects : testing::Test {
  void SetUp() override {
    peer.answer = [this](const std::string& request) -> std::optional<std::string> {
      const auto at = request.find(" /") + 2;
      const int n = std::stoi(request.substr(at));
      if (n >= hops) return test::ok("at " + std::to_string(n));
      return "HTTP/1.1 " + std::to_string(status) +
             " Moved\r\nLocation: " + std::to_string(n + 1) + "\r\nContent-Length: 5\r\n\r\nmoved";
    };
    client.start();
  }
  http::Request first(int redirects_max) {
    http::Request request = get(peer.url() + "/0");
    request.redirects_max = redirects_max;
    return request;
  }
  ScriptedPeer peer;
  Client client;
  int hops = 1, status = 302;
};

TEST_F(Redirects, WithoutLeaveTheAnswerIsTheRedirect) {
  const auto* end = peer.exchange(client, first(0));
  ASSERT_NE(end, nullptr);
  ASSERT_EQ(end->kind, Kind::Response) << end->error.message;
  EXPECT_EQ(end->response.status, 302);
  EXPECT_EQ(end->response.body, "moved");
  EXPECT_EQ(*http::find_header(end->response.headers, "location"), "1");
  EXPECT_EQ(peer.requests.size(), 1U);
}

TEST_F(Redirects, ExactlyAsManyAreFollowedAsAreAllowed) {
  for (const int allowed : {1, 3, 10}) {
    hops = allowed;
    peer.requests.clear();
    const auto* end = peer.exchange(client, first(allowed));
    ASSERT_NE(end, nullptr);
    ASSERT_EQ(end->kind, Kind::Response) << end->error.message;
    EXPECT_EQ(end->response.body, "at " + std::to_string(allowed));
    EXPECT_EQ(peer.requests.size(), static_cast<std::size_t>(allowed) + 1);

    hops = allowed + 1;
    peer.requests.clear();
    end = peer.exchange(client, first(allowed));
    ASSERT_NE(end, nullptr);
    ASSERT_EQ(end->kind, Kind::Failed);
    EXPECT_EQ(end->error.code, ErrorCode::Unavailable);
    EXPECT_THAT(end->error.message,
                HasSubstr("stopped after " + std::to_string(allowed) + " redirects"));
    EXPECT_EQ(peer.requests.size(), static_cast<std::size_t>(allowed) + 1);
  }
}

TEST_F(Redirects, APostBecomesAGetWithoutItsBody) {
  http::Request request = first(10);
  request.method = "POST";
  request.body = "query=up";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  const auto* end = peer.exchange(client, request);
  ASSERT_NE(end, nullptr);
  ASSERT_EQ(end->kind, Kind::Response) << end->error.message;
  EXPECT_EQ(end->response.body, "at 1");
  ASSERT_EQ(peer.requests.size(), 2U);
  EXPECT_THAT(peer.requests[0], HasSubstr("POST /0 HTTP/1.1"));
  EXPECT_THAT(peer.requests[1], HasSubstr("GET /1 HTTP/1.1"));
  EXPECT_THAT(peer.requests[1], Not(HasSubstr("query=up")));
  EXPECT_THAT(peer.requests[1], Not(HasSubstr("form-urlencoded")));
}

TEST_F(Redirects, APermanentOneKeepsMethodAndBody) {
  status = 308;
  http::Request request = first(10);
  request.method = "POST";
  request.body = "query=up";
  const auto* end = peer.exchange(client, request);
  ASSERT_NE(end, nullptr);
  ASSERT_EQ(end->kind, Kind::Response) << end->error.message;
  ASSERT_EQ(peer.requests.size(), 2U);
  EXPECT_THAT(peer.requests[1], HasSubstr("POST /1 HTTP/1.1"));
  EXPECT_THAT(peer.requests[1], HasSubstr("query=up"));
}

TEST_F(Redirects, TheTimeLimitHoldsForAllHopsTogether) {
  hops = 1'000'000;
  http::Request request = first(1'000'000);
  const auto token = client.transport->submit(request);
  ASSERT_TRUE(client.until([&] {
    peer.turn();
    return peer.requests.size() > 20;
  }));
  client.clock.advance(Millis(30'000));
  const auto* end = peer.wait_end(client, token);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->error.code, ErrorCode::Timeout);
}

TEST_F(Redirects, OfOtherKindsOrWithoutATargetAreAnswers) {
  for (const char* head : {"304 Not Modified\r\nLocation: /9", "300 Choices\r\nLocation: /9",
                           "302 Found", "302 Found\r\nLocation:"}) {
    peer.requests.clear();
    peer.answer = [&](const std::string&) {
      return "HTTP/1.1 " + std::string(head) + "\r\nContent-Length: 0\r\n\r\n";
    };
    const auto* end = peer.exchange(client, first(10));
    ASSERT_NE(end, nullptr);
    ASSERT_EQ(end->kind, Kind::Response) << head << end->error.message;
    EXPECT_EQ(end->response.status / 100, 3);
    EXPECT_EQ(peer.requests.size(), 1U) << head;
  }
}

TEST_F(Redirects, ToWhatIsNoWebAddressAreFailures) {
  peer.answer = [](const std::string&) {
    return "HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/x\r\nContent-Length: 0\r\n\r\n";
  };
  const auto* end = peer.exchange(client, first(10));
  ASSERT_NE(end, nullptr);
  ASSERT_EQ(end->kind, Kind::Failed);
  EXPECT_THAT(end->error.message, HasSubstr("only http and https are spoken"));
}

// What the API server says is never followed: credentials would go along.
TEST_F(Redirects, OfTheApiServerAreAnswers) {
  client.options.kube.server = peer.url();
  client.options.kube.token = "secret";
  client.start();
  http::Request request = get("/0");
  request.redirects_max = 10;
  const auto* end = peer.exchange(client, request);
  ASSERT_NE(end, nullptr);
  ASSERT_EQ(end->kind, Kind::Response);
  EXPECT_EQ(end->response.status, 302);
  EXPECT_EQ(peer.requests.size(), 1U);
}

}  // namespace
}  // namespace sluice::net
