#include "kube/model/objects.h"

#include <fmt/core.h>

#include <limits>

#include "kube/model/time_field.h"

namespace sluice::kube {

namespace {

// Reads fields and keeps the first thing that was of the wrong type: an object that is wrong in one
// place is still an object, with a decode_error.
class Fields {
 public:
  explicit Fields(std::optional<Error>& error) : error_(error) {}

  std::int32_t int32(Node node, std::string_view path, std::int32_t fallback) {
    if (node.absent()) return fallback;
    const auto value = node.as_int();
    constexpr auto kMin = std::numeric_limits<std::int32_t>::min();
    constexpr auto kMax = std::numeric_limits<std::int32_t>::max();
    if (value && *value >= kMin && *value <= kMax) return static_cast<std::int32_t>(*value);
    return wrong(path, "a 32-bit integer"), fallback;
  }
  std::string string(Node node, std::string_view path) {
    if (node.absent()) return {};
    if (const auto value = node.as_string()) return std::string(*value);
    return wrong(path, "a string"), std::string();
  }
  // Present and of another type is wrong; absent is not.
  Node typed(Node node, Node::Type type, std::string_view path) {
    if (node.absent() || node.type() == type) return node;
    return wrong(path, type == Node::Type::Array ? "a list" : "an object"), Node();
  }
  void wrong(std::string_view path, std::string_view expected) {
    if (!error_)
      error_ = Error{ErrorCode::Decode, fmt::format("{} must be {}", path, expected), std::nullopt};
  }

 private:
  std::optional<Error>& error_;
};

RawJson raw_of(Node object) {
  return std::make_shared<const std::string>(object.raw_object());
}

// An object without a name cannot be cached or written; say so.
void check_meta(const Meta& meta, Fields& fields) {
  if (meta.key.name.empty()) fields.wrong("metadata.name", "a non-empty string");
}

std::string int_or_string(Node node) {
  if (const auto number = node.as_int()) return std::to_string(*number);
  return node.string_or();
}

OwnerReference decode_owner(Node node) {
  return {node["apiVersion"].string_or(),    node["kind"].string_or(),
          node["name"].string_or(),          node["uid"].string_or(),
          node["controller"].bool_or(false), node["blockOwnerDeletion"].bool_or(false)};
}

}  // namespace

Identity decode_identity(Node object) {
  const Node node = object["metadata"];
  return {{node["namespace"].string_or(), node["name"].string_or()},
          node["uid"].string_or(),
          node["resourceVersion"].string_or()};
}

Meta decode_meta(Node object) {
  const Node node = object["metadata"];
  Meta meta;
  Identity identity = decode_identity(object);
  meta.key = std::move(identity.key);
  meta.uid = std::move(identity.uid);
  meta.resource_version = std::move(identity.resource_version);
  meta.generation = node["generation"].int_or(0);
  meta.labels = node["labels"].string_map();
  meta.annotations = node["annotations"].string_map();
  node["ownerReferences"].each_element(
      [&](Node owner) { meta.owners.push_back(decode_owner(owner)); });
  node["finalizers"].each_element([&](Node name) {
    if (const auto text = name.as_string()) meta.finalizers.emplace_back(*text);
  });
  meta.created_at = time_of(node["creationTimestamp"]).value_or(WallTime{});
  meta.deleted_at = time_of(node["deletionTimestamp"]);
  return meta;
}

std::vector<Condition> decode_conditions(Node list) {
  std::vector<Condition> out;
  out.reserve(list.size());
  list.each_element([&](Node node) {
    out.push_back({node["type"].string_or(), node["status"].string_or(), node["reason"].string_or(),
                   node["message"].string_or(), time_of(node["lastUpdateTime"]),
                   time_of(node["lastTransitionTime"])});
  });
  return out;
}

ReplicaSet decode_replica_set(Node object) {
  ReplicaSet out;
  Fields fields(out.decode_error);
  out.meta = decode_meta(object);
  out.raw = raw_of(object);
  check_meta(out.meta, fields);
  const Node spec = fields.typed(object["spec"], Node::Type::Object, "spec");
  out.replicas = fields.int32(spec["replicas"], "spec.replicas", 1);
  out.min_ready_seconds = fields.int32(spec["minReadySeconds"], "spec.minReadySeconds", 0);
  out.selector =
      decode_selector(fields.typed(spec["selector"], Node::Type::Object, "spec.selector"));
  const Node status = fields.typed(object["status"], Node::Type::Object, "status");
  out.status_replicas = fields.int32(status["replicas"], "status.replicas", 0);
  out.ready_replicas = fields.int32(status["readyReplicas"], "status.readyReplicas", 0);
  out.available_replicas = fields.int32(status["availableReplicas"], "status.availableReplicas", 0);
  out.observed_generation = status["observedGeneration"].int_or(0);
  out.conditions =
      decode_conditions(fields.typed(status["conditions"], Node::Type::Array, "status.conditions"));
  return out;
}

Service decode_service(Node object) {
  Service out;
  Fields fields(out.decode_error);
  out.meta = decode_meta(object);
  out.raw = raw_of(object);
  check_meta(out.meta, fields);
  const Node spec = fields.typed(object["spec"], Node::Type::Object, "spec");
  out.selector = fields.typed(spec["selector"], Node::Type::Object, "spec.selector").string_map();
  out.type = fields.string(spec["type"], "spec.type");
  fields.typed(spec["ports"], Node::Type::Array, "spec.ports").each_element([&](Node port) {
    ServicePort decoded;
    decoded.name = port["name"].string_or();
    decoded.port = fields.int32(port["port"], "spec.ports.port", 0);
    decoded.target_port = int_or_string(port["targetPort"]);
    out.ports.push_back(std::move(decoded));
  });
  return out;
}

Object decode_object(Node object) {
  Object out;
  Fields fields(out.decode_error);
  out.meta = decode_meta(object);
  out.raw = raw_of(object);
  check_meta(out.meta, fields);
  return out;
}

Pod decode_pod(Node object) {
  Pod out;
  Fields fields(out.decode_error);
  out.meta = decode_meta(object);
  check_meta(out.meta, fields);
  const Node status = fields.typed(object["status"], Node::Type::Object, "status");
  out.phase = fields.string(status["phase"], "status.phase");
  out.ip = fields.string(status["podIP"], "status.podIP");
  out.reason = status["reason"].string_or();
  const Node spec = fields.typed(object["spec"], Node::Type::Object, "spec");
  out.node_name = spec["nodeName"].string_or();
  spec["containers"].each_element(
      [&](Node container) { out.images.push_back(container["image"].string_or()); });
  status["conditions"].each_element([&](Node condition) {
    if (condition["type"].as_string() != "Ready") return;
    out.ready = condition["status"].as_string() == "True";
    if (out.ready) out.ready_since = time_of(condition["lastTransitionTime"]);
  });
  for (const std::string_view list : {"initContainerStatuses", "containerStatuses"}) {
    status[list].each_element([&](Node container) {
      out.restarts +=
          fields.int32(container["restartCount"], "status.containerStatuses.restartCount", 0);
      const Node waiting = container["state"]["waiting"];
      if (!out.waiting_reason.empty() || waiting.absent()) return;
      out.waiting_reason = waiting["reason"].string_or();
      out.waiting_message = waiting["message"].string_or();
      out.waiting_container = container["name"].string_or();
    });
  }
  return out;
}

Job decode_job(Node object) {
  Job out;
  Fields fields(out.decode_error);
  out.meta = decode_meta(object);
  out.raw = raw_of(object);
  check_meta(out.meta, fields);
  const Node status = fields.typed(object["status"], Node::Type::Object, "status");
  out.active = fields.int32(status["active"], "status.active", 0);
  out.succeeded = fields.int32(status["succeeded"], "status.succeeded", 0);
  out.failed = fields.int32(status["failed"], "status.failed", 0);
  out.conditions =
      decode_conditions(fields.typed(status["conditions"], Node::Type::Array, "status.conditions"));
  return out;
}

Lease decode_lease(Node object) {
  Lease out;
  out.meta = decode_meta(object);
  const Node spec = object["spec"];
  out.holder = spec["holderIdentity"].string_or();
  out.duration_seconds = static_cast<std::int32_t>(spec["leaseDurationSeconds"].int_or(0));
  out.transitions = static_cast<std::int32_t>(spec["leaseTransitions"].int_or(0));
  out.acquire_time = time_of(spec["acquireTime"]);
  out.renew_time = time_of(spec["renewTime"]);
  return out;
}

}  // namespace sluice::kube
