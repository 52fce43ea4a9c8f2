// Validation of resolved metrics (analysis.md §3.1), rules (§9, §10.1).
#include <gtest/gtest.h>

#include "analysis/retention.h"
#include "analysis/validate.h"
#include "engine_support.h"

namespace sluice::analysis {
namespace {

using testing::metric;
using testing::metric_from;

struct Invalid {
  std::string name;
  std::string metric;
  std::string message;  // "" = valid
};
class MetricValidation : public ::testing::TestWithParam<Invalid> {};

TEST_P(MetricValidation, names_the_first_problem) {
  const Invalid& c = GetParam();
  const auto status = validate_metrics({metric(R"("name":"m")" + c.metric)});
  EXPECT_EQ(status ? "" : status.error().message,
            c.message.empty() ? "" : "metrics[0]: " + c.message);
}

INSTANTIATE_TEST_SUITE_P(
    Table, MetricValidation,
    ::testing::Values(
        Invalid{"plain", "", ""}, Invalid{"count_one_needs_no_interval", R"(,"count":1)", ""},
        Invalid{"negative_success_limit", R"(,"consecutiveSuccessLimit":-1)",
                "consecutiveSuccessLimit must be >= 0"},
        Invalid{"failure_limit_below_minus_one", R"(,"failureLimit":-2)",
                "failureLimit must be >= 0, or -1 to be disabled"},
        Invalid{"nothing_to_decide_by", R"(,"failureLimit":-1)",
                "failureLimit and consecutiveSuccessLimit cannot both be disabled"},
        Invalid{"negative_inconclusive_limit", R"(,"inconclusiveLimit":-1)",
                "inconclusiveLimit must be >= 0"},
        Invalid{"negative_error_limit", R"(,"consecutiveErrorLimit":-1)",
                "consecutiveErrorLimit must be >= 0"},
        Invalid{"negative_count", R"(,"count":-3)", "count must be >= 0"},
        Invalid{"count_below_the_sum_of_limits",
                R"(,"interval":"1m","count":4,"failureLimit":2,"consecutiveSuccessLimit":3)",
                "count (4) must be >= failureLimit + consecutiveSuccessLimit (2 + 3) if both >= 0"},
        Invalid{"count_below_the_success_limit",
                R"(,"interval":"1m","count":2,"failureLimit":-1,"consecutiveSuccessLimit":3)",
                "count must be >= consecutiveSuccessLimit"},
        Invalid{"count_below_the_inconclusive_limit",
                R"(,"interval":"1m","count":2,"inconclusiveLimit":3)",
                "count must be >= inconclusiveLimit"},
        Invalid{"count_without_interval", R"(,"count":3)",
                "interval must be specified when count > 1"},
        Invalid{"interval_that_is_none", R"(,"interval":"often")",
                "invalid interval string: time: invalid duration \"often\""},
        Invalid{"interval_without_unit", R"(,"interval":"10")",
                "invalid interval string: time: missing unit in duration \"10\""},
        Invalid{"interval_in_days", R"(,"interval":"1d")",
                "invalid interval string: time: unknown unit \"d\" in duration \"1d\""},
        Invalid{"delay_that_is_none", R"(,"initialDelay":"x")",
                "invalid startDelay string: time: invalid duration \"x\""}),
    [](const auto& one) { return one.param.name; });

TEST(MetricValidation, needs_a_metric) {
  EXPECT_EQ(validate_metrics({}).error().message, "no metrics specified");
}
TEST(MetricValidation, names_are_unique) {
  EXPECT_EQ(validate_metrics({metric(R"("name":"m")"), metric(R"("name":"m")")}).error().message,
            "metrics[1]: duplicate name 'm'");
}
TEST(MetricValidation, needs_exactly_one_provider) {
  EXPECT_EQ(validate_metrics({metric_from(R"({"name":"m","provider":{}})")}).error().message,
            "metrics[0]: no provider specified");
  EXPECT_EQ(validate_metrics({metric_from(R"({"name":"m"})")}).error().message,
            "metrics[0]: no provider specified");
  EXPECT_EQ(validate_metrics({metric_from(R"({"name":"m","provider":{"prometheus":{},"web":{}}})")})
                .error()
                .message,
            "metrics[0]: multiple providers specified");
}

struct Rules : ::testing::Test {
  std::vector<api::Metric> metrics{metric(R"("name":"success-rate")"),
                                   metric(R"("name":"latency")")};
};

TEST_F(Rules, are_unanchored_patterns) {
  EXPECT_EQ(*match_dry_run({{"rate"}}, metrics), std::set<std::string>{"success-rate"});
  EXPECT_EQ(match_dry_run({{".*"}}, metrics)->size(), 2U);
  EXPECT_EQ(*match_dry_run({{"^lat"}, {"cy$"}}, metrics), std::set<std::string>{"latency"});
}
TEST_F(Rules, that_match_nothing_are_an_error) {
  EXPECT_EQ(match_dry_run({{"lat"}, {"other"}}, metrics).error().message,
            "dryRun[1]: Rule didn't match any metric name(s)");
  EXPECT_EQ(match_retention({{"other", 3}}, metrics).error().message,
            "measurementRetention[0]: Rule didn't match any metric name(s)");
}
TEST_F(Rules, that_do_not_compile_match_nothing) {
  EXPECT_EQ(match_dry_run({{"*"}}, metrics).error().message,
            "dryRun[0]: Rule didn't match any metric name(s)");
}
TEST_F(Rules, for_retention_the_last_positive_limit_wins) {
  const auto limits = match_retention({{".*", 5}, {"lat.*", 2}, {"lat.*", 0}}, metrics);
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->at("success-rate"), 5U);
  EXPECT_EQ(limits->at("latency"), 2U);
}

TEST(Retention, drops_the_oldest_and_keeps_the_counters) {
  api::MetricResult result;
  for (int i = 0; i < 11; ++i) record(result, testing::measurement('S', testing::at(i)));
  EXPECT_TRUE(trim_measurements(result, kDefaultRetention));
  EXPECT_EQ(result.measurements.size(), 10U);
  EXPECT_EQ(result.measurements.front().started_at, testing::at(1));
  EXPECT_EQ(result.count, 11);
  EXPECT_FALSE(trim_measurements(result, kDefaultRetention));
}

}  // namespace
}  // namespace sluice::analysis
