#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/json/json_fwd.h"

namespace sluice::kube {

// Errors: Decode, with the byte position. Integers stay int64/uint64, never doubles. Depth is
// bounded.
[[nodiscard]] Result<Json> parse_json(std::string_view text);
// Compact, sorted keys; invalid UTF-8 becomes U+FFFD instead of an exception.
[[nodiscard]] std::string dump(const Json& value);

// Reading without exceptions: nullptr when any step is missing or of another type.
[[nodiscard]] const Json* find(const Json& value, std::string_view key);
// Dotted path of object members: find_path(o, "spec.template.metadata"). Keys with dots need the
// list form.
[[nodiscard]] const Json* find_path(const Json& value, std::string_view dotted);
[[nodiscard]] const Json* find_path(const Json& value,
                                    std::initializer_list<std::string_view> keys);
[[nodiscard]] std::string get_string(const Json& value, std::string_view dotted,
                                     std::string_view fallback = "");
[[nodiscard]] std::int64_t get_int(const Json& value, std::string_view dotted,
                                   std::int64_t fallback = 0);
[[nodiscard]] bool get_bool(const Json& value, std::string_view dotted, bool fallback = false);

}  // namespace sluice::kube
