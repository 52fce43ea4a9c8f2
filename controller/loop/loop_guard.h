#pragma once
// Notices an object that is written again and again: two controllers that undo each other's work,
// or a defect of ours. Such a key is slowed down instead of taking the API server's time.
#include <map>

#include "base/time.h"
#include "controller/loop/queue.h"

namespace sluice::loop {

class LoopGuard {
 public:
  static constexpr int kPassesMax = 60;  // with writes, of one key, within kWindow
  static constexpr Seconds kWindow{10};

  // After a pass that wrote: true when there were too many.
  [[nodiscard]] bool wrote(const Key& key, MonoTime now);
  void forget(const Key& key) { passes_.erase(key); }
  // Keys that are remembered: those that wrote within the last two windows.
  [[nodiscard]] std::size_t size() const { return passes_.size(); }

 private:
  struct Passes {
    MonoTime since{};
    int count = 0;
  };
  std::map<Key, Passes> passes_;
  MonoTime swept_{};
};

}  // namespace sluice::loop
