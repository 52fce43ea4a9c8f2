#pragma once
// The suite's interface over HTTPS, for any API server a kubeconfig leads to.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "kube/json/json.h"
#include "net/net.h"
#include "sim/captured_telemetry.h"
#include "tests/conformance/api.h"

namespace sluice::conformance {

class HttpsApi final : public Api {
 public:
  HttpsApi(net::KubeConfig kube, bool embedded)
      : embedded_(embedded),
        files_(net::system_files()),
        clock_(net::system_clock()),
        telemetry_(*clock_) {
    net::TransportOptions options;
    options.kube = std::move(kube);
    options.user_agent = "sluice-conformance";
    auto transport = net::make_transport(std::move(options), *files_, *clock_, telemetry_);
    if (transport)
      transport_ = std::move(*transport);
    else
      ADD_FAILURE() << transport.error().message;
  }

  http::Response call(http::Request request) override {
    if (!transport_) return {};
    request.client_name = "kube";
    auto response = net::call(*transport_, std::move(request));
    if (response) return std::move(*response);
    ADD_FAILURE() << "no answer: " << response.error().message;
    return {};
  }

  std::vector<Json> watch(const std::string& path, const std::string& accept) override {
    http::Request request;
    request.url = path;
    http::set_header(request.headers, "Accept", accept);
    const http::Response response = call(std::move(request));
    EXPECT_EQ(response.status, 200) << response.body;
    std::vector<Json> events;
    for (const auto& line : split(response.body, '\n')) {
      if (line.empty()) continue;
      auto event = kube::parse_json(line);
      if (event)
        events.push_back(std::move(*event));
      else
        ADD_FAILURE() << "not an event: " << line;
    }
    return events;
  }

  void settle() override { std::this_thread::sleep_for(Millis(100)); }
  [[nodiscard]] bool embedded() const override { return embedded_; }

 private:
  bool embedded_;
  std::unique_ptr<Files> files_;
  std::unique_ptr<Clock> clock_;
  sim::CapturedTelemetry telemetry_;
  std::unique_ptr<Transport> transport_;
};

}  // namespace sluice::conformance
