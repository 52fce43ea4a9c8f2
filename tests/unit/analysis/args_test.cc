// Arguments and {{ }} substitution (analysis.md §5).
#include <gtest/gtest.h>

#include "analysis/args.h"
#include "analysis/run_spec.h"
#include "engine_support.h"
#include "kube/json/json.h"

namespace sluice::analysis {
namespace {

using testing::metric_from;

api::Argument literal(std::string name, std::string value) {
  api::Argument out;
  out.name = std::move(name);
  out.value = std::move(value);
  return out;
}
api::Argument bare(std::string name) {
  api::Argument out;
  out.name = std::move(name);
  return out;
}
api::Argument secret(std::string name, std::string of, std::string key) {
  api::Argument out = bare(std::move(name));
  out.secret_key_ref = api::SecretKeyRef{std::move(of), std::move(key)};
  return out;
}

struct Text {
  std::string name, text, result;  // result "!…" = error text
};
class Substitution : public ::testing::TestWithParam<Text> {};

TEST_P(Substitution, replaces_tags) {
  const Text& c = GetParam();
  const StringMap values{{"args.x", "1"}, {"args.with.dots", "2"}, {"args.tag", "{{args.x}}"}};
  const auto out = substitute(c.text, [&](std::string_view tag) -> std::optional<std::string> {
    const std::string* value = find_or_null(values, tag);
    return value == nullptr ? std::nullopt : std::optional<std::string>(*value);
  });
  EXPECT_EQ(out ? *out : "!" + out.error().message, c.result) << c.name;
}

INSTANTIATE_TEST_SUITE_P(
    Table, Substitution,
    ::testing::Values(
        Text{"without_tags", "plain {text}", "plain {text}"}, Text{"one", "a{{args.x}}b", "a1b"},
        Text{"inner_spaces_do_not_matter", "{{ args.x }}{{  args.x}}", "11"},
        Text{"names_may_have_dots", "{{args.with.dots}}", "2"},
        Text{"values_are_not_scanned_again", "{{args.tag}}", "{{args.x}}"},
        Text{"an_unknown_tag_is_an_error", "{{args.unknown}}",
             "!failed to resolve {{args.unknown}}"},
        Text{"the_last_unknown_tag_is_named_untrimmed", "{{ a }}{{ b }}",
             "!failed to resolve {{ b }}"},
        Text{"no_end", "x{{args.x",
             R"(!Cannot find end tag="}}" in the template="x{{args.x" starting from "args.x")"}),
    [](const auto& one) { return one.param.name; });

TEST(ResolveMetric, keeps_quotes_backslashes_and_control_characters) {
  const std::string value = "a\"b\\c\nd\te\x01 <&> é";
  const auto metric =
      metric_from(R"({"name":"m","provider":{"prometheus":{"query":"q={{args.v}}"}}})");
  const auto resolved = resolve_metrics({metric}, {literal("v", value)}, nullptr);
  ASSERT_TRUE(resolved) << resolved.error().message;
  const auto provider = kube::parse_json(resolved->front().provider_json);
  ASSERT_TRUE(provider);
  EXPECT_EQ(kube::get_string(*provider, "query"), "q=" + value);
}

TEST(ResolveMetric, reaches_every_text_of_the_metric) {
  const auto metric = metric_from(
      R"({"name":"{{args.v}}-m","interval":"{{args.v}}s","count":"{{args.v}}","failureLimit":"{{ args.v }}",)"
      R"("successCondition":"result > {{args.v}}","provider":{"job":{"spec":{"{{args.v}}":"x"}}}})");
  const auto resolved = resolve_metrics({metric}, {literal("v", "5")}, nullptr);
  ASSERT_TRUE(resolved) << resolved.error().message;
  const api::Metric& m = resolved->front();
  EXPECT_EQ(m.name, "5-m");
  EXPECT_EQ(m.interval, "5s");
  EXPECT_EQ(int_value(m.count, 0), 5);
  EXPECT_EQ(int_value(m.failure_limit, 0), 5);
  EXPECT_EQ(m.success_condition, "result > 5");
  EXPECT_EQ(m.provider_json, R"({"spec":{"5":"x"}})");
}

TEST(ResolveMetric, an_argument_without_a_value_is_an_error_even_when_it_is_not_used) {
  const auto metric = metric_from(R"({"name":"m"})");
  EXPECT_EQ(resolve_metrics({metric}, {literal("v", "5"), bare("x")}, nullptr).error().message,
            "argument \"x\" was not supplied");
}

TEST(ResolveMetric, secrets_are_placeholders_until_they_are_given) {
  const auto metric = metric_from(R"({"name":"m","provider":{"web":{"url":"{{args.s}}"}}})");
  const std::vector<api::Argument> args{secret("s", "db", "password")};
  EXPECT_EQ(resolve_metrics({metric}, args, nullptr)->front().provider_json,
            R"({"url":"temp-for-secret"})");
  const StringMap secrets{{"db/password", "hunter2"}};
  EXPECT_EQ(resolve_metrics({metric}, args, &secrets)->front().provider_json,
            R"({"url":"hunter2"})");
  EXPECT_EQ(secret_references(
                {secret("a", "db", "password"), secret("b", "db", "password"), literal("c", "")}),
            std::vector<std::string>{"db/password"});
}

TEST(Masking, hides_every_secret_the_longest_first) {
  const StringMap secrets{{"a/k", "abc"}, {"b/k", "abcdef"}, {"c/k", ""}};
  EXPECT_EQ(mask_secrets("x abcdef y abc abc", secrets), "x ***** y ***** *****");
  EXPECT_EQ(mask_secrets("**", {{"a/k", "*"}}), "**********");
}

TEST(Overlay, a_value_of_the_caller_replaces_the_templates) {
  const auto out = overlay_args({literal("a", "1"), bare("b"), literal("c", "3")},
                                {literal("a", "9"), literal("b", "")});
  EXPECT_EQ(*out[0].value, "9");
  EXPECT_EQ(*out[1].value, "");
  EXPECT_EQ(*out[2].value, "3");
}
TEST(Overlay, a_literal_of_the_caller_wins_over_a_secret_of_the_template) {
  const auto out = overlay_args({secret("a", "db", "k")}, {literal("a", "9")});
  EXPECT_EQ(*out[0].value, "9");
  EXPECT_FALSE(out[0].secret_key_ref);
}
TEST(Overlay, a_source_of_the_caller_is_copied) {
  const auto out = overlay_args({bare("a")}, {secret("a", "db", "k")});
  EXPECT_TRUE(out[0].secret_key_ref);
}
TEST(Overlay, unknown_arguments_of_the_caller_are_ignored) {
  EXPECT_EQ(overlay_args({literal("a", "1")}, {literal("z", "9")}).size(), 1U);
}
TEST(Overlay, what_nobody_gives_is_named) {
  EXPECT_EQ(check_resolved({literal("a", "1"), bare("x"), bare("y")}).error().message,
            "args.x was not resolved");
  EXPECT_TRUE(check_resolved({secret("x", "s", "k")}));
}

// ---- values taken from the Rollout (analysis.md §5.3) ----

api::Rollout rollout() {
  const std::string json =
      R"({"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","metadata":{"name":"web",)"
      R"("namespace":"shop","uid":"u-1","labels":{"b":"2","app.kubernetes.io/name":"w"},)"
      R"("annotations":{"team":"a \"b\""}},"spec":{"replicas":1000000,"paused":true,)"
      R"("template":{"metadata":{"labels":{"app.kubernetes.io/name":"w"}},)"
      R"("spec":{"containers":[{"image":"shop:v2"}]}},"strategy":{"canary":{"x":null}}}})";
  auto document = kube::Document::parse(json);
  api::Rollout out = api::decode_rollout(document->root());
  out.raw = std::make_shared<const std::string>(json);
  return out;
}

struct FieldRef {
  std::string name, path, result;
};
class FieldRefs : public ::testing::TestWithParam<FieldRef> {};

TEST_P(FieldRefs, are_taken_from_the_rollout) {
  const FieldRef& c = GetParam();
  api::Argument arg = bare("x");
  arg.field_path = c.path;
  const auto out = resolve_rollout_args({arg}, rollout(), "s", "l");
  EXPECT_EQ(out ? *out->front().value : "!" + out.error().message, c.result) << c.name;
}

INSTANTIATE_TEST_SUITE_P(
    Table, FieldRefs,
    ::testing::Values(
        FieldRef{"name", "metadata.name", "web"},
        FieldRef{"namespace", "metadata.namespace", "shop"}, FieldRef{"uid", "metadata.uid", "u-1"},
        FieldRef{"label", "metadata.labels['b']", "2"},
        FieldRef{"label_with_dots", "metadata.labels['app.kubernetes.io/name']", "w"},
        FieldRef{"a_label_it_lacks_is_empty", "metadata.labels['app']", ""},
        FieldRef{"all_labels", "metadata.labels", "app.kubernetes.io/name=\"w\"\nb=\"2\""},
        FieldRef{"all_annotations", "metadata.annotations", R"(team="a \"b\"")"},
        FieldRef{"other_metadata", "metadata.generation",
                 "!unsupported fieldPath: metadata.generation"},
        FieldRef{"subscript_elsewhere", "metadata.name['x']",
                 R"(!fieldPath "metadata.name['x']" does not support subscript)"},
        FieldRef{"image", "spec.template.spec.containers[0].image", "shop:v2"},
        FieldRef{"integers_in_full", "spec.replicas", "1000000"},
        FieldRef{"booleans", "spec.paused", "true"},
        FieldRef{"index_too_large", "spec.template.spec.containers[5].image",
                 "!index 5 out of range"},
        FieldRef{"index_negative", "spec.template.spec.containers[-1].image",
                 "!invalid index '-1'"},
        FieldRef{"index_no_number", "spec.template.spec.containers[a].image", "!invalid index 'a'"},
        FieldRef{"no_primitive", "spec.strategy",
                 "!path spec.strategy in rollout must terminate in a primitive value"},
        FieldRef{"missing", "spec.nothing.here", "!invalid path spec.nothing.here in rollout"},
        FieldRef{"null", "spec.strategy.canary.x",
                 "!invalid path spec.strategy.canary.x in rollout"},
        FieldRef{"below_a_primitive", "spec.replicas.x",
                 "!invalid path spec.replicas.x in rollout"},
        FieldRef{"quoted_segment", "spec.template.metadata.labels['app.kubernetes.io/name']", "w"},
        FieldRef{"escaped_dot", R"(spec.template.metadata.labels.app\.kubernetes\.io/name)", "w"}),
    [](const auto& one) { return one.param.name; });

TEST(RolloutArgs, hashes_literals_and_nothing) {
  api::Argument latest = bare("l"), stable = bare("s");
  latest.pod_template_hash = "Latest";
  stable.pod_template_hash = "Stable";
  const auto out =
      resolve_rollout_args({latest, stable, literal("v", "x"), bare("n")}, rollout(), "old", "new");
  ASSERT_TRUE(out);
  EXPECT_EQ(*(*out)[0].value, "new");
  EXPECT_EQ(*(*out)[1].value, "old");
  EXPECT_EQ(*(*out)[2].value, "x");
  EXPECT_EQ((*out)[3].value, "");  // a bare argument overrides with the empty text
}

TEST(RolloutArgs, of_several_failures_the_last_is_reported) {
  api::Argument a = bare("a"), b = bare("b");
  a.field_path = "spec.a";
  b.field_path = "spec.b";
  EXPECT_EQ(resolve_rollout_args({a, b}, rollout(), "", "").error().message,
            "invalid path spec.b in rollout");
}

}  // namespace
}  // namespace sluice::analysis
