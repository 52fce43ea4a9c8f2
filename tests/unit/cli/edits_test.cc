#include "cli/edits.h"

#include "cli/set_image.h"
#include "cli/undo.h"
#include "cli/workload.h"
#include "tests/unit/cli/support.h"

namespace sluice::cli {
namespace {

using test::Json;
using test::parse;
using testing::HasSubstr;

api::Rollout rollout(const std::string& spec, const std::string& status) {
  return test::rollout_of(
      parse(R"({"metadata":{"name":"web","namespace":"shop","uid":"u1"},"spec":)" + spec +
            R"(,"status":)" + status + "}"));
}

const std::string kSteps =
    R"({"strategy":{"canary":{"steps":[{"setWeight":20},{"pause":{}},{"setWeight":60}]}}})";
const std::string kPausedSteps =
    R"({"paused":true,"strategy":{"canary":{"steps":[{"setWeight":20},{"pause":{}},{"setWeight":60}]}}})";
const std::string kNoSteps = R"({"strategy":{"canary":{}}})";
const std::string kBlueGreen = R"({"strategy":{"blueGreen":{"activeService":"a"}}})";
const std::string kPausedBlueGreen =
    R"({"paused":true,"strategy":{"blueGreen":{"activeService":"a"}}})";
const std::string kWaiting =
    R"("pauseConditions":[{"reason":"CanaryPauseStep","startTime":"2026-11-21T14:00:00Z"}])";
const std::string kInconclusive =
    R"("canary":{"currentStepAnalysisRunStatus":{"name":"r","status":"Inconclusive"}})";

TEST(Promote, SendsWhatTheStateAsksFor) {
  struct Row {
    const char* name;
    std::string spec, status;
    Options options;
    Edit want;
  };
  Options full, current, all;
  full.full = true;
  current.skip_current_step = true;
  all.skip_all_steps = true;
  const std::string unpause = R"({"spec":{"paused":false}})";
  const std::string resumed = R"({"status":{"pauseConditions":null}})";
  const std::string unified_resumed =
      R"({"spec":{"paused":false},"status":{"pauseConditions":null}})";
  const auto moved = [](int i) {
    return R"({"status":{"pauseConditions":null,"currentStepIndex":)" + std::to_string(i) + "}}";
  };
  const auto unified_moved = [](int i) {
    return R"({"spec":{"paused":false},"status":{"pauseConditions":null,"currentStepIndex":)" +
           std::to_string(i) + "}}";
  };
  const std::string full_status = R"({"status":{"promoteFull":true}})";
  const std::string full_unified = R"({"spec":{"paused":false},"status":{"promoteFull":true}})";
  const auto skipped = [](int i) {
    return R"({"status":{"currentStepIndex":)" + std::to_string(i) + "}}";
  };
  const Row rows[] = {
      {"at a pause step only the condition goes",
       kSteps,
       "{\"currentStepIndex\":1," + kWaiting + "}",
       {},
       {resumed, unified_resumed, ""}},
      {"at a pause step of a paused rollout both go",
       kPausedSteps,
       "{\"currentStepIndex\":1," + kWaiting + "}",
       {},
       {resumed, unified_resumed, unpause}},
      {"a running step is passed",
       kSteps,
       R"({"currentStepIndex":0})",
       {},
       {moved(1), unified_moved(1), ""}},
      {"no index counts as 0", kSteps, "{}", {}, {moved(1), unified_moved(1), ""}},
      {"the index stops at the end",
       kSteps,
       R"({"currentStepIndex":3})",
       {},
       {moved(3), unified_moved(3), ""}},
      {"a paused canary is unpaused and moved",
       kPausedSteps,
       R"({"currentStepIndex":1})",
       {},
       {moved(2), unified_moved(2), unpause}},
      {"an inconclusive run is passed",
       kSteps,
       "{\"currentStepIndex\":1,\"controllerPause\":true," + kInconclusive + "," + kWaiting + "}",
       {},
       {R"({"status":{"pauseConditions":null,"controllerPause":false,"currentStepIndex":2}})",
        unified_resumed, ""}},
      {"without controllerPause it is an ordinary pause",
       kSteps,
       "{\"currentStepIndex\":1," + kInconclusive + "," + kWaiting + "}",
       {},
       {resumed, unified_resumed, ""}},
      {"a canary without steps has nothing to pass", kNoSteps, "{}", {}, {"", "", ""}},
      {"a blue/green that waits",
       kBlueGreen,
       "{" + kWaiting + "}",
       {},
       {resumed, unified_resumed, ""}},
      {"a blue/green that does not wait", kBlueGreen, "{}", {}, {"", "", ""}},
      {"a paused blue/green that does not wait", kPausedBlueGreen, "{}", {}, {"", "", unpause}},
      {"full",
       kSteps,
       R"({"currentPodHash":"b","stableRS":"a"})",
       full,
       {full_status, full_unified, ""}},
      {"full of a paused rollout",
       kPausedSteps,
       R"({"currentPodHash":"b","stableRS":"a"})",
       full,
       {full_status, full_unified, unpause}},
      {"full of what is promoted already",
       kSteps,
       R"({"currentPodHash":"a","stableRS":"a"})",
       full,
       {"", "", ""}},
      {"full of what is promoted and paused",
       kPausedSteps,
       R"({"currentPodHash":"a","stableRS":"a"})",
       full,
       {"", "", unpause}},
      {"skip one", kSteps, R"({"currentStepIndex":1})", current, {skipped(2), skipped(2), ""}},
      {"skip one without an index", kSteps, "{}", current, {skipped(1), skipped(1), ""}},
      {"skip one leaves spec.paused alone",
       kPausedSteps,
       R"({"currentStepIndex":3})",
       current,
       {skipped(3), skipped(3), ""}},
      {"skip all", kSteps, R"({"currentStepIndex":1})", all, {skipped(3), skipped(3), ""}},
  };
  for (const auto& row : rows) {
    const auto got = promote_edit(rollout(row.spec, row.status), row.options);
    ASSERT_TRUE(got) << row.name;
    EXPECT_EQ(got->status, row.want.status) << row.name;
    EXPECT_EQ(got->unified, row.want.unified) << row.name;
    EXPECT_EQ(got->spec, row.want.spec) << row.name;
  }
}

TEST(Promote, RefusesWhatCannotBeSkipped) {
  Options both, current;
  both.skip_current_step = both.skip_all_steps = true;
  current.skip_current_step = true;
  EXPECT_EQ(promote_edit(rollout(kSteps, "{}"), both).error().message,
            "Cannot use skip-current-step and skip-all-steps flags at the same time");
  EXPECT_EQ(promote_edit(rollout(kBlueGreen, "{}"), current).error().message,
            "Cannot skip steps of a bluegreen rollout. Run without a flags");
  EXPECT_EQ(promote_edit(rollout(kNoSteps, "{}"), current).error().message,
            "Cannot skip steps of a rollout without steps");
}

TEST(Restart, TimesAreWholeSecondsInUtc) {
  const WallTime now = test::at("2026-11-21T14:30:00.900Z");
  EXPECT_EQ(restart_edit("", now)->spec, R"({"spec":{"restartAt":"2026-11-21T14:30:00Z"}})");
  EXPECT_EQ(restart_edit("1h30m", now)->spec, R"({"spec":{"restartAt":"2026-11-21T16:00:00Z"}})");
  EXPECT_EQ(restart_edit("10", now).error().message, "invalid duration \"10\"");
  EXPECT_EQ(restart_edit("soon", now).error().message, "invalid duration \"soon\"");
}

kube::ReplicaSet set_of(const std::string& name, const std::string& revision,
                        const std::string& template_json = "{}", const std::string& extra = "",
                        const std::string& owner = "u1") {
  const std::string text = R"({"metadata":{"name":")" + name + R"(","annotations":{)" + extra +
                           R"("rollout.argoproj.io/revision":")" + revision +
                           R"("},"ownerReferences":[{"kind":"Rollout","name":"web","uid":")" +
                           owner + R"(","controller":true}]},"spec":{"template":)" + template_json +
                           "}}";
  const auto document = kube::Document::parse(text);
  EXPECT_TRUE(document) << text;
  return kube::decode_replica_set(document->root());
}

TEST(Undo, ZeroIsTheRevisionBeforeTheNewest) {
  const std::vector<kube::ReplicaSet> sets = {set_of("a", "2"), set_of("b", "10"), set_of("c", "9"),
                                              set_of("foreign", "11", "{}", "", "other"),
                                              set_of("strange", "x")};
  EXPECT_EQ(undo_target(sets, "u1", "web", 0)->set->meta.key.name, "c");
  EXPECT_EQ(undo_target(sets, "u1", "web", 2)->set->meta.key.name, "a");
  EXPECT_EQ(undo_target(sets, "u1", "web", 11).error().message,
            "unable to find specified revision 11 in history");
  EXPECT_EQ(undo_target({set_of("a", "1")}, "u1", "web", 0).error().message,
            "no revision found for rollout \"web\"");
  EXPECT_EQ(undo_target({}, "u1", "web", 0).error().message,
            "no revision found for rollout \"web\"");
}

TEST(Undo, GivesBackTheTemplateThatTheUserWrote) {
  const auto set = set_of(
      "web-1", "1",
      R"({"metadata":{"creationTimestamp":null,"labels":{"app":"web","rollouts-pod-template-hash":"abc","role":"canary"}},
    "spec":{"containers":[{"name":"app","image":"i:1"}],"affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[
    {"topologyKey":"kubernetes.io/hostname","labelSelector":{"matchExpressions":[{"key":"rollouts-pod-template-hash","operator":"NotIn","values":["x"]}]}}]}}}})",
      R"("rollout.argoproj.io/ephemeral-metadata":"{\"labels\":{\"role\":\"canary\"}}",)");
  const auto restored = restored_template(set);
  ASSERT_TRUE(restored);
  EXPECT_EQ(
      undo_patch("/spec/template", *restored),
      R"([{"op":"replace","path":"/spec/template","value":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"image":"i:1","name":"app"}]}}}])");
}

TEST(Undo, KeepsAffinityThatIsTheUsersOwn) {
  const std::string own =
      R"({"spec":{"affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"zone"}]}}}})";
  EXPECT_EQ(*restored_template(set_of("web-1", "1", own)), parse(own));
  EXPECT_FALSE(restored_template(set_of("web-1", "1", "7")));
}

TEST(Undo, KnowsWhenTheTemplateIsThereAlready) {
  const auto set = set_of(
      "web-1", "1",
      R"({"metadata":{"labels":{"app":"web","rollouts-pod-template-hash":"abc"}},"spec":{"containers":[
    {"name":"app","image":"i:1","imagePullPolicy":"IfNotPresent","terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","resources":{}}],
    "restartPolicy":"Always","dnsPolicy":"ClusterFirst","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}})");
  EXPECT_TRUE(already_there(
      set,
      R"({"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"i:1"}]}})"));
  EXPECT_FALSE(already_there(
      set,
      R"({"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"i:2"}]}})"));
  // Two versions may differ in nothing but a member that our types do not have (ADR 12).
  EXPECT_FALSE(already_there(
      set,
      R"({"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"i:1","odd":1}]}})"));
  EXPECT_FALSE(already_there(set, ""));
}

TEST(SetImage, FindsContainersOfAllKinds) {
  const std::string object =
      R"({"spec":{"template":{"spec":{"initContainers":[{"name":"init","image":"a"}],"containers":[{"name":"app","image":"b"},{"name":"side","image":"c"}],"ephemeralContainers":[{"name":"debug","image":"d"}]}}}})";
  struct Row {
    const char *container, *want;
  };
  for (const Row& row : {Row{"init", "xbcd"}, Row{"app", "axcd"}, Row{"side", "abxd"},
                         Row{"debug", "abcx"}, Row{"*", "xxxx"}}) {
    Json changed = parse(object);
    ASSERT_TRUE(set_image(changed, "/spec/template", row.container, "x"));
    std::string images;
    for (const char* list : {"initContainers", "containers", "ephemeralContainers"})
      for (const auto& item : changed["spec"]["template"]["spec"][list])
        images += item["image"].get<std::string>();
    EXPECT_EQ(images, row.want) << row.container;
  }
  Json changed = parse(object);
  EXPECT_EQ(set_image(changed, "/spec/template", "nope", "x").error().message,
            "unable to find container named \"nope\"");
  EXPECT_EQ(set_image(changed, "/template", "app", "x").error().message,
            "unable to find container named \"app\"");
  EXPECT_EQ(changed, parse(object));
}

TEST(Workload, ThreeKindsAreKnown) {
  const auto home = [](const std::string& ref) {
    return template_home(rollout(R"({"workloadRef":)" + ref + "}", "{}"));
  };
  EXPECT_TRUE(template_home(rollout(kSteps, "{}"))->in_rollout);
  EXPECT_EQ(home(R"({"apiVersion":"apps/v1","kind":"Deployment","name":"d"})")->pointer,
            "/spec/template");
  EXPECT_EQ(home(R"({"apiVersion":"apps/v1","kind":"ReplicaSet","name":"d"})")->type.resource,
            "replicasets");
  EXPECT_EQ(home(R"({"apiVersion":"v1","kind":"PodTemplate","name":"d"})")->pointer, "/template");
  EXPECT_EQ(home(R"({"apiVersion":"apps/v1","kind":"StatefulSet","name":"d"})").error().message,
            "workload of type apps/StatefulSet is not supported");
  EXPECT_THAT(home(R"({"apiVersion":"apps/v1","kind":"Deployment"})").error().message,
              HasSubstr("spec.workloadRef.name is missing"));
}

}  // namespace
}  // namespace sluice::cli
