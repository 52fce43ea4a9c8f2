// Validation of metadata and of the built-in kinds, in the real server's wording.
#include <algorithm>

#include "apiserver/server/strategy.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

constexpr const char* kSubdomainRule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an "
    "alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr const char* kLabelRule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric "
    "character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
constexpr const char* kServiceRule =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an "
    "alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')";
constexpr const char* kValueRule =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an "
    "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
    "validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
constexpr const char* kKeyRule =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. "
    "'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

bool lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool alnum(char c) {
  return lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

bool is_dns_label(std::string_view text) {
  if (text.empty() || !lower_alnum(text.front()) || !lower_alnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return lower_alnum(c) || c == '-'; });
}

bool is_subdomain(std::string_view text) {
  const std::vector<std::string> parts = split(text, '.');
  return !text.empty() && std::all_of(parts.begin(), parts.end(),
                                      [](const std::string& part) { return is_dns_label(part); });
}

bool is_word(std::string_view text) {
  if (text.empty() || !alnum(text.front()) || !alnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; });
}

std::string key_problem(std::string_view key) {
  const std::size_t slash = key.find('/');
  const std::string_view name = slash == std::string_view::npos ? key : key.substr(slash + 1);
  if (slash != std::string_view::npos && !is_subdomain(key.substr(0, slash)))
    return std::string("prefix part ") + kSubdomainRule;
  if (name.size() > 63) return "name part must be no more than 63 characters";
  return is_word(name) ? "" : kKeyRule;
}

void check_map(const Json& metadata, const char* member, bool values, std::vector<Cause>& out) {
  const auto map = metadata.find(member);
  if (map == metadata.end() || !map->is_object()) return;
  const std::string path = std::string("metadata.") + member;
  for (const auto& [key, value] : map->items()) {
    if (const std::string problem = key_problem(key); !problem.empty())
      out.push_back(invalid_value(path, quote(key), problem));
    if (!values || !value.is_string()) continue;
    const std::string& text = value.get_ref<const std::string&>();
    if (text.size() > 63)
      out.push_back(invalid_value(path, quote(text), "must be no more than 63 characters"));
    else if (!text.empty() && !is_word(text))
      out.push_back(invalid_value(path, quote(text), kValueRule));
  }
}

void check_owners(const Json& metadata, std::vector<Cause>& out) {
  const auto owners = metadata.find("ownerReferences");
  if (owners == metadata.end() || !owners->is_array()) return;
  int controllers = 0;
  for (std::size_t i = 0; i < owners->size(); ++i) {
    const Json& owner = (*owners)[i];
    const std::string path = "metadata.ownerReferences[" + std::to_string(i) + "]";
    if (kube::get_string(owner, "apiVersion").empty())
      out.push_back(invalid_value(path + ".apiVersion", "\"\"", "version must not be empty"));
    if (kube::get_string(owner, "kind").empty())
      out.push_back(invalid_value(path + ".kind", "\"\"", "kind must not be empty"));
    if (kube::get_string(owner, "name").empty())
      out.push_back(invalid_value(path + ".name", "\"\"", "name must not be empty"));
    if (kube::get_string(owner, "uid").empty())
      out.push_back(invalid_value(path + ".uid", "\"\"", "uid must not be empty"));
    controllers += kube::get_bool(owner, "controller") ? 1 : 0;
  }
  if (controllers > 1)
    out.push_back(invalid_value("metadata.ownerReferences", kube::dump(*owners).substr(0, 80),
                                "Only one reference can have Controller set to true."));
}

bool path_segment_name(const ResourceDef& def) {
  return def.group == "rbac.authorization.k8s.io";
}

// ---- kinds ----

void check_immutable(const Json& object, const Json& old, const char* path,
                     std::vector<Cause>& out) {
  const Json* now = kube::find_path(object, path);
  const Json* before = kube::find_path(old, path);
  static const Json kNull;
  if ((now == nullptr ? kNull : *now) == (before == nullptr ? kNull : *before)) return;
  out.push_back(
      invalid_value(path, now == nullptr ? "null" : kube::dump(*now), "field is immutable"));
}

void check_containers(const Json& pod_spec, const std::string& path, std::vector<Cause>& out) {
  const Json* containers = kube::find(pod_spec, "containers");
  if (containers == nullptr || !containers->is_array() || containers->empty()) {
    out.push_back(required(path + ".containers"));
    return;
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < containers->size(); ++i) {
    const Json& container = (*containers)[i];
    const std::string at = path + ".containers[" + std::to_string(i) + "]";
    const std::string name = kube::get_string(container, "name");
    if (name.empty())
      out.push_back(required(at + ".name"));
    else if (!is_dns_label(name))
      out.push_back(invalid_value(at + ".name", quote(name), kLabelRule));
    else if (std::find(names.begin(), names.end(), name) != names.end())
      out.push_back(duplicate_value(at + ".name", quote(name)));
    names.push_back(name);
    if (trim(kube::get_string(container, "image")).empty()) out.push_back(required(at + ".image"));
  }
}

void check_template(const Json& object, bool restart_always, std::vector<Cause>& out) {
  const Json* pod = kube::find_path(object, "spec.template.spec");
  static const Json kEmpty = Json::object();
  check_containers(pod == nullptr ? kEmpty : *pod, "spec.template.spec", out);
  const std::string policy = pod == nullptr ? "" : kube::get_string(*pod, "restartPolicy");
  if (restart_always && policy != "Always")
    out.push_back(unsupported_value("spec.template.spec.restartPolicy", quote(policy), {"Always"}));
  if (!restart_always && policy == "Always")
    out.push_back(unsupported_value("spec.template.spec.restartPolicy", quote(policy),
                                    {"OnFailure", "Never"}));
}

void check_selector(const Json& object, std::vector<Cause>& out) {
  const Json* selector = kube::find_path(object, "spec.selector");
  if (selector == nullptr || !selector->is_object()) {
    out.push_back(required("spec.selector"));
    return;
  }
  const Json* labels = kube::find_path(object, "spec.template.metadata.labels");
  const Json* wanted = kube::find(*selector, "matchLabels");
  if (selector->empty())
    out.push_back(invalid_value("spec.selector", "{}", "empty selector is invalid for deployment"));
  if (wanted == nullptr || !wanted->is_object()) return;
  for (const auto& [key, value] : wanted->items())
    if (labels == nullptr || !labels->contains(key) || (*labels)[key] != value) {
      out.push_back(invalid_value("spec.template.metadata.labels",
                                  labels == nullptr ? "null" : kube::dump(*labels),
                                  "`selector` does not match template `labels`"));
      return;
    }
}

void check_not_negative(const Json& object, const char* path, std::vector<Cause>& out) {
  const Json* value = kube::find_path(object, path);
  if (value != nullptr && value->is_number_integer() && value->get<std::int64_t>() < 0)
    out.push_back(invalid_value(path, kube::dump(*value), "must be greater than or equal to 0"));
}

void check_workload(const ResourceDef& def, const Json& object, const Json* old,
                    std::vector<Cause>& out) {
  check_not_negative(object, "spec.replicas", out);
  check_not_negative(object, "spec.minReadySeconds", out);
  check_selector(object, out);
  check_template(object, true, out);
  if (old != nullptr) check_immutable(object, *old, "spec.selector", out);
  if (def.kind == "Deployment") {
    const std::int64_t deadline = kube::get_int(object, "spec.progressDeadlineSeconds", 600);
    if (deadline <= kube::get_int(object, "spec.minReadySeconds"))
      out.push_back(invalid_value("spec.progressDeadlineSeconds", std::to_string(deadline),
                                  "must be greater than minReadySeconds"));
  }
}

void check_service(const Json& object, const Json* old, std::vector<Cause>& out) {
  const std::string ip = kube::get_string(object, "spec.clusterIP");
  const std::string type = kube::get_string(object, "spec.type");
  const Json* ports = kube::find_path(object, "spec.ports");
  const bool empty = ports == nullptr || ports->empty();
  if (empty && ip != "None" && type != "ExternalName") out.push_back(required("spec.ports"));
  static const std::vector<std::string> kTypes = {"ClusterIP", "ExternalName", "LoadBalancer",
                                                  "NodePort"};
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end())
    out.push_back(unsupported_value("spec.type", quote(type), kTypes));
  for (std::size_t i = 0; !empty && i < ports->size(); ++i) {
    const std::string at = "spec.ports[" + std::to_string(i) + "]";
    const std::int64_t port = kube::get_int((*ports)[i], "port");
    if (port < 1 || port > 65535)
      out.push_back(invalid_value(at + ".port", std::to_string(port),
                                  "must be between 1 and 65535, inclusive"));
    if (ports->size() > 1 && kube::get_string((*ports)[i], "name").empty())
      out.push_back(required(at + ".name"));
  }
  if (old == nullptr || type == "ExternalName" ||
      kube::get_string(*old, "spec.type") == "ExternalName")
    return;
  const std::string before = kube::get_string(*old, "spec.clusterIP");
  if (!before.empty() && before != ip) {
    out.push_back(invalid_value("spec.clusterIPs[0]", kube::dump(Json::array({ip})),
                                "may not change once set"));
  }
}

void check_backend(const Json* backend, const std::string& path, std::vector<Cause>& out) {
  if (backend == nullptr || kube::find(*backend, "resource") != nullptr) return;
  if (kube::get_string(*backend, "service.name").empty())
    out.push_back(required(path + ".service.name"));
  if (kube::get_string(*backend, "service.port.name").empty() &&
      kube::get_int(*backend, "service.port.number") == 0)
    out.push_back(required(path, "port name or number is required"));
}

void check_ingress(const Json& object, std::vector<Cause>& out) {
  const Json* rules = kube::find_path(object, "spec.rules");
  const Json* fallback = kube::find_path(object, "spec.defaultBackend");
  if ((rules == nullptr || rules->empty()) && fallback == nullptr)
    out.push_back(
        invalid_value("spec", "[]", "either `defaultBackend` or `rules` must be specified"));
  check_backend(fallback, "spec.defaultBackend", out);
  for (std::size_t i = 0; rules != nullptr && i < rules->size(); ++i) {
    const Json* paths = kube::find_path((*rules)[i], "http.paths");
    for (std::size_t j = 0; paths != nullptr && j < paths->size(); ++j) {
      const std::string at = fmt::format("spec.rules[{}].http.paths[{}]", i, j);
      const std::string type = kube::get_string((*paths)[j], "pathType");
      if (type.empty())
        out.push_back(required(at + ".pathType", "pathType must be specified"));
      else if (type != "Exact" && type != "Prefix" && type != "ImplementationSpecific")
        out.push_back(unsupported_value(at + ".pathType", quote(type),
                                        {"Exact", "ImplementationSpecific", "Prefix"}));
      check_backend(kube::find((*paths)[j], "backend"), at + ".backend", out);
    }
  }
}

// Only images, deadlines and added tolerations of a pod may change.
void check_pod_update(const Json& object, const Json& old, std::vector<Cause>& out) {
  Json now = object["spec"], before = old["spec"];
  for (Json* spec : {&now, &before}) {
    for (const char* key : {"activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds",
                            "schedulingGates"})
      spec->erase(key);
    for (const char* list : {"containers", "initContainers"})
      if (spec->contains(list))
        for (Json& container : (*spec)[list]) container.erase("image");
  }
  if (now != before)
    out.push_back(field_forbidden("spec",
                                  "pod updates may not change fields other than "
                                  "`spec.containers[*].image`, `spec.initContainers[*].image`, "
                                  "`spec.activeDeadlineSeconds`, `spec.tolerations` (only "
                                  "additions to existing tolerations)"));
}

void check_config(const Json& object, const Json* old, std::vector<Cause>& out) {
  if (old == nullptr || !kube::get_bool(*old, "immutable")) return;
  if (!kube::get_bool(object, "immutable"))
    out.push_back(field_forbidden("immutable", "field is immutable when `immutable` is set"));
  if (object.value("data", Json()) != old->value("data", Json()))
    out.push_back(field_forbidden("data", "field is immutable when `immutable` is set"));
}

}  // namespace

std::string name_problem(const ResourceDef& def, std::string_view name) {
  if (path_segment_name(def)) {
    if (name == "." || name == "..") return fmt::format("may not be '{}'", name);
    if (name.find('/') != std::string_view::npos) return "may not contain '/'";
    return name.find('%') != std::string_view::npos ? "may not contain '%'" : "";
  }
  if (def.bucket == "/namespaces") {
    if (name.size() > 63) return "must be no more than 63 characters";
    return is_dns_label(name) ? "" : kLabelRule;
  }
  if (def.bucket == "/services") {
    if (name.size() > 63) return "must be no more than 63 characters";
    return is_dns_label(name) && name.front() >= 'a' ? "" : kServiceRule;
  }
  if (name.size() > 253) return "must be no more than 253 characters";
  return is_subdomain(name) ? "" : kSubdomainRule;
}

void validate_meta(const ResourceDef& def, const Json& object, const Json* old,
                   std::vector<Cause>& out) {
  const Json& metadata = object["metadata"];
  const std::string name = kube::get_string(metadata, "name");
  if (name.empty()) {
    out.push_back(required("metadata.name", "name or generateName is required"));
  } else if (const std::string problem = name_problem(def, name); !problem.empty()) {
    out.push_back(invalid_value("metadata.name", quote(name), problem));
  }
  check_map(metadata, "labels", true, out);
  check_map(metadata, "annotations", false, out);
  check_owners(metadata, out);
  if (const auto finalizers = metadata.find("finalizers");
      finalizers != metadata.end() && finalizers->is_array())
    for (const Json& finalizer : *finalizers) {
      const std::string text = finalizer.is_string() ? finalizer.get<std::string>() : "";
      if (const std::string problem = key_problem(text); !problem.empty())
        out.push_back(invalid_value("metadata.finalizers", quote(text), problem));
    }
  if (old == nullptr) return;
  // New finalizers are refused once deletion has begun: it might never end.
  if (!(*old)["metadata"].contains("deletionTimestamp")) return;
  const Json before = (*old)["metadata"].value("finalizers", Json::array());
  for (const Json& finalizer : metadata.value("finalizers", Json::array()))
    if (std::find(before.begin(), before.end(), finalizer) == before.end())
      out.push_back(field_forbidden("metadata.finalizers",
                                    "no new finalizers can be added if the object is being "
                                    "deleted, found new finalizers []string{" +
                                        kube::dump(finalizer) + "}"));
}

void validate_native(const ResourceDef& def, const Json& object, const Json* old,
                     std::vector<Cause>& out) {
  const std::string& kind = def.kind;
  if (kind == "Deployment" || kind == "ReplicaSet" || kind == "StatefulSet" ||
      kind == "DaemonSet") {
    check_workload(def, object, old, out);
  } else if (kind == "Job") {
    check_template(object, false, out);
    if (old != nullptr) check_immutable(object, *old, "spec.template", out);
    if (old != nullptr) check_immutable(object, *old, "spec.selector", out);
  } else if (kind == "Pod") {
    check_containers(object["spec"], "spec", out);
    if (old != nullptr) check_pod_update(object, *old, out);
  } else if (kind == "Service") {
    check_service(object, old, out);
  } else if (kind == "Ingress") {
    check_ingress(object, out);
  } else if (kind == "ConfigMap" || kind == "Secret") {
    check_config(object, old, out);
  } else if (kind == "CustomResourceDefinition") {
    for (Cause& cause : validate_crd(object)) out.push_back(std::move(cause));
  } else if (kind == "RoleBinding" || kind == "ClusterRoleBinding") {
    if (old != nullptr && object["roleRef"] != (*old)["roleRef"])
      out.push_back(
          invalid_value("roleRef", kube::dump(object["roleRef"]), "cannot change roleRef"));
  } else if (kind == "PodDisruptionBudget") {
    if (object["spec"].contains("minAvailable") && object["spec"].contains("maxUnavailable"))
      out.push_back(invalid_value("spec", kube::dump(object["spec"]),
                                  "minAvailable and maxUnavailable cannot be both set"));
  }
}

}  // namespace sluice::apiserver::server
