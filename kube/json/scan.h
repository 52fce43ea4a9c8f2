#pragma once
// Parts of a JSON text that no parser takes as a whole, because something inside is nested too
// deeply: brackets are counted, strings skipped, nothing is validated. Iterative, so that depth
// costs no stack. The parts are views of the text.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::kube {

// Key (as written, without its quotes) and value of each member. nullopt when the text is not one
// whole object.
using ScannedMembers = std::vector<std::pair<std::string_view, std::string_view>>;
[[nodiscard]] std::optional<ScannedMembers> scan_object(std::string_view text);
// nullopt when the text is not one whole array.
[[nodiscard]] std::optional<std::vector<std::string_view>> scan_array(std::string_view text);
// The first value of this key; "" when there is none.
[[nodiscard]] std::string_view scanned(const ScannedMembers& members, std::string_view key);

}  // namespace sluice::kube
