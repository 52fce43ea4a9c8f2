#pragma once
// A Prometheus that answers by script. What it is asked names the version (its hash) and the kind
// of analysis, because the scenarios' templates put both into the query.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/http.h"
#include "sim/checkers/view.h"

namespace sluice::sim {

class MetricBackend {
 public:
  using Kind = check::MetricAnswer::Kind;
  struct Script {
    std::vector<Kind> first;  // in order of the queries
    Kind then = Kind::Good;
  };
  // Key: "<image> <analysis>", for instance "app:v2 post"; without a script every answer is good.
  std::map<std::string, Script> scripts;
  // The image of the version with this hash.
  std::function<std::string(const std::string& hash)> image_of;
  std::function<void(const check::MetricAnswer&)> answered;

  [[nodiscard]] std::optional<http::Response> operator()(const http::Request& request,
                                                         MonoTime now);

 private:
  std::map<std::string, std::size_t> asked_;
};

}  // namespace sluice::sim
