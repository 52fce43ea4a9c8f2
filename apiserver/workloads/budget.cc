// PodDisruptionBudget status: what the eviction subresource asks.
#include <algorithm>
#include <cmath>

#include "apiserver/workloads/context.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::apiserver {

namespace {
// int-or-percent of `total`, rounded up as the disruption controller does.
int scaled(const Json& value, int total) {
  if (value.is_number_integer()) return value.get<int>();
  if (!value.is_string()) return 0;
  std::string text = value.get<std::string>();
  if (!text.empty() && text.back() == '%') text.pop_back();
  const auto percent = parse_int(text).value_or(0);
  return static_cast<int>(std::ceil(static_cast<double>(percent * total) / 100.0));
}
}  // namespace

void step_budget(Context& context, const kube::ObjectKey& key) {
  const Object budget = context.server.get(kube::kPodDisruptionBudgets, key);
  if (!budget || being_deleted(*budget)) return;
  int expected = 0, healthy = 0;
  for (const auto& pod :
       context.pods_matching(key.namespace_, selector_of(*budget, "spec.selector"))) {
    if (being_deleted(*pod) || pod_finished(*pod)) continue;
    ++expected;
    if (pod_ready(*pod)) ++healthy;
  }
  int desired = 0;
  if (const Json* min = kube::find_path(*budget, "spec.minAvailable"))
    desired = scaled(*min, expected);
  else if (const Json* max = kube::find_path(*budget, "spec.maxUnavailable"))
    desired = std::max(0, expected - scaled(*max, expected));
  const Json status = {{"currentHealthy", healthy},
                       {"desiredHealthy", desired},
                       {"expectedPods", expected},
                       {"disruptionsAllowed", std::max(0, healthy - desired)},
                       {"observedGeneration", kube::get_int(*budget, "metadata.generation")}};
  if (same_status(*budget, status)) return;
  context.merge(kube::kPodDisruptionBudgets, key, {{"status", status}}, "status");
}

}  // namespace sluice::apiserver
