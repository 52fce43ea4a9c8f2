#pragma once
// A forward HTTP proxy on loopback that stands in for DNS and kube-proxy: `GET
// http://web.shop.svc:80/x` goes to a ready endpoint of Service shop/web. Other hosts are refused:
// nothing leaves the machine.
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/result.h"

namespace sluice::cluster {

struct ServiceAddress {
  std::string namespace_, name;
  int port = 80;
};
// "web.shop.svc.cluster.local:8080" → {shop, web, 8080}. Errors: Invalid (not a Service name).
[[nodiscard]] Result<ServiceAddress> parse_service_host(std::string_view host);

class ServiceProxy {
 public:
  // "ip:port" of an endpoint. Errors become 503 with the message.
  using Resolve = std::function<Result<std::string>(const ServiceAddress&)>;
  [[nodiscard]] static Result<std::unique_ptr<ServiceProxy>> start(Resolve resolve);
  ~ServiceProxy();
  ServiceProxy(const ServiceProxy&) = delete;
  [[nodiscard]] std::string url() const;

 private:
  ServiceProxy(int listener, int port, Resolve resolve);
  void accept_loop();
  void serve(int client);

  int listener_;
  int port_;
  Resolve resolve_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::thread thread_;
};

}  // namespace sluice::cluster
