#pragma once
// The commands that only read: get rollout, list rollouts, status.
#include "cli/client.h"
#include "cli/environment.h"

namespace sluice::cli {

[[nodiscard]] Status run_get_rollout(Environment& env, Client& client, const Invocation& asked);
[[nodiscard]] Status run_list_rollouts(Environment& env, Client& client, const Invocation& asked);
// An error is a rollout that did not become Healthy, too.
[[nodiscard]] Status run_status(Environment& env, Client& client, const Invocation& asked);

// As clients that read from a cache say it: `rollout.argoproj.io "web" not found`.
[[nodiscard]] Error missing_rollout(const std::string& name);
// One Rollout of the namespace as stored.
[[nodiscard]] Result<std::string> read_rollout_text(Client& client, const std::string& name);

}  // namespace sluice::cli
