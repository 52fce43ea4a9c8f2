#include "controller/loop/loop_guard.h"

namespace sluice::loop {

bool LoopGuard::wrote(const Key& key, MonoTime now) {
  // Objects come and go for months; what is over is not kept.
  if (now - swept_ > kWindow) {
    swept_ = now;
    std::erase_if(passes_, [now](const auto& item) { return now - item.second.since > kWindow; });
  }
  Passes& passes = passes_[key];
  if (passes.count == 0 || now - passes.since > kWindow) passes = {now, 0};
  return ++passes.count > kPassesMax;
}

}  // namespace sluice::loop
