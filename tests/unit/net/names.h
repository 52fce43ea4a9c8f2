#pragma once
// The name server of these tests (getaddrinfo in bad_peer_test.cc): hangs.example never resolves
// until the test lets it, 169-254-169-254.at.example is 169.254.169.254.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>

namespace sluice::net::test {

struct HangingLookup {
  std::mutex mutex;
  std::condition_variable changed;
  int waiting = 0;
  bool released = false;
  void wait() {
    std::unique_lock lock(mutex);
    ++waiting;
    changed.notify_all();
    changed.wait_for(lock, std::chrono::seconds(8), [this] { return released; });
    --waiting;
    changed.notify_all();
  }
  // Ends those that wait now; the next ones wait again.
  void release() {
    std::unique_lock lock(mutex);
    released = true;
    changed.notify_all();
    changed.wait(lock, [this] { return waiting == 0; });
    released = false;
  }
  int count() {
    const std::lock_guard lock(mutex);
    return waiting;
  }
};

inline HangingLookup& hanging_lookup() {
  static HangingLookup lookup;
  return lookup;
}

inline std::string address_of(std::string_view name) {
  constexpr std::string_view kZone = ".at.example";
  if (!name.ends_with(kZone)) return "";
  std::string out(name.substr(0, name.size() - kZone.size()));
  std::replace(out.begin(), out.end(), '-', '.');
  return out;
}

}  // namespace sluice::net::test
