#pragma once
// Shell completion: scripts that ask `PROGRAM __complete WORDS…`, and the answer to that
// (clients.md §1.13).
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::cli {

// For bash, zsh, fish or powershell. Errors: Invalid.
[[nodiscard]] Result<std::string> completion_script(const std::string& shell,
                                                    const std::string& program);

// What may stand where the last word of `words` (possibly "") is being typed.
struct Candidates {
  std::vector<std::string> words;
  bool rollout_names = false;  // names of Rollouts belong here, too
};
[[nodiscard]] Candidates candidates(const std::vector<std::string>& words);

}  // namespace sluice::cli
