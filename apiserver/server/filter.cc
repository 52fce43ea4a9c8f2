#include "apiserver/server/filter.h"

#include <algorithm>

#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

using kube::SelectorRequirement;

struct Supported {
  const char *bucket, *fields;
};
constexpr Supported kSupported[] = {
    {"/pods",
     "spec.nodeName,spec.restartPolicy,spec.schedulerName,spec.serviceAccountName,status.phase,"
     "status.podIP,status.nominatedNodeName"},
    {"/events",
     "involvedObject.kind,involvedObject.namespace,involvedObject.name,involvedObject.uid,"
     "involvedObject.apiVersion,"
     "involvedObject.resourceVersion,involvedObject.fieldPath,reason,reportingComponent,source,"
     "type"},
    {"/secrets", "type"},
    {"/nodes", "spec.unschedulable"},
    {"/namespaces", "status.phase"},
    {"apps/replicasets", "status.replicas"},
    {"batch/jobs", "status.successful"},
};

// events.k8s.io speaks of `regarding` where the stored form says `involvedObject`.
std::string stored_path(const ResourceDef& def, std::string path) {
  if (def.group != "events.k8s.io") return path;
  if (path.rfind("regarding.", 0) == 0) return "involvedObject." + path.substr(10);
  if (path == "reportingController") return "reportingComponent";
  return path;
}

bool supports(const ResourceDef& def, const std::string& path) {
  if (path == "metadata.name" || (path == "metadata.namespace" && def.namespaced)) return true;
  for (const Supported& row : kSupported) {
    if (def.bucket != row.bucket) continue;
    const std::vector<std::string> fields = split(row.fields, ',');
    return std::find(fields.begin(), fields.end(), path) != fields.end();
  }
  return false;
}

std::string field_text(const Json& object, const std::string& path) {
  const Json* value = path == "source"              ? kube::find_path(object, "source.component")
                      : path == "status.successful" ? kube::find_path(object, "status.succeeded")
                                                    : kube::find_path(object, path);
  if (value == nullptr || value->is_null())
    return path == "spec.unschedulable" ? "false"
           : path.rfind("status.", 0) == 0 &&
                   (path == "status.replicas" || path == "status.successful")
               ? "0"
               : "";
  return value->is_string() ? value->get<std::string>() : kube::dump(*value);
}

Outcome<std::vector<FieldTerm>> parse_fields(const ResourceDef& def, std::string_view text) {
  std::vector<FieldTerm> out;
  for (const std::string& term : split(text, ',')) {
    if (trim(term).empty()) continue;
    FieldTerm field;
    std::size_t at = term.find("!=");
    std::size_t width = 2;
    field.equal = at == std::string::npos;
    if (field.equal) {
      at = term.find("==");
      if (at == std::string::npos) {
        at = term.find('=');
        width = 1;
      }
    }
    if (at == std::string::npos)
      return refuse(bad_request(fmt::format(
          "invalid field selector: invalid selector: '{}'; can't understand '{}'", text, term)));
    field.path = std::string(trim(std::string_view(term).substr(0, at)));
    field.value = std::string(trim(std::string_view(term).substr(at + width)));
    field.path = stored_path(def, field.path);
    if (!supports(def, field.path))
      return refuse(
          bad_request(fmt::format("Unable to find \"{}\" that match label selector \"\", field "
                                  "selector \"{}\": field label not supported: {}",
                                  def.subject().qualified(), text, field.path)));
    out.push_back(std::move(field));
  }
  return out;
}

const std::string* label(const Json* labels, const std::string& key) {
  if (labels == nullptr || !labels->is_object()) return nullptr;
  const auto it = labels->find(key);
  return it == labels->end() || !it->is_string() ? nullptr : it->get_ptr<const std::string*>();
}

bool holds(const SelectorRequirement& requirement, const Json* labels) {
  const std::string* value = label(labels, requirement.key);
  const auto listed = [&] {
    return std::find(requirement.values.begin(), requirement.values.end(), *value) !=
           requirement.values.end();
  };
  switch (requirement.op) {
    case SelectorRequirement::Op::In:
      return value != nullptr && listed();
    case SelectorRequirement::Op::NotIn:
      return value == nullptr || !listed();
    case SelectorRequirement::Op::Exists:
      return value != nullptr;
    case SelectorRequirement::Op::DoesNotExist:
      return value == nullptr;
  }
  return false;
}

bool expression_holds(const Json& expression, const Json* labels) {
  SelectorRequirement requirement;
  requirement.key = kube::get_string(expression, "key");
  const std::string op = kube::get_string(expression, "operator");
  requirement.op = op == "NotIn"          ? SelectorRequirement::Op::NotIn
                   : op == "Exists"       ? SelectorRequirement::Op::Exists
                   : op == "DoesNotExist" ? SelectorRequirement::Op::DoesNotExist
                                          : SelectorRequirement::Op::In;
  if (const Json* values = kube::find(expression, "values");
      values != nullptr && values->is_array())
    for (const Json& value : *values)
      if (value.is_string()) requirement.values.push_back(value.get<std::string>());
  return holds(requirement, labels);
}

}  // namespace

Outcome<Filter> Filter::parse(const ResourceDef& def, std::string_view labels,
                              std::string_view fields) {
  Filter out;
  if (!labels.empty()) {
    Result<kube::LabelSelector> parsed = kube::parse_selector(labels);
    if (!parsed)
      return refuse(bad_request("unable to parse requirement: " + parsed.error().message));
    out.labels_ = std::move(*parsed);
  }
  if (!fields.empty()) {
    Outcome<std::vector<FieldTerm>> parsed = parse_fields(def, fields);
    if (!parsed) return refuse(parsed.error());
    out.fields_ = std::move(*parsed);
  }
  return out;
}

bool Filter::matches(const Json& object) const {
  if (everything()) return true;
  for (const FieldTerm& term : fields_)
    if ((field_text(object, term.path) == term.value) != term.equal) return false;
  const Json* labels = kube::find_path(object, "metadata.labels");
  for (const auto& [key, value] : labels_.match_labels) {
    const std::string* found = label(labels, key);
    if (found == nullptr || *found != value) return false;
  }
  return std::all_of(
      labels_.expressions.begin(), labels_.expressions.end(),
      [labels](const SelectorRequirement& requirement) { return holds(requirement, labels); });
}

std::string Filter::single_name() const {
  for (const FieldTerm& term : fields_)
    if (term.path == "metadata.name" && term.equal) return term.value;
  return "";
}

bool selector_matches(const Json& selector, const Json* labels) {
  if (const Json* wanted = kube::find(selector, "matchLabels");
      wanted != nullptr && wanted->is_object())
    for (const auto& [key, value] : wanted->items()) {
      const std::string* found = label(labels, key);
      if (found == nullptr || !value.is_string() || *found != value.get_ref<const std::string&>())
        return false;
    }
  if (const Json* expressions = kube::find(selector, "matchExpressions");
      expressions != nullptr && expressions->is_array())
    for (const Json& expression : *expressions)
      if (!expression_holds(expression, labels)) return false;
  return true;
}

}  // namespace sluice::apiserver::server
