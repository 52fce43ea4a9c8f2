#include "sim/faults.h"

#include <algorithm>
#include <iterator>

namespace sluice::sim {
namespace {

constexpr Fault kNoise[] = {Fault::CrashBefore,      Fault::CrashAfter, Fault::Conflict,
                            Fault::ServerError,      Fault::Throttled,  Fault::TimeoutApplied,
                            Fault::TimeoutNotApplied};

std::string_view verb_of(std::string_view method) {
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "DELETE") return "delete";
  return "patch";
}

}  // namespace

std::optional<Fault> parse_fault(std::string_view text) {
  for (const Fault fault : kNoise)
    if (to_string(fault) == text) return fault;
  return std::nullopt;
}

std::string call_name(const http::Request& request) {
  const auto segments = http::parse_target(request.url).segments;
  // api/v1/… or apis/GROUP/VERSION/…, then perhaps namespaces/NAME, then
  // RESOURCE[/NAME[/SUBRESOURCE]].
  std::size_t at = !segments.empty() && segments[0] == "api" ? 2 : 3;
  if (at + 2 < segments.size() && segments[at] == "namespaces") at += 2;
  std::string out(verb_of(request.method));
  out += ' ';
  if (at < segments.size()) out += segments[at];
  if (at + 2 < segments.size()) out += "/" + segments[at + 2];
  return out;
}

FaultInjector::FaultInjector(std::vector<PlannedFault> planned, Noise noise, std::uint64_t seed)
    : planned_(std::move(planned)), noise_(noise), rng_(seed) {}

Fault FaultInjector::operator()(const http::Request& request) {
  const std::string call = call_name(request);
  const bool is_point = !call.ends_with(" leases") && !call.ends_with(" events");
  Fault fault = Fault::None;
  WritePoint point{call, 0};
  if (is_point) {
    point.ordinal = ++count_[call];
    points_.push_back(point);
    for (const auto& planned : planned_)
      if (planned.point == point) fault = planned.fault;
  }
  if (!over_ && fault == Fault::None && noise_.most > 0 && rng_.chance(noise_.chance)) {
    --noise_.most;
    fault = kNoise[rng_.below(std::size(kNoise))];
  }
  if (over_) fault = Fault::None;
  if (fault != Fault::None) {
    ++strikes_;
    if (is_point) struck_.push_back({point, fault});
  }
  return fault;
}

}  // namespace sluice::sim
