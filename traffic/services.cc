#include "traffic/services.h"

#include <fmt/format.h>

#include "api/keys.h"
#include "api/validate.h"
#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::traffic {
namespace {

kube::Write patch(const kube::Service& service, kube::Verb verb, const kube::Json& body,
                  std::string_view purpose) {
  kube::Write write;
  write.type = kube::kServices;
  write.key = service.meta.key;
  write.verb = verb;
  write.body = kube::dump(body);
  write.uid = service.meta.uid;
  write.resource_version = service.meta.resource_version;
  write.purpose = purpose;
  return write;
}

}  // namespace

std::string selected_hash(const kube::Service& service) {
  return get_or(service.selector, api::kPodTemplateHashLabel);
}

std::optional<kube::Write> switch_service(const kube::Service& service, std::string_view hash,
                                          std::string_view rollout_name) {
  const bool selects = selected_hash(service) == hash;
  const bool owned = get_or(service.meta.annotations, api::kManagedByAnnotation) == rollout_name;
  if (selects && owned) return std::nullopt;
  kube::Json body = kube::Json::object();
  body["spec"]["selector"][std::string(api::kPodTemplateHashLabel)] = hash;
  if (!owned)
    body["metadata"]["annotations"][std::string(api::kManagedByAnnotation)] = rollout_name;
  return patch(service, kube::Verb::StrategicPatch, body, "SwitchService");
}

std::optional<kube::Write> release_service(const kube::Service& service) {
  if (selected_hash(service).empty()) return std::nullopt;
  kube::Json body = kube::Json::object();
  body["spec"]["selector"][std::string(api::kPodTemplateHashLabel)] = nullptr;
  if (find_or_null(service.meta.annotations, api::kManagedByAnnotation) != nullptr) {
    body["metadata"]["annotations"][std::string(api::kManagedByAnnotation)] = nullptr;
  }
  // A verdict that was never recorded is not to meet the Service's next Rollout.
  if (find_or_null(service.meta.annotations, api::kAbortVerdictAnnotation) != nullptr) {
    body["metadata"]["annotations"][std::string(api::kAbortVerdictAnnotation)] = nullptr;
  }
  return patch(service, kube::Verb::MergePatch, body, "ReleaseService");
}

std::string switch_event_text(std::string_view service, std::string_view from,
                              std::string_view to) {
  return fmt::format("Switched selector for service '{}' from '{}' to '{}'", service, from, to);
}

std::optional<std::string> service_problem(const ServiceReference& reference,
                                           std::string_view rollout_name,
                                           const StringMap& template_labels) {
  const auto invalid = [&](const std::string& detail) {
    return api::invalid_error(reference.path, quote(reference.name), detail);
  };
  if (reference.service == nullptr)
    return invalid(fmt::format("service \"{}\" not found", reference.name));
  const kube::Service& service = *reference.service;
  for (const auto& [key, value] : service.selector) {
    if (key == api::kPodTemplateHashLabel) continue;
    const std::string* label = find_or_null(template_labels, key);
    if (label == nullptr || *label != value) {
      return invalid(
          fmt::format("Service \"{}\" has unmatch label \"{}\" in rollout", reference.name, key));
    }
  }
  const std::string* owner = find_or_null(service.meta.annotations, api::kManagedByAnnotation);
  if (owner != nullptr && *owner != rollout_name && reference.owner_still_refers) {
    return invalid(fmt::format("Service \"{}\" is managed by another Rollout", reference.name));
  }
  return std::nullopt;
}

}  // namespace sluice::traffic
