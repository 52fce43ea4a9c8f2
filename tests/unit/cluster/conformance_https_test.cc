// The conformance suite over HTTPS: always against an embedded cluster of our own, and against a
// real API server as well when SLUICE_CONFORMANCE_KUBECONFIG names its kubeconfig
// (tests/e2e/conformance_test.sh sets it).
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cluster/host.h"
#include "tests/conformance/apply.h"
#include "tests/conformance/custom.h"
#include "tests/conformance/lists.h"
#include "tests/conformance/objects.h"
#include "tests/conformance/over_https.h"

namespace sluice::conformance {
namespace {

// One cluster for all tests, started by the first that wants it and stopped after the last.
class OwnCluster final : public testing::Environment {
 public:
  void TearDown() override {
    if (host_) host_->stop();
    host_.reset();
    std::error_code ignored;
    if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
  }
  [[nodiscard]] net::KubeConfig config() {
    if (directory_.empty()) start();
    net::KubeConfig kube;
    kube.server = host_ ? host_->url() : "https://127.0.0.1:1";
    kube.ca_pem = host_ ? host_->ca_pem() : "";
    kube.token = "conformance";
    return kube;
  }

 private:
  void start() {
    directory_ = (std::filesystem::temp_directory_path() /
                  ("sluice-conformance-" + std::to_string(getpid())))
                     .string();
    std::filesystem::create_directories(directory_);
    cluster::HostOptions options;
    options.directory = directory_;
    options.binary = SLUICE_BINARY;
    options.tokens["conformance"] = "system:admin";
    auto host = cluster::start_host(std::move(options));
    if (host)
      host_ = std::move(*host);
    else
      ADD_FAILURE() << host.error().message;
  }
  std::string directory_;
  std::unique_ptr<cluster::Host> host_;
};

ApiFactory embedded_over_https() {
  auto* cluster = new OwnCluster;  // the test framework owns it
  testing::AddGlobalTestEnvironment(cluster);
  return [cluster] { return std::make_unique<HttpsApi>(cluster->config(), true); };
}

std::vector<ApiFactory> real_server() {
  const char* path = std::getenv("SLUICE_CONFORMANCE_KUBECONFIG");
  if (path == nullptr || *path == '\0') return {};
  return {[config = std::string(path)]() -> std::unique_ptr<Api> {
    auto files = net::system_files();
    net::KubeConfigOverrides overrides;
    overrides.kubeconfig = config;
    auto kube = net::load_kubeconfig(*files, overrides);
    if (!kube) {
      ADD_FAILURE() << kube.error().message;
      kube = net::KubeConfig{};
    }
    return std::make_unique<HttpsApi>(std::move(*kube), false);
  }};
}

INSTANTIATE_TEST_SUITE_P(Embedded, Conformance, testing::Values(embedded_over_https()),
                         [](const auto&) { return std::string("OverHttps"); });
INSTANTIATE_TEST_SUITE_P(Real, Conformance, testing::ValuesIn(real_server()),
                         [](const auto&) { return std::string("KubeApiserver"); });

}  // namespace
}  // namespace sluice::conformance
