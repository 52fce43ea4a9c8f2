#pragma once
// How much was computed: what one object's answers cost is taken from everybody else, for all of
// them are assessed on one thread (ADR 14).
#include <cstddef>
#include <cstdint>

namespace sluice::analysis {

// Counted and not timed, so that the same input costs the same on every machine. A step of a
// condition is the unit, some 25 ns on a machine of 2024.
struct Work {
  std::uint64_t steps = 0;

  // An answer's text: parsed, held as a tree, and let go of.
  void read(std::size_t bytes) { steps += 3 * static_cast<std::uint64_t>(bytes); }
};

}  // namespace sluice::analysis
