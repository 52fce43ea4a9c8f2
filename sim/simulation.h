#pragma once
// One simulated world: virtual clock, embedded API server, workload controllers, a metric backend,
// and the production loop, which can be killed and started again at any moment. Several controller
// processes may compete for the Lease.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "controller/loop/loop.h"
#include "sim/actor.h"
#include "sim/captured_telemetry.h"
#include "sim/server_names.h"
#include "sim/sim_transport.h"
#include "sim/virtual_clock.h"

namespace sluice::sim {

class Simulation {
 public:
  struct Options {
    std::uint64_t seed = 1;
    WallTime start = WallTime(Seconds(1'795'000'000));
    StageTimes stages;
    loop::Options loop;
    SimTransport::Options transport;
    Millis restart_delay{500};  // from a crash to the next process
    std::size_t watch_window = 1000;
    int processes = 1;  // controllers that compete for the Lease; they start one second apart
    // Controllers beside them, each with another instance id and the Lease that goes with it.
    std::vector<std::string> other_instances;
    std::shared_ptr<const ApiServer::CrdBundle> crds;
    bool managed_fields = true;
    std::size_t log_lines_max = 2000;
  };
  explicit Simulation(Options options);
  ~Simulation();

  VirtualClock clock;
  SeededRng rng;
  ApiServer server;
  Workloads workloads;
  CapturedTelemetry telemetry;

  // The controllers' network; replaced at each restart, so set faults and backend through these.
  // Faults strike the controllers under test, not those of other instances.
  void set_write_faults(SimTransport::WriteFaults faults);
  void set_backend(SimTransport::Backend backend);
  void set_watch_delay(Millis delay);
  void set_rewrite(SimTransport::Rewrite rewrite);
  void set_partitioned(int process, bool partitioned);
  [[nodiscard]] SimTransport& transport(int process = 0) {
    return *processes_[static_cast<std::size_t>(process)].transport;
  }
  [[nodiscard]] loop::Loop& loop(int process = 0) {
    return *processes_[static_cast<std::size_t>(process)].loop;
  }
  [[nodiscard]] bool running(int process = 0) const {
    return processes_[static_cast<std::size_t>(process)].loop != nullptr;
  }
  [[nodiscard]] int processes() const { return static_cast<int>(processes_.size()); }
  // The Lease for which controllers with this instance id compete.
  [[nodiscard]] std::string lease_of(const std::string& instance_id) const;
  [[nodiscard]] std::uint64_t reads() const;

  // Whose change is being stored right now: valid inside listeners of the server.
  [[nodiscard]] const Actor& actor() const { return actor_; }
  // Writes inside are this author's.
  void as(const Actor& author, const std::function<void()>& action);
  [[nodiscard]] std::string_view user() const {
    return options_.transport.user;
  }  // of the controllers, in the audit log

  // Applies YAML documents as a user would (create, or merge patch when it exists). Errors name the
  // object.
  Status apply(const std::string& yaml);
  Status apply_object(const Json& object);
  // Kills a controller now; it comes back after restart_delay.
  void crash(int process = 0);
  // SIGSTOP and, later, SIGCONT: answers and timers pile up meanwhile.
  void freeze(int process, Micros time);
  [[nodiscard]] int crashes() const { return crashes_; }

  // Lets time pass until `done` holds (asked after every instant), or `most` has passed. True when
  // it held.
  bool run_until(const std::function<bool()>& done, Micros most);
  void run_for(Micros time) {
    run_until([] { return false; }, time);
  }
  // Called after every instant (checkers).
  std::function<void()> after_instant;

 private:
  struct Process {
    int number = 0, incarnation = 0;
    std::string instance_id;
    bool under_test = true;
    std::unique_ptr<SimTransport> transport;
    std::unique_ptr<loop::Loop> loop;
    MonoTime next{};
    MonoTime restart_at = MonoTime::max();
    MonoTime frozen_until{};
    bool partitioned = false;
    std::uint64_t reads_before = 0;  // of earlier incarnations
  };
  void add(std::string instance_id, bool under_test);
  void start(Process& process);
  void stop(Process& process);
  bool turn(Process& process);
  void settle();  // everything that is due at this very instant
  [[nodiscard]] MonoTime next_time() const;

  Options options_;
  SimTransport::WriteFaults faults_;
  SimTransport::Backend backend_;
  SimTransport::Rewrite rewrite_;
  Millis watch_delay_{0};
  std::vector<Process> processes_;
  MonoTime workloads_next_{}, server_next_{};
  Actor actor_;
  int crashes_ = 0;
};

}  // namespace sluice::sim
