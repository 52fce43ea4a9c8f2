#pragma once
// From a command line to an exit code: parse, connect, run, report.
#include <string>
#include <vector>

#include "cli/environment.h"

namespace sluice::cli {

// 0 on success, 1 for every failure (clients.md §1.1).
[[nodiscard]] int run(Environment& env, const std::string& program,
                      const std::vector<std::string>& args);

// The text of `version`.
[[nodiscard]] std::string version_text(const std::string& program, bool brief);

}  // namespace sluice::cli
