#pragma once
// The network of the simulator: requests reach the embedded API server (or the metric backend)
// after a latency, answers come back after another; faults may happen to each of them. Everything
// is ordered by (virtual time, sequence number).
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/rng.h"
#include "base/seams.h"
#include "sim/actor.h"
#include "sim/server_names.h"

namespace sluice::sim {

enum class Fault {
  None,
  CrashBefore,        // the process dies; the write never arrives
  CrashAfter,         // the write takes effect; the process dies before it hears of it
  Conflict,           // 409, not applied
  ServerError,        // 500, not applied
  Throttled,          // 429 with Retry-After 1, not applied
  TimeoutApplied,     // no answer, but it took effect
  TimeoutNotApplied,  // no answer, no effect
  Forbidden,          // 403, not applied
  Invalid,            // 422, not applied
  ForbiddenFor,       // 403 for this write and all like it, for kRefusedFor
  InvalidFor,         // 422 for as long
};
inline constexpr Seconds kRefusedFor{60};
[[nodiscard]] bool is_refusal(Fault fault);
[[nodiscard]] std::string_view to_string(Fault fault);

class SimTransport final : public Transport {
 public:
  struct Options {
    Millis latency{1};
    Millis metric_latency{5};
    std::string user = "system:serviceaccount:argo-rollouts:argo-rollouts";
    std::string identity =
        "sluice";  // of the process; the audit log has it as part of the user agent
    std::string instance_id;
    // Called with the author before the server works on a write of this process, and with nullptr
    // afterwards.
    std::function<void(const Actor*)> around_write;
  };
  // Asked once for every request that writes (POST, PUT, PATCH, DELETE) to the API server, in
  // order.
  using WriteFaults = std::function<Fault(const http::Request&)>;
  // Answers absolute URLs: nullopt means that nobody listens there, status 0 that no answer ever
  // comes.
  using Backend = std::function<std::optional<http::Response>(const http::Request&)>;

  SimTransport(ApiServer& server, Clock& clock, Options options);
  ~SimTransport() override;

  RequestToken submit(http::Request request) override;
  void cancel(RequestToken token) override;
  void poll(std::vector<TransportEvent>& out, Millis wait) override;
  void wake() override {}

  // When something is due next; MonoTime::max() when nothing is under way.
  [[nodiscard]] MonoTime next_time() const;
  void set_write_faults(WriteFaults faults) { faults_ = std::move(faults); }
  void set_backend(Backend backend) { backend_ = std::move(backend); }
  // What the API server's answers to reads, and the bytes of its watches, become on their way.
  using Rewrite = std::function<std::string(std::string)>;
  void set_rewrite(Rewrite rewrite) { rewrite_ = std::move(rewrite); }
  // Watch events are delivered this much later (0: at once).
  void set_watch_delay(Millis delay) { watch_delay_ = delay; }
  // The server cannot be reached at all: every request fails, every watch ends.
  void set_partitioned(bool partitioned);
  // All open watches end with a connection error.
  void break_watches();
  // A fault asked for the death of the process: nothing submitted since had any effect.
  [[nodiscard]] bool crashed() const { return crashed_; }
  [[nodiscard]] bool partitioned() const { return partitioned_; }
  [[nodiscard]] std::uint64_t reads() const { return reads_; }  // GETs and lists, not watches
  // Requests to others than the API server that have no answer yet.
  [[nodiscard]] std::size_t foreign_in_flight() const;

 private:
  struct Watch;
  struct Pending {
    RequestToken token = 0;
    std::function<void()> action;
  };
  void at(MonoTime when, RequestToken token, std::function<void()> action);
  void deliver(TransportEvent event) { ready_.push_back(std::move(event)); }
  void answer(RequestToken token, http::Response response, Millis after);
  void fail_request(RequestToken token, ErrorCode code, std::string message, Millis after);
  void submit_watch(RequestToken token, http::Request request);
  void submit_write(RequestToken token, http::Request request, Fault fault);
  void submit_read(RequestToken token, http::Request request);
  http::Response perform(const http::Request& request, const Actor& actor);
  void told(const std::string& resource, std::uint64_t version);
  [[nodiscard]] Caller caller() const { return {options_.user, "sluice/" + options_.identity}; }

  ApiServer& server_;
  Clock& clock_;
  Options options_;
  WriteFaults faults_;
  Backend backend_;
  Rewrite rewrite_;
  Millis watch_delay_{0};
  bool partitioned_ = false, crashed_ = false;
  RequestToken next_token_ = 1;
  std::uint64_t sequence_ = 0, reads_ = 0;
  std::map<std::pair<MonoTime, std::uint64_t>, Pending> queue_;
  std::map<RequestToken, std::shared_ptr<Watch>> watches_;
  std::vector<TransportEvent> ready_;
  std::set<RequestToken> foreign_;
  std::map<std::string, std::uint64_t, std::less<>> told_;
};

}  // namespace sluice::sim
