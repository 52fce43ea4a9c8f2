#include "cli/run.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/resources.h"
#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/completion.h"
#include "cli/mutate.h"
#include "cli/show.h"

namespace sluice::cli {
namespace {

constexpr int kNoFiles = 4, kFailed = 1;  // directives of the completion protocol

std::string base_name(const std::string& program) {
  const auto slash = program.rfind('/');
  return slash == std::string::npos ? program : program.substr(slash + 1);
}

// Shells evaluate what they are offered: a name that no API server would take is none.
bool is_name(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

Status complete(Environment& env, const Invocation& asked) {
  Candidates found = candidates(asked.args);
  int directive = kNoFiles;
  if (found.rollout_names) {
    const std::string typed = asked.args.empty() ? "" : asked.args.back();
    GlobalOptions global;
    // The words typed so far may say where to look.
    if (auto so_far = parse_arguments("", {asked.args.begin(), asked.args.end()}))
      global = so_far->global;
    auto connection = env.connect(global);
    Status listed;
    if (connection) {
      Client client(std::move(*connection), global);
      listed = client.list(api::kRollouts, client.ns(), {}, [&](kube::Node item) {
        const std::string name = item["metadata"]["name"].string_or();
        if (name.rfind(typed, 0) == 0 && is_name(name)) found.words.push_back(name);
      });
    }
    if (!connection || !listed) directive |= kFailed;
  }
  for (const auto& word : found.words) env.out(word + "\n");
  env.out(fmt::format(":{}\n", directive));
  return {};
}

Status run_with(Environment& env, Client& client, const Invocation& asked) {
  if (asked.command == Command::GetRollout) return run_get_rollout(env, client, asked);
  if (asked.command == Command::ListRollouts) return run_list_rollouts(env, client, asked);
  if (asked.command == Command::Status) return run_status(env, client, asked);
  return run_mutation(env, client, asked);
}

Status run_connected(Environment& env, const Invocation& asked) {
  SLUICE_TRY(Connection connection, env.connect(asked.global));
  Client client(std::move(connection), asked.global);
  Status done = run_with(env, client, asked);
  // Most often it is the wrong namespace or the wrong cluster. Scripts look at the first line.
  if (!done && done.error().code == ErrorCode::NotFound &&
      done.error().message.ends_with("\" not found"))
    done.error().message +=
        fmt::format("\nIt was looked for in namespace \"{}\" of {} (see -n, --context; 'list "
                    "rollouts -A' shows all)",
                    client.ns(), client.server());
  return done;
}

Status dispatch(Environment& env, const std::string& program, const Invocation& asked) {
  if (asked.command == Command::Help) {
    env.out(asked.text);
    return {};
  }
  if (asked.command == Command::Version) {
    env.out(version_text(program, asked.options.version_short));
    return {};
  }
  if (asked.command == Command::Completion) {
    SLUICE_TRY(const std::string script, completion_script(asked.args[0], base_name(program)));
    env.out(script);
    return {};
  }
  if (asked.command == Command::Complete) return complete(env, asked);
  return run_connected(env, asked);
}

}  // namespace

std::string version_text(const std::string& program, bool brief) {
  // Scripts of the plugin look for its name.
  const bool as_plugin = base_name(program).rfind("kubectl-argo", 0) == 0;
  std::string out =
      fmt::format("{}: v{}\n", as_plugin ? "kubectl-argo-rollouts" : "sluice", SLUICE_VERSION);
  if (brief) return out;
  // Builds are reproducible: they know no date.
  constexpr std::string_view kCommit = SLUICE_GIT_COMMIT;
  const bool known = kCommit != "unknown";
  const bool dirty = kCommit.find("-dirty") != std::string_view::npos;
  return out + fmt::format(
                   "  BuildDate: n/a\n  GitCommit: {}\n  GitTreeState: {}\n  GoVersion: n/a\n  "
                   "Compiler: g++ {}\n  Platform: linux/{}\n",
                   kCommit.substr(0, kCommit.find('-')), !known ? "n/a" : dirty ? "dirty" : "clean",
                   __VERSION__,
#if defined(__x86_64__)
                   "amd64"
#elif defined(__aarch64__)
                   "arm64"
#else
                   "unknown"
#endif
               );
}

int run(Environment& env, const std::string& program, const std::vector<std::string>& args) {
  const auto asked = parse_arguments(program, args);
  if (!asked) {
    const Refusal& refusal = asked.error();
    env.err(refusal.message.empty() ? refusal.usage : fmt::format("Error: {}\n", refusal.message));
    return 1;
  }
  if (const Status done = dispatch(env, program, *asked); !done) {
    env.err(fmt::format("Error: {}\n", done.error().message));
    return 1;
  }
  return 0;
}

}  // namespace sluice::cli
