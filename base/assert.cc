#include "base/assert.h"

#include <fmt/core.h>

namespace sluice {

void assertion_failed(const char* expression, const char* file, int line,
                      const std::string& detail) {
  throw AssertionFailure(
      fmt::format("{}:{}: `{}` does not hold: {}", file, line, expression, detail));
}

}  // namespace sluice
