// scale, eviction, binding.
#include "apiserver/server/core.h"
#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::apiserver::server {
namespace {

std::string selector_text(const Json& selector) {
  if (selector.is_string()) return selector.get<std::string>();
  std::vector<std::string> terms;
  if (const Json* labels = kube::find(selector, "matchLabels");
      labels != nullptr && labels->is_object())
    for (const auto& [key, value] : labels->items())
      terms.push_back(key + "=" + (value.is_string() ? value.get<std::string>() : ""));
  if (const Json* expressions = kube::find(selector, "matchExpressions");
      expressions != nullptr && expressions->is_array())
    for (const Json& expression : *expressions) {
      const std::string key = kube::get_string(expression, "key"),
                        op = kube::get_string(expression, "operator");
      std::vector<std::string> values;
      if (const Json* list = kube::find(expression, "values"); list != nullptr && list->is_array())
        for (const Json& value : *list)
          if (value.is_string()) values.push_back(value.get<std::string>());
      const std::string listed = "(" + join(values, ",") + ")";
      if (op == "In")
        terms.push_back(key + " in " + listed);
      else if (op == "NotIn")
        terms.push_back(key + " notin " + listed);
      else
        terms.push_back(op == "Exists" ? key : "!" + key);
    }
  return join(terms, ",");
}

void set_path(Json& object, const std::string& dotted, Json value) {
  Json* at = &object;
  for (const std::string& part : split(dotted, '.')) {
    if (!at->is_object()) *at = Json::object();
    at = &(*at)[part];
  }
  *at = std::move(value);
}

Json scale_of(const ScalePaths& paths, const Json& object) {
  Json metadata = Json::object();
  for (const char* key : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"})
    if (object["metadata"].contains(key)) metadata[key] = object["metadata"][key];
  Json scale = {{"apiVersion", "autoscaling/v1"},
                {"kind", "Scale"},
                {"metadata", std::move(metadata)},
                {"spec", Json::object()},
                {"status", {{"replicas", kube::get_int(object, paths.status_replicas)}}}};
  if (const std::int64_t replicas = kube::get_int(object, paths.spec_replicas); replicas != 0)
    scale["spec"]["replicas"] = replicas;
  const Json* selector = kube::find_path(
      object, paths.label_selector.empty() ? "spec.selector" : paths.label_selector);
  if (selector != nullptr && (paths.label_selector.empty() || selector->is_string()))
    if (const std::string text = selector_text(*selector); !text.empty())
      scale["status"]["selector"] = text;
  return scale;
}

}  // namespace

Outcome<Json> Core::read_scale(const WriteContext& c) const {
  const ObjectPtr object = find(*c.def, c.key);
  if (!object) return refuse(not_found(c.subject(), c.key.name));
  if (c.def->custom && kube::find_path(*object, c.version->scale->spec_replicas) == nullptr)
    return refuse(internal_error(fmt::format("the spec replicas field \".{}\" does not exist",
                                             c.version->scale->spec_replicas)));
  return scale_of(*c.version->scale, *object);
}

Outcome<Json> Core::write_scale(WriteContext& c, const std::function<Outcome<Json>(Json)>& edit) {
  const ObjectPtr old = find(*c.def, c.key);
  if (!old) return refuse(not_found(c.subject(), c.key.name));
  const Json before = scale_of(*c.version->scale, *old);
  Outcome<Json> edited = edit(before);
  if (!edited) return refuse(edited.error());
  const std::string version = kube::get_string(*edited, "metadata.resourceVersion");
  if (!version.empty() && version != kube::get_string(*old, "metadata.resourceVersion"))
    return refuse(stale_version(c.subject(), c.key.name));
  const Json* replicas = kube::find_path(*edited, "spec.replicas");
  if (replicas != nullptr && !replicas->is_number_integer() && !replicas->is_null())
    return refuse(bad_request(
        "Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal " +
        std::string(replicas->type_name()) +
        " into Go struct field ScaleSpec.spec.replicas of type int32"));
  const std::int64_t count = kube::get_int(*edited, "spec.replicas");
  if (count < 0)
    return refuse(invalid({"autoscaling", "", "Scale"}, c.key.name,
                          {invalid_value("spec.replicas", std::to_string(count),
                                         "must be greater than or equal to 0")}));
  Json object = present(*c.def, c.version->name, *old);
  set_path(object, c.version->scale->spec_replicas, count);
  Outcome<ObjectPtr> written = update(c, std::move(object));
  if (!written) return refuse(written.error());
  return scale_of(*c.version->scale, **written);
}

Outcome<Json> Core::bind(const WriteContext& c, const Json& body) {
  const ObjectPtr pod = find(*c.def, c.key);
  if (!pod) return refuse(not_found(c.subject(), c.key.name));
  const std::string node = kube::get_string(body, "target.name");
  if (node.empty())
    return refuse(invalid({"", "bindings", "Binding"}, c.key.name, {required("target.name")}));
  const std::string assigned = kube::get_string(*pod, "spec.nodeName");
  if ((*pod)["metadata"].contains("deletionTimestamp"))
    return refuse(
        conflict({"", "pods/binding", "Pod"}, c.key.name,
                 fmt::format("pod {} is being deleted, cannot be assigned to a host", c.key.name)));
  if (!assigned.empty())
    return refuse(
        conflict({"", "pods/binding", "Pod"}, c.key.name,
                 fmt::format("pod {} is already assigned to node \"{}\"", c.key.name, assigned)));
  Json object = *pod;
  object["spec"]["nodeName"] = node;
  Json& conditions = object["status"]["conditions"];
  if (!conditions.is_array()) conditions = Json::array();
  conditions.push_back({{"type", "PodScheduled"},
                        {"status", "True"},
                        {"lastProbeTime", nullptr},
                        {"lastTransitionTime", now_text()}});
  if (!c.dry_run) (void)commit(*c.def, c.key, std::move(object));
  return Json({{"kind", "Status"},
               {"apiVersion", "v1"},
               {"metadata", Json::object()},
               {"status", "Success"},
               {"code", 201}});
}

Outcome<Json> Core::evict(const WriteContext& c, const Json& body) {
  const ObjectPtr pod = find(*c.def, c.key);
  if (!pod) return refuse(not_found(c.subject(), c.key.name));
  const Json* delete_options = kube::find(body, "deleteOptions");
  Outcome<DeleteOptions> options = parse_delete_options(delete_options, nullptr);
  if (!options) return refuse(options.error());
  const Json success = {{"kind", "Status"},
                        {"apiVersion", "v1"},
                        {"metadata", Json::object()},
                        {"status", "Success"},
                        {"code", 201}};
  const std::string phase = kube::get_string(*pod, "status.phase");
  const bool free = phase == "Succeeded" || phase == "Failed" || phase == "Pending" ||
                    (*pod)["metadata"].contains("deletionTimestamp");
  const DefPtr budgets = definition("policy", "poddisruptionbudgets");
  ObjectPtr budget;
  for (const ObjectPtr& candidate :
       free ? std::vector<ObjectPtr>{} : list_all(*budgets, c.key.namespace_)) {
    const Json* selector = kube::find_path(*candidate, "spec.selector");
    if (selector == nullptr ||
        !selector_matches(*selector, kube::find_path(*pod, "metadata.labels")))
      continue;
    if (budget)
      return refuse(
          internal_error("This pod has more than one PodDisruptionBudget, which the eviction "
                         "subresource does not support."));
    budget = candidate;
  }
  if (budget) {
    const std::string name = kube::get_string(*budget, "metadata.name");
    Failure f =
        too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.", 10);
    if (kube::get_int(*budget, "status.observedGeneration") <
        kube::get_int(*budget, "metadata.generation")) {
      f.causes.push_back(
          {"DisruptionBudget",
           fmt::format("The disruption budget {} is still being processed by the server.", name),
           ""});
      return refuse(std::move(f));
    }
    if (kube::get_int(*budget, "status.disruptionsAllowed") <= 0) {
      f.retry_after.reset();
      f.causes.push_back(
          {"DisruptionBudget",
           fmt::format("The disruption budget {} needs {} healthy pods and has {} currently", name,
                       kube::get_int(*budget, "status.desiredHealthy"),
                       kube::get_int(*budget, "status.currentHealthy")),
           ""});
      return refuse(std::move(f));
    }
    if (!c.dry_run && !options->dry_run) {
      Json spent = *budget;
      spent["status"]["disruptionsAllowed"] =
          kube::get_int(*budget, "status.disruptionsAllowed") - 1;
      spent["status"]["disruptedPods"][c.key.name] = now_text();
      (void)commit(*budgets, {c.key.namespace_, name}, std::move(spent));
    }
  }
  WriteContext deletion = c;
  deletion.subresource.clear();
  options->dry_run = options->dry_run || c.dry_run;
  Outcome<Removal> removed = remove(deletion, *options);
  if (!removed) return refuse(removed.error());
  return success;
}

}  // namespace sluice::apiserver::server
