#include "demo/report.h"

#include <fmt/core.h>

#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::demo {

using kube::Json;

namespace {

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::string seconds(const std::optional<double>& value) {
  return value ? fmt::format("{:.2f}", *value) : "-";
}
std::string count(const std::optional<std::uint64_t>& value) {
  return value ? std::to_string(*value) : "-";
}

}  // namespace

Json report_json(const std::vector<StoryResult>& results,
                 const std::vector<TimelineEntry>& timeline, const std::string& audit_log) {
  Json stories = Json::array();
  for (const auto& result : results) {
    Json steps = Json::array();
    for (const auto& step : result.steps) {
      steps.push_back(
          {{"askedWeight", step.asked_weight},
           {"measuredShare", step.requests == 0 ? Json(nullptr) : Json(step.measured_share())},
           {"requests", step.requests}});
    }
    stories.push_back(
        {{"name", result.name},
         {"declared", result.declared},
         {"outcome", result.outcome},
         {"why", result.why},
         {"seconds", or_null(result.seconds)},
         {"firstBadSampleToZeroSeconds", or_null(result.first_bad_sample_to_zero_seconds)},
         {"failedVerdictToZeroSeconds", or_null(result.failed_verdict_to_zero_seconds)},
         {"userRequests", or_null(result.user_requests)},
         {"failedUserRequests", or_null(result.failed_user_requests)},
         {"requestsToUnverifiedVersion", or_null(result.requests_to_unverified_version)},
         {"steps", std::move(steps)},
         {"notes", result.notes}});
  }
  Json lines = Json::array();
  for (const auto& entry : timeline) {
    lines.push_back({{"time", format_rfc3339_micro(WallTime(Millis(entry.time_ms)))},
                     {"story", entry.story},
                     {"text", entry.text}});
  }
  return {{"stories", std::move(stories)}, {"timeline", std::move(lines)}, {"auditLog", audit_log}};
}

std::string status_line(const RolloutView& view) {
  constexpr std::size_t kMessageMax = 60;  // bytes
  std::string message = printable_line(view.message);
  while (message.size() > kMessageMax) {
    while ((static_cast<unsigned char>(message.back()) & 0xC0U) == 0x80U) message.pop_back();
    message.pop_back();
  }
  return printable_line(fmt::format("  {:<6} {:<11} step {:<5} weight {:>3} %  ready {}/{}  {}",
                                    view.name, view.phase, view.step, view.asked_weight, view.ready,
                                    view.desired, message));
}

std::string report_table(const std::vector<StoryResult>& results) {
  std::string out = fmt::format("\n{:<13} {:<20} {:<20} {:>8} {:>9} {:>7} {:>11} {:>15} {:>16}\n",
                                "story", "declared", "outcome", "seconds", "requests", "failed",
                                "unverified", "bad sample → 0", "verdict → 0");
  for (const auto& r : results) {
    out += fmt::format("{:<13} {:<20} {:<20} {:>8} {:>9} {:>7} {:>11} {:>14} {:>14}\n", r.name,
                       r.declared, r.outcome, seconds(r.seconds), count(r.user_requests),
                       count(r.failed_user_requests), count(r.requests_to_unverified_version),
                       seconds(r.first_bad_sample_to_zero_seconds),
                       seconds(r.failed_verdict_to_zero_seconds));
    for (const auto& step : r.steps)
      out += fmt::format("    weight {:>3} asked, {:5.1f} % measured over {} requests\n",
                         step.asked_weight, 100 * step.measured_share(), step.requests);
    for (const auto& note : r.notes) out += fmt::format("    {}\n", note);
    if (!r.why.empty()) out += fmt::format("    NOT AS DECLARED: {}\n", r.why);
  }
  return out;
}

}  // namespace sluice::demo
