#include "cli/pod_state.h"

#include <fmt/format.h>

#include <set>
#include <vector>

namespace sluice::cli {
namespace {

using kube::Node;

std::vector<Node> elements(Node list) {
  std::vector<Node> out;
  list.each_element([&](Node item) { out.push_back(item); });
  return out;
}

// Init containers that keep running beside the others.
std::set<std::string> sidecars(Node spec) {
  std::set<std::string> out;
  spec["initContainers"].each_element([&](Node item) {
    if (item["restartPolicy"].as_string() == "Always") out.insert(item["name"].string_or());
  });
  return out;
}

std::string end_text(Node terminated) {
  if (const auto reason = terminated["reason"].string_or(); !reason.empty()) return reason;
  if (const auto signal = terminated["signal"].int_or(0); signal != 0)
    return fmt::format("Signal:{}", signal);
  return fmt::format("ExitCode:{}", terminated["exitCode"].int_or(0));
}

// What the first init container that is not done says; "" when all are.
std::string init_reason(Node pod, const std::set<std::string>& beside, PodState& state,
                        std::int64_t& sidecar_restarts) {
  std::size_t done = 0;
  for (const Node& container : elements(pod["status"]["initContainerStatuses"])) {
    const Node terminated = container["state"]["terminated"];
    const bool sidecar = beside.contains(container["name"].string_or());
    state.restarts += container["restartCount"].int_or(0);
    if (sidecar) sidecar_restarts += container["restartCount"].int_or(0);
    if (!terminated.absent() && terminated["exitCode"].int_or(0) == 0) {
      ++done;
    } else if (sidecar && container["started"].bool_or(false)) {
      if (container["ready"].bool_or(false)) ++state.ready;
      ++done;
    } else if (!terminated.absent()) {
      return "Init:" + end_text(terminated);
    } else {
      const std::string waiting = container["state"]["waiting"]["reason"].string_or();
      if (!waiting.empty() && waiting != "PodInitializing") return "Init:" + waiting;
      return fmt::format("Init:{}/{}", done, pod["spec"]["initContainers"].size());
    }
  }
  return {};
}

void scan_containers(Node pod, PodState& state) {
  bool has_running = false;
  auto containers = elements(pod["status"]["containerStatuses"]);
  for (auto it = containers.rbegin(); it != containers.rend(); ++it) {
    const Node now = (*it)["state"];
    state.restarts += (*it)["restartCount"].int_or(0);
    const std::string waiting = now["waiting"]["reason"].string_or();
    if (!waiting.empty()) {
      state.reason = waiting;
    } else if (!now["terminated"].absent()) {
      state.reason = end_text(now["terminated"]);
    } else if ((*it)["ready"].bool_or(false) && !now["running"].absent()) {
      has_running = true;
      ++state.ready;
    }
  }
  if (state.reason == "Completed" && has_running) state.reason = "Running";
}

}  // namespace

PodState pod_state(Node pod) {
  const Node status = pod["status"];
  const std::string given = status["reason"].string_or();
  const auto beside = sidecars(pod["spec"]);
  PodState state;
  state.reason = given.empty() ? status["phase"].string_or() : given;
  state.total = static_cast<std::int64_t>(pod["spec"]["containers"].size() + beside.size());
  std::int64_t sidecar_restarts = 0;
  if (const auto init = init_reason(pod, beside, state, sidecar_restarts); !init.empty()) {
    state.reason = init;
    state.ready = 0;
  } else {
    state.restarts = sidecar_restarts;
    scan_containers(pod, state);
  }
  if (!pod["metadata"]["deletionTimestamp"].absent())
    state.reason = given == "NodeLost" ? "Unknown" : "Terminating";
  return state;
}

}  // namespace sluice::cli
