// Composition of templates, references of a Rollout, identity of runs (analysis.md §3.2, §4, §6.1).
#include <gtest/gtest.h>

#include "analysis/run_spec.h"
#include "analysis/templates.h"
#include "kube/json/json.h"
#include "kube/json/node.h"

namespace sluice::analysis {
namespace {

constexpr std::string_view kWeb = R"("provider":{"web":{"url":"http://x"}})";

std::string named_metric(const std::string& name, const std::string& more = "") {
  return R"({"name":")" + name + "\"" + more + "," + std::string(kWeb) + "}";
}

struct Fixture : ::testing::Test {
  TemplateMap namespaced, cluster;
  api::RolloutAnalysis block;
  api::Rollout rollout;

  [[nodiscard]] TemplateSource source() const { return {namespaced, cluster}; }
  void add(const std::string& name, const std::string& spec, bool in_cluster = false) {
    auto document =
        kube::Document::parse(R"({"metadata":{"name":")" + name + R"("},"spec":{)" + spec + "}}");
    ASSERT_TRUE(document) << document.error().message;
    auto object =
        std::make_shared<api::AnalysisTemplate>(api::decode_analysis_template(document->root()));
    object->meta.key.name = name;
    (in_cluster ? cluster : namespaced)[name] = std::move(object);
  }
  void refer(const std::string& name, bool in_cluster = false) {
    block.templates.push_back({name, in_cluster ? std::optional<bool>(true) : std::nullopt});
  }
  static api::Argument literal(std::string name, std::string value) {
    api::Argument out;
    out.name = std::move(name);
    out.value = std::move(value);
    return out;
  }
  std::string build_error(const std::vector<api::Argument>& args = {}) {
    auto spec = build_run_spec(block, source(), args);
    return spec ? "" : spec.error().message;
  }
  std::string names() {
    auto spec = build_run_spec(block, source(), {});
    if (!spec) return "!" + spec.error().message;
    std::string out;
    for (const auto& metric : (*spec)["metrics"]) out += kube::get_string(metric, "name") + " ";
    return out;
  }
};

struct Compose : Fixture {};

TEST_F(Compose, metrics_of_all_templates_in_order_namespaced_first) {
  add("c", R"("metrics":[)" + named_metric("mc") + "]", true);
  add("a", R"("metrics":[)" + named_metric("ma") + "]");
  add("b", R"("metrics":[)" + named_metric("mb1") + "," + named_metric("mb2") + "]");
  refer("c", true);
  refer("b");
  refer("a");
  EXPECT_EQ(names(), "mb1 mb2 ma mc ");
}

TEST_F(Compose, nested_references_follow_their_template) {
  add("a", R"("metrics":[)" + named_metric("ma") +
               R"(],"templates":[{"templateName":"n"},{"templateName":"c","clusterScope":true}])");
  add("b", R"("metrics":[)" + named_metric("mb") + "]");
  add("n", R"("metrics":[)" + named_metric("mn") + "]");
  add("c", R"("metrics":[)" + named_metric("mc") + R"(],"templates":[{"templateName":"n"}])", true);
  refer("a");
  refer("b");
  EXPECT_EQ(names(), "ma mn mb mc ");
}

TEST_F(Compose, the_same_template_twice_counts_once) {
  add("a", R"("metrics":[)" + named_metric("ma") + "]");
  refer("a");
  refer("a");
  EXPECT_EQ(names(), "ma ");
}

TEST_F(Compose, a_template_that_two_others_include_counts_once) {
  add("t1", R"("metrics":[)" + named_metric("m1") + R"(],"templates":[{"templateName":"t3"}])");
  add("t2", R"("metrics":[)" + named_metric("m2") + R"(],"templates":[{"templateName":"t3"}])");
  add("t3", R"("metrics":[)" + named_metric("m3") + "]");
  refer("t1");
  refer("t2");
  EXPECT_EQ(names(), "m1 m3 m2 ");
}

TEST_F(Compose, a_cycle_is_named_instead_of_followed) {
  add("a", R"("templates":[{"templateName":"b"}])");
  add("b", R"("templates":[{"templateName":"a"}])");
  refer("a");
  EXPECT_EQ(build_error(), "AnalysisTemplate 'a' refers to itself: a -> b -> a");
}

TEST_F(Compose, a_missing_template_is_the_servers_not_found) {
  refer("x");
  auto spec = build_run_spec(block, source(), {});
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code, ErrorCode::NotFound);
  EXPECT_EQ(spec.error().message, "analysistemplate.argoproj.io \"x\" not found");
  block.templates.clear();
  refer("y", true);
  EXPECT_EQ(build_error(), "clusteranalysistemplate.argoproj.io \"y\" not found");
}

TEST_F(Compose, two_metrics_of_one_name_clash_and_both_templates_are_named) {
  add("a", R"("metrics":[)" + named_metric("m") + "]");
  add("b", R"("metrics":[)" + named_metric("m") + "]");
  refer("a");
  refer("b");
  EXPECT_EQ(build_error(), "two metrics have the same name 'm' (templates 'a' and 'b')");
}

TEST_F(Compose, different_values_of_one_argument_clash_even_when_the_caller_gives_one) {
  add("a", R"("args":[{"name":"a","value":"1"}])");
  add("b", R"("args":[{"name":"a","value":"2"}])");
  refer("a");
  refer("b");
  EXPECT_EQ(build_error({literal("a", "3")}),
            "Argument `a` specified multiple times with different values: '1', '2'");
}

TEST_F(Compose, equal_values_of_one_argument_do_not_clash_and_the_later_source_wins) {
  add("a", R"("metrics":[)" + named_metric("m") +
               R"(],"args":[{"name":"a","value":"1"},{"name":"s"}])");
  add("b", R"("args":[{"name":"a","value":"1"},)"
           R"({"name":"s","valueFrom":{"secretKeyRef":{"name":"db","key":"k"}}}])");
  refer("a");
  refer("b");
  auto spec = build_run_spec(block, source(), {});
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(
      (*spec)["args"].dump(),
      R"([{"name":"a","value":"1"},{"name":"s","valueFrom":{"secretKeyRef":{"key":"k","name":"db"}}}])");
}

TEST_F(Compose, rules_of_two_templates_must_not_repeat) {
  add("a", R"("metrics":[)" + named_metric("m") + R"(],"dryRun":[{"metricName":"m"}])");
  add("b", R"("dryRun":[{"metricName":"m"}])");
  refer("a");
  refer("b");
  EXPECT_EQ(build_error(), "two Dry-Run metric rules have the same name 'm'");
  add("a", R"("metrics":[)" + named_metric("m") +
               R"(],"measurementRetention":[{"metricName":"m","limit":1}])");
  add("b", R"("measurementRetention":[{"metricName":"m","limit":2}])");
  EXPECT_EQ(build_error(), "two Measurement Retention metric rules have the same name 'm'");
}

TEST_F(Compose, a_value_survives_a_declaration_without_one) {
  add("a",
      R"("metrics":[)" + named_metric("m") + R"(],"args":[{"name":"a"},{"name":"b","value":"2"}])");
  add("b", R"("args":[{"name":"a","value":"1"},{"name":"b"}])");
  refer("a");
  refer("b");
  auto spec = build_run_spec(block, source(), {});
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ((*spec)["args"].dump(), R"([{"name":"a","value":"1"},{"name":"b","value":"2"}])");
}

TEST_F(Compose, an_argument_without_a_value_anywhere_is_an_error) {
  add("a", R"("metrics":[)" + named_metric("m") + R"(],"args":[{"name":"x"}])");
  refer("a");
  EXPECT_EQ(build_error(), "args.x was not resolved");
  EXPECT_EQ(build_error({literal("x", "1")}), "");
}

TEST_F(Compose, rules_of_the_caller_come_first_and_must_not_repeat) {
  add("a",
      R"("metrics":[)" + named_metric("m") +
          R"(],"dryRun":[{"metricName":"m"}],"measurementRetention":[{"metricName":"m","limit":3}])");
  refer("a");
  block.dry_run_json = R"([{"metricName":".*"}])";
  block.measurement_retention_json = R"([{"metricName":".*","limit":7}])";
  auto spec = build_run_spec(block, source(), {});
  ASSERT_TRUE(spec);
  EXPECT_EQ((*spec)["dryRun"].dump(), R"([{"metricName":".*"},{"metricName":"m"}])");
  EXPECT_EQ((*spec)["measurementRetention"].dump(),
            R"([{"limit":7,"metricName":".*"},{"limit":3,"metricName":"m"}])");
  block.dry_run_json = R"([{"metricName":"m"}])";
  EXPECT_EQ(build_error(), "two Dry-Run metric rules have the same name 'm'");
  block.dry_run_json.clear();
  block.measurement_retention_json = R"([{"metricName":"m","limit":7}])";
  EXPECT_EQ(build_error(), "two Measurement Retention metric rules have the same name 'm'");
}

TEST_F(Compose, placeholders_stay_and_nothing_empty_is_written) {
  add("a", R"("metrics":[)" + named_metric("{{args.x}}", R"(,"futureField":{"a":1})") +
               R"(],"args":[{"name":"x","value":"1"}])");
  refer("a");
  auto spec = build_run_spec(block, source(), {});
  ASSERT_TRUE(spec);
  EXPECT_EQ(
      spec->dump(),
      R"({"args":[{"name":"x","value":"1"}],"metrics":[{"futureField":{"a":1},"name":"{{args.x}}",)"
      R"("provider":{"web":{"url":"http://x"}}}]})");
}

// ---- references (analysis.md §3.2) ----

struct References : Fixture {
  std::string check(bool background = false) {
    return check_references(block, "spec.strategy.canary.analysis.templates", background, source(),
                            rollout)
        .value_or("");
  }
};

TEST_F(References, an_empty_list_is_not_configured) {
  EXPECT_EQ(check(), "");
}

TEST_F(References, missing_templates_are_named_with_kind_and_place) {
  refer("x");
  EXPECT_EQ(
      check(),
      R"(spec.strategy.canary.analysis.templates: Invalid value: "x": AnalysisTemplate 'x' not found)");
  block.templates.clear();
  refer("x", true);
  EXPECT_EQ(
      check(),
      R"(spec.strategy.canary.analysis.templates: Invalid value: "x": ClusterAnalysisTemplate 'x' not found)");
  block.templates.clear();
  add("a", R"("templates":[{"templateName":"n"}])");
  refer("a");
  EXPECT_EQ(check(), R"(spec.templates: Invalid value: "n": AnalysisTemplate 'n' not found)");
}

TEST_F(References, a_clash_names_all_templates) {
  add("a", R"("metrics":[)" + named_metric("m") + "]");
  add("c", R"("metrics":[)" + named_metric("m") + "]", true);
  refer("c", true);
  refer("a");
  EXPECT_EQ(check(),
            "spec.strategy.canary.analysis.templates: Invalid value: \"templateNames: [a c]\": two "
            "metrics have "
            "the same name 'm' (templates 'a' and 'c')");
}

TEST_F(References, an_inline_metric_must_end_by_itself_and_a_background_one_need_not) {
  add("a", R"("metrics":[)" + named_metric("m", R"(,"interval":"1m")") + "]");
  refer("a");
  EXPECT_EQ(check(),
            "spec.strategy.canary.analysis.templates: Invalid value: \"a\": AnalysisTemplate a has "
            "metric m which "
            "runs indefinitely. Invalid value for count: <nil>");
  EXPECT_EQ(check(true), "");
  add("a", R"("metrics":[)" + named_metric("m", R"(,"interval":"1m","count":0)") + "]");
  EXPECT_EQ(check(),
            "spec.strategy.canary.analysis.templates: Invalid value: \"a\": AnalysisTemplate a has "
            "metric m which "
            "runs indefinitely. Invalid value for count: 0");
}

TEST_F(References, a_count_that_the_caller_supplies_is_believed) {
  add("a", R"("metrics":[)" + named_metric("m", R"(,"interval":"1m","count":"{{args.n}}")") +
               R"(],"args":[{"name":"n"}])");
  refer("a");
  block.args = {literal("n", "5")};
  EXPECT_EQ(check(), "");
}

TEST_F(References, an_argument_with_two_sources_and_an_unknown_placeholder_are_refused_inline) {
  add("a",
      R"("metrics":[)" + named_metric("m") +
          R"(],"args":[{"name":"x","value":"1","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}])");
  refer("a");
  EXPECT_EQ(check(),
            "spec.strategy.canary.analysis.templates: Invalid value: \"a\": AnalysisTemplate a: "
            "arg 'x' has both "
            "Value and ValueFrom fields");
  add("a", R"("metrics":[)" + named_metric("{{args.unknown}}") + "]");
  EXPECT_EQ(check(),
            "spec.strategy.canary.analysis.templates: Invalid value: \"a\": AnalysisTemplate a: "
            "failed to resolve "
            "{{args.unknown}}");
}

TEST_F(References, unresolved_arguments_are_a_composition_error) {
  add("a", R"("metrics":[)" + named_metric("m") + R"(],"args":[{"name":"x"}])");
  refer("a");
  EXPECT_EQ(
      check(),
      R"(spec.strategy.canary.analysis.templates: Invalid value: "templateNames: [a]": args.x was not resolved)");
}

TEST_F(References, a_field_that_cannot_be_read_yet_is_tolerated) {
  add("a", R"("metrics":[)" + named_metric("m") + R"(],"args":[{"name":"x"}])");
  refer("a");
  api::Argument arg;
  arg.name = "x";
  arg.field_path = "status.nothing";
  block.args = {arg};
  EXPECT_EQ(check(), "");
}

// A value from another template is enough for the run, but the one that declares the argument
// without a value cannot be used alone.
TEST_F(References, a_background_analysis_names_the_arguments_that_nobody_gives) {
  add("a", R"("metrics":[)" + named_metric("m") + R"(],"args":[{"name":"x"}])");
  add("b", R"("args":[{"name":"x","value":"1"}])");
  refer("a");
  refer("b");
  const std::string path = "spec.strategy.canary.analysis.templates: Invalid value: \"a\": ";
  EXPECT_EQ(check(true), path + "missing analysis arguments in rollout spec");
  block.args = {literal("other", "1")};
  EXPECT_EQ(check(true), path + "x");
  block.args = {literal("x", "1")};
  EXPECT_EQ(check(true), "");
}

TEST_F(References, of_a_rollout_are_checked_block_by_block) {
  add("ok", R"("metrics":[)" + named_metric("m") + "]");
  api::Rollout canary;
  canary.spec.canary.emplace();
  canary.spec.canary->steps.resize(2);
  api::RolloutAnalysis good, bad;
  good.templates = {{"ok", std::nullopt}};
  bad.templates = {{"gone", std::nullopt}};
  canary.spec.canary->steps[1].analysis = bad;
  canary.spec.canary->analysis = good;
  EXPECT_EQ(
      check_references(canary, source()),
      R"(spec.strategy.canary.steps[1].analysis.templates: Invalid value: "gone": AnalysisTemplate 'gone' not found)");
  canary.spec.canary->steps[1].analysis = good;
  EXPECT_EQ(check_references(canary, source()), std::nullopt);
  api::Rollout blue_green;
  blue_green.spec.blue_green.emplace();
  blue_green.spec.blue_green->post_promotion_analysis = bad;
  EXPECT_EQ(
      check_references(blue_green, source()),
      R"(spec.strategy.blueGreen.postPromotionAnalysis.templates: Invalid value: "gone": AnalysisTemplate 'gone' not found)");
}

TEST_F(References, reach_through_nesting_for_the_index) {
  add("a", R"("templates":[{"templateName":"n"},{"templateName":"c","clusterScope":true}])");
  add("n", R"("templates":[{"templateName":"a"}])");
  refer("a");
  const TemplateNames names = reachable_templates(block, source());
  EXPECT_EQ(names.namespaced, (std::vector<std::string>{"a", "n"}));
  EXPECT_EQ(names.cluster, std::vector<std::string>{"c"});
}

// ---- identity (analysis.md §6.1) ----

TEST(Identity, absent_null_and_empty_are_the_same) {
  const auto live = kube::parse_json(
      R"({"metrics":[{"interval":"5s","name":"ok","provider":{"prometheus":{"address":"http://p",)"
      R"("authentication":{"basicAuth":{},"oauth2":{},"sigv4":{}},"query":"up"}},"successCondition":"result[0] >= 0.9"}],)"
      R"("terminate":true,"args":null})");
  const auto wanted = kube::parse_json(
      R"({"metrics":[{"successCondition":"result[0] >= 0.9","name":"ok","interval":"5s",)"
      R"("provider":{"prometheus":{"query":"up","address":"http://p"}}}]})");
  ASSERT_TRUE(live && wanted);
  EXPECT_TRUE(semantic_equal(*live, *wanted));
}

TEST(Identity, any_difference_of_content_counts) {
  const auto a =
      kube::parse_json(R"({"metrics":[{"name":"m"}],"args":[{"name":"x","value":"1"}]})");
  for (
      const char* other :
      {R"({"metrics":[{"name":"n"}],"args":[{"name":"x","value":"1"}]})",
       R"({"metrics":[{"name":"m"}],"args":[{"name":"x","value":"2"}]})",
       R"({"metrics":[{"name":"m"}],"args":[{"name":"x"}]})",
       R"({"metrics":[{"name":"m"}],"args":[{"name":"x","value":"1"}],"dryRun":[{"metricName":"m"}]})"})
    EXPECT_FALSE(semantic_equal(*a, *kube::parse_json(other))) << other;
}

TEST(Identity, of_a_stored_run_is_its_raw_spec) {
  api::AnalysisRun run;
  run.raw = std::make_shared<const std::string>(R"({"spec":{"metrics":[{"name":"m"}]}})");
  EXPECT_TRUE(semantic_equal(run, *kube::parse_json(R"({"metrics":[{"name":"m"}]})")));
  EXPECT_FALSE(semantic_equal(run, *kube::parse_json(R"({"metrics":[{"name":"x"}]})")));
  EXPECT_FALSE(
      semantic_equal(api::AnalysisRun{}, *kube::parse_json(R"({"metrics":[{"name":"m"}]})")));
}

}  // namespace
}  // namespace sluice::analysis
