#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::kube {

// RFC 6901: "/spec/containers/0" as unescaped tokens; nullopt when it is malformed. "" is the whole
// document.
[[nodiscard]] std::optional<std::vector<std::string>> parse_json_pointer(std::string_view text);
// The array index a token stands for; nullopt for anything but canonical decimal digits.
[[nodiscard]] std::optional<std::size_t> pointer_index(std::string_view token);

}  // namespace sluice::kube
