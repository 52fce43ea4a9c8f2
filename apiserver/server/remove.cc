// Deletion: preconditions, propagation finalizers, grace, the last step.
#include <algorithm>

#include "apiserver/server/core.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

constexpr const char* kOrphan = "orphan";
constexpr const char* kForeground = "foregroundDeletion";

// Background is the default, except that Jobs orphan their pods (batch/v1, for compatibility).
std::string effective_propagation(const ResourceDef& def, const DeleteOptions& options,
                                  const Json& finalizers) {
  if (!options.propagation.empty()) return options.propagation;
  for (const Json& finalizer : finalizers) {
    if (finalizer == kOrphan) return "Orphan";
    if (finalizer == kForeground) return "Foreground";
  }
  return def.bucket == "batch/jobs" ? "Orphan" : "Background";
}

void set_finalizers(Json& object, const std::string& propagation) {
  Json kept = Json::array();
  for (const Json& finalizer : object["metadata"].value("finalizers", Json::array()))
    if (finalizer != kOrphan && finalizer != kForeground) kept.push_back(finalizer);
  if (propagation == "Orphan") kept.push_back(kOrphan);
  if (propagation == "Foreground") kept.push_back(kForeground);
  if (kept.empty())
    object["metadata"].erase("finalizers");
  else
    object["metadata"]["finalizers"] = std::move(kept);
}

// Seconds a pod is given; other kinds go at once.
std::int64_t grace_of(const ResourceDef& def, const Json& object, const DeleteOptions& options) {
  if (def.bucket != "/pods") return 0;
  std::int64_t grace = options.grace_seconds.value_or(
      kube::get_int(object, "spec.terminationGracePeriodSeconds", 30));
  const std::string phase = kube::get_string(object, "status.phase");
  if (kube::get_string(object, "spec.nodeName").empty() || phase == "Failed" ||
      phase == "Succeeded")
    grace = 0;
  return std::max<std::int64_t>(grace, 0);
}

std::optional<Failure> precondition_failure(const WriteContext& c, const Json& current,
                                            const DeleteOptions& options) {
  const std::string uid = kube::get_string(current, "metadata.uid"),
                    version = kube::get_string(current, "metadata.resourceVersion");
  if (!options.uid.empty() && options.uid != uid)
    return conflict(c.subject(), c.key.name,
                    fmt::format("the UID in the precondition ({}) does not match the UID in record "
                                "({}). The object might have been deleted and then recreated",
                                options.uid, uid));
  if (!options.resource_version.empty() && options.resource_version != version)
    return conflict(
        c.subject(), c.key.name,
        fmt::format("the ResourceVersion in the precondition ({}) does not match the "
                    "ResourceVersion in record ({}). The object might have been modified",
                    options.resource_version, version));
  return std::nullopt;
}

}  // namespace

Outcome<DeleteOptions> parse_delete_options(const Json* body, const http::Target* target) {
  DeleteOptions out;
  const auto param = [target](const char* name) {
    return target == nullptr ? nullptr : target->param(name);
  };
  if (const std::string* grace = param("gracePeriodSeconds")) out.grace_seconds = parse_int(*grace);
  if (const std::string* policy = param("propagationPolicy")) out.propagation = *policy;
  if (const std::string* dry = param("dryRun")) out.dry_run = *dry == "All";
  bool orphan_given = false, orphan = false;
  if (const std::string* dependents = param("orphanDependents")) {
    orphan_given = true;
    orphan = *dependents == "true";
  }
  if (body != nullptr && body->is_object()) {
    if (const Json* grace = kube::find(*body, "gracePeriodSeconds");
        grace != nullptr && grace->is_number_integer())
      out.grace_seconds = grace->get<std::int64_t>();
    if (const std::string policy = kube::get_string(*body, "propagationPolicy"); !policy.empty())
      out.propagation = policy;
    out.uid = kube::get_string(*body, "preconditions.uid");
    out.resource_version = kube::get_string(*body, "preconditions.resourceVersion");
    if (const Json* dry = kube::find(*body, "dryRun"); dry != nullptr && dry->is_array())
      out.dry_run = out.dry_run || std::find(dry->begin(), dry->end(), Json("All")) != dry->end();
    if (const Json* dependents = kube::find(*body, "orphanDependents");
        dependents != nullptr && dependents->is_boolean()) {
      orphan_given = true;
      orphan = dependents->get<bool>();
    }
  }
  if (orphan_given && out.propagation.empty()) out.propagation = orphan ? "Orphan" : "Background";
  if (!out.propagation.empty() && out.propagation != "Orphan" && out.propagation != "Foreground" &&
      out.propagation != "Background")
    return refuse(invalid({"meta.k8s.io", "", "DeleteOptions"}, "",
                          {unsupported_value("propagationPolicy", quote(out.propagation),
                                             {"Foreground", "Background", "Orphan", "nil"})}));
  return out;
}

Outcome<Core::Removal> Core::remove(const WriteContext& c, const DeleteOptions& options) {
  const ObjectPtr current = find(*c.def, c.key);
  if (!current) return refuse(not_found(c.subject(), c.key.name));
  if (auto failure = precondition_failure(c, *current, options)) return refuse(std::move(*failure));
  if (c.def->bucket == "/namespaces") return remove_namespace(c, current, options);

  Json marked = *current;
  set_finalizers(marked,
                 effective_propagation(*c.def, options,
                                       (*current)["metadata"].value("finalizers", Json::array())));
  const bool held = marked["metadata"].contains("finalizers");
  const std::int64_t grace = grace_of(*c.def, *current, options);
  const bool deleting = (*current)["metadata"].contains("deletionTimestamp");
  if (deleting && grace > 0 &&
      kube::get_int(*current, "metadata.deletionGracePeriodSeconds") <= grace) {
    // Already on its way and not asked to hurry.
    if (marked == *current || options.dry_run) return Removal{current, false};
    (void)commit(*c.def, c.key, std::move(marked));
    return Removal{find(*c.def, c.key), false};
  }
  if (grace > 0 || held) {
    if (deleting && grace == 0 && marked == *current &&
        kube::get_int(*current, "metadata.deletionGracePeriodSeconds") == 0)
      return Removal{current, false};
    return mark_deleted(c, current, std::move(marked), grace);
  }
  if (options.dry_run) return Removal{current, true};
  commit_removal(*c.def, c.key, *current);
  return Removal{current, true};
}

Outcome<Core::Removal> Core::mark_deleted(const WriteContext& c, const ObjectPtr& current,
                                          Json marked, std::int64_t grace) {
  Json& metadata = marked["metadata"];
  if (!metadata.contains("deletionTimestamp") ||
      grace < kube::get_int(*current, "metadata.deletionGracePeriodSeconds"))
    metadata["deletionTimestamp"] = format_rfc3339(clock_.wall_now() + Seconds(grace));
  metadata["deletionGracePeriodSeconds"] = grace;
  if (metadata.contains("generation") && !(*current)["metadata"].contains("deletionTimestamp"))
    metadata["generation"] = kube::get_int(*current, "metadata.generation") + 1;
  if (c.dry_run) return Removal{std::make_shared<const Json>(std::move(marked)), false};
  (void)commit(*c.def, c.key, std::move(marked));
  return Removal{find(*c.def, c.key), false};
}

// A namespace turns Terminating and stays until its content is gone and spec.finalizers is emptied
// (…/finalize).
Outcome<Core::Removal> Core::remove_namespace(const WriteContext& c, const ObjectPtr& current,
                                              const DeleteOptions& options) {
  if (!(*current)["metadata"].contains("deletionTimestamp")) {
    Json marked = *current;
    marked["metadata"]["deletionTimestamp"] = now_text();
    marked["status"]["phase"] = "Terminating";
    if (options.dry_run) return Removal{std::make_shared<const Json>(std::move(marked)), false};
    (void)commit(*c.def, c.key, std::move(marked));
    return Removal{find(*c.def, c.key), false};
  }
  const bool held = !(*current)["spec"].value("finalizers", Json::array()).empty() ||
                    (*current)["metadata"].contains("finalizers");
  if (held) {
    return refuse(
        conflict(c.subject(), c.key.name,
                 "The system is ensuring all content is removed from this namespace.  Upon "
                 "completion, this namespace will automatically be purged by the system."));
  }
  if (!options.dry_run) commit_removal(*c.def, c.key, *current);
  return Removal{current, true};
}

}  // namespace sluice::apiserver::server
