#pragma once
// What a cluster has around it: the ingress controller (a real nginx, configured from the
// Ingresses) and the service discovery of a real Prometheus (a target file made from the pods). One
// thread follows the cluster's state.
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "cluster/host.h"
#include "demo/child.h"
#include "demo/ingress_config.h"

namespace sluice::demo {

struct PodOrigin {
  std::string namespace_, pod, hash;
};

class Edge {
 public:
  Edge(cluster::Host& host, std::string directory, std::string nginx_address,
       std::string prometheus_address, std::string controller_metrics);
  ~Edge();
  // Starts nginx and Prometheus, registers Prometheus as Service monitoring/prometheus. Errors:
  // Unavailable, naming the program.
  [[nodiscard]] Status start();
  [[nodiscard]] std::string listen() const { return nginx_address_ + ":8081"; }
  [[nodiscard]] std::string access_log() const { return directory_ + "/access.log"; }
  // Which pod answered at this address ("ip:port"); pods that are gone are remembered.
  [[nodiscard]] PodOrigin origin(const std::string& address) const;
  [[nodiscard]] std::string prometheus_url() const {
    return "http://" + prometheus_address_ + ":9090";
  }

 private:
  void follow();
  void update_nginx();
  void update_targets();
  [[nodiscard]] Status start_nginx();
  [[nodiscard]] Status start_prometheus();

  cluster::Host& host_;
  std::string directory_, nginx_address_, prometheus_address_, controller_metrics_;
  Child nginx_, prometheus_;
  std::string config_, targets_;
  mutable std::mutex mutex_;
  std::map<std::string, PodOrigin> origins_;
  std::uint64_t seen_version_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace sluice::demo
