#pragma once
// The reason that a traffic cut leaves behind, in the very write that cuts
// (api::kAbortVerdictAnnotation on a router's object or on the active Service). An analysis verdict
// may live in memory only: without it, a controller that dies between the cut and its record would
// measure again, and could raise the weight of a version already judged bad.
#include <optional>
#include <string>
#include <string_view>

namespace sluice::rollout {

struct Verdict {
  std::string hash;     // pod template hash of the version judged
  std::string run;      // AnalysisRun that judged it
  std::string metric;   // the deciding metric, "" when unknown
  std::string message;  // the abort message, as it goes into the Progressing condition
  std::string attempt = {};  // attempt_mark() of the attempt it ended, "" when unknown
  bool operator==(const Verdict&) const = default;
};

// Compact JSON; messages are cut to 1,000 bytes (annotations are no place for essays).
[[nodiscard]] std::string encode(const Verdict& verdict);
// nullopt for what encode() cannot have written. Others may write there, too: texts come back
// bounded and without what would steer a terminal.
[[nodiscard]] std::optional<Verdict> decode_verdict(std::string_view text);

}  // namespace sluice::rollout
