#pragma once
// The demo's hands: what a user does with kubectl, over HTTPS with the cluster's kubeconfig.
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/seams.h"
#include "kube/json/json_fwd.h"
#include "net/net.h"

namespace sluice::demo {

class Client {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Client>> connect(const std::string& kubeconfig);
  // All objects of the .yaml files of a folder, in name order; created, or merge-patched when they
  // exist.
  Status apply_folder(const std::string& folder, const std::string& ns);
  Status apply_file(const std::string& file, const std::string& ns);
  // What `kubectl argo rollouts set image ROLLOUT CONTAINER=IMAGE` does.
  Status set_image(const std::string& ns, const std::string& rollout, const std::string& container,
                   const std::string& image);
  Result<kube::Json> get(const std::string& path);

 private:
  Client() = default;
  Result<kube::Json> send(const std::string& method, const std::string& path,
                          const std::string& content_type, const std::string& body);
  Status apply(const kube::Json& object, const std::string& ns);

  std::mutex mutex_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Files> files_;
  std::unique_ptr<Telemetry> telemetry_;
  std::unique_ptr<Transport> transport_;
};

}  // namespace sluice::demo
