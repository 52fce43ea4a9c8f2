#include "cli/command_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/strings.h"

namespace sluice::cli {
namespace {

constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

std::string store_switch(bool& into, const std::string& value) {
  static constexpr std::string_view kTrue[] = {"true", "1", "t", "T", "TRUE", "True"};
  static constexpr std::string_view kFalse[] = {"false", "0", "f", "F", "FALSE", "False"};
  if (std::find(std::begin(kTrue), std::end(kTrue), value) != std::end(kTrue)) {
    into = true;
  } else if (std::find(std::begin(kFalse), std::end(kFalse), value) != std::end(kFalse)) {
    into = false;
  } else {
    return "must be true or false";
  }
  return {};
}

std::string store_number(std::int64_t& into, const std::string& value) {
  const auto number = parse_int(value);
  if (!number || *number < 0) return "must be a whole number, 0 or more";
  into = *number;
  return {};
}

std::string store_duration(Millis& into, const std::string& value) {
  const auto parsed = parse_go_duration(value);
  if (!parsed || parsed->count() < 0) return "must be a duration with a unit, such as 90s or 5m";
  into = std::chrono::ceil<Millis>(*parsed);
  return {};
}

std::string store_request_timeout(Invocation& into, const std::string& value) {
  // kubectl also takes bare seconds here.
  const std::string text = parse_int(value) ? value + "s" : value;
  return store_duration(into.global.request_timeout, text);
}

std::string store_output(Invocation& into, const std::string& value) {
  if (value != "name" && value != "json" && value != "yaml") return "must be name, json or yaml";
  into.options.output = value;
  return {};
}

std::string store_log_level(Invocation& into, const std::string& value) {
  if (value != "debug" && value != "info" && value != "warn" && value != "error")
    return "must be debug, info, warn or error";
  into.global.log_level = value;
  return {};
}

using In = Invocation;
using Text = const std::string&;
#define SLUICE_TEXT(member) \
  [](In& in, Text v) {      \
    in.member = v;          \
    return std::string();   \
  }
#define SLUICE_SWITCH(member) [](In& in, Text v) { return store_switch(in.member, v); }
#define SLUICE_IGNORED [](In&, Text) { return std::string(); }

constexpr Flag kGlobal[] = {
    {"as", 0, "USER", "User to impersonate", SLUICE_TEXT(global.kube.as_user)},
    {"as-group", 0, "GROUP", "Group to impersonate (repeatable)",
     [](In& in, Text v) {
       in.global.kube.as_groups.push_back(v);
       return std::string();
     }},
    {"as-uid", 0, "UID", "UID to impersonate", SLUICE_TEXT(global.as_uid)},
    {"cache-dir", 0, "DIR", "Accepted; nothing is cached", SLUICE_IGNORED},
    {"certificate-authority", 0, "FILE", "CA of the API server",
     SLUICE_TEXT(global.kube.certificate_authority)},
    {"client-certificate", 0, "FILE", "Client certificate",
     SLUICE_TEXT(global.kube.client_certificate)},
    {"client-key", 0, "FILE", "Key of the client certificate", SLUICE_TEXT(global.kube.client_key)},
    {"cluster", 0, "NAME", "Cluster of the kubeconfig", SLUICE_TEXT(global.kube.cluster)},
    {"context", 0, "NAME", "Context of the kubeconfig", SLUICE_TEXT(global.kube.context)},
    {"disable-compression", 0, "", "Accepted; answers are never compressed",
     [](In&, Text v) {
       bool unused = false;
       return store_switch(unused, v);
     }},
    {"insecure-skip-tls-verify", 0, "", "Do not verify the API server's certificate",
     SLUICE_SWITCH(global.kube.insecure_skip_tls_verify)},
    {"kubeconfig", 0, "FILE", "Path of the kubeconfig file", SLUICE_TEXT(global.kube.kubeconfig)},
    {"kloglevel", 'v', "N", "Above 0: log requests in detail",
     [](In& in, Text v) { return store_number(in.global.kube_log_level, v); }},
    {"loglevel", 0, "LEVEL", "debug, info, warn or error", store_log_level},
    {"namespace", 'n', "NAME", "Namespace", SLUICE_TEXT(global.kube.namespace_)},
    {"password", 0, "TEXT", "Password of basic authentication", SLUICE_TEXT(global.kube.password)},
    {"proxy-url", 0, "URL", "Proxy to the API server", SLUICE_TEXT(global.kube.proxy_url)},
    {"request-timeout", 0, "DURATION", "Longest wait for one answer; 0 = 30s",
     store_request_timeout},
    {"server", 's', "URL", "Address of the API server", SLUICE_TEXT(global.kube.server)},
    {"tls-server-name", 0, "NAME", "Name to verify the server's certificate against",
     SLUICE_TEXT(global.kube.tls_server_name)},
    {"token", 0, "TEXT", "Bearer token", SLUICE_TEXT(global.kube.token)},
    {"user", 0, "NAME", "User of the kubeconfig", SLUICE_TEXT(global.kube.user)},
    {"username", 0, "NAME", "User of basic authentication", SLUICE_TEXT(global.kube.username)},
};

constexpr Flag kGetFlags[] = {
    {"watch", 'w', "", "Keep the view up to date", SLUICE_SWITCH(options.watch)},
    {"no-color", 0, "", "No colours", SLUICE_SWITCH(options.no_color)},
    {"output", 'o', "FORMAT", "The object itself: name, json or yaml", store_output},
    {"timeout-seconds", 0, "N", "End a watch after N seconds; 0 = never",
     [](In& in, Text v) { return store_number(in.options.timeout_seconds, v); }},
};
constexpr Flag kListFlags[] = {
    {"all-namespaces", 'A', "", "Of all namespaces", SLUICE_SWITCH(options.all_namespaces)},
    {"name", 0, "NAME", "Only the rollout of this name", SLUICE_TEXT(options.name)},
    {"timestamps", 0, "", "Print the time of each line", SLUICE_SWITCH(options.timestamps)},
    {"watch", 'w', "", "Print a line at each change", SLUICE_SWITCH(options.watch)},
};
constexpr Flag kStatusFlags[] = {
    {"watch", 'w', "", "Wait for Healthy or Degraded (default true)", SLUICE_SWITCH(options.watch)},
    {"timeout", 't', "DURATION", "Longest wait; 0 = for ever",
     [](In& in, Text v) { return store_duration(in.options.timeout, v); }},
};
constexpr Flag kPromoteFlags[] = {
    {"full", 0, "", "Skip steps, pauses and analysis", SLUICE_SWITCH(options.full)},
    {"skip-all-steps", 'a', "", "Deprecated: use --full", SLUICE_SWITCH(options.skip_all_steps),
     true},
    {"skip-current-step", 'c', "", "Deprecated", SLUICE_SWITCH(options.skip_current_step), true},
};
constexpr Flag kUndoFlags[] = {
    {"to-revision", 0, "N", "Revision to go back to; 0 = the previous one",
     [](In& in, Text v) { return store_number(in.options.to_revision, v); }},
};
constexpr Flag kRestartFlags[] = {
    {"in", 'i', "DURATION", "Restart after this time, for example 10s", SLUICE_TEXT(options.in)},
};
constexpr Flag kVersionFlags[] = {
    {"client", 0, "", "Accepted; it is always this program's version",
     [](In&, Text v) {
       bool unused = false;
       return store_switch(unused, v);
     }},
    {"short", 0, "", "Only the version", SLUICE_SWITCH(options.version_short)},
};

const CommandSpec kCommands[] = {
    {Command::Abort,
     "",
     "abort",
     "",
     1,
     kAnyNumber,
     "ROLLOUT...",
     "Stop an update and go back to the stable version",
     {}},
    {Command::Completion,
     "",
     "completion",
     "",
     1,
     1,
     "bash|zsh|fish|powershell",
     "Print a completion script",
     {}},
    {Command::GetRollout, "get", "rollout", "ro,rollouts", 1, 1, "ROLLOUT",
     "Show a rollout and everything below it", kGetFlags},
    {Command::ListRollouts, "list", "rollouts", "ro,rollout", 0, 0, "", "List rollouts",
     kListFlags},
    {Command::Pause, "", "pause", "", 1, kAnyNumber, "ROLLOUT...", "Pause a rollout", {}},
    {Command::Promote, "", "promote", "", 1, 1, "ROLLOUT",
     "Go on with a paused rollout, or to the next step", kPromoteFlags},
    {Command::Restart, "", "restart", "", 1, 1, "ROLLOUT", "Replace the pods of a rollout",
     kRestartFlags},
    {Command::RetryRollout,
     "retry",
     "rollout",
     "ro,rollouts",
     1,
     kAnyNumber,
     "ROLLOUT...",
     "Try an aborted update again",
     {}},
    {Command::SetImage,
     "set",
     "image",
     "",
     2,
     kAnyNumber,
     "ROLLOUT CONTAINER=IMAGE...",
     "Change the image of containers (* = all)",
     {}},
    {Command::Status, "", "status", "", 1, 1, "ROLLOUT", "Wait for a rollout and tell how it ended",
     kStatusFlags},
    {Command::Undo, "", "undo", "", 1, 1, "ROLLOUT", "Go back to an earlier revision", kUndoFlags},
    {Command::Version, "", "version", "", 0, 0, "", "Print the version", kVersionFlags},
    {Command::Complete,
     "",
     "__complete",
     "",
     0,
     kAnyNumber,
     "WORD...",
     "Candidates for completion",
     {},
     true},
};

constexpr AbsentCommand kAbsent[] = {
    {"", "create", "use 'kubectl create -f FILE'"},
    {"", "dashboard", "use 'get rollout NAME --watch'"},
    {"", "lint",
     "use 'kubectl apply --dry-run=server -f FILE'; the Rollout's condition InvalidSpec names what "
     "is wrong"},
    {"", "notifications", "events of the Rollout tell the same ('kubectl describe rollout NAME')"},
    {"", "terminate",
     "use 'kubectl patch analysisrun NAME --type merge -p {\"spec\":{\"terminate\":true}}'"},
    {"get", "experiment,exp,experiments",
     "experiments are not run by this release; 'kubectl get experiment NAME' shows the object"},
    {"list", "experiments,exp,experiment",
     "experiments are not run by this release; 'kubectl get experiments' lists the objects"},
    {"retry", "experiment,exp,experiments", "experiments are not run by this release"},
};

bool in_list(std::string_view list, std::string_view word) {
  if (word.empty()) return false;
  for (const auto& item : split(list, ','))
    if (item == word) return true;
  return false;
}

std::string flag_line(const Flag& flag) {
  std::string left = flag.letter != 0 ? fmt::format("  -{}, --{}", flag.letter, flag.name)
                                      : fmt::format("      --{}", flag.name);
  if (!flag.value_name.empty()) left += fmt::format(" {}", flag.value_name);
  return fmt::format("{:<36}{}\n", left, flag.help);
}

std::string flags_text(std::span<const Flag> flags) {
  std::string out;
  for (const auto& flag : flags)
    if (!flag.hidden) out += flag_line(flag);
  return out;
}

}  // namespace

std::string CommandSpec::path() const {
  return group.empty() ? std::string(name) : fmt::format("{} {}", group, name);
}

bool CommandSpec::answers_to(std::string_view word) const {
  return word == name || in_list(aliases, word);
}

std::span<const CommandSpec> commands() {
  return kCommands;
}
std::span<const Flag> global_flags() {
  return kGlobal;
}
std::span<const AbsentCommand> absent_commands() {
  return kAbsent;
}

bool is_group(std::string_view word) {
  return !word.empty() && std::any_of(std::begin(kCommands), std::end(kCommands),
                                      [&](const auto& spec) { return spec.group == word; });
}

std::string shown_program(std::string_view program) {
  if (const auto slash = program.rfind('/'); slash != std::string_view::npos)
    program.remove_prefix(slash + 1);
  if (program == "kubectl-argo-rollouts" || program == "kubectl-argo_rollouts")
    return "kubectl argo rollouts";
  if (program.substr(0, 8) == "kubectl-") return fmt::format("kubectl {}", program.substr(8));
  return program.empty() ? "sluice" : std::string(program);
}

namespace {
std::string own_usage(const CommandSpec& spec, std::string_view shown) {
  std::string out = fmt::format("{}\n\nUsage:\n  {} {}{}{} [flags]\n", spec.summary, shown,
                                spec.path(), spec.args_usage.empty() ? "" : " ", spec.args_usage);
  if (!spec.aliases.empty())
    out += fmt::format("\nAliases:\n  {}, {}\n", spec.name, join(split(spec.aliases, ','), ", "));
  if (const auto own = flags_text(spec.flags); !own.empty()) out += "\nFlags:\n" + own;
  return out;
}
}  // namespace

std::string usage(const CommandSpec& spec, std::string_view shown) {
  return own_usage(spec, shown) + "\nGlobal flags:\n" + flags_text(kGlobal);
}

std::string short_usage(const CommandSpec& spec, std::string_view shown) {
  return own_usage(spec, shown) +
         fmt::format("\nUse '{} {} --help' for the global flags (-n, --context, …).\n", shown,
                     spec.path());
}

std::string group_usage(std::string_view group, std::string_view shown) {
  std::string out = fmt::format("Usage:\n  {} {} COMMAND\n\nCommands:\n", shown, group);
  for (const auto& spec : kCommands)
    if (spec.group == group) out += fmt::format("  {:<24}{}\n", spec.name, spec.summary);
  return out;
}

std::string root_usage(std::string_view shown) {
  std::string out = fmt::format(
      "Progressive delivery for Kubernetes: look at rollouts and steer them.\n\nUsage:\n  {} "
      "COMMAND [flags]\n\nCommands:\n",
      shown);
  for (const auto& spec : kCommands)
    if (!spec.hidden) out += fmt::format("  {:<24}{}\n", spec.path(), spec.summary);
  if (shown == "sluice") {
    out +=
        "\nPrograms (each has --help):\n"
        "  controller              The controller\n"
        "  cluster                 A Kubernetes API on this machine, without a cluster\n"
        "  demo                    Three releases from start to end on this machine\n"
        "  sim                     The controller under virtual time, with faults\n";
  }
  return out + fmt::format("\nUse '{} COMMAND --help' for the flags of a command.\n", shown);
}

}  // namespace sluice::cli
