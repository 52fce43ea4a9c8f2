// The stages of a pod: scheduled, image pulled, started, ready, completed or crashed, terminating,
// gone. Where it stands is read from its status, so a stage is never done twice; only the time of
// the next stage is remembered.
#include <algorithm>

#include "apiserver/workloads/context.h"
#include "apiserver/workloads/stages.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::apiserver {

namespace {

constexpr Millis kProbePoll{100};
constexpr Seconds kCrashBackoff{10};

WorkItem item_of(const Json& pod) {
  return {Task::Pod, key_of(pod), ""};
}

// True when `since` + `delay` has passed; otherwise the pod comes back then.
bool due(Context& context, const Json& pod, WallTime since, Millis delay) {
  const WallTime now = context.clock.wall_now();
  if (now >= since + delay) return true;
  context.mark_in(since + delay - now, item_of(pod));
  return false;
}

// Exact times of stages, kept in an annotation-free way: status times have whole seconds, which is
// too coarse for stages of milliseconds, so a stage counts from the moment it was seen.
WallTime since_of(Context& context, const Json& pod, const std::string& stage) {
  auto [it, inserted] =
      context.stage_since.try_emplace({uid_of(pod), stage}, context.clock.wall_now());
  return it->second;
}

Json condition(std::string_view type, bool on, WallTime now, std::string_view reason = "") {
  Json out = {{"type", type},
              {"status", on ? "True" : "False"},
              {"lastProbeTime", nullptr},
              {"lastTransitionTime", format_rfc3339(now)}};
  if (!reason.empty()) out["reason"] = reason;
  return out;
}

// The stored conditions with some replaced; the transition time of an unchanged one is kept,
// foreign ones (readiness gates) too.
Json conditions_with(const Json& pod, const std::vector<Json>& wanted) {
  Json out = Json::array();
  for (const auto& next : wanted) {
    const Json* old = condition_of(pod, kube::get_string(next, "type"));
    const bool same =
        old != nullptr && kube::get_string(*old, "status") == kube::get_string(next, "status");
    out.push_back(same ? *old : next);
  }
  if (const Json* stored = kube::find_path(pod, "status.conditions");
      stored != nullptr && stored->is_array()) {
    for (const auto& old : *stored) {
      const bool replaced = std::any_of(wanted.begin(), wanted.end(), [&](const Json& next) {
        return kube::get_string(next, "type") == kube::get_string(old, "type");
      });
      if (!replaced) out.push_back(old);
    }
  }
  return out;
}

bool gates_open(const Json& pod) {
  const Json* gates = kube::find_path(pod, "spec.readinessGates");
  if (gates == nullptr || !gates->is_array()) return true;
  return std::all_of(gates->begin(), gates->end(), [&](const Json& gate) {
    const Json* state = condition_of(pod, kube::get_string(gate, "conditionType"));
    return state != nullptr && kube::get_string(*state, "status") == "True";
  });
}

Json container_statuses(const Json& pod, const Json& state, bool ready, std::int64_t restarts) {
  Json out = Json::array();
  const Json* containers = kube::find_path(pod, "spec.containers");
  if (containers == nullptr || !containers->is_array()) return out;
  for (const auto& container : *containers) {
    const std::string image = kube::get_string(container, "image");
    out.push_back({{"name", kube::get_string(container, "name")},
                   {"image", image},
                   {"imageID", ""},
                   {"ready", ready},
                   {"started", ready},
                   {"restartCount", restarts},
                   {"state", state},
                   {"lastState", Json::object()}});
  }
  return out;
}

std::int64_t restarts_of(const Json& pod) {
  const Json* list = kube::find_path(pod, "status.containerStatuses");
  return list != nullptr && list->is_array() && !list->empty()
             ? kube::get_int(list->front(), "restartCount")
             : 0;
}

void write_status(Context& context, const Json& pod, const Json& status) {
  context.merge(kube::kPods, key_of(pod), {{"status", status}}, "status");
}

std::string next_address(Context& context) {
  const auto n = ++context.addresses;
  return "10.244." + std::to_string((n / 250) % 250) + "." + std::to_string(n % 250 + 1);
}

void schedule(Context& context, const Json& pod) {
  if (!due(context, pod, since_of(context, pod, "schedule"),
           stage_time(pod, context.times.annotation("schedule"), context.times.schedule)))
    return;
  const auto key = key_of(pod);
  kube::Write binding;
  binding.type = kube::kPods;
  binding.key = key;
  binding.subresource = "binding";
  binding.verb = kube::Verb::Create;
  binding.body =
      kube::dump(Json{{"apiVersion", "v1"},
                      {"kind", "Binding"},
                      {"metadata", {{"name", key.name}, {"namespace", key.namespace_}}},
                      {"target", {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", "node-1"}}}});
  binding.purpose = "workload";
  if (!context.server.write(binding)) context.mark_in(Seconds(1), item_of(pod));
}

void set_waiting(Context& context, const Json& pod, std::string_view reason,
                 std::string_view message, std::int64_t restarts) {
  const WallTime now = context.clock.wall_now();
  const Json state = {{"waiting", {{"reason", reason}, {"message", message}}}};
  write_status(
      context, pod,
      {{"phase", "Pending"},
       {"startTime", format_rfc3339(now)},
       {"containerStatuses", container_statuses(pod, state, false, restarts)},
       {"conditions",
        conditions_with(pod, {condition("Ready", false, now, "ContainersNotReady"),
                              condition("ContainersReady", false, now, "ContainersNotReady"),
                              condition("PodScheduled", true, now)})}});
}

void start(Context& context, const Json& pod, const PodScript& script) {
  if (!due(context, pod, since_of(context, pod, "start"),
           stage_time(pod, context.times.annotation("start"), context.times.start)))
    return;
  if (script.image_error) {
    const Json* list = kube::find_path(pod, "status.containerStatuses");
    if (list == nullptr || !list->is_array() || list->empty())
      set_waiting(context, pod, "ErrImagePull", "the image does not exist", 0);
    return;
  }
  std::string address;
  if (context.runtime != nullptr && context.runtime->wants(pod)) {
    auto started = context.runtime->start(pod);
    if (!started) {
      set_waiting(context, pod, "RunContainerError", started.error().message, 0);
      context.mark_in(Seconds(5), item_of(pod));
      return;
    }
    address = *started;
  } else {
    address = next_address(context);
  }
  const WallTime now = context.clock.wall_now();
  const Json state = {{"running", {{"startedAt", format_rfc3339(now)}}}};
  write_status(
      context, pod,
      {{"phase", "Running"},
       {"startTime", format_rfc3339(now)},
       {"podIP", address},
       {"podIPs", Json::array({{{"ip", address}}})},
       {"hostIP", "127.0.0.1"},
       {"containerStatuses", container_statuses(pod, state, false, restarts_of(pod))},
       {"conditions",
        conditions_with(pod, {condition("Initialized", true, now),
                              condition("Ready", false, now, "ContainersNotReady"),
                              condition("ContainersReady", false, now, "ContainersNotReady"),
                              condition("PodScheduled", true, now)})}});
}

void set_ready(Context& context, const Json& pod, bool containers_ready) {
  const WallTime now = context.clock.wall_now();
  const bool ready = containers_ready && gates_open(pod);
  const Json* current = condition_of(pod, "ContainersReady");
  const bool containers_were = current != nullptr && kube::get_string(*current, "status") == "True";
  if (ready == pod_ready(pod) && containers_ready == containers_were) return;
  const Json state = {
      {"running", {{"startedAt", kube::get_string(pod, "status.startTime", format_rfc3339(now))}}}};
  write_status(
      context, pod,
      {{"containerStatuses", container_statuses(pod, state, containers_ready, restarts_of(pod))},
       {"conditions", conditions_with(pod, {condition("Initialized", true, now),
                                            condition("Ready", ready, now,
                                                      ready              ? ""
                                                      : containers_ready ? "ReadinessGatesNotReady"
                                                                         : "ContainersNotReady"),
                                            condition("ContainersReady", containers_ready, now),
                                            condition("PodScheduled", true, now)})}});
}

// The containers ended: completed, failed, or started again after a back-off.
void end(Context& context, const Json& pod, const PodScript& script, int exit_code) {
  const WallTime now = context.clock.wall_now();
  const bool restart =
      script.restart_policy == "Always" || (script.restart_policy == "OnFailure" && exit_code != 0);
  const Json terminated = {{"exitCode", exit_code},
                           {"reason", exit_code == 0 ? "Completed" : "Error"},
                           {"finishedAt", format_rfc3339(now)}};
  const std::vector<Json> unready = {condition("Ready", false, now, "PodCompleted"),
                                     condition("ContainersReady", false, now, "PodCompleted")};
  if (!restart) {
    write_status(context, pod,
                 {{"phase", exit_code == 0 ? "Succeeded" : "Failed"},
                  {"containerStatuses",
                   container_statuses(pod, {{"terminated", terminated}}, false, restarts_of(pod))},
                  {"conditions", conditions_with(pod, unready)}});
    return;
  }
  const Json state = {
      {"waiting",
       {{"reason", "CrashLoopBackOff"}, {"message", "back-off restarting failed container"}}}};
  write_status(context, pod,
               {{"containerStatuses", container_statuses(pod, state, false, restarts_of(pod) + 1)},
                {"conditions", conditions_with(pod, unready)}});
  context.stage_since[{uid_of(pod), "crashed"}] = now;
  context.mark_in(kCrashBackoff, item_of(pod));
}

bool waiting_as(const Json& pod, std::string_view reason) {
  const Json* list = kube::find_path(pod, "status.containerStatuses");
  return list != nullptr && list->is_array() && !list->empty() &&
         kube::get_string(list->front(), "state.waiting.reason") == reason;
}

void run_simulated(Context& context, const Json& pod, const PodScript& script) {
  if (waiting_as(pod, "CrashLoopBackOff")) {
    const WallTime crashed = since_of(context, pod, "crashed");
    if (!due(context, pod, crashed, kCrashBackoff)) return;
    context.stage_since.erase({uid_of(pod), "ready"});
    context.stage_since.erase({uid_of(pod), "crashed"});
    const Json state = {{"running", {{"startedAt", format_rfc3339(context.clock.wall_now())}}}};
    write_status(context, pod,
                 {{"containerStatuses", container_statuses(pod, state, false, restarts_of(pod))}});
    return;
  }
  const WallTime running_since = since_of(context, pod, "ready");
  if (script.runs_for && due(context, pod, running_since, *script.runs_for)) {
    end(context, pod, script, script.exit_code);
    return;
  }
  if (script.never_ready) return;
  // A container that is to end with an error does not become ready first: it would flap.
  if (script.runs_for && script.exit_code != 0) return;
  if (due(context, pod, running_since,
          std::max(stage_time(pod, context.times.annotation("ready"), context.times.ready),
                   script.initial_delay)))
    set_ready(context, pod, true);
}

void run_process(Context& context, const Json& pod, const PodScript& script) {
  const PodRuntime::State state = context.runtime->state(pod);
  if (!state.running) {
    end(context, pod, script, state.exit_code);
    return;
  }
  set_ready(context, pod, state.ready);
  context.mark_in(state.ready ? Millis(500) : kProbePoll, item_of(pod));
}

void terminate(Context& context, const Json& pod) {
  const bool process = context.runtime != nullptr && context.runtime->wants(pod);
  const Millis grace = Seconds(kube::get_int(pod, "metadata.deletionGracePeriodSeconds", 30));
  const bool started = !kube::get_string(pod, "status.podIP").empty() && !pod_finished(pod);
  const bool first = !context.stage_since.contains({uid_of(pod), "terminate"});
  const WallTime since = since_of(context, pod, "terminate");
  bool gone = !started;
  if (started && process) {
    if (first) context.runtime->stop(pod);
    gone = !context.runtime->state(pod).running;
    if (!gone && context.clock.wall_now() >= since + grace) context.runtime->kill(pod);
    if (!gone) context.mark_in(Millis(50), item_of(pod));
  } else if (started) {
    gone = due(context, pod, since,
               std::min(grace, stage_time(pod, context.times.annotation("terminate"),
                                          context.times.terminate)));
  }
  if (gone) {
    const std::string uid = uid_of(pod);
    std::erase_if(context.stage_since, [&](const auto& entry) { return entry.first.first == uid; });
    context.remove(kube::kPods, key_of(pod), uid, 0);
  }
}

}  // namespace

void step_pod(Context& context, const kube::ObjectKey& key) {
  const Object pod = context.server.get(kube::kPods, key);
  if (!pod) return;
  if (being_deleted(*pod)) {
    terminate(context, *pod);
    return;
  }
  if (pod_finished(*pod)) return;
  if (kube::get_string(*pod, "spec.nodeName").empty()) {
    schedule(context, *pod);
    return;
  }
  const PodScript script = read_script(*pod);
  if (kube::get_string(*pod, "status.podIP").empty()) {
    start(context, *pod, script);
    return;
  }
  if (context.runtime != nullptr && context.runtime->wants(*pod)) {
    run_process(context, *pod, script);
  } else {
    run_simulated(context, *pod, script);
  }
}

}  // namespace sluice::apiserver
