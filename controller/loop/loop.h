#pragma once
// The shell. One thread owns caches, keys, timers, decisions and the state of writes. It never
// blocks: turn() does all that is ready and says when to come back. Production waits in
// Transport::poll, the simulator advances its clock.
#include <memory>
#include <string>
#include <vector>

#include "analysis/expr/zone.h"
#include "analysis/providers/job.h"
#include "base/rng.h"
#include "base/seams.h"
#include "traffic/options.h"

namespace sluice::loop {

struct Options {
  std::string namespace_;  // "" = cluster-wide
  std::string instance_id;
  bool leader_elect = true;
  std::string lease_namespace = "argo-rollouts";
  std::string lease_name = "argo-rollouts-controller-lock";
  std::string identity;  // lease holder
  Seconds lease_duration{15}, renew_deadline{10}, retry_period{2};
  Seconds resync_period{900};
  std::size_t writes_in_flight_max = 64;  // bounded concurrency instead of a QPS limit
  // Metric queries, and reads of Secrets for them: shared out by fair_share.h, which says how many
  // namespaces that hoard slots it takes to keep out another. Each query in flight has a socket.
  std::size_t queries_in_flight_max = 256;
  std::size_t secret_reads_in_flight_max = 64;
  Seconds metric_timeout_max{300};  // of one query, whatever its metric says
  // Of each kind, so many objects are kept ready to be read, those read or changed last; the others
  // as packed text (ADR 10; sizes are in bench/README.md).
  std::size_t cached_views_max = 512;
  traffic::Options routers = {};
  bool secrets_need_label = false;
  analysis::job::Policy jobs = {};
  std::string prometheus_address;
  std::string controller_namespace;
  analysis::expr::ZoneLoader zones = {};  // time zones of conditions; UTC alone when empty
};

struct Counters {  // for tests and /metrics
  std::uint64_t writes = 0, reads = 0, queries = 0, events = 0, decisions = 0, errors = 0;
};

class Loop {
 public:
  Loop(Options options, Clock& clock, Rng& rng, Transport& transport, Telemetry& telemetry);
  ~Loop();
  Loop(const Loop&) = delete;

  // Handles the given transport events, due timers and ready keys; submits requests; never blocks.
  // Returns the time of the next timer.
  MonoTime turn(std::vector<TransportEvent> events);
  // Stops taking keys, releases the lease; done() turns true when nothing is in flight any more.
  void shutdown();
  [[nodiscard]] bool done() const;

  [[nodiscard]] bool leading() const;
  // Readiness: all kinds were listed, and what the server says of them can be read.
  [[nodiscard]] bool synced() const;
  [[nodiscard]] bool idle() const;  // no dirty keys and nothing in flight but watches
  [[nodiscard]] const Counters& counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::loop
