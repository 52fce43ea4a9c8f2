#pragma once
// Rows of `list rollouts` (clients.md §1.10). Pure.
#include <string>
#include <vector>

#include "api/rollout.h"
#include "base/time.h"
#include "cli/invocation.h"

namespace sluice::cli {

[[nodiscard]] std::vector<std::string> list_header(const Options& options);
[[nodiscard]] std::vector<std::size_t> list_widths(const Options& options);
// Without the time: two equal rows need not be printed twice.
[[nodiscard]] std::vector<std::string> list_row(const api::Rollout& rollout, WallTime now,
                                                const Options& options);
// The row as printed: with the time in front where it is asked for.
[[nodiscard]] std::vector<std::string> stamped(std::vector<std::string> row, WallTime now,
                                               const Options& options);

}  // namespace sluice::cli
