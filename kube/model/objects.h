#pragma once
// Typed views of the native kinds: only what decisions read, plus the raw bytes where an edit needs
// them. A view that could not be decoded keeps its meta and says why in decode_error.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kube/json/node.h"
#include "kube/model/meta.h"
#include "kube/model/selector.h"

namespace sluice::kube {

struct Condition {
  std::string type, status, reason, message;
  std::optional<WallTime> last_update_time;
  std::optional<WallTime> last_transition_time;
  bool operator==(const Condition&) const = default;
};

struct ReplicaSet {
  Meta meta;
  RawJson raw;
  std::optional<Error> decode_error;
  std::int32_t replicas = 1;  // spec.replicas, defaulted
  std::int32_t min_ready_seconds = 0;
  LabelSelector selector;
  std::int32_t status_replicas = 0, ready_replicas = 0, available_replicas = 0;
  std::int64_t observed_generation = 0;
  std::vector<Condition> conditions;
};

struct ServicePort {
  std::string name;
  std::int32_t port = 0;
  std::string target_port;  // number or name, as text; "" = same as port
};

struct Service {
  Meta meta;
  RawJson raw;
  std::optional<Error> decode_error;
  StringMap selector;
  std::vector<ServicePort> ports;
  std::string type;
};

// An object of any kind, for readers that look at its text themselves.
struct Object {
  Meta meta;
  RawJson raw;
  std::optional<Error> decode_error;
};
using Objects = std::map<ObjectRef, std::shared_ptr<const Object>>;

struct Pod {
  Meta meta;
  std::optional<Error> decode_error;
  std::string phase, ip, node_name, reason;
  bool ready = false;
  std::optional<WallTime> ready_since;
  std::int32_t restarts = 0;
  std::string waiting_reason;  // first container's waiting reason, e.g. ErrImagePull
  // The container that waits for that reason (init containers first), and the kubelet's message.
  std::string waiting_container, waiting_message;
  std::vector<std::string> images;
};

struct Job {
  Meta meta;
  RawJson raw;
  std::optional<Error> decode_error;
  std::int32_t active = 0, succeeded = 0, failed = 0;
  std::vector<Condition> conditions;
};

struct Lease {
  Meta meta;
  std::string holder;
  std::int32_t duration_seconds = 0, transitions = 0;
  std::optional<WallTime> acquire_time, renew_time;
};

[[nodiscard]] Meta decode_meta(Node object);
// As little of the metadata as tells an object in one version from all others.
struct Identity {
  ObjectKey key;
  std::string uid, resource_version;
};
[[nodiscard]] Identity decode_identity(Node object);
[[nodiscard]] ReplicaSet decode_replica_set(Node object);
[[nodiscard]] Service decode_service(Node object);
[[nodiscard]] Object decode_object(Node object);
[[nodiscard]] Pod decode_pod(Node object);
[[nodiscard]] Job decode_job(Node object);
[[nodiscard]] Lease decode_lease(Node object);
[[nodiscard]] std::vector<Condition> decode_conditions(Node list);

}  // namespace sluice::kube
