#include "demo/child.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdlib>

#include "base/strings.h"
#include "net/net.h"

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
  net::ProcessOptions options;
  options.words = words;
  for (char** item = environ; *item != nullptr; ++item) {
    const std::string text = *item;
    if (!extra_env.contains(text.substr(0, text.find('=')))) options.environment.push_back(text);
  }
  for (const auto& [name, value] : extra_env) options.environment.push_back(name + "=" + value);
  const int log_fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_fd < 0) return fail(ErrorCode::Unavailable, "cannot write " + log);
  options.out = options.err = log_fd;
  options.own_group = true;  // Ctrl-C reaches us; we end our children in order
  options.death_signal = death_signal;
  const auto pid = net::start_process(options);
  close(log_fd);
  if (!pid) return fail(pid.error());
  Child child;
  child.pid_ = *pid;
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
