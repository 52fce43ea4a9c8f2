#include "demo/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdlib>

#include "base/strings.h"

extern char** environ;

namespace sluice::demo {

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    stop();
    pid_ = other.pid_;
    other.pid_ = -1;
  }
  return *this;
}

Result<Child> Child::start(const std::vector<std::string>& words, const std::string& log,
                           const std::map<std::string, std::string>& extra_env,
                           int death_signal) {
  std::vector<std::string> storage = words;
  std::vector<std::string> env_storage;
  for (char** item = environ; *item != nullptr; ++item) {
    const std::string text = *item;
    if (!extra_env.contains(text.substr(0, text.find('=')))) env_storage.push_back(text);
  }
  for (const auto& [name, value] : extra_env) env_storage.push_back(name + "=" + value);
  std::vector<char*> argv, envp;
  for (auto& word : storage) argv.push_back(word.data());
  for (auto& item : env_storage) envp.push_back(item.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  const int log_fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_fd < 0) return fail(ErrorCode::Unavailable, "cannot write " + log);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, death_signal);
    if (getppid() != parent) _exit(127);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    setpgid(0, 0);  // Ctrl-C reaches us; we end our children in order
    dup2(log_fd, 1);
    dup2(log_fd, 2);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(log_fd);
  if (pid < 0) return fail(ErrorCode::Unavailable, "cannot start " + words.front());
  Child child;
  child.pid_ = pid;
  return child;
}

void Child::signal(int number) const {
  if (pid_ > 0) kill(pid_, number);
}

bool Child::running() {
  if (pid_ <= 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

void Child::stop() {
  if (!running()) return;
  kill(pid_, SIGTERM);
  for (int tick = 0; tick < 250; ++tick) {
    if (!running()) return;
    usleep(20'000);
  }
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string folders = path != nullptr ? path : "";
  folders += ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
  for (const auto& folder : split(folders, ':')) {
    const std::string candidate = folder + "/" + name;
    if (!folder.empty() && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

}  // namespace sluice::demo
