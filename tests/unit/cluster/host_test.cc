// What strangers on this machine can do to an embedded cluster, and what its pods inherit.
#include "cluster/host.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "cluster/pod_logs.h"
#include "cluster/service_proxy.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"
#include "net/net.h"
#include "sim/captured_telemetry.h"

namespace sluice::cluster {
namespace {

using testing::HasSubstr;

class StartedHost : public testing::Test {
 protected:
  void SetUp() override {
    directory_ =
        std::filesystem::temp_directory_path() / ("sluice-host-" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
    // In the place of the demo's program: says what it has open.
    const auto program = directory_ / "program";
    std::ofstream(program) << "#!/bin/sh\nexec sh -c 'for fd in /proc/$$/fd/*; do "
                              "[ -e $fd ] && printf \"%s \" ${fd##*/}; done; "
                              "echo end; exec sleep 1000'\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    HostOptions options;
    options.directory = directory_.string();
    options.binary = program.string();
    options.tokens["token"] = "system:admin";
    auto host = start_host(std::move(options));
    ASSERT_TRUE(host) << host.error().message;
    host_ = std::move(*host);
  }
  void TearDown() override {
    host_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  http::Response post(const std::string& token, std::string body) {
    auto clock = net::system_clock();
    auto files = net::system_files();
    sim::CapturedTelemetry telemetry(*clock);
    net::TransportOptions options;
    options.kube.server = host_->url();
    options.kube.ca_pem = host_->ca_pem();
    options.kube.token = token;
    auto transport = net::make_transport(std::move(options), *files, *clock, telemetry);
    http::Request request;
    request.method = "POST";
    request.url = "/api/v1/namespaces/default/configmaps";
    request.headers = {{"Content-Type", "application/json"}};
    request.body = std::move(body);
    auto answer = net::call(**transport, std::move(request));
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? *answer : http::Response{};
  }
  std::filesystem::path directory_;
  std::unique_ptr<Host> host_;
};
using F5 = StartedHost;
using F12 = StartedHost;

TEST_F(F5, a_body_beyond_the_limit_of_a_real_api_server_gets_its_status) {
  const std::string begin =
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":")";
  const std::string end = "\"}}";
  constexpr std::size_t kLimit = 3145728;
  const auto sized = [&](std::size_t size) {
    return begin + std::string(size - begin.size() - end.size(), 'x') + end;
  };
  const auto whole = post("token", sized(kLimit));
  EXPECT_NE(whole.status, 413) << whole.body;
  const auto refused = post("token", sized(kLimit + 1));
  EXPECT_EQ(refused.status, 413);
  const auto status = kube::parse_json(refused.body);
  ASSERT_TRUE(status) << refused.body;
  EXPECT_EQ(kube::get_string(*status, "kind"), "Status");
  EXPECT_EQ(kube::get_string(*status, "reason"), "RequestEntityTooLarge");
  EXPECT_EQ(kube::get_string(*status, "message"), "Request entity too large: limit is 3145728");
  EXPECT_EQ(kube::get_int(*status, "code"), 413);
}

TEST_F(F5, without_a_token_a_body_is_answered_before_it_is_read) {
  const auto refused = post("wrong", std::string(64U << 20U, 'x'));
  EXPECT_EQ(refused.status, 401);
  EXPECT_THAT(refused.body, HasSubstr("\"reason\":\"Unauthorized\""));
}

TEST_F(F12, a_pod_sees_its_three_descriptors_and_nothing_else) {
  int inheritable[2] = {-1, -1};
  ASSERT_EQ(pipe(inheritable), 0);
  host_->with_server([](apiserver::ApiServer& server) {
    kube::Write write;
    write.type = kube::kPods;
    write.key = {"default", "lister"};
    write.verb = kube::Verb::Create;
    write.body =
        R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"lister","namespace":"default"},)"
        R"("spec":{"containers":[{"name":"app","image":"sluice-demo-app:v1"}]}})";
    static_cast<void>(server.write(write));
  });
  const std::string log = pod_log_path(directory_.string(), "default", "lister");
  const auto text = [&] { return read_log(log).value_or(""); };
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (text().find("end") == std::string::npos && std::chrono::steady_clock::now() < give_up)
    std::this_thread::yield();
  EXPECT_EQ(text().substr(0, text().find('\n')), "0 1 2 end");
  close(inheritable[0]);
  close(inheritable[1]);
}

int connect_to(const std::string& url) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  target.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target), 0);
  return fd;
}

TEST(F5_Proxy, a_newcomer_is_heard_while_strangers_say_nothing) {
  auto proxy = ServiceProxy::start([](const ServiceAddress&) -> Result<std::string> {
    return fail(ErrorCode::Unavailable, "heard");
  });
  ASSERT_TRUE(proxy) << proxy.error().message;
  const int most = net::connections_within(512, net::descriptor_limit() / 2);
  std::vector<int> strangers;
  for (int i = 0; i < most + 20; ++i) strangers.push_back(connect_to((*proxy)->url()));
  const int fd = connect_to((*proxy)->url());
  const std::string request = "GET http://web.shop.svc/ HTTP/1.1\r\n\r\n";
  ASSERT_EQ(send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  std::string answer;
  char chunk[512];
  for (ssize_t n = 0; (n = recv(fd, chunk, sizeof chunk, 0)) > 0;)
    answer.append(chunk, static_cast<std::size_t>(n));
  EXPECT_THAT(answer, HasSubstr("heard"));
  close(fd);
  for (const int one : strangers) close(one);
}

}  // namespace
}  // namespace sluice::cluster
