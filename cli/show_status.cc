#include <fmt/format.h>

#include "api/resources.h"
#include "base/strings.h"
#include "cli/show.h"
#include "cli/summary.h"
#include "cli/watch.h"

namespace sluice::cli {
namespace {

constexpr Millis kLook{
    1000};  // how long a signal may go unnoticed when it does not wake the Transport

using rollout::Phase;

bool is_terminal(const Phase& phase) {
  return phase.phase == "Healthy" || phase.phase == "Degraded";
}

tl::unexpected<Error> degraded(const Phase& phase) {
  return fail(ErrorCode::Invalid, "The rollout is in a degraded state with message: " +
                                      printable_line(phase.message));
}

Result<Phase> read_phase(Environment& env, Client& client, const std::string& name) {
  SLUICE_TRY(const std::string body, read_rollout_text(client, name));
  SLUICE_TRY(const auto document, kube::Document::parse(body));
  return rollout::client_phase(api::decode_rollout(document.root()), env.clock.wall_now());
}

// Prints each new phase until a terminal one, the time limit or a signal.
Status follow(Environment& env, Client& client, const Invocation& asked) {
  const std::string& name = asked.args[0];
  Feed<api::Rollout> rollouts(api::decode_rollout);
  Watcher watcher(env, client);
  watcher.add({api::kRollouts, client.ns(), "", "metadata.name=" + name, "", Millis(0)}, rollouts);
  const auto limit = asked.options.timeout.count() > 0
                         ? std::optional(env.clock.mono_now() + asked.options.timeout)
                         : std::nullopt;
  std::string printed;
  while (!env.interrupted()) {
    const MonoTime now = env.clock.mono_now();
    if (limit && now >= *limit) return {};
    SLUICE_CHECK_OK(watcher.turn(limit ? std::min(now + kLook, *limit) : now + kLook));
    if (!watcher.synced() || !rollouts.take_changed()) continue;
    if (rollouts.objects().empty()) return fail(missing_rollout(name));
    const Phase phase =
        rollout::client_phase(rollouts.objects().begin()->second, env.clock.wall_now());
    // One line per phase: scripts read them, and a message must not add one.
    if (const std::string line = printable_line(phase_line(phase)); line != printed) {
      env.out(line + "\n");
      printed = line;
    }
    if (is_terminal(phase)) return {};
  }
  return {};
}

}  // namespace

Status run_status(Environment& env, Client& client, const Invocation& asked) {
  const std::string& name = asked.args[0];
  if (!asked.options.watch) {
    SLUICE_TRY(const Phase phase, read_phase(env, client, name));
    env.out(printable_line(is_terminal(phase)
                               ? phase.phase
                               : fmt::format("{} - {}", phase.phase, phase.message)) +
            "\n");
    if (phase.phase == "Degraded") return degraded(phase);
    return {};
  }
  env.catch_signals(client.transport());
  SLUICE_CHECK_OK(follow(env, client, asked));
  // What it is now decides, not the last thing printed.
  SLUICE_TRY(const Phase phase, read_phase(env, client, name));
  if (phase.phase == "Healthy") return {};
  if (phase.phase == "Degraded") return degraded(phase);
  return fail(ErrorCode::Timeout, "Rollout status watch exceeded timeout");
}

}  // namespace sluice::cli
