#include "controller/rollout/replica_sets.h"

#include <algorithm>
#include <array>
#include <functional>

#include "api/keys.h"
#include "api/resources.h"
#include "api/template_hash.h"
#include "controller/rollout/conditions.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::rollout {
namespace {

using kube::Json;

Json owner_json(const kube::OwnerReference& owner) {
  return Json{{"apiVersion", owner.api_version},
              {"kind", owner.kind},
              {"name", owner.name},
              {"uid", owner.uid},
              {"controller", owner.controller},
              {"blockOwnerDeletion", owner.block_owner_deletion}};
}

kube::OwnerReference owner_of(const api::Rollout& rollout) {
  return {"argoproj.io/v1alpha1", "Rollout", rollout.meta.key.name, rollout.meta.uid, true, true};
}

bool write_owners(Draft& draft, const kube::ReplicaSet& set,
                  const std::vector<kube::OwnerReference>& owners, std::string_view purpose) {
  Json list = Json::array();
  for (const auto& owner : owners) list.push_back(owner_json(owner));
  auto write = draft.write_for(kube::kReplicaSets, set.meta, kube::Verb::MergePatch, purpose);
  write.body = kube::dump(Json{{"metadata", {{"ownerReferences", list}}}});
  return draft.write(std::move(write));
}

void release(Draft& draft, const kube::ReplicaSet& set) {
  auto owners = set.meta.owners;
  std::erase_if(owners, [&](const auto& owner) { return owner.uid == draft.rollout().meta.uid; });
  if (!write_owners(draft, set, owners, "ReleaseReplicaSet")) return;
  draft.why(Why::ReplicaSetAdopted,
            "released " + set.meta.key.name + ": its labels no longer match the selector");
}

std::string template_of(const kube::ReplicaSet& set) {
  if (!set.raw) return "";
  const auto document = kube::Document::parse(*set.raw);
  return document ? document->root()["spec"]["template"].raw() : std::string();
}

bool same_template(const kube::ReplicaSet& set, const api::Rollout& rollout) {
  const auto live = template_of(set);
  return !live.empty() &&
         api::templates_equal(live, rollout.spec.template_json,
                              get_or(set.meta.annotations, api::kEphemeralMetadataAnnotation));
}

// An orphan adopted by a Rollout that is gone would be taken for garbage with all its pods. So the
// server is asked first: a patch that changes nothing, but fails when the Rollout is not exactly
// what was read.
bool confirm_rollout(Draft& draft) {
  if (draft.already_written(api::kRollouts, draft.rollout().meta.key)) return true;
  auto write = draft.write_for(api::kRollouts, draft.rollout().meta, kube::Verb::MergePatch,
                               kConfirmRollout);
  write.body = "{}";
  return draft.write(std::move(write));
}

// False when nothing may be decided: the server refuses to give us a ReplicaSet that the Rollout
// cannot do without. One that is of no account stays what it is.
bool adopt(Draft& draft, kube::ReplicaSet set) {
  set.meta.owners.push_back(owner_of(draft.rollout()));
  if (confirm_rollout(draft) && write_owners(draft, set, set.meta.owners, "AdoptReplicaSet")) {
    draft.why(Why::ReplicaSetAdopted, "adopted " + set.meta.key.name);
    draft.world.sets.push_back(std::move(set));
    return true;
  }
  const auto& status = draft.rollout().status;
  const auto hash = hash_of(set);
  return hash != status.stable_rs && hash != status.current_pod_hash &&
         !same_template(set, draft.rollout());
}

bool older_first(const kube::ReplicaSet& a, const kube::ReplicaSet& b) {
  if (a.meta.created_at != b.meta.created_at) return a.meta.created_at < b.meta.created_at;
  return a.meta.key.name < b.meta.key.name;
}

// The ReplicaSets that are newRS as far as hashes and the types know, the best first (rollout.md
// §1.10.2), until `stop` says yes. Two may qualify after an upgrade: the one that status names is the one
// that has the pods.
kube::ReplicaSet* first_alike(World& world, const std::function<bool(kube::ReplicaSet&)>& stop) {
  const auto& rollout = world.rollout;
  const auto hashes =
      api::template_hashes(rollout.spec.template_json, rollout.status.collision_count);
  auto is_known = [&](const std::string& hash) {
    return hashes && std::find(hashes->begin(), hashes->end(), hash) != hashes->end();
  };
  for (auto& set : world.sets) {
    const auto hash = hash_of(set);
    if (hash.empty() || hash != rollout.status.current_pod_hash) continue;
    if ((is_known(hash) || same_template(set, rollout)) && stop(set)) return &set;
  }
  if (hashes)
    for (const auto& hash : *hashes)
      for (auto& set : world.sets)
        if (hash_of(set) == hash && stop(set)) return &set;
  for (auto& set : world.sets)
    if (!set.meta.uid.empty() && same_template(set, rollout) && stop(set)) return &set;
  return nullptr;
}

// The version that status names is this template's, and has no ReplicaSet: one that the server
// refused so far is still to be made, and one that only looks the same does not stand in for it.
bool is_unmade(const World& world) {
  const auto& status = world.rollout.status;
  const bool there = std::any_of(world.sets.begin(), world.sets.end(), [&](const auto& set) {
    return hash_of(set) == status.current_pod_hash;
  });
  if (there || status.current_pod_hash.empty()) return false;
  const auto hashes =
      api::template_hashes(world.rollout.spec.template_json, status.collision_count);
  return hashes &&
         std::find(hashes->begin(), hashes->end(), status.current_pod_hash) != hashes->end();
}

struct NewSet {
  kube::ReplicaSet* set = nullptr;
  bool ask_server = false;  // it may be another: dry_run_of_new_set
};

// Members that our types do not have are in no hash. What the Rollout says of them is another
// version only when a server that keeps them made another ReplicaSet of it, and only when the spec
// is new: nothing at rest is touched, whatever its ReplicaSet lacks (ADR 12).
NewSet find_new(World& world) {
  auto* const best = first_alike(world, [](const auto&) { return true; });
  const bool observed = is_observed(world.rollout);
  if (!best || (observed && !is_unmade(world))) return {best};
  const auto carrying = [&](const std::string& members) {
    return first_alike(world, [&](const auto& set) {
      return set.meta.uid.empty() || api::unknown_members(template_of(set)) == members;
    });
  };
  const auto wanted = api::unknown_members(world.rollout.spec.template_json);
  if (auto* const exact = carrying(wanted); exact || observed) return {exact};
  if (!world.observed->served_template) return {best, true};
  return {carrying(api::unknown_members(*world.observed->served_template))};
}

std::int64_t next_revision(const Draft& draft) {
  std::int64_t highest = 0;
  for (const auto* set : draft.older)
    highest = std::max(highest, revision_of(set->meta).value_or(0));
  return highest + 1;
}

// The text of the new object; `set` is what it will look like.
Result<std::string> new_set_body(const Draft& draft, const std::string& hash,
                                 kube::ReplicaSet& set) {
  const auto& spec = draft.spec();
  SLUICE_TRY(Json pod_template, kube::parse_json(spec.template_json));
  SLUICE_TRY(Json selector, kube::parse_json(spec.selector_json));
  if (!pod_template.is_object() || !selector.is_object())
    return sluice::fail(ErrorCode::Decode, "spec.template is no object");
  Json& metadata = pod_template["metadata"];
  if (!metadata.is_object()) metadata = Json::object();
  if (!metadata["labels"].is_object()) metadata["labels"] = Json::object();
  metadata["labels"][std::string(api::kPodTemplateHashLabel)] = hash;
  if (!selector["matchLabels"].is_object()) selector["matchLabels"] = Json::object();
  selector["matchLabels"][std::string(api::kPodTemplateHashLabel)] = hash;

  set.meta.key = {draft.rollout().meta.key.namespace_, draft.rollout().meta.key.name + "-" + hash};
  set.meta.labels = spec.template_labels;
  set.meta.labels[std::string(api::kPodTemplateHashLabel)] = hash;
  set.meta.annotations = copied_annotations(draft.rollout().meta.annotations);
  set.meta.annotations[std::string(api::kRevisionAnnotation)] =
      std::to_string(next_revision(draft));
  set.meta.annotations[std::string(api::kDesiredReplicasAnnotation)] =
      std::to_string(draft.replicas());
  set.meta.owners = {owner_of(draft.rollout())};
  set.meta.created_at = truncate_to_seconds(draft.now);
  set.replicas = 0;
  set.min_ready_seconds = spec.min_ready_seconds;

  Json body{{"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}};
  body["metadata"] = Json{{"name", set.meta.key.name},
                          {"namespace", set.meta.key.namespace_},
                          {"labels", set.meta.labels},
                          {"annotations", set.meta.annotations},
                          {"ownerReferences", Json::array({owner_json(set.meta.owners.front())})}};
  body["spec"] = Json{
      {"replicas", 0}, {"selector", std::move(selector)}, {"template", std::move(pod_template)}};
  if (spec.min_ready_seconds != 0) body["spec"]["minReadySeconds"] = spec.min_ready_seconds;
  return kube::dump(body);
}

// The Rollout's revision annotation, by name alone: whoever wrote the Rollout since then did not
// mean this key.
void write_rollout_revision(Draft& draft, const std::string& revision) {
  const std::string key(api::kRevisionAnnotation);
  auto write = draft.write_for(api::kRollouts, draft.rollout().meta, kube::Verb::MergePatch,
                               "PatchMetadata");
  write.body = kube::dump(Json{{"metadata", {{"annotations", {{key, revision}}}}}});
  draft.world.rollout.meta.annotations[key] = revision;
  if (draft.write(std::move(write)))
    draft.event("RolloutUpdated", "Rollout updated to revision " + revision);
}

bool name_is_taken(const Draft& draft, const std::string& name) {
  const auto& all = draft.world.observed->replica_sets;
  const kube::ObjectKey key{draft.rollout().meta.key.namespace_, name};
  return std::any_of(all.begin(), all.end(), [&](const auto& set) { return set->meta.key == key; });
}

bool was_refused(const Draft& draft, const kube::Write& write) {
  const auto& refusals = draft.world.observed->refusals;
  return std::any_of(refusals.begin(), refusals.end(),
                     [&](const auto& refusal) { return same_intent(refusal.write, write); });
}

// The server refuses the set: the pass goes on with one that has no pods.
bool stand_in(Draft& draft, kube::ReplicaSet set) {
  draft.why(Why::ReplicaSetCreated, set.meta.key.name + " is refused by the server");
  draft.world.missing_set = set.meta.key.name;
  draft.world.sets.push_back(std::move(set));
  draft.sort_sets();
  return true;
}

}  // namespace

StringMap copied_annotations(const StringMap& rollout_annotations) {
  static constexpr std::array kNotCopied{api::kLastAppliedAnnotation, api::kRevisionAnnotation,
                                         api::kRevisionHistoryAnnotation,
                                         api::kDesiredReplicasAnnotation};
  StringMap out;
  for (const auto& [key, value] : rollout_annotations) {
    if (std::find(kNotCopied.begin(), kNotCopied.end(), key) != kNotCopied.end()) continue;
    if (key.starts_with(api::kNotifiedAnnotation)) continue;
    out.emplace(key, value);
  }
  return out;
}

bool is_observed(const api::Rollout& rollout) {
  return rollout.status.observed_generation == std::to_string(rollout.meta.generation);
}

bool claim_sets(Draft& draft) {
  auto& world = draft.world;
  const auto& rollout = world.rollout;
  const kube::Owner self{api::kRollouts, rollout.meta};
  world.sets.clear();
  for (const auto& observed : world.observed->replica_sets) {
    if (observed->meta.key.namespace_ != rollout.meta.key.namespace_) continue;
    if (find_or_null(observed->meta.labels, api::kPodTemplateHashLabel) == nullptr) continue;
    const auto* owner = observed->meta.controller_owner();
    if (owner && !kube::controls(self, observed->meta)) continue;
    const bool matches = rollout.spec.selector.matches(observed->meta.labels);
    if (owner && observed->decode_error) {
      draft.why(Why::CacheNotSynced, "ReplicaSet " + observed->meta.key.name +
                                         " cannot be read: " + observed->decode_error->message);
      return false;
    }
    if (owner && matches) world.sets.push_back(*observed);
    if (owner && !matches) release(draft, *observed);
    const bool orphan = !owner && matches && !observed->meta.deleted_at && !observed->decode_error;
    if (orphan && !adopt(draft, *observed)) return false;
  }
  std::sort(world.sets.begin(), world.sets.end(), older_first);
  return true;
}

void Draft::sort_sets() {
  older.clear();
  others.clear();
  new_rs = find_new(world).set;
  stable_rs = nullptr;
  if (!stored.stable_rs.empty())
    for (auto& set : world.sets)
      if (hash_of(set) == stored.stable_rs) stable_rs = &set;
  for (auto& set : world.sets) {
    if (&set != new_rs) older.push_back(&set);
    if (&set != new_rs && &set != stable_rs) others.push_back(&set);
  }
  if (!new_rs) return;
  if (const auto deadline = deadline_of(*new_rs)) {
    const auto at = parse_rfc3339(*deadline);
    new_rs_was_delayed = at && *at > now;
  }
}

std::optional<kube::Write> dry_run_of_new_set(Draft& draft) {
  if (!find_new(draft.world).ask_server) return std::nullopt;
  const auto hashes =
      api::template_hashes(draft.spec().template_json, draft.stored.collision_count);
  if (!hashes) return std::nullopt;
  kube::ReplicaSet set;
  const auto text = new_set_body(draft, hashes->front(), set);
  if (!text) return std::nullopt;
  auto body = kube::parse_json(*text);
  if (!body) return std::nullopt;
  // Its name is taken by the one that looks the same.
  (*body)["metadata"].erase("name");
  (*body)["metadata"]["generateName"] = draft.rollout().meta.key.name + "-";
  set.meta.key.name.clear();
  auto write = draft.write_for(kube::kReplicaSets, set.meta, kube::Verb::Create, "TryReplicaSet");
  write.body = kube::dump(*body);
  write.dry_run = true;
  return write;
}

bool create_new_set(Draft& draft) {
  const auto& rollout = draft.rollout();
  const auto hashes =
      api::template_hashes(rollout.spec.template_json, draft.stored.collision_count);
  if (!hashes || hashes->empty()) {
    draft.fail(Why::InvalidSpec, hashes ? "no hash" : hashes.error().message, Seconds{20});
    return false;
  }
  const auto& hash = hashes->front();
  kube::ReplicaSet set;
  const auto body = new_set_body(draft, hash, set);
  if (!body) {
    draft.fail(Why::InvalidSpec, body.error().message, Seconds{20});
    return false;
  }
  if (name_is_taken(draft, set.meta.key.name)) {
    draft.next = draft.stored;
    draft.next.collision_count = draft.stored.collision_count.value_or(0) + 1;
    draft.why(Why::ReplicaSetCreated,
              "the name " + set.meta.key.name + " is taken by another template");
    return false;
  }
  auto write =
      draft.write_for(kube::kReplicaSets, set.meta, kube::Verb::Create, "CreateReplicaSet");
  write.body = *body;
  // Nobody waits for the pods of an aborted version; a retry asks for them again.
  const bool given_up = draft.stored.abort && hash == draft.stored.current_pod_hash;
  if ((given_up && was_refused(draft, write)) || !draft.write(std::move(write)))
    return draft.running() && stand_in(draft, std::move(set));
  const auto revision = get_or(set.meta.annotations, api::kRevisionAnnotation);
  const bool announce = get_or(rollout.meta.annotations, api::kRevisionAnnotation) != revision;
  if (announce) write_rollout_revision(draft, revision);
  draft.event("NewReplicaSetCreated",
              "Created ReplicaSet " + set.meta.key.name + " (revision " + revision + ")");
  draft.why(Why::ReplicaSetCreated, set.meta.key.name);
  draft.next = draft.world.rollout.status;
  set_condition(draft.next.conditions, progressing_created(set.meta.key.name), draft.now);
  draft.world.sets.push_back(std::move(set));
  return false;
}

void sync_revision(Draft& draft) {
  if (!draft.new_rs || !draft.running() || draft.new_is_missing()) return;
  auto& set = *draft.new_rs;
  const auto* text = find_or_null(set.meta.annotations, api::kRevisionAnnotation);
  const auto present = revision_of(set.meta);
  SetChange change;
  for (const auto& [key, value] : copied_annotations(draft.rollout().meta.annotations)) {
    const auto* have = find_or_null(set.meta.annotations, key);
    if (!have || *have != value) change.annotations[key] = value;
  }
  const auto wanted = next_revision(draft);
  if (!text || (present && *present < wanted)) {
    change.annotations[std::string(api::kRevisionAnnotation)] = std::to_string(wanted);
    if (present) {  // only a revision that rises becomes history
      auto history = get_or(set.meta.annotations, api::kRevisionHistoryAnnotation);
      history += (history.empty() ? "" : ",") + std::to_string(*present);
      change.annotations[std::string(api::kRevisionHistoryAnnotation)] = history;
    }
  }
  if (set.min_ready_seconds != draft.spec().min_ready_seconds)
    change.min_ready_seconds = draft.spec().min_ready_seconds;
  if (draft.change_set(set, change, "SyncReplicaSet"))
    draft.why(Why::RevisionSynced, set.meta.key.name);
  // An old number that the server will not let us raise is not the Rollout's: its own never falls.
  const auto revision = get_or(set.meta.annotations, api::kRevisionAnnotation);
  const auto number = revision_of(set.meta);
  if (number && *number >= wanted &&
      get_or(draft.rollout().meta.annotations, api::kRevisionAnnotation) != revision)
    write_rollout_revision(draft, revision);
  if (!find_condition(draft.stored.conditions, condition::kProgressing))
    set_condition(draft.stored.conditions, progressing_found(set.meta.key.name), draft.now);
}

void collect_history(Draft& draft) {
  const auto limit = draft.spec().revision_history_limit.value_or(10);
  std::vector<kube::ReplicaSet*> candidates;
  for (auto* set : draft.others)
    if (!set->meta.deleted_at) candidates.push_back(set);
  const auto excess = static_cast<std::int64_t>(candidates.size()) - limit;
  if (excess <= 0) return;
  std::vector<std::string> gone;
  for (std::size_t i = 0; i < static_cast<std::size_t>(excess) && i < candidates.size(); ++i) {
    auto& set = *candidates[i];
    if (set.status_replicas != 0 || set.replicas != 0 || set.meta.uid.empty()) continue;
    if (set.observed_generation < set.meta.generation) continue;
    if (draft.already_written(kube::kReplicaSets, set.meta.key)) continue;
    auto write =
        draft.write_for(kube::kReplicaSets, set.meta, kube::Verb::Delete, "DeleteReplicaSet");
    write.tolerate_done = true;
    if (!draft.write(std::move(write))) continue;
    draft.why(Why::Deleted, set.meta.key.name + " is beyond the history limit");
    set.meta.deleted_at = draft.now;
    gone.push_back(hash_of(set));
  }
  const auto is_current = [&](const std::string& name) {
    const auto& status = draft.stored;
    for (const auto* ref :
         {&status.canary.step_run, &status.canary.background_run,
          &status.blue_green.pre_promotion_run, &status.blue_green.post_promotion_run})
      if (*ref && (*ref)->name == name) return true;
    return false;
  };
  for (auto& run : draft.world.runs) {
    const auto hash = get_or(run->meta.labels, api::kPodTemplateHashLabel);
    if (hash.empty() || run->meta.deleted_at || run->meta.uid.empty()) continue;
    if (std::find(gone.begin(), gone.end(), hash) == gone.end() || is_current(run->meta.key.name))
      continue;
    auto write =
        draft.write_for(api::kAnalysisRuns, run->meta, kube::Verb::Delete, "DeleteAnalysisRun");
    write.resource_version.clear();  // its status may move on; the uid says which one is meant
    write.tolerate_done = true;
    if (!draft.write(std::move(write))) continue;
    auto copy = std::make_shared<api::AnalysisRun>(*run);
    copy->meta.deleted_at = draft.now;
    run = std::move(copy);
  }
}

}  // namespace sluice::rollout
