#pragma once
// What really happened, read from nginx's access log and the controller's structured log: not from
// what the controller says of itself. Pure functions over text.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace sluice::demo {

struct AccessLine {
  std::int64_t time_ms = 0;  // when the response was sent
  std::string host;
  int status = 0;
  std::string upstream;  // "ip:port" that answered; "" when none did
};
[[nodiscard]] std::optional<AccessLine> parse_access_line(std::string_view line);
[[nodiscard]] std::vector<AccessLine> parse_access_log(std::string_view text);

struct StepShare {
  int asked_weight = 0;  // 0..100
  std::int64_t from_ms = 0, to_ms = 0;
  std::uint64_t requests = 0, canary_requests = 0;
  [[nodiscard]] double measured_share() const {
    return requests == 0 ? 0 : static_cast<double>(canary_requests) / static_cast<double>(requests);
  }
};
using HashOf = std::function<std::string(const std::string& upstream)>;
// Counts the answers of `hash` to `host` within the step's time.
void measure(StepShare& step, const std::vector<AccessLine>& lines, const std::string& host,
             const std::string& hash, const HashOf& hash_of);
// Within the binomial 99.9 % interval of the asked weight, and on at least 200 requests.
[[nodiscard]] bool share_holds(const StepShare& step);

// From the controller's log (JSON lines): when the answers of failing measurements came, for one
// AnalysisRun prefix.
struct FailureTimes {
  std::optional<std::int64_t> first_bad_sample_ms, failed_verdict_ms;
};
[[nodiscard]] FailureTimes failure_times(std::string_view controller_log,
                                         const std::string& run_prefix);

}  // namespace sluice::demo
