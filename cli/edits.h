#pragma once
// What the mutating commands send (clients.md §1.2, §1.3). Pure; bodies are exact to the byte.
#include <optional>
#include <string>

#include "api/rollout.h"
#include "base/result.h"
#include "cli/invocation.h"

namespace sluice::cli {

// JSON merge patches. A status body goes to /status; where the server answers 404 (an old CRD
// without the subresource) `unified` goes to the object itself. The spec body always follows. Empty
// = not sent.
struct Edit {
  std::string status, unified, spec;
};

[[nodiscard]] Edit abort_edit();
[[nodiscard]] Edit retry_edit();
[[nodiscard]] Edit pause_edit();
// `in` is a Go duration, "" = now. Errors: Invalid.
[[nodiscard]] Result<Edit> restart_edit(const std::string& in, WallTime now);

// Flags that exclude each other, to be checked before any request. Errors: Invalid.
[[nodiscard]] Status check_promote_flags(const Options& options);
// Errors: Invalid.
[[nodiscard]] Result<Edit> promote_edit(const api::Rollout& rollout, const Options& options);

}  // namespace sluice::cli
