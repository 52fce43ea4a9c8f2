// What `get rollout` says about the present and the next move.
#include "cli/rollout_view.h"
#include "tests/unit/cli/support.h"

namespace sluice::cli {
namespace {

using test::Json;
using test::parse;
using test::Shell;
using testing::HasSubstr;
using testing::Not;

// Everything from the outlook to the end of the view.
std::string outlook_of(Shell& shell) {
  EXPECT_EQ(shell.run({"get", "rollout", "web", "--no-color"}), 0) << shell.err;
  const auto waits = shell.out.find("\nWaits for:"), next = shell.out.find("\nNext:");
  const auto from = std::min(waits, next);
  return from == std::string::npos ? "" : shell.out.substr(from + 1);
}

Json rollout(const std::string& strategy, const std::string& status,
             const std::string& more_spec = "") {
  Json out = parse(
      R"({"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","metadata":{"name":"web","namespace":"shop","uid":"u1","generation":2},"spec":{"replicas":5,"selector":{"matchLabels":{"app":"web"}},)" +
      more_spec +
      R"("template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"i:2"}]}},"strategy":)" +
      strategy + R"(},"status":{"observedGeneration":"2","currentPodHash":"new","stableRS":"old"}})");
  out["status"].merge_patch(parse(status));
  return out;
}

Json of_instance(const std::string& id, Json out) {
  out["metadata"]["labels"]["argo-rollouts.argoproj.io/controller-instance-id"] = id;
  return out;
}

Json set(const std::string& hash, int replicas, int available, const std::string& condition = "") {
  Json out = parse(
      R"({"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"web-)" + hash +
      R"(","namespace":"shop","uid":"s-)" + hash +
      R"(","labels":{"rollouts-pod-template-hash":")" + hash +
      R"("},"ownerReferences":[{"kind":"Rollout","name":"web","uid":"u1","controller":true}]}})");
  out["spec"]["replicas"] = replicas;
  out["status"]["availableReplicas"] = available;
  if (!condition.empty())
    out["status"]["conditions"] = Json::array(
        {{{"type", "ReplicaFailure"}, {"status", "True"}, {"message", condition}}});
  return out;
}

Json pod(const std::string& name, const std::string& reason) {
  Json out = parse(
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
      R"(","namespace":"shop","uid":"p","ownerReferences":[{"kind":"ReplicaSet","name":"web-new","uid":"s-new","controller":true}]},"spec":{"containers":[{"name":"app"}]}})");
  out["status"] = reason == "Running"
                      ? parse(R"({"phase":"Running","containerStatuses":[{"ready":false,"state":{"running":{}}}]})")
                      : parse(R"({"phase":"Pending","containerStatuses":[{"ready":false,"state":{"waiting":{"reason":")" +
                              reason + R"("}}}]})");
  return out;
}

const char* kSteps =
    R"({"canary":{"steps":[{"setWeight":20},{"pause":{"duration":"1m"}},{"setWeight":50},{"pause":{}},{"analysis":{"templates":[{"templateName":"t"}]}}]}})";
const char* kRouted =
    R"({"canary":{"trafficRouting":{"nginx":{"stableIngress":"web"}},"steps":[{"setWeight":20},{"setWeight":50}]}})";
const char* kBlueGreen = R"({"blueGreen":{"activeService":"web-active"}})";

struct Row {
  const char* name;
  std::vector<Json> objects;
  std::string want;
};

TEST(Outlook, NamesWhatIsWaitedForAndTheNextMove) {
  const std::string paused =
      R"({"phase":"Paused","message":"CanaryPauseStep","pauseConditions":[{"reason":"CanaryPauseStep","startTime":"2026-11-21T14:29:30Z"}],)";
  const Row rows[] = {
      {"a timed pause",
       {rollout(kSteps, paused + R"("currentStepIndex":1})"), set("new", 1, 1), set("old", 5, 5)},
       "Waits for:       step 2 of 5 (pause: 1m) to end in 30s, at 2026-11-21T14:30:30Z\n"
       "Next:            step 3 of 5 (setWeight: 50)\n"},
      {"a timed pause that nobody ends",
       {rollout(
            kSteps,
            R"({"phase":"Paused","message":"CanaryPauseStep","pauseConditions":[{"reason":"CanaryPauseStep","startTime":"2026-11-21T14:19:00Z"}],"currentStepIndex":1})"),
        set("new", 1, 1), set("old", 5, 5)},
       "Waits for:       step 2 of 5 (pause: 1m) to end, which is overdue by 9m59s: no controller "
       "seems to be at work here\n"
       "Next:            step 3 of 5 (setWeight: 50)\n"},
      {"a pause for a person",
       {rollout(kSteps, paused + R"("currentStepIndex":3})"), set("new", 3, 3), set("old", 5, 5)},
       "Waits for:       a person, at step 4 of 5 (pause): 'promote web' goes on, 'abort web' "
       "goes back\n"
       "Next:            step 5 of 5 (analysis)\n"},
      {"pods",
       {rollout(
            kSteps,
            R"({"phase":"Progressing","message":"more replicas need to be updated","currentStepIndex":2,"conditions":[{"type":"Progressing","status":"True","reason":"ReplicaSetUpdated","lastUpdateTime":"2026-11-21T14:29:00Z"}]})"),
        set("new", 5, 1), set("old", 5, 5), pod("web-new-a", "ImagePullBackOff"),
        pod("web-new-b", "Running"), pod("web-new-c", "CrashLoopBackOff"),
        pod("web-new-d", "CrashLoopBackOff")},
       "Waits for:       pods of web-new: 1 of 5 available: web-new-a ImagePullBackOff, web-new-b "
       "not ready, web-new-c CrashLoopBackOff, 1 more; without progress it is Degraded in 9m, at "
       "2026-11-21T14:39:00Z\n"
       "Next:            step 4 of 5 (pause)\n"},
      {"N1: a ReplicaSet that the server refuses, as we record it",
       {rollout(
            kSteps,
            R"({"phase":"Progressing","message":"x","currentStepIndex":0,"conditions":[{"type":"Progressing","status":"False","reason":"ReplicaSetCreateError","message":"Failed to create new replica set \"web-new\": exceeded quota","lastUpdateTime":"2026-11-21T14:29:00Z"},{"type":"ReconciliationError","status":"True","reason":"ReplicaSetCreateError","message":"Failed to create new replica set \"web-new\": exceeded quota"}]})"),
        set("old", 5, 5)},
       "Waits for:       what is tried again every few seconds: Failed to create new replica set "
       "\"web-new\": exceeded quota; without progress it is Degraded in 9m, at "
       "2026-11-21T14:39:00Z\n"
       "Next:            step 2 of 5 (pause: 1m)\n"},
      {"N1: a ReplicaSet that the server refuses, as the reference records it",
       {rollout(
            kSteps,
            R"({"observedGeneration":"1","phase":"Healthy","currentPodHash":"old","currentStepIndex":5,"conditions":[{"type":"Progressing","status":"False","reason":"ReplicaSetCreateError","message":"Failed to create new replica set \"web-new\": exceeded quota"}]})"),
        set("old", 5, 5)},
       "Waits for:       what is tried again every few seconds: Failed to create new replica set "
       "\"web-new\": exceeded quota\n"},
      {"N1: a cut that the server refuses",
       {rollout(
            kRouted,
            R"({"phase":"Degraded","message":"x","abort":true,"canary":{"weights":{"canary":{"weight":50},"stable":{"weight":50}}},"conditions":[{"type":"ReconciliationError","status":"True","reason":"TrafficRoutingError","message":"SetWeights shop/web-web-canary: forbidden"}]})"),
        set("new", 3, 3), set("old", 5, 5)},
       "Waits for:       what is tried again every few seconds: SetWeights shop/web-web-canary: "
       "forbidden\n"
       "Next:            'retry rollout web' tries the same version again; 'undo web' or another "
       "image gives it up\n"},
      {"pods that nobody may make",
       {rollout(kSteps, R"({"phase":"Progressing","message":"x","currentStepIndex":2})"),
        set("new", 5, 0, "exceeded quota: pods"), set("old", 5, 5)},
       "Waits for:       pods of web-new: they cannot be made: exceeded quota: pods\n"
       "Next:            step 4 of 5 (pause)\n"},
      {"an analysis step",
       {rollout(
            kSteps,
            R"({"phase":"Progressing","message":"x","currentStepIndex":4,"canary":{"currentStepAnalysisRunStatus":{"name":"web-new-2-4","status":"Running"}}})"),
        set("new", 5, 5), set("old", 5, 5),
        parse(
            R"({"apiVersion":"argoproj.io/v1alpha1","kind":"AnalysisRun","metadata":{"name":"web-new-2-4","namespace":"shop","uid":"r1"},"spec":{"metrics":[{"name":"m","count":5,"interval":"10s"},{"name":"n"}]},"status":{"phase":"Running","metricResults":[{"name":"m","phase":"Running","count":2}]}})")},
       "Waits for:       AnalysisRun web-new-2-4 of step 5 of 5 (analysis): m 2 of 5 "
       "measurements, n 0 measurements\n"
       "Next:            promotion: web-new becomes stable\n"},
      {"an unclear analysis",
       {rollout(
            kSteps,
            R"({"phase":"Paused","message":"InconclusiveAnalysisRun","pauseConditions":[{"reason":"InconclusiveAnalysisRun","startTime":"2026-11-21T14:29:30Z"}],"currentStepIndex":4})"),
        set("new", 5, 5), set("old", 5, 5)},
       "Waits for:       a person: the analysis had no clear result; 'promote web' goes on, 'abort "
       "web' goes back\n"
       "Next:            promotion: web-new becomes stable\n"},
      {"a router",
       {rollout(
            kRouted,
            R"({"phase":"Progressing","message":"x","currentStepIndex":1,"canary":{"weights":{"canary":{"weight":20},"stable":{"weight":80}}}})"),
        set("new", 3, 3), set("old", 5, 5)},
       "Waits for:       the router to change the weight from 20 to 50; 'kubectl describe rollout "
       "web' shows what it said\n"
       "Next:            promotion: web-new becomes stable\n"},
      {"a person who paused it",
       {rollout(kSteps, R"({"phase":"Paused","message":"manually paused","currentStepIndex":2})",
                R"("paused":true,)"),
        set("new", 3, 3), set("old", 5, 5)},
       "Waits for:       a person: it was paused by hand, and 'promote web' goes on\n"
       "Next:            step 4 of 5 (pause)\n"},
      {"an abort",
       {rollout(
            kRouted,
            R"({"phase":"Degraded","message":"RolloutAborted: x","abort":true,"currentStepIndex":0,"canary":{"weights":{"canary":{"weight":30},"stable":{"weight":70}}}})"),
        set("new", 3, 3), set("old", 5, 4)},
       "Waits for:       stable pods, to take the last 30 of the traffic back\n"
       "                 pods of web-old: 4 of 5 available\n"
       "Next:            'retry rollout web' tries the same version again; 'undo web' or another "
       "image gives it up\n"},
      {"a blue-green pause",
       {rollout(
            kBlueGreen,
            R"({"phase":"Paused","message":"BlueGreenPause","pauseConditions":[{"reason":"BlueGreenPause","startTime":"2026-11-21T14:29:30Z"}],"blueGreen":{"activeSelector":"old"}})"),
        set("new", 5, 5), set("old", 5, 5)},
       "Waits for:       a person, at the pause before the promotion: 'promote web' goes on, 'abort "
       "web' goes back\n"
       "Next:            Service web-active is switched to web-new\n"},
      {"an analysis before the switch",
       {rollout(
            kBlueGreen,
            R"({"phase":"Progressing","message":"x","blueGreen":{"activeSelector":"old","prePromotionAnalysisRunStatus":{"name":"pre","status":"Running"}}})"),
        set("new", 5, 5), set("old", 5, 5)},
       "Waits for:       AnalysisRun pre before the promotion\n"
       "Next:            Service web-active is switched to web-new\n"},
      {"a controller that has not looked",
       {rollout(kSteps, R"({"observedGeneration":"1","phase":"Healthy"})")},
       "Waits for:       a controller to look at generation 2 (last seen: 1); if this lasts, none "
       "is running for this namespace\n"},
      {"a controller that never looked",
       {rollout(kSteps, R"({"observedGeneration":null})")},
       "Waits for:       a controller to look at generation 2 (none was seen yet); if this lasts, "
       "none is running for this namespace\n"},
      {"a controller of an instance that nobody runs",
       {of_instance("blue", rollout(kSteps, R"({"observedGeneration":null})"))},
       "Waits for:       a controller with --instance-id blue to look at generation 2 (none was "
       "seen yet); if this lasts, none is running for this namespace\n"},
      {"a correction",
       {rollout(
            kSteps,
            R"({"phase":"Degraded","message":"InvalidSpec: x","conditions":[{"type":"InvalidSpec","status":"True","reason":"InvalidSpec","message":"x"}]})")},
       "Waits for:       a correction of the Rollout, or of the object that the message names; until "
       "then nothing is changed\n"},
      {"a restart that is planned",
       {rollout(kSteps, R"({"phase":"Healthy","stableRS":"new","currentStepIndex":5})",
                R"("restartAt":"2026-11-21T15:00:00Z",)"),
        set("new", 5, 5)},
       "Waits for:       a restart of all pods in 30m, at 2026-11-21T15:00:00Z\n"},
      {"nothing",
       {rollout(kSteps, R"({"phase":"Healthy","stableRS":"new","currentStepIndex":5})"),
        set("new", 5, 5)},
       ""},
  };
  for (const Row& row : rows) {
    Shell shell;
    shell.server->objects = row.objects;
    EXPECT_EQ(outlook_of(shell), row.want) << row.name;
  }
}

// While it runs: what the last measurement said and how many more of its kind end it.
TEST(Outlook, ARunningAnalysisWithABadSampleIsTold) {
  Shell shell;
  shell.server->objects = {
      rollout(kSteps, R"({"phase":"Progressing","message":"x","currentStepIndex":4})"),
      set("new", 5, 5), set("old", 5, 5),
      parse(
          R"({"apiVersion":"argoproj.io/v1alpha1","kind":"AnalysisRun","metadata":{"name":"web-new-2","namespace":"shop","uid":"r1","ownerReferences":[{"kind":"Rollout","name":"web","uid":"u1","controller":true}]},"spec":{"metrics":[{"name":"rate","interval":"10s","successCondition":"result[0] >= 0.95"}]},"status":{"phase":"Running","metricResults":[{"name":"rate","phase":"Running","count":2,"successful":1,"error":2,"consecutiveError":2,"measurements":[{"phase":"Successful","value":"[1]"},{"phase":"Error","message":"cannot resolve prometheus"}]}]}})")};
  EXPECT_THAT(outlook_of(shell), HasSubstr("\nAnalysisRun:     web-new-2\n"
                                           "  Phase:         ◌ Running\n"
                                           "  Metric:        rate (Error)\n"
                                           "    Condition:   successCondition: result[0] >= 0.95\n"
                                           "    Error:       cannot resolve prometheus\n"
                                           "    So far:      2 errors in a row (4 allowed)\n"));
  auto& metric = shell.server->objects[3]["status"]["metricResults"][0];
  metric["measurements"].push_back(parse(R"({"phase":"Successful","value":"[1]"})"));
  EXPECT_THAT(outlook_of(shell), Not(HasSubstr("AnalysisRun:")));
}

}  // namespace
}  // namespace sluice::cli
