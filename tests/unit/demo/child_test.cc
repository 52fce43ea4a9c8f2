// What is left when the demo is killed: nothing.
#include "demo/child.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

namespace sluice::demo {
namespace {

// A named pipe in the place of a log: children have no other descriptor of ours.
class NamedPipe {
 public:
  NamedPipe()
      : path_((std::filesystem::temp_directory_path() /
               ("sluice-child-" + std::to_string(getpid()) + "-" + std::to_string(++made_)))
                  .string()) {
    EXPECT_EQ(mkfifo(path_.c_str(), 0600), 0);
  }
  ~NamedPipe() { std::filesystem::remove(path_); }
  NamedPipe(const NamedPipe&) = delete;
  NamedPipe& operator=(const NamedPipe&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  // Waits for a writer; ends when there is none any more.
  void open_for_reading() { stream_.open(path_); }
  std::string line() {
    std::string text;
    std::getline(stream_, text);
    return text;
  }

 private:
  static inline int made_ = 0;
  std::string path_;
  std::ifstream stream_;
};

// What a program that can pass SIGTERM on writes after its parent was killed.
std::string last_words(int death_signal) {
  NamedPipe log;
  const pid_t parent = fork();
  if (parent == 0) {
    auto child =
        Child::start({"/bin/sh", "-c",
                      "trap 'echo term; exit' TERM; echo up; while :; do sleep 0.05; done"},
                     log.path(), {}, death_signal);
    if (child) pause();
    _exit(1);
  }
  log.open_for_reading();
  const std::string first = log.line();
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  return first + "," + log.line();
}

TEST(F12, a_program_of_the_demo_sees_its_three_descriptors_and_nothing_else) {
  int inheritable[2] = {-1, -1};
  ASSERT_EQ(pipe(inheritable), 0);
  NamedPipe log;
  std::thread reading([&] { log.open_for_reading(); });  // opening waits for the other side
  auto child = Child::start(
      {"/bin/sh", "-c",
       "for fd in /proc/$$/fd/*; do [ -e $fd ] && printf '%s ' ${fd##*/}; done; echo"},
      log.path());
  reading.join();
  EXPECT_EQ(log.line(), "0 1 2 ");
  close(inheritable[0]);
  close(inheritable[1]);
}

TEST(Child, GetsTheSignalItAskedForWhenItsParentIsKilled) {
  EXPECT_EQ(last_words(SIGTERM), "up,term");
  EXPECT_EQ(last_words(SIGKILL), "up,");
}

}  // namespace
}  // namespace sluice::demo
