#include "analysis/templates.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace sluice::analysis {

namespace {

using Scoped = std::pair<bool, std::string>;  // cluster?, name

constexpr std::size_t kTemplateNestingMax = 100;

std::string_view kind_of(bool cluster) {
  return cluster ? "ClusterAnalysisTemplate" : "AnalysisTemplate";
}

class Collector {
 public:
  explicit Collector(const TemplateSource& source) : source_(source) {}

  // False once failure() says why.
  bool visit(const std::vector<api::TemplateRef>& refs, bool nested) {
    return std::all_of(refs.begin(), refs.end(),
                       [&](const auto& ref) { return visit_one(ref, nested); });
  }
  [[nodiscard]] std::vector<FoundTemplate> take() {
    for (FoundTemplate& found : cluster_) namespaced_.push_back(std::move(found));
    return std::move(namespaced_);
  }
  [[nodiscard]] LookupFailure failure() const { return failure_; }

 private:
  bool visit_one(const api::TemplateRef& ref, bool nested) {
    const Scoped id{ref.cluster_scope.value_or(false), ref.template_name};
    failure_ = LookupFailure{LookupFailure::Kind::NotFound, id.second, id.first, nested, ""};
    if (auto start = std::find(path_.begin(), path_.end(), id); start != path_.end()) {
      failure_.kind = LookupFailure::Kind::Cycle;
      for (; start != path_.end(); ++start) failure_.detail += start->second + " -> ";
      failure_.detail += id.second;
      return false;
    }
    if (!seen_.insert(id).second) return true;
    if (path_.size() >= kTemplateNestingMax) {
      failure_.kind = LookupFailure::Kind::Malformed;
      failure_.detail = fmt::format("references are nested deeper than {} levels",
                                    kTemplateNestingMax);
      return false;
    }
    const TemplateMap& map = id.first ? source_.cluster : source_.namespaced;
    auto found = map.find(id.second);
    if (found == map.end() || !found->second) return false;
    if (found->second->decode_error) {
      failure_.kind = LookupFailure::Kind::Malformed;
      failure_.detail = found->second->decode_error->message;
      return false;
    }
    (id.first ? cluster_ : namespaced_).push_back({found->second, id.first});
    path_.push_back(id);
    const bool sound = visit(found->second->spec.templates, true);
    path_.pop_back();
    return sound;
  }

  const TemplateSource& source_;
  std::vector<FoundTemplate> namespaced_, cluster_;
  std::set<Scoped> seen_;
  std::vector<Scoped> path_;
  LookupFailure failure_;
};

// A later definition replaces one without a value, and must not contradict one that has a value.
Status merge_argument(std::vector<api::Argument>& args, const api::Argument& incoming) {
  auto known = std::find_if(args.begin(), args.end(),
                            [&](const auto& a) { return a.name == incoming.name; });
  if (known == args.end()) {
    args.push_back(incoming);
    return {};
  }
  if (!known->value) {
    *known = incoming;
    return {};
  }
  if (incoming.value && *incoming.value != *known->value) {
    return fail(
        ErrorCode::Invalid,
        fmt::format("Argument `{}` specified multiple times with different values: '{}', '{}'",
                    incoming.name, *known->value, *incoming.value));
  }
  return {};
}

template <class Rule>
Result<std::vector<Rule>> join_rule_lists(std::vector<Rule> first, const std::vector<Rule>& second,
                                          std::string_view what) {
  first.insert(first.end(), second.begin(), second.end());
  std::set<std::string> names;
  for (const Rule& rule : first) {
    if (!names.insert(rule.metric_name).second)
      return fail(ErrorCode::Invalid, fmt::format("two {} metric rules have the same name '{}'",
                                                  what, rule.metric_name));
  }
  return first;
}

}  // namespace

std::string LookupFailure::create_text() const {
  switch (kind) {
    case Kind::NotFound:
      return fmt::format("{}.argoproj.io \"{}\" not found",
                         cluster ? "clusteranalysistemplate" : "analysistemplate", name);
    case Kind::Malformed:
    case Kind::Cycle:
      break;
  }
  return validation_text();
}

std::string LookupFailure::validation_text() const {
  switch (kind) {
    case Kind::NotFound:
      return fmt::format("{} '{}' not found", kind_of(cluster), name);
    case Kind::Malformed:
      return fmt::format("{} '{}' is malformed: {}", kind_of(cluster), name, detail);
    case Kind::Cycle:
      break;
  }
  return fmt::format("{} '{}' refers to itself: {}", kind_of(cluster), name, detail);
}

tl::expected<std::vector<FoundTemplate>, LookupFailure> collect_templates(
    const std::vector<api::TemplateRef>& refs, const TemplateSource& source) {
  Collector collector(source);
  if (!collector.visit(refs, false)) return tl::unexpected<LookupFailure>(collector.failure());
  return collector.take();
}

Result<Flattened> flatten(const std::vector<FoundTemplate>& templates) {
  Flattened out;
  std::map<std::string, std::string> metric_sources;
  for (const FoundTemplate& found : templates) {
    const std::string& source = found.object->meta.key.name;
    for (const api::Metric& metric : found.object->spec.metrics) {
      auto [known, fresh] = metric_sources.emplace(metric.name, source);
      if (!fresh) {
        std::string text = fmt::format("two metrics have the same name '{}'", metric.name);
        if (known->second != source)
          text += fmt::format(" (templates '{}' and '{}')", known->second, source);
        return fail(ErrorCode::Invalid, std::move(text));
      }
      out.metrics.push_back(metric);
    }
    for (const api::Argument& arg : found.object->spec.args)
      SLUICE_CHECK_OK(merge_argument(out.args, arg));
    SLUICE_TRY(out.dry_run, join_rules(std::move(out.dry_run), found.object->spec.dry_run));
    SLUICE_TRY(out.measurement_retention, join_rules(std::move(out.measurement_retention),
                                                     found.object->spec.measurement_retention));
  }
  return out;
}

Result<std::vector<api::DryRun>> join_rules(std::vector<api::DryRun> first,
                                            const std::vector<api::DryRun>& second) {
  return join_rule_lists(std::move(first), second, "Dry-Run");
}

Result<std::vector<api::MeasurementRetention>> join_rules(
    std::vector<api::MeasurementRetention> first,
    const std::vector<api::MeasurementRetention>& second) {
  return join_rule_lists(std::move(first), second, "Measurement Retention");
}

}  // namespace sluice::analysis
