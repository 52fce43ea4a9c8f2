#pragma once
// What kubectl would show as the state of a pod (clients.md §1.7.2). Pure.
#include <cstdint>
#include <string>

#include "kube/json/node.h"

namespace sluice::cli {

struct PodState {
  std::string reason;                 // "Running", "CrashLoopBackOff", "Init:1/2", …
  std::int64_t ready = 0, total = 0;  // containers; native sidecars count
  std::int64_t restarts = 0;
};
[[nodiscard]] PodState pod_state(kube::Node pod);

}  // namespace sluice::cli
