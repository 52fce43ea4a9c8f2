#pragma once
// The cluster as the server stored it, kept up to date from its change stream. Scenarios have one
// Rollout under test; what belongs to others (other instance ids, other namespaces) is left out.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/actor.h"
#include "sim/checkers/facts.h"
#include "sim/server_names.h"

namespace sluice::sim::check {

// One stored change with its author. The facts of the kind that changed are set: `before` is empty
// for a new object, `now` for one that went away.
struct Seen {
  const Change& change;
  const Actor& actor;
  std::uint64_t version = 0;
  WallTime wall{};
  MonoTime mono{};
  template <class T>
  struct Pair {
    std::optional<T> before, now;
    [[nodiscard]] bool set() const { return before || now; }
  };
  Pair<RolloutFacts> rollout{};
  Pair<SetFacts> replica_set{};
  Pair<ServiceFacts> service{};
  Pair<IngressFacts> ingress{};
  Pair<RunFacts> run{};
  std::map<std::string, int> shares_before{};  // see View::shares
};

// What a metric query was answered with.
struct MetricAnswer {
  enum class Kind { Good, Bad, NotANumber, Empty, ServerError, Timeout };
  Kind kind = Kind::Good;
  std::string hash;      // the version that was asked about, "" when the query names none
  std::string analysis;  // "background", "pre" or "post"
  MonoTime mono{};
};
[[nodiscard]] std::string_view to_string(MetricAnswer::Kind kind);

// A write as it leaves a controller under test, and what the network makes of it.
struct Sent {
  std::string verb, resource, subresource;
  kube::ObjectKey object;
  MonoTime mono{};
  std::optional<MonoTime> refused_until;  // refused with 403 or 422, as the like of it until then
};

class View {
 public:
  // The Rollout under test. Everything else that is its own begins with this name.
  std::string own_ns = "default", own_name = "web";
  std::string lease = "argo-rollouts-controller-lock";
  std::string instance_id;  // of the controllers under test
  Micros told_within{};     // of a change, unless watches are disturbed

  // Takes the change in; the result refers to `change` and `actor`.
  Seen apply(const Change& change, const Actor& actor, WallTime wall, MonoTime mono);

  std::optional<RolloutFacts> rollout;
  std::map<std::string, SetFacts> sets;  // by name
  std::map<std::string, ServiceFacts> services;
  std::map<std::string, IngressFacts> ingresses;
  std::map<std::string, RunFacts> runs;
  std::map<std::string, JobFacts> jobs;  // of those runs
  std::string leader;                    // identity in the Lease
  MonoTime leader_since{};

  // Told by whoever runs the scenario.
  MonoTime disturbed_until{};  // the last fault, partition or crash that is over
  MonoTime faulted_until{};    // the same without refusals, which excuse no abort
  MonoTime halted_at{};        // when a process last died, froze or was cut off

  void heard(const MetricAnswer& answer) { answers_.push_back(answer); }
  // Something that was measured for this run speaks against the version: its stored verdict, an
  // answer since it was made that was not good, or a Job of its own that failed.
  [[nodiscard]] bool speaks_against(const RunFacts& run) const;

  [[nodiscard]] const SetFacts* set_of(std::string_view hash) const;
  // Weight out of max_weight that Services and Ingresses send to each ReplicaSet, by hash; ""
  // stands for a Service without a hash. Empty for a canary without traffic routing.
  [[nodiscard]] std::map<std::string, int> shares() const;
  [[nodiscard]] std::optional<int> canary_weight() const;
  // The most pods of this version that the author may have believed available: what it was told
  // last, or what came since.
  [[nodiscard]] int believed_available(std::string_view hash, const Actor& actor) const;

 private:
  [[nodiscard]] bool own(const Change& change) const;

  std::vector<MetricAnswer> answers_;
  std::map<std::string, MonoTime, std::less<>> made_;  // runs, by uid

  std::map<std::string, std::vector<std::pair<std::uint64_t, int>>, std::less<>>
      available_;  // by hash: version, count
};

}  // namespace sluice::sim::check
