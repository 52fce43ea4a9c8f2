#pragma once
// controller_clientset_k8s_request_total (clients.md §4.3): what a request to the API server is
// about, read off its method and path.
#include <string>
#include <string_view>

#include "base/seams.h"

namespace sluice::loop {

struct RequestLabels {
  std::string kind, namespace_, name;
  std::string_view verb;  // List, Watch, Get, Create, Update, Patch, Delete, Unknown
};
// `name` is "N/A" where there is none, and for kinds whose objects come and go without our looking
// (ReplicaSets, Pods, Jobs, Events, Secrets …): their series would never end.
[[nodiscard]] RequestLabels request_labels(std::string_view method, std::string_view url);

// One answer; status 0 = none came. Addresses beyond the API server are not counted.
void count_request(Telemetry& telemetry, std::string_view method, std::string_view url, int status);

}  // namespace sluice::loop
