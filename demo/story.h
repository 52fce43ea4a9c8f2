#pragma once
// The three stories. Each applies an example, sets images, watches, and compares what happened with
// what was declared.
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "demo/client.h"
#include "demo/edge.h"
#include "demo/evidence.h"
#include "demo/load.h"

namespace sluice::demo {

struct StoryResult {
  std::string name, declared, outcome;  // outcome "" while it runs, "failed: …" otherwise
  std::string why;                      // why it did not end as declared
  std::optional<double> seconds, first_bad_sample_to_zero_seconds, failed_verdict_to_zero_seconds;
  std::optional<std::uint64_t> user_requests, failed_user_requests, requests_to_unverified_version;
  std::vector<StepShare> steps;
  std::vector<std::string> notes;  // metric, value, condition; the Rollout's message
  [[nodiscard]] bool as_declared() const { return outcome == declared; }
};

// What a live view shows of one Rollout.
struct RolloutView {
  std::string name, phase, message, step;
  int asked_weight = 0, ready = 0, desired = 0;
};

struct Stage {  // everything a story needs
  Client& client;
  Edge& edge;
  Load& load;
  std::string root;            // where examples/ lies
  std::string controller_log;  // path
  std::atomic<bool>& cancelled;
  std::function<void(const std::string& story, const std::string& line)> say;
  std::function<void(const RolloutView&)> show;
};

[[nodiscard]] StoryResult canary_good(Stage& stage);
// Expects the Rollout of canary_good, or sets it up itself.
[[nodiscard]] StoryResult canary_bad(Stage& stage);
[[nodiscard]] StoryResult blue_green(Stage& stage);

}  // namespace sluice::demo
