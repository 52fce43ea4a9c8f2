// Strangers at the door: what they may take, and that others are served meanwhile.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "tests/unit/net/raw_peer.h"
#include "tests/unit/net/support.h"

namespace sluice::net {
namespace {

using test::Arrived;
using test::Mailbox;
using test::RawConnection;
using testing::HasSubstr;
using testing::StartsWith;

constexpr auto kPatience = std::chrono::seconds(10);

// A client whose bytes the test writes and reads one by one.
class Stranger {
 public:
  explicit Stranger(const std::string& url, const char* from = "127.0.0.1")
      : connection_(connect_to(std::stoi(url.substr(url.rfind(':') + 1)), from)) {}
  Stranger& say(const std::string& text) {
    connection_.send(text);
    return *this;
  }
  // What has been heard, once it holds `part` or the server has ended.
  const std::string& hear(std::string_view part) {
    wait([&] { return ended_ || heard_.find(part) != std::string::npos; });
    return heard_;
  }
  // Everything until the server ends; "(open)" behind it when it does not.
  std::string hear_all() {
    wait([&] { return ended_; });
    return heard_ + (ended_ ? "" : "(open)");
  }
  bool ended() {
    if (!ended_) heard_ += connection_.drain(ended_);
    return ended_;
  }
  // Until the server ends or will not take more. How many bytes it took.
  std::size_t pour(const std::string& text, std::size_t most) {
    std::size_t sent = 0;
    while (sent < most) {
      pollfd ready{connection_.fd(), POLLOUT, 0};
      if (::poll(&ready, 1, 2000) != 1) break;
      const ssize_t n =
          ::send(connection_.fd(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno != EAGAIN) break;
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
    return sent;
  }
  // Reads nothing meanwhile: whether the server cuts the connection.
  bool is_cut() {
    pollfd cut{connection_.fd(), 0, 0};
    return ::poll(&cut, 1, static_cast<int>(Millis(kPatience).count())) == 1;
  }
  void end_output() { ::shutdown(connection_.fd(), SHUT_WR); }
  void leave() { connection_.shut(); }

 private:
  static int connect_to(int port, const char* from) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in self{}, target{};
    self.sin_family = target.sin_family = AF_INET;
    ::inet_pton(AF_INET, from, &self.sin_addr);
    ::inet_pton(AF_INET, "127.0.0.1", &target.sin_addr);
    target.sin_port = htons(static_cast<std::uint16_t>(port));
    const int small = 4096;  // so that a reader that does not read is noticed soon
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&self), sizeof self), 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target), 0)
        << std::strerror(errno);
    return fd;
  }
  template <class Done>
  void wait(const Done& done) {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (!done() && std::chrono::steady_clock::now() < give_up) {
      pollfd ready{connection_.fd(), POLLIN, 0};
      ::poll(&ready, 1, 50);
      if (!ended_) heard_ += connection_.drain(ended_);
    }
  }
  RawConnection connection_;
  std::string heard_;
  bool ended_ = false;
};

struct F5 : testing::Test {
  // Answers "/" with its own name, leaves "/later" to the mailbox.
  void start() {
    auto made = serve(options, [box = mailbox, size = answer_bytes](
                                   InboundRequest inbound, std::shared_ptr<Responder> responder) {
      if (inbound.request.url == "/later") return box->put({std::move(inbound), responder});
      const std::string body = inbound.request.url == "/large" ? std::string(size, 'x')
                                                               : "body:" + inbound.request.body;
      responder->respond({200, {}, body});
    });
    ASSERT_TRUE(made) << made.error().message;
    server = std::move(*made);
  }
  void with_tls() {
    const WallTime now = system_clock()->wall_now();
    const auto ca = make_ca("test CA", now);
    const auto leaf = make_leaf(*ca, "server", {}, {"127.0.0.1"}, now);
    options.cert_pem = leaf->cert_pem;
    options.key_pem = leaf->key_pem;
  }
  std::unique_ptr<Stranger> stranger(const char* from = "127.0.0.1") {
    return std::make_unique<Stranger>(server->url(), from);
  }
  std::string ask(const std::string& request, const char* from = "127.0.0.1") {
    return stranger(from)->say(request).hear_all();
  }
  // A client with nothing but good intentions.
  void expect_served(const char* from = "127.0.0.1") {
    EXPECT_THAT(ask("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", from),
                testing::AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("body:")));
  }
  std::vector<std::unique_ptr<Stranger>> half_open(int count, const char* from = "127.0.0.1") {
    std::vector<std::unique_ptr<Stranger>> all;
    for (int i = 0; i < count; ++i) {
      all.push_back(stranger(from));
      all.back()->say("GET / HTTP/1.1\r\nX-Half: ");
    }
    return all;
  }
  static int open_ones(std::vector<std::unique_ptr<Stranger>>& all) {
    return static_cast<int>(std::count_if(all.begin(), all.end(), [](auto& one) {
      return !one->ended();
    }));
  }
  // Waits until no more than `most` of them are open.
  static bool come_down_to(std::vector<std::unique_ptr<Stranger>>& all, int most) {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (open_ones(all) > most && std::chrono::steady_clock::now() < give_up)
      std::this_thread::yield();
    return open_ones(all) <= most;
  }

  ServerOptions options;
  std::size_t answer_bytes = 32U << 20U;
  std::shared_ptr<Mailbox<Arrived>> mailbox = std::make_shared<Mailbox<Arrived>>();
  std::unique_ptr<HttpServer> server;
};

TEST_F(F5, a_public_port_takes_no_bodies) {
  options = public_port("127.0.0.1", 0);
  start();
  EXPECT_THAT(ask("POST /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"),
              StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask("HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 200 "), testing::EndsWith("\r\n\r\n")));
  expect_served();
}

TEST_F(F5, a_chunk_of_negative_size_ends_a_connection_and_not_the_process) {
  start();
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nabcdef\r\n"),
              StartsWith("HTTP/1.1 400 "));
  expect_served();
}

TEST_F(F5, a_body_is_bounded_where_it_is_read) {
  options.limits.body_bytes = 1000;
  start();
  const std::string line = "POST / HTTP/1.1\r\nConnection: close\r\n";
  EXPECT_THAT(ask(line + "Content-Length: 1000\r\n\r\n" + std::string(1000, 'x')),
              HasSubstr("body:" + std::string(1000, 'x')));
  EXPECT_THAT(ask(line + "Content-Length: 1001\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask(line + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n"), StartsWith("HTTP/1.1 413 "));
  // One that will not stop is not read for long.
  auto endless = stranger();
  endless->say(line + "Transfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  EXPECT_LT(endless->pour(chunk, 256U << 20U), 32U << 20U);
  expect_served();
}

TEST_F(F5, a_refusal_of_a_large_body_can_have_the_servers_own_words) {
  options.too_large = http::Response{413, {{"Content-Type", "application/json"}}, "{\"code\":413}"};
  start();
  const auto answer = ask("POST / HTTP/1.1\r\nContent-Length: 3145729\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(answer, testing::EndsWith("{\"code\":413}"));
}

TEST_F(F5, who_is_not_admitted_is_not_listened_to) {
  options.admit = [](const http::Request& head) -> std::optional<http::Response> {
    if (http::find_header(head.headers, "Authorization") != nullptr) return std::nullopt;
    return http::Response{401, {}, "who are you?"};
  };
  start();
  for (const bool tell : {false, true}) {
    const std::string head = "POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 4\r\n" +
                             std::string(tell ? "authorization: me\r\n" : "") + "\r\n";
    // Without the right it is answered although its body never comes.
    EXPECT_THAT(ask(head + (tell ? "text" : "")),
                HasSubstr(tell ? "body:text" : "who are you?"));
  }
}

TEST_F(F5, a_head_is_bounded_where_it_is_read) {
  start();
  for (const char* begin : {"GET / HTTP/1.1\r\nX: ", "GET /", "X"}) {
    auto one = stranger();
    one->say(begin);
    EXPECT_LT(one->pour(std::string(64U << 10U, 'x'), 256U << 20U), 32U << 20U);
    EXPECT_THAT(one->hear_all(), StartsWith("HTTP/1.1 431 "));
  }
  expect_served();
}

TEST_F(F5, half_a_head_is_dropped_in_time) {
  options.limits.head = Millis(50);
  start();
  EXPECT_THAT(stranger()->say("G").hear_all(), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(stranger()->say("GET / HTTP/1.1\r\n").hear_all(), StartsWith("HTTP/1.1 408 "));
  // Also behind a request that was answered.
  EXPECT_THAT(stranger()->say("GET / HTTP/1.1\r\n\r\nGET").hear_all(),
              testing::AllOf(HasSubstr("body:"), HasSubstr("HTTP/1.1 408 ")));
}

TEST_F(F5, a_handshake_that_does_not_end_is_dropped_in_time) {
  options.limits.head = Millis(50);
  with_tls();
  start();
  EXPECT_EQ(stranger()->say("\x16\x03\x01").hear_all(), "");
  EXPECT_EQ(stranger()->say("GET / HTTP/1.1\r\n\r\n").hear_all().find("HTTP/1.1 200"),
            std::string::npos);
}

TEST_F(F5, an_idle_connection_is_dropped_in_time) {
  options.limits.idle = Millis(50);
  start();
  EXPECT_THAT(stranger()->say("GET / HTTP/1.1\r\n\r\n").hear_all(), testing::EndsWith("body:"));
}

TEST_F(F5, a_slow_body_is_dropped_in_time) {
  options.limits.body = Millis(50);
  start();
  EXPECT_THAT(stranger()->say("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc").hear_all(),
              StartsWith("HTTP/1.1 408 "));
}

TEST_F(F5, an_answer_that_is_not_taken_is_cut_in_time) {
  options.limits.stall = Millis(50);
  start();
  auto slow = stranger();
  slow->say("GET /large HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(slow->is_cut());
  expect_served();
}

TEST_F(F5, a_watch_of_which_nothing_is_taken_is_cut_in_time) {
  options.limits.stall = Millis(50);
  start();
  auto watcher = stranger();
  watcher->say("GET /later HTTP/1.1\r\n\r\n");
  Arrived arrived;
  ASSERT_TRUE(mailbox->take(arrived));
  arrived.responder->start_stream(200, {});
  for (int i = 0; i < 7; ++i)  // below the bound in memory: time is what ends it
    EXPECT_TRUE(arrived.responder->write(std::string(1U << 20U, 'x')));
  EXPECT_TRUE(watcher->is_cut());
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (arrived.responder->write("") && std::chrono::steady_clock::now() < give_up)
    std::this_thread::yield();
  EXPECT_FALSE(arrived.responder->write(""));
}

TEST_F(F5, a_newcomer_gets_in_while_strangers_hold_every_connection) {
  options.limits.connections = 8;
  start();
  auto strangers = half_open(40);
  expect_served();
  EXPECT_TRUE(come_down_to(strangers, 8));
  auto idle = std::vector<std::unique_ptr<Stranger>>();
  for (int i = 0; i < 20; ++i) {
    idle.push_back(stranger());
    EXPECT_THAT(idle.back()->say("GET / HTTP/1.1\r\n\r\n").hear("body:"), HasSubstr("body:"));
  }
  EXPECT_TRUE(come_down_to(idle, 8));
  expect_served();
}

TEST_F(F5, one_address_does_not_hold_what_another_one_needs) {
  options.limits.connections = 8;
  options.limits.per_remote = 3;
  start();
  auto first = half_open(2, "127.0.0.2");
  auto many = half_open(40, "127.0.0.3");
  EXPECT_TRUE(come_down_to(many, 3));
  expect_served("127.0.0.4");
  EXPECT_EQ(open_ones(first), 2);
}

TEST_F(F5, who_holds_most_makes_way_first) {
  options.limits.connections = 8;
  start();
  auto probe = half_open(1, "127.0.0.2");  // the oldest of all, and the only one from there
  auto many = half_open(60, "127.0.0.3");
  EXPECT_TRUE(come_down_to(many, 7));
  EXPECT_EQ(open_ones(probe), 1);
}

TEST_F(F5, a_watch_is_not_given_up_for_strangers) {
  options.limits.connections = 8;
  start();
  std::vector<std::unique_ptr<Stranger>> watchers;
  std::vector<Arrived> arrived(8);
  for (auto& one : arrived) {
    watchers.push_back(stranger());
    watchers.back()->say("GET /later HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(mailbox->take(one));
    one.responder->start_stream(200, {});
  }
  auto strangers = half_open(20);  // nothing can be given up: they are sent away
  EXPECT_TRUE(come_down_to(strangers, 0));
  for (std::size_t i = 0; i < arrived.size(); ++i) {
    EXPECT_TRUE(arrived[i].responder->write("event\n"));
    EXPECT_THAT(watchers[i]->hear("event"), HasSubstr("event"));
  }
}

TEST_F(F5, answers_that_are_being_sent_are_bounded_and_a_slow_reader_makes_way) {
  options.limits.answers = 4;
  options.limits.answers_per_remote = 1;
  options.limits.slow = Millis(50);
  start();
  std::vector<std::unique_ptr<Stranger>> slow;
  for (int i = 0; i < 6; ++i) {
    slow.push_back(stranger());
    slow.back()->say("GET /large HTTP/1.1\r\n\r\n");
  }
  slow.front()->hear("HTTP");
  expect_served("127.0.0.2");  // has room beside the one that is being sent
  expect_served();             // once a slow one has made way
  EXPECT_TRUE(std::any_of(slow.begin(), slow.end(), [](auto& one) { return one->ended(); }));
}

TEST_F(F5, requests_behind_one_another_are_answered_in_their_order) {
  start();
  const std::string post = "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n";
  const auto all = ask(post + "1" + post + "2\r\n" + post + "3GET / HTTP/1.0\r\n\r\n");
  const auto first = all.find("body:1"), second = all.find("body:2"), third = all.find("body:3");
  ASSERT_NE(third, std::string::npos) << all;
  EXPECT_TRUE(first < second && second < third);
  EXPECT_THAT(all, testing::EndsWith("body:"));
}

TEST_F(F5, a_stream_for_http_1_0_has_no_chunks) {
  start();
  auto one = stranger();
  one->say("GET /later HTTP/1.0\r\n\r\n");
  Arrived arrived;
  ASSERT_TRUE(mailbox->take(arrived));
  arrived.responder->start_stream(200, {});
  arrived.responder->write("event\n");
  EXPECT_THAT(one->hear("event"), HasSubstr("\r\n\r\nevent\n"));
  arrived.responder->finish();
  EXPECT_THAT(one->hear_all(), testing::Not(HasSubstr("chunked")));
}

TEST_F(F5, a_client_that_asks_may_go_on_with_its_body) {
  start();
  auto one = stranger();
  one->say(
      "POST / HTTP/1.1\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 4\r\n"
      "\r\n");
  EXPECT_THAT(one->hear("\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue\r\n\r\n"));
  EXPECT_THAT(one->say("text").hear_all(), HasSubstr("body:text"));
}

TEST_F(F5, a_client_that_has_ended_its_side_still_gets_its_answer) {
  start();
  auto one = stranger();
  one->say("GET /later HTTP/1.1\r\n\r\n").end_output();
  Arrived arrived;
  ASSERT_TRUE(mailbox->take(arrived));
  arrived.responder->respond({200, {}, "late"});
  EXPECT_THAT(one->hear_all(), testing::EndsWith("late"));
  auto two = stranger();
  two->say("GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nsecond")
      .end_output();
  EXPECT_THAT(two->hear_all(), testing::EndsWith("body:second"));
}

TEST_F(F5, a_watch_whose_client_has_gone_is_noticed_at_once) {
  start();
  auto one = stranger();
  one->say("GET /later HTTP/1.1\r\n\r\n");
  Arrived arrived;
  ASSERT_TRUE(mailbox->take(arrived));
  arrived.responder->start_stream(200, {});
  one->hear("\r\n\r\n");
  one->leave();
  // Nothing is written meanwhile: the peer's end alone frees the connection.
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (arrived.responder->write("") && std::chrono::steady_clock::now() < give_up)
    std::this_thread::yield();
  EXPECT_FALSE(arrived.responder->write(""));
}

// Lowers the limit of this process to what is open now and a few more.
class FewDescriptors {
 public:
  explicit FewDescriptors(unsigned left) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest = ::fcntl(0, F_DUPFD_CLOEXEC, 3);
    ::close(lowest);
    const rlimit few{static_cast<rlim_t>(lowest) + left, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST_F(F5, a_newcomer_gets_in_when_the_process_has_no_descriptor_left) {
  options.limits.head = Millis(600'000);  // nobody leaves by himself
  start();
  expect_served();
  const int port = std::stoi(server->url().substr(server->url().rfind(':') + 1));
  std::vector<int> clients(30);
  for (auto& fd : clients) fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const FewDescriptors few(4);
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  target.sin_port = htons(static_cast<std::uint16_t>(port));
  for (const int fd : clients) {
    ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target), 0);
    const bool last = fd == clients.back();
    const std::string text = last ? "GET / HTTP/1.1\r\nConnection: close\r\n\r\n" : "GET / HTTP";
    ASSERT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  std::string answer;
  char chunk[512];
  for (ssize_t n = 0; (n = ::recv(clients.back(), chunk, sizeof chunk, 0)) > 0;)
    answer.append(chunk, static_cast<std::size_t>(n));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  for (const int fd : clients) ::close(fd);
}

// Each end used to hold a thread of the library's pool, until another one of them had time for it.
TEST_F(F5, watches_that_all_end_at_once_do_not_stop_the_server) {
  options.threads = 2;
  start();
  for (int round = 0; round < 5; ++round) {
    std::vector<std::unique_ptr<Stranger>> watchers;
    std::vector<Arrived> arrived(40);
    for (auto& one : arrived) {
      watchers.push_back(stranger());
      watchers.back()->say("GET /later HTTP/1.1\r\n\r\n");
      ASSERT_TRUE(mailbox->take(one));
      one.responder->start_stream(200, {});
      one.responder->write("event\n");
    }
    for (auto& one : watchers) one->leave();
    expect_served();
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    for (auto& one : arrived)
      while (one.responder->write("") && std::chrono::steady_clock::now() < give_up)
        std::this_thread::yield();
    EXPECT_LT(std::chrono::steady_clock::now(), give_up);
  }
}

TEST_F(F5, a_port_that_is_none_is_refused) {
  for (const int port : {-5, 70000}) {
    options.port = port;
    const auto made = serve(options, [](InboundRequest, std::shared_ptr<Responder>) {});
    ASSERT_FALSE(made) << port;
    EXPECT_THAT(made.error().message, HasSubstr("from 0 to 65535"));
  }
}

TEST(F5_Descriptors, strangers_get_what_the_process_does_not_need) {
  EXPECT_EQ(connections_within(64, 1U << 20U), 64);
  EXPECT_EQ(connections_within(64, 1024), 64);
  EXPECT_EQ(connections_within(512, 1024), 208);
  EXPECT_EQ(connections_within(64, 256), 16);
  EXPECT_EQ(connections_within(64, 64), 8);
  EXPECT_EQ(connections_within(4, 64), 4);
  // Two public ports, 64 queries with their lookups, and what else is open.
  EXPECT_LE(2 * connections_within(64, 256) + 64 * 3 + 16, 256);
  EXPECT_GT(descriptor_limit(), 0U);
}

}  // namespace
}  // namespace sluice::net
