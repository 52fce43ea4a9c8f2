#include "sim/captured_telemetry.h"

namespace sluice::sim {

void CapturedTelemetry::log(LogLevel level, std::string_view message,
                            std::vector<LogField> fields) {
  if (level == LogLevel::Error) ++errors;
  if (lines.size() >= lines_max_)
    lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(lines_max_ / 2));
  std::string line = format_rfc3339_micro(clock_.wall_now());
  static constexpr std::string_view kNames[] = {" DEBUG ", " INFO  ", " WARN  ", " ERROR "};
  line += kNames[static_cast<std::size_t>(level)];
  line += message;
  for (const auto& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += field.value;
  }
  lines.push_back(std::move(line));
}

}  // namespace sluice::sim
