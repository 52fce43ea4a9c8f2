// Runs that ask Prometheus or the web: measurements, verdicts, writes, events (analysis.md §8, §9,
// §13, §14).
#include <gtest/gtest.h>

#include "analysisrun_given.h"

namespace sluice::analysisrun {
namespace {

using api::AnalysisPhase;
using testing::at;
using testing::prometheus_metric;
using testing::status_answer;
using testing::vector_answer;
using testing::World;
using Lines = std::vector<std::string>;

std::string metrics(const std::string& list) {
  return R"("metrics":[)" + list + "]";
}

TEST(QueryRun, starts_with_a_query_and_no_write) {
  World world(metrics(prometheus_metric("m")));
  world.step(0);
  EXPECT_EQ(world.in_flight, std::set<std::string>{"m#1"});
  EXPECT_EQ(world.requests["m#1"].url, "http://prom/api/v1/query");
  EXPECT_EQ(world.purposes(), Lines{});
  EXPECT_EQ(world.status().phase, AnalysisPhase::Running);  // what the Rollout sees at once
  EXPECT_TRUE(world.last.status_changed);
  EXPECT_EQ(world.status().started_at, at(0));
}

TEST(QueryRun, asks_nothing_while_the_answer_is_on_its_way) {
  World world(metrics(prometheus_metric("m")));
  world.step(0);
  world.step(1);
  EXPECT_TRUE(world.last.plan.intents.empty());
  EXPECT_FALSE(world.last.status_changed);
}

TEST(QueryRun, writes_the_start_and_the_first_sample_together) {
  World world(metrics(prometheus_metric("m")));
  world.sample(0.2, "0.95");
  EXPECT_EQ(world.purposes(), Lines{"PatchAnalysisRun"});
  EXPECT_EQ(world.writes, 1);
  EXPECT_EQ(
      world.stored()["status"].dump(),
      R"({"completedAt":"2027-01-15T08:00:00Z","dryRunSummary":{},"metricResults":[{"consecutiveSuccess":1,"count":1,)"
      R"("measurements":[{"finishedAt":"2027-01-15T08:00:00Z","phase":"Successful","startedAt":"2027-01-15T08:00:00Z",)"
      R"("value":"[0.95]"}],"metadata":{"ResolvedPrometheusQuery":"rate_of_m"},"name":"m","phase":"Successful",)"
      R"("successful":1}],"phase":"Successful","runSummary":{"count":1,"successful":1},)"
      R"("startedAt":"2027-01-15T08:00:00Z"})");
  EXPECT_EQ(world.events(),
            (Lines{"Normal MetricSuccessful: Metric 'm' Completed. Result: Successful",
                   "Normal AnalysisRunSuccessful: Analysis Completed. Result: Successful"}));
}

// Night-time conditions: a zone file is read by whoever runs the controller.
TEST(QueryRun, conditions_know_the_time_zones_that_they_are_given) {
  World world(metrics(
      R"j({"name":"m","successCondition":"now().In(timezone(\"Europe/Zurich\")).Hour() < 24","provider":{"prometheus":{"address":"http://prom","query":"up"}}})j"));
  std::string asked;
  world.options.zones = [&](std::string_view name) -> std::optional<std::string> {
    asked = name;
    return std::nullopt;
  };
  world.sample(0.2, "0.95");
  EXPECT_EQ(asked, "Europe/Zurich");
  EXPECT_NE(world.stored()["status"].dump().find("unknown time zone Europe/Zurich"),
            std::string::npos);
}

TEST(QueryRun, writes_its_start_when_the_first_answer_takes_long) {
  World world(metrics(prometheus_metric("m")));
  world.step(0);
  ASSERT_TRUE(world.last.plan.wake_at);
  EXPECT_EQ(*world.last.plan.wake_at, at(5));
  world.step(5);
  EXPECT_EQ(
      world.patch()["status"].dump(),
      R"({"dryRunSummary":{},"phase":"Running","runSummary":{"count":1},"startedAt":"2027-01-15T08:00:00Z"})");
  world.step(6);
  EXPECT_EQ(world.purposes(), Lines{});
}

TEST(QueryRun, writes_only_what_changed) {
  World world(metrics(prometheus_metric("m", R"(,"interval":"10s","failureLimit":3)")));
  world.sample(0, "0.95");
  world.sample(10.6, "0.5");
  EXPECT_EQ(world.writes, 2);
  const auto patch = world.patch();
  EXPECT_EQ(patch.size(), 1U);
  ASSERT_EQ(patch["status"].size(), 1U) << patch.dump();
  EXPECT_EQ(patch["status"]["metricResults"][0]["measurements"].size(), 2U);
  for (const auto* write : world.last.plan.writes()) {
    EXPECT_EQ(write->uid, "run-uid");
    EXPECT_EQ(write->resource_version, "1");
    EXPECT_EQ(write->subresource, "");
  }
}

TEST(QueryRun, waits_for_the_interval_after_the_end_of_a_measurement) {
  World world(metrics(prometheus_metric("m", R"(,"interval":"10s")")));
  world.sample(0, "0.95");
  ASSERT_TRUE(world.last.plan.wake_at);
  EXPECT_GT(*world.last.plan.wake_at, at(10));
  EXPECT_LT(*world.last.plan.wake_at, at(10.1));
  world.step(10);
  EXPECT_TRUE(world.in_flight.empty());
  world.step(10.001);
  EXPECT_EQ(world.in_flight, std::set<std::string>{"m#2"});
}

TEST(QueryRun, a_failure_ends_it_in_the_same_pass_with_the_references_message) {
  World world(
      metrics(prometheus_metric("slow", R"(,"interval":"1m")") + "," + prometheus_metric("m")));
  world.step(0);
  world.answer("m#1", vector_answer("0.5"), 0, 0.5);
  world.step(0.5);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Failed);
  EXPECT_EQ(world.status().message,
            "Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)");
  EXPECT_EQ(world.stored_phase(), "Failed");
  EXPECT_EQ(world.status().completed_at, at(0));
  EXPECT_EQ(world.writes, 1);
  // The other query is still on its way; its answer changes nothing any more.
  world.answer("slow#1", vector_answer("0.1"), 0, 0.6);
  world.step(0.6);
  EXPECT_TRUE(world.last.plan.intents.empty());
}

TEST(QueryRun,
     a_failure_says_value_condition_and_query_in_the_measurement_and_in_one_event_of_the_rollout) {
  World world(metrics(prometheus_metric("m")));
  world.sample(0, "0.5");
  EXPECT_EQ(world.result(0).measurements[0].value, "[0.5]");
  EXPECT_EQ(world.result(0).measurements[0].metadata.at("condition"),
            "successCondition: result[0] >= 0.9");
  EXPECT_EQ(world.result(0).measurements[0].metadata.at("query"), "rate_of_m");
  EXPECT_EQ(world.events(), (Lines{"Warning MetricFailed: Metric 'm' Completed. Result: Failed",
                                   "Warning AnalysisRunFailed: Analysis Completed. Result: Failed",
                                   "Warning AnalysisVerdict: AnalysisRun 'web-abc-2': metric 'm' "
                                   "is Failed: value [0.5], successCondition: "
                                   "result[0] >= 0.9, query: rate_of_m"}));
  const auto* verdict = world.last.plan.events().back();
  EXPECT_EQ(verdict->regarding_type.kind, "Rollout");
  EXPECT_EQ(verdict->regarding.text(), "shop/web");
  EXPECT_EQ(verdict->regarding_uid, "ro-uid");
}

TEST(QueryRun,
     the_status_is_written_after_the_events_and_queries_so_that_a_refused_write_loses_neither) {
  World world(metrics(prometheus_metric("m")));
  world.step(0);
  world.answer(vector_answer("0.5"), 0, 0.5);
  world.step(0.5, false);  // the write fails
  EXPECT_EQ(world.stored_phase(), "");
  EXPECT_TRUE(std::holds_alternative<kube::Write>(world.last.plan.intents.back()));
  world.step(1);  // repeated, without events
  EXPECT_EQ(world.purposes(), Lines{"PatchAnalysisRun"});
  EXPECT_TRUE(world.events().empty());
  EXPECT_EQ(world.stored_phase(), "Failed");
  world.step(2);
  EXPECT_TRUE(world.last.plan.intents.empty());
}

TEST(QueryRun, an_inconclusive_metric_makes_an_inconclusive_run) {
  World world(metrics(
      R"({"name":"m","successCondition":"result[0] > 0.9","failureCondition":"result[0] < 0.1",)"
      R"("provider":{"prometheus":{"address":"http://prom","query":"q"}}})"));
  world.sample(0, "0.5");
  EXPECT_EQ(world.status().phase, AnalysisPhase::Inconclusive);
  EXPECT_EQ(world.status().message,
            "Metric \"m\" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0)");
  EXPECT_EQ(world.events()[0],
            "Normal MetricInconclusive: Metric 'm' Completed. Result: Inconclusive");
  EXPECT_EQ(world.events()[1],
            "Normal AnalysisRunInconclusive: Analysis Completed. Result: Inconclusive");
}

// S17: whatever Prometheus does, missing data is an error, retried every ten seconds, five times.
struct Outage {
  std::string name;
  Result<http::Response> response;
  std::string message;
};
class Outages : public ::testing::TestWithParam<Outage> {};

TEST_P(Outages, are_errors_that_are_retried_and_never_a_success) {
  World world(metrics(prometheus_metric("m", R"(,"interval":"1h")")));
  for (int i = 0; i < 5; ++i) {
    world.step(11 * i);
    ASSERT_EQ(world.in_flight.size(), 1U) << i;
    EXPECT_EQ(world.status().phase, AnalysisPhase::Running);
    world.answer(GetParam().response, 11 * i, 11 * i + 0.1);
    world.step(11 * i + 0.1);
    EXPECT_EQ(world.result(0).count, 0);
    EXPECT_EQ(world.result(0).error, i + 1);
    EXPECT_EQ(world.result(0).measurements.back().message, GetParam().message);
  }
  EXPECT_EQ(world.status().phase, AnalysisPhase::Error);
  EXPECT_EQ(world.status().message,
            "Metric \"m\" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): "
            "\"Error Message: " +
                GetParam().message + "\"");
}

INSTANTIATE_TEST_SUITE_P(
    Table, Outages,
    ::testing::Values(Outage{"down", fail(ErrorCode::Unavailable, "dial tcp: connection refused"),
                             "Post \"http://prom/api/v1/query\": dial tcp: connection refused"},
                      Outage{"timeout", fail(ErrorCode::Timeout, "x"),
                             "Post \"http://prom/api/v1/query\": context deadline exceeded"},
                      Outage{"http_500", status_answer(500), "server_error: server error: 500"},
                      Outage{"empty", vector_answer(""),
                             "could not evaluate successCondition \"result[0] >= 0.9\": metric "
                             "result is nil or empty: no data returned "
                             "from the metric provider"}),
    [](const auto& one) { return one.param.name; });

TEST(QueryRun, nan_is_a_failure_of_the_comparison) {
  World world(metrics(prometheus_metric("m")));
  world.sample(0, "NaN");
  EXPECT_EQ(world.status().phase, AnalysisPhase::Failed);
  EXPECT_EQ(world.result(0).measurements[0].value, "[NaN]");
}

TEST(QueryRun, an_address_that_is_missing_is_a_measurement_error_without_a_query) {
  World world(R"("metrics":[{"name":"m","provider":{"prometheus":{"query":"up"}}}])");
  world.step(0);
  EXPECT_TRUE(world.in_flight.empty());
  EXPECT_EQ(world.result(0).measurements[0].message, "prometheus address is not configured");
  EXPECT_EQ(world.status().phase, AnalysisPhase::Running);
  World configured(R"("metrics":[{"name":"m","provider":{"prometheus":{"query":"up"}}}])");
  configured.options.prometheus_address = "http://default";
  configured.step(0);
  EXPECT_EQ(configured.requests["m#1"].url, "http://default/api/v1/query");
}

TEST(QueryRun, with_a_limit_of_zero_errors_a_broken_metric_ends_it_without_starting_others_twice) {
  World world(metrics(prometheus_metric("a") +
                      R"(,{"name":"b","consecutiveErrorLimit":0,"provider":{"prometheus":{}}})"));
  world.step(0);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Error);
  EXPECT_TRUE(world.in_flight.empty()) << "a query of a completed run is of no use";
}

TEST(QueryRun, repeats_a_query_as_get_where_post_is_not_allowed) {
  World world(metrics(prometheus_metric("m")));
  world.step(0);
  world.answer(status_answer(405), 0, 0.1);
  world.step(0.1);
  ASSERT_EQ(world.in_flight, std::set<std::string>{"m#1/again"});
  EXPECT_EQ(world.requests["m#1/again"].method, "GET");
  world.step(0.2);
  EXPECT_EQ(world.in_flight.size(), 1U);
  world.answer(vector_answer("1"), 0.1, 0.3);
  world.step(0.3);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
  World twice(metrics(prometheus_metric("m")));
  twice.step(0);
  twice.answer(status_answer(405), 0, 0.1);
  twice.step(0.1);
  twice.answer(status_answer(405), 0.1, 0.3);
  twice.step(0.3);
  EXPECT_EQ(twice.result(0).measurements[0].message, "client_error: client error: 405");
}

TEST(QueryRun, web_metrics_are_asked_and_judged) {
  World world(
      R"("metrics":[{"name":"m","successCondition":"result == \"OK\"","provider":{"web":{"url":"http://web/health"}}}])");
  world.step(0);
  EXPECT_EQ(world.requests["m#1"].url, "http://web/health");
  world.answer(status_answer(200, "OK"), 0, 0.1);
  world.step(0.1);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
  EXPECT_TRUE(world.result(0).metadata.empty());
}

// ---- scheduling ----

TEST(QueryRun, an_initial_delay_is_written_at_once_and_kept_over_a_restart) {
  World world(metrics(prometheus_metric("m", R"(,"initialDelay":"30s")")));
  world.step(0.9);
  EXPECT_TRUE(world.in_flight.empty());
  EXPECT_EQ(world.purposes(), Lines{"PatchAnalysisRun"});
  EXPECT_EQ(world.last.plan.wake_at, at(30));
  world.restart();
  world.step(20);
  EXPECT_EQ(world.last.plan.wake_at, at(30));
  EXPECT_TRUE(world.last.plan.intents.empty());
  world.step(30);
  EXPECT_EQ(world.in_flight.size(), 1U);
}

TEST(QueryRun, a_delayed_metric_is_never_measured_when_another_fails_first) {
  World world(metrics(prometheus_metric("late", R"(,"initialDelay":"30s")") + "," +
                      prometheus_metric("m")));
  world.sample(0, "0.1");
  EXPECT_EQ(world.status().phase, AnalysisPhase::Failed);
  EXPECT_EQ(world.status().metric_results.size(), 1U);
}

TEST(QueryRun, terminated_before_anything_was_measured_is_successful) {
  World world(metrics(prometheus_metric("m")) + R"(,"terminate":true)");
  world.step(0);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
  EXPECT_EQ(world.status().message, "Run Terminated");
  EXPECT_TRUE(world.in_flight.empty());
}

TEST(QueryRun, terminated_while_a_query_is_on_its_way_does_not_wait_for_it) {
  World world(metrics(prometheus_metric("m", R"(,"interval":"10s")")));
  world.sample(0, "0.95");
  world.step(11);
  world.set_spec("terminate", true);
  world.step(11.5);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
  EXPECT_EQ(world.status().message, "Run Terminated");
  EXPECT_EQ(world.result(0).measurements.size(), 1U);
}

TEST(QueryRun, keeps_ten_measurements_and_all_counters) {
  World world(metrics(prometheus_metric("m", R"(,"interval":"10s")")));
  for (int i = 0; i < 11; ++i) world.sample(12 * i, "0.95");
  EXPECT_EQ(world.result(0).measurements.size(), 10U);
  EXPECT_EQ(world.result(0).count, 11);
  EXPECT_EQ(world.writes, 4);  // the first with the start, then three by three
}

TEST(QueryRun, keeps_what_a_rule_for_the_resolved_name_says) {
  World world(
      metrics(prometheus_metric("{{args.n}}", R"(,"interval":"10s")")) +
      R"(,"args":[{"name":"n","value":"rate"}],"measurementRetention":[{"metricName":"^ra.*","limit":2}])");
  for (int i = 0; i < 4; ++i) world.sample(12 * i, "0.95");
  EXPECT_EQ(world.result(0).name, "rate");
  EXPECT_EQ(world.result(0).measurements.size(), 2U);
}

TEST(QueryRun, a_restart_takes_the_measurement_again_and_loses_no_sample) {
  World world(metrics(prometheus_metric("m", R"(,"interval":"10s","count":3)")));
  world.sample(0, "0.95");
  world.step(11);
  world.restart();
  world.step(12);
  EXPECT_EQ(world.in_flight, std::set<std::string>{"m#2"});
  world.answer(vector_answer("0.95"), 12, 12.5);
  world.step(12.5);
  EXPECT_EQ(world.result(0).count, 2);
}

TEST(QueryRun, an_answer_to_an_earlier_question_is_ignored) {
  World world(metrics(prometheus_metric("m", R"(,"interval":"10s")")));
  world.sample(0, "0.95");
  world.answers.push_back({"m#1", at(0), at(1), vector_answer("0.1")});
  world.answers.push_back({"other#1", at(0), at(1), vector_answer("0.1")});
  world.step(1);
  EXPECT_EQ(world.result(0).count, 1);
  EXPECT_TRUE(world.last.plan.intents.empty());
}

// ---- dry run ----

TEST(DryRun, a_failing_dry_run_metric_lets_the_others_go_on) {
  World world(metrics(prometheus_metric("dry") + "," +
                      prometheus_metric("real", R"(,"interval":"10s","count":2)")) +
              R"(,"dryRun":[{"metricName":"^dry$"}])");
  world.step(0);
  world.answer("dry#1", vector_answer("0.1"), 0, 0.5);
  world.answer("real#1", vector_answer("1"), 0, 0.5);
  world.step(0.5);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Running);
  world.step(11);
  world.answer("real#2", vector_answer("1"), 11, 11.5);
  world.step(11.5);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
  EXPECT_EQ(world.status().message, "");
  EXPECT_EQ(world.status().dry_run_summary->failed, 1);
  EXPECT_EQ(world.result(0).message, "Metric assessed Failed due to failed (1) > failureLimit (0)");
}

TEST(DryRun, rules_match_resolved_names) {
  World world(metrics(prometheus_metric("{{args.n}}")) +
              R"(,"args":[{"name":"n","value":"rate"}],"dryRun":[{"metricName":"rate"}])");
  world.sample(0, "0.1");
  EXPECT_EQ(world.status().phase, AnalysisPhase::Successful);
}

// ---- specs that cannot be run ----

struct Bad {
  std::string name, spec, message;
};
class BadSpecs : public ::testing::TestWithParam<Bad> {};

TEST_P(BadSpecs, end_in_error_with_times_and_event) {
  World world(GetParam().spec);
  world.step(3);
  EXPECT_EQ(world.status().phase, AnalysisPhase::Error);
  EXPECT_EQ(world.status().message, GetParam().message);
  EXPECT_EQ(world.status().completed_at, at(3));  // so that a ttlStrategy applies
  EXPECT_EQ(world.stored_phase(), "Error");
  EXPECT_EQ(world.events(), Lines{"Warning AnalysisRunError: Analysis Completed. Result: Error"});
  world.step(4);
  EXPECT_TRUE(world.last.plan.intents.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadSpecs,
    ::testing::Values(
        Bad{"no_metrics", R"("metrics":[])", "Analysis spec invalid: no metrics specified"},
        Bad{"count_without_interval", metrics(prometheus_metric("m", R"(,"count":3)")),
            "Analysis spec invalid: metrics[0]: interval must be specified when count > 1"},
        Bad{"two_providers", R"("metrics":[{"name":"m","provider":{"web":{},"prometheus":{}}}])",
            "Analysis spec invalid: metrics[0]: multiple providers specified"},
        Bad{"argument_without_value", metrics(prometheus_metric("m")) + R"(,"args":[{"name":"x"}])",
            "Unable to resolve metric arguments: argument \"x\" was not supplied"},
        Bad{"unknown_placeholder", metrics(prometheus_metric("{{args.x}}")),
            "Unable to resolve metric arguments: failed to resolve {{args.x}}"},
        Bad{"dry_run_rule", metrics(prometheus_metric("m")) + R"(,"dryRun":[{"metricName":"*"}])",
            "Analysis spec invalid: dryRun[0]: Rule didn't match any metric name(s)"},
        Bad{"retention_rule",
            metrics(prometheus_metric("m")) +
                R"(,"measurementRetention":[{"metricName":"x","limit":1}])",
            "Analysis spec invalid: measurementRetention[0]: Rule didn't match any metric "
            "name(s)"}),
    [](const auto& one) { return one.param.name; });

TEST(BadConditions, are_named_with_their_place_when_the_run_starts_and_once) {
  World world(
      metrics(prometheus_metric("good") +
              R"(,{"name":"bad","interval":"10s","successCondition":"result[0] >\n\n  = 1",)"
              R"("failureCondition":"result >","provider":{"web":{"url":"http://x"}}})"));
  world.step(0);
  EXPECT_EQ(
      world.events(),
      (Lines{"Warning InvalidCondition: Metric 'bad': successCondition \"result[0] >\n\n  = 1\": "
             "unexpected token Operator(\"=\") (line 3, column 3)",
             "Warning InvalidCondition: Metric 'bad': failureCondition \"result >\": unexpected "
             "token EOF (line 1, column 9)"}));
  EXPECT_EQ(world.in_flight.size(), 2U);  // it is measured all the same
  world.step(1);
  EXPECT_TRUE(world.events().empty());
}

TEST(Refusal, a_provider_of_a_later_release_leaves_the_run_untouched_and_says_so_once) {
  World world(R"("metrics":[{"name":"m","provider":{"datadog":{"query":"q"}}}])");
  world.step(0);
  EXPECT_EQ(world.purposes(), Lines{});
  ASSERT_EQ(world.events().size(), 1U);
  EXPECT_EQ(world.events()[0].rfind(
                "Warning Unsupported: spec.metrics[0].provider.datadog is not implemented", 0),
            0U)
      << world.events()[0];
  world.step(1);
  EXPECT_TRUE(world.last.plan.intents.empty());
  EXPECT_EQ(world.last.plan.trace[0].why, controller::Why::Refused);
}

TEST(Refusal, other_instances_and_deleted_runs_are_left_alone) {
  World other(metrics(prometheus_metric("m")));
  other.options.instance_id = "blue";
  other.step(0);
  EXPECT_TRUE(other.last.plan.intents.empty());
  EXPECT_FALSE(other.last.status_changed);
  World going(metrics(prometheus_metric("m")));
  going.set_meta("deletionTimestamp", "2027-01-15T08:00:00Z");
  going.step(0);
  EXPECT_TRUE(going.last.plan.intents.empty());
}

// ---- the end of life ----

TEST(TimeToLive, deletes_the_run_with_its_uid_after_more_than_the_seconds_given) {
  World world(metrics(prometheus_metric("m")) +
              R"(,"ttlStrategy":{"secondsAfterCompletion":100,"secondsAfterSuccess":10})");
  world.sample(0, "1");
  EXPECT_EQ(world.last.plan.wake_at, at(11));
  world.step(10.5);
  EXPECT_TRUE(world.last.plan.intents.empty());
  EXPECT_EQ(world.last.plan.wake_at, at(11));
  world.step(11);
  EXPECT_EQ(world.purposes(), Lines{"DeleteAnalysisRun"});
  EXPECT_EQ(world.last.plan.writes()[0]->uid, "run-uid");
  EXPECT_TRUE(world.deleted);
}

TEST(TakeOver, a_run_of_the_reference_is_left_alone_until_it_is_due) {
  // As the reference leaves a background run, with the empty blocks of every login.
  const std::string spec =
      R"("metrics":[{"interval":"5s","name":"ok","provider":{"prometheus":{"address":"http://127.0.0.1:19090",)"
      R"("authentication":{"basicAuth":{},"oauth2":{},"sigv4":{}},"query":"fleet_ok"}},"successCondition":"result[0] >= 0.9"}])";
  const std::string status =
      R"({"dryRunSummary":{},"metricResults":[{"consecutiveSuccess":2,"count":2,"measurements":[)"
      R"({"finishedAt":"2027-01-15T08:00:00Z","phase":"Successful","startedAt":"2027-01-15T08:00:00Z","value":"[0.99]"},)"
      R"({"finishedAt":"2027-01-15T08:00:05Z","phase":"Successful","startedAt":"2027-01-15T08:00:05Z","value":"[0.99]"}],)"
      R"("metadata":{"ResolvedPrometheusQuery":"fleet_ok"},"name":"ok","phase":"Running","successful":2}],)"
      R"("phase":"Running","runSummary":{"count":1},"startedAt":"2027-01-15T08:00:00Z"})";
  World world(spec, status);
  world.step(6);
  EXPECT_TRUE(world.last.plan.intents.empty());
  EXPECT_FALSE(world.last.status_changed);
  world.step(10.5);
  EXPECT_EQ(world.in_flight, std::set<std::string>{"ok#3"});
  world.answer(vector_answer("0.99"), 10.5, 10.6);
  world.step(10.6);
  EXPECT_EQ(world.result(0).count, 3);
  EXPECT_EQ(world.result(0).consecutive_success, 3);
  EXPECT_TRUE(world.patch().is_null());  // it waits for the next two
  world.sample(15.5, "0.99");
  world.sample(21.5, "0.99");
  EXPECT_EQ(world.patch()["status"].size(), 1U);
  EXPECT_EQ(world.patch()["status"]["metricResults"][0]["measurements"].size(), 5U);
}

}  // namespace
}  // namespace sluice::analysisrun
