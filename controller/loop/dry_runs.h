#pragma once
// What the API server makes of a pod template, for decisions that only it can take (ADR 12). Asked
// once per template; the answer brings the Rollout's key back.
#include <map>
#include <optional>
#include <string>

#include "controller/loop/loop.h"
#include "controller/loop/queue.h"
#include "controller/loop/requests.h"
#include "controller/rollout/rollout.h"

namespace sluice::loop {

class DryRuns {
 public:
  DryRuns(Clock& clock, Requests& requests, KeyQueue& queue, Telemetry& telemetry,
          Counters& counters)
      : clock_(clock),
        requests_(requests),
        queue_(queue),
        telemetry_(telemetry),
        counters_(counters) {}

  // False while the server is being asked; else `observed` has the answer, if one was needed and
  // given.
  [[nodiscard]] bool fill(const Key& key, rollout::Observed& observed);
  void forget(const kube::ObjectKey& rollout) { runs_.erase(rollout); }
  void clear() { runs_.clear(); }

 private:
  struct Run {
    std::string of;                     // the template
    std::optional<std::string> served;  // the answer; nullopt when there is none
    int failures = 0;
    bool asked = false, done = false;
  };
  void ask(const Key& key, const kube::Write& write);
  void on_answer(const Key& key, const std::string& of, const TransportEvent& event);

  Clock& clock_;
  Requests& requests_;
  KeyQueue& queue_;
  Telemetry& telemetry_;
  Counters& counters_;
  std::map<kube::ObjectKey, Run> runs_;  // by Rollout, while its spec is new
};

}  // namespace sluice::loop
