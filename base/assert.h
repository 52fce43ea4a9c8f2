#pragma once
// Class 4 of our troubles: we are wrong. Always compiled in. The loop catches AssertionFailure at
// the border of one key (a bulkhead); everywhere else it ends the process.

#include <stdexcept>
#include <string>

namespace sluice {

struct AssertionFailure : std::logic_error {
  using std::logic_error::logic_error;
};

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line,
                                   const std::string& detail);

}  // namespace sluice

#define SLUICE_ASSERT(cond, detail) \
  ((cond) ? static_cast<void>(0) : ::sluice::assertion_failed(#cond, __FILE__, __LINE__, (detail)))
