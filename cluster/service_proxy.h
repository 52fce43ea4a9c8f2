#pragma once
// A forward HTTP proxy on loopback that stands in for DNS and kube-proxy: `GET
// http://web.shop.svc:80/x` goes to a ready endpoint of Service shop/web. Other hosts are refused:
// nothing leaves the machine.
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

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
  bool hear(int client, std::string& buffer, std::size_t& head_end);
  bool make_room();

  int listener_;
  int port_;
  const int connections_max_;
  Resolve resolve_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable left_;
  std::atomic<int> connections_{0};  // written under the lock
  std::vector<int> undecided_;       // have not said yet what they want, oldest first
  std::thread thread_;
};

}  // namespace sluice::cluster
