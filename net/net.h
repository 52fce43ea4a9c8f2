#pragma once
// Production implementations of the seams. The only folder that may include curl, cpprest, boost
// and openssl.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/http_server.h"
#include "base/rng.h"
#include "base/seams.h"

namespace sluice::net {

[[nodiscard]] std::unique_ptr<Clock> system_clock();
[[nodiscard]] std::unique_ptr<Files> system_files();
[[nodiscard]] std::uint64_t random_seed();
// How many files and sockets this process may have open.
[[nodiscard]] std::uint64_t descriptor_limit() noexcept;

// How to reach and authenticate to one API server (kubeconfig or in-cluster).
struct KubeConfig {
  std::string server;  // "https://127.0.0.1:6443"
  std::string ca_pem;  // "" = system roots
  bool insecure_skip_verify = false;
  std::string tls_server_name;
  std::string client_cert_pem, client_key_pem;
  std::string token;       // static
  std::string token_file;  // re-read at least once a minute
  std::string username, password;
  struct Exec {  // client.authentication.k8s.io v1 and v1beta1
    std::string api_version, command;
    std::vector<std::string> args;
    std::vector<std::pair<std::string, std::string>> env;
    bool provide_cluster_info = false;
  };
  std::optional<Exec> exec;
  std::string proxy_url;
  std::string namespace_;  // of the context
  std::string impersonate_user;
  std::vector<std::string> impersonate_groups;
};
struct KubeConfigOverrides {  // the global flags of clients.md §1.1
  std::string kubeconfig, context, cluster, user, namespace_, server, token, certificate_authority,
      client_certificate, client_key, tls_server_name, as_user;
  std::vector<std::string> as_groups;
  bool insecure_skip_tls_verify = false;
  std::string username, password,
      proxy_url;  // basic authentication replaces the file's other credentials
};
// $KUBECONFIG (a list is merged), ~/.kube/config, else in-cluster. Errors: Invalid, naming file and
// field.
[[nodiscard]] Result<KubeConfig> load_kubeconfig(Files& files,
                                                 const KubeConfigOverrides& overrides);

struct TransportOptions {
  KubeConfig kube;  // for requests whose url is a path
  bool http1 = false;
  std::string user_agent = "sluice";
  int connections_per_host_max = 64;  // for the API server
  // Metric queries that are in flight at once. They have a connection each, and as their URLs may
  // name the API server, too, these are not counted as its own.
  std::size_t queries_in_flight_max = 256;
  std::size_t connections_kept_max = 64;  // open ones, while more than those in use would be
  std::size_t bodies_max = 128U << 20U;   // of all answers together that are still arriving
  // Blocks that metric queries are not, or all the same, sent to (address.h).
  std::vector<std::string> metric_deny_cidr, metric_allow_cidr;
};
// libcurl multi; owns its sockets and leaves a dead HTTP/2 connection (stack.md §4.4). poll() is
// the loop's own wait. Errors: Invalid (the server, a block).
[[nodiscard]] Result<std::unique_ptr<Transport>> make_transport(TransportOptions options,
                                                                Files& files, Clock& clock,
                                                                Telemetry& telemetry);

// One blocking request over a Transport: for the CLI and for tests.
[[nodiscard]] Result<http::Response> call(Transport& transport, http::Request request);

struct ServerOptions {
  std::string address = "127.0.0.1";
  int port = 0;                   // 0 = any free port
  std::string cert_pem, key_pem;  // both set: HTTPS
  int threads = 4;
};
// cpprestsdk. Errors: Unavailable (port taken).
[[nodiscard]] Result<std::unique_ptr<HttpServer>> serve(ServerOptions options,
                                                        InboundHandler handler);

// A fresh CA, or a leaf signed by it, for the embedded cluster. EC P-256.
struct KeyPair {
  std::string cert_pem, key_pem;
};
[[nodiscard]] Result<KeyPair> make_ca(const std::string& common_name, WallTime now);
[[nodiscard]] Result<KeyPair> make_leaf(const KeyPair& ca, const std::string& common_name,
                                        const std::vector<std::string>& dns_names,
                                        const std::vector<std::string>& ip_addresses, WallTime now);

}  // namespace sluice::net
