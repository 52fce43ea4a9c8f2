#include "apiserver/server/columns.h"

#include <algorithm>
#include <map>

#include "apiserver/server/json_path.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

using CellFn = Json (*)(const Json&, WallTime);

std::string text_of(const Json& object, const char* path, const char* fallback = "") {
  return kube::get_string(object, path, fallback);
}

std::size_t count(const Json& object, const char* path) {
  const Json* found = kube::find_path(object, path);
  return found == nullptr ? 0 : found->size();
}

std::string since(const std::string& stamp, WallTime now) {
  const Result<WallTime> then = parse_rfc3339(stamp);
  return then ? human_duration(std::chrono::floor<Seconds>(now - *then)) : "<unknown>";
}

std::string number(const Json& object, const char* path) {
  return std::to_string(kube::get_int(object, path));
}

Json pod_ready(const Json& o, WallTime) {
  std::size_t ready = 0;
  if (const Json* list = kube::find_path(o, "status.containerStatuses");
      list != nullptr && list->is_array())
    for (const Json& status : *list) ready += kube::get_bool(status, "ready") ? 1U : 0U;
  return fmt::format("{}/{}", ready, count(o, "spec.containers"));
}

Json pod_status(const Json& o, WallTime) {
  std::string reason = text_of(o, "status.phase", "Unknown");
  if (const std::string own = text_of(o, "status.reason"); !own.empty()) reason = own;
  if (const Json* list = kube::find_path(o, "status.containerStatuses");
      list != nullptr && list->is_array())
    for (const Json& status : *list) {
      if (const std::string waiting = text_of(status, "state.waiting.reason"); !waiting.empty())
        reason = waiting;
      else if (const std::string done = text_of(status, "state.terminated.reason"); !done.empty())
        reason = done;
    }
  if (kube::find_path(o, "metadata.deletionTimestamp") != nullptr) reason = "Terminating";
  return reason;
}

Json pod_restarts(const Json& o, WallTime) {
  std::int64_t sum = 0;
  if (const Json* list = kube::find_path(o, "status.containerStatuses");
      list != nullptr && list->is_array())
    for (const Json& status : *list) sum += kube::get_int(status, "restartCount");
  return std::to_string(sum);
}

Json readiness_gates(const Json& o, WallTime) {
  const std::size_t gates = count(o, "spec.readinessGates");
  return gates == 0 ? Json("<none>") : Json(fmt::format("0/{}", gates));
}

Json selector_cell(const Json& o, const char* path) {
  const Json* selector = kube::find_path(o, path);
  const Json* labels = selector == nullptr                 ? nullptr
                       : selector->contains("matchLabels") ? kube::find(*selector, "matchLabels")
                                                           : selector;
  if (labels == nullptr || !labels->is_object() || labels->empty()) return "<none>";
  std::vector<std::string> terms;
  for (const auto& [key, value] : labels->items())
    terms.push_back(key + "=" + (value.is_string() ? value.get<std::string>() : ""));
  return join(terms, ",");
}

Json selector(const Json& o, WallTime) {
  return selector_cell(o, "spec.selector");
}

Json containers(const Json& o, const char* path, const char* member) {
  std::vector<std::string> names;
  if (const Json* list = kube::find_path(o, path); list != nullptr && list->is_array())
    for (const Json& container : *list) names.push_back(kube::get_string(container, member));
  return join(names, ",");
}

Json template_containers(const Json& o, WallTime) {
  return containers(o, "spec.template.spec.containers", "name");
}
Json template_images(const Json& o, WallTime) {
  return containers(o, "spec.template.spec.containers", "image");
}

Json deployment_ready(const Json& o, WallTime) {
  return number(o, "status.readyReplicas") + "/" + number(o, "spec.replicas");
}

Json job_completions(const Json& o, WallTime) {
  const Json* wanted = kube::find_path(o, "spec.completions");
  const std::string done = number(o, "status.succeeded");
  if (wanted != nullptr) return done + "/" + kube::dump(*wanted);
  const std::int64_t parallel = kube::get_int(o, "spec.parallelism");
  return parallel > 1 ? fmt::format("{}/1 of {}", done, parallel) : done + "/1";
}

Json job_duration(const Json& o, WallTime now) {
  const Result<WallTime> start = parse_rfc3339(text_of(o, "status.startTime"));
  if (!start) return "";
  const Result<WallTime> end = parse_rfc3339(text_of(o, "status.completionTime"));
  return human_duration(std::chrono::floor<Seconds>((end ? *end : now) - *start));
}

Json service_ports(const Json& o, WallTime) {
  std::vector<std::string> out;
  if (const Json* ports = kube::find_path(o, "spec.ports"); ports != nullptr && ports->is_array())
    for (const Json& port : *ports) {
      std::string text = number(port, "port");
      if (kube::get_int(port, "nodePort") != 0) text += ":" + number(port, "nodePort");
      out.push_back(text + "/" + text_of(port, "protocol", "TCP"));
    }
  return out.empty() ? Json("<none>") : Json(join(out, ","));
}

Json external_ip(const Json& o, WallTime) {
  const std::string type = text_of(o, "spec.type");
  if (type == "ExternalName") return text_of(o, "spec.externalName");
  return type == "LoadBalancer" ? "<pending>" : "<none>";
}

Json endpoints_cell(const Json& o, WallTime) {
  std::vector<std::string> out;
  if (const Json* subsets = kube::find(o, "subsets"); subsets != nullptr && subsets->is_array())
    for (const Json& subset : *subsets) {
      const Json* addresses = kube::find(subset, "addresses");
      const Json* ports = kube::find(subset, "ports");
      if (addresses == nullptr || ports == nullptr) continue;
      for (const Json& port : *ports)
        for (const Json& address : *addresses)
          out.push_back(text_of(address, "ip") + ":" + number(port, "port"));
    }
  if (out.empty()) return "<none>";
  const std::size_t more = out.size() > 3 ? out.size() - 3 : 0;
  out.resize(std::min<std::size_t>(out.size(), 3));
  return join(out, ",") + (more > 0 ? fmt::format(" + {} more...", more) : "");
}

Json slice_ports(const Json& o, WallTime) {
  std::vector<std::string> out;
  if (const Json* ports = kube::find(o, "ports"); ports != nullptr && ports->is_array())
    for (const Json& port : *ports) out.push_back(number(port, "port"));
  return out.empty() ? Json("<unset>") : Json(join(out, ","));
}

Json slice_addresses(const Json& o, WallTime) {
  std::vector<std::string> out;
  if (const Json* list = kube::find(o, "endpoints"); list != nullptr && list->is_array())
    for (const Json& endpoint : *list)
      if (const Json* addresses = kube::find(endpoint, "addresses");
          addresses != nullptr && addresses->is_array())
        for (const Json& address : *addresses)
          if (address.is_string()) out.push_back(address.get<std::string>());
  return out.empty() ? Json("<unset>") : Json(join(out, ","));
}

Json ingress_hosts(const Json& o, WallTime) {
  std::vector<std::string> out;
  if (const Json* rules = kube::find_path(o, "spec.rules"); rules != nullptr && rules->is_array())
    for (const Json& rule : *rules)
      if (const std::string host = text_of(rule, "host"); !host.empty()) out.push_back(host);
  return out.empty() ? Json("*") : Json(join(out, ","));
}

Json ingress_address(const Json& o, WallTime) {
  std::vector<std::string> out;
  if (const Json* list = kube::find_path(o, "status.loadBalancer.ingress");
      list != nullptr && list->is_array())
    for (const Json& entry : *list)
      out.push_back(text_of(entry, "ip").empty() ? text_of(entry, "hostname")
                                                 : text_of(entry, "ip"));
  return join(out, ",");
}

Json ingress_ports(const Json& o, WallTime) {
  return count(o, "spec.tls") > 0 ? "80, 443" : "80";
}

Json data_count(const Json& o, WallTime) {
  return count(o, "data") + count(o, "binaryData");
}
Json secret_count(const Json& o, WallTime) {
  return count(o, "secrets");
}

Json last_seen(const Json& o, WallTime now) {
  for (const char* path : {"series.lastObservedTime", "lastTimestamp", "eventTime",
                           "firstTimestamp", "metadata.creationTimestamp"})
    if (const std::string stamp = text_of(o, path); !stamp.empty()) return since(stamp, now);
  return "<unknown>";
}
Json event_object(const Json& o, WallTime) {
  return to_lower(text_of(o, "involvedObject.kind")) + "/" + text_of(o, "involvedObject.name");
}

Json budget_min(const Json& o, WallTime) {
  const Json* value = kube::find_path(o, "spec.minAvailable");
  return value == nullptr ? Json("N/A") : value->is_string() ? *value : Json(kube::dump(*value));
}
Json budget_max(const Json& o, WallTime) {
  const Json* value = kube::find_path(o, "spec.maxUnavailable");
  return value == nullptr ? Json("N/A") : value->is_string() ? *value : Json(kube::dump(*value));
}

Json hpa_reference(const Json& o, WallTime) {
  return text_of(o, "spec.scaleTargetRef.kind") + "/" + text_of(o, "spec.scaleTargetRef.name");
}

Json role_ref(const Json& o, WallTime) {
  return text_of(o, "roleRef.kind") + "/" + text_of(o, "roleRef.name");
}

Json node_status(const Json& o, WallTime) {
  const Json* conditions = kube::find_path(o, "status.conditions");
  std::string status = "Unknown";
  if (conditions != nullptr && conditions->is_array())
    for (const Json& condition : *conditions)
      if (text_of(condition, "type") == "Ready")
        status = text_of(condition, "status") == "True" ? "Ready" : "NotReady";
  return kube::get_bool(o, "spec.unschedulable") ? status + ",SchedulingDisabled" : status;
}

Json created_at(const Json& o, WallTime) {
  return text_of(o, "metadata.creationTimestamp");
}
Json age(const Json& o, WallTime now) {
  return since(text_of(o, "metadata.creationTimestamp"), now);
}

CellFn function(std::string_view name) {
  static const std::map<std::string_view, CellFn> kFunctions = {
      {"pod_ready", pod_ready},
      {"pod_status", pod_status},
      {"pod_restarts", pod_restarts},
      {"gates", readiness_gates},
      {"selector", selector},
      {"containers", template_containers},
      {"images", template_images},
      {"deployment_ready", deployment_ready},
      {"completions", job_completions},
      {"duration", job_duration},
      {"ports", service_ports},
      {"external_ip", external_ip},
      {"endpoints", endpoints_cell},
      {"slice_ports", slice_ports},
      {"addresses", slice_addresses},
      {"hosts", ingress_hosts},
      {"address", ingress_address},
      {"ingress_ports", ingress_ports},
      {"data", data_count},
      {"secrets", secret_count},
      {"last_seen", last_seen},
      {"event_object", event_object},
      {"min", budget_min},
      {"max", budget_max},
      {"hpa", hpa_reference},
      {"role", role_ref},
      {"node_status", node_status},
      {"created", created_at},
      {"age", age}};
  const auto it = kFunctions.find(name);
  return it == kFunctions.end() ? nullptr : it->second;
}

// "Column=@function" or "Column=.json.path", ":i" integer, "!" only with -o wide; "_" in a name is
// a space.
constexpr std::pair<const char*, const char*> kNative[] = {
    {"Pod",
     "Ready=@pod_ready Status=@pod_status Restarts=@pod_restarts Age=@age IP=.status.podIP! "
     "Node=.spec.nodeName! Nominated_Node=.status.nominatedNodeName! Readiness_Gates=@gates!"},
    {"Deployment",
     "Ready=@deployment_ready Up-to-date=.status.updatedReplicas:i "
     "Available=.status.availableReplicas:i Age=@age Containers=@containers! Images=@images! "
     "Selector=@selector!"},
    {"ReplicaSet",
     "Desired=.spec.replicas:i Current=.status.replicas:i Ready=.status.readyReplicas:i Age=@age "
     "Containers=@containers! Images=@images! Selector=@selector!"},
    {"StatefulSet", "Ready=@deployment_ready Age=@age Containers=@containers! Images=@images!"},
    {"DaemonSet",
     "Desired=.status.desiredNumberScheduled:i Current=.status.currentNumberScheduled:i "
     "Ready=.status.numberReady:i Age=@age Containers=@containers! Images=@images! "
     "Selector=@selector!"},
    {"Job",
     "Completions=@completions Duration=@duration Age=@age Containers=@containers! Images=@images! "
     "Selector=@selector!"},
    {"CronJob", "Schedule=.spec.schedule Suspend=.spec.suspend Age=@age"},
    {"Service",
     "Type=.spec.type Cluster-IP=.spec.clusterIP External-IP=@external_ip Port(s)=@ports Age=@age "
     "Selector=@selector!"},
    {"Endpoints", "Endpoints=@endpoints Age=@age"},
    {"EndpointSlice", "AddressType=.addressType Ports=@slice_ports Endpoints=@addresses Age=@age"},
    {"Ingress",
     "Class=.spec.ingressClassName Hosts=@hosts Address=@address Ports=@ingress_ports Age=@age"},
    {"IngressClass", "Controller=.spec.controller Age=@age"},
    {"Namespace", "Status=.status.phase Age=@age"},
    {"Node", "Status=@node_status Age=@age Version=.status.nodeInfo.kubeletVersion"},
    {"Secret", "Type=.type Data=@data:i Age=@age"},
    {"ConfigMap", "Data=@data:i Age=@age"},
    {"ServiceAccount", "Secrets=@secrets:i Age=@age"},
    {"Event",
     "Last_Seen=@last_seen Type=.type Reason=.reason Object=@event_object "
     "Source=.source.component! Message=.message Count=.count:i! Name=.metadata.name!"},
    {"PodDisruptionBudget",
     "Min_Available=@min Max_Unavailable=@max Allowed_Disruptions=.status.disruptionsAllowed:i "
     "Age=@age"},
    {"HorizontalPodAutoscaler",
     "Reference=@hpa MinPods=.spec.minReplicas:i MaxPods=.spec.maxReplicas:i "
     "Replicas=.status.currentReplicas:i Age=@age"},
    {"Role", "Created_At=@created"},
    {"ClusterRole", "Created_At=@created"},
    {"RoleBinding", "Role=@role Age=@age"},
    {"ClusterRoleBinding", "Role=@role Age=@age"},
    {"Lease", "Holder=.spec.holderIdentity Age=@age"},
    {"CustomResourceDefinition", "Created_At=@created"},
};

std::vector<Column> parse_columns(std::string_view text, bool event) {
  std::vector<Column> out;
  if (!event) {
    Column name{"Name", "string", "name"};
    name.json_path = ".metadata.name";
    out.push_back(name);
  }
  for (const std::string& word : split(text, ' ')) {
    Column column;
    column.native = true;
    const std::size_t equals = word.find('=');
    column.name = word.substr(0, equals);
    std::replace(column.name.begin(), column.name.end(), '_', ' ');
    column.json_path = word.substr(equals + 1);
    if (column.json_path.back() == '!') {
      column.priority = 1;
      column.json_path.pop_back();
    }
    if (column.json_path.size() > 2 &&
        column.json_path.substr(column.json_path.size() - 2) == ":i") {
      column.type = "integer";
      column.json_path.resize(column.json_path.size() - 2);
    }
    out.push_back(std::move(column));
  }
  return out;
}

Json path_cell(const Column& column, const Json& object, WallTime now) {
  const Json* value = json_path(object, column.json_path);
  if (value == nullptr || value->is_null()) return nullptr;
  if (column.type == "date")
    return value->is_string() ? Json(since(value->get<std::string>(), now)) : Json("<unknown>");
  if (column.type == "integer")
    return value->is_number() ? Json(value->get<std::int64_t>()) : Json(nullptr);
  if (column.type == "number") return value->is_number() ? *value : Json(nullptr);
  if (column.type == "boolean") return value->is_boolean() ? *value : Json(nullptr);
  return value->is_string() ? *value : Json(kube::dump(*value));
}

}  // namespace

std::string human_duration(Seconds duration) {
  const std::int64_t s = duration.count();
  if (s < -1) return "<invalid>";
  if (s < 0) return "0s";
  if (s < 120) return fmt::format("{}s", s);
  const std::int64_t minutes = s / 60, hours = minutes / 60, days = hours / 24;
  const auto pair = [](std::int64_t a, const char* unit_a, std::int64_t b, const char* unit_b) {
    return b == 0 ? fmt::format("{}{}", a, unit_a) : fmt::format("{}{}{}{}", a, unit_a, b, unit_b);
  };
  if (minutes < 10) return pair(minutes, "m", s % 60, "s");
  if (minutes < 180) return fmt::format("{}m", minutes);
  if (hours < 8) return pair(hours, "h", minutes % 60, "m");
  if (hours < 48) return fmt::format("{}h", hours);
  if (hours < 192) return pair(days, "d", hours % 24, "h");
  if (days < 730) return fmt::format("{}d", days);
  if (days < 2920) return pair(days / 365, "y", days % 365, "d");
  return fmt::format("{}y", days / 365);
}

Json ColumnSet::cells(const Json& object, WallTime now) const {
  Json out = Json::array();
  for (const Column& column : columns) {
    if (column.json_path.rfind('@', 0) == 0) {
      const CellFn fn = function(std::string_view(column.json_path).substr(1));
      out.push_back(fn == nullptr ? Json(nullptr) : fn(object, now));
      continue;
    }
    Json cell = path_cell(column, object, now);
    if (cell.is_null() && column.native) cell = column.type == "integer" ? Json(0) : Json("<none>");
    out.push_back(std::move(cell));
  }
  return out;
}

ColumnSet columns_for(const ResourceDef& def, const Version& version) {
  ColumnSet out;
  if (!def.custom) {
    for (const auto& [kind, text] : kNative) {
      if (def.kind != kind) continue;
      out.columns = parse_columns(text, def.kind == "Event");
      return out;
    }
    out.columns = parse_columns("Age=@age", false);
    return out;
  }
  Column name{"Name", "string", "name"};
  name.json_path = ".metadata.name";
  out.columns.push_back(name);
  for (const Column& column : version.columns) out.columns.push_back(column);
  return out;
}

}  // namespace sluice::apiserver::server
