#pragma once
// An ApiServer under a clock that only tests move.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "apiserver/api_server.h"
#include "base/rng.h"
#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::apiserver::testing_support {

class ManualClock final : public Clock {
 public:
  WallTime wall_now() override { return wall_ + elapsed_; }
  MonoTime mono_now() override { return MonoTime(elapsed_); }
  void advance(Micros by) { elapsed_ += by; }

 private:
  WallTime wall_ = WallTime(Seconds(1'795'000'000));
  Micros elapsed_{0};
};

class Recorder final : public WatchSink {
 public:
  void on_bytes(std::string_view text) override {
    for (const std::string& line : split(text, '\n'))
      if (!line.empty()) events.push_back(*kube::parse_json(line));
  }
  void on_end() override { ended = true; }
  [[nodiscard]] std::vector<std::string> summary() const {
    std::vector<std::string> out;
    for (const Json& event : events)
      out.push_back(kube::get_string(event, "type") + " " +
                    kube::get_string(event, "object.metadata.name"));
    return out;
  }
  std::vector<Json> events;
  bool ended = false;
};

struct World {
  explicit World(ApiServer::Options options = {}) : server(clock, rng, std::move(options)) {}

  struct Reply {
    int status = 0;
    Json body;
  };
  Reply call(const std::string& method, const std::string& url, const Json& body = nullptr,
             const std::string& type = "application/json") {
    http::Request request;
    request.method = method;
    request.url = url;
    if (!body.is_null()) {
      request.body = kube::dump(body);
      http::set_header(request.headers, "Content-Type", type);
    }
    const http::Response response = server.handle(request);
    Result<Json> parsed = kube::parse_json(response.body);
    return {response.status, parsed ? *parsed : Json(response.body)};
  }
  std::shared_ptr<Recorder> watch(const std::string& url) {
    auto sink = std::make_shared<Recorder>();
    http::Request request;
    request.url = url;
    opened = server.open_watch(request, sink);
    return sink;
  }

  ManualClock clock;
  SeededRng rng{7};
  ApiServer server;
  ApiServer::WatchOpened opened;
};

inline Json config_map(const std::string& name, const Json& data = nullptr) {
  Json object = {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", name}}}};
  if (!data.is_null()) object["data"] = data;
  return object;
}

inline Json pod(const std::string& name, const std::string& node = "") {
  Json object = {{"apiVersion", "v1"},
                 {"kind", "Pod"},
                 {"metadata", {{"name", name}, {"labels", {{"app", "web"}}}}},
                 {"spec", {{"containers", {{{"name", "c"}, {"image", "example/web:1"}}}}}}};
  if (!node.empty()) object["spec"]["nodeName"] = node;
  return object;
}

}  // namespace sluice::apiserver::testing_support
