#include "net/exec_plugin.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "kube/json/json.h"
#include "tests/unit/net/support.h"

namespace sluice::net {
namespace {

using testing::HasSubstr;

KubeConfig with_script(std::string script) {
  KubeConfig config;
  config.server = "https://api:6443";
  config.exec = KubeConfig::Exec{"client.authentication.k8s.io/v1",
                                 "sh",
                                 {"-c", std::move(script)},
                                 {{"GREETING", "hello"}},
                                 true};
  return config;
}

std::string credential(const std::string& status) {
  return R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":)" +
         status + "}";
}

TEST(ExecPlugin, PrintsATokenWithItsEnd) {
  auto got = run_exec_plugin(
      with_script("echo '" +
                  credential(R"({"token":"t1","expirationTimestamp":"2027-01-02T03:04:05Z"})") +
                  "'"),
      Millis(10'000), {});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->token, "t1");
  ASSERT_TRUE(got->expires);
  EXPECT_EQ(format_rfc3339(*got->expires), "2027-01-02T03:04:05Z");
}

TEST(ExecPlugin, GetsItsVariablesAndTheCluster) {
  const std::string script =
      R"(case "$KUBERNETES_EXEC_INFO" in *'"server":"https://api:6443"'*) ;; *) exit 3;; esac; )"
      R"(printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}' "$GREETING")";
  auto got = run_exec_plugin(with_script(script), Millis(10'000), {});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->token, "hello");
}

TEST(ExecPlugin, TheClusterIsTalkedAboutOnlyWhenAskedFor) {
  KubeConfig config = with_script("");
  EXPECT_THAT(exec_info(config), HasSubstr("https://api:6443"));
  config.exec->provide_cluster_info = false;
  auto info = kube::parse_json(exec_info(config));
  ASSERT_TRUE(info);
  EXPECT_EQ(kube::find_path(*info, "spec.cluster"), nullptr);
  EXPECT_FALSE(kube::get_bool(*info, "spec.interactive", true));
  EXPECT_EQ(kube::get_string(*info, "apiVersion"), "client.authentication.k8s.io/v1");
}

TEST(ExecPlugin, FailuresNameThePluginAndTheCause) {
  struct Bad {
    const char *script, *part;
  };
  for (const auto& c :
       {Bad{"exit 7", "exit code 7"}, Bad{"kill -9 $$", "signal 9"}, Bad{"echo no", "not JSON"}}) {
    auto got = run_exec_plugin(with_script(c.script), Millis(10'000), {});
    ASSERT_FALSE(got) << c.script;
    EXPECT_THAT(got.error().message, HasSubstr(c.part));
    EXPECT_THAT(got.error().message, HasSubstr("sh"));
  }
  KubeConfig absent = with_script("");
  absent.exec->command = "sluice-no-such-plugin";
  EXPECT_FALSE(run_exec_plugin(absent, Millis(1000), {}));
}

TEST(ExecPlugin, OneThatHangsIsKilled) {
  auto got = run_exec_plugin(with_script("sleep 600 & sleep 600"), Millis(1), {});
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message, HasSubstr("no credential within"));
}

// Its output stays open in the hands of what it left behind; it has said all there is to say.
TEST(ExecPlugin, OneThatLeavesAHelperBehindIsNotWaitedFor) {
  char file[] = "/tmp/sluice-helper-XXXXXX";
  const int fd = ::mkstemp(file);
  ASSERT_GE(fd, 0);
  const auto began = std::chrono::steady_clock::now();
  auto got = run_exec_plugin(
      with_script("sleep 30 & echo $! > " + std::string(file) + "; echo '" +
                  credential(R"({"token":"t1"})") + "'"),
      Millis(20'000), {});
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(15));
  char digits[16] = {};
  const ssize_t n = ::read(fd, digits, sizeof digits - 1);
  ::close(fd);
  ::unlink(file);
  ASSERT_GT(n, 0);
  ::kill(std::stoi(digits), SIGKILL);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->token, "t1");
}

TEST(ExecPlugin, OneThatNeverStopsTalkingIsKilled) {
  auto got = run_exec_plugin(with_script("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done"),
                             Millis(60'000), {});
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message, HasSubstr("more than 1 MiB"));
}

TEST(ExecPlugin, OneThatIsNoLongerWantedIsKilled) {
  std::stop_source source;
  source.request_stop();
  auto got = run_exec_plugin(with_script("sleep 600"), Millis(600'000), source.get_token());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::Cancelled);
}

TEST(ExecPlugin, MalformedCredentialsAreRefused) {
  const KubeConfig config = with_script("");
  struct Bad {
    std::string text;
    const char* part;
  };
  for (
      const auto& c :
      {Bad{R"({"kind":"Pod"})", "kind"},
       Bad{R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"t"}})",
           "apiVersion"},
       Bad{credential("{}"), "neither a token nor a certificate"},
       Bad{credential(R"({"token":"a\nb"})"), "control characters"},
       Bad{credential(R"({"clientCertificateData":"c"})"), "only one of"},
       Bad{credential(R"({"token":"t","expirationTimestamp":"soon"})"), "expirationTimestamp"}}) {
    auto got = parse_exec_credential(*config.exec, c.text);
    ASSERT_FALSE(got) << c.text;
    EXPECT_THAT(got.error().message, HasSubstr(c.part));
    EXPECT_EQ(got.error().code, ErrorCode::Invalid);
  }
}

}  // namespace
}  // namespace sluice::net
