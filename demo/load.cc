#include "demo/load.h"

#include <unordered_map>

#include "demo/quiet.h"
#include "net/net.h"

namespace sluice::demo {

Load::~Load() {
  stop();
}

void Load::start() {
  thread_ = std::thread([this] { run(); });
}

void Load::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void Load::add_host(const std::string& host) {
  const std::lock_guard lock(mutex_);
  hosts_.push_back(host);
}

LoadCounts Load::counts(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  auto it = counts_.find(host);
  return it == counts_.end() ? LoadCounts{} : it->second;
}

void Load::run() {
  auto clock = net::system_clock();
  auto files = net::system_files();
  QuietTelemetry quiet;
  auto transport = net::make_transport({}, *files, *clock, quiet);
  if (!transport) return;
  const Micros period(1'000'000 / per_second_);
  MonoTime next = clock->mono_now();
  std::unordered_map<RequestToken, std::string> waiting;
  std::vector<TransportEvent> events;
  while (true) {
    const MonoTime now = clock->mono_now();
    if (!stopping_ && now >= next) {
      next = std::max(next + period, now - period);
      std::vector<std::string> hosts;
      {
        const std::lock_guard lock(mutex_);
        hosts = hosts_;
      }
      for (const auto& host : hosts) {
        http::Request request;
        request.url = "http://" + address_ + "/";
        request.headers = {{"Host", host}};
        request.timeout = Millis(5000);
        request.client_name = "load";
        waiting.emplace((*transport)->submit(std::move(request)), host);
      }
    }
    if (stopping_ && waiting.empty()) return;
    events.clear();
    const Micros wait = std::clamp<Micros>(next - clock->mono_now(), Micros(0), Micros(20'000));
    (*transport)->poll(events, std::chrono::ceil<Millis>(wait));
    for (const auto& event : events) {
      auto it = waiting.find(event.token);
      if (it == waiting.end()) continue;
      const int status = event.kind == TransportEvent::Kind::Response ? event.response.status : 0;
      const std::lock_guard lock(mutex_);
      LoadCounts& counts = counts_[it->second];
      ++counts.requests;
      ++counts.by_status[status];
      if (status == 0 || status >= 500) ++counts.failed;
      waiting.erase(it);
    }
  }
}

}  // namespace sluice::demo
