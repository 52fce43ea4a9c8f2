#pragma once
#include "base/seams.h"

namespace sluice::sim {

// Time that passes only when it is told to. The wall may jump; the monotonic clock never does.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(WallTime start) : wall_(start) {}
  WallTime wall_now() override { return wall_; }
  MonoTime mono_now() override { return mono_; }
  void advance_to(MonoTime when) {
    if (when <= mono_) return;
    wall_ += when - mono_;
    mono_ = when;
  }
  void advance(Micros by) { advance_to(mono_ + by); }
  void jump_wall(Micros by) { wall_ += by; }

 private:
  WallTime wall_;
  MonoTime mono_{};
};

}  // namespace sluice::sim
