#pragma once
#include <string>
#include <vector>

#include "demo/story.h"
#include "kube/json/json_fwd.h"

namespace sluice::demo {

struct TimelineEntry {
  std::int64_t time_ms = 0;
  std::string story, text;
};

[[nodiscard]] kube::Json report_json(const std::vector<StoryResult>& results,
                                     const std::vector<TimelineEntry>& timeline,
                                     const std::string& audit_log);
// One Rollout in the live view: one line of a terminal, whatever the object says.
[[nodiscard]] std::string status_line(const RolloutView& view);
// The final table, plain text.
[[nodiscard]] std::string report_table(const std::vector<StoryResult>& results);

}  // namespace sluice::demo
