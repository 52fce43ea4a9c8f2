#include "cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command_table.h"
#include "cli/completion.h"

namespace sluice::cli {
namespace {

using testing::HasSubstr;
using Args = std::vector<std::string>;

Invocation parsed(const Args& args) {
  auto out = parse_arguments("kubectl-argo-rollouts", args);
  EXPECT_TRUE(out) << (out ? "" : out.error().message + out.error().usage);
  return out ? *out : Invocation{};
}

std::string refused(const Args& args) {
  const auto out = parse_arguments("kubectl-argo-rollouts", args);
  if (out) return "(understood)";
  return out.error().message.empty() ? "usage: " + out.error().usage : out.error().message;
}

TEST(Arguments, EveryCommandAndAliasIsFound) {
  struct Row {
    Args args;
    Command command;
    std::size_t left;
  };
  const Row rows[] = {
      {{"get", "rollout", "web"}, Command::GetRollout, 1},
      {{"get", "ro", "web"}, Command::GetRollout, 1},
      {{"get", "rollouts", "web"}, Command::GetRollout, 1},
      {{"list", "rollouts"}, Command::ListRollouts, 0},
      {{"list", "ro"}, Command::ListRollouts, 0},
      {{"list", "rollout"}, Command::ListRollouts, 0},
      {{"status", "web"}, Command::Status, 1},
      {{"promote", "web"}, Command::Promote, 1},
      {{"abort", "a", "b"}, Command::Abort, 2},
      {{"retry", "rollout", "a", "b"}, Command::RetryRollout, 2},
      {{"retry", "ro", "a"}, Command::RetryRollout, 1},
      {{"retry", "web"}, Command::RetryRollout, 1},
      {{"pause", "web"}, Command::Pause, 1},
      {{"undo", "web"}, Command::Undo, 1},
      {{"set", "image", "web", "app=img"}, Command::SetImage, 2},
      {{"restart", "web"}, Command::Restart, 1},
      {{"version"}, Command::Version, 0},
      {{"completion", "bash"}, Command::Completion, 1},
      {{"--help"}, Command::Help, 0},
      {{"help", "status"}, Command::Help, 0},
      {{"get", "-h"}, Command::Help, 0},
      {{}, Command::Help, 0},
  };
  for (const auto& row : rows) {
    const Invocation got = parsed(row.args);
    EXPECT_EQ(got.command, row.command) << testing::PrintToString(row.args);
    EXPECT_EQ(got.args.size(), row.left) << testing::PrintToString(row.args);
  }
}

TEST(Arguments, FlagsMayStandAnywhereAndInEverySpelling) {
  for (const Args& args : {Args{"-n", "shop", "get", "rollout", "web", "-w"},
                           Args{"get", "--namespace=shop", "rollout", "web", "--watch"},
                           Args{"get", "rollout", "-nshop", "--watch=true", "web"},
                           Args{"get", "rollout", "-wn=shop", "web"},
                           Args{"get", "rollout", "--namespace", "shop", "-w=1", "--", "web"}}) {
    const Invocation got = parsed(args);
    EXPECT_EQ(got.global.kube.namespace_, "shop") << testing::PrintToString(args);
    EXPECT_TRUE(got.options.watch) << testing::PrintToString(args);
    EXPECT_EQ(got.args, Args{"web"}) << testing::PrintToString(args);
  }
}

TEST(Arguments, GlobalFlagsReachTheConnection) {
  const Invocation got = parsed({"version",
                                 "--as",
                                 "boss",
                                 "--as-uid",
                                 "7",
                                 "--as-group",
                                 "a",
                                 "--as-group=b",
                                 "--certificate-authority",
                                 "ca",
                                 "--client-certificate",
                                 "crt",
                                 "--client-key",
                                 "key",
                                 "--cluster",
                                 "c",
                                 "--context",
                                 "x",
                                 "--user",
                                 "u",
                                 "--kubeconfig",
                                 "k",
                                 "-s",
                                 "https://s",
                                 "--tls-server-name",
                                 "t",
                                 "--token",
                                 "tok",
                                 "--insecure-skip-tls-verify",
                                 "--request-timeout",
                                 "5",
                                 "--username",
                                 "me",
                                 "--password",
                                 "pw",
                                 "--proxy-url",
                                 "http://p",
                                 "--cache-dir",
                                 "/c",
                                 "--disable-compression",
                                 "-v",
                                 "6",
                                 "--loglevel",
                                 "debug"});
  const auto& kube = got.global.kube;
  EXPECT_EQ(kube.as_user + kube.certificate_authority + kube.client_certificate + kube.client_key,
            "bosscacrtkey");
  EXPECT_EQ(kube.cluster + kube.context + kube.user + kube.kubeconfig + kube.server +
                kube.tls_server_name + kube.token,
            "cxukhttps://sttok");
  EXPECT_EQ(kube.username + kube.password + kube.proxy_url, "mepwhttp://p");
  EXPECT_EQ(kube.as_groups, (Args{"a", "b"}));
  EXPECT_TRUE(kube.insecure_skip_tls_verify);
  EXPECT_EQ(got.global.as_uid, "7");
  EXPECT_EQ(got.global.request_timeout, Millis(5000));
  EXPECT_EQ(got.global.kube_log_level, 6);
  EXPECT_EQ(got.global.log_level, "debug");
}

TEST(Arguments, OptionsOfCommandsAreRead) {
  EXPECT_TRUE(parsed({"status", "web"}).options.watch);
  EXPECT_FALSE(parsed({"status", "web", "--watch=false"}).options.watch);
  EXPECT_FALSE(parsed({"get", "rollout", "web"}).options.watch);
  EXPECT_EQ(parsed({"status", "web", "-t", "1m30s"}).options.timeout, Millis(90'000));
  EXPECT_EQ(parsed({"undo", "web", "--to-revision=3"}).options.to_revision, 3);
  EXPECT_EQ(parsed({"restart", "web", "-i", "10s"}).options.in, "10s");
  EXPECT_TRUE(parsed({"promote", "web", "--full"}).options.full);
  EXPECT_TRUE(parsed({"promote", "web", "-c"}).options.skip_current_step);
  EXPECT_TRUE(parsed({"promote", "web", "-a"}).options.skip_all_steps);
  EXPECT_EQ(parsed({"get", "ro", "web", "-o", "yaml"}).options.output, "yaml");
  EXPECT_EQ(parsed({"get", "ro", "web", "--timeout-seconds", "9"}).options.timeout_seconds, 9);
  const Options list = parsed({"list", "ro", "-A", "--name", "web", "--timestamps"}).options;
  EXPECT_TRUE(list.all_namespaces && list.timestamps);
  EXPECT_EQ(list.name, "web");
}

TEST(Arguments, WhatIsNotUnderstoodIsNamed) {
  struct Row {
    Args args;
    std::string part;
  };
  const Row rows[] = {
      {{"frobnicate"}, "unknown command \"frobnicate\" for \"kubectl argo rollouts\""},
      {{"promte", "web"}, "did you mean 'promote'? see 'kubectl argo rollouts --help'"},
      {{"gte", "rollout", "web"}, "did you mean 'get'? see"},
      {{"get", "rolout", "web"}, "did you mean 'rollout'? see 'kubectl argo rollouts get --help'"},
      {{"get", "rollout", "pods/web"}, "\"pods/web\" is not the name of a rollout"},
      {{"abort", "web", "web/status"}, "\"web/status\" is not the name of a rollout"},
      {{"abort", "rollout/"}, "an argument is empty"},
      {{"get", "pods"}, "unknown command \"pods\" for \"kubectl argo rollouts get\""},
      {{"lint", "-f", "x.yaml"}, "\"lint\" is not part of this release"},
      {{"dashboard", "--port=1"}, "\"dashboard\" is not part of this release"},
      {{"get", "experiment", "e"}, "\"get experiment\" is not part of this release"},
      {{"list", "exp"}, "\"list exp\" is not part of this release"},
      {{"retry", "experiment", "e"}, "\"retry experiment\" is not part of this release"},
      {{"terminate", "analysisrun", "a"}, "kubectl patch analysisrun"},
      {{"create", "-f", "x"}, "kubectl create -f"},
      {{"status", "web", "--full"}, "unknown flag: --full"},
      {{"status", "web", "--nonsense"}, "unknown flag: --nonsense"},
      {{"status", "web", "-x"}, "unknown shorthand flag: 'x' in -x"},
      {{"status", "web", "-n"}, "flag needs an argument: -n"},
      {{"status", "web", "--timeout", "5"},
       "invalid argument \"5\" for --timeout: must be a duration with a unit"},
      {{"undo", "web", "--to-revision", "-1"}, "invalid argument \"-1\" for --to-revision"},
      {{"get", "ro", "web", "--watch=maybe"},
       "invalid argument \"maybe\" for --watch: must be true or false"},
      {{"get", "ro", "web", "-o", "table"}, "must be name, json or yaml"},
      {{"status", "web", "--as-uid", "7"}, "--as-uid needs --as"},
      {{"status", ""}, "an argument is empty"},
  };
  for (const auto& row : rows)
    EXPECT_THAT(refused(row.args), HasSubstr(row.part)) << testing::PrintToString(row.args);
}

TEST(Arguments, AWrongNumberOfArgumentsShowsTheUsage) {
  for (const Args& args :
       {Args{"status"}, Args{"status", "a", "b"}, Args{"promote"}, Args{"abort"}, Args{"pause"},
        Args{"retry", "rollout"}, Args{"set", "image", "web"},
        Args{"set", "image", "web", "noequals"}, Args{"set", "image", "web", "=img"},
        Args{"set", "image", "web", "app="}, Args{"set", "image", "web", "a=b", "c"}, Args{"list", "rollouts", "web"},
        Args{"get", "rollout"}, Args{"version", "x"}, Args{"get"}, Args{"list"}, Args{"set"},
        Args{"retry"}}) {
    EXPECT_THAT(refused(args), HasSubstr("usage: ")) << testing::PrintToString(args);
    EXPECT_THAT(refused(args), HasSubstr("kubectl argo rollouts " + args[0]))
        << testing::PrintToString(args);
  }
}

TEST(Arguments, ACommandLineThatDoesNotFitShowsWhatFitsOnAScreen) {
  const std::string text = refused({"status"});
  EXPECT_THAT(text, HasSubstr("-t, --timeout"));
  EXPECT_THAT(text, HasSubstr("Use 'kubectl argo rollouts status --help' for the global flags"));
  EXPECT_THAT(text, testing::Not(HasSubstr("--kubeconfig")));
}

TEST(Arguments, NamesMayCarryTheirKind) {
  struct Row {
    Args args, names;
  };
  const Row rows[] = {
      {{"get", "ro/web"}, {"web"}},
      {{"get", "rollout", "rollout/web"}, {"web"}},
      {{"status", "rollouts/web"}, {"web"}},
      {{"abort", "rollout.argoproj.io/a", "ro/b"}, {"a", "b"}},
      {{"retry", "rollout/web"}, {"web"}},
      {{"set", "image", "rollout/web", "app=registry/app:1"}, {"web", "app=registry/app:1"}},
  };
  for (const Row& row : rows) {
    const auto got = parse_arguments("kubectl-argo-rollouts", row.args);
    ASSERT_TRUE(got) << testing::PrintToString(row.args);
    EXPECT_EQ(got->args, row.names);
  }
}

TEST(Arguments, AnImageIsSplitAtTheFirstEqualsSign) {
  const auto got = parse_image_argument("app=registry.example/app:1@sha256=ab");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->container, "app");
  EXPECT_EQ(got->image, "registry.example/app:1@sha256=ab");
}

TEST(Arguments, UsageShowsHowTheProgramWasCalled) {
  EXPECT_EQ(shown_program("/usr/bin/kubectl-argo-rollouts"), "kubectl argo rollouts");
  EXPECT_EQ(shown_program("kubectl-argo_rollouts"), "kubectl argo rollouts");
  EXPECT_EQ(shown_program("kubectl-sluice"), "kubectl sluice");
  EXPECT_EQ(shown_program("./build/sluice"), "sluice");
}

// Flags are read before the command is known: a name or letter must mean one thing.
TEST(Arguments, AFlagTakesAValueInAllCommandsOrInNone) {
  std::map<std::string, bool> seen;
  const auto check = [&](const Flag& flag) {
    const bool value = !flag.value_name.empty();
    EXPECT_EQ(seen.try_emplace(std::string(flag.name), value).first->second, value) << flag.name;
    if (flag.letter == 0) return;
    EXPECT_EQ(seen.try_emplace(std::string(1, flag.letter), value).first->second, value)
        << flag.letter;
  };
  for (const auto& flag : global_flags()) check(flag);
  for (const auto& spec : commands())
    for (const auto& flag : spec.flags) check(flag);
}

TEST(Completion, OffersCommandsFlagsAndNames) {
  using testing::Contains;
  using testing::ElementsAre;
  EXPECT_THAT(candidates({"p"}).words, ElementsAre("pause", "promote"));
  EXPECT_THAT(candidates({"get", ""}).words, ElementsAre("rollout"));
  EXPECT_TRUE(candidates({"-n", "shop", "promote", ""}).rollout_names);
  EXPECT_FALSE(candidates({"promote", "web", ""}).rollout_names);
  EXPECT_TRUE(candidates({"abort", "web", ""}).rollout_names);
  EXPECT_FALSE(candidates({"-n", ""}).rollout_names);
  EXPECT_THAT(candidates({"promote", "--fu"}).words, ElementsAre("--full"));
  EXPECT_THAT(candidates({"promote", "--"}).words, testing::Not(Contains("--skip-all-steps")));
  EXPECT_THAT(candidates({"completion", "z"}).words, ElementsAre("zsh"));
}

TEST(Completion, ScriptsNameTheProgram) {
  for (const char* shell : {"bash", "zsh", "fish", "powershell"}) {
    const auto script = completion_script(shell, "kubectl-sluice");
    ASSERT_TRUE(script) << shell;
    EXPECT_THAT(*script, HasSubstr("kubectl-sluice __complete")) << shell;
    EXPECT_THAT(*script, testing::Not(HasSubstr("@NAME@"))) << shell;
  }
  EXPECT_FALSE(completion_script("tcsh", "sluice"));
}

}  // namespace
}  // namespace sluice::cli
