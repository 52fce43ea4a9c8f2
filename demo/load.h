#pragma once
// A steady stream of users: so many requests a second to each host, through nginx. Open loop: a
// slow answer does not slow down the next request.
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/time.h"

namespace sluice::demo {

struct LoadCounts {
  std::uint64_t requests = 0, failed = 0;  // failed: no answer, or a status of 500 and above
  std::map<int, std::uint64_t> by_status;  // 0: no answer
};

class Load {
 public:
  Load(std::string address, int per_second)
      : address_(std::move(address)), per_second_(per_second) {}
  ~Load();
  void start();
  void stop();
  // Hosts may be added at any time.
  void add_host(const std::string& host);
  [[nodiscard]] LoadCounts counts(const std::string& host) const;

 private:
  void run();
  std::string address_;
  int per_second_;
  mutable std::mutex mutex_;
  std::vector<std::string> hosts_;
  std::map<std::string, LoadCounts> counts_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace sluice::demo
