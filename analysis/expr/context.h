#pragma once
// What one evaluation may use and how much of it.
#include <cstdint>
#include <string>

#include "analysis/expr/runtime_error.h"
#include "analysis/expr/zone.h"
#include "analysis/work.h"
#include "base/time.h"

namespace sluice::analysis::expr {

// Expressions have no loops, so elements and steps bound their cost; steps instead of a clock keep
// evaluation a pure function.
class Budget {
 public:
  Budget(std::uint64_t max_steps, Work* spent) : max_steps_(max_steps), spent_(spent) {}
  ~Budget() {
    if (spent_ != nullptr) spent_->steps += steps_ + used_;
  }
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;
  // Elements (or bytes) that came into being; a million is one too many (expressions.md §12.2).
  void grow(std::uint64_t elements) {
    used_ += elements;
    if (used_ >= kMaxElements) raise("memory budget exceeded");
  }
  void work(std::uint64_t steps) {
    steps_ += steps;
    if (steps_ > max_steps_) {
      raise("expression evaluation exceeded " + std::to_string(max_steps_) + " steps");
    }
  }

 private:
  static constexpr std::uint64_t kMaxElements = 1'000'000;
  std::uint64_t used_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t max_steps_;
  Work* spent_;
};

struct Context {
  WallTime now;
  const ZoneLoader* zones;
  Budget budget;
};

}  // namespace sluice::analysis::expr
