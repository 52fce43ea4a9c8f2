#pragma once
#include <map>
#include <memory>
#include <string>

#include "api/analysis.h"

namespace sluice::analysis {

using TemplateMap = std::map<std::string, std::shared_ptr<const api::AnalysisTemplate>>;

// The templates a Rollout may refer to, by name. Held by reference: keep the maps alive during the
// call.
struct TemplateSource {
  const TemplateMap& namespaced;  // of the Rollout's namespace
  const TemplateMap& cluster;
};

}  // namespace sluice::analysis
