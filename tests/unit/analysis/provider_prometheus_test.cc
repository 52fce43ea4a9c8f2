// Prometheus metrics: requests, answers, measurements (analysis.md §12.2, S17).
#include <gtest/gtest.h>

#include <cmath>

#include "analysis/providers/prometheus.h"
#include "base/hash.h"
#include "engine_support.h"

namespace sluice::analysis {
namespace {

using api::AnalysisPhase;
using testing::at;
using testing::metric_from;

api::Metric prometheus_metric(const std::string& provider, const std::string& more = "") {
  return metric_from(R"({"name":"m")" + more + R"(,"provider":{"prometheus":{)" + provider + "}}}");
}

const AskContext kContext{"", at(0.25)};

std::string header(const http::Request& request, std::string_view name) {
  const std::string* value = http::find_header(request.headers, name);
  return value == nullptr ? "" : *value;
}

Result<http::Response> answer(int status, std::string body) {
  http::Response out;
  out.status = status;
  out.body = std::move(body);
  return out;
}
Result<http::Response> data(const std::string& type, const std::string& result) {
  return answer(200, R"({"status":"success","data":{"resultType":")" + type + R"(","result":)" +
                         result + "}}");
}

TEST(PrometheusRequest, asks_the_instant_query_by_post) {
  const auto request = prometheus::build_request(
      prometheus_metric(
          R"("address":"http://prom:9090/prefix/","query":"sum(rate(x{a=\"b\"}[1m])) + 1","timeout":5,"insecure":true)"),
      kContext);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->url, "http://prom:9090/prefix/api/v1/query");
  EXPECT_EQ(header(*request, "content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(request->timeout, Seconds(5));
  EXPECT_TRUE(request->insecure_skip_verify);
  EXPECT_EQ(request->client_name, "metric");
  EXPECT_EQ(request->redirects_max, 10);
  const http::Target form = http::parse_target("/?" + request->body);
  ASSERT_NE(form.param("query"), nullptr);
  EXPECT_EQ(*form.param("query"), "sum(rate(x{a=\"b\"}[1m])) + 1");
  EXPECT_EQ(*form.param("time"), "1800000000.25");
}

TEST(PrometheusRequest, asks_a_range_with_expressions_for_its_bounds) {
  const auto request = prometheus::build_request(
      prometheus_metric(
          R"j("address":"http://p","query":"up","rangeQuery":{"start":"now() - duration(\"1h\")","end":"now()","step":"1m30s"})j"),
      kContext);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->url, "http://p/api/v1/query_range");
  EXPECT_EQ(request->body, "end=1800000000.25&query=up&start=1799996400.25&step=90");
}

TEST(PrometheusRequest, waits_thirty_seconds_unless_told_otherwise_and_takes_zero_for_that) {
  for (const char* timeout : {"", R"(,"timeout":0)"}) {
    const auto request = prometheus::build_request(
        prometheus_metric(R"("address":"http://p")" + std::string(timeout)), kContext);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->timeout, Seconds(30));
  }
}

TEST(PrometheusRequest, custom_headers_win_over_basic_auth) {
  const std::string login =
      R"("address":"http://p","authentication":{"basicAuth":{"username":"u","password":"p"}})";
  const auto plain = prometheus::build_request(prometheus_metric(login), kContext);
  ASSERT_TRUE(plain);
  EXPECT_EQ(header(*plain, "Authorization"), "Basic " + base64_encode("u:p"));
  const auto custom = prometheus::build_request(
      prometheus_metric(
          login +
          R"(,"headers":[{"key":"authorization","value":"Bearer t"},{"key":"X-Scope-OrgID","value":"a"}])"),
      kContext);
  ASSERT_TRUE(custom);
  EXPECT_EQ(header(*custom, "Authorization"), "Bearer t");
  EXPECT_EQ(header(*custom, "X-Scope-OrgID"), "a");
}

struct Refused {
  std::string name, provider, message;
};
class PrometheusRefusal : public ::testing::TestWithParam<Refused> {};

TEST_P(PrometheusRefusal, says_what_is_wrong) {
  const auto request = prometheus::build_request(prometheus_metric(GetParam().provider), kContext);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Table, PrometheusRefusal,
    ::testing::Values(
        Refused{"no_address", R"("query":"up")", "prometheus address is not configured"},
        Refused{"address_without_scheme", R"("address":"prom:9090")",
                "prometheus address is not is url format"},
        Refused{"address_that_is_a_path", R"("address":"/api/v1/secrets")",
                "prometheus address is not is url format"},
        Refused{"username_only",
                R"("address":"http://p","authentication":{"basicAuth":{"username":"u"}})",
                "missing mandatory parameter in metric for basic auth setup: password"},
        Refused{"password_only",
                R"("address":"http://p","authentication":{"basicAuth":{"password":"p"}})",
                "missing mandatory parameter in metric for basic auth setup: username"},
        Refused{"half_of_oauth2",
                R"("address":"http://p","authentication":{"oauth2":{"tokenUrl":"http://t"}})",
                "missing mandatory parameter in metric for OAuth2 setup"},
        Refused{
            "oauth2",
            R"("address":"http://p","authentication":{"oauth2":{"tokenUrl":"http://t","clientId":"c","clientSecret":"s"}})",
            "provider.prometheus.authentication.oauth2 is not implemented by this release: pass a "
            "token in "
            "provider.prometheus.headers instead"},
        Refused{"sigv4",
                R"("address":"http://aps-workspaces.x","authentication":{"sigv4":{"region":"eu"}})",
                "provider.prometheus.authentication.sigv4 is not implemented by this release: "
                "query through a signing proxy "
                "instead"},
        Refused{"negative_timeout", R"("address":"http://p","timeout":-1)",
                "prometheus timeout should not be negative"},
        Refused{
            "start_that_is_no_time",
            R"j("address":"http://p","rangeQuery":{"start":"\"x\"","end":"now()","step":"1m"})j",
            "failed to parse rangeQuery.start as time: expected time.Time, but got string"},
        Refused{"end_that_is_no_time",
                R"j("address":"http://p","rangeQuery":{"start":"now()","end":"1","step":"1m"})j",
                "failed to parse rangeQuery.end as time: expected time.Time, but got int"},
        Refused{"step_that_is_none",
                R"j("address":"http://p","rangeQuery":{"start":"now()","end":"now()","step":"x"})j",
                "failed to parse rangeQuery.step as duration: time: invalid duration \"x\""}),
    [](const auto& one) { return one.param.name; });

TEST(PrometheusRequest, takes_the_default_address_and_ignores_empty_logins) {
  const auto request = prometheus::build_request(
      prometheus_metric(R"("query":"up","authentication":{"basicAuth":{},"oauth2":{},"sigv4":{}})"),
      {"http://default", at(0)});
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->url, "http://default/api/v1/query");
  EXPECT_FALSE(prometheus::build_request(prometheus_metric(""), {"default", at(0)}));
}

TEST(PrometheusRequest, becomes_a_get_when_post_is_not_allowed) {
  const auto request = prometheus::build_request(
      prometheus_metric(R"("address":"http://p","query":"up")"), kContext);
  for (const int status : {405, 501}) EXPECT_TRUE(prometheus::wants_get(*answer(status, "")));
  EXPECT_FALSE(prometheus::wants_get(*answer(403, "")));
  const http::Request get = prometheus::as_get(*request);
  EXPECT_EQ(get.method, "GET");
  EXPECT_EQ(get.url, "http://p/api/v1/query?query=up&time=1800000000.25");
  EXPECT_EQ(get.body, "");
  EXPECT_EQ(header(get, "Content-Type"), "");
}

// ---- answers ----

struct Answer {
  std::string name;
  Result<http::Response> response;
  std::string text;  // value, or "!" and the error
};
class PrometheusAnswer : public ::testing::TestWithParam<Answer> {};

TEST_P(PrometheusAnswer, is_read) {
  http::Request request;
  request.method = "POST";
  request.url = "http://u:pw@p/api/v1/query";
  const auto sample = prometheus::interpret(request, GetParam().response);
  EXPECT_EQ(sample ? sample->text : "!" + sample.error().message, GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    Table, PrometheusAnswer,
    ::testing::Values(
        Answer{"vector",
               data("vector", R"([{"metric":{"a":"b"},"value":[1,"0.5"]},{"value":[1,"0.7"]}])"),
               "[0.5,0.7]"},
        Answer{
            "whole_numbers",
            data(
                "vector",
                R"([{"value":[1,"1"]},{"value":[1,"2.5"]},{"value":[1,"1e21"]},{"value":[1,"1e-7"]}])"),
            "[1,2.5,1000000000000000000000,0.0000001]"},
        Answer{"empty_vector", data("vector", "[]"), "[]"},
        Answer{"null_vector", data("vector", "null"), "[]"},
        Answer{"special_numbers",
               data("vector", R"([{"value":[1,"NaN"]},{"value":[1,"+Inf"]},{"value":[1,"-Inf"]}])"),
               "[NaN,+Inf,-Inf]"},
        Answer{"scalar", data("scalar", R"([1,"42.5"])"), "42.5"},
        Answer{"scalar_nan", data("scalar", R"([1,"NaN"])"), "NaN"},
        Answer{"matrix", data("matrix", R"([{"values":[[1,"1"],[2,"2"]]},{"values":[[1,"3"]]}])"),
               "[1,2,3]"},
        Answer{"histograms_are_left_out",
               data("vector", R"([{"histogram":[1,{}]},{"value":[1,"3"]}])"), "[3]"},
        Answer{"string_type", data("string", R"([1,"x"])"), R"(!unexpected value type "string")"},
        Answer{"no_number", data("vector", R"([{"value":[1,"many"]}])"),
               "!bad_response: a sample of the vector has no number"},
        Answer{"value_of_another_shape", data("vector", R"([{"value":5}])"),
               "!bad_response: a sample of the vector has no number"},
        Answer{"no_data", answer(200, R"({"status":"success"})"),
               "!bad_response: the answer holds no data"},
        Answer{"an_error_with_200",
               answer(200, R"({"status":"error","errorType":"execution","error":"boom"})"),
               "!execution: boom"},
        Answer{
            "bad_query",
            answer(
                400,
                R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": x"})"),
            "!bad_data: invalid parameter \"query\": x"},
        Answer{
            "unprocessable",
            answer(422, R"({"status":"error","errorType":"execution","error":"too many samples"})"),
            "!execution: too many samples"},
        Answer{"success_with_400", answer(400, R"({"status":"success"})"),
               "!bad_response: inconsistent body for response code"},
        Answer{"not_found", answer(404, "nope"), "!client_error: client error: 404"},
        Answer{"server_error", answer(503, ""), "!server_error: server error: 503"},
        Answer{"redirect", answer(302, ""), "!bad_response: bad response code 302"},
        Answer{"timeout", fail(ErrorCode::Timeout, "no answer in 30 s"),
               R"(!Post "http://***@p/api/v1/query": context deadline exceeded)"},
        Answer{"refused", fail(ErrorCode::Unavailable, "connection refused"),
               R"(!Post "http://***@p/api/v1/query": connection refused)"}),
    [](const auto& one) { return one.param.name; });

TEST(PrometheusAnswerText, that_is_no_json_is_a_bad_response) {
  const auto sample = prometheus::interpret({}, answer(200, "<html>"));
  ASSERT_FALSE(sample);
  EXPECT_EQ(sample.error().message.rfind("bad_response: ", 0), 0U) << sample.error().message;
}

TEST(PrometheusAnswerText, warnings_become_metadata) {
  const auto sample = prometheus::interpret(
      {},
      answer(
          200,
          R"({"status":"success","data":{"resultType":"vector","result":[]},"warnings":["a \"b\"","c"]})"));
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->metadata.at("warnings"), R"("a \"b\"", "c")");
}

// ---- the measurement: missing data is never a success (S17) ----

struct Judged {
  std::string name, conditions, result;
  AnalysisPhase phase;
  std::string message;
};
class PrometheusMeasurement : public ::testing::TestWithParam<Judged> {};

TEST_P(PrometheusMeasurement, is_judged_by_the_conditions) {
  const Judged& c = GetParam();
  const api::Metric m = prometheus_metric(R"("address":"http://p","query":"q")", c.conditions);
  const auto sample = prometheus::interpret({}, data("vector", c.result));
  const api::Measurement out = measure(m, sample, "q", {at(1.5), at(2.5)});
  EXPECT_EQ(out.phase, c.phase) << api::to_string(out.phase) << " " << out.message;
  EXPECT_EQ(out.message, c.message);
  EXPECT_EQ(out.started_at, at(1));
  EXPECT_EQ(out.finished_at, at(2));
  EXPECT_EQ(out.value.empty(), false);
}

constexpr const char* kAtLeast = R"(,"successCondition":"result[0] >= 0.9")";
constexpr const char* kAtMost = R"(,"failureCondition":"result[0] > 0.1")";

INSTANTIATE_TEST_SUITE_P(
    Table, PrometheusMeasurement,
    ::testing::Values(
        Judged{"good", kAtLeast, R"([{"value":[1,"0.95"]}])", AnalysisPhase::Successful, ""},
        Judged{"bad", kAtLeast, R"([{"value":[1,"0.5"]}])", AnalysisPhase::Failed, ""},
        Judged{"the_second_of_two_series_can_be_asked", R"(,"successCondition":"result[1] > 0.6")",
               R"([{"value":[1,"0.5"]},{"value":[1,"0.7"]}])", AnalysisPhase::Successful, ""},
        Judged{"two_series_where_one_was_expected_judge_the_first", kAtLeast,
               R"([{"value":[1,"0.5"]},{"value":[1,"1"]}])", AnalysisPhase::Failed, ""},
        Judged{"nan_fails_a_comparison", kAtLeast, R"([{"value":[1,"NaN"]}])",
               AnalysisPhase::Failed, ""},
        Judged{"empty_is_an_error", kAtLeast, "[]", AnalysisPhase::Error,
               "could not evaluate successCondition \"result[0] >= 0.9\": metric result is nil or "
               "empty: no data returned "
               "from the metric provider"},
        Judged{"empty_is_an_error_of_a_failure_condition_too", kAtMost, "[]", AnalysisPhase::Error,
               "could not evaluate failureCondition \"result[0] > 0.1\": metric result is nil or "
               "empty: no data returned "
               "from the metric provider"},
        Judged{"neither_is_inconclusive",
               R"(,"successCondition":"result[0] > 0.9","failureCondition":"result[0] < 0.1")",
               R"([{"value":[1,"0.5"]}])", AnalysisPhase::Inconclusive, ""},
        Judged{"without_conditions_any_answer_is_good", "", R"([{"value":[1,"0"]}])",
               AnalysisPhase::Successful, ""}),
    [](const auto& one) { return one.param.name; });

TEST(PrometheusMeasurementDetails, what_is_not_successful_carries_query_and_condition) {
  const api::Metric m = prometheus_metric(
      R"("address":"http://p","query":"q")",
      R"(,"successCondition":"result[0] >= 0.9","failureCondition":"result[0] < 0.5")");
  const auto bad = measure(m, prometheus::interpret({}, data("vector", R"([{"value":[1,"0.4"]}])")),
                           "q", {at(0), at(0)});
  EXPECT_EQ(bad.value, "[0.4]");
  EXPECT_EQ(bad.metadata.at("query"), "q");
  EXPECT_EQ(bad.metadata.at("condition"),
            "successCondition: result[0] >= 0.9; failureCondition: result[0] < 0.5");
  const auto good =
      measure(m, prometheus::interpret({}, data("vector", R"([{"value":[1,"0.95"]}])")), "q",
              {at(0), at(0)});
  EXPECT_TRUE(good.metadata.empty());
}

TEST(PrometheusMeasurementDetails,
     an_error_keeps_the_text_and_never_succeeds_whatever_the_conditions) {
  const api::Metric m =
      prometheus_metric(R"("address":"http://p","query":"q")", R"(,"failureCondition":"false")");
  const auto out = measure(m, prometheus::interpret({}, answer(500, "")), "q", {at(0), at(0)});
  EXPECT_EQ(out.phase, AnalysisPhase::Error);
  EXPECT_EQ(out.message, "server_error: server error: 500");
  EXPECT_EQ(out.value, "");
}

}  // namespace
}  // namespace sluice::analysis
