#pragma once
// Production implementations of the seams. The only folder that may include curl, cpprest, boost
// and openssl.
#include <cstdint>
#include <functional>
#include <initializer_list>
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

// What strangers may take of one server. All of it is counted where bytes are read, before any
// credential was looked at.
struct ServerLimits {
  int connections = 512;  // fewer where the process may open few descriptors
  int unserved = 128;     // of them those that have not brought a request yet that is let in
  int per_remote = 0;     // connections from one address; 0: as many as there are
  int answers = 0;        // in the making or being sent; further requests wait. 0: no limit
  int answers_per_remote = 0;
  std::size_t head_bytes = 64U << 10U;
  std::size_t body_bytes = 3U << 20U;  // as the API server's
  bool read_only = false;              // GET and HEAD, without a body
  Millis head{10'000};                 // from connecting, or a request's first byte, to its head
  Millis body{30'000};
  Millis idle{180'000};  // between requests; longer than clients keep an idle connection
  Millis stall{30'000};  // an answer of which the client takes nothing
  Millis slow{2'000};    // one that takes longer makes way for others
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  int port = 0;                   // 0 = any free port
  std::string cert_pem, key_pem;  // both set: HTTPS
  int threads = 4;
  ServerLimits limits = {};
  // Asked for each head, on the server's thread, before a byte of the body is read: an answer here
  // refuses the request and ends its connection.
  std::function<std::optional<http::Response>(const http::Request&)> admit = nullptr;
  std::optional<http::Response> too_large = std::nullopt;  // instead of our own words for a 413
};
// For metrics and health: GET and HEAD only, for anybody.
[[nodiscard]] ServerOptions public_port(std::string address, int port);
// How many connections a server may hold of the `wanted` ones, in a process that may open
// `descriptors`: what the rest of it needs is left.
[[nodiscard]] int connections_within(int wanted, std::uint64_t descriptors);

// cpprestsdk behind a door of our own (ADR 16). Errors: Unavailable (port taken), Invalid.
[[nodiscard]] Result<std::unique_ptr<HttpServer>> serve(ServerOptions options,
                                                        InboundHandler handler);

// A program that was started by us. Nobody waits for it but the one who started it.
struct ProcessOptions {
  std::vector<std::string> words;        // the program (looked for in PATH) and its arguments
  std::vector<std::string> environment;  // all of it, NAME=VALUE
  // Its 0, 1 and 2; -1: 0 is /dev/null, the others are ours. Nothing else is inherited.
  int in = -1, out = -1, err = -1;
  bool own_group = false;
  int death_signal = 0;  // what it gets when the thread that started it ends; 0: nothing
};
// Its process id. Errors: Unavailable (no such program, no process).
[[nodiscard]] Result<int> start_process(const ProcessOptions& options);
// Between fork and exec, or in a process that was forked to go on by itself: the descriptors from 3
// on, but for `kept`, are closed. Only async-signal-safe calls.
void close_inherited(std::initializer_list<int> kept) noexcept;

// A fresh CA, or a leaf signed by it, for the embedded cluster. EC P-256.
struct KeyPair {
  std::string cert_pem, key_pem;
};
[[nodiscard]] Result<KeyPair> make_ca(const std::string& common_name, WallTime now);
[[nodiscard]] Result<KeyPair> make_leaf(const KeyPair& ca, const std::string& common_name,
                                        const std::vector<std::string>& dns_names,
                                        const std::vector<std::string>& ip_addresses, WallTime now);

}  // namespace sluice::net
