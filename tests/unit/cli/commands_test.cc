// Whole commands against a server made of objects: traffic, text, exit codes.
#include "tests/unit/cli/support.h"

namespace sluice::cli {
namespace {

using test::Json;
using test::parse;
using test::Shell;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kPath = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web";
const std::string kPatch = std::string("PATCH ") + kPath, kPatchStatus = kPatch + "/status";

Json rollout(const std::string& spec, const std::string& status = "{}") {
  return parse(
      R"({"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","metadata":{"name":"web","namespace":"shop","uid":"u1"},"spec":)" +
      spec + R"(,"status":)" + status + "}");
}
const char* kCanary =
    R"({"selector":{"matchLabels":{"app":"web"}},"strategy":{"canary":{"steps":[{"setWeight":20},{"pause":{}}]}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"i:2"}]}}})";

Json phase_object(const std::string& phase, const std::string& message) {
  return rollout(kCanary, R"({"phase":")" + phase + R"(","message":")" + message + R"("})");
}

Json set_object(const std::string& name, const std::string& revision, const std::string& image) {
  return parse(
      R"({"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":")" + name +
      R"(","namespace":"shop","uid":"s-)" + name +
      R"(","annotations":{"rollout.argoproj.io/revision":")" + revision +
      R"("},"ownerReferences":[{"kind":"Rollout","name":"web","uid":"u1","controller":true}]},"spec":{"template":{"metadata":{"labels":{"app":"web","rollouts-pod-template-hash":"h"}},"spec":{"containers":[{"name":"app","image":")" +
      image + R"("}]}}}})");
}

TEST(Commands, SimpleEditsSendOneExactPatch) {
  struct Row {
    std::vector<std::string> args;
    std::string write, out;
  };
  for (const Row& row :
       {Row{{"abort", "web"},
            kPatchStatus + R"( {"status":{"abort":true}})",
            "rollout 'web' aborted\n"},
        Row{{"retry", "rollout", "web"},
            kPatchStatus + R"( {"status":{"abort":false}})",
            "rollout 'web' retried\n"},
        Row{{"retry", "web"},
            kPatchStatus + R"( {"status":{"abort":false}})",
            "rollout 'web' retried\n"},
        Row{{"pause", "web"}, kPatch + R"( {"spec":{"paused":true}})", "rollout 'web' paused\n"},
        Row{{"restart", "web"},
            kPatch + R"( {"spec":{"restartAt":"2026-11-21T14:30:00Z"}})",
            "rollout 'web' restarts in 0s\n"},
        Row{{"restart", "web", "--in", "90s"},
            kPatch + R"( {"spec":{"restartAt":"2026-11-21T14:31:30Z"}})",
            "rollout 'web' restarts in 90s\n"}}) {
    Shell shell;
    EXPECT_EQ(shell.run(row.args), 0);
    EXPECT_EQ(shell.out, row.out);
    EXPECT_EQ(shell.err, "");
    EXPECT_THAT(shell.server->writes(), ElementsAre(row.write));
    EXPECT_EQ(*http::find_header(shell.server->requests.back().headers, "Content-Type"),
              "application/merge-patch+json");
  }
}

TEST(Commands, WithoutAStatusSubresourceTheObjectItselfIsPatched) {
  Shell shell;
  shell.server->scripted[kPatchStatus] = {test::not_served()};
  EXPECT_EQ(shell.run({"abort", "web"}), 0);
  EXPECT_THAT(shell.server->writes(), ElementsAre(kPatchStatus + R"( {"status":{"abort":true}})",
                                                  kPatch + R"( {"status":{"abort":true}})"));
}

// The first line is what scripts look at; the second one is for people.
std::string missing_text(const std::string& resource) {
  return "Error: " + resource +
         ".argoproj.io \"web\" not found\n"
         "It was looked for in namespace \"shop\" of https://api.example (see -n, --context; 'list "
         "rollouts -A' shows all)\n";
}

TEST(Commands, AMissingRolloutIsNamedAsTheServerDoes) {
  Shell shell;
  const auto missing =
      test::status_response(404, "NotFound", "rollouts.argoproj.io \"web\" not found", "web");
  shell.server->scripted[kPatchStatus] = {missing};
  shell.server->scripted[kPatch] = {missing};
  EXPECT_EQ(shell.run({"abort", "web"}), 1);
  EXPECT_EQ(shell.err, missing_text("rollouts"));
  EXPECT_EQ(shell.out, "");
  for (const auto& args : std::vector<std::vector<std::string>>{
           {"promote", "web"}, {"undo", "web"}, {"set", "image", "web", "a=b"}}) {
    EXPECT_EQ(shell.run(args), 1);
    EXPECT_EQ(shell.err, missing_text("rollouts"));
  }
  for (const auto& args : std::vector<std::vector<std::string>>{{"get", "rollout", "web"},
                                                                {"get", "ro", "web", "-w"},
                                                                {"status", "web"},
                                                                {"status", "web", "-w=false"}}) {
    EXPECT_EQ(shell.run(args), 1);
    EXPECT_EQ(shell.err, missing_text("rollout"));
  }
}

TEST(Commands, SeveralImagesAreOneWrite) {
  Shell shell;
  Json object = rollout(kCanary);
  object["spec"]["template"]["spec"]["containers"].push_back(
      parse(R"({"name":"side","image":"s:1"})"));
  shell.server->objects = {object};
  EXPECT_EQ(shell.run({"set", "image", "web", "app=i:3", "side=s:2"}), 0) << shell.err;
  EXPECT_EQ(shell.out, "rollout \"web\" image updated\n");
  ASSERT_EQ(shell.server->writes().size(), 1U);
  const Json sent = parse(shell.server->requests.back().body);
  const auto& containers = sent["spec"]["template"]["spec"]["containers"];
  EXPECT_EQ(containers[0]["image"], "i:3");
  EXPECT_EQ(containers[1]["image"], "s:2");
  EXPECT_EQ(shell.run({"set", "image", "web", "app=i:4", "nope=s:3"}), 1);
  EXPECT_EQ(shell.err, "Error: unable to find container named \"nope\"\n");
  EXPECT_EQ(shell.server->writes().size(), 1U);  // all or nothing
}

TEST(Commands, ACommandThatChangesNothingSaysSoBesideItsUsualLine) {
  const std::string rest =
      R"({"observedGeneration":"0","stableRS":"h","currentPodHash":"h","phase":"Healthy"})";
  struct Row {
    std::vector<std::string> args;
    std::string status, out, err;
  };
  const std::string note = "Note: no update of rollout 'web' is under way, so there is nothing to ";
  const Row rows[] = {
      {{"promote", "web"}, rest, "rollout 'web' promoted\n", note + "promote\n"},
      {{"promote", "web", "--full"}, rest, "rollout 'web' fully promoted\n", note + "promote\n"},
      {{"abort", "web"}, rest, "rollout 'web' aborted\n", note + "abort\n"},
      // The controller has not seen the latest change yet: nobody knows.
      {{"abort", "web"},
       R"({"observedGeneration":"7","stableRS":"h","currentPodHash":"h"})",
       "rollout 'web' aborted\n",
       ""},
      {{"abort", "web"},
       R"({"observedGeneration":"0","stableRS":"h","currentPodHash":"i"})",
       "rollout 'web' aborted\n",
       ""}};
  for (const Row& row : rows) {
    Shell shell;
    shell.server->objects = {rollout(kCanary, row.status)};
    shell.server->scripted[kPatchStatus] = {{200, {}, shell.server->objects[0].dump()}};
    EXPECT_EQ(shell.run(row.args), 0);
    EXPECT_EQ(shell.out, row.out);
    EXPECT_EQ(shell.err, row.err) << row.args[0] << row.status;
  }
}

TEST(Commands, SeveralNamesStopAtTheFirstError) {
  Shell shell;
  shell.server->scripted["PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/b"] = {
      test::status_response(403, "Forbidden", "rollouts.argoproj.io \"b\" is forbidden: no", "b")};
  EXPECT_EQ(shell.run({"pause", "a", "b", "c"}), 1);
  EXPECT_EQ(shell.out, "rollout 'a' paused\n");
  EXPECT_EQ(shell.err, "Error: rollouts.argoproj.io \"b\" is forbidden: no\n");
  EXPECT_EQ(shell.server->writes().size(), 2U);
}

TEST(Commands, WhatIsWrongInTheCommandLineSendsNothing) {
  for (const auto& args : std::vector<std::vector<std::string>>{{"restart", "web", "--in", "soon"},
                                                                {"promote", "web", "-a", "-c"},
                                                                {"nonsense"},
                                                                {"status"}}) {
    Shell shell;
    EXPECT_EQ(shell.run(args), 1);
    EXPECT_THAT(shell.server->requests, IsEmpty());
    EXPECT_EQ(shell.out, "");
    EXPECT_FALSE(shell.err.empty());
  }
}

TEST(Commands, PromoteSendsStatusFirstThenSpec) {
  Shell shell;
  shell.server->objects = {
      rollout(R"({"paused":true,"strategy":{"canary":{"steps":[{"pause":{}}]}}})",
              R"({"currentPodHash":"b","stableRS":"a"})")};
  EXPECT_EQ(shell.run({"promote", "web", "--full"}), 0);
  EXPECT_EQ(shell.out, "rollout 'web' fully promoted\n");
  EXPECT_THAT(shell.server->writes(),
              ElementsAre(kPatchStatus + R"( {"status":{"promoteFull":true}})",
                          kPatch + R"( {"spec":{"paused":false}})"));
  shell.server->requests.clear();
  shell.server->scripted[kPatchStatus] = {test::not_served()};
  EXPECT_EQ(shell.run({"promote", "web"}), 0);
  EXPECT_EQ(shell.out, "rollout 'web' promoted\n");
  EXPECT_THAT(
      shell.server->writes(),
      ElementsAre(
          kPatchStatus + R"( {"status":{"pauseConditions":null,"currentStepIndex":1}})",
          kPatch +
              R"( {"spec":{"paused":false},"status":{"pauseConditions":null,"currentStepIndex":1}})",
          kPatch + R"( {"spec":{"paused":false}})"));
}

TEST(Commands, ARefusedStatusPatchIsNotSentElsewhere) {
  Shell shell;
  shell.server->objects = {rollout(kCanary)};
  shell.server->scripted[kPatchStatus] = {
      test::status_response(403, "Forbidden", "no right to patch rollouts/status")};
  EXPECT_EQ(shell.run({"promote", "web"}), 1);
  EXPECT_EQ(shell.err, "Error: no right to patch rollouts/status\n");
  EXPECT_EQ(shell.server->writes().size(), 1U);
}

TEST(Commands, UndoPatchesTheTemplateOfTheEarlierRevision) {
  Shell shell;
  shell.server->objects = {rollout(kCanary), set_object("web-1", "1", "i:1"),
                           set_object("web-2", "2", "i:2")};
  EXPECT_EQ(shell.run({"undo", "web"}), 0);
  EXPECT_EQ(shell.out, "rollout 'web' undo\n");
  const std::string body =
      R"([{"op":"replace","path":"/spec/template","value":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"image":"i:1","name":"app"}]}}}])";
  EXPECT_THAT(shell.server->writes(), ElementsAre(kPatch + " " + body));
  EXPECT_EQ(*http::find_header(shell.server->requests.back().headers, "Content-Type"),
            "application/json-patch+json");
  EXPECT_THAT(shell.server->requests[1].url, HasSubstr("labelSelector=app%3Dweb"));

  EXPECT_EQ(shell.run({"undo", "web", "--to-revision", "2"}), 0);
  EXPECT_EQ(shell.out, "skipped rollback (current template already matches revision 2)\n");
  EXPECT_EQ(shell.run({"undo", "web", "--to-revision", "7"}), 1);
  EXPECT_EQ(shell.err, "Error: unable to find specified revision 7 in history\n");
  EXPECT_EQ(shell.server->writes().size(), 1U);
  shell.server->scripted[kPatch] = {
      test::status_response(422, "Invalid", "spec.template is bad", "web")};
  EXPECT_EQ(shell.run({"undo", "web"}), 1);
  EXPECT_EQ(shell.err, "Error: failed restoring revision 1: spec.template is bad\n");
}

TEST(Commands, UndoOfAWorkloadRefPatchesTheWorkload) {
  Shell shell;
  const Json pod_template = parse(
      R"({"apiVersion":"v1","kind":"PodTemplate","metadata":{"name":"pt","namespace":"shop"},"template":{"spec":{"containers":[{"name":"app","image":"i:2"}]}}})");
  shell.server->objects = {
      rollout(
          R"({"workloadRef":{"apiVersion":"v1","kind":"PodTemplate","name":"pt"},"strategy":{"canary":{}}})"),
      pod_template, set_object("web-1", "1", "i:1"), set_object("web-2", "2", "i:2")};
  EXPECT_EQ(shell.run({"undo", "web"}), 0);
  ASSERT_EQ(shell.server->writes().size(), 1U);
  EXPECT_THAT(shell.server->writes()[0], HasSubstr("PATCH /api/v1/namespaces/shop/podtemplates/pt "
                                                   "[{\"op\":\"replace\",\"path\":\"/template\""));
}

TEST(Commands, SetImagePutsTheWholeObjectBack) {
  Shell shell;
  Json object = rollout(kCanary);
  object["metadata"]["resourceVersion"] = "41";
  shell.server->objects = {object};
  EXPECT_EQ(shell.run({"set", "image", "web", "app=i:3"}), 0);
  EXPECT_EQ(shell.out, "rollout \"web\" image updated\n");
  object["spec"]["template"]["spec"]["containers"][0]["image"] = "i:3";
  EXPECT_THAT(shell.server->writes(),
              ElementsAre(std::string("PUT ") + kPath + " " + object.dump()));
  EXPECT_EQ(shell.run({"set", "image", "web", "nope=i:3"}), 1);
  EXPECT_EQ(shell.err, "Error: unable to find container named \"nope\"\n");
}

TEST(Commands, SetImageReadsAgainAfterAConflictUpToFiveTimes) {
  const auto conflict =
      test::status_response(409, "Conflict", "the object has been modified", "web");
  Shell shell;
  shell.server->objects = {rollout(kCanary)};
  shell.server->scripted[std::string("PUT ") + kPath] = {conflict, conflict, {200, {}, "{}"}};
  EXPECT_EQ(shell.run({"set", "image", "web", "app=i:3"}), 0);
  EXPECT_EQ(shell.server->writes().size(), 3U);
  EXPECT_EQ(shell.server->requests.size(), 6U);
  shell.server->requests.clear();
  shell.server->scripted[std::string("PUT ") + kPath] = {conflict};
  EXPECT_EQ(shell.run({"set", "image", "web", "app=i:3"}), 1);
  EXPECT_EQ(shell.server->writes().size(), 5U);
  EXPECT_EQ(shell.err, "Error: the object has been modified\n");
}

TEST(Commands, SetImageOfAWorkloadRefChangesTheDeployment) {
  Shell shell;
  const Json deployment = parse(
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"shop"},"spec":{"template":{"spec":{"containers":[{"name":"app","image":"i:1"}]}}}})");
  shell.server->objects = {
      rollout(
          R"({"workloadRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"},"strategy":{"canary":{}}})"),
      deployment};
  EXPECT_EQ(shell.run({"set", "image", "web", "*=i:3"}), 0);
  EXPECT_EQ(shell.out, "deployment \"d\" image updated\n");
  EXPECT_THAT(shell.server->writes()[0],
              HasSubstr("PUT /apis/apps/v1/namespaces/shop/deployments/d "));
}

TEST(Status, WithoutWatchOnePhaseDecides) {
  struct Row {
    const char *phase, *message, *out, *err;
    int code;
  };
  for (const Row& row :
       {Row{"Healthy", "", "Healthy\n", "", 0},
        Row{"Paused", "CanaryPauseStep", "Paused - CanaryPauseStep\n", "", 0},
        Row{"Progressing", "busy", "Progressing - busy\n", "", 0},
        Row{"Degraded", "RolloutAborted: x", "Degraded\n",
            "Error: The rollout is in a degraded state with message: RolloutAborted: x\n", 1}}) {
    Shell shell;
    shell.server->objects = {phase_object(row.phase, row.message)};
    EXPECT_EQ(shell.run({"status", "web", "--watch=false"}), row.code) << row.phase;
    EXPECT_EQ(shell.out, row.out);
    EXPECT_EQ(shell.err, row.err);
  }
}

TEST(Status, WatchPrintsEachNewPhaseUntilTheEnd) {
  Shell shell;
  auto& server = *shell.server;
  server.objects = {phase_object("Progressing", "busy")};
  server.later(Seconds(10),
               [&] { server.change(phase_object("Progressing", "busy")); });  // nothing new to say
  server.later(Seconds(20), [&] { server.change(phase_object("Paused", "CanaryPauseStep")); });
  server.later(Seconds(300), [&] { server.change(phase_object("Healthy", "")); });
  EXPECT_EQ(shell.run({"status", "web"}), 0);
  EXPECT_EQ(shell.out, "Progressing - busy\nPaused - CanaryPauseStep\nHealthy\n");
  EXPECT_EQ(shell.err, "");
}

TEST(Status, WatchOfADegradedRolloutFails) {
  Shell shell;
  auto& server = *shell.server;
  server.objects = {phase_object("Progressing", "")};
  server.later(Seconds(5), [&] { server.change(phase_object("Degraded", "M")); });
  EXPECT_EQ(shell.run({"status", "web"}), 1);
  EXPECT_EQ(shell.out, "Progressing\nDegraded - M\n");
  EXPECT_EQ(shell.err, "Error: The rollout is in a degraded state with message: M\n");
}

TEST(Status, TheTimeLimitIsKeptAndTheLastReadingDecides) {
  Shell shell;
  auto& server = *shell.server;
  server.objects = {phase_object("Paused", "CanaryPauseStep")};
  EXPECT_EQ(shell.run({"status", "web", "--timeout", "90s"}), 1);
  EXPECT_EQ(shell.out, "Paused - CanaryPauseStep\n");
  EXPECT_EQ(shell.err, "Error: Rollout status watch exceeded timeout\n");
  EXPECT_EQ(shell.clock.passed, Seconds(90));
  shell.interrupted = true;
  EXPECT_EQ(shell.run({"status", "web"}), 1);
  EXPECT_EQ(shell.err, "Error: Rollout status watch exceeded timeout\n");
  server.objects = {phase_object("Healthy", "")};  // ended while nobody looked
  EXPECT_EQ(shell.run({"status", "web"}), 0);
}

TEST(Status, ADeletedRolloutEndsTheWatch) {
  Shell shell;
  auto& server = *shell.server;
  server.objects = {phase_object("Paused", "x")};
  server.later(Seconds(5), [&] { server.remove(server.objects[0]); });
  EXPECT_EQ(shell.run({"status", "web"}), 1);
  EXPECT_EQ(shell.err, missing_text("rollout"));
}

TEST(Status, ALostWatchIsOpenedAgainAndGivenUpAfterFiveFailures) {
  Shell shell;
  auto& server = *shell.server;
  server.objects = {phase_object("Progressing", "busy")};
  server.later(Seconds(5), [&] { server.break_watches(); });
  server.later(Seconds(60), [&] { server.change(phase_object("Healthy", "")); });
  EXPECT_EQ(shell.run({"status", "web"}), 0);
  EXPECT_EQ(shell.out, "Progressing - busy\nHealthy\n");

  Shell lost;
  lost.server->objects = {phase_object("Progressing", "busy")};
  lost.server->later(Seconds(5), [&] {
    lost.server->down = true;
    lost.server->break_watches();
  });
  EXPECT_EQ(lost.run({"status", "web"}), 1);
  EXPECT_THAT(lost.err, HasSubstr("connection refused"));
}

TEST(List, AnEmptyNamespaceIsNoFailure) {
  Shell shell;
  EXPECT_EQ(shell.run({"list", "rollouts"}), 0);
  EXPECT_EQ(shell.out, "");
  EXPECT_EQ(shell.err, "No resources found.\n");
}

TEST(List, WatchPrintsOnlyRowsThatChanged) {
  Shell shell;
  auto& server = *shell.server;
  server.objects = {phase_object("Progressing", "a")};
  server.later(Seconds(2), [&] {
    server.change(phase_object("Progressing", "b"));
  });  // the message is no column
  server.later(Seconds(3), [&] { server.change(phase_object("Healthy", "")); });
  server.later(Seconds(5), [&] { server.remove(server.objects[0]); });
  server.later(Seconds(6), [&] { shell.interrupted = true; });
  EXPECT_EQ(shell.run({"list", "rollouts", "--watch"}), 0);
  EXPECT_EQ(
      shell.out,
      "NAME        STRATEGY   STATUS        STEP  SET-WEIGHT  READY  DESIRED  UP-TO-DATE  "
      "AVAILABLE\n"
      "web         Canary     Progressing   -     20          0/0    1        0           0\n"
      "web         Canary     Healthy       -     20          0/0    1        0           0\n");
}

TEST(Get, WatchRedrawsOnChangeAndEverySecond) {
  Shell shell;
  auto& server = *shell.server;
  server.objects = {phase_object("Progressing", "busy")};
  server.later(Millis(1100), [&] { server.change(phase_object("Healthy", "")); });
  EXPECT_EQ(shell.run({"get", "rollout", "web", "--watch", "--timeout-seconds", "3"}), 0);
  EXPECT_EQ(shell.err, "");
  std::vector<std::size_t> screens;
  for (auto from = shell.out.find("\x1b[H\x1b[2J\x1b[0;0H"); from != std::string::npos;
       from = shell.out.find("\x1b[H", from + 1))
    screens.push_back(from);
  // 0 s, 1 s, 1.2 s (a change at 1.1 s, at most every 200 ms), 2.2 s.
  EXPECT_EQ(screens.size(), 4U);
  EXPECT_EQ(shell.clock.passed, Seconds(3));
  EXPECT_THAT(shell.out.substr(0, screens.at(1)), HasSubstr("◌ Progressing"));
  EXPECT_THAT(shell.out.substr(screens.at(2)), HasSubstr("✔ Healthy"));
}

TEST(Get, ObjectsComeAsJsonYamlOrName) {
  Shell shell;
  Json object = phase_object("Healthy", "");
  object["metadata"]["managedFields"] = Json::array({1});
  shell.server->objects = {object};
  EXPECT_EQ(shell.run({"get", "rollout", "web", "-o", "name"}), 0);
  EXPECT_EQ(shell.out, "rollout.argoproj.io/web\n");
  EXPECT_EQ(shell.run({"get", "rollout", "web", "-o", "json"}), 0);
  object["metadata"].erase("managedFields");
  EXPECT_EQ(parse(shell.out), object);
  EXPECT_EQ(shell.run({"get", "rollout", "web", "-o", "yaml"}), 0);
  EXPECT_THAT(shell.out, HasSubstr("\n  name: web\n"));
  EXPECT_EQ(shell.run({"get", "rollout", "web", "-o", "yaml", "-w"}), 1);
}

TEST(Get, AKindThatIsNotServedIsEmptyButARefusedOneIsAnError) {
  Shell shell;
  shell.server->objects = {phase_object("Healthy", "")};
  auto& scripted = shell.server->scripted;
  scripted["GET /apis/argoproj.io/v1alpha1/namespaces/shop/experiments"] = {test::not_served()};
  EXPECT_EQ(shell.run({"get", "rollout", "web"}), 0);
  scripted["GET /api/v1/namespaces/shop/pods"] = {test::status_response(
      403, "Forbidden", "pods is forbidden: User \"u\" cannot list resource \"pods\"")};
  EXPECT_EQ(shell.run({"get", "rollout", "web"}), 1);
  EXPECT_EQ(shell.err, "Error: pods is forbidden: User \"u\" cannot list resource \"pods\"\n");
}

TEST(Get, ColoursNeedATerminalThatWantsThem) {
  const auto coloured = [](bool terminal, const StringMap& environment,
                           const std::vector<std::string>& more) {
    Shell shell;
    shell.server->objects = {phase_object("Healthy", "")};
    shell.terminal = terminal;
    shell.files.environment = environment;
    std::vector<std::string> args = {"get", "rollout", "web"};
    args.insert(args.end(), more.begin(), more.end());
    EXPECT_EQ(shell.run(args), 0);
    return shell.out.find("\x1b[32m✔\x1b[0m") != std::string::npos;
  };
  EXPECT_TRUE(coloured(true, {{"TERM", "xterm"}}, {}));
  EXPECT_FALSE(coloured(false, {}, {}));
  EXPECT_FALSE(coloured(true, {{"TERM", "dumb"}}, {}));
  EXPECT_FALSE(coloured(true, {{"NO_COLOR", "1"}}, {}));
  EXPECT_FALSE(coloured(true, {}, {"--no-color"}));
}

TEST(Commands, AnUnreachableServerIsNamedWithARemedy) {
  Shell shell;
  shell.server->down = true;
  EXPECT_EQ(shell.run({"pause", "web"}), 1);
  EXPECT_THAT(shell.err, HasSubstr("no answer from https://api.example: connection refused"));
  EXPECT_THAT(shell.err, HasSubstr("check --server, --context and --kubeconfig"));
}

TEST(Commands, AWriteWithoutAnswerMayHaveHappened) {
  Shell shell;
  shell.server->down = true;
  shell.server->down_error = {ErrorCode::Timeout, "no answer within 30 s", {}};
  EXPECT_EQ(shell.run({"pause", "web"}), 1);
  EXPECT_THAT(shell.err, HasSubstr("the change may have been made"));
  EXPECT_EQ(shell.run({"list", "rollouts"}), 1);
  EXPECT_THAT(shell.err, Not(HasSubstr("may have been made")));
}

TEST(Commands, ImpersonatedUidsTravelWithEveryRequest) {
  Shell shell;
  EXPECT_EQ(shell.run({"pause", "web", "--as", "boss", "--as-uid", "7", "--request-timeout", "4s"}),
            0);
  const auto& request = shell.server->requests.at(0);
  ASSERT_NE(http::find_header(request.headers, "Impersonate-Uid"), nullptr);
  EXPECT_EQ(request.timeout, Millis(4000));
}

TEST(Commands, VersionNamesItselfAsScriptsExpect) {
  Shell shell;
  EXPECT_EQ(shell.run({"version", "--short"}), 0);
  EXPECT_EQ(shell.out, std::string("kubectl-argo-rollouts: v") + SLUICE_VERSION + "\n");
  EXPECT_EQ(shell.run({"version"}), 0);
  for (const char* key : {"  BuildDate: ", "  GitCommit: ", "  GitTreeState: ",
                          "  GoVersion: n/a\n", "  Compiler: g++", "  Platform: linux/"})
    EXPECT_THAT(shell.out, HasSubstr(key));
  EXPECT_THAT(shell.out, testing::ContainsRegex("GitCommit: (unknown|[0-9a-f]{7,40})\n"));
  EXPECT_THAT(shell.out, testing::ContainsRegex("GitTreeState: (n/a|clean|dirty)\n"));
  shell.program = "/usr/local/bin/sluice";
  EXPECT_EQ(shell.run({"version", "--short"}), 0);
  EXPECT_EQ(shell.out, std::string("sluice: v") + SLUICE_VERSION + "\n");
  EXPECT_EQ(shell.connections, 0);
}

TEST(Commands, CompletionAsksTheServerForNames) {
  Shell shell;
  shell.server->objects = {rollout(kCanary)};
  EXPECT_EQ(shell.run({"__complete", "promote", "w"}), 0);
  EXPECT_EQ(shell.out, "web\n:4\n");
  EXPECT_EQ(shell.run({"__complete", "promote", "x"}), 0);
  EXPECT_EQ(shell.out, ":4\n");
  shell.server->down = true;
  EXPECT_EQ(shell.run({"__complete", "promote", ""}), 0);
  EXPECT_EQ(shell.out, ":5\n");
}

}  // namespace
}  // namespace sluice::cli
