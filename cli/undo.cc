#include "cli/undo.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/keys.h"
#include "api/template_hash.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::cli {
namespace {

using kube::Json;

Json* member(Json& object, std::initializer_list<std::string_view> keys) {
  Json* at = &object;
  for (const auto key : keys) {
    if (!at->is_object()) return nullptr;
    const auto it = at->find(key);
    if (it == at->end()) return nullptr;
    at = &*it;
  }
  return at;
}

void erase_member(Json* object, std::string_view key) {
  if (object == nullptr || !object->is_object()) return;
  if (const auto it = object->find(key); it != object->end()) object->erase(it);
}

void drop_ephemeral_metadata(Json& pod_template, const std::string& recorded) {
  const auto record = kube::parse_json(recorded);
  if (!record) return;
  for (const char* kind : {"labels", "annotations"}) {
    const Json* keys = kube::find(*record, kind);
    if (keys == nullptr || !keys->is_object()) continue;
    for (const auto& [key, value] : keys->items())
      erase_member(member(pod_template, {"metadata", kind}), key);
  }
}

bool names_hash_label(const Json& term, std::string_view selector_path) {
  const Json* selector = kube::find_path(term, selector_path);
  const Json* rules = selector == nullptr ? nullptr : kube::find(*selector, "matchExpressions");
  if (rules == nullptr || !rules->is_array()) return false;
  return std::any_of(rules->begin(), rules->end(), [](const Json& rule) {
    return kube::get_string(rule, "key") == api::kPodTemplateHashLabel;
  });
}

void drop_terms(Json& anti_affinity, std::string_view list_name, std::string_view selector_path) {
  Json* list = member(anti_affinity, {list_name});
  if (list == nullptr || !list->is_array()) return;
  const bool had_terms = !list->empty();
  list->erase(
      std::remove_if(list->begin(), list->end(),
                     [&](const Json& term) { return names_hash_label(term, selector_path); }),
      list->end());
  if (had_terms && list->empty()) erase_member(&anti_affinity, list_name);
}

void drop_anti_affinity(Json& pod_template) {
  Json* anti = member(pod_template, {"spec", "affinity", "podAntiAffinity"});
  if (anti == nullptr || !anti->is_object() || anti->empty()) return;
  drop_terms(*anti, "requiredDuringSchedulingIgnoredDuringExecution", "labelSelector");
  drop_terms(*anti, "preferredDuringSchedulingIgnoredDuringExecution",
             "podAffinityTerm.labelSelector");
  if (!anti->empty()) return;
  Json* affinity = member(pod_template, {"spec", "affinity"});
  erase_member(affinity, "podAntiAffinity");
  if (affinity->empty()) erase_member(member(pod_template, {"spec"}), "affinity");
}

Result<Json> live_template(const kube::ReplicaSet& set) {
  if (!set.raw)
    return fail(ErrorCode::Decode,
                fmt::format("ReplicaSet \"{}\" cannot be read", set.meta.key.name));
  SLUICE_TRY(Json object, kube::parse_json(*set.raw));
  Json* found = member(object, {"spec", "template"});
  if (found == nullptr || !found->is_object())
    return fail(ErrorCode::Decode,
                fmt::format("ReplicaSet \"{}\": spec.template is missing", set.meta.key.name));
  return std::move(*found);
}

}  // namespace

Result<UndoTarget> undo_target(const std::vector<kube::ReplicaSet>& sets,
                               const std::string& owner_uid, const std::string& rollout_name,
                               std::int64_t wanted) {
  std::vector<UndoTarget> known;
  for (const auto& set : sets) {
    const auto* owner = set.meta.controller_owner();
    if (owner == nullptr || owner->uid != owner_uid) continue;
    const auto* text = find_or_null(set.meta.annotations, api::kRevisionAnnotation);
    if (const auto revision = text == nullptr ? std::nullopt : parse_int(*text))
      known.push_back({&set, *revision});
  }
  std::sort(known.begin(), known.end(),
            [](const auto& a, const auto& b) { return a.revision > b.revision; });
  if (wanted == 0) {
    if (known.size() < 2)
      return fail(ErrorCode::NotFound,
                  fmt::format("no revision found for rollout \"{}\"", rollout_name));
    return known[1];
  }
  for (const auto& target : known)
    if (target.revision == wanted) return target;
  return fail(ErrorCode::NotFound,
              fmt::format("unable to find specified revision {} in history", wanted));
}

Result<Json> restored_template(const kube::ReplicaSet& set) {
  SLUICE_TRY(Json out, live_template(set));
  erase_member(member(out, {"metadata", "labels"}), api::kPodTemplateHashLabel);
  // Older API servers store an explicit null here, which a Rollout's schema does not take.
  if (const Json* created = member(out, {"metadata", "creationTimestamp"});
      created != nullptr && created->is_null())
    erase_member(member(out, {"metadata"}), "creationTimestamp");
  drop_ephemeral_metadata(out, get_or(set.meta.annotations, api::kEphemeralMetadataAnnotation));
  drop_anti_affinity(out);
  return out;
}

bool already_there(const kube::ReplicaSet& set, const std::string& current) {
  if (current.empty()) return false;
  const auto live = live_template(set);
  if (!live) return false;
  const auto text = kube::dump(*live);
  return api::templates_equal(text, current,
                              get_or(set.meta.annotations, api::kEphemeralMetadataAnnotation)) &&
         api::unknown_members(text) == api::unknown_members(current);
}

std::string undo_patch(const std::string& pointer, const Json& pod_template) {
  Json patch = Json::array();
  patch.push_back({{"op", "replace"}, {"path", pointer}, {"value", pod_template}});
  return kube::dump(patch);
}

}  // namespace sluice::cli
