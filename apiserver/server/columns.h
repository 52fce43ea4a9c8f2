#pragma once
// Columns and cells of Tables: printer columns of CRDs, our own choice for built-in kinds.
#include <vector>

#include "apiserver/server/registry.h"
#include "base/time.h"
#include "kube/json/json_fwd.h"

namespace sluice::apiserver::server {

struct ColumnSet {
  std::vector<Column> columns;
  [[nodiscard]] Json cells(const Json& object, WallTime now) const;
};
[[nodiscard]] ColumnSet columns_for(const ResourceDef& def, const Version& version);

// "2m5s", "3h", "12d": the age notation of kubectl.
[[nodiscard]] std::string human_duration(Seconds seconds);

}  // namespace sluice::apiserver::server
