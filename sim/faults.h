#pragma once
// Where a controller writes, and which fault strikes there. A write point is named by the request
// (verb, resource, subresource) and by how many such requests the run has seen before it.
#include <compare>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/http.h"
#include "base/rng.h"
#include "kube/model/meta.h"
#include "sim/sim_transport.h"

namespace sluice::sim {

struct WritePoint {
  std::string call;  // "patch rollouts/status"
  int ordinal = 0;   // from 1
  auto operator<=>(const WritePoint&) const = default;
  [[nodiscard]] std::string text() const { return call + " #" + std::to_string(ordinal); }
};

// The faults of which each write point has a cell in the coverage table. The seeds of the first
// release (scenario.h) know the first six.
inline constexpr Fault kCellFaults[] = {
    Fault::CrashBefore,    Fault::CrashAfter,        Fault::Conflict,  Fault::ServerError,
    Fault::TimeoutApplied, Fault::TimeoutNotApplied, Fault::Forbidden, Fault::Invalid,
    Fault::ForbiddenFor,   Fault::InvalidFor};
inline constexpr std::size_t kFirstCellFaults = 6;
[[nodiscard]] std::optional<Fault> parse_fault(std::string_view text);

struct PlannedFault {
  WritePoint point;
  Fault fault = Fault::None;
};

// Decides over each write of a run. Lease renewals and Events are no write points: the former come
// as time passes, the latter may be lost without harm; noise may strike both.
class FaultInjector {
 public:
  struct Noise {
    double chance = 0;  // per request
    int most = 0;
    bool refusals = false;  // among the faults
  };
  FaultInjector(std::vector<PlannedFault> planned, Noise noise, std::uint64_t seed);
  [[nodiscard]] Fault operator()(const http::Request& request, MonoTime now = {});
  // The last request was refused, as the like of it will be until then (then: now, for once).
  [[nodiscard]] std::optional<MonoTime> refused_until() const { return refused_until_; }

  [[nodiscard]] const std::vector<WritePoint>& points() const {
    return points_;
  }  // in order of arrival
  [[nodiscard]] const std::vector<PlannedFault>& struck() const {
    return struck_;
  }  // at write points
  [[nodiscard]] int strikes() const { return strikes_; }
  void stop() { over_ = true; }

 private:
  [[nodiscard]] Fault noise();

  std::vector<PlannedFault> planned_;
  Noise noise_;
  SeededRng rng_;
  std::map<std::string, int> count_;
  std::vector<WritePoint> points_;
  std::vector<PlannedFault> struck_;
  struct Refusal {
    Fault fault = Fault::None;
    MonoTime until{};
  };
  std::map<std::string, Refusal> lasting_;  // by call
  std::optional<MonoTime> refused_until_;
  int strikes_ = 0;
  bool over_ = false;
};

struct Call {
  std::string verb, resource, subresource;  // the method is the verb of the API
  kube::ObjectKey object;                   // of a creation, as its body says
  [[nodiscard]] std::string text() const;   // "patch rollouts/status"
};
[[nodiscard]] Call read_call(const http::Request& request);
[[nodiscard]] std::string call_name(const http::Request& request);

}  // namespace sluice::sim
