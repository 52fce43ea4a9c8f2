#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::kube {

// resource.Quantity's canonical text: "0.001" → "1m", "1000m" → "1", "1024Ki" → "1Mi". Errors:
// Invalid.
[[nodiscard]] Result<std::string> canonical_quantity(std::string_view text);
// Equal by value, whatever the notation.
[[nodiscard]] bool quantities_equal(std::string_view a, std::string_view b);

// intstr.IntOrString.
struct IntOrString {
  bool is_string = false;
  std::int64_t number = 0;
  std::string text;
  bool operator==(const IntOrString&) const = default;
};

}  // namespace sluice::kube
