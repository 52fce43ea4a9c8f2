#pragma once
// Plain Services: the selector is the router (traffic.md §2).
#include <optional>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "kube/model/objects.h"
#include "kube/request/request.h"

namespace sluice::traffic {

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
