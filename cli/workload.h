#pragma once
// Where the pod template of a Rollout lies: in itself, or in the workload that it refers to
// (rollout.md §1.14). Pure.
#include <string>

#include "api/rollout.h"
#include "base/result.h"
#include "kube/model/meta.h"

namespace sluice::cli {

struct TemplateHome {
  kube::ResourceType type;
  std::string name;
  std::string pointer;  // JSON pointer of the pod template
  bool in_rollout = true;
};

// Errors: Invalid ("workload of type … is not supported").
[[nodiscard]] Result<TemplateHome> template_home(const api::Rollout& rollout);

}  // namespace sluice::cli
