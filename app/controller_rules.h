#pragma once
// What the process was told, for the first line of its log.
#include <vector>

#include "app/controller_flags.h"
#include "base/seams.h"

namespace sluice::app {

// Where it acts, what it may do that the defaults refuse, and what it refuses beyond them, in the
// spelling of the flags. No secrets: no token, no password, and of a URL no user and no query.
[[nodiscard]] std::vector<LogField> rules_in_force(const Flags& flags, const loop::Options& options,
                                                   const net::KubeConfig& kube);

}  // namespace sluice::app
