#include "app/controller_flags.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <limits>

#include "api/keys.h"
#include "base/strings.h"
#include "base/time.h"
#include "kube/model/label_rules.h"
#include "net/address.h"

namespace sluice::app {

namespace {

// Flags of the reference that mean nothing here: existing Deployments keep working, and the log
// says so once.
struct Ignored {
  const char* name;
  bool takes_value;
};
constexpr Ignored kIgnored[] = {
    {"--qps", true},
    {"--burst", true},
    {"--rollout-threads", true},
    {"--experiment-threads", true},
    {"--analysis-threads", true},
    {"--service-threads", true},
    {"--ingress-threads", true},
    {"--ephemeral-metadata-threads", true},
    {"--ephemeral-metadata-update-pod-retries", true},
    {"--aws-target-group-binding-api-version", true},
    {"--alb-tag-key-resource-id", true},
    {"--istio-api-version", true},
    {"--ambassador-api-version", true},
    {"--traffic-split-api-version", true},
    {"--traefik-api-group", true},
    {"--traefik-api-version", true},
    {"--ingress-api-version", true},
    {"--appmesh-crd-version", true},
    {"--alb-ingress-classes", true},
    {"--nginx-ingress-classes", true},
    {"--aws-verify-target-group", false},
    {"--alb-verify-weight", false},
    {"--self-service-notification-enabled", false},
    {"--enable-pprof-address", true},
    {"--request-timeout", true},
    {"--disable-compression", false},
    {"--kloglevel", true},
};

constexpr Seconds kDurationMax{86'400};
constexpr std::size_t kNamespaceMax = 63;

tl::unexpected<Error> wrong(std::string_view flag, std::string_view value, std::string_view why) {
  return fail(ErrorCode::Invalid, fmt::format("{}: {} {}", flag, quote(value), why));
}

void option(CLI::App& app, const char* names, std::string& value, const char* help) {
  app.add_option(names, value, help)->capture_default_str();
}

void list(CLI::App& app, const char* names, std::vector<std::string>& values, const char* help) {
  app.add_option(names, values, help)->delimiter(',');
}

void number(CLI::App& app, const char* names, int& value, int least, int most, const char* help) {
  app.add_option(names, value, help)->check(CLI::Range(least, most))->capture_default_str();
}

void flag(CLI::App& app, const char* names, bool& value, const std::string& help) {
  app.add_flag(names, value, help)->default_str(value ? "true" : "false");
}

void add_kube_flags(CLI::App& app, net::KubeConfigOverrides& kube) {
  option(app, "--kubeconfig", kube.kubeconfig, "Path of the kubeconfig file");
  option(app, "--context", kube.context, "kubeconfig context");
  option(app, "--cluster", kube.cluster, "kubeconfig cluster");
  option(app, "--user", kube.user, "kubeconfig user");
  option(app, "--server", kube.server, "API server address");
  option(app, "--token", kube.token, "Bearer token");
  option(app, "--certificate-authority", kube.certificate_authority, "CA file");
  option(app, "--client-certificate", kube.client_certificate, "Client certificate file");
  option(app, "--client-key", kube.client_key, "Client key file");
  option(app, "--tls-server-name", kube.tls_server_name,
         "Name to verify the server's certificate against");
  flag(app, "--insecure-skip-tls-verify", kube.insecure_skip_tls_verify,
       "Do not verify the server");
  option(app, "--username", kube.username, "User of basic authentication");
  option(app, "--password", kube.password, "Password of basic authentication");
  option(app, "--proxy-url", kube.proxy_url, "Proxy to the API server");
  option(app, "--as", kube.as_user, "User to impersonate");
  app.add_option("--as-group", kube.as_groups, "Groups to impersonate");
}

void add_process_flags(CLI::App& app, Flags& flags) {
  option(app, "-n,--namespace", flags.namespace_, "Namespace (with --namespaced)");
  flag(app, "--namespaced", flags.namespaced, "Operate in one namespace only");
  option(app, "--instance-id", flags.instance_id,
         "Only handle objects labelled with this instance id");
  option(app, "--loglevel", flags.log_level, "debug, info, warn or error");
  option(app, "--logformat", flags.log_format, "text or json");
  number(app, "--metricsPort,--metricsport", flags.metrics_port, 0, 65'535,
         "Port of /metrics (0: any free one)");
  number(app, "--healthzPort", flags.healthz_port, 0, 65'535,
         "Port of /healthz, /readyz and /livez (0: any free one)");
  option(app, "--bind-address", flags.bind_address, "Address of both ports");
  number(app, "--rollout-resync", flags.resync_seconds, 1, std::numeric_limits<int>::max(),
         "Seconds between full looks at every object");
  flag(app, "--leader-elect,!--no-leader-elect", flags.leader_elect, "Elect a leader by Lease");
  option(app, "--leader-election-lease-duration", flags.lease_duration, "Go duration");
  option(app, "--leader-election-renew-deadline", flags.renew_deadline, "Go duration");
  option(app, "--leader-election-retry-period", flags.retry_period, "Go duration");
  option(app, "--controllers", flags.controllers, "Refused: this release runs all of them");
  flag(app, "--http1", flags.http1, "Speak HTTP/1.1 to the API server");
  flag(app, "--version", flags.version, "Print the version");
}

// What strangers' objects may make the controller do.
void add_rules(CLI::App& app, Flags& flags) {
  flag(app, "--allow-ingress-snippets", flags.allow_ingress_snippets,
       "Rollouts may put *-snippet annotations on canary Ingresses");
  flag(app, "--secrets-need-label", flags.secrets_need_label,
       "Take arguments only from Secrets labelled " + std::string(api::kAnalysisArgumentLabel) +
           "=true");
  list(app, "--job-service-accounts", flags.job_service_accounts,
       "ServiceAccounts that Jobs of analyses may use: NAME or NAMESPACE/NAME, by commas "
       "(default: any but the controller's own)");
  flag(app, "--job-automount-token,!--no-job-automount-token", flags.job_automount_token,
       "Jobs of analyses get a ServiceAccount token where their template does not say");
  option(app, "--metric-timeout-max", flags.metric_timeout_max,
         "Longest wait for the answer to a metric query, from 1s to 24h (Go duration)");
  list(app, "--metric-deny-cidr", flags.metric_deny_cidr,
       "Addresses that metric queries are not sent to: blocks or addresses, by commas or repeated");
  list(app, "--metric-allow-cidr", flags.metric_allow_cidr,
       "Addresses that they are sent to although they are denied, link-local, a cloud's metadata "
       "service, or this machine's and led to by a redirect");
}

void add_ignored(CLI::App& app, std::vector<std::string>& ignored) {
  for (const auto& one : kIgnored) {
    const std::string name = one.name;
    if (one.takes_value) {
      app.add_option_function<std::vector<std::string>>(
             name, [&ignored, name](const auto&) { ignored.push_back(name); })
          ->group("");
    } else {
      app.add_flag_function(name, [&ignored, name](std::int64_t) { ignored.push_back(name); })
          ->group("");
    }
  }
}

// The words that pflag takes for a boolean. CLI11 would take any number for one, too.
bool is_boolean(std::string_view word) {
  for (const char* known :
       {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"})
    if (word == known) return true;
  return false;
}

Status check_booleans(const CLI::App& app, int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") break;
    const auto mark = word.find('=');
    if (!word.starts_with("--") || mark == std::string_view::npos) continue;
    const std::string name(word.substr(0, mark));
    const auto* known = app.get_option_no_throw(name);
    if (known != nullptr && known->get_expected_max() == 0 && !is_boolean(word.substr(mark + 1)))
      return wrong(name, word.substr(mark + 1), "is neither true nor false");
  }
  return {};
}

// Of what is left over only the first word, and no value of it.
std::string unknown_words(const CLI::App& app) {
  const auto left = app.remaining();
  std::string first = left.empty() ? "" : left.front();
  if (first.starts_with('-')) first.resize(std::min(first.find('='), first.size()));
  return fmt::format("{} is no flag of the controller", quote(first));
}

Result<Seconds> seconds_flag(std::string_view flag, const std::string& text) {
  const auto parsed = parse_go_duration(text);
  if (!parsed || *parsed < Seconds(1) || *parsed > kDurationMax)
    return wrong(flag, text, "is no Go duration from 1s to 24h, such as 90s or 5m");
  return std::chrono::duration_cast<Seconds>(*parsed);
}

Status apply_durations(const Flags& flags, loop::Options& options) {
  SLUICE_TRY(options.lease_duration,
             seconds_flag("--leader-election-lease-duration", flags.lease_duration));
  SLUICE_TRY(options.renew_deadline,
             seconds_flag("--leader-election-renew-deadline", flags.renew_deadline));
  SLUICE_TRY(options.retry_period,
             seconds_flag("--leader-election-retry-period", flags.retry_period));
  SLUICE_TRY(options.metric_timeout_max,
             seconds_flag("--metric-timeout-max", flags.metric_timeout_max));
  if (options.lease_duration <= options.renew_deadline)
    return wrong("--leader-election-lease-duration", flags.lease_duration,
                 fmt::format("is not longer than --leader-election-renew-deadline, {}",
                             quote(flags.renew_deadline)));
  if (options.renew_deadline <= options.retry_period)
    return wrong("--leader-election-renew-deadline", flags.renew_deadline,
                 fmt::format("is not longer than --leader-election-retry-period, {}",
                             quote(flags.retry_period)));
  return {};
}

Status apply_instance(const Flags& flags, loop::Options& options) {
  options.instance_id = flags.instance_id;
  options.leader_elect = flags.leader_elect;
  if (flags.instance_id.empty()) return {};
  if (!kube::label_value_problems(flags.instance_id).empty())
    return wrong("--instance-id", flags.instance_id,
                 "is no value of a label: at most 63 letters, digits, '-', '_' and '.', the first "
                 "and the last a letter or a digit");
  options.lease_name += "-" + flags.instance_id;
  if (flags.leader_elect && !kube::is_dns_subdomain(options.lease_name))
    return wrong("--instance-id", flags.instance_id,
                 "ends the name of the controller's Lease, in which there are only lower-case "
                 "letters, digits, '-' and single '.': take another one, or --no-leader-elect");
  return {};
}

Status apply_accounts(const Flags& flags, analysis::job::Policy& jobs) {
  for (const auto& account : flags.job_service_accounts) {
    const std::string name(trim(account));
    const auto parts = split(name, '/');
    const bool good = parts.size() <= 2 && kube::is_dns_subdomain(parts.back()) &&
                      (parts.size() == 1 || is_namespace(parts.front()));
    if (!good)
      return wrong("--job-service-accounts", account,
                   "is neither NAME nor NAMESPACE/NAME of a ServiceAccount, in lower-case letters, "
                   "digits and '-'");
    jobs.accounts.insert(name);
  }
  jobs.automount_token = flags.job_automount_token;
  return {};
}

}  // namespace

bool is_namespace(std::string_view text) {
  return text.size() <= kNamespaceMax && text.find('.') == std::string_view::npos &&
         kube::is_dns_subdomain(text);
}

std::string log_level(std::string_view word) {
  const std::string level = to_lower(word);
  if (level == "warning") return "warn";
  if (level == "trace") return "debug";
  if (level == "fatal" || level == "panic") return "error";
  for (const char* known : {"debug", "info", "warn", "error"})
    if (level == known) return level;
  return "";
}

void add_flags(CLI::App& app, Flags& flags) {
  add_kube_flags(app, flags.kube);
  add_process_flags(app, flags);
  add_rules(app, flags);
  add_ignored(app, flags.ignored);
}

namespace {

// CLI11 takes the next word for the value of `--name=`, so that an empty value, which is the
// default of many flags of the reference, would swallow a flag: here it is a value of its own.
std::vector<std::string> words_of(CLI::App& app, int argc, const char* const* argv) {
  std::vector<std::string> out;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    const bool empty =
        word.size() > 3 && word.starts_with("--") && word.find('=') + 1 == word.size();
    if (empty) word.pop_back();
    const auto* option = empty ? app.get_option_no_throw(word) : nullptr;
    if (empty && (option == nullptr || option->get_expected_max() == 0)) word += '=';
    out.push_back(word);
    if (empty && word.back() != '=') out.emplace_back();
  }
  std::reverse(out.begin(), out.end());  // as CLI11 wants them
  return out;
}

}  // namespace

Result<CommandLine> read_command_line(int argc, const char* const* argv) {
  CommandLine out;
  CLI::App app{"The Sluice controller: drives Rollouts", "sluice controller"};
  add_flags(app, out.flags);
  SLUICE_CHECK_OK(check_booleans(app, argc, argv));
  try {
    app.parse(words_of(app, argc, argv));
  } catch (const CLI::CallForHelp&) {
    out.answer = app.help();
  } catch (const CLI::ExtrasError&) {
    return fail(ErrorCode::Invalid, unknown_words(app) + " (--help lists the flags)");
  } catch (const CLI::ParseError& error) {
    return fail(ErrorCode::Invalid, std::string(error.what()) + " (--help lists the flags)");
  }
  if (out.flags.version) out.answer = fmt::format("sluice {}\n", SLUICE_VERSION);
  return out;
}

Status apply_flags(const Flags& flags, loop::Options& options) {
  if (!flags.controllers.empty())
    return wrong("--controllers", flags.controllers,
                 "cannot be chosen: this release runs all of them, leave the flag out");
  if (log_level(flags.log_level).empty())
    return wrong("--loglevel", flags.log_level, "is none of debug, info, warn and error");
  if (!flags.namespace_.empty() && !is_namespace(flags.namespace_))
    return wrong("--namespace", flags.namespace_,
                 "is no name of a namespace: at most 63 lower-case letters, digits and '-', the "
                 "first and the last no '-'");
  SLUICE_CHECK_OK(apply_instance(flags, options));
  SLUICE_CHECK_OK(apply_durations(flags, options));
  SLUICE_CHECK_OK(apply_accounts(flags, options.jobs));
  // The transport reads them again; a wrong one is told of before anything is opened.
  const auto policy = net::AddressPolicy::make(flags.metric_deny_cidr, flags.metric_allow_cidr);
  if (!policy) return fail(policy.error());
  options.resync_period = Seconds(flags.resync_seconds);
  options.routers.allow_ingress_snippets = flags.allow_ingress_snippets;
  options.secrets_need_label = flags.secrets_need_label;
  return {};
}

}  // namespace sluice::app
