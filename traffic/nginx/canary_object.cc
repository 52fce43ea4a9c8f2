#include "traffic/nginx/canary_object.h"

#include <algorithm>
#include <array>

#include "api/keys.h"
#include "api/resources.h"
#include "kube/json/json.h"
#include "kube/json/patch.h"
#include "kube/model/resources.h"

namespace sluice::traffic::nginx {
namespace {

constexpr std::string_view kIngressClass = "kubernetes.io/ingress.class";

std::string key_of(std::string_view prefix, std::string_view name) {
  return std::string(prefix) + "/" + std::string(name);
}

// Name of the Service of a path's backend; "" for resource backends.
std::string backend_of(const kube::Json& path) {
  return kube::get_string(path, "backend.service.name");
}

// The paths of a rule; nullptr when it has none ("http: null" is legal).
const kube::Json* paths_of(const kube::Json& rule) {
  const auto* paths = kube::find_path(rule, "http.paths");
  return paths != nullptr && paths->is_array() ? paths : nullptr;
}

bool rule_goes_to(const kube::Json& rule, std::string_view service) {
  const auto* paths = paths_of(rule);
  if (paths == nullptr) return false;
  for (const auto& path : *paths) {
    if (backend_of(path) == service) return true;
  }
  return false;
}

const kube::Json* rules_of(const kube::Json& ingress) {
  const auto* rules = kube::find_path(ingress, "spec.rules");
  return rules != nullptr && rules->is_array() ? rules : nullptr;
}

// What fields of the Rollout ask for, one key at a time.
class FieldAnnotations {
 public:
  FieldAnnotations(Annotations& out, bool allow_snippets)
      : out_(out), allow_snippets_(allow_snippets) {}
  void add(std::string_view field, const std::string& key, const std::string& value) {
    if (key == kAppliedAnnotations || key == kLeftOutAnnotations ||
        key == api::kAbortVerdictAnnotation)
      return;  // our own records
    if (!allow_snippets_ && is_code(key)) {
      out_.left_out.insert_or_assign(key, LeftOutAnnotation{std::string(field), value});
      return;
    }
    out_.wanted[key] = value;
    out_.from_fields.insert(key);
  }

 private:
  Annotations& out_;
  bool allow_snippets_;
};

std::string bookkeeping(const Annotations& annotations) {
  return annotations.from_fields.empty() ? "" : kube::dump(kube::Json(annotations.from_fields));
}

// The keys that an earlier pass wrote from fields; nothing when the text is not ours.
std::set<std::string> recorded_keys(const StringMap& live) {
  std::set<std::string> out;
  const auto list = kube::parse_json(get_or(live, kAppliedAnnotations, "[]"));
  if (!list || !list->is_array()) return out;
  for (const auto& item : *list) {
    if (item.is_string()) out.insert(item.get<std::string>());
  }
  return out;
}

// The live object has all that is left out now, as some other controller wrote it.
bool taken_over_with(const StringMap& live, const Annotations& annotations) {
  return std::all_of(annotations.left_out.begin(), annotations.left_out.end(),
                     [&](const auto& item) {
                       const auto* now = find_or_null(live, item.first);
                       return now != nullptr && *now == item.second.value;
                     });
}

void set_or_remove(kube::Json& changes, const StringMap& live, std::string_view key,
                   const std::string& value) {
  const auto* now = find_or_null(live, key);
  if (value.empty()) {
    if (now != nullptr) changes[std::string(key)] = nullptr;
  } else if (now == nullptr || *now != value) {
    changes[std::string(key)] = value;
  }
}

kube::Json annotation_changes(const StringMap& live, const Annotations& annotations,
                              std::string_view prefix, const std::string& abort_verdict) {
  kube::Json changes = kube::Json::object();
  for (const auto& [key, value] : annotations.wanted) {
    const auto* now = find_or_null(live, key);
    if (now == nullptr || *now != value) changes[key] = value;
  }
  // Gone from the Rollout: gone from the Ingress. A stale total would distort every later share, so
  // it goes even when nobody recorded who wrote it.
  auto ours = recorded_keys(live);
  ours.insert(key_of(prefix, "canary-weight-total"));
  for (const auto& key : ours) {
    if (!annotations.wanted.contains(key) && live.contains(key)) changes[key] = nullptr;
  }
  set_or_remove(changes, live, api::kAbortVerdictAnnotation, abort_verdict);
  return changes;
}

}  // namespace

bool is_code(std::string_view annotation) {
  const std::string key = to_lower(annotation);
  const std::size_t slash = key.rfind('/');
  const std::string_view prefix =
      std::string_view(key).substr(0, slash == std::string::npos ? 0 : slash);
  const std::string_view name =
      std::string_view(key).substr(slash == std::string::npos ? 0 : slash + 1);
  // ingress-nginx and HAProxy Technologies say snippet, NGINX Inc. and its descendants snippets.
  if (name.ends_with("snippet") || name.ends_with("snippets")) return true;
  // haproxy-ingress: config-backend, config-frontend, config-global … are lines of haproxy.cfg.
  if (prefix.find("haproxy") != std::string_view::npos || prefix == "ingress.kubernetes.io")
    return name.starts_with("config-");
  // Skipper: filters may be Lua.
  return prefix == "zalando.org" && (name == "skipper-filter" || name == "skipper-routes");
}

std::string left_out_text(const Annotations& annotations) {
  kube::Json keys = kube::Json::array();
  for (const auto& [key, what] : annotations.left_out) keys.push_back(key);
  return keys.empty() ? "" : kube::dump(keys);
}

Annotations wanted_annotations(const kube::Object& stable, const api::NginxRouting& routing,
                               const AnnotationInput& input) {
  Annotations out;
  const std::string_view prefix = input.prefix;
  if (const auto* value = find_or_null(stable.meta.annotations, kIngressClass); value != nullptr) {
    out.wanted[std::string(kIngressClass)] = *value;
  }
  FieldAnnotations fields(out, input.allow_snippets);
  for (const auto& [key, value] : routing.additional_ingress_annotations)
    fields.add("additionalIngressAnnotations",
               key.starts_with(prefix) ? key : key_of(prefix, key), value);
  for (const auto& [key, value] : routing.canary_ingress_annotations)
    fields.add("canaryIngressAnnotations", key, value);
  // Ours, whatever the maps say.
  const std::array<std::string, 2> own{key_of(prefix, "canary"), key_of(prefix, "canary-weight")};
  out.wanted[own[0]] = "true";
  out.wanted[own[1]] = std::to_string(input.weight);
  for (const auto& key : own) out.from_fields.erase(key);
  if (input.total) {
    const std::string key = key_of(prefix, "canary-weight-total");
    out.wanted[key] = std::to_string(*input.total);
    out.from_fields.insert(key);
  }
  return out;
}

bool has_rule_for(const kube::Json& ingress, std::string_view service) {
  const auto* rules = rules_of(ingress);
  if (rules == nullptr || service.empty()) return false;
  for (const auto& rule : *rules) {
    if (rule_goes_to(rule, service)) return true;
  }
  return false;
}

std::optional<kube::Json> canary_spec(const kube::Json& stable_ingress,
                                      std::string_view stable_service,
                                      std::string_view canary_service) {
  if (!has_rule_for(stable_ingress, stable_service)) return std::nullopt;
  kube::Json spec = kube::Json::object();
  for (const char* member : {"tls", "ingressClassName"}) {
    const auto* value = kube::find_path(stable_ingress, {"spec", member});
    if (value != nullptr && !value->is_null()) spec[member] = *value;
  }
  spec["rules"] = kube::Json::array();
  for (const auto& rule : *rules_of(stable_ingress)) {
    if (!rule_goes_to(rule, stable_service)) continue;
    kube::Json copy = rule;
    for (auto& path : copy["http"]["paths"]) {
      if (backend_of(path) == stable_service) path["backend"]["service"]["name"] = canary_service;
    }
    spec["rules"].push_back(std::move(copy));
  }
  return spec;
}

kube::Json new_object(const api::Rollout& rollout, const std::string& name,
                      const Annotations& annotations, const kube::Json& spec,
                      const std::string& abort_verdict) {
  StringMap all = annotations.wanted;
  if (auto keys = bookkeeping(annotations); !keys.empty())
    all[std::string(kAppliedAnnotations)] = keys;
  if (auto keys = left_out_text(annotations); !keys.empty())
    all[std::string(kLeftOutAnnotations)] = keys;
  if (!abort_verdict.empty()) all[std::string(api::kAbortVerdictAnnotation)] = abort_verdict;
  kube::Json object = kube::Json::object();
  object["apiVersion"] = kube::kIngresses.api_version();
  object["kind"] = kube::kIngresses.kind;
  auto& meta = object["metadata"];
  meta["name"] = name;
  meta["namespace"] = rollout.meta.key.namespace_;
  meta["annotations"] = all;
  meta["ownerReferences"] = kube::Json::array({{{"apiVersion", api::kRollouts.api_version()},
                                                {"kind", api::kRollouts.kind},
                                                {"name", rollout.meta.key.name},
                                                {"uid", rollout.meta.uid},
                                                {"controller", true},
                                                {"blockOwnerDeletion", true}}});
  object["spec"] = spec;
  return object;
}

kube::Json change_object(const kube::Json& live, const StringMap& live_annotations,
                         const Annotations& annotations, const kube::Json& spec,
                         std::string_view prefix, const std::string& abort_verdict) {
  kube::Json changes = annotation_changes(live_annotations, annotations, prefix, abort_verdict);
  // The annotation outranks the class name: left behind by a stable Ingress that has moved on, it
  // would keep the canary at the old controller, and the share with it.
  if (spec.contains("ingressClassName") && !annotations.wanted.contains(std::string(kIngressClass)))
    set_or_remove(changes, live_annotations, kIngressClass, "");
  const auto* live_spec = kube::find(live, "spec");
  const kube::Json spec_changes =
      kube::merge_patch_diff(live_spec != nullptr ? *live_spec : kube::Json::object(), spec);
  // An object that another controller left has no bookkeeping: that alone is no reason to write.
  const bool recorded = live_annotations.contains(kAppliedAnnotations) ||
                        live_annotations.contains(kLeftOutAnnotations);
  if (recorded || !changes.empty() || !spec_changes.empty() ||
      !taken_over_with(live_annotations, annotations)) {
    set_or_remove(changes, live_annotations, kAppliedAnnotations, bookkeeping(annotations));
    set_or_remove(changes, live_annotations, kLeftOutAnnotations, left_out_text(annotations));
    for (const auto& [key, what] : annotations.left_out)
      set_or_remove(changes, live_annotations, key, "");
  }
  kube::Json patch = kube::Json::object();
  if (!changes.empty()) patch["metadata"]["annotations"] = std::move(changes);
  if (!spec_changes.empty()) patch["spec"] = spec_changes;
  return patch;
}

}  // namespace sluice::traffic::nginx
