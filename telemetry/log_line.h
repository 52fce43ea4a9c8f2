#pragma once
// One log record as one line of text. Pure: the time is an argument.
#include <string>
#include <string_view>
#include <vector>

#include "base/seams.h"

namespace sluice::telemetry {

[[nodiscard]] std::string_view level_name(LogLevel level);
// "2026-11-21T14:28:03.123Z"
[[nodiscard]] std::string format_millis(WallTime time);
// A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD, and nothing in it steers a
// terminal.
[[nodiscard]] std::string json_string(std::string_view text);

// time=… level=… msg="…" key=value; values are quoted where they have to be.
[[nodiscard]] std::string text_line(WallTime time, LogLevel level, std::string_view message,
                                    const std::vector<LogField>& fields);
// {"time":"…","level":"…","msg":"…","key":"value"}
[[nodiscard]] std::string json_line(WallTime time, LogLevel level, std::string_view message,
                                    const std::vector<LogField>& fields);

}  // namespace sluice::telemetry
