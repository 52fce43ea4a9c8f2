#pragma once
// Kubernetes requests and answers as values.
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/http.h"
#include "base/result.h"
#include "kube/model/meta.h"

namespace sluice::kube {

// "/apis/apps/v1/namespaces/shop/replicasets/web-1/status"; name and subresource may be empty. An
// empty namespace of a namespaced kind means all namespaces. `version` overrides the preferred one
// (discovery).
[[nodiscard]] std::string resource_path(const ResourceType& type, const ObjectKey& key,
                                        std::string_view subresource = "",
                                        std::string_view version = "");

enum class Verb { Create, MergePatch, JsonPatch, StrategicPatch, ApplyPatch, Update, Delete };
[[nodiscard]] std::string_view to_string(Verb verb);

// One write, ready to be sent. The only thing the executor needs to know (docs/adr/0007).
struct Write {
  ResourceType type;
  ObjectKey key;            // for Create with generateName: the name is empty
  std::string subresource;  // "status", "scale", "eviction" or ""
  Verb verb = Verb::MergePatch;
  std::string body;  // JSON; for Delete the DeleteOptions or ""
  // Preconditions. make_request folds them into the body of a merge, strategic or apply patch
  // (metadata.uid / metadata.resourceVersion), prepends `test` operations to a JSON patch, and puts
  // them into the DeleteOptions of a delete. Empty = none.
  std::string uid;
  std::string resource_version;
  // Why this write exists: a stable word for logs, counts and the simulator ("SetWeight",
  // "PatchStatus"…).
  std::string purpose;
  // A delete or a create whose goal is already reached (404 / 409 AlreadyExists) counts as done.
  bool tolerate_done = false;
  // The server answers with what it would store, and stores nothing.
  bool dry_run = false;
};

[[nodiscard]] http::Request make_request(const Write& write);
[[nodiscard]] http::Request make_get(const ResourceType& type, const ObjectKey& key);

struct ListOptions {
  std::string label_selector, field_selector, resource_version, continue_token;
  int limit = 500;
};
[[nodiscard]] http::Request make_list(const ResourceType& type, std::string_view ns,
                                      const ListOptions& options);
struct WatchOptions {
  std::string label_selector, field_selector, resource_version;
  Seconds timeout{270};
};
[[nodiscard]] http::Request make_watch(const ResourceType& type, std::string_view ns,
                                       const WatchOptions& options);

// A Kubernetes Status (or anything >= 300) as an Error: branches on `reason`, then on the code; the
// message names verb and object; Retry-After and details.retryAfterSeconds are kept. nullopt for
// 2xx.
[[nodiscard]] std::optional<Error> response_error(const http::Response& response,
                                                  std::string_view what);

}  // namespace sluice::kube
