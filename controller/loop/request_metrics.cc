#include "controller/loop/request_metrics.h"

#include <algorithm>
#include <array>

#include "base/http.h"

namespace sluice::loop {
namespace {

constexpr std::string_view kNoName = "N/A";

// Kinds of which we hear when an object goes, so that its series can go too (and the one Lease).
constexpr std::array<std::string_view, 6> kNamedKinds{
    "rollouts", "analysisruns", "experiments", "services", "ingresses", "leases"};

std::string_view verb_of(std::string_view method, const http::Target& target, bool named) {
  if (method == "GET") {
    const std::string* watch = target.param("watch");
    if (watch != nullptr && *watch != "0" && *watch != "false") return "Watch";
    return named ? "Get" : "List";
  }
  if (method == "POST") return "Create";
  if (method == "PUT") return "Update";
  if (method == "PATCH") return "Patch";
  if (method == "DELETE") return "Delete";
  return "Unknown";
}

}  // namespace

RequestLabels request_labels(std::string_view method, std::string_view url) {
  const RequestLabels unknown{"Unknown", "Unknown", "Unknown", "Unknown"};
  const http::Target target = http::parse_target(url);
  const auto& parts = target.segments;
  // /api/VERSION/… or /apis/GROUP/VERSION/…
  std::size_t at = 0;
  if (!parts.empty() && parts[0] == "api") at = 2;
  if (!parts.empty() && parts[0] == "apis") at = 3;
  if (at == 0 || parts.size() <= at) return unknown;
  RequestLabels out;
  if (parts[at] == "namespaces" && parts.size() > at + 2) {
    out.namespace_ = parts[at + 1];
    at += 2;
  }
  out.kind = parts[at];
  const bool named = parts.size() > at + 1;
  out.verb = verb_of(method, target, named);
  if (out.verb == "Unknown") return unknown;
  const bool keeps_name =
      std::find(kNamedKinds.begin(), kNamedKinds.end(), out.kind) != kNamedKinds.end();
  out.name = named && keeps_name ? parts[at + 1] : std::string(kNoName);
  return out;
}

void count_request(Telemetry& telemetry, std::string_view method, std::string_view url,
                   int status) {
  if (!url.starts_with('/')) return;
  const RequestLabels labels = request_labels(method, url);
  telemetry.count("controller_clientset_k8s_request_total",
                  {{"kind", labels.kind},
                   {"namespace", labels.namespace_},
                   {"name", labels.name},
                   {"verb", labels.verb},
                   {"status_code", std::to_string(status)}});
}

}  // namespace sluice::loop
