#include "cluster/state.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace sluice::cluster {

Result<StatePaths> state_paths(const std::string& name) {
  const bool valid = !name.empty() && name.size() <= 63 &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return std::islower(c) || std::isdigit(c) || c == '-';
                     });
  if (!valid)
    return fail(ErrorCode::Invalid,
                "--name '" + name + "': use lower case letters, digits and dashes, at most 63");
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  const std::string base = state != nullptr && *state != '\0'
                               ? state
                               : std::string(home != nullptr ? home : "/tmp") + "/.local/state";
  const std::string directory = base + "/sluice/clusters/" + name;
  return StatePaths{directory, directory + "/kubeconfig", directory + "/lock",
                    directory + "/cluster.log"};
}

std::string own_binary() {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  return n > 0 ? std::string(path, static_cast<std::size_t>(n)) : "sluice";
}

}  // namespace sluice::cluster
