// Every field of the schemas is implemented or refused; nothing is forgotten and nothing is
// guessed.
#include "api/support.h"

#include <cstdlib>

#include "tests/unit/api/crd.h"

namespace sluice::api::test {
namespace {

// A value that the schema allows and that says something.
kube::Json sample(const kube::Json& schema) {
  if (member(schema, "x-kubernetes-int-or-string") == true) return 1;
  if (const auto& choices = member(schema, "enum"); choices.is_array()) return choices.front();
  const auto type = kube::get_string(schema, "type");
  if (type == "integer") return 1;
  if (type == "boolean") return true;
  if (type == "array") return kube::Json::array({sample(member(schema, "items"))});
  if (type != "object")
    return kube::get_string(schema, "format") == "date-time" ? "2026-01-01T00:00:00Z" : "x";
  kube::Json out = kube::Json::object();
  if (member(schema, "additionalProperties").is_object())
    out["key"] = sample(schema["additionalProperties"]);
  if (member(schema, "x-kubernetes-preserve-unknown-fields") == true) out["key"] = "x";
  for (const auto& name : member(schema, "required")) {
    const auto key = name.get<std::string>();
    out[key] = sample(member(member(schema, "properties"), key));
  }
  return out;
}

struct Leaf {
  std::string path;   // "spec.strategy.canary.steps[].setWeight"
  kube::Json object;  // the smallest object that uses it
};

// Visits every leaf of `schema`; `wrap` puts a value of this schema into a whole object.
void walk(const kube::Json& schema, const std::string& path,
          const std::function<kube::Json(kube::Json)>& wrap, std::vector<Leaf>& out) {
  if (path == "spec.template" || path == "spec.selector" ||
      path == "spec.metrics[].provider.job.spec") {
    out.push_back({path, wrap(sample(schema))});
    return;
  }
  if (schema.contains("items")) {
    walk(
        schema["items"], path + "[]",
        [&](kube::Json value) { return wrap(kube::Json::array({std::move(value)})); }, out);
    return;
  }
  const auto& properties = member(schema, "properties");
  if (!properties.is_object() || properties.empty()) {
    out.push_back({path, wrap(sample(schema))});
    return;
  }
  for (const auto& [name, property] : properties.items()) {
    const std::string key = name;
    walk(
        property, path + "." + key,
        [&](kube::Json value) {
          kube::Json object = kube::Json::object();
          object[key] = std::move(value);
          return wrap(std::move(object));
        },
        out);
  }
}

std::vector<Leaf> leaves(const std::string& kind) {
  std::vector<Leaf> out;
  const auto schema = schema_of_kind(kind);
  const auto& spec = member(member(schema, "properties"), "spec");
  walk(
      spec, "spec",
      [](kube::Json value) {
        return kube::Json{{"metadata", {{"name", "x"}}}, {"spec", std::move(value)}};
      },
      out);
  return out;
}

std::string without_indexes(std::string text) {
  for (std::size_t at = 0; (at = text.find('[', at)) != std::string::npos; ++at)
    text.erase(at + 1, text.find(']', at) - at - 1);
  return text;
}

std::optional<Unsupported> refusal(const std::string& kind, const kube::Json& object) {
  const auto text = kube::dump(object);
  if (kind == "Rollout") return unsupported(decode_with(decode_rollout, text));
  if (kind == "AnalysisRun") return unsupported(decode_with(decode_analysis_run, text).spec);
  return unsupported(decode_with(decode_analysis_template, text).spec);
}

class Support : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Kinds, Support,
                         testing::Values("Rollout", "AnalysisTemplate", "ClusterAnalysisTemplate",
                                         "AnalysisRun"),
                         test_name);

TEST_P(Support, each_leaf_of_the_schema_is_implemented_or_refused) {
  const auto scope = GetParam() == "Rollout" ? SupportScope::Rollout : SupportScope::Analysis;
  const auto all = leaves(GetParam());
  EXPECT_GT(all.size(), 50U);
  for (const auto& leaf : all) {
    const auto* entry = find_support(scope, leaf.path);
    ASSERT_NE(entry, nullptr) << leaf.path << " is in no table";
    const auto refused = refusal(GetParam(), leaf.object);
    EXPECT_EQ(refused.has_value(), entry->refused())
        << leaf.path << " in " << kube::dump(leaf.object);
    if (!refused) continue;
    EXPECT_EQ(without_indexes(refused->field), entry->path) << leaf.path;
    EXPECT_EQ(refused->remedy, entry->remedy) << leaf.path;
  }
}

TEST(SupportTable, names_no_path_that_the_schemas_lack) {
  std::map<SupportScope, std::vector<std::string>> known;
  for (const std::string kind : {"Rollout", "AnalysisTemplate", "AnalysisRun"})
    for (const auto& leaf : leaves(kind))
      known[kind == "Rollout" ? SupportScope::Rollout : SupportScope::Analysis].push_back(
          leaf.path);
  for (const auto& entry : support_table()) {
    const auto& paths = known[entry.scope];
    const bool used = std::any_of(paths.begin(), paths.end(), [&](const auto& path) {
      return find_support(entry.scope, path) == &entry;
    });
    EXPECT_TRUE(used) << entry.path;
  }
}

TEST(SupportTable, a_path_that_nobody_knows_has_no_entry) {
  EXPECT_EQ(find_support(SupportScope::Rollout, "spec.strategy.canary.steps[].teleport"), nullptr);
  EXPECT_EQ(find_support(SupportScope::Rollout, "spec.replicasX"), nullptr);
}

TEST(SupportTable, every_kind_of_the_group_is_implemented_or_refused) {
  for (const auto& file : crd_files()) {
    const auto kind = kube::get_string(load_crd(file), "spec.names.kind");
    const auto refused = unsupported_kind(kind);
    EXPECT_EQ(refused.has_value(), kind == "Experiment") << kind;
    EXPECT_TRUE(!refused || !refused->remedy.empty());
  }
}

TEST(SupportDocs, say_what_the_table_says) {
  const auto path = source_dir() / "docs/reference/support.md";
  if (std::getenv("SLUICE_UPDATE_DOCS") != nullptr) std::ofstream(path) << support_markdown();
  EXPECT_EQ(read_file(path), support_markdown()) << "run this test with SLUICE_UPDATE_DOCS=1";
}

TEST(Unsupported, the_field_is_named_with_its_index) {
  const auto r = rollout_with_spec(
      R"({"strategy":{"canary":{"steps":[{"setWeight":1},{"plugin":{"name":"x"}}]}}})");
  EXPECT_EQ(unsupported(r)->field, "spec.strategy.canary.steps[1].plugin");
  const auto t = decode_with(
      decode_analysis_template,
      R"({"spec":{"metrics":[{"name":"a","provider":{"web":{"url":"u"}}},{"name":"b","provider":{"datadog":{"query":"q"}}}]}})");
  EXPECT_EQ(unsupported(t.spec)->field, "spec.metrics[1].provider.datadog");
}

TEST(Unsupported, empty_forms_of_refused_fields_are_no_use_of_them) {
  for (const char* spec :
       {R"({"rollbackWindow":{}})", R"({"rollbackWindow":{"revisions":0}})",
        R"({"workloadRef":null})",
        R"({"strategy":{"canary":{"trafficRouting":{"managedRoutes":[],"istio":null}}}})"})
    EXPECT_EQ(unsupported(rollout_with_spec(spec)), std::nullopt) << spec;
}

// The reference leaves empty blocks in the runs that it makes.
TEST(Unsupported, empty_login_blocks_are_no_use_of_them) {
  const auto t =
      decode_with(decode_analysis_template,
                  R"({"spec":{"metrics":[{"name":"a","provider":{"prometheus":{"authentication":
      {"basicAuth":{},"oauth2":{},"sigv4":{"region":"","profile":null}}}}}]}})");
  EXPECT_EQ(unsupported(t.spec), std::nullopt);
}

TEST(Unsupported, of_the_fixtures_only_those_of_later_releases_are_refused) {
  const std::map<std::string, std::string> refused{
      {"canary-header-route", "spec.strategy.canary.steps[1].setHeaderRoute"},
      {"canary-istio-host-paused", "spec.strategy.canary.trafficRouting.istio"},
      {"workload-ref-idle", "spec.workloadRef"},
  };
  for (const auto& name : fixture_names()) {
    for (const auto& object : fixture_objects(name)) {
      const auto kind = kube::get_string(object, "kind");
      if (kind != "Rollout" && kind != "AnalysisTemplate" && kind != "AnalysisRun") continue;
      const auto found = refusal(kind, object);
      const auto expected = refused.find(name);
      if (kind == "Rollout" && expected != refused.end()) {
        ASSERT_TRUE(found) << name;
        EXPECT_EQ(without_indexes(found->field), without_indexes(expected->second));
      } else {
        EXPECT_EQ(found, std::nullopt) << name << " " << kind << " " << (found ? found->field : "");
      }
    }
  }
}

}  // namespace
}  // namespace sluice::api::test
