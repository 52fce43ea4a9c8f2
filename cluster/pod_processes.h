#pragma once
// Pods as child processes.
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "apiserver/workloads.h"
#include "base/seams.h"
#include "cluster/loopback.h"

namespace sluice::cluster {

class PodProcesses final : public apiserver::PodRuntime {
 public:
  struct Options {
    std::string binary, log_directory, proxy_url;
    std::function<void()> changed;  // called from the prober's thread when a pod's readiness moved
  };
  PodProcesses(Options options, LoopbackBlock& block);
  ~PodProcesses() override;  // kills what is left

  bool wants(const apiserver::Json& pod) override;
  Result<std::string> start(const apiserver::Json& pod) override;
  State state(const apiserver::Json& pod) override;
  void stop(const apiserver::Json& pod) override;
  void kill(const apiserver::Json& pod) override;

 private:
  struct Probe {
    std::string url;  // "" = ready as soon as it runs
    Millis period{1000}, initial_delay{0};
    int failure_threshold = 3, success_threshold = 1;
  };
  struct Process {
    int pid = -1;
    std::string address;
    Probe probe;
    MonoTime started{}, next_probe{};
    int failures = 0, successes = 0;
    bool ready = false, exited = false;
    int exit_code = 0;
  };
  void probe_loop();
  void reap(Process& process);

  Options options_;
  LoopbackBlock& block_;
  std::mutex mutex_;
  std::map<std::string, Process> processes_;  // by pod uid
  std::atomic<bool> stopping_{false};
  std::thread prober_;
};

}  // namespace sluice::cluster
