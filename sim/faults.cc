#include "sim/faults.h"

#include <algorithm>
#include <iterator>

#include "kube/json/json.h"

namespace sluice::sim {
namespace {

// The seeds of the first release draw from the first seven.
constexpr Fault kNoise[] = {Fault::CrashBefore,       Fault::CrashAfter, Fault::Conflict,
                            Fault::ServerError,       Fault::Throttled,  Fault::TimeoutApplied,
                            Fault::TimeoutNotApplied, Fault::Forbidden,  Fault::Invalid,
                            Fault::ForbiddenFor,      Fault::InvalidFor};
constexpr std::size_t kFirstNoise = 7;

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

std::string Call::text() const {
  std::string out = verb + ' ' + resource;
  if (!subresource.empty()) out += "/" + subresource;
  return out;
}

Call read_call(const http::Request& request) {
  const auto segments = http::parse_target(request.url).segments;
  // api/v1/… or apis/GROUP/VERSION/…, then perhaps namespaces/NAME, then
  // RESOURCE[/NAME[/SUBRESOURCE]].
  Call out;
  out.verb = verb_of(request.method);
  std::size_t at = !segments.empty() && segments[0] == "api" ? 2 : 3;
  if (at + 2 < segments.size() && segments[at] == "namespaces") {
    out.object.namespace_ = segments[at + 1];
    at += 2;
  }
  if (at < segments.size()) out.resource = segments[at];
  if (at + 1 < segments.size()) out.object.name = segments[at + 1];
  if (at + 2 < segments.size()) out.subresource = segments[at + 2];
  if (out.object.name.empty())
    if (const auto body = kube::parse_json(request.body))
      out.object.name = kube::get_string(*body, "metadata.name");
  return out;
}

std::string call_name(const http::Request& request) {
  return read_call(request).text();
}

FaultInjector::FaultInjector(std::vector<PlannedFault> planned, Noise noise, std::uint64_t seed)
    : planned_(std::move(planned)), noise_(noise), rng_(seed) {}

Fault FaultInjector::noise() {
  if (noise_.most == 0 || !rng_.chance(noise_.chance)) return Fault::None;
  --noise_.most;
  return kNoise[rng_.below(noise_.refusals ? std::size(kNoise) : kFirstNoise)];
}

Fault FaultInjector::operator()(const http::Request& request, MonoTime now) {
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
  if (!over_ && fault == Fault::None) fault = noise();
  if (over_) fault = Fault::None;
  refused_until_.reset();
  if (fault == Fault::ForbiddenFor || fault == Fault::InvalidFor)
    lasting_[call] = {fault, now + kRefusedFor};
  if (fault != Fault::None) {
    ++strikes_;
    if (is_point) struck_.push_back({point, fault});
  } else if (const auto it = lasting_.find(call);
             !over_ && it != lasting_.end() && now < it->second.until) {
    fault = it->second.fault;
  }
  if (is_refusal(fault)) {
    const auto it = lasting_.find(call);
    refused_until_ = it == lasting_.end() ? now : std::max(now, it->second.until);
  }
  return fault;
}

}  // namespace sluice::sim
