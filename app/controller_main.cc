#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "api/keys.h"
#include "app/commands.h"
#include "base/strings.h"
#include "controller/loop/loop.h"
#include "kube/request/service_account.h"
#include "net/net.h"
#include "telemetry/telemetry.h"

namespace sluice::app {

namespace {

std::atomic<int> g_signals{0};
Transport* g_transport =
    nullptr;  // only for wake(), which is made for other threads and signal handlers

void on_signal(int) {
  if (g_signals.fetch_add(1) >= 1) _exit(1);
  if (g_transport != nullptr) g_transport->wake();
}

struct Flags {
  net::KubeConfigOverrides kube;
  std::string namespace_, instance_id, log_level = "info", log_format, kube_log_level, controllers;
  std::string lease_duration = "15s", renew_deadline = "10s", retry_period = "2s";
  int metrics_port = 8090, healthz_port = 8080, resync_seconds = 900;
  std::string bind_address = "0.0.0.0";
  std::string metric_timeout_max = "5m";
  std::vector<std::string> metric_deny_cidr, metric_allow_cidr;
  bool namespaced = false, leader_elect = true, version = false, http1 = false;
  bool allow_ingress_snippets = false, secrets_need_label = false, job_automount_token = true;
  std::vector<std::string> job_service_accounts;
};

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

constexpr Seconds kMetricTimeoutLimit{86'400};

Result<Seconds> seconds_flag(const std::string& text, std::string_view flag) {
  const auto parsed = parse_go_duration(text);
  if (!parsed)
    return fail(ErrorCode::Invalid, fmt::format("{}: {}", flag, parsed.error().message));
  const auto seconds = std::chrono::duration_cast<Seconds>(*parsed);
  if (seconds.count() < 1)
    return fail(ErrorCode::Invalid, fmt::format("{} must be at least 1s, got {}", flag, text));
  return seconds;
}

void add_flags(CLI::App& app, Flags& flags, std::vector<std::string>& ignored) {
  app.add_option("--kubeconfig", flags.kube.kubeconfig, "Path of the kubeconfig file");
  app.add_option("-n,--namespace", flags.namespace_, "Namespace (with --namespaced)");
  app.add_option("--context", flags.kube.context, "kubeconfig context");
  app.add_option("--cluster", flags.kube.cluster, "kubeconfig cluster");
  app.add_option("--user", flags.kube.user, "kubeconfig user");
  app.add_option("--server", flags.kube.server, "API server address");
  app.add_option("--token", flags.kube.token, "Bearer token");
  app.add_option("--certificate-authority", flags.kube.certificate_authority, "CA file");
  app.add_option("--client-certificate", flags.kube.client_certificate, "Client certificate file");
  app.add_option("--client-key", flags.kube.client_key, "Client key file");
  app.add_option("--tls-server-name", flags.kube.tls_server_name,
                 "Name to verify the server's certificate against");
  app.add_flag("--insecure-skip-tls-verify", flags.kube.insecure_skip_tls_verify,
               "Do not verify the server");
  app.add_option("--username", flags.kube.username, "User of basic authentication");
  app.add_option("--password", flags.kube.password, "Password of basic authentication");
  app.add_option("--proxy-url", flags.kube.proxy_url, "Proxy to the API server");
  app.add_option("--as", flags.kube.as_user, "User to impersonate");
  app.add_option("--as-group", flags.kube.as_groups, "Groups to impersonate");
  app.add_flag("--namespaced", flags.namespaced, "Operate in one namespace only");
  app.add_option("--instance-id", flags.instance_id,
                 "Only handle objects labelled with this instance id");
  app.add_option("--loglevel", flags.log_level, "debug, info, warn or error");
  app.add_option("--logformat", flags.log_format, "text or json");
  app.add_option("--metricsPort,--metricsport", flags.metrics_port,
                 "Port of /metrics (0: any free one)");
  app.add_option("--healthzPort", flags.healthz_port,
                 "Port of /healthz, /readyz and /livez (0: any free one)");
  app.add_option("--bind-address", flags.bind_address, "Address of both ports");
  app.add_option("--rollout-resync", flags.resync_seconds,
                 "Seconds between full looks at every object")
      ->check(CLI::PositiveNumber);
  app.add_flag("--leader-elect,!--no-leader-elect", flags.leader_elect, "Elect a leader by Lease");
  app.add_option("--leader-election-lease-duration", flags.lease_duration, "Go duration");
  app.add_option("--leader-election-renew-deadline", flags.renew_deadline, "Go duration");
  app.add_option("--leader-election-retry-period", flags.retry_period, "Go duration");
  app.add_option("--controllers", flags.controllers, "Only 'analysis' is known");
  app.add_flag("--allow-ingress-snippets", flags.allow_ingress_snippets,
               "Rollouts may put *-snippet annotations on canary Ingresses");
  app.add_flag("--secrets-need-label", flags.secrets_need_label,
               "Take arguments only from Secrets labelled " +
                   std::string(api::kAnalysisArgumentLabel) + "=true");
  app.add_option("--job-service-accounts", flags.job_service_accounts,
                 "ServiceAccounts that Jobs of analyses may use: NAME or NAMESPACE/NAME, by commas "
                 "(default: any but the controller's own)")
      ->delimiter(',');
  app.add_flag("--job-automount-token,!--no-job-automount-token", flags.job_automount_token,
               "Jobs of analyses get a ServiceAccount token where their template does not say");
  app.add_option("--metric-timeout-max", flags.metric_timeout_max,
                 "Longest wait for the answer to a metric query, from 1s to 24h (Go duration)");
  app.add_option("--metric-deny-cidr", flags.metric_deny_cidr,
                 "Addresses that metric queries are not sent to: blocks or addresses, by commas or "
                 "repeated")
      ->delimiter(',');
  app.add_option("--metric-allow-cidr", flags.metric_allow_cidr,
                 "Addresses that they are sent to although they are denied, link-local, a cloud's "
                 "metadata service, or this machine's and led to by a redirect")
      ->delimiter(',');
  app.add_flag("--http1", flags.http1, "Speak HTTP/1.1 to the API server");
  app.add_flag("--version", flags.version, "Print the version");
  for (const auto& flag : kIgnored) {
    const std::string name = flag.name;
    if (flag.takes_value) {
      app.add_option_function<std::vector<std::string>>(
             name, [&ignored, name](const auto&) { ignored.push_back(name); })
          ->group("");
    } else {
      app.add_flag_function(name, [&ignored, name](std::int64_t) { ignored.push_back(name); })
          ->group("");
    }
  }
}

std::string identity(Rng& rng) {
  char host[256] = "sluice";
  gethostname(host, sizeof host - 1);
  const auto a = rng.next_u64(), b = rng.next_u64();
  return fmt::format("{}_{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", host, a >> 32U,
                     (a >> 16U) & 0xffffU, a & 0xfffU, b >> 52U, b & 0xffffffffffffULL);
}

// The reference's words for levels, as they stand in existing Deployments; "" when it is none.
std::string log_level(const std::string& word) {
  const std::string level = to_lower(word);
  if (level == "warning") return "warn";
  if (level == "trace") return "debug";
  if (level == "fatal" || level == "panic") return "error";
  for (const char* known : {"debug", "info", "warn", "error"})
    if (level == known) return level;
  return "";
}

struct Health {
  std::atomic<bool> ready{false};
  std::atomic<bool> leading{false};
  std::atomic<std::int64_t> last_turn_us{0};  // monotonic
};

constexpr std::int64_t kStallUs = 30'000'000;

InboundHandler health_handler(Health& health, Clock& clock) {
  return [&health, &clock](const InboundRequest& inbound,
                           const std::shared_ptr<Responder>& responder) {
    const auto target = http::parse_target(inbound.request.url);
    http::Response response{200, {{"Content-Type", "text/plain"}}, "ok"};
    const std::int64_t now = clock.mono_now().time_since_epoch().count();
    if (target.path == "/readyz" && !health.ready) {
      response.status = 503;
      response.body = "caches are not synced";
    } else if (target.path == "/livez" && now - health.last_turn_us > kStallUs) {
      response.status = 503;
      response.body = "the loop has not turned for 30 s";
    } else if (target.path != "/healthz" && target.path != "/readyz" && target.path != "/livez") {
      response = {404, {{"Content-Type", "text/plain"}}, "not found"};
    }
    responder->respond(std::move(response));
  };
}

InboundHandler metrics_handler(telemetry::ProcessTelemetry& telemetry) {
  return [&telemetry](const InboundRequest& inbound, const std::shared_ptr<Responder>& responder) {
    if (http::parse_target(inbound.request.url).path != "/metrics") {
      responder->respond({404, {{"Content-Type", "text/plain"}}, "not found"});
      return;
    }
    responder->respond({200,
                        {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                        telemetry.metrics_text()});
  };
}

int usage_error(const std::string& text) {
  std::fprintf(stderr, "sluice controller: %s\n", printable(text).c_str());
  return 2;
}

// In a Pod the namespace comes from the downward API or the mounted service account (clients.md
// §3.2).
std::string controller_namespace(Files& files) {
  if (auto ns = files.env("POD_NAMESPACE"); !ns.empty()) return ns;
  if (auto ns = files.read("/var/run/secrets/kubernetes.io/serviceaccount/namespace"))
    return std::string(trim(*ns));
  return "argo-rollouts";
}

// Of the token that the controller itself uses; empty when it is no ServiceAccount's.
kube::ObjectKey own_account(const net::KubeConfig& kube, Files& files) {
  std::string token = kube.token;
  if (token.empty() && !kube.token_file.empty())
    if (auto read = files.read(kube.token_file)) token = std::move(*read);
  return kube::service_account_of(token).value_or(kube::ObjectKey{});
}

Result<analysis::job::Policy> job_policy(const Flags& flags, const net::KubeConfig& kube,
                                         Files& files) {
  analysis::job::Policy out;
  out.own_account = own_account(kube, files);
  out.automount_token = flags.job_automount_token;
  for (const auto& account : flags.job_service_accounts) {
    const std::string name(trim(account));
    if (name.empty() || name.front() == '/' || name.back() == '/')
      return fail(ErrorCode::Invalid,
                  fmt::format("--job-service-accounts: {} is neither NAME nor NAMESPACE/NAME",
                              quote(account)));
    out.accounts.insert(name);
  }
  return out;
}

int run(const Flags& flags, loop::Options options, net::KubeConfig kube,
        telemetry::ProcessTelemetry& telemetry, Clock& clock, Files& files) {
  SeededRng rng(net::random_seed());
  options.identity = identity(rng);
  net::TransportOptions net_options;
  net_options.kube = std::move(kube);
  net_options.http1 = flags.http1;
  net_options.user_agent = fmt::format("sluice/{}", SLUICE_VERSION);
  net_options.queries_in_flight_max = options.queries_in_flight_max;
  net_options.metric_deny_cidr = flags.metric_deny_cidr;
  net_options.metric_allow_cidr = flags.metric_allow_cidr;
  auto transport = net::make_transport(std::move(net_options), files, clock, telemetry);
  if (!transport) return usage_error(transport.error().message);
  g_transport = transport->get();

  Health health;
  health.last_turn_us = clock.mono_now().time_since_epoch().count();
  auto health_server = net::serve(net::public_port(flags.bind_address, flags.healthz_port),
                                  health_handler(health, clock));
  if (!health_server)
    return usage_error("cannot serve health: " + health_server.error().message +
                       " (--healthzPort names another port, 0 any free one)");
  auto metrics_server = net::serve(net::public_port(flags.bind_address, flags.metrics_port),
                                   metrics_handler(telemetry));
  if (!metrics_server)
    return usage_error("cannot serve metrics: " + metrics_server.error().message +
                       " (--metricsPort names another port, 0 any free one)");

  telemetry.log(LogLevel::Info, "sluice controller starts",
                {{"version", SLUICE_VERSION},
                 {"identity", options.identity},
                 {"namespace", options.namespace_},
                 {"service_account", options.jobs.own_account.text()},
                 {"health", (*health_server)->url()},
                 {"metrics", (*metrics_server)->url()}});
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);

  loop::Loop loop(std::move(options), clock, rng, **transport, telemetry);
  std::vector<TransportEvent> events;
  bool was_leading = false;
  while (!loop.done()) {
    const MonoTime next = loop.turn(std::move(events));
    events.clear();
    const MonoTime now = clock.mono_now();
    health.last_turn_us = now.time_since_epoch().count();
    health.ready = loop.synced();
    health.leading = loop.leading();
    if (g_signals > 0) loop.shutdown();
    if (was_leading && !loop.leading() && g_signals == 0) {
      // As the reference: a deposed leader starts over with a clean process.
      telemetry.log(LogLevel::Error, "leadership lost; exiting so that the pod restarts", {});
      return 1;
    }
    was_leading = loop.leading();
    Millis wait{1000};
    if (next <= now)
      wait = Millis(0);
    else if (next - now < wait)
      wait = std::chrono::ceil<Millis>(next - now);
    (*transport)->poll(events, wait);
  }
  telemetry.log(LogLevel::Info, "stopped", {});
  (*health_server)->stop();
  (*metrics_server)->stop();
  return 0;
}

}  // namespace

int controller_main(int argc, char** argv) {
  CLI::App app{"The Sluice controller: drives Rollouts", "sluice controller"};
  Flags flags;
  std::vector<std::string> ignored;
  add_flags(app, flags, ignored);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    return usage_error(std::string(error.what()) + " (--help lists the flags)");
  }
  if (flags.version) {
    std::printf("sluice %s\n", SLUICE_VERSION);
    return 0;
  }
  if (!flags.controllers.empty())
    return usage_error(fmt::format("unsupported controller: {}", flags.controllers));

  auto clock = net::system_clock();
  auto files = net::system_files();
  const std::string level = log_level(flags.log_level);
  if (level.empty())
    return usage_error(fmt::format("--loglevel {}: there are debug, info, warn and error",
                                   quote(flags.log_level)));
  auto telemetry =
      telemetry::make({flags.log_format == "json" ? "json" : "text", level, ""}, *clock);
  if (!flags.log_format.empty() && flags.log_format != "json" && flags.log_format != "text")
    telemetry->log(LogLevel::Warn, "unknown --logformat: writing text",
                   {{"logformat", flags.log_format}});
  for (const auto& name : ignored) {
    telemetry->log(LogLevel::Info, "this flag of the reference has no meaning here and is ignored",
                   {{"flag", name}});
  }
  // To ignore them would run measurements in another place than the operator meant.
  for (const char* name :
       {"ARGO_ROLLOUTS_ANALYSIS_JOB_KUBECONFIG", "ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE"})
    if (!files->env(name).empty())
      return usage_error(fmt::format(
          "{} is set, but this release creates the Jobs of an analysis only in the namespace of "
          "its AnalysisRun: unset it, or keep the Rollouts that need it with their present controller",
          name));
  auto kube = net::load_kubeconfig(*files, flags.kube);
  if (!kube) return usage_error(kube.error().message);

  loop::Options options;
  options.controller_namespace = controller_namespace(*files);
  options.lease_namespace = options.controller_namespace;
  options.instance_id = flags.instance_id;
  if (!flags.instance_id.empty()) options.lease_name += "-" + flags.instance_id;
  if (flags.namespaced)
    options.namespace_ = !flags.namespace_.empty()  ? flags.namespace_
                         : kube->namespace_.empty() ? options.controller_namespace
                                                    : kube->namespace_;
  options.leader_elect = flags.leader_elect;
  options.resync_period = Seconds(flags.resync_seconds);
  options.prometheus_address = files->env("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS");
  options.routers.allow_ingress_snippets = flags.allow_ingress_snippets;
  options.secrets_need_label = flags.secrets_need_label;
  auto jobs = job_policy(flags, *kube, *files);
  if (!jobs) return usage_error(jobs.error().message);
  options.jobs = std::move(*jobs);
  options.zones = [&files](std::string_view name) -> std::optional<std::string> {
    auto bytes = files->read("/usr/share/zoneinfo/" + std::string(name));
    return bytes ? std::optional(std::move(*bytes)) : std::nullopt;
  };
  const auto lease = seconds_flag(flags.lease_duration, "--leader-election-lease-duration");
  const auto renew = seconds_flag(flags.renew_deadline, "--leader-election-renew-deadline");
  const auto retry = seconds_flag(flags.retry_period, "--leader-election-retry-period");
  const auto patience = seconds_flag(flags.metric_timeout_max, "--metric-timeout-max");
  for (const auto* value : {&lease, &renew, &retry, &patience})
    if (!*value) return usage_error(value->error().message);
  if (*patience > kMetricTimeoutLimit)
    return usage_error(fmt::format("--metric-timeout-max must be at most 24h, got {}",
                                   flags.metric_timeout_max));
  if (*lease <= *renew || *renew <= *retry) {
    return usage_error(
        "the lease duration must be longer than the renew deadline, and that longer than the retry "
        "period");
  }
  options.lease_duration = *lease;
  options.renew_deadline = *renew;
  options.retry_period = *retry;
  options.metric_timeout_max = *patience;
  // Each query in flight has a socket; the rest is for the API server, its clients and our ports.
  options.queries_in_flight_max = std::clamp<std::uint64_t>(net::descriptor_limit() / 4, 8,
                                                            options.queries_in_flight_max);
  return run(flags, std::move(options), std::move(*kube), *telemetry, *clock, *files);
}

}  // namespace sluice::app
