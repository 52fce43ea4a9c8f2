#pragma once
// Secrets of a run's arguments and of its providers (analysis.md §5.6).
#include <map>
#include <string>
#include <vector>

#include "api/analysis.h"
#include "base/result.h"
#include "base/strings.h"

namespace sluice::analysisrun {

struct SecretReading {
  StringMap values;                 // "name/key" → value
  std::vector<std::string> unread;  // not asked for yet
  std::string absent;               // a Secret or key does not exist: ends the run
  std::string
      unreadable;  // it could not be read: an error of the measurement, which is tried again
};

// One key of a Secret as the API server answered it. With `need_label` only of one that was marked
// for this by somebody who may write Secrets. Errors: Decode, NotFound (no such key), Invalid (no
// label).
[[nodiscard]] Result<std::string> secret_value(std::string_view body, const std::string& name,
                                               const std::string& key, bool need_label);

[[nodiscard]] SecretReading read_secrets(const std::vector<std::string>& references,
                                         std::string_view run_namespace,
                                         const std::map<std::string, Result<std::string>>& secrets);

}  // namespace sluice::analysisrun
