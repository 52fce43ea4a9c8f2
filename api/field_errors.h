#pragma once
// How an error of a field reads, as the reference and Kubernetes word it.
#include <string>
#include <string_view>

namespace sluice::api {

[[nodiscard]] std::string required_error(std::string_view path, std::string_view detail);
[[nodiscard]] std::string invalid_error(std::string_view path, std::string_view value_text,
                                        std::string_view detail);

}  // namespace sluice::api
