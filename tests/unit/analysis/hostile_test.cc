// What nobody writes by accident, and what does happen: each is answered within bounded time and
// memory.
#include <gtest/gtest.h>

#include "analysis/args.h"
#include "analysis/providers/jsonpath.h"
#include "analysis/providers/prometheus.h"
#include "analysis/providers/web.h"
#include "analysis/retention.h"
#include "analysis/templates.h"
#include "analysis/validate.h"
#include "engine_support.h"
#include "kube/json/json.h"

namespace sluice::analysis {
namespace {

using api::AnalysisPhase;
using testing::at;
using testing::metric_from;

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}
std::string json_text(const std::string& text) {
  return "\"" + json_escape(text) + "\"";
}
Result<http::Response> answer(int status, std::string body) {
  http::Response out;
  out.status = status;
  out.body = std::move(body);
  return out;
}

// ---- arguments ----

TEST(HostileArguments, that_occur_often_are_masked_in_linear_time) {
  const StringMap secrets{{"s/k", "1"}};
  const std::string masked = mask_secrets(std::string(4U << 20U, '1'), secrets);
  EXPECT_EQ(masked.size(), std::size_t{5} * (4U << 20U));
  EXPECT_EQ(masked.find('1'), std::string::npos);
}

TEST(HostileArguments, that_mask_each_other_do_not_grow_without_end) {
  StringMap secrets;
  for (std::size_t i = 1; i <= 40; ++i) secrets["s/" + std::to_string(i)] = std::string(i, '*');
  EXPECT_LT(mask_secrets(std::string(100'000, '*'), secrets).size(), std::size_t{200} << 20U);
}

TEST(HostileArguments, that_are_large_and_used_often_are_refused) {
  api::Argument arg;
  arg.name = "x";
  arg.value = std::string(500'000, 'x');
  const auto metric =
      metric_from(R"({"name":"m","successCondition":")" + repeated("{{args.x}}", 50'000) + "\"}");
  const auto resolved = resolve_metrics({metric}, {arg}, nullptr);
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().message, "a metric with its arguments is longer than 10 MiB");
}

TEST(HostileArguments, in_many_metrics_count_together) {
  api::Argument arg;
  arg.name = "x";
  arg.value = std::string(1'000'000, 'x');
  const std::vector<api::Metric> metrics(
      100, metric_from(R"({"name":"m","successCondition":"{{args.x}}"})"));
  const auto resolved = resolve_metrics(metrics, {arg}, nullptr);
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().message, "the metrics with their arguments are longer than 32 MiB");
}

TEST(HostileArguments, without_an_end_are_quoted_in_part) {
  const std::string text = "{{" + std::string(1'000'000, 'x');
  const auto out = substitute(text, [](std::string_view) { return std::nullopt; });
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().message.rfind("Cannot find end tag=\"}}\" in the template=\"{{xx", 0), 0U);
  EXPECT_LT(out.error().message.size(), 40'000U);
  const std::string tag = "{{" + std::string(1'000'000, 'y') + "}}";
  EXPECT_LT(substitute(tag, [](std::string_view) { return std::nullopt; }).error().message.size(),
            20'000U);
}

TEST(HostileArguments, that_are_no_utf_8_leave_a_metric_that_can_be_read) {
  api::Argument arg;
  arg.name = "x";
  arg.value = "a\xff\xc3(\xed\xa0\x80z";
  const auto resolved =
      resolve_metrics({metric_from(R"({"name":"m","successCondition":"\"{{args.x}}\" == \"b\""})")},
                      {arg}, nullptr);
  ASSERT_TRUE(resolved) << resolved.error().message;
  EXPECT_EQ(resolved->front().success_condition.front(), '"');
}

// ---- templates and rules ----

TEST(HostileTemplates, that_refer_to_each_other_ten_thousand_deep_are_refused) {
  TemplateMap namespaced, cluster;
  constexpr int kDepth = 10'000;
  for (int i = 0; i < kDepth; ++i) {
    auto one = std::make_shared<api::AnalysisTemplate>();
    one->meta.key.name = "t" + std::to_string(i);
    one->spec.templates = {{"t" + std::to_string(i + 1), std::nullopt}};
    namespaced[one->meta.key.name] = one;
  }
  namespaced["t" + std::to_string(kDepth)] = std::make_shared<api::AnalysisTemplate>();
  const auto found = collect_templates({{"t0", std::nullopt}}, {namespaced, cluster});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().validation_text(),
            "AnalysisTemplate 't100' is malformed: references are nested deeper than 100 levels");
}

TEST(HostileTemplates, may_nest_as_deep_as_anybody_would) {
  TemplateMap namespaced, cluster;
  for (int i = 0; i < 100; ++i) {
    auto one = std::make_shared<api::AnalysisTemplate>();
    one->meta.key.name = "t" + std::to_string(i);
    if (i < 99) one->spec.templates = {{"t" + std::to_string(i + 1), std::nullopt}};
    namespaced[one->meta.key.name] = one;
  }
  const auto found = collect_templates({{"t0", std::nullopt}}, {namespaced, cluster});
  ASSERT_TRUE(found) << found.error().validation_text();
  EXPECT_EQ(found->size(), 100U);
}

TEST(HostileRules, whose_patterns_are_bombs_match_nothing_or_take_linear_time) {
  const std::vector<api::Metric> metrics{
      testing::metric(R"("name":")" + std::string(5'000, 'a') + "b\"")};
  EXPECT_EQ(match_dry_run({{"^(a+)+$"}}, metrics).error().message,
            "dryRun[0]: Rule didn't match any metric name(s)");
  EXPECT_EQ(match_dry_run({{"(x{1000}){1000}"}}, metrics).error().message,
            "dryRun[0]: Rule didn't match any metric name(s)");
  EXPECT_EQ(match_retention({{repeated("(", 100'000), 1}}, metrics).error().message,
            "measurementRetention[0]: Rule didn't match any metric name(s)");
}

TEST(HostileLimits, at_the_end_of_the_range_do_not_overflow) {
  const auto invalid = [](const std::string& members) {
    const auto status =
        validate_metrics({testing::metric(R"("name":"m","interval":"1s",)" + members)});
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(
      invalid(
          R"("count":5,"failureLimit":"9223372036854775807","consecutiveSuccessLimit":"9223372036854775807")"),
      "metrics[0]: count (5) must be >= failureLimit + consecutiveSuccessLimit "
      "(9223372036854775807 + 9223372036854775807) if both >= 0");
  EXPECT_EQ(
      invalid(
          R"("count":"9223372036854775807","failureLimit":"9223372036854775807","consecutiveSuccessLimit":1)"),
      "metrics[0]: count (9223372036854775807) must be >= failureLimit + consecutiveSuccessLimit "
      "(9223372036854775807 + 1) if both >= 0");
  EXPECT_EQ(invalid(R"("count":"9223372036854775807","failureLimit":"9223372036854775806",)"
                    R"("consecutiveSuccessLimit":1)"),
            "");
}

TEST(HostileDelays, of_a_lifetime_are_only_far_away) {
  const std::vector<api::Metric> metrics{
      testing::metric(R"("name":"m","initialDelay":"2562047h","interval":"2562047h")")};
  ASSERT_TRUE(validate_metrics(metrics));
  const std::set<std::string> none;
  api::AnalysisRunStatus status;
  assess_run({metrics, none}, status, at(0));
  EXPECT_EQ(due(metrics[0], status, false, at(1e9)), Task::None);
  const auto wake = next_wake_up({metrics, none}, status, {}, at(0));
  ASSERT_TRUE(wake);
  EXPECT_GT(*wake, at(9e9));
}

// ---- JSONPath ----

std::string path_outcome(const std::string& path, const std::string& document) {
  const auto parsed = JsonPath::parse(path);
  if (!parsed) return parsed.error().message;
  const auto json = kube::parse_json(document);
  if (!json) return json.error().message;
  const auto found = parsed->find(*json, 1);
  if (!found) return found.error().message;
  return found->empty() ? "" : kube::dump(found->front()).substr(0, 100);
}

TEST(HostilePaths, that_multiply_what_they_find_are_stopped) {
  const std::string deep = repeated("[", 500) + repeated("]", 500);
  const std::string wide = "[" + repeated("0,", 999) + "0]";
  const std::string budget = "the JSONPath looks at more than 500000 values";
  EXPECT_EQ(path_outcome("{[0" + repeated(",0", 200'000) + "][*]}", "[" + wide + "]"), budget);
  EXPECT_EQ(path_outcome(repeated("{[*]}", 20'000), wide), budget);
  EXPECT_EQ(path_outcome("{range [*]}" + repeated("{range $}", 3) + repeated("{@}", 200) +
                             repeated("{end}", 4),
                         wide + " "),
            "0");
  EXPECT_EQ(path_outcome(repeated("{range ..}", 40) + repeated("{end}", 40), deep), budget);
}

TEST(HostilePaths, B2_that_look_at_a_million_values_are_stopped_and_long_answers_are_not) {
  const std::string points = "[" + repeated("[1,\"2\"],", 10'999) + "[1,\"2\"]]";
  EXPECT_EQ(path_outcome("{[*][1]}", points), "\"2\"");
  EXPECT_EQ(path_outcome("{[?(@[0] > 0)][1]}", points), "\"2\"");
  EXPECT_EQ(path_outcome("{..}", points).substr(0, 3), "[[1");
  EXPECT_EQ(path_outcome(repeated("{[*]}", 100), points),
            "the JSONPath looks at more than 500000 values");
}

TEST(HostilePaths, that_nest_ranges_without_end_are_refused) {
  EXPECT_EQ(path_outcome(repeated("{range $}", 100'000), "[1]"),
            "ranges are nested deeper than 64 levels");
  EXPECT_EQ(path_outcome(repeated("{range $}", 60) + "{[0]}" + repeated("{end}", 60), "[1]"), "1");
}

TEST(HostilePaths, copy_only_what_is_wanted) {
  // Every level holds the whole of what is below it: a thousand copies would be gigabytes.
  const std::string document =
      repeated("[", 990) + "\"" + std::string(8U << 20U, 'x') + "\"" + repeated("]", 990);
  EXPECT_EQ(path_outcome("{..}", document).substr(0, 3), "[[[");
}

TEST(HostilePaths, step_over_the_end_of_the_range_without_overflow) {
  EXPECT_EQ(path_outcome("{[1:3:9223372036854775807]}", "[1,2,3]"), "2");
}

TEST(HostilePaths, with_expensive_patterns_compile_them_once) {
  const std::string names = "[" + repeated(R"({"n":"ab"},)", 50'000) + R"({"n":"zz"}])";
  EXPECT_EQ(path_outcome("{[?(@.n=~'" + repeated("(z?){40}", 20) + "zz$')].n}", names), "\"zz\"");
}

TEST(HostilePaths, with_a_pattern_per_element_are_stopped) {
  std::string document = "[";
  for (int i = 0; i < 60'000; ++i) {
    const std::string number = std::to_string(i);
    document += R"({"a":"x","b":")" + repeated("(" + number + "?){9}", 12) + R"("},)";
  }
  document += "{}]";
  EXPECT_EQ(path_outcome("{[?(@.a=~@.b)].a}", document),
            "the JSONPath looks at more than 500000 values");
}

TEST(HostilePaths, over_texts_that_are_no_utf_8_give_an_error) {
  EXPECT_EQ(path_outcome("{\"\xff\"[?(@.a)]}", "[]").substr(0, 1), "\"");
}

TEST(HostilePaths, no_sequence_of_bytes_goes_unanswered) {
  static const char* const kTokens[] = {
      "{",  "}",  "[", "]", "(", ")", "?(",     "@",   ".",  "..",   "*",  "'",      "\"", ",",
      ":",  "-",  "1", "a", "b", "$", "range ", "end", "\\", "\xc3", "\n", "[?(@.a", ")]", "true",
      "==", "=~", "<", "!", " "};
  unsigned state = 7;
  const auto next = [&] { return (state = state * 1664525U + 1013904223U) >> 8U; };
  for (int round = 0; round < 20'000; ++round) {
    std::string path = "{";
    for (unsigned i = 0; i < 1 + next() % 12; ++i) path += kTokens[next() % std::size(kTokens)];
    static_cast<void>(path_outcome(path + "}", R"({"a":[{"a":1},{"b":[1,2]}],"b":"x"})"));
  }
}

// ---- requests ----

struct BadHeader {
  std::string name, key, value, cause;
};
class HostileHeaders : public ::testing::TestWithParam<BadHeader> {};

TEST_P(HostileHeaders, are_refused_by_name_and_never_left_out) {
  const BadHeader& c = GetParam();
  const std::string headers =
      R"(,"headers":[{"key":)" + json_text(c.key) + R"(,"value":)" + json_text(c.value) + "}]";
  const auto web = web::build_request(
      metric_from(R"({"name":"m","provider":{"web":{"url":"http://x")" + headers + "}}}"));
  EXPECT_EQ(web ? "" : web.error().message, c.cause.empty() ? "" : "Get \"http://x\": " + c.cause);
  const auto prometheus = prometheus::build_request(
      metric_from(R"({"name":"m","provider":{"prometheus":{"address":"http://p","query":"up")" +
                  headers + "}}}"),
      {"", at(0)});
  EXPECT_EQ(prometheus ? "" : prometheus.error().message,
            c.cause.empty() ? "" : "Post \"http://p/api/v1/query\": " + c.cause);
}

INSTANTIATE_TEST_SUITE_P(
    Table, HostileHeaders,
    ::testing::Values(
        BadHeader{"a_secret_with_a_line_break_at_its_end", "Authorization", "Bearer x\n",
                  "net/http: invalid header field value for \"Authorization\""},
        BadHeader{"a_second_header_in_the_value", "X", "a\r\nHost: evil",
                  "net/http: invalid header field value for \"X\""},
        BadHeader{"a_control_character", "X", std::string("a\0b", 3),
                  "net/http: invalid header field value for \"X\""},
        BadHeader{"a_blank_in_the_name", "X Y", "a",
                  "net/http: invalid header field name \"X Y\""},
        BadHeader{"no_name", "", "a", "net/http: invalid header field name \"\""},
        BadHeader{"a_tab_is_fine", "X", "a\tb", ""},
        BadHeader{"other_languages_are_fine", "X", "é", ""}),
    [](const auto& one) { return one.param.name; });

TEST(HostileRequests, whose_method_is_none_are_refused) {
  const auto with = [](const std::string& method) {
    const auto request = web::build_request(metric_from(
        R"({"name":"m","provider":{"web":{"url":"http://x","method":)" + json_text(method) + "}}}"));
    return request ? request->method : request.error().message;
  };
  EXPECT_EQ(with("GET / HTTP/1.1\r\nX: y\r\n\r\n"),
            "net/http: invalid method \"GET / HTTP/1.1\\r\\nX: y\\r\\n\\r\\n\"");
  EXPECT_EQ(with("DELETE"), "DELETE");  // neither schema nor code enforces the documented ones
}

TEST(HostileRequests, wait_a_day_at_most) {
  const auto web = web::build_request(metric_from(
      R"({"name":"m","provider":{"web":{"url":"http://x","timeoutSeconds":9223372036854775807}}})"));
  ASSERT_TRUE(web);
  EXPECT_EQ(web->timeout, std::chrono::hours(24));
  const auto prometheus = prometheus::build_request(
      metric_from(
          R"({"name":"m","provider":{"prometheus":{"address":"http://p","timeout":9223372036854775807}}})"),
      {"", at(0)});
  ASSERT_TRUE(prometheus);
  EXPECT_EQ(prometheus->timeout, std::chrono::hours(24));
}

// ---- answers ----

api::Measurement judged(const std::string& condition, const std::string& body, bool web) {
  const std::string provider =
      web ? R"("web":{"url":"http://x"})" : R"("prometheus":{"address":"http://p","query":"up"})";
  const auto metric = metric_from(R"({"name":"m","successCondition":)" + json_text(condition) +
                                  R"(,"provider":{)" + provider + "}}");
  if (web) {
    const auto request = web::build_request(metric);
    return measure(metric, web::interpret(metric, *request, answer(200, body)), "", {at(0), at(1)});
  }
  const auto request = prometheus::build_request(metric, {"", at(0)});
  return measure(metric, prometheus::interpret(*request, answer(200, body)), "", {at(0), at(1)});
}

TEST(HostileAnswers, of_nearly_ten_megabytes_are_judged) {
  const std::string padding(2'000, 'l');
  const std::string vector =
      R"({"status":"success","data":{"resultType":"vector","result":[)" +
      repeated(R"({"metric":{"l":")" + padding + R"("},"value":[1,"0.5"]},)", 4'900) +
      R"({"metric":{},"value":[1,"1"]}]}})";
  ASSERT_GT(vector.size(), 9U << 20U);
  EXPECT_EQ(judged("len(result) == 4901 && max(result) == 1", vector, false).phase,
            AnalysisPhase::Successful);
  const std::string list = "[" + repeated("1,", 300'000) + "1]";
  EXPECT_TRUE(api::is_completed(judged("sum(result) > 5", list, true).phase));
  const std::string text(9U << 20U, 'a');
  EXPECT_EQ(judged("result matches \"^(a+)+$\"", text, true).phase, AnalysisPhase::Successful);
}

TEST(HostileAnswers, of_more_than_ten_megabytes_are_errors) {
  const std::string body(11U << 20U, '1');
  EXPECT_EQ(judged("true", body, false).message, "bad_response: the answer is longer than 10 MiB");
  EXPECT_EQ(judged("true", body, true).message,
            "Received no bytes in response: the answer is longer than 10 MiB");
}

TEST(HostileAnswers, that_are_no_utf_8_are_text_for_the_web_and_an_error_for_prometheus) {
  const std::string body = "{\"a\":\"\xff\xfe\"}";
  EXPECT_EQ(judged("len(result) > 3", body, true).phase, AnalysisPhase::Successful);
  EXPECT_EQ(judged("true", body, false).message.rfind("bad_response: ", 0), 0U);
}

TEST(HostileConditions, of_a_megabyte_are_errors_that_name_their_reason) {
  const std::string conditions[] = {
      repeated("1 + ", 250'000) + "1",
      repeated("(", 500'000) + "1",
      "\"" + std::string(1U << 20U, 'a') + "\" == 1",
      "[" + repeated("1,", 500'000) + "1] == nil",
      "result matches \"" + repeated("(a*)*", 200'000) + "\"",
      repeated("x", 1U << 20U),
      std::string(1U << 20U, '\xff'),
      repeated("{{", 1U << 19U),
  };
  for (const std::string& condition : conditions) {
    const auto metric =
        metric_from(R"({"name":"m","successCondition":)" + json_text(condition) + "}");
    const Sample sample{expr::Value::string("a"), "a", {}};
    const api::Measurement out = measure(metric, sample, "", {at(0), at(1)});
    EXPECT_EQ(out.phase, AnalysisPhase::Error) << condition.substr(0, 20);
    EXPECT_EQ(out.message.rfind("could not evaluate successCondition \"", 0), 0U);
  }
}

}  // namespace
}  // namespace sluice::analysis
