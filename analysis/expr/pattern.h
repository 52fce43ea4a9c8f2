#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace sluice::analysis::expr {

// nullptr and a message when the pattern is malformed.
[[nodiscard]] std::shared_ptr<const re2::RE2> compile_pattern(std::string_view pattern,
                                                              std::string& message);
[[nodiscard]] bool matches_pattern(const re2::RE2& pattern, std::string_view text);

}  // namespace sluice::analysis::expr
