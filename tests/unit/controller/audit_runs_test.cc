// AnalysisRuns of a Rollout (rollout.md §3.14, §3.15, §4.6, §8): what is written on them, what
// their ends mean, which are kept.
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::Contains;

constexpr std::string_view kStepAnalysis =
    R"([{"setWeight":50},{"analysis":{"templates":[{"templateName":"once"}]}},{"pause":{}}])";

std::string base_of(Cluster& c, int revision = 2) {
  return "web-" + c.current_hash() + "-" + std::to_string(revision);
}

TEST(AuditRuns, metadata_and_arguments_are_those_of_the_rules) {
  auto c = nginx_canary(2, R"([{"setWeight":50}])");
  auto& metric_template = c.get("AnalysisTemplate", "once");
  metric_template["spec"]["args"] = json(
      R"([{"name":"literal"},{"name":"new"},{"name":"old"},{"name":"name"},{"name":"own","value":"kept"}])");
  c.edit("AnalysisTemplate", "once", json(R"({"metadata":{"labels":{"touch":"1"}}})"));
  c.edit_rollout(
      R"({"metadata":{"labels":{"argo-rollouts.argoproj.io/controller-instance-id":"blue"}},
          "spec":{"strategy":{"canary":{"steps":[{"setWeight":50},{"analysis":{
            "templates":[{"templateName":"once"}],
            "analysisRunMetadata":{"labels":{"app":"loses","x":"y","rollout-type":"Mine"},
                                   "annotations":{"a":"b"}},
            "args":[{"name":"literal","value":"1"},
                    {"name":"new","valueFrom":{"podTemplateHashValue":"Latest"}},
                    {"name":"old","valueFrom":{"podTemplateHashValue":"Stable"}},
                    {"name":"name","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]}}]}}}})");
  c.run();
  const auto stable = c.stable_hash();
  c.set_image("web:2");
  c.run();
  const auto name = base_of(c) + "-1";
  ASSERT_TRUE(c.has("AnalysisRun", name)) << c.status().dump(1);
  const auto& run = c.get("AnalysisRun", name);
  EXPECT_EQ(run["metadata"]["labels"],
            (Json{{"rollouts-pod-template-hash", c.current_hash()},
                  {"rollout-type", "Mine"},
                  {"step-index", "1"},
                  {"argo-rollouts.argoproj.io/controller-instance-id", "blue"},
                  {"x", "y"},
                  {"app", "web"}}));
  // The third is ours: which attempt the run was made for (V4).
  EXPECT_EQ(run["metadata"]["annotations"],
            (Json{{"rollout.argoproj.io/revision", "2"},
                  {"a", "b"},
                  {"sluice.argoproj.io/attempt",
                   kube::get_string(c.status(), "duration.rolloutStartedAt") + " " +
                       kube::get_string(c.status(), "currentStepHash")}}));
  EXPECT_EQ(run["metadata"]["ownerReferences"][0]["kind"], "Rollout");
  EXPECT_EQ(run["metadata"]["ownerReferences"][0]["controller"], true);
  StringMap args;
  for (const auto& arg : run["spec"]["args"])
    args[kube::get_string(arg, "name")] = kube::get_string(arg, "value");
  EXPECT_EQ(args, (StringMap{{"literal", "1"},
                             {"new", c.current_hash()},
                             {"old", stable},
                             {"name", "web"},
                             {"own", "kept"}}));
}

struct KindRow {
  const char* point;
  bool blue_green;
  const char* strategy;
  const char* steps;
  const char* suffix;
  const char* type;
  const char* text;
};

TEST(AuditRuns, a_failure_of_each_kind_aborts_with_its_text_and_event) {
  const std::vector<KindRow> rows{
      {"step", false, "{}", kStepAnalysis.data(), "-1", "Step",
       "Step-based analysis phase error/failed"},
      {"background", false, R"({"analysis":{"templates":[{"templateName":"endless"}]}})",
       R"([{"setWeight":50},{"pause":{}}])", "", "Background",
       "Background analysis phase error/failed"},
      {"before the switch", true,
       R"({"prePromotionAnalysis":{"templates":[{"templateName":"once"}]}})", "", "-pre",
       "PrePromotion", "Blue/green pre-promotion analysis phase error/failed"},
      {"behind the switch", true,
       R"({"postPromotionAnalysis":{"templates":[{"templateName":"once"}]}})", "", "-post",
       "PostPromotion", "Blue/green post-promotion analysis phase error/failed"}};
  for (const auto& row : rows) {
    for (const auto* phase : {"Failed", "Error"}) {
      for (const auto* detail : {"", "metric ok"}) {
        SCOPED_TRACE(std::string(row.point) + " " + phase + " " + detail);
        auto c =
            row.blue_green ? blue_green(2, row.strategy) : nginx_canary(2, row.steps, row.strategy);
        c.set_image("web:2");
        c.run();
        const auto run = base_of(c) + row.suffix;
        ASSERT_TRUE(c.has("AnalysisRun", run)) << c.status().dump(1);
        EXPECT_EQ(c.get("AnalysisRun", run)["metadata"]["labels"]["rollout-type"], row.type);
        c.set_run(run, "Running");
        c.run();
        c.set_run(run, phase, detail);
        c.run();
        const std::string suffix = *detail ? std::string(": ") + detail : "";
        const std::string text =
            std::string("Rollout aborted update to revision 2: ") + row.text + suffix;
        EXPECT_EQ(c.message(), "RolloutAborted: " + text);
        EXPECT_THAT(c.events, Contains("RolloutAborted: " + text));
        EXPECT_THAT(c.events, Contains(std::string("AnalysisRun") + phase + ": " + row.type +
                                       " Analysis Run '" + run + "' Status New: '" + phase +
                                       "' Previous: 'Running'"));
        EXPECT_TRUE(kube::get_bool(c.status(), "abort"));
        if (row.blue_green) {
          EXPECT_EQ(c.selected("web-active"), c.stable_hash());
        } else {
          EXPECT_EQ(c.weight(), "0");
        }
      }
    }
  }
}

TEST(AuditRuns, end_with_an_abort_a_promote_full_and_a_new_version) {
  for (const auto* what : {"abort", "promoteFull", "version", "undo"}) {
    SCOPED_TRACE(what);
    auto c = nginx_canary(2, kStepAnalysis,
                          R"({"analysis":{"templates":[{"templateName":"endless"}]}})");
    c.edit_rollout(
        R"({"spec":{"strategy":{"canary":{"analysis":{"templates":[{"templateName":"endless"}]}}}}})");
    c.set_image("web:2");
    c.run();
    const auto step = base_of(c) + "-1", background = base_of(c);
    ASSERT_TRUE(c.has("AnalysisRun", step)) << c.status().dump(1);
    ASSERT_TRUE(c.has("AnalysisRun", background));
    if (std::string(what) == "version") {
      c.set_image("web:3");
    } else if (std::string(what) == "undo") {
      c.set_image("web:1");
    } else {
      patch_status(c, std::string("{\"") + what + "\":true}");
    }
    const auto before = c.sent.size();
    c.run();
    for (const auto& name : {step, background})
      EXPECT_TRUE(kube::get_bool(c.get("AnalysisRun", name), "spec.terminate"))
          << name << c.history(before);
    for (auto i = before; i < c.sent.size(); ++i)
      if (c.sent[i].purpose == "TerminateAnalysisRun") {
        EXPECT_EQ(c.sent[i].body, R"({"spec":{"terminate":true}})");
      }
  }
}

TEST(AuditRuns, a_background_run_that_succeeded_is_not_started_again) {
  auto c = nginx_canary(2, R"([{"setWeight":50},{"pause":{}},{"setWeight":75},{"pause":{}}])",
                        R"({"analysis":{"templates":[{"templateName":"once"}]}})");
  c.set_image("web:2");
  c.run();
  c.set_run(base_of(c), "Successful");
  c.run();
  patch_status(c, R"({"pauseConditions":null})");
  c.run();
  EXPECT_EQ(c.index(), 3);
  EXPECT_EQ(c.objects["AnalysisRun"].size(), 1U);
}

TEST(AuditRuns, a_retry_makes_runs_of_their_own) {
  auto c = nginx_canary(2, kStepAnalysis);
  c.set_image("web:2");
  c.run();
  const auto first = base_of(c) + "-1";
  c.set_run(first, "Failed", "metric ok");
  c.run();
  ASSERT_EQ(c.phase(), "Degraded");
  c.now += Seconds{60};
  patch_status(c, R"({"abort":false})");
  c.run();
  EXPECT_TRUE(c.has("AnalysisRun", first + ".1")) << c.status().dump(1);
  EXPECT_EQ(kube::get_string(c.status(), "canary.currentStepAnalysisRunStatus.name"), first + ".1");
  EXPECT_EQ(c.index(), 1);
  EXPECT_NE(c.phase(), "Degraded");
}

TEST(AuditRuns, limits_count_the_finished_ones_newest_first) {
  struct Row {
    const char* limits;
    std::size_t good, bad;
  };
  for (const auto& row : std::vector<Row>{
           {R"({"successfulRunHistoryLimit":0,"unsuccessfulRunHistoryLimit":0})", 0, 0},
           {R"({"successfulRunHistoryLimit":1,"unsuccessfulRunHistoryLimit":2})", 1, 2},
           {"{}", 5, 5}}) {
    SCOPED_TRACE(row.limits);
    auto c = nginx_canary(2, kStepAnalysis);
    c.edit_rollout(std::string(R"({"spec":{"analysis":)") + row.limits + "}}");
    c.run();
    c.set_image("web:2");
    c.run();
    const auto current = base_of(c) + "-1";
    ASSERT_TRUE(c.has("AnalysisRun", current));
    for (int i = 0; i < 14; ++i) {
      auto run = c.get("AnalysisRun", current);
      run["metadata"]["name"] = "old-" + std::to_string(10 + i);
      run["metadata"]["uid"] = "old-" + std::to_string(i);
      run["metadata"].erase("resourceVersion");
      run["metadata"]["creationTimestamp"] = format_rfc3339(c.now - Seconds{1000 - i});
      run["status"] = Json{{"phase", i % 2 ? "Successful" : (i % 4 ? "Failed" : "Inconclusive")}};
      c.put(run);
    }
    c.run();
    std::size_t good = 0, bad = 0;
    for (auto& [name, run] : c.objects["AnalysisRun"]) {
      if (!name.starts_with("old-")) continue;
      ++(kube::get_string(run, "status.phase") == "Successful" ? good : bad);
    }
    EXPECT_EQ(good, row.good);
    EXPECT_EQ(bad, row.bad);
    if (row.good > 0) {
      EXPECT_TRUE(c.has("AnalysisRun", "old-23")) << "the newest stays";
    }
    EXPECT_TRUE(c.has("AnalysisRun", current));
  }
}

TEST(AuditRuns, of_no_set_or_of_one_that_is_gone_are_deleted) {
  auto c = nginx_canary(2, kStepAnalysis);
  c.set_image("web:2");
  c.run();
  const auto current = base_of(c) + "-1";
  for (const bool labelled : {true, false}) {
    auto run = c.get("AnalysisRun", current);
    run["metadata"]["name"] = labelled ? "gone" : "bare";
    run["metadata"]["uid"] = labelled ? "gone" : "bare";
    run["metadata"].erase("resourceVersion");
    if (labelled) run["metadata"]["labels"]["rollouts-pod-template-hash"] = "gone";
    if (!labelled) run["metadata"]["labels"].erase("rollouts-pod-template-hash");
    run["status"] = Json{{"phase", "Successful"}};
    c.put(run);
  }
  c.run();
  EXPECT_FALSE(c.has("AnalysisRun", "gone"));
  EXPECT_FALSE(c.has("AnalysisRun", "bare"));
  EXPECT_TRUE(c.has("AnalysisRun", current));
}

TEST(AuditRuns, inconclusive_waits_for_a_person_who_may_also_abort_or_go_on) {
  for (const auto* what :
       {R"({"abort":true})", R"({"pauseConditions":null})",
        R"({"pauseConditions":null,"controllerPause":false,"currentStepIndex":2})"}) {
    SCOPED_TRACE(what);
    auto c = nginx_canary(2, kStepAnalysis);
    c.set_image("web:2");
    c.run();
    const auto run = base_of(c) + "-1";
    c.set_run(run, "Inconclusive");
    c.run();
    ASSERT_EQ(c.message(), "InconclusiveAnalysisRun");
    c.now += Seconds{7200};
    c.settle();
    ASSERT_EQ(c.message(), "InconclusiveAnalysisRun");
    patch_status(c, what);
    c.run();
    if (std::string(what).find("abort") != std::string::npos) {
      EXPECT_EQ(c.phase(), "Degraded");
      EXPECT_EQ(c.weight(), "0");
    } else if (std::string(what).find("Index") != std::string::npos) {
      EXPECT_EQ(c.index(), 2);
      EXPECT_EQ(c.message(), "CanaryPauseStep");
      EXPECT_FALSE(c.has("AnalysisRun", run + ".1"));
    } else {
      EXPECT_TRUE(c.has("AnalysisRun", run + ".1"));
      EXPECT_EQ(c.index(), 1);
    }
  }
}

}  // namespace
}  // namespace sluice::rollout::test
