// Answers and specs that would make the status too large to be written: the run goes on.
#include <gtest/gtest.h>

#include "analysisrun_given.h"

namespace sluice::analysisrun {
namespace {

using api::AnalysisPhase;
using testing::status_answer;
using testing::vector_answer;
using testing::World;

constexpr std::size_t kObjectMax = 1U << 20U;  // the API server takes somewhat more

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}
std::string web_metric(const std::string& name, const std::string& more) {
  return R"({"name":")" + name + "\"" + more + R"(,"provider":{"web":{"url":"http://x"}}})";
}

TEST(HostileRun, an_answer_of_megabytes_is_stored_in_part) {
  World world(R"("metrics":[)" + web_metric("m", R"(,"successCondition":"len(result) > 100")") +
              "]");
  world.step(0);
  world.answer(status_answer(200, std::string(9U << 20U, 'a')), 0, 1);
  world.step(1);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
  EXPECT_EQ(world.stored_phase(), "Successful");
  EXPECT_LT(kube::dump(world.patch()).size(), 40'000U);
  EXPECT_EQ(world.result(0).measurements[0].value.substr(0, 10), "aaaaaaaaaa");
}

TEST(HostileRun, ten_answers_of_megabytes_from_ten_metrics_can_be_written) {
  std::string metrics;
  for (int i = 0; i < 10; ++i)
    metrics += (i == 0 ? "" : ",") +
               web_metric("m" + std::to_string(i), R"(,"interval":"10s","count":10)");
  World world(R"("metrics":[)" + metrics + "]");
  for (int round = 0; round < 10; ++round) {
    const double now = round * 11.0;
    world.step(now);
    const auto asked = world.in_flight;
    ASSERT_EQ(asked.size(), 10U) << round;
    for (const std::string& id : asked)
      world.answer(id, status_answer(200, std::string(1U << 20U, '\x01')), now, now + 0.5);
    do {
      world.step(now + 0.5);
    } while (!world.last.unassessed.empty());
  }
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
  EXPECT_LT(kube::dump(world.stored()["status"]).size(), kObjectMax);
}

TEST(HostileRun, a_condition_of_a_megabyte_ends_in_an_error_that_can_be_written) {
  World world(R"("metrics":[)" +
              web_metric("m", R"(,"consecutiveErrorLimit":0,"successCondition":")" +
                                  repeated("1 + ", 250'000) + "1\"") +
              "]");
  world.step(0);
  world.answer(status_answer(200, "1"), 0, 1);
  world.step(1);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Error);
  EXPECT_EQ(world.result(0).measurements[0].message.rfind(
                "could not evaluate successCondition \"1 + 1", 0),
            0U);
  EXPECT_LT(kube::dump(world.stored()["status"]).size(), 100'000U);
}

TEST(HostileRun, arguments_that_cannot_be_resolved_end_it_with_a_text_that_can_be_written) {
  for (const std::string& name : {"{{" + std::string(1'000'000, 'x'),
                                  "{{" + std::string(1'000'000, 'x') + "}}"}) {
    World world(R"("metrics":[)" + web_metric(name, "") + "]");
    world.step(0);
    EXPECT_EQ(world.status().phase, AnalysisPhase::Error);
    EXPECT_EQ(world.status().message.rfind("Unable to resolve metric arguments: ", 0), 0U);
    EXPECT_LT(kube::dump(world.stored()["status"]).size(), 100'000U);
  }
}

TEST(HostileRun, a_metric_name_of_a_megabyte_is_refused) {
  World world(R"("metrics":[)" + web_metric(std::string(1'000'000, 'x'), "") + "]");
  world.step(0);
  EXPECT_EQ(world.status().message,
            "Analysis spec invalid: metrics[0]: the name is longer than 1024 bytes");
}

TEST(HostileRun, a_secret_that_stands_a_million_times_in_an_answer_is_masked) {
  World world(
      R"("metrics":[{"name":"m","provider":{"web":{"url":"http://x/{{args.s}}"}}}],)"
      R"("args":[{"name":"s","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}])");
  world.secrets.insert_or_assign("s/k", Result<std::string>("7"));
  world.step(0);
  world.answer(status_answer(200, std::string(4U << 20U, '7')), 0, 1);
  world.step(1);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
  EXPECT_EQ(kube::dump(world.stored()["status"]["metricResults"]).find("77"), std::string::npos);
}

TEST(HostileRun, an_answer_that_is_no_utf_8_is_stored_as_json_can_hold_it) {
  World world(R"("metrics":[)" + web_metric("m", "") + "]");
  world.step(0);
  world.answer(status_answer(200, "ok \xff\xfe"), 0, 1);
  world.step(1);
  EXPECT_EQ(world.stored_phase(), "Successful");
  EXPECT_EQ(kube::get_string(world.stored()["status"]["metricResults"][0]["measurements"][0],
                             "value"),
            "ok \xef\xbf\xbd\xef\xbf\xbd");
}

const std::string kEscapes = "\x1b[2J\xC2\x9B" "31m\r\n\u202E";
const std::string kEscaped = "\\u001b[2J\\u009b31m\n\\u202e";

TEST(F6_Run, an_answer_that_is_stored_steers_no_terminal) {
  World world(R"("metrics":[)" + web_metric("m", R"(,"consecutiveErrorLimit":0)") + "]");
  world.step(0);
  world.answer(status_answer(500, "PWNED " + kEscapes + "tail"), 0, 1);
  world.step(1);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Error);
  const auto& result = world.result(0);
  EXPECT_NE(result.measurements.at(0).message.find("PWNED " + kEscaped + "tail"),
            std::string::npos);
  for (const std::string& text :
       {result.measurements.at(0).message, result.message, world.status().message})
    EXPECT_EQ(text.find_first_of("\x1b\r\x9B"), std::string::npos) << text;
  EXPECT_NE(world.status().message.find("PWNED"), std::string::npos);
}

// Conditions see the value as it came; what is kept of it is for people.
TEST(F6_Run, a_condition_sees_the_value_itself) {
  World world(
      R"("metrics":[)" +
      web_metric("m", R"(,"successCondition":"result == \"a\\u001b\\u009bb\\r\\n\"")") + "]");
  world.step(0);
  world.answer(status_answer(200, "a\x1b\xC2\x9B" "b\r\n"), 0, 1);
  world.step(1);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful) << world.status().message;
  EXPECT_EQ(world.result(0).measurements.at(0).value, "a\\u001b\\u009bb\n");
}

// Cleaned first, the Secret would not be found any more and would stand there for all to read.
TEST(F6_Run, a_secret_with_controls_in_it_is_masked_before_the_text_is_cleaned) {
  World world(R"("metrics":[{"name":"m","provider":{"web":{"url":"http://x","method":"POST","body":"{{args.token}}"}}}],)"
              R"("args":[{"name":"token","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}])");
  world.secrets.insert_or_assign("s/k", Result<std::string>("hun\x1bter2"));
  world.step(0);
  world.answer(status_answer(500, "you sent hun\x1bter2 to us"), 0, 1);
  world.step(1);
  const std::string message = world.result(0).measurements.at(0).message;
  EXPECT_EQ(message.find("ter2"), std::string::npos) << message;
}

// The name of a metric is text of whoever wrote the template.
TEST(F6_Run, names_of_metrics_are_cleaned_where_a_run_tells_of_them) {
  World world(
      R"("metrics":[{"name":"m\u001b[2J","consecutiveErrorLimit":0,"provider":{"web":{"url":"http://x"}}}])");
  world.step(0);
  world.answer(status_answer(500), 0, 1);
  world.step(1);
  EXPECT_NE(world.status().message.find("m\\u001b[2J"), std::string::npos)
      << world.status().message;
  EXPECT_EQ(world.result(0).name, "m\x1b[2J");  // it is how the result is found again
}

// Heavy conditions share the one thread with the renewal of the Lease: a pass stops when it has
// spent enough, and what is left is presented again (ADR 14).
TEST(F4_Budget, one_pass_assesses_no_more_than_its_share_and_the_rest_later) {
  constexpr int kMetrics = 16;
  std::string metrics;
  for (int i = 0; i < kMetrics; ++i)
    metrics += std::string(i == 0 ? "" : ",") + R"({"name":"m)" + std::to_string(i) +
               R"(","successCondition":"all(1..200, {all(1..390, {# > 0})}) and result[0] > 0",)"
               R"("provider":{"prometheus":{"address":"http://prom","query":"up"}}})";
  World world("\"metrics\":[" + metrics + "]");
  world.step(0);
  ASSERT_EQ(world.in_flight.size(), 16U);
  for (int i = 0; i < kMetrics; ++i)
    world.answer("m" + std::to_string(i) + "#1", vector_answer("1"), 0, 0.5);
  std::size_t left = kMetrics;
  int passes = 0;
  while (left > 0 && ++passes <= kMetrics) {
    world.step(0.5);
    EXPECT_LE(world.last.work.steps, 1'600'000U);
    EXPECT_LT(world.last.unassessed.size(), left) << "each pass gets on";
    EXPECT_TRUE(world.in_flight.empty()) << "what waits is not asked again";
    left = world.last.unassessed.size();
  }
  EXPECT_GE(passes, 4);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
  for (const auto& result : world.status().metric_results) EXPECT_EQ(result.count, 1);
}

TEST(F4_Budget, plain_conditions_are_assessed_together) {
  std::string metrics;
  for (int i = 0; i < 64; ++i)
    metrics += std::string(i == 0 ? "" : ",") + testing::prometheus_metric("m" + std::to_string(i));
  World world("\"metrics\":[" + metrics + "]");
  world.step(0);
  for (int i = 0; i < 64; ++i)
    world.answer("m" + std::to_string(i) + "#1", vector_answer("1"), 0, 0.5);
  world.step(0.5);
  EXPECT_TRUE(world.last.unassessed.empty());
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
}

TEST(F4_Budget, large_answers_count_too) {
  World world(R"("metrics":[)" + testing::prometheus_metric("a") + "," +
              testing::prometheus_metric("b") + "]");
  world.step(0);
  const std::string padding(2U << 20U, ' ');
  for (const char* id : {"a#1", "b#1"}) {
    auto answer = vector_answer("1");
    answer->body += padding;
    world.answer(id, std::move(answer), 0, 0.5);
  }
  world.step(0.5);
  EXPECT_EQ(world.last.unassessed, std::set<std::string>{"b#1"});
}

}  // namespace
}  // namespace sluice::analysisrun
