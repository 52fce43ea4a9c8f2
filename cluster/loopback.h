#pragma once
// A block of loopback addresses, 127.N.0.0/16, that no other cluster on this machine uses. Held by
// a lock on a file that the kernel drops with the process.
#include <memory>
#include <string>

#include "base/result.h"

namespace sluice::cluster {

class LoopbackBlock {
 public:
  // Errors: Unavailable (all blocks taken).
  [[nodiscard]] static Result<std::unique_ptr<LoopbackBlock>> claim();
  ~LoopbackBlock();
  LoopbackBlock(const LoopbackBlock&) = delete;
  [[nodiscard]] std::string next_address();

 private:
  LoopbackBlock(int fd, int number) : fd_(fd), number_(number) {}
  int fd_;
  int number_;
  unsigned next_ = 0;
};

}  // namespace sluice::cluster
