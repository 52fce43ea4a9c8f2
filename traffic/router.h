#pragma once
// Traffic routers are pure functions from (current objects, wanted split) to writes. One folder per
// router.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/rollout.h"
#include "base/result.h"
#include "kube/model/objects.h"
#include "kube/request/request.h"

namespace sluice::traffic {

// The wanted distribution. Weights are in 0..max_weight and canary + stable + additional ==
// max_weight.
struct Split {
  std::int32_t canary_weight = 0;
  std::int32_t max_weight = 100;
  std::string canary_hash, stable_hash;
  std::string canary_service, stable_service;
  // Set when this split is the cut of an abort: the router leaves it on the object it writes, in
  // the same write (api::kAbortVerdictAnnotation), and removes it when it is empty again.
  std::string abort_verdict;
};

struct RouteEvent {    // on the Rollout; goes with the write of the same index
  std::string reason;  // one of the Events of traffic.md §0.6
  std::string message;
};

struct RoutePlan {
  std::vector<kube::Write> writes;  // empty when the objects already say so
  std::optional<bool> verified;     // unset: this router cannot verify
  std::vector<RouteEvent> events;   // one per write
  // Warnings about the Rollout that these writes record, so that each is told once.
  std::vector<RouteEvent> warnings;
  // Some of several objects could not be planned: the writes above stand and are to be sent, the
  // recorded weights are not to be advanced, and the text goes into a TrafficRoutingError event.
  std::optional<Error> error;
};

// The Service's selector switched to `hash`, managed-by annotation added when missing; nullopt when
// nothing is to do. A Service whose hash is right but which lacks the annotation is written too
// (traffic.md SVC-2); compare selected_hash() first to know whether a SwitchService event is due.
[[nodiscard]] std::optional<kube::Write> switch_service(const kube::Service& service,
                                                        std::string_view hash,
                                                        std::string_view rollout_name);
// The un-patch of traffic.md §2.5.
[[nodiscard]] std::optional<kube::Write> release_service(const kube::Service& service);
[[nodiscard]] std::string selected_hash(const kube::Service& service);  // "" when none
[[nodiscard]] std::string switch_event_text(std::string_view service, std::string_view from,
                                            std::string_view to);

// A Service as the Rollout refers to it (traffic.md §2.4).
struct ServiceReference {
  std::string path;  // "spec.strategy.canary.stableService"
  std::string name;
  const kube::Service* service = nullptr;  // nullptr: absent in a synced cache
  // The Rollout named in the Service's annotation exists and still refers to it. When it does not,
  // this Rollout takes the Service over with its next switch instead of being invalid (traffic.md
  // SVC-23).
  bool owner_still_refers = true;
};
// Field-error text, nullopt when the reference is fine.
[[nodiscard]] std::optional<std::string> service_problem(const ServiceReference& reference,
                                                         std::string_view rollout_name,
                                                         const StringMap& template_labels);

}  // namespace sluice::traffic
