#include "demo/evidence.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::demo {

std::optional<AccessLine> parse_access_line(std::string_view line) {
  const auto words = split(trim(line), ' ');
  if (words.size() < 4) return std::nullopt;
  AccessLine out;
  const auto dot = words[0].find('.');
  const auto seconds = parse_int(words[0].substr(0, dot));
  const auto millis = dot == std::string::npos ? std::optional<std::int64_t>(0)
                                               : parse_int(words[0].substr(dot + 1));
  const auto status = parse_int(words[2]);
  if (!seconds || !millis || !status) return std::nullopt;
  out.time_ms = *seconds * 1000 + *millis;
  out.host = words[1];
  out.status = static_cast<int>(*status);
  // Several upstreams were tried: "a, b" puts a comma behind each but the last; the last one
  // answered.
  std::size_t last = 3;
  while (last + 1 < words.size() && !words[last].empty() && words[last].back() == ',') ++last;
  if (words[last] != "-") out.upstream = words[last];
  return out;
}

std::vector<AccessLine> parse_access_log(std::string_view text) {
  std::vector<AccessLine> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) break;  // half a line: it will be whole next time
    if (auto line = parse_access_line(text.substr(0, end))) out.push_back(std::move(*line));
    text.remove_prefix(end + 1);
  }
  return out;
}

void measure(StepShare& step, const std::vector<AccessLine>& lines, const std::string& host,
             const std::string& hash, const HashOf& hash_of) {
  step.requests = step.canary_requests = 0;
  for (const auto& line : lines) {
    if (line.host != host || line.time_ms < step.from_ms || line.time_ms >= step.to_ms ||
        line.upstream.empty())
      continue;
    ++step.requests;
    if (hash_of(line.upstream) == hash) ++step.canary_requests;
  }
}

bool share_holds(const StepShare& step) {
  if (step.requests < 200) return false;
  const double p = step.asked_weight / 100.0, n = static_cast<double>(step.requests);
  // Normal approximation, z for 99.9 % two-sided, with continuity correction; exact at 0 and 1.
  const double tolerance = 3.2905 * std::sqrt(p * (1 - p) / n) + (p > 0 && p < 1 ? 0.5 / n : 0);
  return std::abs(step.measured_share() - p) <= tolerance;
}

FailureTimes failure_times(std::string_view controller_log, const std::string& run_prefix) {
  FailureTimes out;
  while (!controller_log.empty()) {
    const auto end = controller_log.find('\n');
    const std::string_view line = controller_log.substr(0, end);
    controller_log.remove_prefix(end == std::string_view::npos ? controller_log.size() : end + 1);
    if (line.find("\"answered_at_ms\"") == std::string_view::npos) continue;
    const auto entry = kube::parse_json(line);
    if (!entry || kube::get_string(*entry, "run").rfind(run_prefix, 0) != 0 ||
        kube::get_string(*entry, "phase") != "Failed")
      continue;
    const auto at = parse_int(kube::get_string(*entry, "answered_at_ms"));
    if (!at) continue;
    const std::string message = kube::get_string(*entry, "msg");
    if (message == "measurement" && !out.first_bad_sample_ms) out.first_bad_sample_ms = *at;
    if (message == "verdict" && !out.failed_verdict_ms) out.failed_verdict_ms = *at;
  }
  return out;
}

}  // namespace sluice::demo
