// Semantic equality of a live and a desired pod template (rollout.md §1.10.2 item 3), and what the
// types do not say about one.
#include <algorithm>

#include "api/keys.h"
#include "api/template_hash.h"
#include "kube/json/json.h"
#include "kube/schema/template_defaults.h"
#include "kube/schema/typed_json.h"

namespace sluice::api {
namespace {

using kube::Json;
using kube::MemberKind;
using kube::TypedMember;
using kube::TypedSchema;
using kube::TypedStruct;

Json* member(Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

Json* member(Json& object, std::initializer_list<std::string_view> keys) {
  Json* at = &object;
  for (const auto key : keys) {
    at = member(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

void erase_member(Json& object, std::string_view key) {
  if (!object.is_object()) return;
  const auto it = object.find(key);
  if (it != object.end()) object.erase(it);
}

bool is_injected_term(const Json& term, std::string_view term_path) {
  const Json* selector = kube::find_path(term, term_path);
  const Json* expressions =
      selector == nullptr ? nullptr : kube::find(*selector, "matchExpressions");
  if (expressions == nullptr || !expressions->is_array()) return false;
  return std::any_of(expressions->begin(), expressions->end(), [](const Json& e) {
    return kube::get_string(e, "key") == kPodTemplateHashLabel;
  });
}

// True when there was one.
bool strip_terms(Json& anti_affinity, std::string_view list_name, std::string_view term_path) {
  Json* list = member(anti_affinity, list_name);
  if (list == nullptr || !list->is_array()) return false;
  const auto before = list->size();
  for (auto it = list->begin(); it != list->end();)
    it = is_injected_term(*it, term_path) ? list->erase(it) : std::next(it);
  const bool stripped = list->size() != before;
  if (stripped && list->empty()) erase_member(anti_affinity, list_name);
  return stripped;
}

// Both kinds of injected terms go, whatever is configured now; containers that this empties go with
// them.
void strip_anti_affinity(Json& pod_template) {
  Json* spec = member(pod_template, "spec");
  Json* anti = member(pod_template, {"spec", "affinity", "podAntiAffinity"});
  if (anti == nullptr || !anti->is_object() || anti->empty()) return;
  const bool required =
      strip_terms(*anti, "requiredDuringSchedulingIgnoredDuringExecution", "labelSelector");
  const bool preferred = strip_terms(*anti, "preferredDuringSchedulingIgnoredDuringExecution",
                                     "podAffinityTerm.labelSelector");
  if (!(required || preferred) || !anti->empty()) return;
  Json& affinity = *member(*spec, "affinity");
  erase_member(affinity, "podAntiAffinity");
  if (affinity.empty()) erase_member(*spec, "affinity");
}

void strip_ephemeral_metadata(Json& pod_template, std::string_view annotation) {
  if (annotation.empty()) return;
  const auto recorded = kube::parse_json(annotation);
  if (!recorded) return;
  for (const char* kind : {"labels", "annotations"}) {
    const Json* keys = kube::find(*recorded, kind);
    Json* target = member(pod_template, {"metadata", kind});
    if (keys == nullptr || !keys->is_object() || target == nullptr) continue;
    for (const auto& [key, value] : keys->items()) erase_member(*target, key);
  }
}

// Older API servers copied containerPort to hostPort under hostNetwork, newer ones do not.
void strip_defaulted_host_ports(Json& spec) {
  const Json* host_network = kube::find(spec, "hostNetwork");
  if (host_network == nullptr || !host_network->is_boolean() || !host_network->get<bool>()) return;
  for (const char* kind : {"containers", "initContainers", "ephemeralContainers"}) {
    Json* containers = member(spec, kind);
    if (containers == nullptr || !containers->is_array()) continue;
    for (auto& container : *containers) {
      Json* ports = member(container, "ports");
      if (ports == nullptr || !ports->is_array()) continue;
      for (auto& port : *ports)
        if (port.is_object() && port.contains("hostPort") && port.contains("containerPort") &&
            port["hostPort"] == port["containerPort"])
          port.erase("hostPort");
    }
  }
}

void normalise(Json& pod_template) {
  kube::apply_template_defaults(pod_template);
  if (Json* labels = member(pod_template, {"metadata", "labels"}))
    erase_member(*labels, kPodTemplateHashLabel);
  if (Json* metadata = member(pod_template, "metadata"))
    erase_member(*metadata, "creationTimestamp");
  Json* spec = member(pod_template, "spec");
  if (spec == nullptr) return;
  erase_member(*spec, "serviceAccount");
  strip_defaulted_host_ports(*spec);
}

Json beyond_types(const Json& value, const TypedStruct& type);

Json beyond_member(const Json& value, const TypedMember& member) {
  const bool nested = member.kind == MemberKind::StructList || member.kind == MemberKind::StructMap;
  if (member.kind != MemberKind::Struct && !nested) return Json::object();
  const auto& type = *member.type;
  if (member.kind == MemberKind::Struct) return beyond_types(value, type);
  Json out = Json::object();
  if (!value.is_structured()) return out;
  for (const auto& [place, item] : value.items())  // of a list the index
    if (Json inside = beyond_types(item, type); !inside.empty()) out[place] = std::move(inside);
  return out;
}

Json beyond_types(const Json& value, const TypedStruct& type) {
  Json out = Json::object();
  if (!value.is_object()) return out;
  for (const auto& [key, item] : value.items()) {
    if (item.is_null()) continue;
    if (const auto* known = type.find(key)) {
      if (Json inside = beyond_member(item, *known); !inside.empty()) out[key] = std::move(inside);
    } else {
      out[key] = item;
    }
  }
  return out;
}

// Takes away what beyond_types tells.
void keep_types(Json& value, const TypedStruct& type) {
  if (!value.is_object()) return;
  for (auto it = value.begin(); it != value.end();) {
    const auto* known = type.find(it.key());
    if (known == nullptr) {
      it = value.erase(it);
      continue;
    }
    const bool nested =
        known->kind == MemberKind::StructList || known->kind == MemberKind::StructMap;
    if (known->kind == MemberKind::Struct) keep_types(*it, *known->type);
    if (nested && it->is_structured())
      for (auto& item : *it) keep_types(item, *known->type);
    ++it;
  }
}

}  // namespace

std::string unknown_members(std::string_view template_json) {
  auto value = kube::parse_json(template_json);
  if (!value || !value->is_object()) return "";
  strip_anti_affinity(*value);
  const Json out = beyond_types(*value, TypedSchema::pods().type("PodTemplateSpec"));
  return out.empty() ? "" : kube::dump(out);
}

bool templates_equal(std::string_view live_template_json, std::string_view desired_template_json,
                     std::string_view ephemeral_metadata_annotation) {
  auto live = kube::parse_json(live_template_json);
  auto desired = kube::parse_json(desired_template_json);
  if (!live || !desired || !live->is_object() || !desired->is_object()) return false;
  const auto& type = TypedSchema::pods().type("PodTemplateSpec");
  for (auto* side : {&*live, &*desired}) keep_types(*side, type);
  strip_ephemeral_metadata(*live, ephemeral_metadata_annotation);
  strip_anti_affinity(*live);
  normalise(*live);
  normalise(*desired);
  return semantically_equal(*live, *desired, type);
}

}  // namespace sluice::api
