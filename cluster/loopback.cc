#include "cluster/loopback.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/core.h>

namespace sluice::cluster {

Result<std::unique_ptr<LoopbackBlock>> LoopbackBlock::claim() {
  for (int number = 10; number < 250; ++number) {
    const std::string path = fmt::format("/tmp/.sluice-loopback-{}", number);
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) continue;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
      return std::unique_ptr<LoopbackBlock>(new LoopbackBlock(fd, number));
    close(fd);
  }
  return fail(ErrorCode::Unavailable,
              "every loopback block is in use: stop some clusters (sluice cluster down)");
}

LoopbackBlock::~LoopbackBlock() {
  close(fd_);
}

std::string LoopbackBlock::next_address() {
  const unsigned n = next_++ % (250U * 250U);
  return fmt::format("127.{}.{}.{}", number_, n / 250U, n % 250U + 1U);
}

}  // namespace sluice::cluster
