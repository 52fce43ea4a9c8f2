#include "net/exec_plugin.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "base/hash.h"
#include "kube/json/json.h"

extern char** environ;

namespace sluice::net {
namespace {

using kube::Json;

constexpr std::size_t kOutputMax = 1U << 20U;

std::vector<std::string> environment_of(const KubeConfig& config) {
  std::vector<std::string> words;
  const auto overridden = [&](const std::string& name) {
    if (name == "KUBERNETES_EXEC_INFO") return true;
    for (const auto& [key, value] : config.exec->env) {
      if (key == name) return true;
    }
    return false;
  };
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!overridden(text.substr(0, text.find('=')))) words.push_back(text);
  }
  for (const auto& [key, value] : config.exec->env) words.push_back(key + "=" + value);
  words.push_back("KUBERNETES_EXEC_INFO=" + exec_info(config));
  return words;
}

struct Child {
  pid_t pid = -1;
  int out_fd = -1;
  bool ended = false;  // and was waited for
  int status = 0;
};

Result<Child> start(const KubeConfig& config) {
  int pipe_fds[2];
  if (::pipe2(pipe_fds, O_CLOEXEC) != 0)
    return fail(ErrorCode::Unavailable, std::string("pipe: ") + std::strerror(errno));
  ProcessOptions options;
  options.words = config.exec->args;
  options.words.insert(options.words.begin(), config.exec->command);
  options.environment = environment_of(config);
  options.out = pipe_fds[1];
  options.own_group = true;
  const auto pid = start_process(options);
  ::close(pipe_fds[1]);
  if (!pid) {
    ::close(pipe_fds[0]);
    return fail(pid.error().code,
                "credential plugin " + config.exec->command + ": " + pid.error().message);
  }
  Child child;
  child.pid = *pid;
  child.out_fd = pipe_fds[0];
  return child;
}

// Reads until the plugin closes its output, or has ended and everything is read: a helper that it
// leaves behind may hold the pipe open for ever. False when it took too long, printed too much, or
// we are stopping.
bool read_output(Child& child, Millis timeout, const std::stop_token& stop, std::string& output) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  char chunk[4096];
  while (!stop.stop_requested() && std::chrono::steady_clock::now() < deadline &&
         output.size() < kOutputMax) {
    pollfd waiting{child.out_fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, child.ended ? 0 : 50);
    if (ready < 0 && errno != EINTR) return false;
    if (ready <= 0) {
      if (child.ended) return true;
      child.ended = ::waitpid(child.pid, &child.status, WNOHANG) == child.pid;
      continue;
    }
    const ssize_t n = ::read(child.out_fd, chunk, sizeof chunk);
    if (n == 0) return true;
    if (n > 0) output.append(chunk, static_cast<std::size_t>(n));
  }
  return false;
}

}  // namespace

std::string exec_info(const KubeConfig& config) {
  Json spec = {{"interactive", false}};
  if (config.exec->provide_cluster_info) {
    Json cluster = {{"server", config.server}};
    if (!config.ca_pem.empty())
      cluster["certificate-authority-data"] = base64_encode(config.ca_pem);
    if (config.insecure_skip_verify) cluster["insecure-skip-tls-verify"] = true;
    if (!config.tls_server_name.empty()) cluster["tls-server-name"] = config.tls_server_name;
    if (!config.proxy_url.empty()) cluster["proxy-url"] = config.proxy_url;
    spec["cluster"] = std::move(cluster);
  }
  return kube::dump(Json{{"apiVersion", config.exec->api_version},
                         {"kind", "ExecCredential"},
                         {"spec", std::move(spec)}});
}

Result<ExecCredential> parse_exec_credential(const KubeConfig::Exec& exec,
                                             std::string_view output) {
  const auto bad = [&](const std::string& why) {
    return fail(ErrorCode::Invalid, "credential plugin " + exec.command + ": " + why);
  };
  auto parsed = kube::parse_json(output);
  if (!parsed) return bad("its output is not JSON: " + parsed.error().message);
  if (kube::get_string(*parsed, "kind") != "ExecCredential")
    return bad("kind is not ExecCredential");
  if (const auto version = kube::get_string(*parsed, "apiVersion"); version != exec.api_version)
    return bad("apiVersion is \"" + version + "\", the kubeconfig asks for \"" + exec.api_version +
               "\"");
  ExecCredential out;
  out.token = kube::get_string(*parsed, "status.token");
  out.client_cert_pem = kube::get_string(*parsed, "status.clientCertificateData");
  out.client_key_pem = kube::get_string(*parsed, "status.clientKeyData");
  if (out.client_cert_pem.empty() != out.client_key_pem.empty())
    return bad("status has only one of clientCertificateData and clientKeyData");
  if (out.token.empty() && out.client_cert_pem.empty())
    return bad("status has neither a token nor a certificate");
  for (const char c : out.token) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
      return bad("status.token has blanks or control characters");
  }
  if (const auto expires = kube::get_string(*parsed, "status.expirationTimestamp");
      !expires.empty()) {
    auto time = parse_rfc3339(expires);
    if (!time) return bad("status.expirationTimestamp: " + time.error().message);
    out.expires = *time;
  }
  return out;
}

Result<ExecCredential> run_exec_plugin(const KubeConfig& config, Millis timeout,
                                       std::stop_token stop) {
  SLUICE_TRY(Child child, start(config));
  std::string output;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  bool complete = read_output(child, timeout, stop, output);
  ::close(child.out_fd);
  // A plugin may close its output and go on; it gets what is left of its time.
  while (complete && !child.ended && ::waitpid(child.pid, &child.status, WNOHANG) == 0) {
    if (stop.stop_requested() || std::chrono::steady_clock::now() >= deadline) complete = false;
    ::poll(nullptr, 0, 2);
  }
  if (!complete && !child.ended) {
    ::kill(-child.pid, SIGKILL);
    while (::waitpid(child.pid, &child.status, 0) < 0 && errno == EINTR) {
    }
  }
  const int status = child.status;
  const std::string who = "credential plugin " + config.exec->command;
  if (!complete) {
    if (stop.stop_requested()) return fail(ErrorCode::Cancelled, who + ": stopped");
    if (output.size() >= kOutputMax)
      return fail(ErrorCode::Unavailable, who + ": printed more than 1 MiB");
    return fail(ErrorCode::Unavailable,
                who + ": gave no credential within " + format_go_duration(timeout));
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    const std::string how = WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                                              : "signal " + std::to_string(WTERMSIG(status));
    return fail(ErrorCode::Unavailable, who + " failed: " + how + " (its messages are on stderr)");
  }
  return parse_exec_credential(*config.exec, output);
}

}  // namespace sluice::net
