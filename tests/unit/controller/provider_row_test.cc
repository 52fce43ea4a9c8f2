// A provider that only tests know joins the table: no source but its own names it.
#include <gtest/gtest.h>

#include "analysisrun_given.h"
#include "tests/support/plain_number_provider.h"

namespace sluice::analysisrun {
namespace {

using api::AnalysisPhase;
using testing::status_answer;
using testing::World;
using Lines = std::vector<std::string>;

struct ProviderRow : ::testing::Test {
  static std::string metric(const std::string& more = "") {
    return R"("metrics":[{"name":"m","successCondition":"result > 1","provider":{"plainNumber":)"
           R"({"url":"http://numbers/x")" +
           more + "}}}]";
  }
  analysis::test::PlainNumberProvider provider;
  analysis::ExtraProvider row{provider};
};

TEST_F(ProviderRow, IsAskedAndRead) {
  World world(metric());
  world.step(0);
  ASSERT_EQ(world.in_flight, std::set<std::string>{"m#1"});
  EXPECT_EQ(world.requests["m#1"].url, "http://numbers/x");
  world.answer(status_answer(200, "3"), 0, 0.5);
  world.step(0.5);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
  EXPECT_EQ(world.result(0).measurements.at(0).value, "3");
}

TEST_F(ProviderRow, AnErrorOfItIsTheMeasurements) {
  World world(metric());
  world.step(0);
  world.answer(status_answer(200, "many"), 0, 0.5);
  world.step(0.5);
  EXPECT_EQ(world.result(0).measurements.at(0).message, "'many' is no number");
  EXPECT_EQ(world.result(0).measurements.at(0).metadata.at("query"), "GET http://numbers/x");
}

TEST_F(ProviderRow, GetsTheSecretsThatItNames) {
  World world(metric(R"(,"token":{"name":"login","key":"token"})"));
  world.step(0);
  EXPECT_EQ(world.last.secrets_needed, Lines{"login/token"});
  EXPECT_TRUE(world.in_flight.empty());
  world.secrets.insert_or_assign("login/token", Result<std::string>("hunter2"));
  world.step(0.1);
  ASSERT_EQ(world.in_flight.size(), 1U);
  const auto& request = world.requests["m#1"];
  EXPECT_EQ(*http::find_header(request.headers, "Authorization"), "Bearer hunter2");
  EXPECT_EQ(request.secret_headers, Lines{"Authorization"}) << "never follows a redirect elsewhere";
  world.answer(status_answer(200, "hunter2"), 0, 0.5);
  world.step(0.5);
  EXPECT_EQ(world.result(0).measurements.at(0).message.find("hunter2"), std::string::npos);
}

TEST_F(ProviderRow, MayAskOnceMoreInAnotherForm) {
  World world(metric());
  world.step(0);
  world.answer(status_answer(421), 0, 0.5);
  world.step(0.5);
  ASSERT_EQ(world.in_flight, std::set<std::string>{"m#1/again"});
  EXPECT_EQ(world.requests["m#1/again"].method, "HEAD");
  world.answer(status_answer(421), 0.5, 1);
  world.step(1);
  EXPECT_TRUE(world.in_flight.empty());
  EXPECT_EQ(world.result(0).measurements.at(0).message,
            "asked in two forms, and answered in neither");
}

TEST(ProviderTable, NamesWhatThereIs) {
  api::Metric metric;
  metric.provider_kind = "plainNumber";
  EXPECT_EQ(analysis::unsupported_provider(metric),
            "provider.plainNumber is not implemented by this release: use prometheus, web or job");
  EXPECT_EQ(analysis::metric_type("plainNumber"), "Unknown Provider");
  EXPECT_EQ(analysis::metric_type("web"), "Web");
  EXPECT_EQ(analysis::metric_type("newRelic"), "NewRelic");
  const analysis::test::PlainNumberProvider provider;
  const analysis::ExtraProvider row(provider);
  EXPECT_EQ(analysis::metric_type("plainNumber"), "PlainNumber");
}

}  // namespace
}  // namespace sluice::analysisrun
