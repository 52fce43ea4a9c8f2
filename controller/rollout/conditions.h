#pragma once
// The condition list of a Rollout (rollout.md §7.1–§7.3) and its progress deadline (§1.17).
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/rollout.h"
#include "base/time.h"
#include "kube/model/objects.h"

namespace sluice::rollout {

namespace condition {
inline constexpr std::string_view kInvalidSpec = "InvalidSpec", kAvailable = "Available",
                                  kProgressing = "Progressing", kPaused = "Paused",
                                  kCompleted = "Completed", kHealthy = "Healthy",
                                  kReplicaFailure = "ReplicaFailure",
                                  // Ours: True while the cluster keeps the controller from
                                  // something, with what it said.
    kReconciliationError = "ReconciliationError";
}
namespace reason {
inline constexpr std::string_view kAvailable = "AvailableReason", kPaused = "RolloutPaused",
                                  kResumed = "RolloutResumed", kRetry = "RolloutRetry",
                                  kAborted = "RolloutAborted", kCompleted = "RolloutCompleted",
                                  kHealthy = "RolloutHealthy", kInvalidSpec = "InvalidSpec",
                                  kNewReplicaSetCreated = "NewReplicaSetCreated",
                                  kFoundNewReplicaSet = "FoundNewReplicaSet",
                                  kReplicaSetCreateError = "ReplicaSetCreateError",
                                  kReplicaSetUpdated = "ReplicaSetUpdated",
                                  kReplicaSetNotAvailable = "ReplicaSetNotAvailable",
                                  kNewReplicaSetAvailable = "NewReplicaSetAvailable",
                                  kProgressDeadlineExceeded = "ProgressDeadlineExceeded";
}

using Conditions = std::vector<kube::Condition>;

// The stable ReplicaSet is the one of the current template, and there is one.
[[nodiscard]] bool stable_is_current(const api::RolloutStatus& status);

[[nodiscard]] const kube::Condition* find_condition(const Conditions& list, std::string_view type);
[[nodiscard]] bool condition_is(const Conditions& list, std::string_view type,
                                std::string_view status);
[[nodiscard]] std::string condition_reason(const Conditions& list,
                                           std::string_view type);  // "" when absent
// A condition without times, to be given to set_condition.
[[nodiscard]] kube::Condition make_condition(std::string_view type, std::string_view status,
                                             std::string_view reason, std::string_view message);
// True when the list changed. Same status and reason: nothing happens, not even to the message.
// Times are whole seconds; lastTransitionTime stays when only the reason changed; the new item goes
// to the end.
bool set_condition(Conditions& list, kube::Condition condition, WallTime now);
bool remove_condition(Conditions& list, std::string_view type);
// InvalidSpec with its message; replaces the message when the cause changed (rollout.md §9.9 item
// 139).
bool set_invalid_spec(Conditions& list, std::string_view rollout_name, std::string_view error,
                      WallTime now);

// The Progressing conditions set outside the persist step (rollout.md §2.3, RS creation).
[[nodiscard]] kube::Condition progressing_created(std::string_view replica_set);
[[nodiscard]] kube::Condition progressing_found(std::string_view replica_set);
[[nodiscard]] kube::Condition progressing_create_error(std::string_view replica_set,
                                                       std::string_view error);
[[nodiscard]] kube::Condition progressing_paused();
[[nodiscard]] kube::Condition progressing_resumed();
[[nodiscard]] kube::Condition progressing_retry();
[[nodiscard]] kube::Condition paused_condition(bool paused);

// The pause/abort pre-check (rollout.md §2.3). True when the list changed; that patch is then the
// whole pass. The caller makes sure that the generation is observed. `list` starts as the stored
// conditions.
bool precheck_conditions(Conditions& list, const api::RolloutSpec& spec,
                         const api::RolloutStatus& stored, WallTime now);

// "Healthy" of rollout.md §7.2. `next` is the status being built; observedGeneration is the stored
// one.
[[nodiscard]] bool is_healthy(const api::Rollout& rollout, const api::RolloutStatus& next);
// "Progress made" of rollout.md §7.3, compared with the stored status.
[[nodiscard]] bool progress_made(const api::RolloutSpec& spec, const api::RolloutStatus& stored,
                                 const api::RolloutStatus& next);

struct DeadlineInput {
  const api::Rollout* rollout = nullptr;     // spec and stored status; not owned
  const api::RolloutStatus* next = nullptr;  // the status being built; not owned
  bool aborted = false;                      // this pass's view
  bool others_delayed = false;               // any otherRS has a scale-down-deadline
  bool gate_blocked = false;  // the AnalysisRun of the step cannot be made: that is no analysis
};
// No time-out may be declared now (progress included) (rollout.md §1.17).
[[nodiscard]] bool deadline_exempt(const DeadlineInput& in);
// The stored Progressing condition is past its deadline, or already says so. Does not look at the
// exemptions.
[[nodiscard]] bool timed_out(const api::Rollout& rollout, const Conditions& conditions,
                             WallTime now);
// progressDeadlineAbort: the abort message, nullopt when nothing is to be aborted.
[[nodiscard]] std::optional<std::string> deadline_abort(const DeadlineInput& in,
                                                        std::string_view new_rs_name, WallTime now);
// When a pass that writes nothing has to look again for the deadline (remaining + 1 s); nullopt
// when it need not.
[[nodiscard]] std::optional<WallTime> deadline_wake_up(const DeadlineInput& in, WallTime now);

struct ConditionInput {
  DeadlineInput deadline;
  std::string new_rs_name;    // "" when there is no newRS
  std::string revision;       // revision annotation of the Rollout
  std::string abort_message;  // of an abort added in this pass
  bool available = false;     // blue/green: active RS saturated; canary: Σ available ≥ N
  std::optional<kube::Condition> replica_failure;
};
// The ReplicaFailure to copy: of newRS, else of the first ReplicaSet that has one.
[[nodiscard]] std::optional<kube::Condition> find_replica_failure(
    const kube::ReplicaSet* new_rs, const std::vector<const kube::ReplicaSet*>& all);
struct ConditionChanges {
  bool aborted = false;        // event RolloutAborted with `abort_text`
  bool not_completed = false;  // event RolloutNotCompleted
  bool progressed = false, became_unhealthy = false, timed_out = false;
  std::string abort_text;
};
// Item 4 of rollout.md §2.6.1: conditions other than InvalidSpec and Paused, on `next` (whose list
// starts as the stored one, and whose pause and abort fields are final).
ConditionChanges update_conditions(api::RolloutStatus& next, const ConditionInput& in,
                                   WallTime now);

// `ReplicaSet "<rs>" …` / `Rollout "<name>" …` of the time-out.
[[nodiscard]] std::string timed_out_text(std::string_view new_rs_name,
                                         std::string_view rollout_name);

}  // namespace sluice::rollout
