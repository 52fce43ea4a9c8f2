#pragma once
// A running embedded cluster. Thread-safe: with_server() and the rest may be called from any
// thread.
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "apiserver/api_server.h"
#include "apiserver/workloads.h"
#include "base/result.h"

namespace sluice::cluster {

struct HostOptions {
  std::string directory;  // logs of pods, audit log; must exist
  std::string binary;     // the sluice executable that pods of the demo image run
  int port = 0;           // of the API server; 0 = any
  std::map<std::string, std::string> tokens;  // bearer token → user; anything else is answered 401
  apiserver::StageTimes stages{.annotation_prefix = "sluice.argoproj.io/stage-"};
};

class Host {
 public:
  virtual ~Host() = default;
  [[nodiscard]] virtual std::string url() const = 0;  // https://127.0.0.1:PORT
  [[nodiscard]] virtual std::string ca_pem() const = 0;
  [[nodiscard]] virtual std::string proxy_url() const = 0;  // http://127.0.0.1:PORT, resolves *.svc
  // A loopback address that nothing else on this machine uses (any port is free on it).
  [[nodiscard]] virtual std::string claim_address() = 0;
  // Runs `use` while nothing else touches the server.
  virtual void with_server(const std::function<void(apiserver::ApiServer&)>& use) = 0;
  virtual void stop() = 0;  // pods get SIGTERM, then SIGKILL
};

// Errors: Unavailable (port, loopback block), Internal (certificates).
[[nodiscard]] Result<std::unique_ptr<Host>> start_host(HostOptions options);

// kubeconfig text for one token.
[[nodiscard]] std::string kubeconfig_yaml(const std::string& url, const std::string& ca_pem,
                                          const std::string& token, const std::string& name);
// A random token, 32 hex digits from the OS.
[[nodiscard]] std::string random_token();

}  // namespace sluice::cluster
