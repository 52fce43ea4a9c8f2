#pragma once
// Credential plugins (client.authentication.k8s.io v1, v1beta1): a program prints an ExecCredential
// on its stdout.
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "net/net.h"

namespace sluice::net {

struct ExecCredential {
  std::string token;
  std::string client_cert_pem, client_key_pem;
  std::optional<WallTime> expires;
};

// What the plugin gets in KUBERNETES_EXEC_INFO: never interactive; the cluster only when asked for.
[[nodiscard]] std::string exec_info(const KubeConfig& config);
// Errors: Invalid, naming the plugin and the field.
[[nodiscard]] Result<ExecCredential> parse_exec_credential(const KubeConfig::Exec& exec,
                                                           std::string_view output);
// Runs the plugin to its end; blocks, so never on the loop's thread. The process and its children
// are killed after `timeout` or when `stop` is asked for. Errors: Unavailable (cannot start, exit
// code, time), Invalid.
[[nodiscard]] Result<ExecCredential> run_exec_plugin(const KubeConfig& config, Millis timeout,
                                                     std::stop_token stop);

}  // namespace sluice::net
