#pragma once
// What the workload controllers share: the server, the clock, a timer wheel, and indexes kept from
// the server's changes.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/api_server.h"
#include "apiserver/workloads.h"
#include "base/rng.h"
#include "base/strings.h"
#include "kube/model/selector.h"

namespace sluice::apiserver {

using Object = std::shared_ptr<const Json>;

// The work of one controller on one object.
enum class Task { Pod, ReplicaSet, Deployment, Job, Service, Budget, Garbage, Namespace };

struct WorkItem {
  Task task = Task::Pod;
  kube::ObjectKey key;
  std::string detail;  // Garbage: the uid of the owner
  auto operator<=>(const WorkItem&) const = default;
};

// A stored object of any kind.
struct AnyRef {
  const kube::ResourceType* type = nullptr;
  kube::ObjectKey key;
  // By name, never by address: a seed must replay the same order.
  std::strong_ordering operator<=>(const AnyRef& o) const {
    if (auto c = type->group <=> o.type->group; c != 0) return c;
    if (auto c = type->resource <=> o.type->resource; c != 0) return c;
    return key <=> o.key;
  }
  bool operator==(const AnyRef& o) const { return (*this <=> o) == 0; }
};

class Context {
 public:
  Context(ApiServer& server_in, Clock& clock_in, Rng& rng_in, StageTimes times_in,
          PodRuntime* runtime_in)
      : server(server_in), clock(clock_in), rng(rng_in), times(times_in), runtime(runtime_in) {}

  ApiServer& server;
  Clock& clock;
  Rng& rng;
  StageTimes times;
  PodRuntime* runtime;

  void mark(WorkItem item) { dirty.insert(std::move(item)); }
  void mark_at(MonoTime when, WorkItem item) { timers.insert({when, std::move(item)}); }
  void mark_in(Micros delay, WorkItem item) { mark_at(clock.mono_now() + delay, std::move(item)); }
  std::set<WorkItem> dirty;
  std::set<std::pair<MonoTime, WorkItem>> timers;
  // When a pod entered a stage: (uid, stage).
  std::map<std::pair<std::string, std::string>, WallTime> stage_since;
  std::uint32_t addresses = 0;

  // A change of the store: indexes, then dirty keys. Called by the server; writes nothing.
  void on_change(const Change& change);

  // Pods of a namespace by their controller's uid, and all pods of a namespace.
  [[nodiscard]] std::vector<Object> pods_owned_by(const std::string& ns,
                                                  const std::string& uid) const;
  [[nodiscard]] std::vector<Object> pods_matching(const std::string& ns,
                                                  const kube::LabelSelector& selector) const;
  [[nodiscard]] std::vector<AnyRef> dependents(const std::string& owner_uid) const;
  [[nodiscard]] std::vector<AnyRef> in_namespace(const std::string& ns) const;
  [[nodiscard]] bool uid_exists(const std::string& uid) const { return uids_.contains(uid); }
  [[nodiscard]] const AnyRef* find_uid(const std::string& uid) const {
    auto it = uids_.find(uid);
    return it == uids_.end() ? nullptr : &it->second;
  }

  // Writes that may lose a race with somebody else: the next change brings the item back.
  bool create(const kube::ResourceType& type, const std::string& ns, const Json& body);
  bool merge(const kube::ResourceType& type, const kube::ObjectKey& key, const Json& patch,
             std::string subresource = "");
  bool remove(const kube::ResourceType& type, const kube::ObjectKey& key, const std::string& uid,
              int grace_seconds = -1);

 private:
  const kube::ResourceType* intern(const Change& change);
  std::set<std::string> names_;  // storage of the interned types' texts
  std::map<std::string, kube::ResourceType> types_;
  std::map<std::string, std::set<kube::ObjectKey>> pods_by_owner_;
  std::map<std::string, std::set<AnyRef>> by_owner_;
  std::map<std::string, std::set<AnyRef>> by_namespace_;
  std::map<AnyRef, std::vector<std::string>> owners_of_;
  std::map<std::string, AnyRef> uids_;
};

// Readings of objects that several controllers need.
[[nodiscard]] std::string uid_of(const Json& object);
[[nodiscard]] kube::ObjectKey key_of(const Json& object);
[[nodiscard]] StringMap labels_of(const Json& object);
[[nodiscard]] kube::LabelSelector selector_of(const Json& object, std::string_view path);
[[nodiscard]] kube::LabelSelector selector_from_map(const Json* map);
[[nodiscard]] bool being_deleted(const Json& object);
[[nodiscard]] const Json* controller_of(const Json& object);
[[nodiscard]] Json owner_reference(const Json& owner, std::string_view api_version,
                                   std::string_view kind);
[[nodiscard]] const Json* condition_of(const Json& object, std::string_view type);
// True when a merge patch with this status (null: absent) would change nothing. An object without a
// status is to be written.
[[nodiscard]] bool same_status(const Json& object, const Json& status);
[[nodiscard]] bool pod_ready(const Json& pod);
[[nodiscard]] bool pod_finished(const Json& pod);
[[nodiscard]] std::optional<WallTime> pod_ready_since(const Json& pod);

// One controller each; called with the key of an object that may be gone.
void step_pod(Context& context, const kube::ObjectKey& key);
void step_replica_set(Context& context, const kube::ObjectKey& key);
void step_deployment(Context& context, const kube::ObjectKey& key);
void step_job(Context& context, const kube::ObjectKey& key);
void step_service(Context& context, const kube::ObjectKey& key);
void step_budget(Context& context, const kube::ObjectKey& key);
void step_garbage(Context& context, const std::string& owner_uid);
void step_namespace(Context& context, const kube::ObjectKey& key);

}  // namespace sluice::apiserver
