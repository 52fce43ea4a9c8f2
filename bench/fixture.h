#pragma once
// Objects of a take-over fixture: as the API server sends them, and decoded.
#include <map>
#include <string>
#include <vector>

#include "controller/rollout/rollout.h"

namespace sluice::bench {

struct Fixture {
  std::map<std::string, std::string> first;  // by kind: the text of the first object
  rollout::Observed observed;
  WallTime now{};
};
// Ends the process with a message when there is no such fixture: a benchmark of nothing is worse
// than none.
[[nodiscard]] Fixture load(const std::string& name, const char* now = "2026-11-21T14:28:00Z");

}  // namespace sluice::bench
