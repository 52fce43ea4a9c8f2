#pragma once
// Who changed something in the simulated world, and what that somebody had been told before.
#include <cstdint>
#include <map>
#include <string>

#include "base/time.h"

namespace sluice::sim {

struct Actor {
  enum class Kind {
    World,
    Human,
    Controller
  };  // World: workload controllers, garbage collection, the server itself
  Kind kind = Kind::World;
  std::string identity;     // Controller: the process (its Lease holder identity)
  std::string instance_id;  // Controller: whose objects it was told to handle
  MonoTime submitted{};     // Controller: when the request left the process
  // Controller: per resource the newest version its watches and lists had delivered by then. A
  // checker charges a write only with what its author could know.
  std::map<std::string, std::uint64_t, std::less<>> told;

  [[nodiscard]] bool controller() const { return kind == Kind::Controller; }
  [[nodiscard]] bool knew(std::string_view resource, std::uint64_t version) const {
    const auto it = told.find(resource);
    return it != told.end() && it->second >= version;
  }
};

}  // namespace sluice::sim
