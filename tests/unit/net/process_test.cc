// Children of ours have three descriptors, whatever we have open.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "net/exec_plugin.h"
#include "tests/unit/net/support.h"

namespace sluice::net {
namespace {

using testing::HasSubstr;

// Open in this process, and inheritable: a socket, a pipe's end and a high number.
class Inheritable {
 public:
  Inheritable() {
    fds_.push_back(::socket(AF_INET, SOCK_STREAM, 0));
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe(ends), 0);
    fds_.insert(fds_.end(), {ends[0], ends[1], ::fcntl(fds_[0], F_DUPFD, 200)});
  }
  ~Inheritable() {
    for (const int fd : fds_) ::close(fd);
  }
  Inheritable(const Inheritable&) = delete;
  Inheritable& operator=(const Inheritable&) = delete;

 private:
  std::vector<int> fds_;
};

// The numbers that the shell has open, but for the one by which it lists them.
constexpr const char* kListOpen =
    "open=; for fd in /proc/$$/fd/*; do [ -e $fd ] && open=\"$open ${fd##*/}\"; done; "
    "echo \"$open\"";

std::string run(std::vector<std::string> words, int* status = nullptr) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ProcessOptions options;
  options.words = std::move(words);
  options.environment = {"PATH=/usr/bin:/bin", "NAME=value"};
  options.out = ends[1];
  const auto pid = start_process(options);
  ::close(ends[1]);
  std::string out = pid ? "" : pid.error().message;
  char chunk[256];
  for (ssize_t n = 0; (n = ::read(ends[0], chunk, sizeof chunk)) > 0;)
    out.append(chunk, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int ended = 0;
  if (pid) ::waitpid(*pid, &ended, 0);
  if (status != nullptr) *status = ended;
  return out;
}

TEST(F12, a_child_inherits_its_three_descriptors_and_nothing_else) {
  const Inheritable open;
  EXPECT_EQ(run({"sh", "-c", kListOpen}), " 0 1 2\n");
}

TEST(F12, a_credential_plugin_sees_its_three_descriptors_and_nothing_else) {
  const Inheritable open;
  KubeConfig config;
  config.exec = KubeConfig::Exec{
      "client.authentication.k8s.io/v1",
      "sh",
      {"-c", std::string(kListOpen) +
                 R"( >/dev/null; printf '{"apiVersion":"client.authentication.k8s.io/v1",)"
                 R"x("kind":"ExecCredential","status":{"token":"%s"}}' )x" +
                 R"x("$(echo $open | tr ' ' ,)")x"},
      {},
      false};
  const auto got = run_exec_plugin(config, Millis(10'000), {});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->token, "0,1,2");
}

// Our own listeners too: what holds them keeps the port.
TEST(F12, a_child_that_is_left_behind_does_not_keep_the_port) {
  ServerOptions options;
  auto server = serve(options, [](InboundRequest, std::shared_ptr<Responder>) {});
  ASSERT_TRUE(server) << server.error().message;
  const std::string url = (*server)->url();
  options.port = std::stoi(url.substr(url.rfind(':') + 1));
  ProcessOptions child;
  child.words = {"sh", "-c", "read forever"};
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  child.in = ends[0];
  const auto pid = start_process(child);
  ASSERT_TRUE(pid) << pid.error().message;
  (*server)->stop();
  EXPECT_TRUE(serve(options, [](InboundRequest, std::shared_ptr<Responder>) {}));
  ::close(ends[1]);
  ::close(ends[0]);
  ::waitpid(*pid, nullptr, 0);
}

TEST(Process, a_program_gets_its_environment_and_an_empty_input) {
  EXPECT_EQ(run({"sh", "-c", "cat; echo $NAME $#", "sh", "a b"}), "value 1\n");
}

TEST(Process, one_that_cannot_be_started_says_why) {
  EXPECT_THAT(run({"sluice-no-such-program"}),
              testing::AllOf(HasSubstr("sluice-no-such-program"), HasSubstr("No such file")));
  EXPECT_THAT(run({"/etc/passwd"}), HasSubstr("Permission denied"));
}

TEST(Process, signals_that_we_block_or_ignore_reach_it) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto ignored = std::signal(SIGPIPE, SIG_IGN);
  int status = 0;
  run({"sh", "-c", "kill -TERM $$; sleep 10"}, &status);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
  run({"sh", "-c", "kill -PIPE $$; exit 3"}, &status);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE) << status;
  std::signal(SIGPIPE, ignored);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(Process, close_inherited_leaves_what_is_kept) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    int ends[2];
    if (::pipe(ends) != 0) ::_exit(1);
    const int high = ::fcntl(ends[0], F_DUPFD, 100);
    close_inherited({high, ends[1], -1});
    const bool kept = ::fcntl(high, F_GETFD) >= 0 && ::fcntl(ends[1], F_GETFD) >= 0 &&
                      ::fcntl(2, F_GETFD) >= 0;
    ::_exit(kept && ::fcntl(ends[0], F_GETFD) < 0 ? 0 : 2);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace sluice::net
