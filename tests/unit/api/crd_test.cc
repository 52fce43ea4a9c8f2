// crds/*.yaml: what kubectl applies (clients.md §6.3, first-release contract §6).
#include "tests/unit/api/crd.h"

#include "api/resources.h"
#include "kube/schema/typed_json.h"

namespace sluice::api::test {
namespace {

using kube::MemberKind;
using kube::TypedSchema;
using kube::TypedStruct;

constexpr std::size_t kMaxBytes = 200'000;

const kube::Json& version_of(const kube::Json& crd) {
  return kube::find_path(crd, "spec.versions")->front();
}

TEST(Crds, are_small_enough_for_a_client_side_apply) {
  for (const auto& file : crd_files()) {
    const auto size = kube::dump(load_crd(file)).size();
    EXPECT_GT(size, 1'000U) << file;
    EXPECT_LT(size, kMaxBytes) << file;
  }
}

TEST(Crds, have_the_names_scopes_and_short_names_of_the_reference) {
  struct Expected {
    kube::ResourceType type;
    const char* singular;
    const char* short_name;
  };
  const Expected kinds[] = {{kRollouts, "rollout", "ro"},
                            {kAnalysisTemplates, "analysistemplate", "at"},
                            {kClusterAnalysisTemplates, "clusteranalysistemplate", "cat"},
                            {kAnalysisRuns, "analysisrun", "ar"},
                            {kExperiments, "experiment", "exp"}};
  for (const auto& e : kinds) {
    const auto crd = load_crd(std::string(e.type.resource));
    EXPECT_EQ(kube::get_string(crd, "apiVersion"), "apiextensions.k8s.io/v1");
    EXPECT_EQ(kube::get_string(crd, "kind"), "CustomResourceDefinition");
    EXPECT_EQ(kube::get_string(crd, "metadata.name"),
              std::string(e.type.resource) + ".argoproj.io");
    EXPECT_EQ(kube::get_string(crd, "spec.group"), e.type.group);
    EXPECT_EQ(kube::get_string(crd, "spec.scope"), e.type.namespaced ? "Namespaced" : "Cluster");
    const auto* names = kube::find_path(crd, "spec.names");
    ASSERT_NE(names, nullptr);
    EXPECT_EQ(kube::get_string(*names, "kind"), e.type.kind);
    EXPECT_EQ(kube::get_string(*names, "listKind"), std::string(e.type.kind) + "List");
    EXPECT_EQ(kube::get_string(*names, "singular"), e.singular);
    EXPECT_EQ(kube::dump(member(*names, "shortNames")), "[\"" + std::string(e.short_name) + "\"]");
    const auto& version = version_of(crd);
    EXPECT_EQ(kube::get_string(version, "name"), "v1alpha1");
    EXPECT_TRUE(kube::get_bool(version, "served") && kube::get_bool(version, "storage"));
    EXPECT_EQ(kube::find_path(version, "subresources.status") != nullptr, e.type.status_subresource)
        << e.type.resource;
  }
}

TEST(Crds, the_rollout_has_scale_and_status_and_five_columns) {
  const auto crd = load_crd("rollouts");
  const auto& version = version_of(crd);
  EXPECT_EQ(
      kube::dump(member(version, "subresources")),
      R"({"scale":{"labelSelectorPath":".status.selector","specReplicasPath":".spec.replicas","statusReplicasPath":".status.HPAReplicas"},"status":{}})");
  std::string columns;
  for (const auto& column : member(version, "additionalPrinterColumns"))
    columns += kube::get_string(column, "name") + "=" + kube::get_string(column, "jsonPath") + ":" +
               kube::get_string(column, "type") + " ";
  EXPECT_EQ(columns,
            "Desired=.spec.replicas:integer Current=.status.replicas:integer "
            "Up-to-date=.status.updatedReplicas:integer "
            "Available=.status.availableReplicas:integer Age=.metadata.creationTimestamp:date ");
}

TEST(Crds, runs_and_experiments_show_their_phase) {
  for (const char* file : {"analysisruns", "experiments"}) {
    const auto crd = load_crd(file);
    const auto& columns = member(version_of(crd), "additionalPrinterColumns");
    ASSERT_EQ(columns.size(), 2U);
    EXPECT_EQ(kube::get_string(columns[0], "name") + kube::get_string(columns[0], "jsonPath"),
              "Status.status.phase");
    EXPECT_EQ(kube::get_string(columns[1], "name"), "Age");
  }
}

// Structural, as the API server demands: a type everywhere, no CEL, required members exist, list
// keys are usable.
void check_structure(const kube::Json& schema, const std::string& path) {
  EXPECT_FALSE(schema.contains("x-kubernetes-validations")) << path;
  const bool typed =
      schema.contains("type") || member(schema, "x-kubernetes-int-or-string") == true;
  EXPECT_TRUE(typed) << path;
  for (const auto& name : member(schema, "required"))
    EXPECT_TRUE(member(schema, "properties").contains(name.get<std::string>())) << path;
  if (member(schema, "x-kubernetes-list-type") == "map") {
    const auto& items = member(schema, "items");
    for (const auto& key : member(schema, "x-kubernetes-list-map-keys")) {
      const auto name = key.get<std::string>();
      const auto& required = member(items, "required");
      const bool is_required = std::find(required.begin(), required.end(), key) != required.end();
      EXPECT_TRUE(is_required || member(member(items, "properties"), name).contains("default"))
          << path << " key " << name;
    }
  }
  if (schema.contains("items")) check_structure(schema["items"], path + "[]");
  if (schema.contains("additionalProperties"))
    check_structure(schema["additionalProperties"], path + "{}");
  for (const auto& [name, property] : member(schema, "properties").items())
    check_structure(property, path + "." + name);
}

TEST(Crds, are_structural_and_without_cel) {
  for (const auto& file : crd_files()) check_structure(schema_of(load_crd(file)), file);
}

void check_descriptions(const kube::Json& schema, const std::string& path) {
  for (const auto& [name, property] : member(schema, "properties").items()) {
    if (name == "metadata" || name == "template" || name == "selector") continue;  // native types
    EXPECT_FALSE(kube::get_string(property, "description").empty()) << path << "." << name;
    check_descriptions(property, path + "." + name);
    check_descriptions(member(property, "items"), path + "." + name + "[]");
  }
}

TEST(Crds, explain_each_of_our_own_fields) {
  for (const auto& file : crd_files()) check_descriptions(schema_of(load_crd(file)), file);
}

TEST(Crds, type_the_pod_template_in_full) {
  const auto schema = schema_of(load_crd("rollouts"));
  const auto* pod = kube::find_path(schema, "properties.spec.properties.template.properties.spec");
  ASSERT_NE(pod, nullptr);
  const auto& properties = member(*pod, "properties");
  EXPECT_GE(properties.size(), 38U);
  const auto& container = member(member(member(properties, "containers"), "items"), "properties");
  EXPECT_EQ(kube::get_string(container, "ports.items.properties.protocol.default"), "TCP");
  EXPECT_EQ(kube::get_string(container, "livenessProbe.properties.periodSeconds.type"), "integer");
  EXPECT_TRUE(kube::get_bool(container,
                             "resources.properties.limits.x-kubernetes-preserve-unknown-fields"));
  EXPECT_TRUE(kube::get_bool(properties, "volumes.items.x-kubernetes-preserve-unknown-fields"));
  const auto* metadata =
      kube::find_path(schema, "properties.spec.properties.template.properties.metadata.properties");
  ASSERT_NE(metadata, nullptr);
  EXPECT_EQ(metadata->size(), 2U);
}

// The generated files are no older than the description that hashing uses.
void check_members(const kube::Json& schema, const TypedStruct& type, const std::string& path) {
  if (member(schema, "x-kubernetes-preserve-unknown-fields") == true) return;
  const auto& properties = member(schema, "properties");
  std::size_t known = 0;
  for (const auto& m : type.members) {
    if (type.name == "ObjectMeta" && m.name != "labels" && m.name != "annotations") continue;
    ++known;
    ASSERT_TRUE(properties.contains(m.name)) << path << "." << m.name;
    const bool nested = m.kind == MemberKind::Struct || m.kind == MemberKind::StructList ||
                        m.kind == MemberKind::StructMap;
    if (!nested) continue;
    const auto& property = properties[m.name];
    const auto& inner = m.kind == MemberKind::StructList ? member(property, "items") : property;
    check_members(inner, *m.type, path + "." + m.name);
  }
  EXPECT_EQ(properties.size(), known) << path;
}

TEST(Crds, know_the_members_of_the_pod_template_that_hashing_knows) {
  const auto& schema = schema_of_kind("Rollout");
  const auto* pod_template = kube::find_path(schema, "properties.spec.properties.template");
  ASSERT_NE(pod_template, nullptr);
  check_members(*pod_template, TypedSchema::pods().type("PodTemplateSpec"), "template");
}

class CrdFixtures : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(TakeOver, CrdFixtures, testing::ValuesIn(fixture_names()), test_name);

TEST_P(CrdFixtures, lose_nothing_to_pruning_and_fit_the_types) {
  for (const auto& object : fixture_objects(GetParam())) {
    if (!kube::get_string(object, "apiVersion").starts_with("argoproj.io/")) continue;
    const auto kind = kube::get_string(object, "kind");
    const auto& schema = schema_of_kind(kind);
    ASSERT_FALSE(schema.empty()) << kind;
    EXPECT_EQ(kube::dump(pruned(object, schema, true)), kube::dump(object)) << kind;
    std::vector<std::string> problems;
    auto bare = object;
    bare.erase("metadata");
    check_types(bare, schema, kind, problems);
    EXPECT_THAT(problems, testing::IsEmpty());
  }
}

TEST(CrdPruning, takes_away_what_nobody_knows) {
  const auto schema = schema_of_kind("Rollout");
  const auto object = parse(
      R"({"metadata":{"x":1},"spec":{"bogus":1,"template":{"metadata":{"name":"n","labels":{"a":"b"}},
      "spec":{"containers":[{"name":"c","bogus":1,"resources":{"limits":{"odd":1}}}],"volumes":[{"name":"v","newSource":{"x":1}}]}}}})");
  EXPECT_EQ(
      kube::dump(pruned(object, schema, true)),
      R"({"metadata":{"x":1},"spec":{"template":{"metadata":{"labels":{"a":"b"}},)"
      R"("spec":{"containers":[{"name":"c","resources":{"limits":{"odd":1}}}],"volumes":[{"name":"v","newSource":{"x":1}}]}}}})");
}

TEST(CrdPruning, keeps_free_form_values) {
  const auto object = parse(
      R"({"spec":{"metrics":[{"name":"m","provider":{"plugin":{"a/b":{"c":[1]}},"web":{"url":"u","jsonBody":{"x":{"y":1}}}}}]}})");
  for (const char* kind : {"AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun"})
    EXPECT_EQ(kube::dump(pruned(object, schema_of_kind(kind), true)), kube::dump(object)) << kind;
}

}  // namespace
}  // namespace sluice::api::test
