#pragma once
// What the API server refused, per key, and when each may be asked for again. A refusal is not for
// ever: quotas grow, webhooks and rights change. Nor may it cost more than a request now and then,
// or hold up what does not depend on it (Observed::refusals).
#include <map>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "controller/loop/queue.h"
#include "controller/rollout/rollout.h"

namespace sluice::loop {

// The server said no to this very write, and it had no effect: 403, 422, an admission webhook's no,
// or one that cannot be asked. Everything else is a failure of the moment.
[[nodiscard]] bool is_refusal(const Error& error);
// Our picture of the object is wrong, or whether the write had an effect is unknown.
[[nodiscard]] bool must_be_read_back(const Error& error);

class Refusals {
 public:
  // The back-off is that of failed keys (queue.h), counted for each write by itself.
  void note(const Key& key, const kube::Write& write, const Error& error, MonoTime now, Rng& rng);
  // An object that is not the key's bears the name of this create. False where that is no news for
  // a decision: only AnalysisRuns have other names to take.
  bool note_taken(const Key& key, const kube::Write& write);
  // Until the key is forgotten.
  [[nodiscard]] rollout::TakenRuns taken_runs(const Key& key) const;
  // The server took a write of this purpose on this object.
  void accepted(const Key& key, const kube::Write& write);
  void forget(const Key& key);
  void clear();
  [[nodiscard]] std::size_t keys() const { return kept_.size(); }
  // For the next decision. What nobody has asked for again in a minute is forgotten.
  [[nodiscard]] std::vector<rollout::Observed::Refusal> of(const Key& key, MonoTime now,
                                                           WallTime wall);

 private:
  static constexpr std::size_t kPerKeyMax = 64;
  static constexpr Seconds kForgetAfter{60};
  struct Kept {
    kube::Write write;
    Error error;
    int times = 0;
    MonoTime retry{};
    bool fresh = true;
  };
  void forget_overdue(MonoTime now);
  std::map<Key, std::vector<Kept>> kept_;
  std::map<Key, rollout::TakenRuns> taken_runs_;
  MonoTime swept_{};
};

}  // namespace sluice::loop
