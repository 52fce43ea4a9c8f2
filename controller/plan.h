#pragma once
// What a decision is made of. Values only: nothing here can do I/O.
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/http.h"
#include "base/time.h"
#include "kube/model/meta.h"
#include "kube/request/request.h"

namespace sluice::controller {

struct EventIntent {
  kube::ResourceType regarding_type;
  kube::ObjectKey regarding;
  std::string regarding_uid;
  bool warning = false;
  std::string reason;  // Event reason (rollout.md §8)
  std::string message;
  bool once = false;  // not again about this object while the process lives
};

// A metric query. Its answer comes back to the key that asked (controller/analysisrun).
struct QueryIntent {
  std::string id;         // unique among the queries in flight of this key
  http::Request request;  // client_name "metric"
  Millis wanted{0};       // how long the metric would wait; the request may wait less
};

using Intent = std::variant<kube::Write, EventIntent, QueryIntent>;

// Why a thing was, or was not, done. Closed on purpose; the log tells it at level debug.
enum class Why {
  Refused,  // the release does not implement a field
  InvalidSpec,
  Deleted,
  CacheNotSynced,
  ReplicaSetCreated,
  ReplicaSetAdopted,
  RevisionSynced,
  Scaling,
  WaitingForPods,
  WaitingForStable,  // stable cannot carry the remaining share
  WaitingForAnalysis,
  WaitingForPause,
  WaitingForUser,
  ScaleDownDelay,
  ServiceSwitched,
  WeightChanged,
  WeightHeld,
  StepCompleted,
  StepsReset,
  Paused,
  Resumed,
  Aborted,
  Promoted,
  RunCreated,
  RunTerminated,
  MeasurementStarted,
  MeasurementTaken,
  NothingToDo,
};
[[nodiscard]] std::string_view to_string(Why why);

struct Reason {
  Why why = Why::NothingToDo;
  std::string detail;
};

struct Plan {
  std::vector<Intent> intents;  // in order; a failed write stops the rest
  std::vector<Reason> trace;
  std::optional<WallTime> wake_at;  // earliest moment at which time alone changes the answer
  // Of a Rollout: no cut of traffic waits for its record (Observed::carried_out).
  bool settled = false;

  [[nodiscard]] std::vector<const kube::Write*> writes() const;
  [[nodiscard]] std::vector<const EventIntent*> events() const;
};

}  // namespace sluice::controller
