// Types of Kubernetes are described in three tables, each for what only it says: the order and the
// omissions of Go (kube/schema), the server's built-in kinds (native_types.cc), protobuf's numbers
// (protobuf_messages.cc). What two of them say must be the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "apiserver/server/protobuf.h"
#include "apiserver/server/schema.h"
#include "base/strings.h"
#include "kube/schema/typed_json.h"

namespace sluice::apiserver::server {
namespace {

using kube::MemberKind;
using kube::TypedMember;
using kube::TypedSchema;
using kube::TypedStruct;

TEST(StrategicSchema, KnowsWhereListsMergeByKey) {
  const struct {
    std::string_view kind, path, key;
  } rows[] = {
      {"Pod", "spec.containers", "name"},
      {"Pod", "status.podIPs", "ip"},
      {"Pod", "status.hostIPs", "ip"},
      {"Pod", "status.conditions", "type"},
      {"Pod", "spec.resourceClaims", "name"},
      {"Pod", "spec.schedulingGates", "name"},
      {"Deployment", "spec.template.spec.containers", "name"},
      {"CronJob", "spec.jobTemplate.spec.template.spec.initContainers", "name"},
      {"ReplicaSet", "spec.template.spec.containers.env", "name"},
      {"Deployment", "spec.template.spec.containers.ports", "containerPort"},
      {"Deployment", "spec.template.spec.ephemeralContainers.volumeMounts", "mountPath"},
      {"Deployment", "spec.template.spec.containers.volumeDevices", "devicePath"},
      {"Deployment", "spec.template.spec.containers.envFrom", ""},
      {"Deployment", "spec.template.spec.containers.args", ""},
      {"Deployment", "spec.template.spec.volumes", "name"},
      {"Deployment", "spec.template.spec.tolerations", ""},
      {"Deployment", "spec.template.spec.imagePullSecrets", "name"},
      {"Deployment", "spec.template.spec.hostAliases", "ip"},
      {"Deployment", "spec.template.spec.topologySpreadConstraints", "topologyKey"},
      {"Deployment", "spec.template.metadata.finalizers", "="},
      {"Deployment", "metadata.ownerReferences", "uid"},
      {"Deployment", "status.conditions", "type"},
      {"Service", "spec.ports", "port"},
      {"Ingress", "spec.rules", ""},
      {"Node", "status.addresses", "type"},
      {"Node", "spec.podCIDRs", "="},
      {"ServiceAccount", "secrets", "name"},
      {"ServiceAccount", "imagePullSecrets", "name"},
      {"Endpoints", "subsets", ""},
      {"Lease", "metadata.finalizers", "="},
      {"Lease", "", ""},
      {"no such kind", "metadata.finalizers", "="},
      {"no such kind", "spec.containers", ""},
  };
  for (const auto& row : rows)
    EXPECT_EQ(NativeMergeKeys(native_type(row.kind)).merge_key(row.path), row.key)
        << row.kind << " " << row.path;
}

// ---- the pod template, as hashes see it and as the server sees it ----

constexpr std::string_view kPodTemplateTypes =
#include "kube/schema/pod_template_types.inc"
    ;

// "Type.member" → "key,key", of the lists that have them.
std::map<std::string, std::string> list_keys() {
  std::map<std::string, std::string> out;
  for (const std::string& line : split(kPodTemplateTypes, '\n')) {
    if (line.empty() || line.front() == '#') continue;
    const auto words = split(line, ' ');
    const std::string type = words.front().substr(0, words.front().size() - 1);
    for (const std::string& word : words)
      if (const auto at = word.find('@'); at != std::string::npos)
        out[type + "." + word.substr(0, word.find_first_of("!^~:"))] = word.substr(at + 1);
  }
  return out;
}

std::string kind_of(MemberKind kind) {
  switch (kind) {
    case MemberKind::String:
      return "string";
    case MemberKind::Int:
      return "int";
    case MemberKind::Bool:
      return "bool";
    case MemberKind::Time:
      return "time";
    case MemberKind::Quantity:
    case MemberKind::QuantityValue:
      return "quantity";
    case MemberKind::IntOrString:
      return "intstr";
    case MemberKind::Any:
      return "any";
    case MemberKind::StringList:
      return "[string]";
    case MemberKind::IntList:
      return "[int]";
    case MemberKind::StringMap:
      return "{string}";
    case MemberKind::QuantityMap:
      return "{quantity}";
    case MemberKind::StructList:
      return "[struct]";
    case MemberKind::StructMap:
      return "{struct}";
    case MemberKind::Struct:
      return "struct";
  }
  return "";
}

std::string kind_of(const Schema& schema) {
  if (schema.type == Schema::Type::Array) return "[" + kind_of(*schema.items) + "]";
  if (schema.is_map()) return "{" + kind_of(*schema.additional) + "}";
  if (schema.type == Schema::Type::Object) return "struct";
  return schema.type == Schema::Type::Integer ? "int" : schema.go_type;
}

// Where the server's table stops: it keeps what is below as it came.
bool opaque(const std::string& kind) {
  return kind == "any" || kind == "[any]";
}

class Comparison {
 public:
  void compare(const TypedStruct& typed, const Schema& native, const std::string& path) {
    if (!seen_.insert({&typed, &native}).second) return;
    for (const TypedMember& member : typed.members) {
      const auto it = native.properties.find(member.name);
      if (it == native.properties.end())
        missing.insert(typed.name + "." + member.name);
      else
        compare_member(typed, member, it->second, path);
    }
    for (const auto& [name, field] : native.properties)
      if (typed.find(name) == nullptr) extra.insert(typed.name + "." + name);
  }
  std::set<std::string> missing, extra;  // in the server's table
  int members = 0, lists = 0;

 private:
  void compare_member(const TypedStruct& typed, const TypedMember& member, const Field& field,
                      const std::string& path) {
    const Schema& schema = *field.schema;
    const std::string where = path + "." + member.name;
    const std::string kind = kind_of(schema);
    ++members;
    if (opaque(kind)) return;
    EXPECT_EQ(kind, kind_of(member.kind)) << where;
    if (kind.front() == '[') compare_list(typed, member, schema, where);
    const bool scalar = kind == "string" || kind == "int" || kind == "bool";
    if (scalar) {
      const Presence expected = member.pointer  ? Presence::Pointer
                                : member.always ? Presence::Always
                                                : Presence::OmitZero;
      EXPECT_EQ(static_cast<int>(field.presence), static_cast<int>(expected)) << where;
    }
    if (member.type == nullptr) return;
    const Schema& inner = schema.type == Schema::Type::Array ? *schema.items : schema;
    compare(*member.type, inner, where);
  }
  void compare_list(const TypedStruct& typed, const TypedMember& member, const Schema& schema,
                    const std::string& where) {
    const auto it = keys_.find(typed.name + "." + member.name);
    if (schema.list == Schema::ListKind::Map) ++lists;
    if (typed.name == "ObjectMeta" || where.ends_with(".volumes")) return;  // no lists of the CRDs
    EXPECT_EQ(join(schema.map_keys, ","), it == keys_.end() ? "" : it->second) << where;
  }

  const std::map<std::string, std::string> keys_ = list_keys();
  std::set<std::pair<const TypedStruct*, const Schema*>> seen_;
};

TEST(TypeDescriptions, OfThePodTemplateAgreeForHashesAndForTheServer) {
  Comparison comparison;
  comparison.compare(TypedSchema::pods().type("PodTemplateSpec"), *native_type("PodTemplateSpec"),
                     "template");
  EXPECT_GT(comparison.members, 200);
  EXPECT_GT(comparison.lists, 8);
  // The server is one of 1.30; hashes know the types of 1.34.
  EXPECT_THAT(
      comparison.missing,
      testing::ElementsAre("Container.restartPolicyRules", "EnvVarSource.fileKeyRef",
                           "EphemeralContainer.restartPolicyRules",
                           "PodSecurityContext.seLinuxChangePolicy", "PodSpec.hostnameOverride"));
  // One type stands for both kinds of containers; clusterName was a member until 1.23.
  EXPECT_THAT(comparison.extra,
              testing::ElementsAre("Container.targetContainerName", "ObjectMeta.clusterName"));
}

// ---- protobuf ----

using Members = std::map<std::string, std::string>;  // name → kind
using Messages = std::map<std::string, Members>;

Messages protobuf_messages() {
  Messages out;
  for (std::string_view text : {kProtobufCore, kProtobufWorkloads, kProtobufRest})
    for (const std::string& line : split(text, '\n')) {
      const auto equals = line.find("= ");
      if (equals == std::string::npos) continue;
      for (const std::string& word : split(line.substr(equals + 2), ' '))
        if (const auto parts = split(word, ':'); parts.size() == 3)
          out[line.substr(0, equals)][parts[1]] = parts[2];
    }
  return out;
}

// With the members of the messages that appear in it.
Members members_of(const Messages& messages, const std::string& name) {
  Members out;
  const auto message = messages.find(name);
  if (message == messages.end()) return out;
  for (const auto& [member, type] : message->second) {
    if (type.front() == '+')
      out.merge(members_of(messages, type.substr(1)));
    else
      out[member] = type;
  }
  return out;
}

// "[Container]" → "[struct]".
std::string kind_of_protobuf(std::string type) {
  static const std::map<std::string, std::string> kKinds = {
      {"s", "string"},     {"i", "int"},         {"b", "bool"},       {"q", "quantity"},
      {"x", "intstr"},     {"t", "time"},        {"[s]", "[string]"}, {"[i]", "[int]"},
      {"{s}", "{string}"}, {"{q}", "{quantity}"}};
  if (const auto it = kKinds.find(type); it != kKinds.end()) return it->second;
  return type.front() == '[' ? "[struct]" : "struct";
}

TEST(TypeDescriptions, OfThePodTemplateAgreeForHashesAndForProtobuf) {
  const Messages messages = protobuf_messages();
  std::set<std::string> missing, extra;
  int types = 0;
  for (const auto& [name, declared] : messages) {
    const TypedStruct* typed = TypedSchema::pods().find(name);
    if (typed == nullptr) continue;
    ++types;
    Members members = members_of(messages, name);
    for (const TypedMember& member : typed->members) {
      const auto it = members.find(member.name);
      if (it == members.end()) {
        missing.insert(name + "." + member.name);
        continue;
      }
      EXPECT_EQ(kind_of_protobuf(it->second), kind_of(member.kind)) << name << "." << member.name;
      members.erase(it);
    }
    for (const auto& [rest, type] : members) extra.insert(name + "." + rest);
  }
  EXPECT_GT(types, 90);
  // What a body has of these is skipped: they are of releases newer than the server claims to be,
  // and managedFields are the server's own.
  EXPECT_THAT(missing,
              testing::ElementsAre("Container.restartPolicyRules", "EnvVarSource.fileKeyRef",
                                   "EphemeralContainer.restartPolicyRules",
                                   "ObjectMeta.managedFields", "VolumeProjection.podCertificate"));
  // Numbers that later releases gave out.
  EXPECT_THAT(extra, testing::ElementsAre(
                         "ClusterTrustBundleProjection.user", "ConfigMapVolumeSource.defaultUser",
                         "DownwardAPIVolumeFile.user", "DownwardAPIVolumeSource.defaultUser",
                         "EmptyDirVolumeSource.mode", "GRPCAction.mode", "HTTPGetAction.protocol",
                         "KeyToPath.user", "ProjectedVolumeSource.defaultUser",
                         "SecretVolumeSource.defaultUser", "ServiceAccountTokenProjection.user",
                         "VolumeMount.bindMountOptions"));
}

}  // namespace
}  // namespace sluice::apiserver::server
