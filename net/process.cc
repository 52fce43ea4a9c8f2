// How every child of ours is started, so that no kind of child can be forgotten: it gets its three
// descriptors and nothing else that we have open.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/strings.h"
#include "net/net.h"

namespace sluice::net {
namespace {

// As a shell looks for it.
std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  for (const auto& folder : split(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (auto& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// From here to exec only async-signal-safe calls: other threads may have held locks at the fork.

void mark_inherited() noexcept {
  if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  // Kernels before 5.11 do not know how.
  const auto limit = static_cast<int>(std::min<std::uint64_t>(descriptor_limit(), 1U << 20U));
  for (int fd = 3; fd < limit; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

struct Plan {
  const char* program;
  char* const* words;
  char* const* environment;
  int descriptors[3];
  int failure;  // gets errno when the program cannot be started
  pid_t parent;
  bool own_group;
  int death_signal;
};

[[noreturn]] void run_child(const Plan& plan) noexcept {
  if (plan.death_signal != 0) {
    ::prctl(PR_SET_PDEATHSIG, plan.death_signal);
    if (::getppid() != plan.parent) ::_exit(127);  // the parent died before prctl
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);  // that we ignore it is our own affair
  if (plan.own_group) ::setpgid(0, 0);
  int sources[3];
  for (int i = 0; i < 3; ++i)  // out of the way of the numbers that are about to be filled
    sources[i] = plan.descriptors[i] < 0 ? -1 : ::fcntl(plan.descriptors[i], F_DUPFD_CLOEXEC, 3);
  for (int i = 0; i < 3; ++i)
    if (sources[i] >= 0) ::dup2(sources[i], i);
  mark_inherited();
  ::execve(plan.program, plan.words, plan.environment);
  const int error = errno;
  static_cast<void>(!::write(plan.failure, &error, sizeof error));
  ::_exit(127);
}

struct Pipe {
  int ends[2] = {-1, -1};
  bool open() { return ::pipe2(ends, O_CLOEXEC) == 0; }
  void close(int which) {
    if (ends[which] >= 0) ::close(ends[which]);
    ends[which] = -1;
  }
  ~Pipe() {
    close(0);
    close(1);
  }
};

// errno of the exec that failed; 0 when the program runs.
int exec_error(int fd) {
  int error = 0;
  ssize_t n = 0;
  do {
    n = ::read(fd, &error, sizeof error);
  } while (n < 0 && errno == EINTR);
  return n == static_cast<ssize_t>(sizeof error) ? error : 0;
}

}  // namespace

Result<int> start_process(const ProcessOptions& options) {
  if (options.words.empty()) return fail(ErrorCode::Internal, "no program is named");
  const auto cannot = [&](int error) {
    return fail(ErrorCode::Unavailable,
                "cannot start " + options.words.front() + ": " + std::strerror(error));
  };
  const std::string program = find_program(options.words.front());
  if (program.empty()) return cannot(ENOENT);
  std::vector<std::string> words = options.words, environment = options.environment;
  const auto argv = pointers(words), envp = pointers(environment);
  Pipe failure;
  if (!failure.open()) return cannot(errno);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const Plan plan{program.c_str(), argv.data(), envp.data(),
                  {options.in < 0 ? nothing : options.in, options.out, options.err},
                  ::fcntl(failure.ends[1], F_DUPFD_CLOEXEC, 3), ::getpid(), options.own_group,
                  options.death_signal};
  const pid_t pid = ::fork();
  const int fork_error = errno;
  if (pid == 0) run_child(plan);
  if (nothing >= 0) ::close(nothing);
  if (plan.failure >= 0) ::close(plan.failure);
  failure.close(1);
  if (pid < 0) return cannot(fork_error);
  if (const int error = exec_error(failure.ends[0]); error != 0) {
    ::waitpid(pid, nullptr, 0);
    return cannot(error);
  }
  return pid;
}

}  // namespace sluice::net
