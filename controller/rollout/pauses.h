#pragma once
// Pauses and the abort flag (rollout.md §6.1, §6.2, §3.12, §4.3). Expiry is strict: now > startTime
// + seconds, with a startTime in whole seconds.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/rollout.h"
#include "base/time.h"

namespace sluice::rollout {

namespace pause {
inline constexpr std::string_view kCanaryStep = "CanaryPauseStep", kBlueGreen = "BlueGreenPause",
                                  kInconclusiveRun = "InconclusiveAnalysisRun",
                                  kInconclusiveExperiment = "InconclusiveExperiment";
}

[[nodiscard]] const api::PauseCondition* find_pause(const api::RolloutStatus& status,
                                                    std::string_view reason);
// The controller put the last pause there and somebody took it away (the marker lives one full
// pass).
[[nodiscard]] bool human_resumed(const api::RolloutStatus& status);

// What a pass asks for; stages add to it, the status calculation reads it.
struct PauseChanges {
  std::vector<std::string> added, removed;  // reasons
  bool clear = false;                       // spec change, promotion, promoteFull, window rollback
  bool add_abort = false, remove_abort = false;
  std::string abort_message;  // of the abort added

  void add(std::string_view reason);
  void remove(std::string_view reason);
  void abort(std::string message);  // the first message stays
  void drop_abort();
  [[nodiscard]] bool has_added(std::string_view reason) const;
};
// "aborted" of the vocabulary: false if this pass removed the abort; otherwise stored, or added in
// this pass.
[[nodiscard]] bool is_aborted(const api::RolloutStatus& stored, const PauseChanges& changes);
// Writes abort, abortedAt, pauseConditions and controllerPause of `next` (rollout.md §6.1). `now`
// is cut to whole seconds.
void apply_pauses(api::RolloutStatus& next, const api::RolloutStatus& stored,
                  const PauseChanges& changes, WallTime now);

// What keeps a canary ReplicaSet at its size (rollout.md §6.2).
enum class Halt { None, UserPaused, InconclusiveAnalysis };
[[nodiscard]] Halt halt_reason(const api::RolloutSpec& spec, const api::RolloutStatus& stored);
[[nodiscard]] std::string_view to_string(Halt halt);
// Canary ReplicaSet sizing is halted; spec.paused no longer counts once promoteFull is set
// (rollout.md §5.3, improved).
[[nodiscard]] bool sizing_halted(const api::RolloutSpec& spec, const api::RolloutStatus& stored);

// The pause step is complete (rollout.md §3.12). Does not look at spec.paused: the caller does, for
// every kind of step.
[[nodiscard]] bool canary_pause_complete(const api::PauseStep& step,
                                         const api::RolloutStatus& stored, WallTime now);

struct PauseDecision {
  bool add = false, remove = false;
  std::optional<WallTime> wake_at;  // the first instant at which the pause is over
};
// Whether to add, keep or end the pause of a step (rollout.md C12). `step` is the current step's
// pause.
[[nodiscard]] PauseDecision canary_pause(const api::PauseStep& step, const api::RolloutSpec& spec,
                                         const api::RolloutStatus& stored, WallTime now,
                                         Seconds resync);

struct BlueGreenPauseInput {
  const api::RolloutSpec* spec = nullptr;      // not owned
  const api::RolloutStatus* stored = nullptr;  // not owned
  bool ready = false;  // the preview may be judged (rollout.md §4.3)
  bool fast_tracked = false;  // fast rollback, promoteFull, active selector empty or already newRS
  bool pre_promotion_passed = false;  // Successful, or not configured
  bool added_now = false;             // BlueGreenPause was added in this pass
};
// Whether to add, keep or end the pause before the switch (rollout.md B7).
[[nodiscard]] PauseDecision blue_green_pause(const BlueGreenPauseInput& in, WallTime now,
                                             Seconds resync);
// "Pause complete" of rollout.md §4.3; a human resume counts in both modes (improved).
[[nodiscard]] bool blue_green_pause_complete(const BlueGreenPauseInput& in, WallTime now);
// scaleUpPreviewCheckPoint of the next status. `reset`: the pod hash changed, or the update was
// promoted.
[[nodiscard]] bool preview_check_point(const BlueGreenPauseInput& in, std::int32_t new_rs_available,
                                       bool reset, WallTime now);

// First instant strictly after start + seconds, in the controller's microseconds; saturates.
[[nodiscard]] WallTime pause_end(WallTime start, std::int64_t seconds);

}  // namespace sluice::rollout
