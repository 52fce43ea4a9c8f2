#include "controller/rollout/runs.h"

#include <algorithm>

#include "analysis/run_spec.h"
#include "api/keys.h"
#include "api/resources.h"
#include "base/hash.h"
#include "base/strings.h"
#include "controller/rollout/routes.h"
#include "controller/rollout/services.h"
#include "controller/rollout/status.h"
#include "controller/rollout/verdict.h"
#include "kube/json/json.h"

namespace sluice::rollout {
namespace {

using api::AnalysisPhase;
using api::AnalysisRun;
using kube::Json;
using RunPtr = Ptr<AnalysisRun>;

constexpr std::size_t kNameMax = 253;

std::optional<api::RunStatusRef>& slot(api::RolloutStatus& status, RunKind kind) {
  switch (kind) {
    case RunKind::Step:
      return status.canary.step_run;
    case RunKind::Background:
      return status.canary.background_run;
    case RunKind::PrePromotion:
      return status.blue_green.pre_promotion_run;
    case RunKind::PostPromotion:
      return status.blue_green.post_promotion_run;
  }
  return status.canary.step_run;
}
const std::optional<api::RunStatusRef>& slot(const api::RolloutStatus& status, RunKind kind) {
  return slot(const_cast<api::RolloutStatus&>(status),
              kind);  // NOLINT: the same choice for a const object
}

bool applies(const Draft& draft, RunKind kind) {
  const bool canary_kind = kind == RunKind::Step || kind == RunKind::Background;
  return canary_kind ? draft.spec().canary.has_value() : draft.spec().blue_green.has_value();
}

std::optional<std::size_t> step_index(const Draft& draft) {
  if (!draft.spec().canary) return std::nullopt;
  return current_step(*draft.spec().canary, draft.stored.current_step_index);
}

// The analysis block in force for this kind; nullptr when none is configured.
const api::RolloutAnalysis* block_of(const Draft& draft, RunKind kind) {
  const std::optional<api::RolloutAnalysis>* block = nullptr;
  const auto& spec = draft.spec();
  switch (kind) {
    case RunKind::Step:
      if (const auto index = step_index(draft)) block = &spec.canary->steps[*index].analysis;
      break;
    case RunKind::Background:
      block = &spec.canary->analysis;
      break;
    case RunKind::PrePromotion:
      block = &spec.blue_green->pre_promotion_analysis;
      break;
    case RunKind::PostPromotion:
      block = &spec.blue_green->post_promotion_analysis;
      break;
  }
  return block && *block && (*block)->configured() ? &**block : nullptr;
}

std::string base_name(const Draft& draft, RunKind kind) {
  std::string name = draft.rollout().meta.key.name + "-" + draft.new_hash() + "-" +
                     get_or(draft.rollout().meta.annotations, api::kRevisionAnnotation);
  switch (kind) {
    case RunKind::Step:
      name += "-" + std::to_string(step_index(draft).value_or(0));
      break;
    case RunKind::Background:
      break;
    case RunKind::PrePromotion:
      name += "-pre";
      break;
    case RunKind::PostPromotion:
      name += "-post";
      break;
  }
  constexpr std::size_t kSuffixRoom = 8;  // ".1", ".2" …
  if (name.size() + kSuffixRoom > kNameMax) {
    const auto digest = safe_encode_decimal(fnv1a32(name));
    name = name.substr(0, kNameMax - kSuffixRoom - digest.size() - 1) + "-" + digest;
  }
  return name;
}

struct Newest {
  RunPtr run;
  std::int64_t suffix = -1;  // 0 = the bare name
};
// The youngest run of this base name: the bare one, or the one with the highest ".n".
Newest newest_of(const World& world, const std::string& base) {
  Newest out;
  for (const auto& run : world.runs) {
    const auto& name = run->meta.key.name;
    std::int64_t suffix = -1;
    if (name == base) suffix = 0;
    if (name.starts_with(base + "."))
      suffix = parse_int(std::string_view(name).substr(base.size() + 1)).value_or(-1);
    if (suffix > out.suffix) out = {run, suffix};
  }
  return out;
}

std::string mark_of(const AnalysisRun& run) {
  return get_or(run.meta.annotations, api::kAttemptAnnotation);
}

// Made for the attempt that status tells of, not for an earlier one with the same names.
bool of_this_attempt(const Draft& draft, const AnalysisRun& run) {
  const auto mark = attempt_mark(draft.stored);
  return !mark.empty() && mark_of(run) == mark;
}

// May the attempt under way go on with this unfinished run? One without a mark is the reference's,
// which ends all runs before it records the end of their attempt.
bool may_go_on_with(const Draft& draft, const AnalysisRun& run) {
  const auto mark = mark_of(run), ours = attempt_mark(draft.stored);
  return mark.empty() || ours.empty() || mark == ours;
}

bool human_or_retry(const Draft& draft) {
  return draft.stored.aborted_at.has_value() || human_resumed(draft.stored);
}

RunPtr find_run(const World& world, const std::string& name) {
  for (const auto& run : world.runs)
    if (run->meta.key.name == name) return run;
  return nullptr;
}

// What is being deleted gives no verdict, and another run takes its place.
RunPtr current_run(const Draft& draft, RunKind kind) {
  const auto& ref = slot(draft.next, kind);
  auto run = ref ? find_run(draft.world, ref->name) : nullptr;
  return run && !run->meta.deleted_at ? run : nullptr;
}

bool cancel_all(const Draft& draft) {
  const bool nothing_to_judge = draft.spec().canary && draft.replicas() == 0;
  return draft.fully_promoted() || draft.aborted() || draft.stored.promote_full ||
         draft.fast_rollback() || draft.stored.stable_rs.empty() || nothing_to_judge;
}

bool needs_new(const Draft& draft, const RunPtr& current) {
  if (!current) return true;
  if (human_resumed(draft.stored)) return current->status.phase == AnalysisPhase::Inconclusive;
  return draft.stored.aborted_at.has_value();
}

enum class Step { Keep, None, EndAndReport, EndAndDrop, Create, React };

Step evaluate_step(const Draft& draft, const RunPtr& current) {
  if (!draft.stored.pause_conditions.empty() || draft.stored.abort) return Step::Keep;
  const auto index = step_index(draft);
  const bool analysis_step = block_of(draft, RunKind::Step) != nullptr;
  if (!analysis_step) return Step::EndAndDrop;
  if (current &&
      get_or(current->meta.labels, api::kStepIndexLabel) != std::to_string(index.value_or(0)))
    return Step::Create;  // the earlier step's run is ended as one of the others
  return needs_new(draft, current) ? Step::Create : Step::React;
}

Step evaluate_background(const Draft& draft, const RunPtr& current) {
  const auto* block = block_of(draft, RunKind::Background);
  if (!block) return Step::EndAndDrop;
  if (draft.stored.current_pod_hash.empty()) return Step::None;
  if (block->starting_step && draft.stored.current_step_index.value_or(0) < *block->starting_step)
    return Step::None;
  if (find_pause(draft.stored, pause::kInconclusiveRun)) return Step::Keep;
  return needs_new(draft, current) ? Step::Create : Step::React;
}

bool preview_at_size(const Draft& draft) {
  const auto& count = draft.spec().blue_green->preview_replica_count;
  if (!count) return is_saturated(draft, draft.new_rs);
  return draft.new_rs && draft.new_rs->replicas == *count &&
         draft.new_rs->available_replicas == *count;
}

Step evaluate_promotion(const Draft& draft, RunKind kind, const RunPtr& current) {
  if (!block_of(draft, kind)) return Step::EndAndDrop;
  const auto hash = draft.new_hash();
  const auto& active = draft.stored.blue_green.active_selector;
  bool skip = hash.empty() || hash == draft.stored.stable_rs;
  if (kind == RunKind::PrePromotion) {
    skip = skip || active.empty() || active == hash || (!current && !preview_at_size(draft));
  } else {
    // A run that was made right after the switch goes on, though the record of both may have been
    // lost.
    const bool switched =
        active == hash ||
        (current && live_hash(draft.world, draft.spec().blue_green->active_service) == hash);
    skip = skip || !switched || (!current && !is_saturated(draft, draft.new_rs));
  }
  if (skip) return Step::EndAndReport;
  if (find_pause(draft.stored, pause::kInconclusiveRun)) return Step::Keep;
  return needs_new(draft, current) ? Step::Create : Step::React;
}

Step evaluate(const Draft& draft, RunKind kind, const RunPtr& current) {
  switch (kind) {
    case RunKind::Step:
      return evaluate_step(draft, current);
    case RunKind::Background:
      return evaluate_background(draft, current);
    case RunKind::PrePromotion:
    case RunKind::PostPromotion:
      return evaluate_promotion(draft, kind, current);
  }
  return Step::Keep;
}

bool failed(const AnalysisRun& run) {
  return run.status.phase == AnalysisPhase::Failed || run.status.phase == AnalysisPhase::Error;
}

std::string failure_message(RunKind kind, const AnalysisRun& run) {
  std::string out(abort_text(kind));
  if (!run.status.message.empty()) out += ": " + printable(run.status.message);
  return out;
}

std::string deciding_metric(const AnalysisRun& run) {
  for (const auto& result : run.status.metric_results)
    if (!result.dry_run &&
        (result.phase == AnalysisPhase::Failed || result.phase == AnalysisPhase::Error))
      return result.name;
  return "";
}

void terminate(Draft& draft, const RunPtr& run) {
  if (!run || api::is_completed(run->status.phase) || run->spec.terminate || run->meta.deleted_at)
    return;
  if (run->meta.uid.empty() || !draft.running()) return;
  auto write = draft.write_for(api::kAnalysisRuns, run->meta, kube::Verb::MergePatch,
                               "TerminateAnalysisRun");
  write.body = R"({"spec":{"terminate":true}})";
  write.resource_version.clear();  // measurements come and go; ending it is right whatever they say
  if (!draft.write(std::move(write))) return;
  draft.why(Why::RunTerminated, run->meta.key.name);
  auto copy = std::make_shared<AnalysisRun>(*run);
  copy->spec.terminate = true;
  for (auto& known : draft.world.runs)
    if (known->meta.key.name == run->meta.key.name) known = copy;
}

Json run_metadata(const Draft& draft, RunKind kind, const api::RolloutAnalysis& block,
                  const std::string& name) {
  const auto& rollout = draft.rollout();
  StringMap labels;
  labels[std::string(api::kPodTemplateHashLabel)] = draft.new_hash();
  labels[std::string(api::kRolloutTypeLabel)] = std::string(label_of(kind));
  if (kind == RunKind::Step)
    labels[std::string(api::kStepIndexLabel)] = std::to_string(step_index(draft).value_or(0));
  if (const auto* id = find_or_null(rollout.meta.labels, api::kInstanceIdLabel))
    labels[std::string(api::kInstanceIdLabel)] = *id;
  StringMap annotations;
  annotations[std::string(api::kRevisionAnnotation)] =
      get_or(rollout.meta.annotations, api::kRevisionAnnotation);
  if (block.run_metadata) {
    for (const auto& [key, value] : block.run_metadata->labels) labels[key] = value;
    for (const auto& [key, value] : block.run_metadata->annotations) annotations[key] = value;
  }
  if (const auto mark = attempt_mark(draft.stored); !mark.empty())
    annotations[std::string(api::kAttemptAnnotation)] = mark;
  for (const auto& [key, value] : rollout.spec.selector.match_labels) labels[key] = value;
  const Json owner{{"apiVersion", "argoproj.io/v1alpha1"},
                   {"kind", "Rollout"},
                   {"name", rollout.meta.key.name},
                   {"uid", rollout.meta.uid},
                   {"controller", true},
                   {"blockOwnerDeletion", true}};
  return Json{{"name", name},
              {"namespace", rollout.meta.key.namespace_},
              {"labels", labels},
              {"annotations", annotations},
              {"ownerReferences", Json::array({owner})}};
}

// The run to go on with instead of creating one, and the suffix a new one would get.
struct Place {
  RunPtr reuse;
  std::int64_t suffix = 0;
};
Place place_for(const Draft& draft, const std::string& base, const RunPtr& replaced,
                const Json& spec) {
  const auto newest = newest_of(draft.world, base);
  if (!newest.run) return {};
  const auto& run = *newest.run;
  const bool is_replaced = replaced && replaced->meta.key.name == run.meta.key.name;
  const bool alive =
      !api::is_completed(run.status.phase) && !run.spec.terminate && !run.meta.deleted_at;
  if (!is_replaced && alive && may_go_on_with(draft, run) && analysis::semantic_equal(run, spec))
    return {newest.run, 0};
  // Its creation was not recorded, its verdict stands all the same.
  if (!is_replaced && !run.spec.terminate && !run.meta.deleted_at && of_this_attempt(draft, run))
    return {newest.run, 0};
  return {nullptr, newest.suffix + 1};
}

std::string suffixed(const std::string& base, std::int64_t suffix) {
  return suffix == 0 ? base : base + "." + std::to_string(suffix);
}

// A run that an earlier Rollout of this name left behind, or that a stranger put there, blocks no
// gate.
std::int64_t free_suffix(const Draft& draft, const std::string& base, std::int64_t suffix) {
  const auto& taken = draft.world.observed->taken_runs;
  const auto found = taken.find(base);
  return found == taken.end() ? suffix : std::max(suffix, found->second + 1);
}

// A run starts with its creation: one write less, and people never see it without a phase.
api::AnalysisRunStatus first_status(WallTime now) {
  api::AnalysisRunStatus out;
  out.phase = AnalysisPhase::Running;
  out.started_at = truncate_to_seconds(now);
  out.dry_run_summary.emplace();
  return out;
}

// There is nothing to ask: no step and no promotion is built on that, and the deadline runs.
RunPtr gate_blocked(Draft& draft, const std::string& why) {
  draft.block("ReconciliationError", why);
  draft.why(Why::WaitingForAnalysis, why);
  draft.wake(draft.now + Seconds{20});
  draft.gate_blocked = true;
  return nullptr;
}

// A run of an earlier attempt that still asks, for the server at least, what a new one would ask.
RunPtr unended_predecessor(const Draft& draft, RunKind kind) {
  for (const auto& run : draft.world.runs) {
    const auto& labels = run->meta.labels;
    const bool same = get_or(labels, api::kPodTemplateHashLabel) == draft.new_hash() &&
                      get_or(labels, api::kRolloutTypeLabel) == label_of(kind) &&
                      (kind != RunKind::Step || get_or(labels, api::kStepIndexLabel) ==
                                                    std::to_string(step_index(draft).value_or(0)));
    const bool over = api::is_completed(run->status.phase) &&
                      !draft.world.observed->unrecorded_ends.contains(run->meta.key.name);
    if (same && !over && !run->spec.terminate && !run->meta.deleted_at) return run;
  }
  return nullptr;
}

// Nothing is asked twice at a time: the new run waits until the one before has been told to end.
bool waits_for_predecessor(Draft& draft, RunKind kind) {
  for (auto run = unended_predecessor(draft, kind); run; run = unended_predecessor(draft, kind)) {
    terminate(draft, run);
    if (!draft.running()) return true;
    if (unended_predecessor(draft, kind) != run) continue;
    draft.why(Why::WaitingForAnalysis, "the end of " + run->meta.key.name + " is to be recorded");
    draft.wake(draft.now + Seconds{20});
    draft.gate_blocked = true;
    return true;
  }
  return false;
}

RunPtr create(Draft& draft, RunKind kind, const RunPtr& replaced) {
  if (draft.new_is_missing()) return nullptr;
  // The version it judges goes on record first.
  if (draft.world.observed->rollout->status.current_pod_hash != draft.new_hash()) {
    draft.wake(draft.now);
    return nullptr;
  }
  const auto& block = *block_of(draft, kind);
  const auto& observed = *draft.world.observed;
  const analysis::TemplateSource templates{observed.analysis_templates,
                                           observed.cluster_analysis_templates};
  auto args = analysis::resolve_rollout_args(block.args, draft.rollout(), draft.stable_hash(),
                                             draft.new_hash());
  if (!args) return gate_blocked(draft, args.error().message);
  auto spec = analysis::build_run_spec(block, templates, *args);
  if (!spec) return gate_blocked(draft, spec.error().message);
  const auto base = base_name(draft, kind);
  const auto place = place_for(draft, base, replaced, *spec);
  if (place.reuse) return place.reuse;
  if (waits_for_predecessor(draft, kind)) return nullptr;
  const auto wanted = suffixed(base, place.suffix);
  const auto name = suffixed(base, free_suffix(draft, base, place.suffix));
  Json body{{"apiVersion", "argoproj.io/v1alpha1"}, {"kind", "AnalysisRun"}};
  body["metadata"] = run_metadata(draft, kind, block, name);
  body["spec"] = std::move(*spec);
  body["status"] = api::encode(first_status(draft.now));
  kube::Meta meta;
  meta.key = {draft.rollout().meta.key.namespace_, name};
  auto write = draft.write_for(api::kAnalysisRuns, meta, kube::Verb::Create, "CreateAnalysisRun");
  write.body = kube::dump(body);
  const auto document = kube::Document::parse(write.body);
  auto run = std::make_shared<AnalysisRun>(document ? api::decode_analysis_run(document->root())
                                                    : AnalysisRun{});
  run->meta.key = meta.key;
  run->meta.created_at = draft.now;
  if (!draft.write(std::move(write))) {
    draft.gate_blocked = draft.running();
    return nullptr;
  }
  if (name != wanted)
    draft.event("ForeignObjectIgnored",
                "AnalysisRun '" + wanted +
                    "' is there already and is not this Rollout's: it is left alone, and the "
                    "analysis runs as '" +
                    name + "'",
                true);
  draft.why(Why::RunCreated, name);
  draft.world.runs.push_back(run);
  return run;
}

void react(Draft& draft, RunKind kind, const RunPtr& run) {
  if (!run) return;
  if (run->status.phase == AnalysisPhase::Inconclusive) draft.changes.add(pause::kInconclusiveRun);
  if (failed(*run)) draft.changes.abort(failure_message(kind, *run));
}

void report(Draft& draft, RunKind kind, const AnalysisRun& run,
            const std::optional<api::RunStatusRef>& before) {
  const auto phase = run.status.phase;
  if (phase == AnalysisPhase::None) return;
  if (before && (before->name != run.meta.key.name || before->phase == phase)) return;
  const std::string previous =
      before ? std::string(api::to_string(before->phase)) : "NoPreviousStatus";
  const std::string text = std::string(label_of(kind)) + " Analysis Run '" + run.meta.key.name +
                           "' Status New: '" + std::string(api::to_string(phase)) +
                           "' Previous: '" + previous + "'";
  draft.event("AnalysisRun" + std::string(api::to_string(phase)), text, failed(run), true);
}

// The status reference of this kind as of now, with the event that a change of phase deserves.
void record(Draft& draft, RunKind kind, const RunPtr& run) {
  auto& ref = slot(draft.next, kind);
  if (!run) {
    ref.reset();
    return;
  }
  // What is stored already stays as it is.
  const std::string& said = run->status.message;
  const bool stored = ref && ref->message == said;
  ref = api::RunStatusRef{run->meta.key.name, run->status.phase, stored ? said : printable(said)};
  report(draft, kind, *run, slot(draft.stored, kind));
}

// Created for a step that status has not reached yet, because its record was lost: it will be found
// again there.
bool ahead_of_status(const Draft& draft, const AnalysisRun& run) {
  const auto index = parse_int(get_or(run.meta.labels, api::kStepIndexLabel));
  const auto current = step_index(draft);
  if (!index || !current || *index <= static_cast<std::int64_t>(*current)) return false;
  return get_or(run.meta.labels, api::kPodTemplateHashLabel) == draft.new_hash() &&
         get_or(run.meta.annotations, api::kRevisionAnnotation) ==
             get_or(draft.rollout().meta.annotations, api::kRevisionAnnotation) &&
         of_this_attempt(draft, run);
}

std::vector<RunPtr> other_runs(const Draft& draft) {
  std::vector<RunPtr> out;
  for (const auto& run : draft.world.runs) {
    bool current = ahead_of_status(draft, *run);
    for (const auto kind : kRunKinds)
      if (const auto& ref = slot(draft.next, kind); ref && ref->name == run->meta.key.name)
        current = true;
    if (!current) out.push_back(run);
  }
  return out;
}

void remove_run(Draft& draft, const RunPtr& run) {
  if (run->meta.uid.empty() || !draft.running()) return;
  if (draft.already_written(api::kAnalysisRuns, run->meta.key)) return;
  auto write =
      draft.write_for(api::kAnalysisRuns, run->meta, kube::Verb::Delete, "DeleteAnalysisRun");
  write.resource_version.clear();
  write.tolerate_done = true;
  if (!draft.write(std::move(write))) return;
  std::erase_if(draft.world.runs,
                [&](const auto& known) { return known->meta.key.name == run->meta.key.name; });
}

void retire_others(Draft& draft) {
  auto others = other_runs(draft);
  for (const auto& run : others) terminate(draft, run);
  std::stable_sort(others.begin(), others.end(), [](const auto& a, const auto& b) {
    if (a->meta.created_at != b->meta.created_at) return a->meta.created_at > b->meta.created_at;
    return a->meta.key.name < b->meta.key.name;
  });
  const auto good_limit = draft.spec().successful_run_history_limit.value_or(5);
  const auto bad_limit = draft.spec().unsuccessful_run_history_limit.value_or(5);
  std::int32_t good = 0, bad = 0;
  for (const auto& run : others) {
    if (run->meta.deleted_at) continue;
    const auto hash = get_or(run->meta.labels, api::kPodTemplateHashLabel);
    const auto set = std::find_if(draft.world.sets.begin(), draft.world.sets.end(),
                                  [&](const auto& s) { return hash_of(s) == hash; });
    const bool orphaned = hash.empty() || set == draft.world.sets.end() || set->meta.deleted_at;
    bool surplus = false;
    if (run->status.phase == AnalysisPhase::Successful) {
      surplus = ++good > good_limit;
    } else if (api::is_completed(run->status.phase)) {
      surplus = ++bad > bad_limit;
    }
    if (orphaned || surplus) remove_run(draft, run);
  }
}

void begin_abort(Draft& draft, std::string message, std::string annotation) {
  draft.changes.abort(std::move(message));
  draft.stored.abort = true;
  draft.world.rollout.status.abort = true;
  draft.cut_for_verdict = true;
  draft.verdict_annotation = std::move(annotation);
}

LeftVerdict left_verdict(const Draft& draft) {
  const auto& spec = draft.spec();
  if (!draft.world.routers.empty()) return verdict_on_routes(draft);
  if (!spec.blue_green) return {};
  const auto& name = spec.blue_green->active_service;
  const auto service = draft.world.services.find(name);
  if (service == draft.world.services.end()) return {};
  return {get_or(service->second->meta.annotations, api::kAbortVerdictAnnotation),
          "Service " + name};
}

// The kind of the current run of this name, if its failure can have cut traffic: before the switch
// of a blue/green update there is nothing to cut.
std::optional<RunKind> cutting_kind(const Draft& draft, const std::string& run) {
  for (const auto kind : {RunKind::Step, RunKind::Background, RunKind::PostPromotion}) {
    if (!applies(draft, kind)) continue;
    if (const auto& ref = slot(draft.next, kind); ref && ref->name == run) return kind;
  }
  return std::nullopt;
}

// Why the verdict of an annotation does not count; "" when it does. Whoever may edit a Service can
// write one, but not what has to bear it out: the status names the run as a current one (so it was
// made by us for this update, though it may be gone by now), and its object says the same, or says
// nothing yet. The latter is what a process leaves that dies between the cut and its record, and it
// is believed only of a predecessor: whoever has carried out its plans knows that it left none.
std::string doubt(const Draft& draft, const Verdict& verdict, std::optional<RunKind> kind) {
  if (!kind) return "this update is not judged by an AnalysisRun of that name";
  const auto& spec = draft.spec();
  if (spec.blue_green &&
      live_hash(draft.world, spec.blue_green->active_service) != draft.stable_hash())
    return "the Service does not select the stable version";
  const auto run = find_run(draft.world, verdict.run);
  if (run) {
    if (get_or(run->meta.labels, api::kPodTemplateHashLabel) != draft.new_hash())
      return "that AnalysisRun is of another version";
    const auto& duration = draft.stored.duration;
    if (duration && duration->rollout_started_at && !of_this_attempt(draft, *run))
      return "that AnalysisRun is of an earlier attempt";
    if (failed(*run)) return "";
    if (api::is_completed(run->status.phase)) return "that AnalysisRun has not failed";
  }
  return draft.world.observed->carried_out ? "no AnalysisRun has failed" : "";
}

// The verdict that a cut without record has left behind; nothing when there is none.
void adopt_left_verdict(Draft& draft) {
  const auto left = left_verdict(draft);
  const auto verdict = decode_verdict(left.text);
  draft.settled = true;
  if (!verdict || verdict->hash != draft.new_hash()) return;
  // Without a mark it is one of the first release, or of a Rollout whose status cannot hold one.
  const auto mark = attempt_mark(draft.stored);
  if (!verdict->attempt.empty() && !mark.empty() && verdict->attempt != mark) return;
  const auto kind = cutting_kind(draft, verdict->run);
  if (const auto why = doubt(draft, *verdict, kind); !why.empty()) {
    draft.event("AbortVerdictIgnored",
                "The annotation " + std::string(api::kAbortVerdictAnnotation) + " of " +
                    left.where + ", which names AnalysisRun \"" + verdict->run + "\", is ignored: " + why,
                true);
    std::get<controller::EventIntent>(draft.items.back().intent).once = true;
    return;
  }
  const auto run = find_run(draft.world, verdict->run);
  auto message = verdict->message;
  if (run && failed(*run)) {
    message = failure_message(*kind, *run);
  } else if (!message.starts_with(abort_text(*kind))) {
    message = abort_text(*kind);
  }
  auto annotation = encode({verdict->hash, verdict->run, verdict->metric, message, verdict->attempt});
  draft.settled = false;
  begin_abort(draft, std::move(message), std::move(annotation));
}

}  // namespace

std::string_view label_of(RunKind kind) {
  switch (kind) {
    case RunKind::Step:
      return "Step";
    case RunKind::Background:
      return "Background";
    case RunKind::PrePromotion:
      return "PrePromotion";
    case RunKind::PostPromotion:
      return "PostPromotion";
  }
  return "";
}

std::string_view abort_text(RunKind kind) {
  switch (kind) {
    case RunKind::Step:
      return "Step-based analysis phase error/failed";
    case RunKind::Background:
      return "Background analysis phase error/failed";
    case RunKind::PrePromotion:
      return "Blue/green pre-promotion analysis phase error/failed";
    case RunKind::PostPromotion:
      return "Blue/green post-promotion analysis phase error/failed";
  }
  return "";
}

std::string attempt_mark(const api::RolloutStatus& status) {
  if (!status.duration || !status.duration->rollout_started_at) return "";
  auto out = format_rfc3339(*status.duration->rollout_started_at);
  if (!status.current_step_hash.empty()) out += " " + status.current_step_hash;
  return out;
}

WallTime attempt_start(const World& world, const api::RolloutStatus& next,
                       std::optional<WallTime> before, WallTime now) {
  constexpr Seconds kClockErrorMax{86'400};  // whoever says more than that makes it up
  auto start = truncate_to_seconds(now);
  const auto latest = start + kClockErrorMax;
  if (before && *before < latest) start = std::max(start, *before + Seconds{1});
  std::optional<WallTime> lost;
  for (const auto& run : world.runs) {
    const auto mark = mark_of(*run);
    const auto begun = parse_rfc3339(mark.substr(0, mark.find(' ')));
    if (!begun || *begun >= latest) continue;
    auto same = next;
    same.duration.emplace().rollout_started_at = *begun;
    const bool fits = attempt_mark(same) == mark &&
                      get_or(run->meta.labels, api::kPodTemplateHashLabel) == next.current_pod_hash;
    if (before && *begun > *before && fits) lost = std::max(lost.value_or(*begun), *begun);
    start = std::max(start, *begun + Seconds{1});
  }
  return lost.value_or(start);
}

bool cannot_be_judged(const Draft& draft) {
  if (!draft.new_rs || !block_of(draft, RunKind::Background) || cancel_all(draft) ||
      current_run(draft, RunKind::Background))
    return false;
  const auto base = base_name(draft, RunKind::Background);
  const auto before = unended_predecessor(draft, RunKind::Background);
  if (before && draft.world.observed->unrecorded_ends.contains(before->meta.key.name)) return true;
  const auto& refusals = draft.world.observed->refusals;
  return std::any_of(refusals.begin(), refusals.end(), [&](const auto& refusal) {
    const auto& name = refusal.write.key.name;
    if (refusal.write.purpose == "TerminateAnalysisRun")
      return before && name == before->meta.key.name;
    return refusal.write.purpose == "CreateAnalysisRun" &&
           (name == base || name.starts_with(base + "."));
  });
}

void forget_earlier_attempt(Draft& draft) {
  if (!draft.stored.aborted_at || draft.stored.abort) return;
  for (const auto kind : kRunKinds) slot(draft.stored, kind).reset();
  draft.stored.blue_green.scale_up_preview_check_point = false;
  // Its deadline is that of the abort: it does not say that this version was live a moment ago.
  draft.new_rs_was_delayed = false;
}

void find_current_runs(Draft& draft) {
  if (!draft.new_rs || draft.stored.abort || draft.stored.stable_rs.empty() ||
      draft.fully_promoted())
    return;
  for (const auto kind : kRunKinds) {
    auto& ref = slot(draft.next, kind);
    if (!applies(draft, kind) || ref || !block_of(draft, kind) || human_or_retry(draft)) continue;
    const auto newest = newest_of(draft.world, base_name(draft, kind));
    if (!newest.run || newest.run->spec.terminate || newest.run->meta.deleted_at) continue;
    if (!of_this_attempt(draft, *newest.run)) continue;
    ref = api::RunStatusRef{newest.run->meta.key.name, AnalysisPhase::None, ""};
  }
}

void adopt_verdict(Draft& draft) {
  if (draft.stored.abort || !draft.new_rs || cancel_all(draft)) {
    draft.settled = !draft.stored.abort || draft.stored.aborted_at.has_value();
    return;
  }
  for (const auto kind : kRunKinds) {
    if (!applies(draft, kind)) continue;
    const auto run = current_run(draft, kind);
    if (!run || !failed(*run) || evaluate(draft, kind, run) != Step::React) continue;
    if (draft.spec().canary) report(draft, kind, *run, slot(draft.stored, kind));
    auto message = failure_message(kind, *run);
    auto annotation = encode(Verdict{draft.new_hash(), run->meta.key.name, deciding_metric(*run),
                                     message, attempt_mark(draft.stored)});
    begin_abort(draft, std::move(message), std::move(annotation));
    return;
  }
  draft.settled = draft.stored.aborted_at.has_value();  // recorded, and retried since
  if (!draft.settled) adopt_left_verdict(draft);
}

void reconcile_runs(Draft& draft) {
  if (!draft.running()) return;
  if (cancel_all(draft)) {
    for (const auto& run : std::vector<RunPtr>(draft.world.runs)) terminate(draft, run);
    for (const auto kind : kRunKinds) {
      if (draft.spec().canary) {
        slot(draft.next, kind).reset();
      } else if (const auto run = current_run(draft, kind)) {
        record(draft, kind, run);
      }
    }
    return;
  }
  for (const auto kind : kRunKinds) {
    if (!applies(draft, kind) || !draft.running()) continue;
    auto run = current_run(draft, kind);
    const auto verdict = evaluate(draft, kind, run);
    switch (verdict) {
      case Step::Keep:
        break;
      case Step::None:
        run = nullptr;
        break;
      case Step::EndAndDrop:
        terminate(draft, run);
        run = nullptr;
        break;
      case Step::EndAndReport:
        terminate(draft, run);
        break;
      case Step::Create:
        run = create(draft, kind, run);
        break;
      case Step::React:
        react(draft, kind, run);
        break;
    }
    if (!draft.running()) return;
    if (verdict == Step::Create && draft.gate_blocked) continue;
    if (run || verdict != Step::Keep) record(draft, kind, run);
  }
  retire_others(draft);
}

}  // namespace sluice::rollout
