#include "cli/workload.h"

#include <fmt/format.h>

#include "api/resources.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::cli {
namespace {

constexpr kube::ResourceType kPodTemplates{"", "v1", "podtemplates", "PodTemplate", true, false};

struct Row {
  const kube::ResourceType* type;
  const char* pointer;
};
constexpr Row kRows[] = {
    {&kube::kDeployments, "/spec/template"},
    {&kube::kReplicaSets, "/spec/template"},
    {&kPodTemplates, "/template"},
};

}  // namespace

Result<TemplateHome> template_home(const api::Rollout& rollout) {
  if (rollout.spec.workload_ref_json.empty())
    return TemplateHome{api::kRollouts, rollout.meta.key.name, "/spec/template", true};
  SLUICE_TRY(const kube::Json ref, kube::parse_json(rollout.spec.workload_ref_json));
  const std::string kind = kube::get_string(ref, "kind"), name = kube::get_string(ref, "name");
  const std::string api_version = kube::get_string(ref, "apiVersion");
  const auto slash = api_version.find('/');
  const std::string group = slash == std::string::npos ? "" : api_version.substr(0, slash);
  for (const auto& row : kRows) {
    if (row.type->kind != kind || row.type->group != group) continue;
    if (name.empty())
      return fail(
          ErrorCode::Invalid,
          fmt::format("rollout \"{}\": spec.workloadRef.name is missing", rollout.meta.key.name));
    return TemplateHome{*row.type, name, row.pointer, false};
  }
  return fail(ErrorCode::Invalid, fmt::format("workload of type {} is not supported",
                                              group.empty() ? kind : group + "/" + kind));
}

}  // namespace sluice::cli
