#pragma once
// Name lookups that nobody waits for any more. libcurl has a thread for each lookup and cannot end
// it: a request whose name server is silent is given up in its time, its thread is not. So a
// namespace that asks for such names again and again has to wait until some have ended.
#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <string>

#include "base/time.h"

namespace sluice::net {

class Lookups {
 public:
  static constexpr std::size_t kLeftBehindMax = 16;  // of one namespace
  // As long as a resolver tries with the usual settings: 5 s, twice, for each of five names.
  static constexpr Seconds kEndsWithin{60};

  void left_behind(const std::string& on_behalf_of, MonoTime now) {
    left_[on_behalf_of].push_back(now + kEndsWithin);
  }
  [[nodiscard]] bool may_start(const std::string& on_behalf_of, MonoTime now) {
    const auto it = left_.find(on_behalf_of);
    if (it == left_.end()) return true;
    while (!it->second.empty() && it->second.front() <= now) it->second.pop_front();
    if (it->second.size() >= kLeftBehindMax) return false;
    if (it->second.empty()) left_.erase(it);
    return true;
  }

 private:
  std::map<std::string, std::deque<MonoTime>> left_;  // when each has ended at the latest
};

}  // namespace sluice::net
