#pragma once
// What the user asked for, after the command line has been understood.
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "net/net.h"

namespace sluice::cli {

enum class Command {
  Help,
  Version,
  Completion,
  Complete,
  GetRollout,
  ListRollouts,
  Status,
  Promote,
  Abort,
  RetryRollout,
  Pause,
  Undo,
  SetImage,
  Restart
};

// The flags of all commands; each command reads its own.
struct Options {
  bool watch = false, no_color = false, all_namespaces = false, timestamps = false,
       version_short = false;
  bool full = false, skip_current_step = false, skip_all_steps = false;
  std::string output;                // get rollout: "", "name", "json" or "yaml"
  std::string name;                  // list rollouts
  std::string in;                    // restart: a Go duration as typed, "" = now
  std::int64_t to_revision = 0;      // undo: 0 = the previous one
  std::int64_t timeout_seconds = 0;  // get rollout: 0 = none
  Millis timeout{0};                 // status: 0 = none
};

struct GlobalOptions {
  net::KubeConfigOverrides kube;
  std::string as_uid;
  std::string log_level;  // "" = not given
  std::int64_t kube_log_level = 0;
  Millis request_timeout{0};  // 0 = the client's own
};

struct Invocation {
  Command command = Command::Help;
  std::vector<std::string> args;  // Complete: the words typed so far
  Options options;
  GlobalOptions global;
  std::string text;  // Help: what to print
};

}  // namespace sluice::cli
