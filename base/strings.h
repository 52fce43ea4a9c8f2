#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// Labels, annotations, selectors. Sorted, so that text made from it is deterministic.
using StringMap = std::map<std::string, std::string, std::less<>>;

[[nodiscard]] std::string_view trim(std::string_view text);
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator);
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] bool iequals(std::string_view a, std::string_view b);
// The whole text as a base-10 integer, sign allowed; nullopt otherwise or out of range.
[[nodiscard]] std::optional<std::int64_t> parse_int(std::string_view text);
// RFC 3986 percent coding; '/' is coded too.
[[nodiscard]] std::string url_encode(std::string_view text);
// Decodes percent codes; '+' becomes a space when `plus_is_space` (query strings).
[[nodiscard]] std::string url_decode(std::string_view text, bool plus_is_space = true);
// Go's strconv.Quote for valid UTF-8 text.
[[nodiscard]] std::string quote(std::string_view text);

// Foreign text as a person may see it: a terminal or a log viewer is told nothing by it. Control
// characters other than line break and tab, those of C1 and DEL, bidi marks and Unicode's own line
// separators stand there as \u001b; bytes that are no UTF-8 become U+FFFD, CR LF a line break. In
// JSON and in double-quoted YAML the value stays the same.
[[nodiscard]] std::string printable(std::string_view text);
// As above and in one line: line breaks and tabs become blanks.
[[nodiscard]] std::string printable_line(std::string_view text);

[[nodiscard]] const std::string* find_or_null(const StringMap& map, std::string_view key);
[[nodiscard]] std::string get_or(const StringMap& map, std::string_view key,
                                 std::string_view fallback = "");

}  // namespace sluice
