// Metric queries and the strangers that answer them: where Secrets go, which addresses are asked,
// how much of an answer is taken, and what is left for others.
#include <gmock/gmock.h>

#include "net/redirect.h"
#include "tests/unit/net/names.h"
#include "tests/unit/net/scripted_peer.h"

namespace sluice::net {
namespace {

using test::Client;
using test::get;
using test::hanging_lookup;
using test::RawConnection;
using test::RawListener;
using test::ScriptedPeer;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Kind = TransportEvent::Kind;

http::Request query(const std::string& url, const std::string& namespace_ = "shop") {
  http::Request request = get(url);
  request.client_name = "metric";
  request.redirects_max = 10;
  request.on_behalf_of = namespace_;
  return request;
}

std::string moved(int status, const std::string& target) {
  return "HTTP/1.1 " + std::to_string(status) + " Moved\r\nLocation: " + target +
         "\r\nContent-Length: 0\r\n\r\n";
}

// Two servers on two ports; the first sends everybody to the second.
struct Strangers : testing::Test {
  void SetUp() override {
    first.answer = [this](const std::string&) { return moved(status, second.url() + "/there"); };
    second.answer = [](const std::string&) { return test::ok("reached"); };
  }
  void start(bool redirects_may_come_here) {
    if (redirects_may_come_here) client.options.metric_allow_cidr = {"127.0.0.0/8"};
    client.start();
  }
  const TransportEvent* ask(http::Request request) {
    const RequestToken token = client.transport->submit(std::move(request));
    const TransportEvent* end = nullptr;
    client.until([&] {
      first.turn();
      second.turn();
      end = client.find(token, Kind::Response);
      if (end == nullptr) end = client.find(token, Kind::Failed);
      return end != nullptr;
    });
    return end;
  }
  // Why the request was not sent.
  std::string refused(const http::Request& request) {
    const auto* end = ask(request);
    if (end == nullptr) return "no end";
    return end->kind == Kind::Failed ? end->error.message : "answered: " + end->response.body;
  }
  int status = 302;
  ScriptedPeer first, second;
  Client client;
};
using F8_Secrets = Strangers;
using F8_Connections = Strangers;

TEST_F(F8_Secrets, of_headers_do_not_follow_a_redirect_to_another_port_and_plain_headers_do) {
  start(true);
  http::Request request = query(first.url() + "/x?token=TopSecret");
  request.headers = {{"X-Api-Key", "TopSecret"}, {"Authorization", "Bearer TopSecret"},
                     {"X-Plain", "1"}, {"Accept", "text/plain"}};
  request.secret_headers = {"x-api-key", "Authorization"};
  const auto* end = ask(request);
  ASSERT_NE(end, nullptr);
  ASSERT_EQ(end->kind, Kind::Response) << end->error.message;
  EXPECT_EQ(end->response.body, "reached");
  ASSERT_EQ(first.requests.size(), 1U);
  EXPECT_THAT(first.requests[0], HasSubstr("X-Api-Key: TopSecret"));
  ASSERT_EQ(second.requests.size(), 1U);
  EXPECT_THAT(second.requests[0], Not(HasSubstr("TopSecret")));
  EXPECT_THAT(second.requests[0], AllOf(HasSubstr("X-Plain: 1"), HasSubstr("Accept: text/plain")));
}

TEST_F(F8_Secrets, of_the_url_are_sent_to_the_place_that_it_names_only) {
  start(true);
  EXPECT_EQ(refused(query("http://user:p%40w@" + first.url().substr(7) + "/x")),
            "answered: reached");
  ASSERT_EQ(first.requests.size(), 1U);
  EXPECT_THAT(first.requests[0], HasSubstr("Authorization: Basic dXNlcjpwQHc="));
  ASSERT_EQ(second.requests.size(), 1U);
  EXPECT_THAT(second.requests[0], Not(HasSubstr("Authorization")));
  EXPECT_THAT(refused(query("http://user:secret@a:x/")), Not(HasSubstr("secret")));
}

TEST_F(F8_Secrets, stay_on_the_way_within_one_server) {
  start(false);
  first.answer = [this](const std::string& text) {
    return text.starts_with("GET /x ") ? moved(302, "/y") : test::ok("reached");
  };
  http::Request request = query(first.url() + "/x");
  request.headers = {{"X-Api-Key", "TopSecret"}};
  request.secret_headers = {"X-Api-Key"};
  const auto* end = ask(request);
  ASSERT_NE(end, nullptr);
  ASSERT_EQ(end->kind, Kind::Response) << end->error.message;
  ASSERT_EQ(first.requests.size(), 2U);
  EXPECT_THAT(first.requests[1], HasSubstr("X-Api-Key: TopSecret"));
}

TEST_F(F8_Secrets, of_a_body_end_the_request_that_would_take_them_elsewhere) {
  start(true);
  status = 307;
  http::Request request = query(first.url() + "/x");
  request.method = "POST";
  request.body = "key=TopSecret";
  request.secret_body = true;
  EXPECT_THAT(refused(request),
              AllOf(HasSubstr("redirect: it leads to " + second.url()),
                    HasSubstr("the request's body holds a Secret's value")));
  EXPECT_EQ(second.accepted, 0);
  // Where the body is left behind anyway, and where it holds no Secret, the way is open.
  status = 302;
  EXPECT_EQ(refused(request), "answered: reached");
  EXPECT_THAT(second.requests.at(0), Not(HasSubstr("TopSecret")));
  status = 307;
  request.secret_body = false;
  EXPECT_EQ(refused(request), "answered: reached");
}

TEST(F8_Redirect, secrets_are_for_the_place_that_the_metric_names) {
  struct Case {
    const char *from, *to;
    bool kept;
  };
  for (const auto& c : {
           Case{"http://a.example/", "http://a.example/y", true},
           Case{"http://a.example/", "http://A.example:80/y", true},
           Case{"http://a.example/", "https://a.example/", true},
           Case{"http://a.example:80/", "https://a.example:443/", true},
           Case{"http://a.example:8080/", "https://a.example:8443/", false},
           Case{"http://a.example/", "https://a.example:8443/", false},
           Case{"http://a.example/", "http://a.example:8080/", false},
           Case{"https://a.example/", "http://a.example/", false},
           Case{"https://a.example/", "http://a.example:443/", false},
           Case{"https://a.example/", "https://b.a.example/", false},
           Case{"https://b.a.example/", "https://a.example/", false},
           Case{"https://a.example/", "https://a.example.evil.example/", false},
           Case{"https://a.example/", "https://a.example./", false},
       }) {
    http::Request request = get(c.from);
    request.headers = {{"X-Api-Key", "s"}, {"X-Plain", "1"}};
    request.secret_headers = {"X-Api-Key"};
    ASSERT_TRUE(redirect(request, 302, c.to)) << c.to;
    EXPECT_EQ(http::find_header(request.headers, "X-Api-Key") != nullptr, c.kept)
        << c.from << " to " << c.to;
    EXPECT_NE(http::find_header(request.headers, "X-Plain"), nullptr);
    http::Request post = get(c.from);
    post.method = "POST";
    post.body = "s";
    post.secret_body = true;
    EXPECT_EQ(redirect(post, 308, c.to).has_value(), c.kept) << c.from << " to " << c.to;
    EXPECT_EQ(post.url, c.kept ? c.to : c.from);
  }
}

TEST(F8_Redirect, the_user_of_a_url_stays_on_its_server) {
  http::Request request = get("http://u:p@a.example/x");
  ASSERT_TRUE(redirect(request, 302, "http://a.example:80/y"));
  ASSERT_NE(http::find_header(request.headers, "Authorization"), nullptr);
  ASSERT_TRUE(redirect(request, 302, "http://a.example:8080/z"));
  EXPECT_EQ(http::find_header(request.headers, "Authorization"), nullptr);
}

TEST_F(F8_Connections, a_redirect_does_not_lead_to_this_machine) {
  start(false);
  for (const std::string& target :
       {second.url() + "/metrics", "http://127-0-0-1.at.example:" + std::to_string(second.port()),
        "http://localhost:" + std::to_string(second.port()),
        "http://2130706433:" + std::to_string(second.port()),
        "http://0.0.0.0:" + std::to_string(second.port()),
        "http://[::ffff:127.0.0.1]:" + std::to_string(second.port())}) {
    first.answer = [&](const std::string&) { return moved(302, target); };
    const std::string why = refused(query(first.url() + "/x"));
    EXPECT_THAT(why, HasSubstr("a redirect leads to ")) << target;
    EXPECT_THAT(why, HasSubstr("which is this machine (--metric-allow-cidr=")) << target;
  }
  EXPECT_EQ(second.accepted, 0) << "not even a connection";
}

TEST_F(F8_Connections, nor_over_a_connection_that_is_open_already) {
  start(false);
  EXPECT_EQ(refused(query(second.url() + "/named")), "answered: reached");
  EXPECT_THAT(refused(query(first.url() + "/x")), HasSubstr("which is this machine"));
  EXPECT_EQ(second.requests.size(), 1U);
}

TEST_F(F8_Connections, a_metric_may_name_this_machine_itself) {
  start(false);
  EXPECT_EQ(refused(query(second.url() + "/metrics")), "answered: reached");
  EXPECT_EQ(refused(query("http://localhost:" + std::to_string(second.port()) + "/metrics")),
            "answered: reached");
}

TEST_F(F8_Connections, a_flag_lets_redirects_come_here) {
  start(true);
  EXPECT_EQ(refused(query(first.url() + "/x")), "answered: reached");
}

TEST_F(F8_Connections, link_local_addresses_are_not_asked_however_they_are_named) {
  start(false);
  for (const char* host : {"169.254.169.254", "2852039166", "0xa9.254.169.254",
                           "169-254-169-254.at.example", "[::ffff:a9fe:a9fe]", "[fe80::1]",
                           "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]"}) {
    const std::string why = refused(query("http://" + std::string(host) + "/latest/meta-data/"));
    EXPECT_THAT(why, HasSubstr("--metric-allow-cidr=")) << host;
    EXPECT_THAT(why, AllOf(HasSubstr("GET http://"), HasSubstr(" is "))) << host;
  }
  first.answer = [](const std::string&) { return moved(302, "http://169.254.169.254/latest/"); };
  EXPECT_THAT(refused(query(first.url() + "/x")),
              HasSubstr("169.254.169.254 is link-local, where clouds hand out credentials "
                        "(--metric-allow-cidr=169.254.169.254 of the controller allows it)"));
}

TEST_F(F8_Connections, what_the_flag_denies_is_not_asked_and_the_api_server_is) {
  client.options.metric_deny_cidr = {"10.0.0.0/8", "127.0.0.0/8"};
  client.options.kube.server = second.url();
  client.start();
  EXPECT_THAT(refused(query(first.url() + "/x")),
              HasSubstr("127.0.0.1 is excluded by --metric-deny-cidr=127.0.0.0/8"));
  EXPECT_THAT(refused(query("http://10-1-2-3.at.example/x")), HasSubstr("10.0.0.0/8"));
  EXPECT_EQ(first.accepted, 0);
  EXPECT_EQ(refused(get("/version")), "answered: reached");
}

// The connection is to the proxy then: where names lead is its business, addresses are ours.
TEST_F(F8_Connections, through_a_proxy_addresses_are_looked_at_and_the_proxy_is_not) {
  client.files.environment["HTTP_PROXY"] = second.url();
  client.options.metric_deny_cidr = {"127.0.0.0/8", "10.0.0.0/8"};
  client.start();
  EXPECT_EQ(refused(query("http://prometheus.monitoring.svc:9090/q")), "answered: reached");
  for (const char* host : {"169%2e254.169.254", "%31%36%39.254.169.254", "%2531.254.169.254"})
    EXPECT_THAT(refused(query("http://" + std::string(host) + "/x")),
                HasSubstr("its host has characters that no name or address has"));
  for (const char* host : {"169.254.169.254", "2852039166", "10.0.0.1", "[fe80::1%25eth0]"})
    EXPECT_THAT(refused(query("http://" + std::string(host) + "/x")),
                testing::AnyOf(HasSubstr("is link-local"), HasSubstr("--metric-deny-cidr")))
        << host;
  EXPECT_EQ(second.requests.size(), 1U);
}

TEST(F8_Start, a_block_that_is_none_is_an_error_at_once) {
  Client client;
  client.options.metric_deny_cidr = {"10.0.0.0/40"};
  const auto made = make_transport(client.options, client.files, client.clock, client.telemetry);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::Invalid);
  EXPECT_THAT(made.error().message, HasSubstr("--metric-deny-cidr: \"10.0.0.0/40\""));
}

// ---- how much of an answer is taken ----

// A peer whose bytes the test hands out.
struct Poured : testing::Test {
  RawConnection submit(http::Request request, RequestToken& token) {
    token = client.transport->submit(std::move(request));
    RawConnection connection;
    std::string text;
    bool over = false;
    EXPECT_TRUE(client.until([&] {
      if (!connection.open()) connection = peer.accept();
      if (connection.open()) text += connection.drain(over);
      return text.find("\r\n\r\n") != std::string::npos;
    }));
    return connection;
  }
  // As much of it as the client takes; false when it has hung up.
  bool pour(RawConnection& connection, std::string bytes) {
    return client.until([&] {
      const ssize_t n = ::send(connection.fd(), bytes.data(), bytes.size(),
                               MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) bytes.erase(0, static_cast<std::size_t>(n));
      return bytes.empty() || (n < 0 && errno != EAGAIN);
    }) && bytes.empty();
  }
  void settle() {
    for (int i = 0; i < 30; ++i) client.transport->poll(client.seen, Millis(1));
  }
  RawListener peer;
  Client client;
};

using F13_Answers = Poured;
using F4_Transport = Poured;

const char* const kEndless = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";

TEST_F(F13_Answers, a_body_ends_at_the_limit_of_its_request) {
  client.start();
  http::Request request = query(peer.url() + "/x");
  request.body_max = 1U << 20U;
  RequestToken token = 0;
  auto connection = submit(request, token);
  pour(connection, kEndless + std::string((1U << 20U) + 1, 'x'));
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  ASSERT_EQ(end->kind, Kind::Failed);
  EXPECT_EQ(end->error.code, ErrorCode::Unavailable);
  EXPECT_THAT(end->error.message, HasSubstr("the answer is too large: more than 1 MiB"));
}

TEST_F(F13_Answers, a_body_of_exactly_the_limit_is_taken) {
  client.start();
  http::Request request = query(peer.url() + "/x");
  request.body_max = 1U << 20U;
  RequestToken token = 0;
  auto connection = submit(request, token);
  ASSERT_TRUE(pour(connection, test::ok(std::string(1U << 20U, 'x'))));
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  ASSERT_EQ(end->kind, Kind::Response) << end->error.message;
  EXPECT_EQ(end->response.body.size(), 1U << 20U);
}

// Whoever fills the room and then says nothing pays, not who comes last.
TEST_F(F13_Answers, all_bodies_together_are_bounded_and_the_namespace_that_holds_most_pays) {
  client.options.bodies_max = 8U << 20U;
  client.start();
  std::vector<RawConnection> held;
  std::vector<RequestToken> evil;
  for (int i = 0; i < 4; ++i) {
    RequestToken token = 0;
    held.push_back(submit(query(peer.url() + "/x", "evil"), token));
    ASSERT_TRUE(pour(held.back(), kEndless + std::string(1'900'000, 'x')));
    evil.push_back(token);
  }
  settle();
  RequestToken innocent = 0;
  auto connection = submit(query(peer.url() + "/x", "shop"), innocent);
  ASSERT_TRUE(pour(connection, test::ok(std::string(3'000'000, 'y'))));
  const auto* end = client.wait_end(innocent);
  ASSERT_NE(end, nullptr);
  ASSERT_EQ(end->kind, Kind::Response) << end->error.message;
  EXPECT_EQ(end->response.body.size(), 3'000'000U);
  int dropped = 0;
  for (const RequestToken token : evil) {
    const auto* failed = client.find(token, Kind::Failed);
    if (failed == nullptr) continue;
    ++dropped;
    EXPECT_THAT(failed->error.message, HasSubstr("hold more than 8 MiB together"));
  }
  EXPECT_GT(dropped, 0);
  EXPECT_LT(dropped, 4);
}

TEST_F(F13_Answers, what_was_delivered_or_cancelled_is_not_counted_any_more) {
  client.options.bodies_max = 4U << 20U;
  client.start();
  for (int i = 0; i < 6; ++i) {
    RequestToken token = 0;
    auto connection = submit(query(peer.url() + "/x"), token);
    if (i % 2 == 0) {
      ASSERT_TRUE(pour(connection, test::ok(std::string(1'900'000, 'x'))));
      const auto* end = client.wait_end(token);
      ASSERT_NE(end, nullptr);
      ASSERT_EQ(end->kind, Kind::Response) << end->error.message;
    } else {
      ASSERT_TRUE(pour(connection, kEndless + std::string(1'900'000, 'x')));
      settle();
      client.transport->cancel(token);
    }
  }
}

TEST_F(F13_Answers, a_head_of_countless_small_lines_is_refused) {
  client.start();
  RequestToken token = 0;
  auto connection = submit(query(peer.url() + "/x"), token);
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 10'000; ++i) head += "a:b\r\n";
  pour(connection, head);
  const auto* end = client.wait_end(token);
  ASSERT_NE(end, nullptr);
  EXPECT_THAT(end->error.message, HasSubstr("the head of the answer is too large"));
}

// ---- what is left for others ----

TEST_F(F4_Transport, a_cancelled_query_hangs_up_at_once) {
  client.start();
  RequestToken token = 0;
  auto connection = submit(query(peer.url() + "/x"), token);
  client.transport->cancel(token);
  bool over = false;
  EXPECT_TRUE(client.until([&] {
    connection.drain(over);
    return over;
  }));
}

// A metric may name the API server's own address; its connections are not the controller's.
TEST_F(F4_Transport, queries_that_hang_do_not_keep_the_api_server_out_of_reach) {
  client.options.kube.server = peer.url();
  client.options.connections_per_host_max = 2;
  client.options.queries_in_flight_max = 3;
  client.start();
  std::vector<RawConnection> held;
  for (int i = 0; i < 3; ++i) {
    RequestToken token = 0;
    held.push_back(submit(query(peer.url() + "/hang"), token));
    ASSERT_TRUE(held.back().open());
  }
  for (int i = 0; i < 2; ++i) {
    RequestToken token = 0;
    held.push_back(submit(get("/version"), token));
    ASSERT_TRUE(held.back().open());
  }
}

// libcurl cannot end the thread of a lookup, so those left behind are counted.
TEST_F(F4_Transport, name_lookups_left_behind_are_bounded_for_each_namespace) {
  client.start();
  const auto give_up = [&](const std::string& namespace_, int lookups) {
    for (int i = 0; i < lookups; ++i) {
      const int before = hanging_lookup().count();
      const auto token = client.transport->submit(query("http://hangs.example/", namespace_));
      ASSERT_TRUE(client.until([&] { return hanging_lookup().count() > before; }));
      client.transport->cancel(token);
    }
  };
  give_up("evil", 16);
  const auto refused = client.transport->submit(query("http://hangs.example/", "evil"));
  const auto* end = client.wait_end(refused);
  ASSERT_NE(end, nullptr);
  EXPECT_THAT(end->error.message,
              HasSubstr("too many name lookups of namespace \"evil\" have had no answer"));
  EXPECT_EQ(hanging_lookup().count(), 16);
  give_up("shop", 1);
  EXPECT_EQ(hanging_lookup().count(), 17);
  client.clock.advance(Millis(60'000));
  give_up("evil", 1);
  EXPECT_EQ(hanging_lookup().count(), 18);
  hanging_lookup().release();
}

}  // namespace
}  // namespace sluice::net
