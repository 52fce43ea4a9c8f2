// What a run's queries may take and where their Secrets may go: the ceiling of time-outs, limits of
// answers, marks on what holds a Secret, and when nothing is waited for any more.
#include <gmock/gmock.h>

#include "analysisrun_given.h"

namespace sluice::analysisrun {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::status_answer;
using ::testing::UnorderedElementsAre;
using testing::vector_answer;
using testing::World;

std::string web_run(const std::string& provider, const std::string& more = "") {
  return R"("metrics":[{"name":"m","interval":"10s","provider":{"web":)" + provider + "}}]" + more;
}
std::string prometheus_run(const std::string& more) {
  return R"("metrics":[{"name":"m","interval":"10s","successCondition":"result[0] >= 0.9",)"
         R"("provider":{"prometheus":{"address":"http://prom","query":"up")" +
         more + "}}}]";
}
const char* const kTokenArg =
    R"(,"args":[{"name":"token","valueFrom":{"secretKeyRef":{"name":"api","key":"token"}}},)"
    R"({"name":"plain","value":"hunter2"}])";

World with_secret(const std::string& spec, const std::string& value = "hunter2") {
  World world(spec);
  world.secrets.insert_or_assign("api/token", Result<std::string>(value));
  world.step(0);
  return world;
}

TEST(F4_Ceiling, no_query_of_any_provider_waits_longer_than_the_controller_allows) {
  for (const std::string& spec :
       {web_run(R"({"url":"http://web/","timeoutSeconds":86400})"),
        web_run(R"({"url":"http://web/","timeoutSeconds":4611686018427387904})"),
        prometheus_run(R"(,"timeout":86400)")}) {
    World world(spec);
    world.step(0);
    EXPECT_EQ(world.requests.at("m#1").timeout, Seconds(300)) << spec;
  }
  World lower(web_run(R"({"url":"http://web/","timeoutSeconds":86400})"));
  lower.options.metric_timeout_max = Seconds(20);
  lower.step(0);
  EXPECT_EQ(lower.requests.at("m#1").timeout, Seconds(20));
  World small(web_run(R"({"url":"http://web/","timeoutSeconds":7})"));
  small.step(0);
  EXPECT_EQ(small.requests.at("m#1").timeout, Seconds(7));
}

TEST(F4_Ceiling, the_repetition_as_a_get_has_it_too) {
  World world(prometheus_run(R"(,"timeout":86400)"));
  world.step(0);
  world.answer(status_answer(405), 0, 0.5);
  world.step(0.5);
  EXPECT_EQ(world.requests.at("m#1/again").timeout, Seconds(300));
}

TEST(F4_Ceiling, a_time_out_that_the_metric_did_not_ask_for_is_explained) {
  struct Case {
    int seconds;
    const char* end;
  };
  for (const auto& c : {Case{3600,
                             "context deadline exceeded (the metric would wait 1h0m0s, but "
                             "--metric-timeout-max of the controller is 5m0s)"},
                        Case{10, "context deadline exceeded"}}) {
    World world(
        web_run(R"({"url":"http://web/","timeoutSeconds":)" + std::to_string(c.seconds) + "}"));
    world.step(0);
    world.answer(fail(ErrorCode::Timeout, "no answer within"), 0, 300);
    world.step(300);
    EXPECT_TRUE(world.result(0).measurements.at(0).message.ends_with(c.end))
        << world.result(0).measurements.at(0).message;
  }
}

TEST(F4_Cancel, a_run_that_is_over_deleted_or_not_ours_waits_for_nothing) {
  const std::string spec = web_run(R"({"url":"http://web/"})");
  World running(spec);
  EXPECT_TRUE(running.step(0).goes_on);
  running.set_spec("terminate", true);
  EXPECT_FALSE(running.step(1).goes_on);
  World deleted(spec);
  deleted.step(0);
  deleted.set_meta("deletionTimestamp", "2027-01-15T08:00:00Z");
  EXPECT_FALSE(deleted.step(1).goes_on);
  World foreign(spec);
  foreign.step(0);
  foreign.set_meta("labels", {{"argo-rollouts.argoproj.io/controller-instance-id", "other"}});
  EXPECT_FALSE(foreign.step(1).goes_on);
  World ended(spec, R"({"phase":"Failed","completedAt":"2027-01-15T08:00:00Z"})");
  EXPECT_FALSE(ended.step(0).goes_on);
}

// Its Secrets are still to be read: they are waited for.
TEST(F4_Cancel, a_run_that_waits_for_secrets_goes_on) {
  World world(web_run(R"({"url":"http://web/{{args.token}}"})", kTokenArg));
  EXPECT_TRUE(world.step(0).goes_on);
}

TEST(F13_Queries, answers_are_bounded_where_they_are_read) {
  for (const std::string& spec : {web_run(R"({"url":"http://web/"})"), prometheus_run("")}) {
    World world(spec);
    world.step(0);
    EXPECT_EQ(world.requests.at("m#1").body_max, 10U << 20U);
  }
}

TEST(F8_Marks, headers_that_hold_a_secret_are_known_and_others_are_not) {
  const World world = with_secret(
      web_run(R"({"url":"http://web/","headers":[{"key":"X-Api-Key","value":"{{args.token}}"},)"
              R"({"key":"Authorization","value":"Bearer {{args.token}}"},)"
              R"({"key":"X-Plain","value":"{{args.plain}}"},{"key":"Accept","value":"text/*"}]})",
              kTokenArg));
  const auto& request = world.requests.at("m#1");
  EXPECT_EQ(*http::find_header(request.headers, "X-Api-Key"), "hunter2");
  EXPECT_THAT(request.secret_headers, UnorderedElementsAre("X-Api-Key", "Authorization"));
  EXPECT_FALSE(request.secret_body);
}

// The value does not matter: a Secret may be what a placeholder would be, a digit, or part of
// everything.
TEST(F8_Marks, do_not_depend_on_the_value_of_the_secret) {
  for (const char* value : {"temp-for-secret", "1", "x", "hunter2"}) {
    const World world =
        with_secret(web_run(R"({"url":"http://web/1/x","headers":[)"
                            R"({"key":"X-Api-Key","value":"{{args.token}}"},)"
                            R"({"key":"X-Plain","value":"1x temp-for-secret {{args.plain}}"}]})",
                            kTokenArg),
                    value);
    EXPECT_THAT(world.requests.at("m#1").secret_headers, ElementsAre("X-Api-Key")) << value;
  }
}

TEST(F8_Marks, a_header_that_is_named_by_a_secret_is_one) {
  const World world = with_secret(web_run(
      R"({"url":"http://web/","headers":[{"key":"X-{{args.token}}","value":"1"}]})", kTokenArg));
  EXPECT_THAT(world.requests.at("m#1").secret_headers, ElementsAre("X-hunter2"));
}

TEST(F8_Marks, the_last_header_of_a_name_decides) {
  const World world = with_secret(
      web_run(R"({"url":"http://web/","headers":[{"key":"X-Key","value":"{{args.token}}"},)"
              R"({"key":"x-key","value":"plain"}]})",
              kTokenArg));
  EXPECT_THAT(world.requests.at("m#1").secret_headers, IsEmpty());
}

TEST(F8_Marks, basic_authentication_and_bodies_count) {
  const World basic =
      with_secret(web_run(R"({"url":"http://web/","authentication":{"basicAuth":{"username":"u",)"
                          R"("password":"{{args.token}}"}}})",
                          kTokenArg));
  EXPECT_THAT(basic.requests.at("m#1").secret_headers, ElementsAre("Authorization"));
  const World body = with_secret(web_run(
      R"({"url":"http://web/","method":"POST","jsonBody":{"key":"{{args.token}}"}})", kTokenArg));
  EXPECT_TRUE(body.requests.at("m#1").secret_body);
  EXPECT_THAT(body.requests.at("m#1").secret_headers, IsEmpty());
  const World plain = with_secret(web_run(
      R"({"url":"http://web/{{args.token}}","method":"POST","body":"{{args.plain}}"})", kTokenArg));
  EXPECT_FALSE(plain.requests.at("m#1").secret_body);
}

TEST(F8_Marks, of_prometheus_hold_for_the_repetition_as_a_get) {
  World world = with_secret(
      prometheus_run(R"(,"headers":[{"key":"Authorization","value":"Bearer {{args.token}}"}])") +
      kTokenArg);
  EXPECT_THAT(world.requests.at("m#1").secret_headers, ElementsAre("Authorization"));
  EXPECT_FALSE(world.requests.at("m#1").secret_body);
  world.answer(status_answer(405), 0, 0.5);
  world.step(0.5);
  EXPECT_THAT(world.requests.at("m#1/again").secret_headers, ElementsAre("Authorization"));
  const World query =
      with_secret(R"("metrics":[{"name":"m","provider":{"prometheus":{"address":"http://prom",)"
                  R"("query":"up{key='{{args.token}}'}"}}}])" +
                  std::string(kTokenArg));
  EXPECT_TRUE(query.requests.at("m#1").secret_body);
}

TEST(F8_Marks, a_run_without_secrets_has_none) {
  World world(web_run(R"({"url":"http://web/","headers":[{"key":"X","value":"{{args.plain}}"}]})",
                      R"(,"args":[{"name":"plain","value":"1"}])"));
  world.step(0);
  EXPECT_THAT(world.requests.at("m#1").secret_headers, IsEmpty());
  EXPECT_FALSE(world.requests.at("m#1").secret_body);
}

// What cannot be told apart is kept in.
TEST(F8_Marks, when_the_comparison_cannot_be_made_all_may_hold_a_secret) {
  World world = with_secret(
      R"("metrics":[{"name":"m","provider":{"prometheus":{"address":"http://prom","query":"up",)"
      R"("headers":[{"key":"X-Plain","value":"1"}],)"
      R"x("rangeQuery":{"start":"{{args.token}}","end":"now()","step":"1m"}}}}])x" +
          std::string(kTokenArg),
      "now()");
  const auto& request = world.requests.at("m#1");
  EXPECT_THAT(request.secret_headers, UnorderedElementsAre("X-Plain", "Content-Type"));
  EXPECT_TRUE(request.secret_body);
}

}  // namespace
}  // namespace sluice::analysisrun
