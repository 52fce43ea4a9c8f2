#pragma once
// Whose turn it is among keys that are ready. Namespaces take turns, and within a namespace the key
// that has waited longest is first, so that nobody waits behind all that a stranger has brought.
// AnalysisRuns, whose conditions anybody may write, take turns with everything else: behind a
// thousand of them a Rollout waits for one.
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "controller/loop/key.h"

namespace sluice::loop {

class Turns {
 public:
  // It must not be waiting already.
  void push(const Key& key);
  [[nodiscard]] std::optional<Key> pop();
  bool erase(const Key& key);  // false: it did not wait
  [[nodiscard]] bool empty() const { return runs_.empty() && others_.empty(); }

 private:
  class ByNamespace {
   public:
    void push(const Key& key) { waiting_[key.object.namespace_].push_back(key); }
    Key pop();  // of those that wait: there must be one
    bool erase(const Key& key);
    [[nodiscard]] bool empty() const { return waiting_.empty(); }

   private:
    std::map<std::string, std::deque<Key>> waiting_;
    std::string last_;  // whose turn it was
  };
  ByNamespace& of(const Key& key) { return key.kind == KeyKind::AnalysisRun ? runs_ : others_; }

  ByNamespace runs_, others_;
  bool runs_next_ = false;
};

}  // namespace sluice::loop
