#pragma once
// What Kubernetes accepts as label keys and values, with its own wording for what it does not.
#include <string>
#include <string_view>
#include <vector>

namespace sluice::kube {

// Empty when the key is well formed.
[[nodiscard]] std::vector<std::string> label_key_problems(std::string_view key);
[[nodiscard]] std::vector<std::string> label_value_problems(std::string_view value);
// RFC 1123 subdomain (names of most objects).
[[nodiscard]] bool is_dns_subdomain(std::string_view text);

}  // namespace sluice::kube
