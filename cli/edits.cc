#include "cli/edits.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::cli {
namespace {

constexpr const char* kUnpause = R"({"spec":{"paused":false}})";
constexpr const char* kUnpauseAndResume =
    R"({"spec":{"paused":false},"status":{"pauseConditions":null}})";

Edit status_edit(std::string body) {
  return {body, body, {}};
}

// The index that a client may move to from the stored one.
std::size_t next_index(const api::Rollout& rollout) {
  const auto stored =
      static_cast<std::size_t>(std::max(rollout.status.current_step_index.value_or(0), 0));
  return std::min(stored + 1, rollout.spec.canary->steps.size());
}

Result<Edit> skip_edit(const api::Rollout& rollout, const Options& options) {
  if (rollout.spec.blue_green)
    return fail(ErrorCode::Invalid,
                "Cannot skip steps of a bluegreen rollout. Run without a flags");
  if (!rollout.spec.canary || rollout.spec.canary->steps.empty())
    return fail(ErrorCode::Invalid, "Cannot skip steps of a rollout without steps");
  const std::size_t index =
      options.skip_all_steps ? rollout.spec.canary->steps.size() : next_index(rollout);
  return status_edit(fmt::format(R"({{"status":{{"currentStepIndex":{}}}}})", index));
}

Edit full_edit(const api::Rollout& rollout) {
  if (rollout.status.current_pod_hash == rollout.status.stable_rs) return {};
  return {R"({"status":{"promoteFull":true}})",
          R"({"spec":{"paused":false},"status":{"promoteFull":true}})",
          {}};
}

bool waits_for_a_verdict(const api::Rollout& rollout) {
  const auto& run = rollout.status.canary.step_run;
  return rollout.spec.canary && run && run->phase == api::AnalysisPhase::Inconclusive &&
         rollout.status.controller_pause;
}

Edit next_edit(const api::Rollout& rollout) {
  const bool has_steps = rollout.spec.canary && !rollout.spec.canary->steps.empty();
  if (!rollout.status.pause_conditions.empty()) {
    if (has_steps && waits_for_a_verdict(rollout)) {
      return {
          fmt::format(
              R"({{"status":{{"pauseConditions":null,"controllerPause":false,)"
              R"("currentStepIndex":{}}}}})",
              next_index(rollout)),
          kUnpauseAndResume,
          {}};
    }
    // At a pause step the controller goes on by itself once the condition is gone.
    return {R"({"status":{"pauseConditions":null}})", kUnpauseAndResume, {}};
  }
  if (!has_steps) return {};
  const std::size_t index = next_index(rollout);
  return {
      fmt::format(R"({{"status":{{"pauseConditions":null,"currentStepIndex":{}}}}})", index),
      fmt::format(
          R"({{"spec":{{"paused":false}},"status":{{"pauseConditions":null,)"
          R"("currentStepIndex":{}}}}})",
          index),
      {}};
}

}  // namespace

Edit abort_edit() {
  return status_edit(R"({"status":{"abort":true}})");
}
Edit retry_edit() {
  return status_edit(R"({"status":{"abort":false}})");
}
Edit pause_edit() {
  return {{}, {}, R"({"spec":{"paused":true}})"};
}

Result<Edit> restart_edit(const std::string& in, WallTime now) {
  WallTime at = now;
  if (!in.empty()) {
    const auto delay = parse_go_duration(in);
    if (!delay) return fail(ErrorCode::Invalid, fmt::format("invalid duration \"{}\"", in));
    at += std::chrono::duration_cast<Micros>(*delay);
  }
  return Edit{{}, {}, fmt::format(R"({{"spec":{{"restartAt":"{}"}}}})", format_rfc3339(at))};
}

Status check_promote_flags(const Options& options) {
  if (options.skip_current_step && options.skip_all_steps)
    return fail(ErrorCode::Invalid,
                "Cannot use skip-current-step and skip-all-steps flags at the same time");
  return {};
}

Result<Edit> promote_edit(const api::Rollout& rollout, const Options& options) {
  SLUICE_CHECK_OK(check_promote_flags(options));
  if (options.skip_current_step || options.skip_all_steps) return skip_edit(rollout, options);
  Edit edit = options.full ? full_edit(rollout) : next_edit(rollout);
  if (rollout.spec.paused) edit.spec = kUnpause;
  return edit;
}

}  // namespace sluice::cli
