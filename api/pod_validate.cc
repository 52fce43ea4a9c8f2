#include "api/pod_validate.h"

#include <set>

#include "api/field_errors.h"
#include "api/template_hash.h"
#include "kube/json/json.h"
#include "kube/model/quantity.h"
#include "kube/schema/template_defaults.h"

namespace sluice::api {
namespace {

using kube::Json;
using Text = std::optional<std::string>;

const Json& at(const Json& value, std::string_view key) {
  static const Json none;
  const auto* found = kube::find(value, key);
  return found == nullptr ? none : *found;
}

std::string required(const std::string& path) {
  return path + ": Required value";
}

bool is_dns_label(std::string_view text) {
  if (text.empty() || text.size() > 63) return false;
  const auto alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  for (const char c : text)
    if (!alnum(c) && c != '-') return false;
  return alnum(text.front()) && alnum(text.back());
}

Text label_name(const std::string& path, const std::string& name, std::set<std::string>& seen) {
  if (name.empty()) return required(path);
  if (!is_dns_label(name)) {
    const std::string detail = name.size() > 63
                                   ? "must be no more than 63 characters"
                                   : "a lowercase RFC 1123 label must consist of lower case "
                                     "alphanumeric characters or '-', and must start and end with "
                                     "an alphanumeric character (e.g. 'my-name',  or '123-abc', "
                                     "regex used for validation is "
                                     "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
    return invalid_error(path, quote(name), detail);
  }
  if (!seen.insert(name).second) return path + ": Duplicate value: " + quote(name);
  return std::nullopt;
}

Text ports(const Json& container, const std::string& path) {
  const Json& list = at(container, "ports");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string here = path + ".ports[" + std::to_string(i) + "]";
    const auto number = kube::get_int(list[i], "containerPort");
    if (number == 0) return required(here + ".containerPort");
    if (number < 1 || number > 65535)
      return invalid_error(here + ".containerPort", std::to_string(number),
                           "must be between 1 and 65535, inclusive");
    const auto protocol = kube::get_string(list[i], "protocol");
    if (protocol != "TCP" && protocol != "UDP" && protocol != "SCTP")
      return here + ".protocol: Unsupported value: " + quote(protocol) +
             R"(: supported values: "SCTP", "TCP", "UDP")";
  }
  return std::nullopt;
}

Text mounts(const Json& container, const std::string& path, const std::set<std::string>& volumes) {
  const Json& list = at(container, "volumeMounts");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string here = path + ".volumeMounts[" + std::to_string(i) + "]";
    const auto name = kube::get_string(list[i], "name");
    if (name.empty()) return required(here + ".name");
    if (!volumes.contains(name)) return here + ".name: Not found: " + quote(name);
    if (kube::get_string(list[i], "mountPath").empty()) return required(here + ".mountPath");
  }
  return std::nullopt;
}

Text quantities(const Json& container, const std::string& path) {
  for (const char* kind : {"limits", "requests"}) {
    const Json& values = at(at(container, "resources"), kind);
    if (!values.is_object()) continue;
    for (const auto& [name, value] : values.items()) {
      const auto text = value.is_string() ? value.get<std::string>() : kube::dump(value);
      const std::string here = path + ".resources." + kind + "[" + name + "]";
      const auto canonical = kube::canonical_quantity(text);
      if (!canonical) continue;  // reported already, with the types of the template
      if (canonical->starts_with('-'))
        return invalid_error(here, quote(*canonical), "must be greater than or equal to 0");
    }
  }
  return std::nullopt;
}

Text containers(const Json& spec, const char* kind, std::set<std::string>& names,
                const std::set<std::string>& volumes) {
  const Json& list = at(spec, kind);
  if (!list.is_array()) return std::nullopt;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string here =
        std::string("spec.template.spec.") + kind + "[" + std::to_string(i) + "]";
    if (auto error = label_name(here + ".name", kube::get_string(list[i], "name"), names))
      return error;
    if (kube::get_string(list[i], "image").empty()) return required(here + ".image");
    if (auto error = ports(list[i], here)) return error;
    if (auto error = mounts(list[i], here, volumes)) return error;
    if (auto error = quantities(list[i], here)) return error;
  }
  return std::nullopt;
}

Text pod_spec(const Json& spec) {
  std::set<std::string> volumes;
  const Json& list = at(spec, "volumes");
  for (std::size_t i = 0; i < list.size(); ++i)
    if (auto error = label_name("spec.template.spec.volumes[" + std::to_string(i) + "].name",
                                kube::get_string(list[i], "name"), volumes))
      return error;
  if (at(spec, "containers").empty()) return required("spec.template.spec.containers");
  std::set<std::string> names;
  if (auto error = containers(spec, "containers", names, volumes)) return error;
  if (auto error = containers(spec, "initContainers", names, volumes)) return error;
  if (!at(spec, "ephemeralContainers").empty())
    return "spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in "
           "pod template";
  const auto policy = kube::get_string(spec, "restartPolicy");
  if (policy != "Always")
    return "spec.template.spec.restartPolicy: Unsupported value: " + quote(policy) +
           R"(: supported values: "Always")";
  if (!at(spec, "activeDeadlineSeconds").is_null())
    return "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in "
           "ReplicaSet is not Supported";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> validate_pod_template(const RolloutSpec& spec) {
  if (!spec.selector.matches(spec.template_labels)) {
    const Json labels = spec.template_labels.empty() ? Json() : Json(spec.template_labels);
    return invalid_error("spec.template.metadata.labels", kube::dump(labels),
                         "`selector` does not match template `labels`");
  }
  auto pod_template = kube::parse_json(spec.template_json);
  if (!pod_template) return required("spec.template.spec.containers");
  if (const auto canonical = canonical_template_json(spec.template_json, false); !canonical)
    return canonical.error().message;
  kube::apply_template_defaults(*pod_template);
  return pod_spec(at(*pod_template, "spec"));
}

}  // namespace sluice::api
