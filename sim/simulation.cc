#include "sim/simulation.h"

#include <algorithm>

#include <fmt/core.h>

#include "kube/json/json.h"
#include "kube/json/yaml.h"
#include "sim/server_names.h"

namespace sluice::sim {

namespace {

// An instant in which work never ends would stand still for ever: that is a defect of ours, and it
// must show.
constexpr int kTurnsPerInstantMax = 20'000;

ApiServer::Options server_options(const Simulation::Options& options) {
  ApiServer::Options out;
  out.watch_window = options.watch_window;
  out.crds = options.crds;
  out.managed_fields = options.managed_fields;
  return out;
}

}  // namespace

Simulation::Simulation(Options options)
    : clock(options.start),
      rng(options.seed),
      server(clock, rng, server_options(options)),
      workloads(server, clock, rng, options.stages),
      telemetry(clock, options.log_lines_max),
      options_(std::move(options)) {
  for (int i = 0; i < options_.processes; ++i) add(options_.loop.instance_id, true);
  for (const auto& id : options_.other_instances) add(id, false);
  start(processes_.front());
}

void Simulation::add(std::string instance_id, bool under_test) {
  Process process;
  process.number = static_cast<int>(processes_.size());
  process.instance_id = std::move(instance_id);
  process.under_test = under_test;
  process.restart_at = clock.mono_now() + Seconds(process.number);
  processes_.push_back(std::move(process));
}

std::string Simulation::lease_of(const std::string& instance_id) const {
  return options_.loop.lease_name + (instance_id.empty() ? "" : "-" + instance_id);
}

Simulation::~Simulation() {
  for (auto& process : processes_) {
    process.loop.reset();
    process.transport.reset();
  }
}

void Simulation::start(Process& process) {
  process.loop.reset();
  SimTransport::Options transport = options_.transport;
  transport.identity = fmt::format("sluice-{}.{}", process.number, process.incarnation++);
  transport.instance_id = process.instance_id;
  transport.around_write = [this](const Actor* author) { actor_ = author ? *author : Actor{}; };
  process.transport = std::make_unique<SimTransport>(server, clock, transport);
  if (process.under_test)
    process.transport->set_write_faults(
        [this](const http::Request& request) { return faults_ ? faults_(request) : Fault::None; });
  process.transport->set_backend(
      [this](const http::Request& request) { return backend_ ? backend_(request) : std::nullopt; });
  process.transport->set_watch_delay(watch_delay_);
  process.transport->set_rewrite(rewrite_);
  if (process.partitioned) process.transport->set_partitioned(true);
  loop::Options loop_options = options_.loop;
  loop_options.identity = transport.identity;
  loop_options.instance_id = process.instance_id;
  loop_options.lease_name = lease_of(process.instance_id);
  process.loop =
      std::make_unique<loop::Loop>(loop_options, clock, rng, *process.transport, telemetry);
  process.restart_at = MonoTime::max();
  process.frozen_until = MonoTime{};
  process.next = clock.mono_now();
}

void Simulation::stop(Process& process) {
  if (process.transport) process.reads_before += process.transport->reads();
  process.loop.reset();
  process.transport.reset();
  ++crashes_;
  process.restart_at = clock.mono_now() + options_.restart_delay;
}

void Simulation::set_write_faults(SimTransport::WriteFaults faults) {
  faults_ = std::move(faults);
}
void Simulation::set_backend(SimTransport::Backend backend) {
  backend_ = std::move(backend);
}

void Simulation::set_rewrite(SimTransport::Rewrite rewrite) {
  rewrite_ = std::move(rewrite);
  for (auto& process : processes_)
    if (process.transport) process.transport->set_rewrite(rewrite_);
}

void Simulation::set_watch_delay(Millis delay) {
  watch_delay_ = delay;
  for (auto& process : processes_)
    if (process.transport) process.transport->set_watch_delay(delay);
}

void Simulation::set_partitioned(int process, bool partitioned) {
  Process& one = processes_[static_cast<std::size_t>(process)];
  one.partitioned = partitioned;
  if (one.transport) one.transport->set_partitioned(partitioned);
}

std::uint64_t Simulation::reads() const {
  std::uint64_t sum = 0;
  for (const auto& process : processes_)
    sum += process.reads_before + (process.transport ? process.transport->reads() : 0);
  return sum;
}

void Simulation::as(const Actor& author, const std::function<void()>& action) {
  actor_ = author;
  action();
  actor_ = Actor{};
}

void Simulation::crash(int process) {
  Process& one = processes_[static_cast<std::size_t>(process)];
  if (one.loop) stop(one);
}

void Simulation::freeze(int process, Micros time) {
  processes_[static_cast<std::size_t>(process)].frozen_until = clock.mono_now() + time;
}

bool Simulation::turn(Process& process) {
  const MonoTime now = clock.mono_now();
  if (!process.loop) {
    if (now < process.restart_at) return false;
    start(process);
  }
  if (now < process.frozen_until) return false;
  const bool events_due = process.transport->next_time() <= now;
  if (!events_due && process.next > now) return false;
  std::vector<TransportEvent> events;
  process.transport->poll(events, Millis(0));
  process.next = process.loop->turn(std::move(events));
  if (process.transport->crashed()) stop(process);
  return true;
}

void Simulation::settle() {
  for (int turns = 0; turns < kTurnsPerInstantMax; ++turns) {
    bool worked = false;
    for (auto& process : processes_) worked = turn(process) || worked;
    if (workloads.pending() || workloads_next_ <= clock.mono_now()) {
      workloads_next_ = workloads.step();
      worked = true;
    }
    if (server_next_ <= clock.mono_now()) server_next_ = server.tick();
    if (!worked) return;
  }
  telemetry.log(LogLevel::Error, "the world does not come to rest within one instant", {});
}

MonoTime Simulation::next_time() const {
  MonoTime next = std::min(workloads_next_, server_next_);
  for (const auto& process : processes_) {
    const MonoTime own =
        process.loop
            ? std::max(std::min(process.next, process.transport->next_time()), process.frozen_until)
            : process.restart_at;
    next = std::min(next, own);
  }
  return next;
}

bool Simulation::run_until(const std::function<bool()>& done, Micros most) {
  const MonoTime end = clock.mono_now() + most;
  while (true) {
    settle();
    if (after_instant) after_instant();
    if (done()) return true;
    if (clock.mono_now() >= end) return false;
    const MonoTime next = std::max(next_time(), clock.mono_now() + Micros(1));
    clock.advance_to(std::min(next, end));
  }
}

Status Simulation::apply(const std::string& yaml) {
  SLUICE_TRY(auto documents, kube::parse_yaml(yaml));
  for (const auto& document : documents) SLUICE_CHECK_OK(apply_object(document));
  return {};
}

Status Simulation::apply_object(const Json& object) {
  return apiserver::apply_object(server, object);
}

}  // namespace sluice::sim
