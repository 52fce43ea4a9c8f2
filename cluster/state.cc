#include "cluster/state.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>

namespace sluice::cluster {

namespace {

// A relative XDG_STATE_HOME does not count (that standard says so): the path is used by later
// commands, which may run elsewhere.
Result<std::string> state_home() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return std::string(state);
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return std::string(home) + "/.local/state";
  // Never a directory that everybody may write to: the kubeconfig in it is a key.
  const passwd* user = getpwuid(getuid());
  if (user != nullptr && user->pw_dir != nullptr && std::string_view(user->pw_dir).size() > 1)
    return std::string(user->pw_dir) + "/.local/state";
  return fail(
      ErrorCode::Invalid,
      "no directory to keep the cluster in: set HOME or XDG_STATE_HOME to an absolute path");
}

}  // namespace

Result<StatePaths> state_paths(const std::string& name) {
  const bool valid = !name.empty() && name.size() <= 63 &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return std::islower(c) || std::isdigit(c) || c == '-';
                     });
  if (!valid)
    return fail(ErrorCode::Invalid,
                "--name '" + name + "': use lower case letters, digits and dashes, at most 63");
  const auto base = state_home();
  if (!base) return fail(base.error().code, base.error().message);
  const std::string directory = *base + "/sluice/clusters/" + name;
  return StatePaths{directory, directory + "/kubeconfig", directory + "/lock",
                    directory + "/cluster.log"};
}

std::string own_binary() {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  return n > 0 ? std::string(path, static_cast<std::size_t>(n)) : "sluice";
}

}  // namespace sluice::cluster
