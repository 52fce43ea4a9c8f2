#include "controller/rollout/references.h"

#include <algorithm>
#include <iterator>

#include "analysis/run_spec.h"
#include "controller/rollout/rollout.h"
#include "traffic/routers.h"
#include "traffic/services.h"

namespace sluice::rollout {
namespace {

struct ServiceRef {
  std::string path, name;
};

std::vector<ServiceRef> service_refs(const api::Rollout& rollout) {
  std::vector<ServiceRef> out;
  auto add = [&](const char* path, const std::string& name) {
    if (!name.empty()) out.push_back({path, name});
  };
  if (const auto& s = rollout.spec.blue_green) {
    add("spec.strategy.blueGreen.activeService", s->active_service);
    add("spec.strategy.blueGreen.previewService", s->preview_service);
  } else if (const auto& c = rollout.spec.canary) {
    add("spec.strategy.canary.stableService", c->stable_service);
    add("spec.strategy.canary.canaryService", c->canary_service);
  }
  return out;
}

// `missing` looks only for absence, otherwise absence is no problem.
std::optional<std::string> service_problem(const Observed& observed, bool missing) {
  const auto& rollout = *observed.rollout;
  for (const auto& ref : service_refs(rollout)) {
    const auto found = observed.services.find(ref.name);
    if ((found == observed.services.end()) != missing) continue;
    const traffic::ServiceReference reference{ref.path, ref.name,
                                              missing ? nullptr : found->second.get(),
                                              !observed.abandoned_services.contains(ref.name)};
    auto problem =
        traffic::service_problem(reference, rollout.meta.key.name, rollout.spec.template_labels);
    if (problem) return problem;
  }
  return std::nullopt;
}

std::vector<const api::RolloutAnalysis*> blocks(const api::Rollout& rollout) {
  std::vector<const api::RolloutAnalysis*> out;
  auto add = [&](const std::optional<api::RolloutAnalysis>& block) {
    if (block && block->configured()) out.push_back(&*block);
  };
  if (const auto& s = rollout.spec.blue_green) {
    add(s->pre_promotion_analysis);
    add(s->post_promotion_analysis);
  }
  if (const auto& c = rollout.spec.canary) {
    for (const auto& step : c->steps) add(step.analysis);
    add(c->analysis);
  }
  return out;
}

// `unfit` looks only for objects that do not fit, otherwise for all else.
std::optional<std::string> route_problem(const Observed& observed, bool unfit) {
  for (const auto* router : traffic::routers_of(*observed.rollout)) {
    auto problem = router->problem(*observed.rollout, observed.objects);
    if (problem && problem->unfit == unfit) return std::move(problem->text);
  }
  return std::nullopt;
}

void add_unique(std::vector<std::string>& list, const std::string& name) {
  if (!name.empty() && std::find(list.begin(), list.end(), name) == list.end())
    list.push_back(name);
}

}  // namespace

std::optional<std::string> check_references(const Observed& observed) {
  const auto& rollout = *observed.rollout;
  if (auto problem = service_problem(observed, true)) return problem;
  const analysis::TemplateSource templates{observed.analysis_templates,
                                           observed.cluster_analysis_templates};
  const auto template_problem = analysis::check_references(rollout, templates);
  // Existence of everything comes before the fitness of anything.
  if (template_problem && template_problem->find("not found") != std::string::npos)
    return template_problem;
  if (auto problem = route_problem(observed, false)) return problem;
  if (auto problem = service_problem(observed, false)) return problem;
  if (template_problem) return template_problem;
  return route_problem(observed, true);
}

std::optional<api::Unsupported> unsupported_template(const Observed& observed) {
  const analysis::TemplateSource source{observed.analysis_templates,
                                        observed.cluster_analysis_templates};
  for (const auto* block : blocks(*observed.rollout)) {
    const auto names = analysis::reachable_templates(*block, source);
    for (const auto& [list, map, kind] :
         {std::tuple{&names.namespaced, &observed.analysis_templates, "AnalysisTemplate"},
          std::tuple{&names.cluster, &observed.cluster_analysis_templates,
                     "ClusterAnalysisTemplate"}}) {
      for (const auto& name : *list) {
        const auto found = map->find(name);
        if (found == map->end()) continue;
        if (auto refused = api::unsupported(found->second->spec)) {
          refused->field = std::string(kind) + " " + name + ": " + refused->field;
          return refused;
        }
      }
    }
  }
  return std::nullopt;
}

References references(const api::Rollout& rollout) {
  References out;
  for (const auto& ref : service_refs(rollout)) add_unique(out.services, ref.name);
  for (const auto* router : traffic::routers_of(rollout)) {
    auto objects = router->objects(rollout);
    out.objects.insert(out.objects.end(), std::make_move_iterator(objects.begin()),
                       std::make_move_iterator(objects.end()));
  }
  for (const auto* block : blocks(rollout))
    for (const auto& ref : block->templates)
      add_unique(ref.cluster_scope.value_or(false) ? out.cluster_analysis_templates
                                                   : out.analysis_templates,
                 ref.template_name);
  return out;
}

bool refers_to_service(const api::Rollout& rollout, const std::string& service) {
  const auto refs = service_refs(rollout);
  return std::any_of(refs.begin(), refs.end(),
                     [&](const ServiceRef& ref) { return ref.name == service; });
}

std::vector<kube::Write> clean_service(const kube::Service& service, bool still_referenced) {
  if (still_referenced) return {};
  auto write = traffic::release_service(service);
  if (!write) return {};
  write->purpose = "CleanService";
  return {std::move(*write)};
}

}  // namespace sluice::rollout
