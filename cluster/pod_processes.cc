#include "cluster/pod_processes.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <vector>

#include <fmt/core.h>

#include "cluster/pod_logs.h"
#include "kube/json/json.h"
#include "net/net.h"
#include "telemetry/telemetry.h"

namespace sluice::cluster {

using kube::Json;

namespace {

// The image that is run as a real process; any tag. `sluice-demo-app:v2` runs as version "v2".
constexpr const char* kDemoImage = "sluice-demo-app";

const Json* container_of(const Json& pod) {
  const Json* list = kube::find_path(pod, "spec.containers");
  return list != nullptr && list->is_array() && !list->empty() ? &list->front() : nullptr;
}

// "registry/sluice-demo-app:v2" → {"sluice-demo-app", "v2"}.
std::pair<std::string, std::string> image_parts(const Json& pod) {
  const Json* container = container_of(pod);
  std::string image = container == nullptr ? "" : kube::get_string(*container, "image");
  if (const auto slash = image.rfind('/'); slash != std::string::npos) image.erase(0, slash + 1);
  const auto colon = image.find(':');
  if (colon == std::string::npos) return {image, "latest"};
  return {image.substr(0, colon), image.substr(colon + 1)};
}

int container_port(const Json& container) {
  const Json* ports = kube::find(container, "ports");
  return ports != nullptr && ports->is_array() && !ports->empty()
             ? static_cast<int>(kube::get_int(ports->front(), "containerPort", 8080))
             : 8080;
}

int named_port(const Json& container, const Json* port) {
  if (port != nullptr && port->is_number_integer()) return port->get<int>();
  if (port != nullptr && port->is_string()) {
    const Json* ports = kube::find(container, "ports");
    if (ports != nullptr && ports->is_array())
      for (const auto& item : *ports)
        if (kube::get_string(item, "name") == port->get<std::string>())
          return static_cast<int>(kube::get_int(item, "containerPort", 8080));
  }
  return container_port(container);
}

std::vector<std::string> strings_of(const Json& container, const char* member) {
  std::vector<std::string> out;
  if (const Json* list = kube::find(container, member); list != nullptr && list->is_array())
    for (const auto& item : *list)
      if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}

std::vector<std::string> environment(const Json& pod, const std::string& address,
                                     const std::string& proxy_url) {
  const auto key = kube::get_string(pod, "metadata.name");
  std::vector<std::string> out = {"PATH=/usr/bin:/bin",
                                  "HOSTNAME=" + key,
                                  "POD_IP=" + address,
                                  "POD_NAME=" + key,
                                  "POD_NAMESPACE=" + kube::get_string(pod, "metadata.namespace"),
                                  "APP_VERSION=" + image_parts(pod).second,
                                  "http_proxy=" + proxy_url};
  if (const Json* container = container_of(pod))
    if (const Json* env = kube::find(*container, "env"); env != nullptr && env->is_array())
      for (const auto& item : *env)
        out.push_back(kube::get_string(item, "name") + "=" + kube::get_string(item, "value"));
  return out;
}

class Silent final : public Telemetry {
 public:
  void log(LogLevel, std::string_view, std::vector<LogField>) override {}
  void count(std::string_view, Labels, double) override {}
  void gauge(std::string_view, Labels, double) override {}
  void observe(std::string_view, Labels, double) override {}
  void forget(std::string_view, std::string_view) override {}
};

}  // namespace

PodProcesses::PodProcesses(Options options, LoopbackBlock& block)
    : options_(std::move(options)), block_(block) {
  prober_ = std::thread([this] { probe_loop(); });
}

PodProcesses::~PodProcesses() {
  stopping_ = true;
  prober_.join();
  for (auto& [uid, process] : processes_) {
    if (process.exited || process.pid <= 0) continue;
    ::kill(process.pid, SIGKILL);
    waitpid(process.pid, nullptr, 0);
  }
}

bool PodProcesses::wants(const Json& pod) {
  return image_parts(pod).first == kDemoImage;
}

Result<std::string> PodProcesses::start(const Json& pod) {
  const Json* container = container_of(pod);
  if (container == nullptr) return fail(ErrorCode::Invalid, "the pod has no container");
  const std::string uid = kube::get_string(pod, "metadata.uid");
  Process process;
  process.address = block_.next_address();
  if (const Json* probe = kube::find_path(*container, "readinessProbe.httpGet")) {
    process.probe.url = fmt::format("http://{}:{}{}", process.address,
                                    named_port(*container, kube::find(*probe, "port")),
                                    kube::get_string(*probe, "path", "/"));
    process.probe.period = Seconds(kube::get_int(*container, "readinessProbe.periodSeconds", 10));
    process.probe.initial_delay =
        Seconds(kube::get_int(*container, "readinessProbe.initialDelaySeconds"));
    process.probe.failure_threshold =
        static_cast<int>(kube::get_int(*container, "readinessProbe.failureThreshold", 3));
    process.probe.success_threshold =
        static_cast<int>(kube::get_int(*container, "readinessProbe.successThreshold", 1));
  }
  std::vector<std::string> words = {
      options_.binary, "demo-app", "--listen",
      fmt::format("{}:{}", process.address, container_port(*container))};
  for (auto& word : strings_of(*container, "command")) words.push_back(std::move(word));
  for (auto& word : strings_of(*container, "args")) words.push_back(std::move(word));
  const std::string log =
      pod_log_path(options_.log_directory, kube::get_string(pod, "metadata.namespace"),
                   kube::get_string(pod, "metadata.name"));
  const int log_fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  net::ProcessOptions child;
  child.words = std::move(words);
  child.environment = environment(pod, process.address, options_.proxy_url);
  child.out = child.err = log_fd;
  child.death_signal = SIGKILL;
  const auto pid = net::start_process(child);
  if (log_fd >= 0) close(log_fd);
  if (!pid) return fail(pid.error());
  process.pid = *pid;
  const std::string address = process.address;
  const std::lock_guard lock(mutex_);
  process.started = net::system_clock()->mono_now();
  process.next_probe = process.started + process.probe.initial_delay;
  if (process.probe.url.empty()) process.ready = true;
  processes_[uid] = std::move(process);
  return address;
}

void PodProcesses::reap(Process& process) {
  if (process.exited || process.pid <= 0) return;
  int status = 0;
  if (waitpid(process.pid, &status, WNOHANG) != process.pid) return;
  process.exited = true;
  process.ready = false;
  process.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

PodProcesses::State PodProcesses::state(const Json& pod) {
  const std::lock_guard lock(mutex_);
  auto it = processes_.find(kube::get_string(pod, "metadata.uid"));
  if (it == processes_.end()) return {false, false, 137};
  reap(it->second);
  return {!it->second.exited, it->second.ready, it->second.exit_code};
}

void PodProcesses::stop(const Json& pod) {
  const std::lock_guard lock(mutex_);
  auto it = processes_.find(kube::get_string(pod, "metadata.uid"));
  if (it == processes_.end() || it->second.exited) return;
  ::kill(it->second.pid, SIGTERM);
}

void PodProcesses::kill(const Json& pod) {
  const std::lock_guard lock(mutex_);
  auto it = processes_.find(kube::get_string(pod, "metadata.uid"));
  if (it != processes_.end() && !it->second.exited) ::kill(it->second.pid, SIGKILL);
}

// Probes block for at most their timeout, on a thread of their own.
void PodProcesses::probe_loop() {
  auto clock = net::system_clock();
  auto files = net::system_files();
  Silent silent;
  auto transport = net::make_transport({}, *files, *clock, silent);
  if (!transport) return;
  while (!stopping_) {
    std::vector<std::pair<std::string, std::string>> due;
    {
      const std::lock_guard lock(mutex_);
      const MonoTime now = clock->mono_now();
      for (auto& [uid, process] : processes_) {
        reap(process);
        if (process.exited || process.probe.url.empty() || now < process.next_probe) continue;
        // Until it is ready a pod is asked more often: kubelet does so when the container has just
        // started.
        process.next_probe = now + (process.ready ? process.probe.period
                                                  : std::min(process.probe.period, Millis(200)));
        due.emplace_back(uid, process.probe.url);
      }
    }
    for (const auto& [uid, url] : due) {
      http::Request request;
      request.url = url;
      request.timeout = Millis(1000);
      request.client_name = "probe";
      const auto response = net::call(**transport, request);
      const bool ok = response && response->status >= 200 && response->status < 400;
      const std::lock_guard lock(mutex_);
      auto it = processes_.find(uid);
      if (it == processes_.end()) continue;
      Process& process = it->second;
      process.successes = ok ? process.successes + 1 : 0;
      process.failures = ok ? 0 : process.failures + 1;
      const bool was = process.ready;
      if (ok && process.successes >= process.probe.success_threshold) process.ready = true;
      if (!ok && process.failures >= process.probe.failure_threshold) process.ready = false;
      if (process.ready != was && options_.changed) options_.changed();
    }
    usleep(50'000);
  }
}

}  // namespace sluice::cluster
