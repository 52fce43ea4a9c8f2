#pragma once
// The view of `get rollout`: header block, tree, and why analysis failed (clients.md §1.7). Pure.
#include <string>

#include "base/time.h"
#include "cli/objects.h"
#include "cli/text.h"

namespace sluice::cli {

[[nodiscard]] std::string rollout_text(const Objects& objects, WallTime now, const Painter& paint);

// The parts.
[[nodiscard]] std::string header_text(const Objects& objects, WallTime now, const Painter& paint);
[[nodiscard]] std::string tree_text(const Objects& objects, WallTime now, const Painter& paint);
// What the Rollout waits for and what comes next; "" when it is at rest.
[[nodiscard]] std::string outlook_text(const Objects& objects, WallTime now);
// Metric, value, condition and query of each run of the present revision that ended badly, and why
// a Rollout is refused where its message does not tell; "" when there is nothing to say.
[[nodiscard]] std::string findings_text(const Objects& objects, WallTime now, const Painter& paint);

// What a ReplicaSet is for its Rollout.
struct Roles {
  bool canary = false, stable = false, active = false, preview = false, ping = false, pong = false;
};
[[nodiscard]] Roles roles_of(const api::Rollout& rollout, const SetInfo& set);
[[nodiscard]] std::string set_status(const SetInfo& set);

// "%-17s" of a header line, without blanks at the end.
[[nodiscard]] std::string header_line(std::string_view key, std::string_view value);

}  // namespace sluice::cli
