#pragma once
#include <csignal>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::demo {

// A child process with its output in a file. It dies with its parent, and with this object.
class Child {
 public:
  Child() = default;
  Child(Child&& other) noexcept : pid_(other.pid_) { other.pid_ = -1; }
  Child& operator=(Child&& other) noexcept;
  ~Child() { stop(); }
  // `extra_env` is added to our own environment. `death_signal` is what it gets when we die without
  // a word; a program with children of its own needs one that it can pass on. Errors: Unavailable.
  [[nodiscard]] static Result<Child> start(
      const std::vector<std::string>& words, const std::string& log,
      const std::map<std::string, std::string>& extra_env = {}, int death_signal = SIGKILL);
  void signal(int number) const;
  [[nodiscard]] bool running();
  // SIGTERM, then SIGKILL after five seconds.
  void stop();
  [[nodiscard]] int pid() const { return pid_; }

 private:
  int pid_ = -1;
};

// The first of these programs that exists in PATH or an sbin folder; "" when none does.
[[nodiscard]] std::string find_program(const std::string& name);

}  // namespace sluice::demo
