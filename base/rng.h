#pragma once
#include <cstdint>

namespace sluice {

// Seam. Our own generator and our own distributions: std:: ones differ between libraries, and a
// seed must replay the same run everywhere.
class Rng {
 public:
  virtual ~Rng() = default;
  virtual std::uint64_t next_u64() = 0;

  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1).
  double unit();
  // True with probability p.
  bool chance(double p) { return unit() < p; }
};

// xoshiro256** seeded by splitmix64.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed);
  std::uint64_t next_u64() override;

 private:
  std::uint64_t state_[4];
};

}  // namespace sluice
