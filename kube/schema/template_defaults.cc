#include "kube/schema/template_defaults.h"

#include <functional>
#include <string>

#include "kube/json/json.h"
#include "kube/model/quantity.h"
#include "kube/schema/typed_json.h"

namespace sluice::kube {
namespace {

// nullptr unless the member is there and an object.
Json* object_at(Json& parent, const char* key) {
  if (!parent.is_object()) return nullptr;
  const auto it = parent.find(key);
  return it == parent.end() || !it->is_object() ? nullptr : &*it;
}

void each_object(Json& parent, const char* key, const std::function<void(Json&)>& visit) {
  if (!parent.is_object()) return;
  const auto it = parent.find(key);
  if (it == parent.end() || !it->is_array()) return;
  for (auto& item : *it)
    if (item.is_object()) visit(item);
}

bool unset(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null();
}

// `zero_counts`: the Go member is held by value, so its zero value is "unset" as well.
void set_default(Json& object, const char* key, const Json& value, bool zero_counts = true) {
  if (unset(object, key)) {
    object[key] = value;
    return;
  }
  const Json& now = object[key];
  const bool zero = (now.is_string() && now.get_ref<const std::string&>().empty()) ||
                    (now.is_number_integer() && now.get<std::int64_t>() == 0);
  if (zero_counts && zero) object[key] = value;
}

// A tag beside a digest counts; an image that is not named is no image to be pulled.
std::string default_pull_policy(const std::string& image) {
  const auto name = image.substr(0, image.find('@'));
  const auto slash = name.rfind('/');
  const auto colon = name.find(':', slash == std::string::npos ? 0 : slash);
  const bool tagged = colon != std::string::npos;
  const bool latest =
      tagged ? name.substr(colon + 1) == "latest" : !name.empty() && name.size() == image.size();
  return latest ? "Always" : "IfNotPresent";
}

void default_http_get(Json& parent) {
  Json* get = object_at(parent, "httpGet");
  if (get == nullptr) return;
  set_default(*get, "path", "/");
  set_default(*get, "scheme", "HTTP");
}

void default_probe(Json& container, const char* key) {
  Json* probe = object_at(container, key);
  if (probe == nullptr) return;
  set_default(*probe, "timeoutSeconds", 1);
  set_default(*probe, "periodSeconds", 10);
  set_default(*probe, "successThreshold", 1);
  set_default(*probe, "failureThreshold", 3);
  default_http_get(*probe);
  if (Json* grpc = object_at(*probe, "grpc")) set_default(*grpc, "service", "", false);
}

void default_field_ref(Json& holder) {
  if (Json* ref = object_at(holder, "fieldRef")) set_default(*ref, "apiVersion", "v1");
}

// Rounds up to a thousandth: finer resource values do not exist for the API server.
void round_quantities(Json& holder, const char* key) {
  Json* values = object_at(holder, key);
  if (values == nullptr) return;
  for (auto& value : *values) {
    if (!value.is_string() && !value.is_number()) continue;
    const auto text =
        canonical_quantity(value.is_string() ? value.get<std::string>() : value.dump());
    if (!text || text->empty() || (text->back() != 'u' && text->back() != 'n')) continue;
    const auto number = parse_int(std::string_view(*text).substr(0, text->size() - 1));
    if (!number) continue;
    const std::int64_t unit = text->back() == 'u' ? 1000 : 1'000'000;
    const std::int64_t milli = *number / unit + (*number > 0 && *number % unit != 0 ? 1 : 0);
    value = std::to_string(milli) + "m";
  }
}

void round_resources(Json& holder) {
  Json* resources = object_at(holder, "resources");
  if (resources == nullptr) return;
  round_quantities(*resources, "limits");
  round_quantities(*resources, "requests");
}

void default_container(Json& container) {
  set_default(container, "terminationMessagePath", "/dev/termination-log");
  set_default(container, "terminationMessagePolicy", "File");
  set_default(container, "imagePullPolicy", default_pull_policy(get_string(container, "image")));
  each_object(container, "ports", [](Json& port) { set_default(port, "protocol", "TCP"); });
  each_object(container, "env", [](Json& variable) {
    Json* from = object_at(variable, "valueFrom");
    if (from == nullptr) return;
    default_field_ref(*from);
    if (Json* file = object_at(*from, "fileKeyRef")) set_default(*file, "optional", false, false);
  });
  for (const char* key : {"livenessProbe", "readinessProbe", "startupProbe"})
    default_probe(container, key);
  if (Json* lifecycle = object_at(container, "lifecycle")) {
    for (const char* hook : {"postStart", "preStop"})
      if (Json* handler = object_at(*lifecycle, hook)) default_http_get(*handler);
  }
  round_resources(container);
}

void default_projected(Json& projected) {
  set_default(projected, "defaultMode", 420, false);
  each_object(projected, "sources", [](Json& source) {
    if (Json* token = object_at(source, "serviceAccountToken"))
      set_default(*token, "expirationSeconds", 3600, false);
    if (Json* downward = object_at(source, "downwardAPI"))
      each_object(*downward, "items", default_field_ref);
  });
}

void default_network_disks(Json& volume) {
  if (Json* iscsi = object_at(volume, "iscsi")) set_default(*iscsi, "iscsiInterface", "default");
  if (Json* rbd = object_at(volume, "rbd")) {
    set_default(*rbd, "pool", "rbd");
    set_default(*rbd, "user", "admin");
    set_default(*rbd, "keyring", "/etc/ceph/keyring");
  }
  if (Json* azure = object_at(volume, "azureDisk")) {
    set_default(*azure, "cachingMode", "ReadWrite", false);
    set_default(*azure, "fsType", "ext4", false);
    set_default(*azure, "readOnly", false, false);
    set_default(*azure, "kind", "Shared", false);
  }
  if (Json* scale_io = object_at(volume, "scaleIO")) {
    set_default(*scale_io, "storageMode", "ThinProvisioned");
    set_default(*scale_io, "fsType", "xfs");
  }
}

void default_volume(Json& volume) {
  bool has_source = false;
  // A source that the types do not have is none: a server of their age would see none either.
  const auto& type = TypedSchema::pods().type("Volume");
  for (const auto& [key, value] : volume.items())
    has_source = has_source || (key != "name" && !value.is_null() && type.find(key) != nullptr);
  if (!has_source) volume["emptyDir"] = Json::object();
  for (const char* key : {"secret", "configMap", "downwardAPI"})
    if (Json* source = object_at(volume, key)) set_default(*source, "defaultMode", 420, false);
  if (Json* downward = object_at(volume, "downwardAPI"))
    each_object(*downward, "items", default_field_ref);
  if (Json* projected = object_at(volume, "projected")) default_projected(*projected);
  if (Json* host_path = object_at(volume, "hostPath")) set_default(*host_path, "type", "", false);
  if (Json* ephemeral = object_at(volume, "ephemeral")) {
    Json* claim = object_at(*ephemeral, "volumeClaimTemplate");
    if (claim != nullptr && unset(*claim, "spec")) (*claim)["spec"] = Json::object();
    if (Json* spec = claim == nullptr ? nullptr : object_at(*claim, "spec")) {
      set_default(*spec, "volumeMode", "Filesystem", false);
      round_resources(*spec);
    }
  }
  if (Json* image = object_at(volume, "image"))
    set_default(*image, "pullPolicy", default_pull_policy(get_string(*image, "reference")));
  default_network_disks(volume);
}

}  // namespace

void apply_template_defaults(Json& pod_template) {
  if (!pod_template.is_object()) return;
  if (unset(pod_template, "spec")) pod_template["spec"] = Json::object();
  Json* spec = object_at(pod_template, "spec");
  if (spec == nullptr) return;
  set_default(*spec, "restartPolicy", "Always");
  set_default(*spec, "dnsPolicy", "ClusterFirst");
  set_default(*spec, "securityContext", Json::object(), false);
  set_default(*spec, "terminationGracePeriodSeconds", 30, false);
  set_default(*spec, "schedulerName", "default-scheduler");
  round_resources(*spec);
  round_quantities(*spec, "overhead");
  for (const char* list : {"containers", "initContainers", "ephemeralContainers"})
    each_object(*spec, list, default_container);
  each_object(*spec, "volumes", default_volume);
}

}  // namespace sluice::kube
