// Web metrics (analysis.md §12.3).
#include <gtest/gtest.h>

#include "analysis/providers/web.h"
#include "base/hash.h"
#include "engine_support.h"

namespace sluice::analysis {
namespace {

using api::AnalysisPhase;
using testing::at;
using testing::metric_from;

api::Metric web_metric(const std::string& provider, const std::string& more = "") {
  return metric_from(R"({"name":"m")" + more + R"(,"provider":{"web":{)" + provider + "}}}");
}
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

TEST(WebRequest, is_a_get_with_ten_seconds_that_follows_redirects) {
  const auto request = web::build_request(web_metric(R"("url":"http://x/y?z=1")"));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->method, "GET");
  EXPECT_EQ(request->url, "http://x/y?z=1");
  EXPECT_EQ(request->timeout, Seconds(10));
  EXPECT_EQ(request->redirects_max, 10);
  EXPECT_EQ(request->client_name, "metric");
  EXPECT_FALSE(request->insecure_skip_verify);
}

TEST(WebRequest, sends_a_json_body_with_its_type_over_a_custom_one) {
  const auto request = web::build_request(web_metric(
      R"("url":"https://x","method":"POST","timeoutSeconds":3,"insecure":true,"jsonBody":{"b":[1,{"c":null}],"a":"<"},)"
      R"("headers":[{"key":"Content-Type","value":"text/plain"},{"key":"X","value":"1"},{"key":"x","value":"2"}])"));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->body, R"({"a":"<","b":[1,{"c":null}]})");
  EXPECT_EQ(header(*request, "Content-Type"), "application/json");
  EXPECT_EQ(header(*request, "X"), "2");
  EXPECT_EQ(request->timeout, Seconds(3));
  EXPECT_TRUE(request->insecure_skip_verify);
}

TEST(WebRequest, sends_a_plain_body_and_a_login) {
  const auto request = web::build_request(web_metric(
      R"("url":"http://x","method":"PUT","body":"hello","authentication":{"basicAuth":{"username":"u","password":"p"}})"));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->body, "hello");
  EXPECT_EQ(header(*request, "Authorization"), "Basic " + base64_encode("u:p"));
}

struct Refused {
  std::string name, provider, message;
};
class WebRefusal : public ::testing::TestWithParam<Refused> {};

TEST_P(WebRefusal, says_what_is_wrong) {
  const auto request = web::build_request(web_metric(GetParam().provider));
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Table, WebRefusal,
    ::testing::Values(
        Refused{"two_bodies", R"("url":"http://x","method":"POST","body":"a","jsonBody":{})",
                "use either Body or JSONBody; both cannot exists for WebMetric payload"},
        Refused{"get_with_a_body", R"("url":"http://x","body":"a")",
                "Body/JSONBody can only be used with POST or PUT WebMetric Method types"},
        Refused{"get_with_a_json_body", R"("url":"http://x","method":"GET","jsonBody":{"a":1})",
                "Body/JSONBody can only be used with POST or PUT WebMetric Method types"},
        Refused{
            "a_path_would_go_to_the_api_server", R"("url":"/api/v1/secrets")",
            R"(Get "/api/v1/secrets": the URL must be absolute, with the scheme http or https)"},
        Refused{
            "a_file", R"("url":"file:///etc/passwd")",
            R"(Get "file:///etc/passwd": the URL must be absolute, with the scheme http or https)"},
        Refused{"no_url", R"("method":"POST")",
                R"(Post "": the URL must be absolute, with the scheme http or https)"},
        Refused{"malformed_path", R"("url":"http://x","jsonPath":"{.a")", "unclosed action"},
        Refused{"oauth2", R"("url":"http://x","authentication":{"oauth2":{"tokenUrl":"http://t"}})",
                "provider.web.authentication.oauth2 is not implemented by this release: pass a "
                "token in "
                "provider.web.headers instead"}),
    [](const auto& one) { return one.param.name; });

struct Judged {
  std::string name, provider, condition;
  Result<http::Response> response;
  AnalysisPhase phase;
  std::string value, message;
};
class WebMeasurement : public ::testing::TestWithParam<Judged> {};

TEST_P(WebMeasurement, follows_from_the_answer) {
  const Judged& c = GetParam();
  const api::Metric m = web_metric(R"("url":"http://x")" + c.provider,
                                   R"(,"successCondition":")" + c.condition + "\"");
  const auto request = web::build_request(m);
  ASSERT_TRUE(request) << request.error().message;
  const auto out =
      measure(m, web::interpret(m, *request, c.response), web::query_of(m), {at(0), at(1)});
  EXPECT_EQ(out.phase, c.phase) << api::to_string(out.phase) << " " << out.message;
  EXPECT_EQ(out.value, c.value);
  EXPECT_EQ(out.message, c.message);
}

INSTANTIATE_TEST_SUITE_P(
    Table, WebMeasurement,
    ::testing::Values(
        Judged{"text", "", R"(result == \"OK\")", answer(200, "OK"), AnalysisPhase::Successful,
               "OK", ""},
        Judged{"empty_body_is_the_empty_text", "", R"(result == \"\")", answer(204, ""),
               AnalysisPhase::Successful, "", ""},
        Judged{"trailing_garbage_makes_it_text", R"(,"jsonPath":"{.a}")",
               R"(result contains \"x\")", answer(200, R"({"a":1} x)"), AnalysisPhase::Successful,
               R"({"a":1} x)", ""},
        Judged{"json_text_shows_its_quotes", R"(,"jsonPath":"{$.a.b}")", "asInt(result) == 1",
               answer(200, R"({"a":{"b":"1"}})"), AnalysisPhase::Successful, "\"1\"", ""},
        Judged{"numbers_are_floats", R"(,"jsonPath":"{.a}")", "result > 0.5",
               answer(200, R"({"a":1})"), AnalysisPhase::Successful, "1", ""},
        Judged{"large_numbers_get_an_exponent", R"(,"jsonPath":"{.a}")", "result > 1",
               answer(200, R"({"a":1e21})"), AnalysisPhase::Successful, "1e+21", ""},
        Judged{"the_whole_body_by_default", "", "result.ok",
               answer(201, R"({"z":"<b>","ok":true})"), AnalysisPhase::Successful,
               R"({"ok":true,"z":"\u003cb\u003e"})", ""},
        Judged{"lists_are_handed_over_whole", R"(,"jsonPath":"{.a}")", "len(result) == 2",
               answer(200, R"({"a":[1,2]})"), AnalysisPhase::Successful, "[1,2]", ""},
        Judged{"the_first_of_several_matches", R"(,"jsonPath":"{.a[*]}")", "result == 1",
               answer(200, R"({"a":[1,2]})"), AnalysisPhase::Successful, "1", ""},
        Judged{"null", R"(,"jsonPath":"{.a}")", "result == nil", answer(200, R"({"a":null})"),
               AnalysisPhase::Successful, "null", ""},
        Judged{"a_body_that_is_null", "", "result == nil", answer(200, "null"),
               AnalysisPhase::Successful, "null", ""},
        Judged{"a_condition_that_does_not_fit_keeps_the_value", R"(,"jsonPath":"{.a}")", "result",
               answer(200, R"({"a":1})"), AnalysisPhase::Error, "1",
               "could not evaluate successCondition \"result\": expected bool, but got float64"},
        Judged{"server_error", "", "true", answer(500, ""), AnalysisPhase::Error, "",
               "received non 2xx response code: 500"},
        Judged{"server_error_with_a_reason", "", "true", answer(503, "no upstream\n"),
               AnalysisPhase::Error, "", "received non 2xx response code: 503 no upstream"},
        Judged{"missing_key", R"(,"jsonPath":"{.nope}")", "true", answer(200, "{}"),
               AnalysisPhase::Error, "", "Could not find JSONPath in body: nope is not found"},
        Judged{"nothing_found", R"(,"jsonPath":"{.a[?(@.x)]}")", "true", answer(200, R"({"a":[]})"),
               AnalysisPhase::Error, "", "result of web metric produced no value"},
        Judged{"timeout", "", "true", fail(ErrorCode::Timeout, ""), AnalysisPhase::Error, "",
               R"(Get "http://x": context deadline exceeded)"}),
    [](const auto& one) { return one.param.name; });

TEST(WebMeasurementDetails, a_failed_one_says_what_was_asked) {
  const api::Metric m =
      web_metric(R"("url":"http://x/health")", R"(,"successCondition":"result == \"OK\"")");
  const auto out = measure(m, web::interpret(m, *web::build_request(m), answer(200, "DOWN")),
                           web::query_of(m), {at(0), at(1)});
  EXPECT_EQ(out.phase, AnalysisPhase::Failed);
  EXPECT_EQ(out.metadata.at("query"), "GET http://x/health");
  EXPECT_EQ(web::query_of(web_metric(R"("url":"http://user:pw@x/health")", "")),
            "GET http://***@x/health");
  EXPECT_EQ(out.metadata.at("condition"), "successCondition: result == \"OK\"");
}

TEST(WebMeasurementDetails, a_body_nested_beyond_reason_still_ends_in_a_measurement) {
  const api::Metric m =
      web_metric(R"("url":"http://x")", R"(,"successCondition":"len(result) == 1")");
  for (const std::size_t depth : {300UL, 3000UL, 100000UL}) {
    const std::string body = std::string(depth, '[') + std::string(depth, ']');
    const auto out = measure(m, web::interpret(m, *web::build_request(m), answer(200, body)), "",
                             {at(0), at(1)});
    EXPECT_NE(out.phase, AnalysisPhase::None) << depth;
    EXPECT_NE(out.phase, AnalysisPhase::Running) << depth;
  }
}

}  // namespace
}  // namespace sluice::analysis
