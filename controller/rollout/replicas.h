#pragma once
// Replica arithmetic of both strategies (rollout.md §3.2–§3.9, §4.2). Pure: numbers in, numbers
// out. Intermediate results are 64 bit or wider, because maxTrafficWeight may be 100000000.
// Negative counts are read as 0.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/rollout.h"
#include "base/time.h"
#include "kube/model/objects.h"
#include "kube/model/quantity.h"

namespace sluice::rollout {

// A ReplicaSet as the arithmetic sees it. "No such ReplicaSet" is std::nullopt of this.
struct Pods {
  std::int32_t spec = 0;       // spec.replicas
  std::int32_t available = 0;  // status.availableReplicas
  std::int32_t current = 0;    // status.replicas
  bool operator==(const Pods&) const = default;
};
[[nodiscard]] Pods pods_of(const kube::ReplicaSet& set);

struct Counts {
  std::int32_t canary = 0, stable = 0;
  bool operator==(const Counts&) const = default;
};

// ---- fenceposts (rollout.md §3.2) ----
struct Fenceposts {
  std::int32_t surge = 0, unavailable = 0;
  bool operator==(const Fenceposts&) const = default;
};
// Absent values are the built-in 25 %.
[[nodiscard]] Fenceposts canary_fenceposts(std::int32_t replicas,
                                           const std::optional<kube::IntOrString>& max_surge,
                                           const std::optional<kube::IntOrString>& max_unavailable);
// Blue/green: no surge, and no rule against both being 0.
[[nodiscard]] Fenceposts blue_green_fenceposts(
    std::int32_t replicas, const std::optional<kube::IntOrString>& max_unavailable);
// Of whichever strategy the Rollout has.
[[nodiscard]] Fenceposts fenceposts(const api::RolloutSpec& spec);

// ---- basic canary (rollout.md §3.3, §3.4) ----
// The split that comes closest to weight/max_weight. For 0 < weight < max_weight and at least two
// pods (surge included) neither side is 0; the sum never exceeds replicas + 1, and replicas when
// surge is 0.
[[nodiscard]] Counts basic_split(std::int32_t replicas, std::int32_t weight,
                                 std::int32_t max_weight, std::int32_t surge);

struct BasicScale {
  std::int32_t replicas = 0;                  // N
  std::int32_t weight = 0, max_weight = 100;  // W of rollout.md §3.6, M
  Fenceposts bounds;
  std::optional<Pods> canary;  // newRS
  std::optional<Pods> stable;  // stableRS; nullopt when there is none or it is newRS
  std::int32_t others = 0;     // Σ spec.replicas of all other ReplicaSets
};
// Where the split is heading in the end: {N, 0} without a distinct stable ReplicaSet.
[[nodiscard]] Counts basic_target(const BasicScale& in);
// The sizes to write now, inside the bounds (steps 1–9 and limit()). A side without ReplicaSet gets
// the size it would have; ignore it.
[[nodiscard]] Counts basic_scale(const BasicScale& in);

// ---- canary with traffic routing (rollout.md §3.5) ----
// ⌈weight · replicas / max_weight⌉.
[[nodiscard]] std::int32_t weight_to_replicas(std::int32_t weight, std::int32_t replicas,
                                              std::int32_t max_weight);
// ⌊max_weight · available / replicas⌋, not above max_weight; 0 when replicas is 0.
[[nodiscard]] std::int32_t available_share(std::int32_t available, std::int32_t replicas,
                                           std::int32_t max_weight);
// minPods(x).
[[nodiscard]] std::int32_t with_min_pods(std::int32_t count,
                                         const std::optional<std::int32_t>& min_pods,
                                         std::int32_t replicas);

// ---- look-ups (rollout.md §3.6) ----
// The current step, nullopt when there are no steps or the index is past the end. An absent index
// counts as 0.
[[nodiscard]] std::optional<std::size_t> current_step(const api::CanaryStrategy& canary,
                                                      const std::optional<std::int32_t>& index);
[[nodiscard]] const api::Step* current_step_of(const api::CanaryStrategy& canary,
                                               const std::optional<std::int32_t>& index);
// The weight that the steps ask for (rollout.md W0). `aborted` is the stored status.abort.
[[nodiscard]] std::int32_t current_set_weight(const api::CanaryStrategy& canary,
                                              const std::optional<std::int32_t>& index,
                                              bool aborted);
// The nearest setWeight at an index before the current one, else 0 (rollout.md §3.11 case 6).
[[nodiscard]] std::int32_t previous_set_weight(const api::CanaryStrategy& canary,
                                               const std::optional<std::int32_t>& index);
// The setCanaryScale in force, nullptr when none.
[[nodiscard]] const api::SetCanaryScale* scale_override(const api::CanaryStrategy& canary,
                                                        const std::optional<std::int32_t>& index,
                                                        bool aborted);
// Step-down weight. `stable_only` leaves the canary's availability out (k = e): true when the
// canary keeps its size during the abort, so that the abort cannot dead-lock at the smallest step.
[[nodiscard]] std::int32_t step_down_weight(const api::CanaryStrategy& canary,
                                            std::int32_t replicas, std::int32_t stable_available,
                                            std::int32_t canary_available, bool stable_only);

// What sizing and weights read of a canary Rollout's stored state; filled once per pass.
struct CanaryState {
  const api::CanaryStrategy* strategy = nullptr;  // not owned, never null when used
  std::int32_t replicas = 1;                      // N
  std::optional<std::int32_t> step_index;         // status.currentStepIndex
  bool abort = false;                             // stored status.abort
  bool promote_full = false;                      // status.promoteFull
  bool has_stable = false;                        // status.stableRS is not empty
  bool fully_promoted = false;                    // status.stableRS == status.currentPodHash
  std::optional<Pods> canary, stable;             // newRS, stableRS (equal when fully promoted)
};
[[nodiscard]] CanaryState canary_state(const api::Rollout& rollout, const kube::ReplicaSet* new_rs,
                                       const kube::ReplicaSet* stable_rs);

// The weight that sizes are computed from (rollout.md W1).
[[nodiscard]] std::int32_t sizing_weight(const CanaryState& state);
// "Target for sizing": a fixed count, or a weight.
struct SizeTarget {
  std::optional<std::int32_t> replicas;
  std::int32_t weight = 0;
  bool operator==(const SizeTarget&) const = default;
};
[[nodiscard]] SizeTarget size_target(const CanaryState& state);

struct RoutedScale {
  const CanaryState* state = nullptr;  // not owned
  // Sizing stableRS: the weights persisted before this pass. Sizing newRS and step completion: the
  // ones just set. "May I raise the weight": none.
  std::optional<api::TrafficWeights> weights;
  // Lower bound of stable with dynamicStableScale. 1 while a router needs a pod of stable and the
  // stable Service still selects the old ReplicaSet (traffic.md NGX-8); all replicas while a canary
  // that this version replaces has users, who can only go to stable. Else 0.
  std::int32_t stable_floor = 0;
};
[[nodiscard]] Counts routed_scale(const RoutedScale& in);

// ---- at desired counts (rollout.md §3.7) ----
[[nodiscard]] bool threshold_met(const std::optional<api::ReplicaProgressThreshold>& threshold,
                                 const std::optional<Pods>& set, std::int32_t desired);
struct AtDesired {
  Counts target;               // rollout.md §3.4 (basic_scale) or §3.5 (routed_scale)
  std::optional<Pods> canary;  // newRS
  std::optional<Pods> stable;  // nullopt when there is none or it is newRS
  std::optional<api::ReplicaProgressThreshold> threshold;
  bool routed = false, dynamic_stable = false;
  std::int32_t others_available = 0;  // Σ available of otherRSs
};
[[nodiscard]] bool at_desired(const AtDesired& in);

// ---- delay helper (rollout.md §3.9.1) ----
// `at` when it lies ahead and before now + resync; else nullopt (the resync covers it) (§2.7,
// §6.4).
[[nodiscard]] std::optional<WallTime> wake_before_resync(WallTime at, WallTime now, Seconds resync);

inline constexpr std::int32_t kUnlimitedRevisions = 2147483647;
struct DelayPolicy {
  std::int32_t delay_seconds = 30;                    // D
  std::int32_t revision_limit = kUnlimitedRevisions;  // L
  Seconds resync{900};
};
// Defaults: 30 s with traffic routing and for blue/green, 0 for a basic canary.
[[nodiscard]] DelayPolicy delay_policy(const api::RolloutSpec& spec, Seconds resync);

struct DelayDecision {
  std::int32_t size = 0;                 // the size to write
  std::optional<WallTime> add_deadline;  // whole seconds; write it as kScaleDownDeadlineAnnotation
  std::optional<WallTime> wake_at;
};
// One old ReplicaSet, in processing order (newest revision first). `holders` counts those that hold
// a deadline and is carried from call to call. `deadline` is the annotation's text. `keep_size`:
// canary: its current size, blue/green: N.
[[nodiscard]] DelayDecision delay_scale_down(const std::optional<std::string>& deadline,
                                             std::int32_t current_size, std::int32_t keep_size,
                                             std::int32_t& holders, const DelayPolicy& policy,
                                             WallTime now);

// ---- other ReplicaSets (rollout.md §3.8, §4.4) ----
struct OtherSet {
  Pods pods;
  std::int64_t revision = 0;
  bool referenced = false;              // rollout.md §3.8 "Referenced"
  std::optional<std::string> deadline;  // annotation text
};
struct OtherDecision {
  std::size_t index = 0;  // into the list given
  std::int32_t size = 0;
  std::optional<WallTime> add_deadline;
};
struct OthersPlan {
  std::vector<OtherDecision> decisions;  // only sets that get another size or a deadline
  bool scaled = false;                   // "something scaled" ends the canary pass
  std::optional<WallTime> wake_at;
};
struct CanaryOthers {
  std::int32_t replicas = 0, unavailable = 0;  // N, U
  std::int32_t available_total = 0;            // Σ available of all ReplicaSets
  bool routed = false, dynamic_stable = false, fully_promoted = false;
  DelayPolicy delay;
};
[[nodiscard]] OthersPlan scale_canary_others(const CanaryOthers& in,
                                             const std::vector<OtherSet>& sets, WallTime now);
// Blue/green: no budget, no unhealthy clean-up. The caller has checked the two "nothing while"
// rules of rollout.md §4.4.
[[nodiscard]] OthersPlan scale_blue_green_others(std::int32_t replicas, const DelayPolicy& policy,
                                                 const std::vector<OtherSet>& sets, WallTime now);

// ---- abort hold (rollout.md §3.9.2) ----
struct AbortHoldInput {
  bool aborted = false;  // this pass's view
  bool stable_exists = false;
  bool basic_canary = false, dynamic_stable = false;
  std::optional<std::int32_t> configured_delay;  // abortScaleDownDelaySeconds as written
  bool scale_override = false;                   // a setCanaryScale is in force
  std::int32_t replicas = 0, stable_available = 0;
  std::optional<std::string> deadline;  // newRS's annotation
  Seconds resync{900};
};
[[nodiscard]] bool abort_hold_in_force(const AbortHoldInput& in);
struct AbortHold {
  enum class Kind {
    UseTarget,  // size newRS by rollout.md §3.4/§3.5/§4.2
    Hold,       // keep its size; desired-replicas is synced
    Stamp,      // keep its size, sync desired-replicas, then write `deadline`
    ScaleToZero,
  };
  Kind kind = Kind::UseTarget;
  std::optional<WallTime> deadline;  // Stamp: whole seconds
  std::optional<WallTime> wake_at;
};
[[nodiscard]] AbortHold abort_hold(const AbortHoldInput& in, WallTime now);

// ---- blue/green (rollout.md §4.2, §4.3, §4.5) ----
struct PreviewSize {
  std::int32_t replicas = 0;                     // N
  std::optional<std::int32_t> preview_replicas;  // previewReplicaCount
  bool active_known = false, active_is_new = false;
  bool promote_full = false;
  bool new_hash_recorded = false;  // hash(newRS) == status.currentPodHash
  bool paused = false;             // spec.paused or any pause condition
  bool check_point = false;        // status.blueGreen.scaleUpPreviewCheckPoint
};
[[nodiscard]] std::int32_t preview_size(const PreviewSize& in);
// "Ready" of rollout.md §4.3.
[[nodiscard]] bool preview_ready(const std::optional<Pods>& new_rs, std::int32_t size);
// "Saturated" of rollout.md §4.5; `desired_annotation` is the text of kDesiredReplicasAnnotation.
[[nodiscard]] bool saturated(const std::optional<Pods>& set, std::string_view desired_annotation,
                             std::int32_t replicas);

// ---- Services (rollout.md §3.10) ----
// May a Service be switched to this ReplicaSet? `managed`: it already carries the managed-by
// annotation.
[[nodiscard]] bool may_select(const Pods& set, bool managed);

}  // namespace sluice::rollout
