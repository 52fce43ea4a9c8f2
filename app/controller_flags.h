#pragma once
// The command line of the controller: what it accepts, and why not.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "controller/loop/loop.h"
#include "net/net.h"

namespace CLI {
class App;
}

namespace sluice::app {

struct Flags {
  net::KubeConfigOverrides kube;
  std::string namespace_, instance_id, log_level = "info", log_format, controllers;
  std::string lease_duration = "15s", renew_deadline = "10s", retry_period = "2s";
  int metrics_port = 8090, healthz_port = 8080, resync_seconds = 900;
  std::string bind_address = "0.0.0.0";
  std::string metric_timeout_max = "5m";
  std::vector<std::string> metric_deny_cidr, metric_allow_cidr;
  bool namespaced = false, leader_elect = true, version = false, http1 = false;
  bool allow_ingress_snippets = false, secrets_need_label = false, job_automount_token = true;
  std::vector<std::string> job_service_accounts;
  std::vector<std::string> ignored;  // flags of the reference that mean nothing here
};

// The variables of `flags` are those that a parse writes to, and whose values the help shows.
void add_flags(CLI::App& app, Flags& flags);

struct CommandLine {
  Flags flags;
  std::string answer;  // not empty: to be printed, and nothing else is to be done
};
// Errors: Invalid, naming the flag, its value and what is right. Values of flags that are not known
// stay out of them: who mistypes --token must not find it in a log.
[[nodiscard]] Result<CommandLine> read_command_line(int argc, const char* const* argv);

// Puts what the flags say into `options`. Errors as above.
[[nodiscard]] Status apply_flags(const Flags& flags, loop::Options& options);

// The reference's words for levels, as they stand in existing Deployments; "" when it is none.
[[nodiscard]] std::string log_level(std::string_view word);

// A name of a namespace: RFC 1123 label.
[[nodiscard]] bool is_namespace(std::string_view text);

}  // namespace sluice::app
