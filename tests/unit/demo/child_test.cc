// What is left when the demo is killed: nothing.
#include "demo/child.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sluice::demo {
namespace {

std::string read_all(int fd) {
  std::string out;
  char buffer[64];
  for (ssize_t n = 0; (n = read(fd, buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(n));
  return out;
}

// What a program that can pass SIGTERM on writes after its parent was killed.
std::string last_words(int death_signal) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t parent = fork();
  if (parent == 0) {
    dup2(ends[1], 9);  // a shell knows numbers of one digit
    close(ends[0]);
    close(ends[1]);
    auto child = Child::start(
        {"/bin/sh", "-c",
         "trap 'echo term >&9; exit' TERM; echo up >&9; while :; do sleep 0.05; done"},
        "/dev/null", {}, death_signal);
    close(9);
    if (child) pause();
    _exit(1);
  }
  close(ends[1]);
  char first = 0;
  EXPECT_EQ(read(ends[0], &first, 1), 1);
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  const std::string rest = read_all(ends[0]);  // ends when nobody holds the other end
  close(ends[0]);
  return first + rest;
}

TEST(Child, GetsTheSignalItAskedForWhenItsParentIsKilled) {
  EXPECT_EQ(last_words(SIGTERM), "up\nterm\n");
  EXPECT_EQ(last_words(SIGKILL), "up\n");
}

}  // namespace
}  // namespace sluice::demo
