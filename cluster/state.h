#pragma once
// The files of a named cluster under the user's state directory.
#include <string>

#include "base/result.h"

namespace sluice::cluster {

struct StatePaths {
  std::string directory, kubeconfig, lock, log;
};
// ${XDG_STATE_HOME:-~/.local/state}/sluice/clusters/NAME, always absolute. Errors: Invalid (name,
// no home).
[[nodiscard]] Result<StatePaths> state_paths(const std::string& name);

// Path of this executable.
[[nodiscard]] std::string own_binary();

}  // namespace sluice::cluster
