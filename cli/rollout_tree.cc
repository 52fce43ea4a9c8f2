#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/keys.h"
#include "cli/rollout_view.h"
#include "cli/summary.h"

namespace sluice::cli {
namespace {

// One line and what hangs below it.
struct Branch {
  std::string_view sign;  // "⧉"
  std::string name;
  Colour name_colour = Colour::None;
  std::string kind, status;
  Icon icon;
  std::string age, info;
  std::vector<Branch> children;
};

class TreeBuilder {
 public:
  TreeBuilder(const Objects& objects, WallTime now) : objects_(objects), now_(now) {}

  Branch root() const {
    const auto& rollout = objects_.rollout;
    const std::string phase = summarise(rollout, now_).phase.phase;
    Branch out{"⟳",   rollout.meta.key.name, Colour::None,      "Rollout",
               phase, rollout_icon(phase),   age(rollout.meta), "",
               {}};
    for (const auto revision : revisions()) out.children.push_back(revision_branch(revision));
    return out;
  }

 private:
  std::string age(const kube::Meta& meta) const { return age_text(meta.created_at, now_); }
  const std::string& uid() const { return objects_.rollout.meta.uid; }

  std::set<std::int64_t, std::greater<>> revisions() const {
    std::set<std::int64_t, std::greater<>> out;
    const auto note = [&](const auto& list) {
      for (const auto& item : list)
        if (is_owned_by(item.meta, uid())) out.insert(revision_of(item.meta));
    };
    note(objects_.sets);
    note(objects_.experiments);
    note(objects_.runs);
    return out;
  }

  Branch revision_branch(std::int64_t revision) const {
    Branch out{
        "#", fmt::format("revision:{}", revision), Colour::None, "", "", {"", Colour::None}, "", "",
        {}};
    add_sets(out, uid(), revision);
    for (const auto* experiment : oldest_first(objects_.experiments, uid(), revision))
      out.children.push_back(experiment_branch(*experiment));
    add_runs(out, uid(), revision);
    return out;
  }

  // By creation; of the same second by name, downwards.
  template <class T>
  static std::vector<const T*> oldest_first(const std::vector<T>& list, const std::string& owner,
                                            std::optional<std::int64_t> revision) {
    std::vector<const T*> out;
    for (const auto& item : list)
      if (is_owned_by(item.meta, owner) && (!revision || revision_of(item.meta) == *revision))
        out.push_back(&item);
    std::sort(out.begin(), out.end(), [](const T* a, const T* b) {
      if (a->meta.created_at != b->meta.created_at) return a->meta.created_at < b->meta.created_at;
      return a->meta.key.name > b->meta.key.name;
    });
    return out;
  }

  void add_sets(Branch& out, const std::string& owner, std::optional<std::int64_t> revision) const {
    std::vector<const SetInfo*> sets;
    for (const auto& set : objects_.sets)
      if (is_owned_by(set.meta, owner) && (!revision || revision_of(set.meta) == *revision))
        sets.push_back(&set);
    std::sort(sets.begin(), sets.end(),
              [](const auto* a, const auto* b) { return a->meta.key.name < b->meta.key.name; });
    for (const auto* set : sets) out.children.push_back(set_branch(*set));
  }

  void add_runs(Branch& out, const std::string& owner, std::optional<std::int64_t> revision) const {
    for (const auto* run : oldest_first(objects_.runs, owner, revision))
      out.children.push_back(run_branch(*run));
  }

  std::string set_info(const SetInfo& set, const Roles& roles) const {
    std::vector<std::string> parts;
    if (roles.stable) parts.emplace_back("stable");
    if (roles.canary) parts.emplace_back("canary");
    if (roles.active) parts.emplace_back("active");
    if (roles.preview) parts.emplace_back("preview");
    if (roles.ping) parts.emplace_back("ping");
    if (roles.pong) parts.emplace_back("pong");
    const auto* text = find_or_null(set.meta.annotations, api::kScaleDownDeadlineAnnotation);
    if (const auto deadline = parse_rfc3339(text == nullptr ? "" : *text))
      parts.push_back(*deadline > now_ ? "delay:" + human_duration(*deadline - now_)
                                       : "delay:passed");
    return join(parts, ",");
  }

  Branch set_branch(const SetInfo& set) const {
    const Roles roles = is_owned_by(set.meta, uid()) ? roles_of(objects_.rollout, set) : Roles{};
    Colour colour = Colour::None;
    if (roles.canary)
      colour = Colour::Yellow;
    else if (roles.stable || roles.active)
      colour = Colour::Green;
    else if (roles.preview || roles.ping || roles.pong)
      colour = Colour::BrightBlue;
    const std::string status = set_status(set);
    Branch out{"⧉",    set.meta.key.name,        colour,        "ReplicaSet",
               status, replica_set_icon(status), age(set.meta), set_info(set, roles),
               {}};
    std::vector<const PodInfo*> pods;
    for (const auto& pod : objects_.pods)
      if (is_owned_by(pod.meta, set.meta.uid)) pods.push_back(&pod);
    std::sort(pods.begin(), pods.end(), [](const auto* a, const auto* b) {
      if (a->meta.created_at != b->meta.created_at) return a->meta.created_at < b->meta.created_at;
      return a->meta.key.name < b->meta.key.name;
    });
    for (const auto* pod : pods) out.children.push_back(pod_branch(*pod));
    return out;
  }

  Branch pod_branch(const PodInfo& pod) const {
    std::string info = fmt::format("ready:{}/{}", pod.state.ready, pod.state.total);
    if (pod.state.restarts > 0) info += fmt::format(",restarts:{}", pod.state.restarts);
    return {"□",           pod.meta.key.name, Colour::None,
            "Pod",         pod.state.reason,  pod_icon(pod.state.reason),
            age(pod.meta), std::move(info),   {}};
  }

  static Colour active_colour(std::string_view phase) {
    return phase == "Pending" || phase == "Running" ? Colour::BrightBlue : Colour::None;
  }

  Branch experiment_branch(const ExperimentInfo& experiment) const {
    Branch out{"Σ",
               experiment.meta.key.name,
               active_colour(experiment.phase),
               "Experiment",
               experiment.phase,
               run_icon(experiment.phase),
               age(experiment.meta),
               "",
               {}};
    add_sets(out, experiment.meta.uid, std::nullopt);
    add_runs(out, experiment.meta.uid, std::nullopt);
    return out;
  }

  static std::string run_info(const api::AnalysisRun& run) {
    std::int64_t successful = 0, failed = 0, inconclusive = 0, error = 0;
    for (const auto& result : run.status.metric_results) {
      successful += result.successful;
      failed += result.failed;
      inconclusive += result.inconclusive;
      error += result.error;
    }
    std::vector<std::string> parts;
    const auto add = [&](std::string_view sign, std::int64_t count) {
      if (count > 0) parts.push_back(fmt::format("{} {}", sign, count));
    };
    add("✔", successful);
    add("✖", failed);
    add("?", inconclusive);
    add("⚠", error);
    return join(parts, ",");
  }

  Branch run_branch(const api::AnalysisRun& run) const {
    const std::string phase(api::to_string(run.status.phase));
    Branch out{"α",   run.meta.key.name, active_colour(phase), "AnalysisRun",
               phase, run_icon(phase),   age(run.meta),        run_info(run),
               {}};
    for (const auto& result : run.status.metric_results) {
      for (const auto& measurement : result.measurements) {
        const auto* job = find_or_null(measurement.metadata, "job-name");
        if (job == nullptr) continue;
        const std::string job_phase(api::to_string(measurement.phase));
        out.children.push_back({"⊞",
                                *job,
                                active_colour(job_phase),
                                "Job",
                                job_phase,
                                run_icon(job_phase),
                                age_text(measurement.started_at, now_),
                                "",
                                {}});
      }
    }
    return out;
  }

  const Objects& objects_;
  WallTime now_;
};

void add_rows(const Branch& branch, const std::string& lead, const std::string& below,
              const Painter& paint, std::vector<std::vector<std::string>>& rows) {
  std::string status;
  if (!branch.kind.empty())
    status = fmt::format("{} {}", paint(branch.icon.colour, branch.icon.sign), branch.status);
  const std::string name = paint(branch.name_colour, branch.name);
  rows.push_back(
      {lead + std::string(branch.sign) + " " + name, branch.kind, status, branch.age, branch.info});
  for (std::size_t i = 0; i < branch.children.size(); ++i) {
    const bool last = i + 1 == branch.children.size();
    add_rows(branch.children[i], below + (last ? "└──" : "├──"), below + (last ? "   " : "│  "),
             paint, rows);
  }
}

}  // namespace

std::string set_status(const SetInfo& info) {
  const auto& set = info.set;
  if (set.meta.generation > set.observed_generation) return "Progressing";
  for (const auto& condition : set.conditions)
    if (condition.type == "ReplicaFailure" && condition.status == "True") return "ReplicaFailure";
  if (set.available_replicas < set.replicas) return "Progressing";
  return set.replicas == 0 ? "ScaledDown" : "Healthy";
}

std::string tree_text(const Objects& objects, WallTime now, const Painter& paint) {
  std::vector<std::vector<std::string>> rows{{"NAME", "KIND", "STATUS", "AGE", "INFO"}};
  add_rows(TreeBuilder(objects, now).root(), "", "", paint, rows);
  std::vector<std::size_t> widths;
  return table_text(rows, widths);
}

}  // namespace sluice::cli
