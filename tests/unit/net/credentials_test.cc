// Who the transport says it is, and how it learns that this has changed.
#include <gmock/gmock.h>
#include <stdlib.h>

#include "tests/unit/net/support.h"

namespace sluice::net {
namespace {

using test::Client;
using test::get;
using test::Served;
using testing::HasSubstr;

struct CredentialsTest : testing::Test {
  void SetUp() override {
    // Answers with the identity that it was shown; 401 unless it is the one wanted.
    served.start(false, [this](InboundRequest inbound, std::shared_ptr<Responder> responder) {
      ++requests;
      const std::string* shown = http::find_header(inbound.request.headers, "authorization");
      const std::string identity = shown == nullptr ? "nobody" : *shown;
      const std::lock_guard lock(mutex);
      responder->respond({wanted.empty() || wanted == identity ? 200 : 401, {}, identity});
    });
    client.options.kube.server = served.server->url();
  }
  void want(std::string identity) {
    const std::lock_guard lock(mutex);
    wanted = std::move(identity);
  }
  http::Response ask() {
    auto answer = call(*client.transport, get("/x"));
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().message);
    return answer ? *answer : http::Response{};
  }
  void use_script(const std::string& script) {
    client.options.kube.exec =
        KubeConfig::Exec{"client.authentication.k8s.io/v1", "sh", {"-c", script}, {}, false};
    client.start();
  }
  Served served;
  Client client;
  std::atomic<int> requests{0};
  std::mutex mutex;
  std::string wanted;
};

TEST_F(CredentialsTest, ATokenFileIsReadAgainAfterAMinute) {
  client.files.files["/token"] = "one\n";
  client.options.kube.token_file = "/token";
  client.start();
  EXPECT_EQ(ask().body, "Bearer one");
  client.files.files["/token"] = "two\n";
  EXPECT_EQ(ask().body, "Bearer one");
  client.clock.advance(Millis(60'000));
  EXPECT_EQ(ask().body, "Bearer two");
  const int reads = client.files.reads;
  ask();
  EXPECT_EQ(client.files.reads, reads);
}

TEST_F(CredentialsTest, ATokenFileThatVanishesLeavesTheLastToken) {
  client.files.files["/token"] = "one";
  client.options.kube.token_file = "/token";
  client.start();
  client.files.files.clear();
  client.clock.advance(Millis(60'000));
  EXPECT_EQ(ask().body, "Bearer one");
  EXPECT_EQ(client.telemetry.logged("token file cannot be read"), 1);
}

// Read in the middle of being replaced. Without its token a request would go out as nobody.
TEST_F(CredentialsTest, ATokenFileWithoutATokenLeavesTheLastOne) {
  client.files.files["/token"] = "one";
  client.options.kube.token_file = "/token";
  client.start();
  int warned = 0;
  for (const char* content : {"", " \n", "two\nthree"}) {
    client.files.files["/token"] = content;
    client.clock.advance(Millis(60'000));
    EXPECT_EQ(ask().body, "Bearer one");
    EXPECT_EQ(client.telemetry.logged("token file holds no token"), ++warned);
  }
  client.files.files["/token"] = "two";
  client.clock.advance(Millis(60'000));
  EXPECT_EQ(ask().body, "Bearer two");
}

TEST_F(CredentialsTest, ATokenFileThatComesLateIsReadAfterTheFirst401) {
  client.options.kube.token_file = "/token";
  client.start();
  client.clock.advance(Millis(2'000));
  client.files.files["/token"] = "one";
  want("Bearer one");
  EXPECT_EQ(ask().status, 200);
}

TEST_F(CredentialsTest, A401MakesTheTokenFileBeReadAndTheRequestRepeated) {
  client.files.files["/token"] = "one";
  client.options.kube.token_file = "/token";
  client.start();
  client.clock.advance(Millis(2'000));
  client.files.files["/token"] = "two";
  want("Bearer two");
  EXPECT_EQ(ask().status, 200);
  EXPECT_EQ(requests, 2);
}

TEST_F(CredentialsTest, A401WithAnUnchangedTokenIsHandedOn) {
  client.files.files["/token"] = "one";
  client.options.kube.token_file = "/token";
  client.start();
  client.clock.advance(Millis(2'000));
  want("Bearer other");
  EXPECT_EQ(ask().status, 401);
  EXPECT_EQ(requests, 1);
}

TEST_F(CredentialsTest, AStaticTokenIsNotTriedTwice) {
  client.options.kube.token = "one";
  client.start();
  want("Bearer other");
  EXPECT_EQ(ask().status, 401);
  EXPECT_EQ(requests, 1);
}

TEST_F(CredentialsTest, NameAndPasswordGoAsBasic) {
  client.options.kube.username = "user";
  client.options.kube.password = "pass";
  client.start();
  EXPECT_EQ(ask().body, "Basic dXNlcjpwYXNz");
}

TEST_F(CredentialsTest, ARequestMayBringItsOwnIdentity) {
  client.options.kube.token = "ours";
  client.start();
  http::Request request = get("/x");
  request.headers = {{"authorization", "Bearer theirs"}};
  auto answer = call(*client.transport, request);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "Bearer theirs");
}

TEST_F(CredentialsTest, RequestsWaitForThePlugin) {
  use_script(
      R"(echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"made"}}')");
  EXPECT_EQ(ask().body, "Bearer made");
  EXPECT_EQ(ask().body, "Bearer made");
}

TEST_F(CredentialsTest, APluginThatFailsFailsItsRequestsWithItsReason) {
  use_script("exit 4");
  auto answer = call(*client.transport, get("/x"));
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("exit code 4"));
  EXPECT_EQ(requests, 0);
}

TEST_F(CredentialsTest, AWaitingRequestCanBeCancelledAndTimesOut) {
  use_script("sleep 600");
  const auto cancelled = client.transport->submit(get("/x"));
  const auto late = client.transport->submit(get("/y"));
  client.transport->cancel(cancelled);
  client.clock.advance(Millis(30'000));
  EXPECT_EQ(client.wait_end(late)->error.code, ErrorCode::Timeout);
  EXPECT_EQ(client.find(cancelled, TransportEvent::Kind::Failed), nullptr);
}

struct CountingPlugin : CredentialsTest {
  void SetUp() override {
    CredentialsTest::SetUp();
    char folder[] = "/tmp/sluice-exec-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    file = std::string(folder) + "/runs";
    // Each run gives another token: t1, t2, …
    use_script(
        "echo x >> " + file + "; n=$(wc -l < " + file +
        R"(); printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t%d",' "$n"
                  printf '"expirationTimestamp":"2026-09-%02dT16:00:00Z"}}' $((20 + n)))");
  }
  void TearDown() override {
    client.transport.reset();
    ::unlink(file.c_str());
    ::rmdir(file.substr(0, file.rfind('/')).c_str());
  }
  std::string file;
};

TEST_F(CountingPlugin, A401RunsThePluginAgainAndRepeatsTheRequest) {
  EXPECT_EQ(ask().body, "Bearer t1");
  client.clock.advance(Millis(2'000));
  want("Bearer t2");
  EXPECT_EQ(ask().status, 200);
  EXPECT_EQ(requests, 3);
}

TEST_F(CountingPlugin, AnExpiredCredentialIsReplacedBeforeTheNextRequest) {
  EXPECT_EQ(ask().body, "Bearer t1");
  client.clock.advance(Millis(7'200'000));
  EXPECT_EQ(ask().body, "Bearer t2");
}

TEST_F(CredentialsTest, APluginWithAStaleCredentialFailsInsteadOfRunningOnAndOn) {
  use_script(
      R"(echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"2020-01-01T00:00:00Z"}}')");
  auto answer = call(*client.transport, get("/x"));
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("expired already"));
}

}  // namespace
}  // namespace sluice::net
