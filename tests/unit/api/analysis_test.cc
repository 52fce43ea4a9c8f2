#include "api/analysis.h"

#include "tests/unit/api/fixtures.h"

namespace sluice::api::test {
namespace {

using enum AnalysisPhase;

TEST(AnalysisPhaseText, goes_both_ways) {
  for (const auto phase : {None, Pending, Running, Successful, Failed, Error, Inconclusive})
    EXPECT_EQ(parse_analysis_phase(to_string(phase)), phase);
  EXPECT_EQ(parse_analysis_phase("Splendid"), None);
}

TEST(AnalysisPhaseOrder, the_worse_of_two_wins_and_none_ranks_like_success) {
  const AnalysisPhase order[] = {Successful, Running, Pending, Inconclusive, Error, Failed};
  for (std::size_t i = 0; i < std::size(order); ++i) {
    for (std::size_t j = 0; j < std::size(order); ++j)
      EXPECT_EQ(worst(order[i], order[j]), order[std::max(i, j)]);
    EXPECT_EQ(worst(None, order[i]), i == 0 ? None : order[i]);
  }
}

TEST(AnalysisPhaseOrder, only_four_phases_are_final) {
  for (const auto phase : {Successful, Failed, Error, Inconclusive})
    EXPECT_TRUE(is_completed(phase));
  for (const auto phase : {None, Pending, Running}) EXPECT_FALSE(is_completed(phase));
}

TEST(DecodeAnalysisTemplate, reads_every_field) {
  const auto t = decode_with(decode_analysis_template, R"({"metadata":{"name":"t"},"spec":{
    "metrics":[{"name":"m","interval":"1m","initialDelay":"{{args.d}}","count":"3","failureLimit":1,"inconclusiveLimit":2,"consecutiveErrorLimit":5,
      "consecutiveSuccessLimit":"{{args.n}}","successCondition":"a","failureCondition":"b","provider":{"web":{"url":"u"},"job":null}}],
    "args":[{"name":"a"},{"name":"s","valueFrom":{"secretKeyRef":{"name":"n","key":"k"}}}],
    "dryRun":[{"metricName":"m"}],"measurementRetention":[{"metricName":"m","limit":7}],"templates":[{"templateName":"x","clusterScope":false}]}})");
  ASSERT_FALSE(t.decode_error) << t.decode_error->message;
  ASSERT_EQ(t.spec.metrics.size(), 1U);
  const auto& m = t.spec.metrics[0];
  EXPECT_EQ(m.name + m.interval + m.initial_delay, "m1m{{args.d}}");
  EXPECT_EQ(m.count, (kube::IntOrString{true, 0, "3"}));
  EXPECT_EQ(m.failure_limit->number, 1);
  EXPECT_EQ(m.inconclusive_limit->number, 2);
  EXPECT_EQ(m.consecutive_error_limit->number, 5);
  EXPECT_EQ(m.consecutive_success_limit->text, "{{args.n}}");
  EXPECT_EQ(m.success_condition + m.failure_condition, "ab");
  EXPECT_EQ(m.provider_kind, "web");
  EXPECT_EQ(m.provider_json, R"({"url":"u"})");
  EXPECT_EQ(parse(m.raw)["provider"]["web"]["url"], "u");
  EXPECT_FALSE(t.spec.args[0].value);
  EXPECT_EQ(t.spec.args[1].secret_key_ref, (SecretKeyRef{"n", "k"}));
  EXPECT_EQ(t.spec.dry_run[0].metric_name, "m");
  EXPECT_EQ(t.spec.measurement_retention[0].limit, 7);
  EXPECT_EQ(t.spec.templates, (std::vector<TemplateRef>{{"x", false}}));
}

TEST(DecodeAnalysisTemplate, no_provider_and_several_are_told_apart) {
  const auto kind = [](const std::string& provider) {
    return decode_with(decode_analysis_template,
                       R"({"spec":{"metrics":[{"name":"m","provider":)" + provider + "}]}}")
        .spec.metrics[0]
        .provider_kind;
  };
  EXPECT_EQ(kind("{}"), "");
  EXPECT_EQ(kind("null"), "");
  EXPECT_EQ(kind(R"({"web":{},"job":{}})"), "+");
  EXPECT_EQ(kind(R"({"web":{},"job":{},"prometheus":{}})"), "+");
}

TEST(DecodeAnalysisRun, reads_what_only_runs_have) {
  const auto run = decode_with(
      decode_analysis_run, R"({"spec":{"terminate":true,"ttlStrategy":{"secondsAfterCompletion":1,
    "secondsAfterSuccess":0,"secondsAfterFailure":3},"metrics":[]}})");
  EXPECT_TRUE(run.spec.terminate);
  EXPECT_EQ(run.spec.ttl_after_completion, 1);
  EXPECT_EQ(run.spec.ttl_after_success, 0);
  EXPECT_EQ(run.spec.ttl_after_failure, 3);
  EXPECT_EQ(run.status.phase, None);
}

TEST(DecodeAnalysisRun, the_first_malformed_field_is_named) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"spec":{"metrics":[{"name":4}]}})", "spec.metrics[0].name: expected a string"},
      {R"({"spec":{"metrics":[{"name":"m","count":[]}]}})",
       "spec.metrics[0].count: expected an integer or a string"},
      {R"({"spec":{},"status":{"metricResults":[{"name":"m","measurements":[{"startedAt":"noon"}]}]}})",
       "status.metricResults[0].measurements[0].startedAt: expected an RFC 3339 time"},
  };
  for (const auto& [text, message] : cases) {
    const auto run = decode_with(decode_analysis_run, text);
    ASSERT_TRUE(run.decode_error) << text;
    EXPECT_EQ(run.decode_error->message, message);
  }
}

TEST(EncodeAnalysisRunStatus, every_member_survives_and_zeros_are_left_out) {
  const std::string status =
      R"({"completedAt":"2026-01-01T00:00:09Z","dryRunSummary":{"count":1,"error":1,"failed":1,"inconclusive":1,"successful":1},
    "message":"m","metricResults":[{"consecutiveError":1,"consecutiveSuccess":2,"count":3,"dryRun":true,"error":4,"failed":5,"inconclusive":6,
      "measurements":[{"finishedAt":"2026-01-01T00:00:02Z","message":"x","metadata":{"k":"v"},"phase":"Failed","resumeAt":"2026-01-01T00:00:03Z",
        "startedAt":"2026-01-01T00:00:01Z","value":"[1]"},{"phase":"Running"}],
      "message":"m","metadata":{"q":"r"},"name":"n","phase":"Running","successful":7},{"name":"o","phase":"Pending"}],
    "phase":"Running","runSummary":{"count":2},"startedAt":"2026-01-01T00:00:00Z"})";
  const auto run = decode_with(decode_analysis_run, R"({"status":)" + status + "}");
  ASSERT_FALSE(run.decode_error) << run.decode_error->message;
  EXPECT_EQ(kube::dump(encode(run.status)), kube::dump(parse(status)));
  EXPECT_EQ(kube::dump(encode(AnalysisRunStatus{})), R"({"phase":"","runSummary":{}})");
}

TEST(EncodeAnalysisRunStatus, times_have_whole_seconds) {
  AnalysisRunStatus status;
  status.started_at = WallTime(Micros(1'999'999));
  EXPECT_EQ(kube::get_string(encode(status), "startedAt"), "1970-01-01T00:00:01Z");
}

TEST(EncodeArgument, writes_only_what_is_there) {
  EXPECT_EQ(
      kube::dump(encode(Argument{"a", std::nullopt, std::nullopt, std::nullopt, std::nullopt})),
      R"({"name":"a"})");
  EXPECT_EQ(kube::dump(encode(Argument{"a", "", std::nullopt, std::nullopt, std::nullopt})),
            R"({"name":"a","value":""})");
  EXPECT_EQ(
      kube::dump(
          encode(Argument{"a", std::nullopt, SecretKeyRef{"n", "k"}, "metadata.name", "Stable"})),
      R"({"name":"a","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"},"podTemplateHashValue":"Stable","secretKeyRef":{"key":"k","name":"n"}}})");
}

}  // namespace
}  // namespace sluice::api::test
