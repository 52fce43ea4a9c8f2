// Values that cannot be meant end the controller at its start: each of these was accepted silently,
// or told of without what is right.
#include "app/controller_flags.h"

#include <gmock/gmock.h>

#include "app/controller_rules.h"

namespace sluice::app {
namespace {

using testing::HasSubstr;
using testing::Not;

// What the process would say, or "".
std::string complaint(const std::vector<std::string>& words) {
  std::vector<const char*> argv{"controller"};
  for (const auto& word : words) argv.push_back(word.c_str());
  const auto line = read_command_line(static_cast<int>(argv.size()), argv.data());
  if (!line) return line.error().message;
  loop::Options options;
  const Status applied = apply_flags(line->flags, options);
  return applied ? "" : applied.error().message;
}

struct WrongValue {
  std::vector<std::string> words;
  const char *flag, *value, *right;
};

TEST(Issue9ControllerFlags, AWrongValueIsAnErrorThatNamesFlagValueAndWhatIsRight) {
  const char* const accounts = "NAMESPACE/NAME";
  const char* const block = "10.0.0.0/8";
  const WrongValue table[] = {
      {{"--job-service-accounts", "a/b/c"}, "--job-service-accounts", "\"a/b/c\"", accounts},
      {{"--job-service-accounts", ""}, "--job-service-accounts", "\"\"", accounts},
      {{"--job-service-accounts", "ok,/b"}, "--job-service-accounts", "\"/b\"", accounts},
      {{"--job-service-accounts", "ok,b/"}, "--job-service-accounts", "\"b/\"", accounts},
      {{"--job-service-accounts", "*"}, "--job-service-accounts", "\"*\"", accounts},
      {{"--job-service-accounts", "Bot"}, "--job-service-accounts", "\"Bot\"", accounts},
      {{"--job-service-accounts", "a.b/c"}, "--job-service-accounts", "\"a.b/c\"", accounts},
      {{"--job-service-accounts", ","}, "--job-service-accounts", "", "required"},
      {{"--instance-id", "-x"}, "--instance-id", "\"-x\"", "letter or a digit"},
      {{"--instance-id", "a/b"}, "--instance-id", "\"a/b\"", "letters, digits"},
      {{"--instance-id", std::string(64, 'x')}, "--instance-id", "xxx", "at most 63"},
      {{"--instance-id", "Blue"}, "--instance-id", "\"Blue\"", "lower-case"},
      {{"--namespaced", "--namespace", "a/b"}, "--namespace", "\"a/b\"", "lower-case letters"},
      {{"-n", "a.b"}, "--namespace", "\"a.b\"", "lower-case letters"},
      {{"--namespaced=maybe"}, "--namespaced", "\"maybe\"", "true nor false"},
      {{"--secrets-need-label=2"}, "--secrets-need-label", "\"2\"", "true nor false"},
      {{"--allow-ingress-snippets=-1"}, "--allow-ingress-snippets", "\"-1\"", "true nor false"},
      {{"--no-job-automount-token=5"}, "--no-job-automount-token", "\"5\"", "true nor false"},
      {{"--disable-compression=x"}, "--disable-compression", "\"x\"", "true nor false"},
      {{"--metric-timeout-max", "0"}, "--metric-timeout-max", "\"0\"", "from 1s to 24h"},
      {{"--metric-timeout-max", "25h"}, "--metric-timeout-max", "\"25h\"", "from 1s to 24h"},
      {{"--metric-timeout-max", "300"}, "--metric-timeout-max", "\"300\"", "such as 90s"},
      {{"--metric-deny-cidr", ""}, "--metric-deny-cidr", "\"\"", block},
      {{"--metric-deny-cidr", "10.0.0.0/33"}, "--metric-deny-cidr", "\"10.0.0.0/33\"", block},
      {{"--metric-deny-cidr", "::ffff:10.0.0.0/8"}, "--metric-deny-cidr", "\"::ffff:10.", block},
      {{"--metric-allow-cidr", "host"}, "--metric-allow-cidr", "\"host\"", block},
      {{"--leader-election-retry-period", "x"}, "--leader-election-retry-period", "\"x\"", "1s"},
      {{"--leader-election-renew-deadline", "15s"}, "-lease-duration", "\"15s\"", "not longer"},
      {{"--metricsPort", "70000"}, "--metricsPort", "70000", "0 to 65535"},
      {{"--healthzPort", "-1"}, "--healthzPort", "-1", "0 to 65535"},
      {{"--rollout-resync", "0"}, "--rollout-resync", "0", "1 to"},
      {{"--loglevel", "loud"}, "--loglevel", "\"loud\"", "debug, info"},
      {{"--controllers", "analysis"}, "--controllers", "\"analysis\"", "leave the flag out"},
  };
  for (const auto& row : table) {
    const std::string got = complaint(row.words);
    for (const char* part : {row.flag, row.value, row.right})
      EXPECT_THAT(got, HasSubstr(part)) << testing::PrintToString(row.words);
  }
}

TEST(Issue9ControllerFlags, WhatCanBeMeantIsTaken) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {},
           {"--job-service-accounts", "default,shop/bot-1,a.b", "--job-service-accounts", "c"},
           {"--instance-id", "blue-1.x"},
           {"--instance-id", "Blue_1", "--no-leader-elect"},
           {"--namespaced=True", "-n", "team-a"},
           {"--namespaced=0", "--leader-elect=false", "--no-job-automount-token"},
           {"--metric-timeout-max", "24h", "--metric-deny-cidr",
            "10.0.0.0/8,::1,::ffff:10.0.0.0/104"},
           {"--metricsPort", "0", "--qps", "40", "--alb-verify-weight"}})
    EXPECT_EQ(complaint(words), "") << testing::PrintToString(words);
}

// Many of the reference's flags are empty by default, and Deployments say so.
TEST(Issue9ControllerFlags, AnEmptyValueSwallowsNoOtherFlag) {
  const std::vector<const char*> argv{"controller",          "--ingress-api-version=",
                                      "--namespaced",        "--logformat=",
                                      "--namespace",         "shop",
                                      "--instance-id=",      "--enable-pprof-address=",
                                      "--secrets-need-label"};
  const auto line = read_command_line(static_cast<int>(argv.size()), argv.data());
  ASSERT_TRUE(line) << line.error().message;
  EXPECT_TRUE(line->flags.namespaced);
  EXPECT_TRUE(line->flags.secrets_need_label);
  EXPECT_EQ(line->flags.namespace_, "shop");
  EXPECT_EQ(line->flags.instance_id, "");
  EXPECT_THAT(complaint({"--metric-deny-cidr=", "--namespaced"}), HasSubstr("--metric-deny-cidr"));
  EXPECT_THAT(complaint({"--nonsense=", "--namespaced"}), HasSubstr("--nonsense"));
}

TEST(Issue9ControllerFlags, AMistypedFlagDoesNotShowItsValue) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--tokn=hush"}, {"--tokn", "hush"}}) {
    EXPECT_THAT(complaint(words), HasSubstr("\"--tokn\" is no flag"));
    EXPECT_THAT(complaint(words), Not(HasSubstr("hush")));
  }
}

std::string rules(const std::vector<std::string>& words, const net::KubeConfig& kube) {
  std::vector<const char*> argv{"controller"};
  for (const auto& word : words) argv.push_back(word.c_str());
  const auto line = read_command_line(static_cast<int>(argv.size()), argv.data());
  EXPECT_TRUE(line.has_value());
  loop::Options options;
  EXPECT_TRUE(apply_flags(line->flags, options).has_value());
  options.prometheus_address = "http://me:hush@prom:9090/?key=hush";
  std::string out;
  for (const auto& field : rules_in_force(line->flags, options, kube))
    out += std::string(field.key) + "=" + field.value + ";";
  return out;
}

TEST(Issue9RulesInForce, SayWhatIsAllowedAndDeniedBeyondTheDefaults) {
  const std::string plain = rules({}, {});
  EXPECT_THAT(plain, HasSubstr("allowed_beyond_defaults=nothing;denied_beyond_defaults=nothing;"));
  EXPECT_THAT(plain, HasSubstr("namespaces=all;instance_id=none;"));
  net::KubeConfig kube;
  kube.insecure_skip_verify = true;
  const std::string told = rules(
      {"--allow-ingress-snippets", "--metric-allow-cidr", "169.254.1.0/24", "--metric-deny-cidr",
       "10.0.0.0/8,::1", "--metric-timeout-max", "10m", "--secrets-need-label",
       "--job-service-accounts", "shop/bot,a", "--no-job-automount-token", "--instance-id", "blue"},
      kube);
  EXPECT_THAT(told, HasSubstr("allowed_beyond_defaults=--allow-ingress-snippets "
                              "--metric-allow-cidr=169.254.1.0/24 --metric-timeout-max=10m0s "
                              "--insecure-skip-tls-verify;"));
  EXPECT_THAT(told, HasSubstr("denied_beyond_defaults=--secrets-need-label "
                              "--job-service-accounts=a,shop/bot --no-job-automount-token "
                              "--metric-deny-cidr=10.0.0.0/8,::1;"));
  EXPECT_THAT(told, HasSubstr("instance_id=blue;lease=argo-rollouts/argo-rollouts-controller-lock-"
                              "blue;"));
}

TEST(Issue9RulesInForce, ShowNoSecret) {
  net::KubeConfig kube;
  kube.server = "https://me:hush@api:6443";
  kube.proxy_url = "http://me:hush@proxy:3128?hush";
  kube.token = kube.password = "hush";
  const std::string told = rules({"--token", "hush", "--password", "hush"}, kube);
  EXPECT_THAT(told, Not(HasSubstr("hush")));
  EXPECT_THAT(told, HasSubstr("api_server=https://***@api:6443;proxy=http://***@proxy:3128;"));
  EXPECT_THAT(told, HasSubstr("prometheus=http://***@prom:9090/;"));
}

}  // namespace
}  // namespace sluice::app
